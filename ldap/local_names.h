#pragma once
/*
 * Names and ids of the host's own accounts or groups, as /etc/passwd or /etc/group lists them: what
 * a directory may not hand out again. Pure: whoever opens the file trusts its owner.
 */
#include "common/error.h"

enum {
    LOCAL_NAMES_FILE_MAX = 16 << 20, /* octets of a file that we read; usual ones have 2-10 KiB */
};

struct local_names; /* borrowed by replicas: it must live longer than they do */

/* Knows nothing yet: then every name and every id counts as the host's. Never NULL. */
struct local_names *local_names_new(void) MUST_CHECK;
struct local_names *local_names_free(struct local_names *names); /* accepts NULL, returns NULL */
/* Takes over the content of a file; refuses what is too large or empty, and then keeps what it
 * has. ret_changed: whether anything is different now. */
bool local_names_set(struct local_names *names, struct bytes file, bool *ret_changed,
                     struct error *err) MUST_CHECK;
/* All three accept NULL, which is no host at all: known, and nothing on it. */
bool local_names_known(const struct local_names *names);
/* In any case of letters: sudo matches users and groups without it. */
bool local_names_has(const struct local_names *names, struct bytes name);
bool local_names_has_id(const struct local_names *names, uint32_t id);

DEFINE_AUTO(struct local_names *, local_names_freep, local_names_free)
