#pragma once
/*
 * Descriptors held in reserve, so that one can be had when the process has no others left. Knows no
 * process.
 */
#include <stdbool.h>
#include <stddef.h>

enum { SPARE_FILES_MAX = 32 };

/* All zeros holds none. */
struct spare_files {
    int fds[SPARE_FILES_MAX];
    size_t n;
};

/* Holds n duplicates of fd, which is open; false when there are not so many left: holds less. */
bool spare_files_take(struct spare_files *spare, int fd, size_t n);
void spare_files_give(struct spare_files *spare, size_t n); /* back to the process; n of them */
