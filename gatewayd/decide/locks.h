#pragma once
/*
 * Local locks: what an operator has shut at once, whatever directory and policy say. Kept in a file
 * of text lines that only grows, synced before anybody is told that a lock holds. Knows no
 * sessions.
 */
#include "common/error.h"
#include "common/session_id.h"
#include "common/writer.h"

enum {
    LOCKS_MAX = 10000,       /* locks in force */
    LOCK_ID_LEN = 16,        /* hex digits */
    LOCK_VALUE_MAX = 1024,   /* octets: an issuer's name */
    LOCK_MESSAGE_MAX = 1024, /* octets */
    LOCKS_FILE_MAX = 64 << 20,
};

enum lock_kind {
    LOCK_USER,
    LOCK_GROUP,
    LOCK_CERTIFICATE, /* SHA-256, lower hex */
    LOCK_ISSUER,      /* RFC 4514 text */
    LOCK_SERVICE,
    LOCK_SESSION,
    LOCK_KIND__COUNT
};

struct lock {
    char id[LOCK_ID_LEN + 1];
    enum lock_kind kind;
    char *value;
    int64_t created_s;
    int64_t expires_s; /* INT64_MAX: until removed */
    char *message, *who;
};

struct locks;

/* Reads the file and keeps it for appending; takes fd. A last line that was cut short is passed
 * over: nobody was told that it holds. */
bool locks_open(int fd, struct locks **ret_locks, struct error *err) MUST_CHECK;
struct locks *locks_free(struct locks *locks); /* accepts NULL, returns NULL */
/* Durable when it returns true. */
bool locks_add(struct locks *locks, const struct lock *lock, char ret_id[LOCK_ID_LEN + 1],
               struct error *err) MUST_CHECK;
/* NOT_FOUND when there is none. */
bool locks_remove(struct locks *locks, struct bytes id, const char *who, int64_t now_s,
                  struct error *err) MUST_CHECK;
/* The lock in force on that value, or NULL; valid until the next add or remove. locks may be NULL.
 */
const struct lock *locks_find(const struct locks *locks, enum lock_kind kind, struct bytes value,
                              int64_t now_s);
/* Whether there is any of the kind, expired ones included: most of the time there is none. */
bool locks_has(const struct locks *locks, enum lock_kind kind);
/* The number-th lock, expired ones included; NULL behind the last. */
const struct lock *locks_at(const struct locks *locks, size_t number);
/* Forgets expired ones in memory. */
void locks_expire(struct locks *locks, int64_t now_s);

const char *lock_kind_name(enum lock_kind kind); /* "user"; static */
bool lock_kind_from_name(struct bytes name, enum lock_kind *ret_kind);
