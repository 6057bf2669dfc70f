#pragma once
/*
 * POSIX extended expressions of administrators: what they may cost. Knows no rules.
 */
#include "common/bytes.h"

enum {
    EXPRESSION_NODES_MAX = 4096, /* of the automaton as glibc builds it; a page of plain text */
    EXPRESSION_DEPTH_MAX = 32,   /* groups in groups */
};

/*
 * Why an expression may take time or memory without bound, in static words; NULL when it may not:
 * glibc copies what is repeated, so repetitions of repetitions multiply, and back references are
 * searched for with exponential effort. Malformed ones are regcomp's to refuse.
 */
const char *expression_risk(const char *text);
