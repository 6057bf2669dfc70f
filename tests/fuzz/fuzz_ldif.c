/* Any octets as LDIF; what is taken must encode, decode and give accounts. */
#include "ldap/filler.h"
#include "ldap/ldif.h"

static bool account_each(void *context, const struct replica_entry *entry)
{
    (void)account_free(replica_account(context, entry, 1800000000));
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct replica_options options = {.schema = "rfc2307bis"};
    struct filler_calls none = {NULL, NULL, NULL, NULL};
    AUTO(filler_freep) struct filler *filler = NULL;
    AUTO(replica_freep) struct replica *back = NULL;
    AUTO(writer_clear) struct writer out = writer_new(64 << 20);
    struct error err;
    struct feed feed;

    if (!filler_new(&options, &none, &filler, &err))
        abort();
    feed = filler_feed(filler);
    if (!ldif_feed((struct bytes){data, size}, &feed, 1, &err))
        return 0;
    replica_each(filler_replica(filler), REPLICA_USER, account_each, filler_replica(filler));
    replica_encode(filler_replica(filler), &out);
    if (!replica_decode(&options, writer_bytes(&out), &back, &err))
        abort();
    if (replica_count(back, REPLICA_USER) != replica_count(filler_replica(filler), REPLICA_USER))
        abort();
    return 0;
}
