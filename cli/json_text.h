#pragma once
/*
 * Prints a JSON answer of the daemon for people: scalars as "name value", lists of objects as
 * tables. It knows no names but those of times, so that new members show up without a change here.
 */
#include "cli/ctl.h"

/* first: names of columns that come first in tables, ended by NULL. */
void json_text_print(const struct ctl *ctl, json_t *value, const char *const *first);
/* A list of objects with these columns only; the rest is for `show` and --json. */
void json_text_table(const struct ctl *ctl, json_t *rows, const char *const *only);
