#pragma once
/*
 * Prints a JSON answer of the daemon for people: scalars as "name value", lists of objects as
 * tables. It knows no names, so that new members show up without a change here.
 */
#include "cli/ctl.h"

/* first: names of columns that come first, ended by NULL. */
void json_text_print(const struct ctl *ctl, json_t *value, const char *const *first);
