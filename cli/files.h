#pragma once
/*
 * Small files of the command line tools: read whole and bounded, written aside and renamed, so that
 * a reader sees the old or the new content and never a part. Knows no formats.
 */
#include "common/error.h"

#include <sys/types.h>

enum { FILES_PATH_MAX = 4096, FILES_MAX_OCTETS = 64 << 20 };

/* "DIR/NAME"; false (USAGE) when it is too long. */
bool files_path(const char *dir, const char *name, char out[FILES_PATH_MAX],
                struct error *err) MUST_CHECK;
/* The whole file; the caller frees *ret_octets. A NUL stands behind the octets. */
bool files_read(const char *path, size_t max, unsigned char **ret_octets, size_t *ret_len,
                struct error *err) MUST_CHECK;
/* The same from a descriptor, from where it stands; name is for errors. Keeps fd. */
bool files_read_fd(int fd, const char *name, size_t max, unsigned char **ret_octets,
                   size_t *ret_len, struct error *err) MUST_CHECK;
enum files_existing { FILES_REPLACE, FILES_KEEP /* an existing file is an error */ };
/* Durable when it returns true. */
bool files_write(const char *path, struct bytes content, mode_t mode, enum files_existing existing,
                 struct error *err) MUST_CHECK;
