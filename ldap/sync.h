#pragma once
/*
 * The octets of RFC 4533: what is asked for, and what the server adds to entries and says between
 * them. Pure codec over liblber. Internal to the directory target.
 */
#include "ldap/replica.h"

#include <ldap.h>

enum {
    SYNC_COOKIE_MAX = 4096,  /* octets of a cookie that we keep */
    SYNC_UUIDS_MAX = 100000, /* of one syncIdSet; OpenLDAP sends about 300 at a time */
};

enum sync_state { SYNC_PRESENT, SYNC_ADD, SYNC_MODIFY, SYNC_DELETE };

/* Sync State control of an entry; the cookie borrows from what was decoded. */
struct sync_entry {
    enum sync_state state;
    struct replica_uuid uuid;
    struct bytes cookie; /* no octets: none came */
};

enum sync_info_kind { SYNC_NEW_COOKIE, SYNC_REFRESH_DELETE, SYNC_REFRESH_PRESENT, SYNC_ID_SET };

/* Sync Info message. uuids belong to the caller, who frees them. */
struct sync_info {
    enum sync_info_kind kind;
    struct bytes cookie;
    bool refresh_done;    /* REFRESH_*: this was the last part */
    bool refresh_deletes; /* ID_SET: these are gone; else they are present */
    struct replica_uuid *uuids;
    size_t n_uuids;
};

/* Value of the Sync Request control for refreshAndPersist; the caller frees with ber_bvfree. */
struct berval *sync_request_encode(struct bytes cookie);
bool sync_state_decode(struct bytes value, struct sync_entry *ret_entry,
                       struct error *err) MUST_CHECK;
bool sync_info_decode(struct bytes value, struct sync_info *ret_info, struct error *err) MUST_CHECK;
