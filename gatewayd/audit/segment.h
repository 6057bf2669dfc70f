#pragma once
/*
 * Segment: the file of the log that is being written, in a directory held by descriptor. Append and
 * sync are one step; a file in which one of them failed is never written again (its unwritten pages
 * are lost while a second fsync says ok). Knows no records.
 */
#include "common/error.h"
#include "gatewayd/shared/audit_chain.h"

#include <sys/types.h>

enum { SEGMENT_RESERVE = 1 << 20 }; /* octets kept free, so that "the disk is full" fits */

/* System calls that tests replace. */
struct segment_disk {
    ssize_t (*write)(int fd, const void *at, size_t len);
    int (*sync)(int fd);
    bool (*room)(int dir_fd, uint64_t *ret_octets); /* free for us; false: unknown */
};
extern const struct segment_disk segment_real_disk;

struct segment {
    const struct segment_disk *disk;
    int dir_fd;
    int fd; /* -1: none is open */
    char name[AUDIT_NAME_LEN + 1];
    uint64_t size; /* octets that are durable */
    dev_t dev;
    ino_t ino;
};

/* Takes dir_fd; no file is open yet. */
void segment_init(struct segment *segment, int dir_fd, const struct segment_disk *disk);
void segment_clear(struct segment *segment);
/*
 * Makes the file whose first record will have this number. A leftover of that name is set aside.
 * *ret_full: as for segment_append.
 */
bool segment_begin(struct segment *segment, uint64_t seq, bool *ret_full,
                   struct error *err) MUST_CHECK;
/*
 * Writes and syncs. After false the file is closed and cut to its durable octets (where the disk
 * allows that); *ret_full tells whether the disk was full.
 */
bool segment_append(struct segment *segment, struct bytes lines, bool *ret_full,
                    struct error *err) MUST_CHECK;
/* NULL when the file is as we left it, else what has happened to it, in static words. */
const char *segment_damage(const struct segment *segment);
void segment_close(struct segment *segment);
/* Whether less than `octets` are free for new lines; false when the disk does not say. */
bool segment_room_below(const struct segment *segment, uint64_t octets);
/* The reserve: made once, given up when the disk is full, made again when there is room. */
bool segment_reserve_make(const struct segment *segment) MUST_CHECK;
bool segment_reserve_release(const struct segment *segment) MUST_CHECK;
