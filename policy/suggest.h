#pragma once
/*
 * Suggestions for misspelt names. For the files of policy/ only.
 */
#include "policy/set.h"

/* The name that is nearest by edits, if near enough to be meant; else NULL. Borrowed from names. */
const char *suggest(const char *wrong, const char *const *names, size_t n);
const char *suggest_network(const struct policy_set *set, const char *wrong);
