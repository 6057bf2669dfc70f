/*
 * The NSS snapshot: the file that libnss_mtls answers from, made anew at most once a second when
 * users or groups have changed, and often enough that it does not expire. Runs in directory.
 * Accounts that may not log in are shown (their files have owners); unusable entries are not.
 */
#include "gatewayd/directory/following.h"

#include "common/log.h"
#include "common/nss_snapshot.h"
#include "gatewayd/shared/write_aside.h"
#include "gatewayd/shared/xalloc.h"

#include <time.h>

#define uthash_fatal(msg) abort()
#include <uthash.h>

static const char FILE_NAME[] = "snapshot";

/* Members of the group with that gid, as found while the users are walked. */
struct members {
    UT_hash_handle hh;
    uint32_t gid;
    struct bytes *at;
    size_t n, room;
};

struct building {
    const struct replica *replica;
    int64_t now_s;
    struct nss_user *users;
    struct nss_group *groups;
    char (*group_names)[REPLICA_GROUP_NAME_MAX + 1];
    struct account **accounts; /* what users point into */
    size_t n_users, n_groups, n_local;
    struct members *members;
};

/* --- collecting --- */

static void member_add(struct building *building, uint32_t gid, const char *user)
{
    struct members *members;

    HASH_FIND(hh, building->members, &gid, sizeof(gid), members);
    if (!members) {
        members = xcalloc(1, sizeof(*members));
        members->gid = gid;
        HASH_ADD(hh, building->members, gid, sizeof(members->gid), members);
    }
    if (members->n > NSS_MEMBERS_DEFAULT)
        return; /* already one too many: such a group shows none */
    if (members->n == members->room) {
        members->room = members->room ? members->room * 2 : 8;
        members->at = xrealloc(members->at, members->room, sizeof(members->at[0]));
    }
    members->at[members->n++] = bytes_of(user);
}

static bool is_shown(const struct account *account)
{
    return account->reason != REASON_ACCOUNT_INVALID && account->reason != REASON_GROUP_LIMIT;
}

static bool user_each(void *context, const struct replica_entry *entry)
{
    struct building *building = context;
    struct account *account = replica_account(building->replica, entry, building->now_s);
    struct nss_user *user = &building->users[building->n_users];
    uint32_t *gids;

    if (!is_shown(account)) {
        (void)account_free(account);
        return true;
    }
    gids = xcalloc(account->n_groups + 1, sizeof(*gids));
    *user = (struct nss_user){.name = bytes_of(account->name),
                              .gecos = bytes_of(account->gecos),
                              .home = bytes_of(account->home),
                              .shell = bytes_of(account->shell),
                              .uid = account->uid,
                              .gid = account->gid,
                              .groups = gids};
    for (size_t i = 0; i < account->n_groups; i++) {
        uint32_t gid = account->groups[i].gid;
        if (gid == 0)
            continue;
        gids[user->n_groups++] = gid;
        if (gid != account->gid)
            member_add(building, gid, account->name);
    }
    building->accounts[building->n_users++] = account;
    return true;
}

/* Members are added later, when all users have been seen. */
static bool group_each(void *context, const struct replica_entry *entry)
{
    struct building *building = context;
    char *name = building->group_names[building->n_groups];
    struct account_group group;

    building->n_local += replica_group_is_local(building->replica, entry);
    if (!replica_group(building->replica, entry, &group, name) || group.gid == 0)
        return true;
    building->groups[building->n_groups++] =
        (struct nss_group){.name = bytes_of(name), .gid = group.gid};
    return true;
}

static void members_join(struct building *building)
{
    for (size_t i = 0; i < building->n_groups; i++) {
        struct members *members;
        HASH_FIND(hh, building->members, &building->groups[i].gid, sizeof(uint32_t), members);
        if (!members)
            continue;
        building->groups[i].members = members->at;
        building->groups[i].n_members = members->n;
    }
}

static void building_init(struct building *building, const struct replica *replica)
{
    size_t users = replica_count(replica, REPLICA_USER);
    size_t groups = replica_count(replica, REPLICA_GROUP);

    *building = (struct building){.replica = replica, .now_s = (int64_t)time(NULL)};
    building->users = xcalloc(users + 1, sizeof(building->users[0]));
    building->accounts = xcalloc(users + 1, sizeof(building->accounts[0]));
    building->groups = xcalloc(groups + 1, sizeof(building->groups[0]));
    building->group_names = xcalloc(groups + 1, sizeof(building->group_names[0]));
    replica_each(replica, REPLICA_USER, user_each, building);
    replica_each(replica, REPLICA_GROUP, group_each, building);
    members_join(building);
}

static void building_clear(struct building *building)
{
    struct members *at, *next;

    for (size_t i = 0; i < building->n_users; i++) {
        (void)account_free(building->accounts[i]);
        free((void *)building->users[i].groups);
    }
    HASH_ITER(hh, building->members, at, next)
    {
        HASH_DEL(building->members, at);
        free(at->at);
        free(at);
    }
    free(building->users);
    free(building->accounts);
    free(building->groups);
    free(building->group_names);
}

/* --- writing --- */

/* A name that the host knows must not come to mean somebody else: said when it happens. */
static void say_local(struct following *following, size_t n_local)
{
    if (n_local == following->nss_local)
        return;
    following->nss_local = n_local;
    log_event(n_local ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "groups_of_host",
              "not_shown=%zu detail=\"groups with a name or gid of this host\"", n_local);
}

static bool write_file(struct following *following, struct error *err)
{
    AUTO(writer_clear) struct writer out = writer_new(NSS_SNAPSHOT_MAX);
    const struct replica *replica = filler_replica(following->filler);
    int64_t as_of_ms = replica_as_of_ms(replica);
    struct building building;
    struct nss_content content;
    bool done;

    building_init(&building, replica);
    say_local(following, building.n_local);
    content =
        (struct nss_content){.users = building.users,
                             .n_users = building.n_users,
                             .groups = building.groups,
                             .n_groups = building.n_groups,
                             .generation = ++following->nss_generation,
                             .built_s = building.now_s,
                             .expires_s = as_of_ms / 1000 + following_config(following)->max_stale,
                             .members_max = NSS_MEMBERS_DEFAULT};
    done =
        nss_snapshot_write(&content, &out, &following->nss_dropped, err) &&
        write_aside(following->nss_dir, FILE_NAME, 0644, WRITE_ASIDE_FAST, writer_bytes(&out), err);
    building_clear(&building);
    return done;
}

/* Part of max_stale after which a file with a later end is worth writing. */
enum { RENEWAL_PART = 4, RENEWAL_MAX_MS = 60000 };

static bool is_due(const struct following *following, int64_t as_of_ms)
{
    int64_t renewal_ms = following_config(following)->max_stale * 1000 / RENEWAL_PART;

    if (renewal_ms > RENEWAL_MAX_MS)
        renewal_ms = RENEWAL_MAX_MS;
    if (following->nss_due)
        return true;
    return as_of_ms > following->nss_as_of_ms && as_of_ms - following->nss_as_of_ms >= renewal_ms;
}

void nss_tick(struct following *following)
{
    int64_t as_of_ms = replica_as_of_ms(filler_replica(following->filler));
    struct error err;

    if (following->nss_dir < 0 || as_of_ms < 0 || !is_due(following, as_of_ms))
        return;
    if (following->nss_generation == 0)
        following->nss_generation = (uint64_t)as_of_ms; /* above those of earlier runs */
    if (!write_file(following, &err)) {
        log_error("nss_snapshot_failed", &err, "%s", "");
        return;
    }
    following->nss_due = false;
    following->nss_as_of_ms = as_of_ms;
}
