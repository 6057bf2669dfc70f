#pragma once
/*
 * The first octets of a connection: looked at while they are in the socket, and left there. A
 * connection that says nothing, or one octet a second, has no TLS session yet and wakes nobody: the
 * kernel reports it when the first record of its ClientHello is complete.
 */
#include <stdbool.h>

enum knock {
    KNOCK_WAIT,   /* the record is not complete */
    KNOCK_HELLO,  /* a handshake record stands there */
    KNOCK_NO_TLS, /* what stands there begins no handshake (RFC 8446 5.1) */
    KNOCK_GONE,   /* the client has closed its side, or the connection is broken */
};

/* *waits is false for a new socket; kept by the caller between calls. */
enum knock knock_look(int fd, bool *waits);
/* The client has closed its side: it will read no answer that is worth a signature. */
bool knock_gone(int fd);
/* protocol_version to a client that does not speak TLS. */
void knock_refuse(int fd);
