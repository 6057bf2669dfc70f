#pragma once
/*
 * The session registry: fixed records in a memfd that the parent keeps, so that a new decide knows
 * which sessions the one before had allowed, and what pam_mtls had confirmed. Written by decide
 * alone; a record that was being written when decide died does not check and is no record. Knows
 * nothing of decisions.
 */
#include "common/session_id.h"
#include "gatewayd/shared/messages.h"
#include "gatewayd/shared/registry_len.h"

enum {
    REGISTRY_NAME_MAX = 64, /* octets of a service name: config_title_is_good */
    REGISTRY_USER_MAX = 32, /* octets of an account or login name (utmp) */
};

enum registry_state {
    REGISTRY_FREE,    /* zeroed memory */
    REGISTRY_PENDING, /* registered, no verdict given: a restart closes it */
    REGISTRY_LIVE,    /* allowed: the edge may relay */
    REGISTRY_CLOSED,  /* ended; the close record is not yet acknowledged */
};

struct registry_record {
    uint64_t check;   /* over all that follows */
    uint8_t state;    /* enum registry_state */
    uint8_t pam;      /* enum session_pam of session.h */
    uint8_t recorded; /* an open record was queued: a close must follow */
    uint32_t close_reason;
    uint32_t edge_slot;
    uint64_t connection;
    struct session_id id;
    int64_t opened_ms;           /* time of day */
    int64_t confirm_deadline_ms; /* CLOCK_MONOTONIC; 0 none */
    int64_t valid_until_s;
    uint64_t login_start_time; /* of the process that opened the PAM session */
    uint32_t login_pid;
    uint32_t login_uid;
    uint64_t bytes_in, bytes_out; /* of a closed session */
    int64_t closed_ms;
    struct hash leaf;
    uint32_t parts; /* re-judgements recorded: n of the next ID.n is one more */
    char service[REGISTRY_NAME_MAX + 1];
    char user[REGISTRY_USER_MAX + 1];
    char login[REGISTRY_USER_MAX + 1]; /* login name that pam_mtls confirmed */
    struct address source;             /* for the close record */
    uint64_t target;                   /* target_key of where it goes; 0 none */
};
_Static_assert(sizeof(struct registry_record) % sizeof(uint64_t) == 0, "it is checked by words");
_Static_assert(sizeof(struct registry_record) <= REGISTRY_RECORD_LEN, "a record has its room");

struct registry;

/* Maps fd, which must have REGISTRY_LEN octets, and closes it. The caller owns *ret_registry. */
bool registry_open(int fd, struct registry **ret_registry, struct error *err) MUST_CHECK;
struct registry *registry_free(struct registry *registry); /* accepts NULL, returns NULL */
/* An epoch that no decide before had: time of day in ms, or one more than the last. */
uint64_t registry_next_epoch(struct registry *registry, int64_t now_ms);
/* Takes a free place. False when all are taken: the connection is refused with OVERLOADED. */
bool registry_take(struct registry *registry, uint32_t *ret_place) MUST_CHECK;
/* Writes the whole record; the check is made here. A FREE record gives the place back. */
void registry_write(struct registry *registry, uint32_t place,
                    const struct registry_record *record);
/* The record at a place below registry_used; false when it is free or does not check. */
bool registry_read(const struct registry *registry, uint32_t place,
                   struct registry_record *ret_record);
/* Places below this one may be in use. */
uint32_t registry_used(const struct registry *registry);

DEFINE_AUTO(struct registry *, registry_freep, registry_free)
