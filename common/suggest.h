#pragma once
/*
 * Suggestions for misspelt names: which of the known ones was probably meant. Knows no names
 * itself.
 */
#include <stddef.h>

/* The name that is nearest by edits, if near enough to be meant; else NULL. Borrowed from names. */
const char *suggest(const char *wrong, const char *const *names, size_t n);
