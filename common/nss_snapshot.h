#pragma once
/*
 * The file that carries the directory's users and groups to libnss_mtls: its writer (directory) and
 * its bounded reader (the module). Pure: no I/O, no clock. A file is immutable: built aside with
 * mode 0644, renamed over the old one, never changed or truncated in place, since readers have it
 * mapped. Let expires_s be when the directory's answers are too old (built_s + max_stale_live).
 * Layout in docs/protocol.md, "NSS snapshot".
 */
#include "common/error.h"
#include "common/writer.h"

enum {
    NSS_SNAPSHOT_MAX = 1 << 30, /* octets of a file; 100,000 users take about 16 MiB */
    NSS_TEXT_MAX = 1024,    /* octets of a gecos, home or shell: our choice, passwd(5) has none */
    NSS_NAME_MAX = 32,      /* octets of a user or group name, as useradd(8) */
    NSS_GROUPS_MAX = 65536, /* groups of one user: NGROUPS_MAX of Linux */
    NSS_MEMBERS_DEFAULT = 1000, /* larger groups show no members; initgroups is not concerned */
};

/* ---- writer ---- */

struct nss_user {
    struct bytes name, gecos, home, shell;
    uint32_t uid, gid; /* gid: primary group */
    const uint32_t
        *groups; /* nested ones included, resolved by the caller; the primary may be in */
    size_t n_groups;
};

struct nss_group {
    struct bytes name;
    uint32_t gid;
    const struct bytes *members; /* user names */
    size_t n_members;
};

struct nss_content {
    const struct nss_user *users;
    size_t n_users;
    const struct nss_group *groups;
    size_t n_groups;
    uint64_t generation;        /* counts snapshots */
    int64_t built_s, expires_s; /* time of day; after expires_s readers answer UNAVAIL */
    size_t members_max;         /* groups with more members are written with none */
};

/*
 * Writes the whole file to `out` (new, with a limit of NSS_SNAPSHOT_MAX). In any order; all is
 * borrowed. Entries that no host may see are left out and counted in *ret_dropped: uid or gid 0 or
 * UINT32_MAX, "root", names that are empty, longer than NSS_NAME_MAX, beginning with '-' or '.',
 * with octets outside of [A-Za-z0-9._-] (a trailing '$' is allowed), unclean texts or such with
 * ':', names or ids that two entries share (all of them are dropped). False: too large or out of
 * memory.
 */
bool nss_snapshot_write(const struct nss_content *content, struct writer *out, size_t *ret_dropped,
                        struct error *err) MUST_CHECK;

/* ---- reader ---- */

struct nss_snapshot {
    struct bytes users, users_by_id, groups, groups_by_id, lists, texts; /* the tables */
    uint32_t n_users, n_groups;
    uint64_t generation;
    int64_t built_s, expires_s;
};

enum nss_answer { NSS_FOUND, NSS_ABSENT, NSS_BROKEN };

/* Texts point into the file and end in NUL there. */
struct nss_passwd_row {
    const char *name, *gecos, *home, *shell;
    uint32_t uid, gid;
    struct bytes groups; /* nss_list_at */
};

struct nss_group_row {
    const char *name;
    uint32_t gid;
    struct bytes members; /* nss_member_at */
};

/* Checks magic, version, that all tables lie in the file and nothing is left over; not the rows.
 * Borrows `file`. */
bool nss_snapshot_open(struct bytes file, struct nss_snapshot *ret_snapshot,
                       struct error *err) MUST_CHECK;
/* Only a fresh snapshot may be asked. False also when it comes from the future by over a minute. */
bool nss_snapshot_fresh(const struct nss_snapshot *snapshot, int64_t now_s);

/* NSS_BROKEN: a row points outside of its table, or holds what nss_snapshot_write never writes. */
enum nss_answer nss_user_by_name(const struct nss_snapshot *snapshot, const char *name,
                                 struct nss_passwd_row *ret_row) MUST_CHECK;
enum nss_answer nss_user_by_uid(const struct nss_snapshot *snapshot, uint32_t uid,
                                struct nss_passwd_row *ret_row) MUST_CHECK;
enum nss_answer nss_group_by_name(const struct nss_snapshot *snapshot, const char *name,
                                  struct nss_group_row *ret_row) MUST_CHECK;
enum nss_answer nss_group_by_gid(const struct nss_snapshot *snapshot, uint32_t gid,
                                 struct nss_group_row *ret_row) MUST_CHECK;
/* Lists of a row: how many, and the i-th (i < length). */
size_t nss_list_len(struct bytes list);
uint32_t nss_list_at(struct bytes list, size_t i);
/* Name of the i-th member; NULL when the row is broken. */
const char *nss_member_at(const struct nss_snapshot *snapshot, const struct nss_group_row *row,
                          size_t i);
