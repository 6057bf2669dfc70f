#pragma once
/*
 * One entry out of an LDAP message, for a feed. Internal to the directory target.
 */
#include "ldap/connection.h"
#include "ldap/dn.h"

enum { RECORD_ATTRIBUTES_MAX = 128 };

/* Points into the message and into memory of its own: record_clear before the message goes. */
struct record {
    struct replica_record record; /* but for the uuid */
    struct replica_value *values;
    size_t room;
    struct berval *lists[RECORD_ATTRIBUTES_MAX]; /* of libldap */
    size_t n_lists;
    BerElement *ber;
};

/* base: the normalised DN that the entry must be or lie below; a server that sends another one is
 * not to be believed. ret_record is to be cleared in any case. */
bool record_read(LDAP *ld, LDAPMessage *message, const struct dn *base, struct record *ret_record,
                 struct error *err) MUST_CHECK;
void record_clear(struct record *record);
/* The first value of the attribute (case-insensitive); no octets: none. */
struct bytes record_value(const struct record *record, const char *attribute);
