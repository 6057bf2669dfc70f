#pragma once
/*
 * What an edge counts, and how the parent hears of it: once a second when something has changed.
 */
#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

struct edge;

struct counters {
    uint64_t accepted, refused;          /* connections taken; closed before TLS began */
    uint64_t handshakes, handshakes_bad; /* finished; ended without a valid client */
    uint64_t chains_verified, chains_remembered;
    uint64_t health_checks; /* of trusted proxies: ended before a client's first octet */
    uint64_t resumed;       /* handshakes of TLS sessions that were kept */
    uint64_t allowed, denied, closed;
    uint64_t bytes_in, bytes_out;
    ev_timer timer;
    bool told_once;
    uint64_t told_sum; /* tells whether anything has changed */
};

void counters_start(struct edge *edge);
