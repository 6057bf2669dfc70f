#pragma once
/*
 * Suggestions for misspelt names. For the files of policy/ only.
 */
#include "common/suggest.h"
#include "policy/set.h"

const char *suggest_window(const struct policy_set *set, const char *wrong);
const char *suggest_rule(const struct policy_set *set, const char *wrong);
const char *suggest_network(const struct policy_set *set, const char *wrong);
