#pragma once
/*
 * For tests: a replica out of LDIF text, through the same filler as in the daemon.
 */
#include "ldap/filler.h"
#include "ldap/ldif.h"

/* The caller frees it. Fails the test when the text is refused. */
static inline UNUSED struct filler *filler_of_ldif(const struct replica_options *options,
                                                   const char *text)
{
    struct filler_calls none = {NULL, NULL, NULL, NULL};
    struct filler *filler = NULL;
    struct error err = {0};
    struct feed feed;

    if (!filler_new(options, &none, &filler, &err))
        fail_msg("%s", err.detail);
    feed = filler_feed(filler);
    if (!ldif_feed(bytes_of(text), &feed, 1000, &err))
        fail_msg("%s", err.detail);
    return filler;
}

#define RFC2307BIS ((struct replica_options){.schema = "rfc2307bis"})
#define RFC2307    ((struct replica_options){.schema = "rfc2307"})

/* "dn: uid=NAME,..." and the rest of a usable posixAccount. */
#define USER(name, number)                                                                         \
    "dn: uid=" name ",ou=people,dc=example,dc=org\n"                                               \
    "objectClass: account\nobjectClass: posixAccount\nuid: " name "\ncn: " name "\n"               \
    "uidNumber: " number "\ngidNumber: 5000\nhomeDirectory: /home/" name "\n"
