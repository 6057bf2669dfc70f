#pragma once
/*
 * The answer of a web server, octet by octet: what we take of it and what we refuse. No sockets;
 * web.c reads them.
 */
#include "common/error.h"
#include "common/writer.h"

#include <http_parser.h>

enum {
    WEB_HEAD_MAX = 16 * 1024, /* octets of status line and headers: our choice; usual are 500 */
    WEB_LOCATION_MAX = 1024,  /* FETCH_URL_MAX */
    WEB_HELD_MAX = 128 << 20, /* octets of all bodies at the same time */
};

struct web_answer {
    http_parser parser;
    struct writer body; /* of a 200 */
    size_t *held;       /* octets of all bodies; this one's are counted in it */
    size_t max;         /* of the body */
    size_t head_len;
    bool head_done, done;
    bool in_value;  /* of the header whose name is in field */
    char field[16]; /* its name, as far as it matters */
    size_t field_len;
    char location[WEB_LOCATION_MAX + 1]; /* of a redirection */
    size_t location_len;
    bool redirected;
    struct error err; /* why it is refused; REASON_OK */
};

/* held: shared by all answers of the process. */
void web_answer_init(struct web_answer *answer, size_t max, size_t *held);
void web_answer_clear(struct web_answer *answer);
/*
 * Takes octets; none: the server has closed. False: answer->err says why it is refused. done is set
 * with the last octet: then body is complete, or redirected is set and location says whereto.
 */
bool web_answer_take(struct web_answer *answer, struct bytes octets) MUST_CHECK;
