#pragma once
/*
 * The servers of one directory, in order of preference: which of them answer, how fast, and which
 * one is to be connected next. Health is learnt in the background while another one is in use.
 * Internal to the directory target.
 */
#include "ldap/hail.h"

enum {
    SERVERS_NONE = DIRECTORY_URIS_MAX,
    SERVERS_LOOK_MS = 10,       /* while somebody was hailed */
    SERVERS_PREFER_MS = 150,    /* so long a more preferred server may take to answer */
    SERVERS_PROBE_MS = 15000,   /* pause between two probes of one that answers */
    SERVERS_PAUSE_MS = 250,     /* after the first failure; doubles ... */
    SERVERS_PAUSE_ALONE = 4000, /* ... up to this while no server is in use ... */
    SERVERS_PAUSE_MAX = 120000, /* ... and to this while one is */
    SERVERS_COST = 50,          /* a probe may take one part of so many of the time */
    SERVERS_SLOW_US = 100000,   /* one that is slower is left for one four times as fast */
    SERVERS_FAST_US = 50000,    /* one that is faster is always good enough to return to */
    SERVERS_STREAK = 2,         /* probes in a row before a return */
};

struct server {
    const char *uri; /* borrowed from the configuration */
    enum { SERVER_RESTS, SERVER_HAILED, SERVER_READY } state;
    struct hail hail;
    int64_t hailed_ms, since_ms; /* monotonic: hail begun; rests since */
    int64_t pause_ms;            /* how long it rests */
    int64_t latency_us;          /* moving average; 0: not known */
    unsigned good, bad;          /* probes in a row */
};

struct servers {
    struct server at[DIRECTORY_URIS_MAX];
    size_t n;
    struct error why; /* the last failure */
};

void servers_init(struct servers *servers, const struct directory_config *config);
void servers_clear(struct servers *servers);
/*
 * Hails where it is due. current: the one in use, which is left alone; SERVERS_NONE: none is.
 * Returns when it wants to be called again (monotonic).
 */
int64_t servers_step(struct servers *servers, const struct directory_calls *calls, size_t current);
/* The one to be connected now; SERVERS_NONE: none. */
size_t servers_due(const struct servers *servers, size_t current);
/* It was connected, bound and has answered: in latency_us. cost_ms: what that took us. */
void servers_good(struct servers *servers, size_t i, int64_t latency_us, int64_t cost_ms);
void servers_bad(struct servers *servers, size_t i, const struct error *why);
/* It was in use, and another one is now: it is looked at again after a while. */
void servers_leave(struct servers *servers, size_t i);
/* A sign of life of the one in use. */
void servers_heard(struct servers *servers, size_t i, int64_t latency_us);
/* Whether to change from the current one to i. */
bool servers_better(const struct servers *servers, size_t i, size_t current);
