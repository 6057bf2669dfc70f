/* Any octets as a snapshot (first octet even) or as a change to a small replica (odd). */
#include "ldap/replica.h"

static bool account_each(void *context, const struct replica_entry *entry)
{
    (void)account_free(replica_account(context, entry, 1800000000));
    return true;
}

static void name_seen(void *context, const char *name)
{
    *(size_t *)context += strlen(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct replica_options options = {.schema = "rfc2307bis"};
    AUTO(replica_freep) struct replica *replica = NULL;
    size_t seen = 0;
    struct replica_affected affected = {name_seen, &seen};
    struct error err;

    if (size == 0)
        return 0;
    if (data[0] % 2 == 0) {
        if (!replica_decode(&options, (struct bytes){data + 1, size - 1}, &replica, &err))
            return 0;
    } else {
        if (!replica_new(&options, &replica, &err))
            abort();
        /* Twice: the second one replaces or removes what the first one put. */
        if (!replica_apply(replica, (struct bytes){data + 1, size - 1}, &affected, &err) ||
            !replica_apply(replica, (struct bytes){data + 1, size - 1}, &affected, &err))
            return 0;
    }
    replica_each(replica, REPLICA_USER, account_each, replica);
    return 0;
}
