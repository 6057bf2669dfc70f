#pragma once
/*
 * The snapshot file in memory for the length of one call. Keeps no descriptor and no state: the
 * host process may close, fork or chroot as it likes.
 */
#include "common/nss_snapshot.h"

#include <nss.h>

struct mapping {
    void *at;
    size_t len;
    struct nss_snapshot snapshot;
};

/* Where the snapshot lies; the build chooses it. */
const char *mapping_path(void);
/*
 * Success only with a whole, fresh snapshot that only its owner can write; else UNAVAIL, or
 * TRYAGAIN when the process lacks memory or descriptors. Ended by mapping_close, which fits AUTO.
 */
enum nss_status mapping_open(struct mapping *ret_mapping);
void mapping_close(struct mapping *mapping);
/* The status of an answer of the reader. */
enum nss_status mapping_status(enum nss_answer answer);
/* Sets *errnop as glibc expects it beside the status; `saved` for those that are no error. */
enum nss_status mapping_end(enum nss_status status, int saved, int *errnop);
