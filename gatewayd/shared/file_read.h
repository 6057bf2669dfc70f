#pragma once
/*
 * Reading a whole file out of a descriptor that the parent has opened and checked.
 */
#include "common/error.h"
#include "common/writer.h"

/* Appends everything from the start of the file; FILE_TOO_LARGE past max octets. Keeps fd. */
bool file_read(int fd, size_t max, struct writer *out, struct error *err) MUST_CHECK;
