#pragma once
/*
 * Opening files that the gateway trusts: nobody but root (or the user it runs as) may be able to
 * change them, and secrets nobody else may read. Used by the parent, which opens every file, and by
 * `gatewayctl check`.
 */
#include "common/bytes.h"
#include "common/error.h"

enum file_guard {
    FILE_GUARD_TRUSTED, /* not writable by others, in no directory that is */
    FILE_GUARD_SECRET,  /* nor readable by others */
    FILE_GUARD_SIGNED,  /* whoever may write it: its signature says what it is worth */
};

/*
 * Opens a regular file for reading; symbolic links are followed once and both ways are checked.
 * Returns the descriptor, or -1 and FILE_UNREADABLE or FILE_UNSAFE.
 */
int file_open(const char *path, enum file_guard guard, struct error *err) MUST_CHECK;
/* The same for a directory of trusted files. */
int file_open_dir(const char *path, struct error *err) MUST_CHECK;
/* A file inside of such a directory, by its plain name. */
int file_open_in(int dir, const char *name, enum file_guard guard, struct error *err) MUST_CHECK;
/* Reads all of it from the start; the caller frees *ret_octets. FILE_TOO_LARGE above max. */
bool file_read_all(int fd, size_t max, uint8_t **ret_octets, size_t *ret_len,
                   struct error *err) MUST_CHECK;
/* Names in a directory that end in `suffix` and do not begin with a dot, sorted, NULL at the end;
 * the caller frees each and the array. */
char **file_names_in(int dir, const char *suffix, struct error *err) MUST_CHECK;
void file_names_free(char **names); /* accepts NULL */
