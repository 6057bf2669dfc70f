#pragma once
/*
 * What is well-formed and still keeps people out: the warnings of `gatewayctl check`. Knows what
 * the other checks have read and compiled; opens nothing.
 */
#include "cli/config_files.h"
#include "gatewayd/decide/mapping.h"

struct reach {
    const struct config_files *files;
    const struct mapping_set *mappings; /* NULL: had errors, which were told */
    const struct policy_set *policy;    /* NULL: likewise */
    const struct replica *replica;      /* of a file: directory; NULL: none, or a server has it */
};

void reach_check(const struct reach *reach);
