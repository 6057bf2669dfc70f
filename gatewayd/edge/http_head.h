#pragma once
/*
 * The head of a message: collected as it comes, and split into its lines. Refuses at the first
 * octet that is wrong in any head; knows nothing of what the headers mean.
 */
#include "common/writer.h"
#include "gatewayd/edge/http.h"

struct http_head_limits {
    size_t line_len, fields_len; /* octets of the first line, and of all that follow */
    size_t fields;
};

/* A head that is not complete yet. Zeroed: nothing has come. */
struct http_head {
    struct writer octets;
    size_t line_begin; /* of the line that is coming in */
    size_t first_len;  /* of the first line with its end; 0 while it comes in */
    size_t n_fields;
    bool complete;
};

void http_head_clear(struct http_head *head);
/*
 * Adds octets up to the end of the head. *ret_used: how many of them belong to it; complete is set
 * when it ends there.
 */
enum http_fault http_head_add(struct http_head *head, const struct http_head_limits *limits,
                              struct bytes in, size_t *ret_used) MUST_CHECK;
/*
 * Splits a complete head. *ret_line: the first line without its end. fields: room for max; they
 * point into the head.
 */
enum http_fault http_head_split(struct bytes head, struct bytes *ret_line,
                                struct http_field *ret_fields, size_t max,
                                size_t *ret_n) MUST_CHECK;
