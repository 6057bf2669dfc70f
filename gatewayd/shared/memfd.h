#pragma once
/*
 * Octets that travel between processes as a sealed memfd: once made, neither side can change or
 * shrink them, so a reader may map them without fear of SIGBUS or of a changing answer.
 */
#include "common/bytes.h"
#include "common/error.h"

/* A memfd with these octets, sealed against every change; -1 and err when the kernel refuses. */
int memfd_new(const char *name, struct bytes octets, struct error *err) MUST_CHECK;
/*
 * Maps a memfd read-only. Refuses one that is not sealed, or larger than max. The caller unmaps
 * with memfd_unmap and keeps fd.
 */
bool memfd_map(int fd, size_t max, struct bytes *ret_octets, struct error *err) MUST_CHECK;
void memfd_unmap(struct bytes octets); /* accepts no octets */
