#pragma once
/*
 * The compiled form of a find, shared by its parser (mapping_find.c), its checks
 * (mapping_find_check.c), what fills it in (mapping_find_fill.c), its evaluation
 * (mapping_find_run.c) and its strength (mapping_strength.c); nobody else looks inside.
 */
#include "gatewayd/decide/mapping_find.h"
#include "gatewayd/decide/mapping_values.h"

enum {
    FIND_NODES_MAX = 32,
    FIND_DEPTH_MAX = 8,
    FIND_PARTS_MAX = 8, /* literals, references and stars of one value */
    FIND_VALUE_MAX = MESSAGE_CERTIFICATE_MAX,
};

enum find_kind { FIND_TEST, FIND_SUBSTRING, FIND_PRESENT, FIND_AND, FIND_OR, FIND_NOT };

/* A piece of the value of a test: literal octets, a reference to an attribute, or a star. */
struct find_part {
    struct bytes literal; /* owned; no octets: a star or a reference */
    bool star;
    bool is_reference;
    struct mapping_reference reference;
};

struct find_node {
    enum find_kind kind;
    size_t next; /* behind the last node below this one: trees lie flat, in order */
    char *attribute;
    struct find_part parts[FIND_PARTS_MAX];
    size_t n_parts;
    size_t many; /* index of the one part that may have several values; FIND_PARTS_MAX none */
    bool is_dn;  /* values are distinguished names: what is put into one is escaped for it */
};

struct mapping_find {
    unsigned flags;
    struct find_node nodes[FIND_NODES_MAX];
    size_t n_nodes;
};

/* mapping_find_check.c: what a well-formed filter may still not say. */
bool find_check(const struct mapping_find *find, struct error *err) MUST_CHECK;

/* The values of one test for one certificate: one, or several for !any and !all. Stars are left
 * out: a value of a FIND_SUBSTRING has its pieces one behind the other. */
struct filled {
    struct bytes at[MAPPING_VALUES_MAX]; /* owned */
    size_t n;
    bool all;
    struct bytes pieces[FIND_PARTS_MAX]; /* of at[0]: what stands between stars */
    size_t n_pieces;
};

/* mapping_find_fill.c: one per node. Freed by find_filled_free. */
bool find_fill(const struct mapping_find *find, const struct identity *identity,
               struct filled **ret_filled, struct error *err) MUST_CHECK;
void find_filled_free(struct filled *filled, const struct mapping_find *find);
