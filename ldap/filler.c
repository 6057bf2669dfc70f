/*
 * Between a feed and its replica: stages a refresh, guards against mass removal, applies. Runs in
 * directory and the command line. Trusts the feed's order of calls, not its content.
 */
#include "ldap/filler.h"

#include "ldap/memory.h"

#define uthash_fatal(msg) abort()
#include <uthash.h>

struct uuid_set {
    struct uuid_item {
        UT_hash_handle hh;
        struct replica_uuid uuid;
    } * items;
};

struct filler {
    struct filler_calls calls;
    struct replica *replica;
    uint8_t cookie[FILLER_COOKIE_MAX];
    size_t cookie_len;
    bool confirmed;
    /* Of a refresh that is under way, else NULL and empty. */
    struct replica *incoming; /* entries put */
    bool whole;
    struct uuid_set removed, present;
};

/* --- sets of uuids --- */

static bool set_has(const struct uuid_set *set, const struct replica_uuid *uuid)
{
    struct uuid_item *found;

    HASH_FIND(hh, set->items, uuid, sizeof(*uuid), found);
    return found != NULL;
}

static void set_add(struct uuid_set *set, const struct replica_uuid *uuid)
{
    struct uuid_item *item;

    if (set_has(set, uuid))
        return;
    item = memory_new(1, sizeof(*item));
    item->uuid = *uuid;
    HASH_ADD(hh, set->items, uuid, sizeof(item->uuid), item);
}

static void set_remove(struct uuid_set *set, const struct replica_uuid *uuid)
{
    struct uuid_item *found;

    HASH_FIND(hh, set->items, uuid, sizeof(*uuid), found);
    if (found) {
        HASH_DEL(set->items, found);
        free(found);
    }
}

static void set_clear(struct uuid_set *set)
{
    struct uuid_item *at, *next;

    HASH_ITER(hh, set->items, at, next)
    {
        HASH_DEL(set->items, at);
        free(at);
    }
}

/* --- life --- */

bool filler_new(const struct replica_options *options, const struct filler_calls *calls,
                struct filler **ret_filler, struct error *err)
{
    AUTO(filler_freep) struct filler *filler = memory_new(1, sizeof(*filler));

    filler->calls = *calls;
    if (!replica_new(options, &filler->replica, err))
        return false;
    *ret_filler = STEAL(filler);
    return true;
}

static void staged_clear(struct filler *filler)
{
    filler->incoming = replica_free(filler->incoming);
    set_clear(&filler->removed);
    set_clear(&filler->present);
}

struct filler *filler_free(struct filler *filler)
{
    if (!filler)
        return NULL;
    staged_clear(filler);
    (void)replica_free(filler->replica);
    free(filler);
    return NULL;
}

struct replica *filler_replica(struct filler *filler)
{
    return filler->replica;
}

struct bytes filler_cookie(const struct filler *filler)
{
    return (struct bytes){filler->cookie, filler->cookie_len};
}

/* One that is too long is not kept: the next refresh is then a whole one. */
static void cookie_set(struct filler *filler, struct bytes cookie)
{
    filler->cookie_len = cookie.len <= sizeof(filler->cookie) ? cookie.len : 0;
    if (filler->cookie_len)
        memcpy(filler->cookie, cookie.at, filler->cookie_len);
}

void filler_adopt(struct filler *filler, struct replica *replica, struct bytes cookie)
{
    (void)replica_free(filler->replica);
    filler->replica = replica;
    cookie_set(filler, cookie);
    if (filler->calls.swapped)
        filler->calls.swapped(filler->calls.context);
}

void filler_confirm(struct filler *filler)
{
    filler->confirmed = true;
}

/* --- outside of a refresh --- */

static bool put_now(struct filler *filler, const struct replica_record *record, struct error *err)
{
    const struct replica_entry *entry;

    if (!replica_put(filler->replica, record, NULL, err))
        return false;
    entry = replica_find_uuid(filler->replica, &record->uuid);
    if (entry && filler->calls.put)
        filler->calls.put(filler->calls.context, entry);
    else if (!entry && filler->calls.removed)
        filler->calls.removed(filler->calls.context, &record->uuid);
    return true;
}

static void remove_now(struct filler *filler, const struct replica_uuid *uuid)
{
    struct replica_uuid gone = *uuid; /* it may lie in the entry */

    if (replica_remove(filler->replica, &gone, NULL) && filler->calls.removed)
        filler->calls.removed(filler->calls.context, &gone);
}

/* --- the calls of a feed --- */

static void feed_refresh(void *context, bool whole)
{
    struct filler *filler = context;
    struct error err;

    staged_clear(filler);
    filler->whole = whole;
    if (!replica_new(replica_options(filler->replica), &filler->incoming, &err))
        abort(); /* the same options made filler->replica */
}

static bool feed_put(void *context, const struct replica_record *record, struct error *err)
{
    struct filler *filler = context;

    if (!filler->incoming)
        return put_now(filler, record, err);
    if (!replica_put(filler->incoming, record, NULL, err))
        return false;
    if (replica_find_uuid(filler->incoming, &record->uuid))
        set_remove(&filler->removed, &record->uuid);
    else
        set_add(&filler->removed, &record->uuid); /* it has lost its classes */
    return true;
}

static void feed_remove(void *context, const struct replica_uuid *uuid)
{
    struct filler *filler = context;

    if (!filler->incoming) {
        remove_now(filler, uuid);
        return;
    }
    (void)replica_remove(filler->incoming, uuid, NULL);
    set_add(&filler->removed, uuid);
}

static void feed_present(void *context, const struct replica_uuid *uuid)
{
    struct filler *filler = context;

    if (filler->incoming)
        set_add(&filler->present, uuid);
}

/* Whether an entry of the old content ends with this refresh. */
static bool vanishes(const struct filler *filler, const struct replica_entry *entry,
                     enum feed_absent absent)
{
    const struct replica_uuid *uuid = replica_entry_uuid(entry);

    if (replica_find_uuid(filler->incoming, uuid))
        return false;
    if (filler->whole || set_has(&filler->removed, uuid))
        return true;
    return absent == FEED_ABSENT_GONE && !set_has(&filler->present, uuid);
}

struct vanishing {
    const struct filler *filler;
    enum feed_absent absent;
    size_t count;
    struct uuid_set *list; /* may be NULL */
};

static bool vanishing_each(void *context, const struct replica_entry *entry)
{
    struct vanishing *vanishing = context;

    if (!vanishes(vanishing->filler, entry, vanishing->absent))
        return true;
    vanishing->count++;
    if (vanishing->list)
        set_add(vanishing->list, replica_entry_uuid(entry));
    return true;
}

static bool guard(const struct filler *filler, enum feed_absent absent, struct error *err)
{
    struct vanishing vanishing = {.filler = filler, .absent = absent};
    size_t users = replica_count(filler->replica, REPLICA_USER);

    replica_each(filler->replica, REPLICA_USER, vanishing_each, &vanishing);
    if (filler->confirmed || vanishing.count * 100 <= users * FILLER_GUARD_PERCENT)
        return true;
    if (vanishing.count < FILLER_GUARD_LEAST && vanishing.count < users)
        return true;
    return err_set(err, REASON_MASS_END_GUARD, "%zu of %zu users would vanish at once",
                   vanishing.count, users);
}

struct applying {
    struct filler *filler;
    struct writer change;
};

/* Every incoming entry goes over as a change; it has been checked when it was staged. */
static bool apply_each(void *context, const struct replica_entry *entry)
{
    struct applying *applying = context;
    struct filler *filler = applying->filler;
    struct replica_uuid uuid = *replica_entry_uuid(entry);
    struct error err;

    writer_reset(&applying->change);
    replica_encode_put(filler->incoming, entry, &applying->change);
    if (!replica_apply(filler->replica, writer_bytes(&applying->change), NULL, &err))
        return false;
    if (filler->calls.put)
        filler->calls.put(filler->calls.context, replica_find_uuid(filler->replica, &uuid));
    return true;
}

static bool apply(struct filler *filler, enum feed_absent absent, struct error *err)
{
    struct uuid_set gone = {NULL};
    struct vanishing vanishing = {.filler = filler, .absent = absent, .list = &gone};
    struct applying applying = {filler, writer_new((size_t)REPLICA_ENTRY_MAX * 2)};
    struct uuid_item *at, *next;

    if (replica_size(filler->replica) + replica_size(filler->incoming) > REPLICA_ENTRIES_MAX)
        return err_set(err, REASON_DIRECTORY_BAD_ANSWER, "too many entries");
    for (enum replica_kind kind = REPLICA_USER; kind <= REPLICA_HOST; kind++)
        replica_each(filler->replica, kind, vanishing_each, &vanishing);
    HASH_ITER(hh, gone.items, at, next)
    {
        remove_now(filler, &at->uuid);
    }
    set_clear(&gone);
    for (enum replica_kind kind = REPLICA_USER; kind <= REPLICA_HOST; kind++)
        replica_each(filler->incoming, kind, apply_each, &applying);
    writer_clear(&applying.change);
    return true;
}

static void swap(struct filler *filler)
{
    (void)replica_free(filler->replica);
    filler->replica = STEAL(filler->incoming);
}

static bool feed_consistent(void *context, int64_t as_of_ms, struct bytes cookie,
                            enum feed_absent absent, struct error *err)
{
    struct filler *filler = context;
    bool whole = filler->whole;

    if (!filler->incoming)
        return err_set(err, REASON_DIRECTORY_BAD_ANSWER, "the end of no refresh");
    if (!guard(filler, absent, err) || (!whole && !apply(filler, absent, err))) {
        staged_clear(filler);
        return false;
    }
    filler->confirmed = false;
    if (whole)
        swap(filler);
    staged_clear(filler);
    replica_set_as_of_ms(filler->replica, as_of_ms);
    cookie_set(filler, cookie);
    if (whole && filler->calls.swapped)
        filler->calls.swapped(filler->calls.context);
    return true;
}

static void feed_alive(void *context, int64_t as_of_ms)
{
    struct filler *filler = context;

    if (!filler->incoming)
        replica_set_as_of_ms(filler->replica, as_of_ms);
}

static void feed_cookie(void *context, struct bytes cookie)
{
    struct filler *filler = context;

    if (!filler->incoming)
        cookie_set(filler, cookie);
}

static void feed_abandon(void *context)
{
    staged_clear(context);
}

struct feed filler_feed(struct filler *filler)
{
    return (struct feed){
        .refresh = feed_refresh,
        .put = feed_put,
        .remove = feed_remove,
        .present = feed_present,
        .consistent = feed_consistent,
        .alive = feed_alive,
        .cookie = feed_cookie,
        .abandon = feed_abandon,
        .context = filler,
    };
}
