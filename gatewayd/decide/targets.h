#pragma once
/*
 * The places that connections go to: how many sessions each has, whether it answers, which one is
 * next. Two services that name the same place share it. Makes no connection and knows no service.
 */
#include "common/error.h"

#include <uthash.h>

enum {
    TARGETS_PER_SERVICE_MAX = 64, /* 32 upstreams, some of them names with several addresses */
    TARGET_PAUSE_MIN_MS = 1000,   /* after the first failure ... */
    TARGET_PAUSE_MAX_MS = 30000,  /* ... doubled up to this */
    TARGET_REMEMBERED_MS = 60000, /* what a place has done that no one has named since */
};

struct target {
    char *where; /* "192.0.2.7:22", "unix:/run/x.sock", "spawn:sshd" */
    uint32_t n_refs;
    uint32_t n_sessions; /* connecting or connected */
    uint64_t turn;       /* when it was chosen last */
    bool tried; /* a connection or a check has shown whether it works */
    bool down;
    bool checked;               /* checks bring it back; else the first connection after retry_ms */
    int64_t since_ms;           /* time of day of the last change; 0: it has never failed */
    int64_t left_ms;            /* monotonic; when the last reference went */
    int64_t retry_ms, pause_ms; /* monotonic; how long it is left alone */
    char why[ERROR_DETAIL_MAX]; /* of the last failure */
    UT_hash_handle hh;
};

struct targets;
struct targets *targets_new(void);
struct targets *targets_free(struct targets *targets); /* accepts NULL, returns NULL */
/* The place of that name, made when there is none. The caller holds a reference. */
struct target *targets_get(struct targets *targets, const char *where);
/* One that is there, by target_key; NULL none. No reference. */
struct target *targets_find(const struct targets *targets, uint64_t key);
uint64_t target_key(const struct target *target);
struct target *target_ref(struct target *target);
/* Gives a reference back. A place that nobody names is forgotten after a while: whose turn it is
 * among the addresses of a host, and what has failed, holds beyond one session. */
void target_unref(struct target *target);
void targets_sweep(struct targets *targets, int64_t now_ms);

/* It did not answer, or did. Each change is logged once. */
void target_failed(struct target *target, const char *why, int64_t now_ms);
void target_works(struct target *target);
/*
 * Which of them is next: the one with the fewest sessions of those that work, the longest not
 * chosen when there are several; when none works, the one that will be tried again first. Bit i of
 * tried: not that one. False when all have been tried.
 */
bool targets_choose(struct targets *targets, struct target *const *at, size_t n, uint64_t tried,
                    int64_t now_ms, size_t *ret_number);
