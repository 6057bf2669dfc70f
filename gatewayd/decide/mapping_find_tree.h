#pragma once
/*
 * The compiled form of a find, shared by its parser (mapping_find.c) and its evaluation
 * (mapping_find_run.c); nobody else looks inside.
 */
#include "gatewayd/decide/mapping_find.h"
#include "gatewayd/decide/mapping_values.h"

enum {
    FIND_NODES_MAX = 32,
    FIND_DEPTH_MAX = 8,
    FIND_PARTS_MAX = 8, /* literals and references of one value */
    FIND_VALUE_MAX = MESSAGE_CERTIFICATE_MAX,
};

enum find_kind { FIND_TEST, FIND_AND, FIND_OR };

/* A piece of the value of a test: literal octets, or a reference to an attribute. */
struct find_part {
    struct bytes literal; /* owned */
    struct mapping_reference reference;
};

struct find_node {
    enum find_kind kind;
    size_t next; /* behind the last node below this one: trees lie flat, in order */
    char *attribute;
    struct find_part parts[FIND_PARTS_MAX];
    size_t n_parts;
    size_t many; /* index of the one part with !any or !all; FIND_PARTS_MAX none */
};

struct mapping_find {
    struct find_node nodes[FIND_NODES_MAX];
    size_t n_nodes;
};
