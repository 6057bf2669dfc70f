#pragma once
/*
 * The local protocol gw-pam/1 between gatewayd (decide) and the modules, gatewayctl and mtls on the
 * same machine: one request, one reply, a SEQPACKET message each. A pure codec and the table of who
 * may ask what; knows no sockets (local_socket.h). Layout in docs/protocol.md.
 */
#include "common/error.h"
#include "common/session_id.h"
#include "common/writer.h"

enum {
    PROTOCOL_VERSION = 1,            /* sent; the daemon serves this one and the one before */
    PROTOCOL_VERSION_MIN = 1,        /* oldest understood */
    PROTOCOL_HEADER_LEN = 8,         /* "GWP1", u8 version, u8 kind, u16 flags (none yet: 0) */
    PROTOCOL_REQUEST_MAX = 16384,    /* octets; PAM items are far below */
    PROTOCOL_REPLY_MAX = 65536,      /* octets; lists are continued with `after` */
    PROTOCOL_ROWS_MAX = 64,          /* values of a repeatable field */
    PROTOCOL_TAG_CRITICAL = 1 << 15, /* set in a tag: who does not know it refuses the message */
};
#define PROTOCOL_MAGIC     0x47575031u /* "GWP1" */
#define PROTOCOL_NO_NUMBER UINT64_MAX

enum protocol_kind {
#define REQUEST(ID, number, socket, who, deadline_ms) PROTOCOL_##ID = (number),
#define REPLY(ID, number)                             PROTOCOL_##ID = (number),
#include "common/protocol_rows.h"
};

enum protocol_phase { PHASE_AUTH = 1, PHASE_ACCOUNT, PHASE_OPEN, PHASE_CLOSE };
enum protocol_socket { SOCKET_PAM, SOCKET_CONTROL };
enum protocol_sender {
    SENDER_ANY = 1 << 0,
    SENDER_ROOT = 1 << 1,  /* a daemon started by an ordinary user takes that user for root */
    SENDER_OWNER = 1 << 2, /* the process that opened the session, which only the handler knows */
    SENDER_READ = 1 << 3,
    SENDER_LOCK = 1 << 4,
    SENDER_ADMIN = 1 << 5,
};

/* One row of the table of requests. */
struct protocol_request {
    enum protocol_kind kind;
    const char *name; /* "AUTH_TUNNEL" */
    enum protocol_socket socket;
    unsigned senders; /* any of these may ask */
    uint32_t deadline_ms;
};

struct protocol_rows {
    struct bytes at[PROTOCOL_ROWS_MAX];
    size_t n;
};

#define PROTOCOL_TYPE_TEXT   struct bytes
#define PROTOCOL_TYPE_NUMBER uint64_t
#define PROTOCOL_TYPE_ID     struct session_id
#define PROTOCOL_TYPE_ROWS   struct protocol_rows

/* A request or a reply. Texts and rows are borrowed: from the octets that were decoded, or from the
 * caller. */
struct protocol_message {
    enum protocol_kind kind;
    uint8_t version;
#define FIELD(tag, member, kind, max, critical, help) PROTOCOL_TYPE_##kind member;
#include "common/protocol_rows.h"
};

/* The row of a kind; NULL for replies and unknown kinds. Static. */
const struct protocol_request *protocol_request_of(enum protocol_kind kind);
/* "AUTH_TUNNEL", "DENY"; "?" when unknown. Static. */
const char *protocol_kind_name(enum protocol_kind kind);

/* No fields, version PROTOCOL_VERSION. */
void protocol_message_init(struct protocol_message *msg, enum protocol_kind kind);
/*
 * Appends the message; `out` should be new. Leaves the writer broken when a field breaks its row
 * (too long, unclean text, too large a number) or the message its limit, so nothing is sent that
 * the receiver would refuse.
 */
void protocol_encode(const struct protocol_message *msg, struct writer *out);
/*
 * Both borrow from `in`. Refusals: MSG_VERSION (the answer to it is ERR_VERSION), else
 * MSG_MALFORMED: a kind of the other direction, too long, a field twice, a field against its row,
 * an unknown critical field, octets left over. Unknown plain fields are skipped.
 */
bool protocol_decode_request(struct bytes in, struct protocol_message *ret_msg,
                             struct error *err) MUST_CHECK;
bool protocol_decode_reply(struct bytes in, struct protocol_message *ret_msg,
                           struct error *err) MUST_CHECK;
