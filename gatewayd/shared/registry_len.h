#pragma once
/*
 * The size of the session registry: the parent makes the memfd, decide alone knows what is in it.
 */
#include <stddef.h>

enum {
    REGISTRY_FORMAT = 2, /* of the records: an upgrade keeps sessions only between equal ones */
    REGISTRY_RECORD_LEN = 384,
    REGISTRY_MAX = 131072, /* sessions; the memfd is sparse: only used records cost memory */
    REGISTRY_HEADER_LEN = 4096,
};
/* Octets of the memfd: the parent makes it this large, zeroed and sealed against other sizes. */
#define REGISTRY_LEN ((size_t)REGISTRY_HEADER_LEN + (size_t)REGISTRY_MAX * REGISTRY_RECORD_LEN)
