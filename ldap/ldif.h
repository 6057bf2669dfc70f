#pragma once
/*
 * LDIF content records (RFC 2849) as a feed: the `file:` directories of small sites and tests.
 * Pure: text in, feed calls out. Knows no files; change records and URLs are refused.
 */
#include "ldap/feed.h"

enum {
    LDIF_MAX = 64 << 20, /* octets of a file; beyond, a server is the right tool */
};

/*
 * One whole refresh: every record is put, then feed->consistent with as_of_ms, or feed->abandon and
 * false at the first error, which names the line. An entry without entryUUID gets one made of its
 * DN.
 */
bool ldif_feed(struct bytes text, const struct feed *feed, int64_t as_of_ms,
               struct error *err) MUST_CHECK;
