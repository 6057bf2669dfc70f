#pragma once
/*
 * Text helpers shared by all: checks of outside text, hex, numbers, durations, dates. No locale.
 */
#include "common/error.h"

/* Valid UTF-8 (RFC 3629) without NUL, without C0/C1 control characters and DEL. */
bool text_is_clean(struct bytes text);
/* A copy as C string; NULL when out of memory or when the text holds a NUL. The caller frees it. */
char *text_dup(struct bytes text);
/* Lower hex; out has room for 2 * in.len + 1. */
void text_hex(struct bytes in, char *out);
/* Even number of hex digits of either case; *ret_len octets go to out (room for text.len / 2). */
bool text_unhex(struct bytes text, uint8_t *out, size_t *ret_len);
/* Decimal without sign, space or leading zeros but "0"; false when it does not fit. */
bool text_u64(struct bytes text, uint64_t *ret_value);
/* "500ms" is refused; "10s", "15m", "4h", "30d": seconds. False for anything else. */
bool text_duration_s(struct bytes text, int64_t *ret_seconds);
/* "2026-11-24" (midnight UTC), "2026-11-24T22:10:00Z": seconds since 1970. */
bool text_time_s(struct bytes text, int64_t *ret_seconds);
/* GeneralizedTime of LDAP and ASN.1 "20261124221000Z" (RFC 4517 3.3.13; seconds needed, fraction
 * ignored, Z only). */
bool text_generalized_time_s(struct bytes text, int64_t *ret_seconds);
/* "2026-11-24T22:10:00.123Z"; out has room for 32. */
void text_format_time_ms(int64_t time_ms, char out[32]);
/* ASCII case-insensitive compare, as for host names and LDAP attribute names. */
bool text_equal_nocase(struct bytes a, struct bytes b);
