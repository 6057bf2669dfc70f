#pragma once
/*
 * Filler: a replica that is being filled by a feed. What a refresh brings is held back until it is
 * complete, checked as a whole, and then applied at once; an older content stays until then. Pure.
 */
#include "ldap/feed.h"

enum {
    FILLER_GUARD_PERCENT = 20, /* more users than that vanish in one refresh: refused */
    FILLER_GUARD_LEAST = 5,    /* fewer never count, unless they are all users */
    FILLER_COOKIE_MAX = 4096,  /* octets; OpenLDAP's have about 60 per server */
};

struct filler;

struct filler_calls {
    /* One entry has changed, after the fact; users: as for replica_put. */
    void (*put)(void *context, const struct replica_entry *entry);
    void (*removed)(void *context, const struct replica_uuid *uuid);
    /* The whole replica is another one. */
    void (*swapped)(void *context);
    void *context;
};

/* calls may have NULL members. The caller owns *ret_filler. */
bool filler_new(const struct replica_options *options, const struct filler_calls *calls,
                struct filler **ret_filler, struct error *err) MUST_CHECK;
struct filler *filler_free(struct filler *filler); /* accepts NULL, returns NULL */
/* The functions that a feed calls; valid as long as the filler. */
struct feed filler_feed(struct filler *filler);
/* Never NULL; empty and never as_of before the first refresh. */
struct replica *filler_replica(struct filler *filler);
/* From where an incremental refresh may go on; no octets: nowhere. */
struct bytes filler_cookie(const struct filler *filler);
/* Begins with content of an earlier run. Takes the replica. */
void filler_adopt(struct filler *filler, struct replica *replica, struct bytes cookie);
/* An operator has seen the refusal: the next refresh may remove any number of users. */
void filler_confirm(struct filler *filler);

DEFINE_AUTO(struct filler *, filler_freep, filler_free)
