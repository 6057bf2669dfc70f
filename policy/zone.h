#pragma once
/*
 * Time zones: from an instant to the local clock, by the octets of a TZif file (RFC 8536). libc has
 * one zone per process; rules name as many as they like. For the files of policy/ and their tests.
 */
#include "policy/arena.h"
#include "policy/policy.h"

struct zone;

/* While the offset is the same: local time = UTC + offset_s, from from_s to before until_s. */
struct zone_span {
    int32_t offset_s;
    int64_t from_s, until_s; /* INT64_MIN, INT64_MAX: no end */
};

/*
 * Reads a TZif file of version 2 or later; leap seconds are refused. *ret_zone and a copy of the
 * octets lie in the arena. POLICY_VALUE.
 */
bool zone_read(struct arena *arena, struct bytes name, struct bytes tzif,
               const struct zone **ret_zone, struct error *err) MUST_CHECK;
const char *zone_name(const struct zone *zone);
struct bytes zone_octets(const struct zone *zone);
/* Total: also far in the future, by the rule at the end of the file (RFC 8536 3.3). */
struct zone_span zone_at(const struct zone *zone, int64_t utc_s);

/* Days since 1970-01-01 in the proleptic Gregorian calendar. month 1 to 12, day 1 to 31. */
int64_t zone_days(int64_t year, unsigned month, unsigned day);
int64_t zone_year(int64_t days); /* the year that this day lies in */
