/*
 * Makes an account of a user entry: who it is, whether it may be used, which groups it has. The one
 * place where directory strings turn into names, ids and paths; everything is checked here. Runs in
 * decide, directory (NSS snapshot) and the command line.
 */
#include "common/text.h"
#include "ldap/memory.h"
#include "ldap/replica_state.h"
#include "ldap/states.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    PATH_LEN_MAX = 255, /* home and shell; longer ones are of no use to passwd(5) readers */
    GECOS_MAX = 128,    /* our choice: one line of a listing */
    DETAIL_MAX = 160,
};

static const char NO_HOME[] = "/nonexistent";
static const char NO_SHELL[] = "/usr/sbin/nologin"; /* a shell that cannot be trusted */
static const char DEFAULT_SHELL[] = "/bin/sh";      /* no shell given (passwd(5)) */

/* What is known while the account is being made; texts are borrowed from the entry. */
struct draft {
    struct bytes name, home, shell;
    char gecos[GECOS_MAX + 1];
    uint32_t uid, gid;
    struct closure closure;
    enum reason reason;
    char detail[DETAIL_MAX];
};

static bool refuse(struct draft *draft, enum reason reason, const char *fmt, ...) PRINTF(3, 4);

static bool refuse(struct draft *draft, enum reason reason, const char *fmt, ...)
{
    va_list args;

    draft->reason = reason;
    va_start(args, fmt);
    vsnprintf(draft->detail, sizeof(draft->detail), fmt, args);
    va_end(args);
    return false;
}

/* --- names, ids, paths --- */

static bool name_is_usable(struct bytes name)
{
    if (name.len == 0 || name.len > REPLICA_NAME_MAX || name.at[0] == '-')
        return false;
    if (bytes_equal(name, bytes_of(".")) || bytes_equal(name, bytes_of("..")))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.at[i];
        bool letter = (c | 32) >= 'a' && (c | 32) <= 'z';
        if (!letter && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '-')
            return false;
    }
    return true;
}

/* (uid_t)-1 means "none" to many system calls, so it is no id. */
static bool id_parse(struct bytes text, uint32_t min_id, uint32_t *ret_id)
{
    uint64_t id;

    if (!text_u64(text, &id) || id == 0 || id < min_id || id >= UINT32_MAX)
        return false;
    *ret_id = (uint32_t)id;
    return true;
}

/* Absolute, printable, no ':' (passwd(5)), no ".." part. */
static bool path_is_usable(struct bytes path)
{
    if (path.len == 0 || path.len > PATH_LEN_MAX || path.at[0] != '/' || !text_is_clean(path))
        return false;
    if (memchr(path.at, ':', path.len) || memchr(path.at, ' ', path.len))
        return false;
    for (size_t i = 0; i + 2 < path.len; i++)
        if (memcmp(path.at + i, "/..", 3) == 0 && (i + 3 == path.len || path.at[i + 3] == '/'))
            return false;
    return true;
}

static struct bytes home_of(const struct attributes *attributes, const struct replica_entry *entry)
{
    struct entry_values values = entry_role(attributes, entry, ROLE_HOME);
    struct bytes home = values_get(values, 0);

    return values.n == 1 && path_is_usable(home) ? home : bytes_of(NO_HOME);
}

static struct bytes shell_of(const struct attributes *attributes, const struct replica_entry *entry)
{
    struct entry_values values = entry_role(attributes, entry, ROLE_SHELL);
    struct bytes shell = values_get(values, 0);

    if (values.n == 0)
        return bytes_of(DEFAULT_SHELL);
    return values.n == 1 && path_is_usable(shell) ? shell : bytes_of(NO_SHELL);
}

/* gecos, else the common name; at most GECOS_MAX octets, cut between characters. */
static void gecos_fill(const struct attributes *attributes, const struct replica_entry *entry,
                       char out[GECOS_MAX + 1])
{
    struct bytes text = values_get(entry_role(attributes, entry, ROLE_GECOS), 0);

    if (!text.at)
        text = values_get(entry_role(attributes, entry, ROLE_COMMON_NAME), 0);
    if (!text_is_clean(text))
        text.len = 0;
    if (text.len > GECOS_MAX) {
        text.len = GECOS_MAX;
        while (text.len > 0 && (text.at[text.len] & 0xC0) == 0x80)
            text.len--;
    }
    for (size_t i = 0; i < text.len; i++)
        out[i] = text.at[i] == ':' ? ' ' : (char)text.at[i];
    out[text.len] = '\0';
}

static int64_t created_of(const struct attributes *attributes, const struct replica_entry *entry)
{
    struct entry_values values = entry_role(attributes, entry, ROLE_CREATED);
    int64_t created_s;

    if (values.n != 1 || !text_generalized_time_s(values_get(values, 0), &created_s))
        return -1;
    return created_s;
}

/* --- checks, in order; each refuses with its reason --- */

static bool name_check(const struct replica *replica, const struct replica_entry *entry,
                       struct draft *draft)
{
    struct bytes name = entry_name(&replica->attributes, entry, ROLE_USER_NAME);

    if (!name.at)
        return refuse(draft, REASON_ACCOUNT_INVALID, "no login name, or several");
    if (!name_is_usable(name))
        return refuse(draft, REASON_ACCOUNT_INVALID, "the login name may not be used");
    draft->name = name;
    if (replica_list_role(replica, ROLE_USER_NAME, name).n != 1)
        return refuse(draft, REASON_ACCOUNT_INVALID, "several entries have the login name");
    if (index_find(&replica->index, INDEX_DN, entry_key(entry)).n != 1)
        return refuse(draft, REASON_ACCOUNT_INVALID, "several entries have the DN");
    return text_is_clean(replica_entry_dn(entry)) ||
           refuse(draft, REASON_ACCOUNT_INVALID, "the DN may not be used");
}

/* The host's accounts are its own: an entry with the name or the id of one would be that one. */
static bool local_check(const struct replica *replica, struct draft *draft)
{
    const struct local_names *users = replica->options.local_users;
    const struct local_names *groups = replica->options.local_groups;

    if (!local_names_known(users) || !local_names_known(groups))
        return refuse(draft, REASON_ACCOUNT_INVALID, "the accounts of this host are not known");
    if (local_names_has(users, draft->name))
        return refuse(draft, REASON_ACCOUNT_INVALID, "%.*s is an account of this host",
                      (int)draft->name.len, draft->name.at);
    if (local_names_has_id(users, draft->uid))
        return refuse(draft, REASON_ACCOUNT_INVALID, "uid %u is an account of this host",
                      draft->uid);
    if (local_names_has_id(groups, draft->gid))
        return refuse(draft, REASON_ACCOUNT_INVALID, "gid %u is a group of this host", draft->gid);
    return true;
}

static bool ids_check(const struct replica *replica, const struct replica_entry *entry,
                      struct draft *draft)
{
    struct entry_values uid = entry_role(&replica->attributes, entry, ROLE_USER_UID);
    struct entry_values gid = entry_role(&replica->attributes, entry, ROLE_USER_GID);
    uint32_t min_id = replica->options.min_id;

    if (uid.n != 1 || !id_parse(values_get(uid, 0), min_id, &draft->uid))
        return refuse(draft, REASON_ACCOUNT_INVALID, "no uid, or one below %u", min_id);
    if (gid.n != 1 || !id_parse(values_get(gid, 0), min_id, &draft->gid))
        return refuse(draft, REASON_ACCOUNT_INVALID, "no gid, or one below %u", min_id);
    if (replica_list_role(replica, ROLE_USER_UID, values_get(uid, 0)).n != 1)
        return refuse(draft, REASON_ACCOUNT_INVALID, "several entries have uid %u", draft->uid);
    if (index_find(&replica->index, INDEX_GROUP_GID, values_get(gid, 0)).n > 1)
        return refuse(draft, REASON_ACCOUNT_INVALID, "several groups have gid %u", draft->gid);
    return true;
}

static bool closure_has(const struct closure *closure, const struct replica_entry *group)
{
    for (size_t i = 0; i < closure->n; i++)
        if (closure->at[i] == group)
            return true;
    return false;
}

static bool group_name_is_usable(struct bytes name)
{
    return name.len > 0 && name.len <= REPLICA_GROUP_NAME_MAX && text_is_clean(name);
}

/* A name that two groups share says nothing unless the user is in both. */
static bool group_names_check(const struct replica *replica, struct draft *draft)
{
    for (size_t i = 0; i < draft->closure.n; i++) {
        struct bytes name = entry_name(&replica->attributes, draft->closure.at[i], ROLE_GROUP_NAME);
        struct index_list twins =
            replica_list(replica, INDEX_GROUP_NAME, role_match(ROLE_GROUP_NAME), name);

        if (!group_name_is_usable(name))
            return refuse(draft, REASON_ACCOUNT_INVALID, "a group has no usable name");
        for (size_t t = 0; t < twins.n; t++)
            if (!closure_has(&draft->closure, twins.at[t]))
                return refuse(draft, REASON_ACCOUNT_INVALID, "several groups have the name %.*s",
                              (int)name.len, name.at);
    }
    return true;
}

static bool groups_check(const struct replica *replica, const struct replica_entry *entry,
                         struct draft *draft)
{
    struct error err;

    if (!closure_of_user(replica, entry, draft->name, &draft->closure, &err))
        return refuse(draft, err.reason, "%s", err.detail);
    if (group_names_check(replica, draft))
        return true;
    closure_clear(&draft->closure);
    return false;
}

/* --- one block of memory --- */

struct memory {
    struct account account;
    struct account_group groups[];
};

static const char *pool_text(char **pool, struct bytes text)
{
    char *at = *pool;

    if (text.len)
        memcpy(at, text.at, text.len);
    at[text.len] = '\0';
    *pool += text.len + 1;
    return at;
}

static size_t groups_len(const struct replica *replica, const struct closure *closure)
{
    size_t len = 0;

    for (size_t i = 0; i < closure->n; i++)
        len += entry_name(&replica->attributes, closure->at[i], ROLE_GROUP_NAME).len + 1;
    return len;
}

static uint32_t written_gid(const struct replica *replica, const struct replica_entry *group)
{
    struct entry_values gid = entry_role(&replica->attributes, group, ROLE_GROUP_GID);
    uint32_t id = 0;

    if (gid.n != 1 || !id_parse(values_get(gid, 0), replica->options.min_id, &id))
        return 0;
    return id;
}

/* Groups that sudoers and daemons give rights to by name, also where the host has none of them. */
static const char *const powerful_groups[] = {"root", "sudo", "wheel", "docker"};

bool replica_group_is_local(const struct replica *replica, const struct replica_entry *entry)
{
    struct bytes name = entry_name(&replica->attributes, entry, ROLE_GROUP_NAME);
    uint32_t gid = written_gid(replica, entry);

    for (size_t i = 0; i < ARRAY_LEN(powerful_groups); i++)
        if (text_equal_nocase(name, bytes_of(powerful_groups[i])))
            return true;
    return local_names_has(replica->options.local_groups, name) ||
           (gid != 0 && local_names_has_id(replica->options.local_groups, gid));
}

/* 0 when there is none that may be used. */
static uint32_t group_gid(const struct replica *replica, const struct replica_entry *group)
{
    return replica_group_is_local(replica, group) ? 0 : written_gid(replica, group);
}

bool replica_group(const struct replica *replica, const struct replica_entry *entry,
                   struct account_group *ret_group, char ret_name[REPLICA_GROUP_NAME_MAX + 1])
{
    struct bytes name = entry_name(&replica->attributes, entry, ROLE_GROUP_NAME);

    if (!group_name_is_usable(name))
        return false;
    memcpy(ret_name, name.at, name.len);
    ret_name[name.len] = '\0';
    *ret_group = (struct account_group){ret_name, group_gid(replica, entry)};
    return true;
}

static void groups_fill(const struct replica *replica, const struct closure *closure,
                        struct memory *memory, char **pool)
{
    for (size_t i = 0; i < closure->n; i++) {
        struct account_group *group = &memory->groups[i];

        group->name =
            pool_text(pool, entry_name(&replica->attributes, closure->at[i], ROLE_GROUP_NAME));
        group->gid = group_gid(replica, closure->at[i]);
    }
    memory->account.groups = memory->groups;
    memory->account.n_groups = closure->n;
}

static struct account *account_make(const struct replica *replica,
                                    const struct replica_entry *entry, const struct draft *draft,
                                    int64_t until_s)
{
    struct bytes dn = replica_entry_dn(entry);
    size_t len = draft->name.len + draft->home.len + draft->shell.len + strlen(draft->gecos) +
                 strlen(draft->detail) + dn.len + 6 + groups_len(replica, &draft->closure);
    struct memory *memory =
        memory_new(1, sizeof(*memory) + draft->closure.n * sizeof(memory->groups[0]) + len);
    char *pool = (char *)&memory->groups[draft->closure.n];
    struct account *account = &memory->account;

    account->name = pool_text(&pool, draft->name);
    account->dn = pool_text(&pool, dn);
    account->uuid = entry->uuid;
    account->uid = draft->uid;
    account->gid = draft->gid;
    account->home = pool_text(&pool, draft->home);
    account->shell = pool_text(&pool, draft->shell);
    account->gecos = pool_text(&pool, bytes_of(draft->gecos));
    account->created_s = created_of(&replica->attributes, entry);
    account->reason = draft->reason;
    account->detail = pool_text(&pool, bytes_of(draft->detail));
    account->state_until_s = until_s;
    groups_fill(replica, &draft->closure, memory, &pool);
    return account;
}

struct account *replica_account(const struct replica *replica, const struct replica_entry *entry,
                                int64_t now_s)
{
    struct draft draft = {.reason = REASON_OK};
    struct state state = state_of(&replica->attributes, entry, now_s);
    struct account *account;

    draft.home = home_of(&replica->attributes, entry);
    draft.shell = shell_of(&replica->attributes, entry);
    gecos_fill(&replica->attributes, entry, draft.gecos);
    if (!name_check(replica, entry, &draft) || !ids_check(replica, entry, &draft) ||
        !local_check(replica, &draft) || !groups_check(replica, entry, &draft))
        state.until_s = REPLICA_NEVER;
    else if (state.reason != REASON_OK)
        (void)refuse(&draft, state.reason, "%s", state.detail);
    account = account_make(replica, entry, &draft, state.until_s);
    closure_clear(&draft.closure);
    return account;
}

static bool groups_equal(const struct account *a, const struct account *b)
{
    for (size_t i = 0; i < a->n_groups; i++)
        if (a->groups[i].gid != b->groups[i].gid ||
            strcmp(a->groups[i].name, b->groups[i].name) != 0)
            return false;
    return true;
}

bool account_equal(const struct account *a, const struct account *b)
{
    return a->uid == b->uid && a->gid == b->gid && a->created_s == b->created_s &&
           a->reason == b->reason && a->state_until_s == b->state_until_s &&
           a->n_groups == b->n_groups && memcmp(&a->uuid, &b->uuid, sizeof(a->uuid)) == 0 &&
           strcmp(a->name, b->name) == 0 && strcmp(a->dn, b->dn) == 0 &&
           strcmp(a->home, b->home) == 0 && strcmp(a->shell, b->shell) == 0 &&
           strcmp(a->gecos, b->gecos) == 0 && strcmp(a->detail, b->detail) == 0 &&
           groups_equal(a, b);
}

struct account *account_free(struct account *account)
{
    free(account); /* the first member of its block */
    return NULL;
}

bool account_in_group(const struct account *account, struct bytes name)
{
    for (size_t i = 0; i < account->n_groups; i++)
        if (text_equal_nocase(bytes_of(account->groups[i].name), name))
            return true;
    return false;
}
