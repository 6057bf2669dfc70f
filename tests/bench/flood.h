#pragma once
/*
 * What the programs of the flood bench share: options, and sockets with chosen sources.
 */
#include <stdint.h>

struct flood_options {
    const char *cert, *key, *ca, *name, *net;
    int port, sources, rate, hold, total, seconds, pause_ms, patience_ms;
};

void flood_fatal(const char *what);
/* From address number n of --net, "127.9.0.0": 127.9.0.1 to .250, 127.9.1.1 ... */
int flood_socket(const struct flood_options *options, uint64_t n, int flags);
int flood_connect(const struct flood_options *options, int fd);

/* Clients with a certificate; each prints one line of figures. */
int flood_good(const struct flood_options *options);    /* logins one after the other */
int flood_readers(const struct flood_options *options); /* --hold sessions that write, never read */
int flood_chain(const struct flood_options *options);   /* handshakes with a chain of 1 MiB */
