#pragma once
/*
 * The values of ca sections that are more than words: from when on an extended key usage must be
 * there, and certificate policies. Used where a configuration is checked and where trust data are
 * made.
 */
#include "gatewayd/shared/config.h"

/*
 * "strict", "warn" or "allow-until:YYYY-MM-DD" as the time of day, in seconds since 1970, from
 * which on certificates that are not for client authentication are refused: INT64_MIN always,
 * INT64_MAX never, else the begin of that day in UTC. False for other texts.
 */
bool config_eku_parse(const char *text, int64_t *ret_strict_s) MUST_CHECK;
/* The same of a checked configuration; strict where it is none. */
int64_t config_eku_strict_s(const char *text);
/* Dotted decimal, two arcs or more, the first of them 0, 1 or 2 (X.660). */
bool config_oid_is_good(const char *text);
