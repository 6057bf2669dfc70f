#pragma once
/*
 * Hailing an LDAP server: whether anybody is there who answers, found out without waiting. What
 * a blocking connection would cost is then only paid where it is likely to succeed. Internal to the
 * directory target.
 */
#include "ldap/directory.h"

enum { HAIL_MS = 1000 /* no answer for so long: nobody is there */ };

enum hail_state { HAIL_WAITS, HAIL_ANSWERED, HAIL_FAILED };

struct hail {
    int fd; /* -1: none is under way */
    bool sent;
    int64_t until_ms; /* monotonic */
};

/* Connects without waiting. False: nobody can be there. */
bool hail_begin(struct hail *hail, const char *uri, const struct directory_calls *calls,
                struct error *err) MUST_CHECK;
/* Looks, never waits. err is set with HAIL_FAILED. */
enum hail_state hail_look(struct hail *hail, const char *uri, struct error *err);
void hail_end(struct hail *hail); /* harmless when none is under way */
