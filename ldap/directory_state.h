#pragma once
/*
 * What is inside of a directory that is followed: for directory.c (life and time) and follow.c
 * (what the server says) only.
 */
#include "ldap/connection.h"
#include "ldap/dn.h"
#include "ldap/servers.h"
#include "ldap/sync.h"

struct directory {
    struct directory_config config; /* with memory of its own */
    struct dn base; /* normalised */
    struct feed feed;
    struct directory_calls calls;
    LDAP *ld;                  /* NULL: not connected */
    struct servers servers;
    size_t server;             /* the one that is connected; SERVERS_NONE: none is */
    int sync_id, heartbeat_id; /* message ids; -1: none is under way */
    bool refreshing, presents; /* a refresh is open; it has a present phase */
    int64_t asked_ms;          /* time of day when the refresh was asked for */
    int64_t heartbeat_ms;      /* time of day of the heartbeat that is under way */
    int64_t sent_at, heard_at; /* monotonic: last heartbeat sent, last octets heard */
    int64_t sent_us;           /* the same in microseconds */
    int64_t try_at;            /* monotonic: no server is tried before */
    int64_t behind_at; /* monotonic: since when the server is ahead of the cookie; 0: it is not */
    struct error state;
};

/* Begins a refresh: from the cookie on, or from nothing. */
bool follow_start(struct directory *directory, struct bytes cookie, struct error *err);
/* Asks the server for a sign of life. */
bool follow_heartbeat(struct directory *directory, struct error *err);
/* Acts on one message. False: the server is to be left. */
bool follow_message(struct directory *directory, LDAPMessage *message, struct error *err);
/* From where to go on. */
struct bytes follow_cookie(const struct directory *directory);
