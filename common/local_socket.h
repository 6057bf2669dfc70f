#pragma once
/*
 * The asking side of the local protocol: one request and one reply over a SEQPACKET socket, from
 * inside of any process. Checks that the socket belongs to the daemon before it says anything.
 * Leaves no descriptor behind and changes neither errno, umask, signals nor handlers. Libc only.
 */
#include "common/protocol.h"

#include <sys/types.h>

/* Whose files and directories are trusted on the way to the socket, besides root's. */
enum local_trust {
    LOCAL_TRUST_ROOT, /* nobody else's */
    LOCAL_TRUST_OWN,  /* those of the effective uid too: daemons that an ordinary user started */
};

struct local_reply {
    uint8_t *octets; /* what the texts of message point into */
    struct protocol_message message;
};

/*
 * Checks the path: absolute, no symbolic link, "." or ".."; each directory owned by root (or as
 * trust says) and not writable by group or others unless sticky; the last one never so, not even
 * sticky; the socket itself of any owner but a socket. *ret_owner is the uid that decide runs as.
 * DAEMON_AWAY when something is missing, DAEMON_UNTRUSTED when something is wrong.
 */
bool local_socket_owner(const char *path, enum local_trust trust, uid_t *ret_owner,
                        struct error *err) MUST_CHECK;

/*
 * Asks and waits for the reply, all until deadline_ms (clock_monotonic_ms), however many signals
 * come. Fills request->deadline_ms. The peer must be the socket file's owner or root (socket
 * activation). Reasons: DAEMON_AWAY, DAEMON_UNTRUSTED, MSG_MALFORMED, MSG_VERSION (also for a reply
 * ERR_VERSION), NO_MEMORY, SYSTEM. A reply of any other kind is true: what it says is the caller's
 * to judge. Free with local_reply_clear; untouched on failure.
 */
bool local_socket_ask(const char *path, enum local_trust trust, struct protocol_message *request,
                      int64_t deadline_ms, struct local_reply *ret_reply,
                      struct error *err) MUST_CHECK;

/* The deadline of a request that begins now, by its row. */
int64_t local_socket_deadline_ms(enum protocol_kind kind);

/* Wipes and frees. Fits AUTO(local_reply_clear); a zeroed reply is empty. */
void local_reply_clear(struct local_reply *reply);
