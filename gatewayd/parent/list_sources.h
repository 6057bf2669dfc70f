#pragma once
/*
 * Where revocation lists come from, for status: one row for each address that fetch has told of.
 */
#include "gatewayd/parent/parent.h"

#include <jansson.h>

/* The caller owns the list. Appends to warnings what has never brought a list. */
json_t *list_sources_json(const struct parent *parent, json_t *warnings);
/* Appends the ca sections that let nobody in because no list is in force. */
void list_sources_warn_of_none(const struct parent *parent, json_t *warnings);
