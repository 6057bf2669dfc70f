#pragma once
/*
 * The 128-bit, time-ordered id of one connection: session id, decision id, PROXY unique id and name
 * of the abstract socket alike. It is public (/proc/net/unix shows it); nothing may be proved by
 * knowing it. Layout: 48 bits of milliseconds since 1970, then 80 random bits (as UUIDv7, RFC
 * 9562 5.7, but without the version and variant bits).
 */
#include "common/bytes.h"

enum { SESSION_ID_LEN = 16, SESSION_ID_TEXT_LEN = 32 };

struct session_id {
    uint8_t octets[SESSION_ID_LEN];
};

/* A new id for a connection accepted now. Aborts if the kernel gives no random octets. */
struct session_id session_id_new(int64_t now_ms);
/* 32 small hex digits and a terminator. */
void session_id_format(const struct session_id *id, char out[SESSION_ID_TEXT_LEN + 1]);
/* Takes exactly 32 small hex digits. */
bool session_id_parse(struct bytes text, struct session_id *ret_id);
bool session_id_equal(const struct session_id *a, const struct session_id *b);
