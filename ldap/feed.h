#pragma once
/*
 * A feed: what fills a replica. An LDIF file, a server followed by content synchronisation (and
 * later a search or a gateway) call the same few functions; filler.h is what they usually call.
 * Knows nothing of where entries come from or go to.
 */
#include "ldap/replica.h"

/* How a refresh ends: what is to become of entries that it did not name. */
enum feed_absent {
    FEED_ABSENT_STAY, /* removals were named one by one */
    FEED_ABSENT_GONE, /* every entry that is still there was put or said to be present */
};

/*
 * A feed calls: refresh, then put, remove, present in any order, then consistent; later put and
 * remove as things change, and alive whenever the source has answered. abandon ends a refresh that
 * did not come to its end. All octets are borrowed for the call.
 */
struct feed {
    /* whole: everything comes anew, nothing of the old content stays. */
    void (*refresh)(void *context, bool whole);
    /* False: the entry breaks a limit; the feed gives up with that error. */
    bool (*put)(void *context, const struct replica_record *record, struct error *err);
    void (*remove)(void *context, const struct replica_uuid *uuid);
    void (*present)(void *context, const struct replica_uuid *uuid);
    /* The content is that of the source at as_of_ms. cookie: from where to go on; may be empty.
     * False: the result was refused whole, the older content stays. */
    bool (*consistent)(void *context, int64_t as_of_ms, struct bytes cookie,
                       enum feed_absent absent, struct error *err);
    /* Outside of a refresh: the source has answered, nothing else had changed by as_of_ms. */
    void (*alive)(void *context, int64_t as_of_ms);
    /* Outside of a refresh: the changes so far lead to this cookie. */
    void (*cookie)(void *context, struct bytes cookie);
    void (*abandon)(void *context);
    void *context;
};
