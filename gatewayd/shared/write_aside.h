#pragma once
/*
 * Replacing a file in a directory that the process was handed: readers see the old content or the
 * new one, never a part.
 */
#include "common/error.h"

#include <sys/types.h>

enum write_aside { WRITE_ASIDE_FAST, WRITE_ASIDE_DURABLE };

/* Writes "NAME.new" and renames it over NAME. DURABLE: fdatasync before the rename. */
bool write_aside(int dir, const char *name, mode_t mode, enum write_aside how, struct bytes octets,
                 struct error *err) MUST_CHECK;
