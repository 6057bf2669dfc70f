/*
 * Reader of the NSS snapshot. Runs in libnss_mtls inside of any process of the host; trusts nothing
 * of the file but that nobody truncates it while it is mapped. Rows are found by binary search, so
 * a damaged file costs a wrong miss or NSS_BROKEN, never a read outside.
 *
 * All integers big-endian. file := u64 magic, u32 version, u32 header length, u64 file length,
 * u64 generation, i64 built_s, i64 expires_s, u32 users, u32 groups, u32 list entries, u32 octets
 * of texts; user rows by name; u32 row numbers by uid; group rows by name; u32 row numbers by gid;
 * lists of u32; texts, each ending in NUL. user := u32 name, gecos, home, shell (offsets in texts),
 * uid, gid, first list entry, list entries group := u32 name (offset in texts), gid, first list
 * entry, list entries (offsets of member names)
 */
#include "common/nss_snapshot.h"

#include "common/nss_snapshot_layout.h"
#include "common/reader.h"

enum { FUTURE_MAX_S = 60 }; /* a clock that was set back a little is no reason to lose all users */

static bool name_octet(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

bool nss_name_is_valid(struct bytes name)
{
    size_t n = name.len;

    if (n == 0 || n > NSS_NAME_MAX || name.at[0] == '-' || name.at[0] == '.' ||
        bytes_equal(name, bytes_of("root")))
        return false;
    if (n > 1 && name.at[n - 1] == '$') /* machine accounts of a domain */
        n--;
    for (size_t i = 0; i < n; i++)
        if (!name_octet(name.at[i]))
            return false;
    return true;
}

static struct bytes slice(struct bytes in, uint64_t at, uint64_t len)
{
    if (at > in.len || len > in.len - at)
        return (struct bytes){NULL, 0};
    return (struct bytes){in.at + at, (size_t)len};
}

static uint32_t u32_at(struct bytes in, size_t i)
{
    struct reader r = reader_over(slice(in, (uint64_t)i * 4, 4));

    return reader_u32(&r);
}

size_t nss_list_len(struct bytes list)
{
    return list.len / 4;
}

uint32_t nss_list_at(struct bytes list, size_t i)
{
    return u32_at(list, i);
}

/* The tables, in order, must fill the file exactly. */
static bool cut_tables(struct bytes rest, uint64_t n_lists, uint64_t n_texts,
                       struct nss_snapshot *snapshot)
{
    struct {
        struct bytes *table;
        uint64_t len;
    } const tables[] = {
        {&snapshot->users, (uint64_t)snapshot->n_users * NSS_USER_LEN},
        {&snapshot->users_by_id, (uint64_t)snapshot->n_users * 4},
        {&snapshot->groups, (uint64_t)snapshot->n_groups * NSS_GROUP_LEN},
        {&snapshot->groups_by_id, (uint64_t)snapshot->n_groups * 4},
        {&snapshot->lists, n_lists * 4},
        {&snapshot->texts, n_texts},
    };
    uint64_t at = 0;

    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        if (tables[i].len > rest.len - at)
            return false;
        *tables[i].table = slice(rest, at, tables[i].len);
        at += tables[i].len;
    }
    return at == rest.len;
}

bool nss_snapshot_open(struct bytes file, struct nss_snapshot *ret_snapshot, struct error *err)
{
    struct reader r = reader_over(file);
    uint64_t magic = reader_u64(&r);
    uint32_t version = reader_u32(&r), header_len = reader_u32(&r);
    uint64_t file_len = reader_u64(&r);
    struct nss_snapshot snapshot = {0};
    uint32_t n_lists, n_texts;

    snapshot.generation = reader_u64(&r);
    snapshot.built_s = (int64_t)reader_u64(&r);
    snapshot.expires_s = (int64_t)reader_u64(&r);
    snapshot.n_users = reader_u32(&r);
    snapshot.n_groups = reader_u32(&r);
    n_lists = reader_u32(&r);
    n_texts = reader_u32(&r);
    if (!reader_ok(&r) || magic != NSS_MAGIC)
        return err_set(err, REASON_FILE_MALFORMED, "not an NSS snapshot");
    if (version != NSS_VERSION || header_len != NSS_HEADER_LEN)
        return err_set(err, REASON_MSG_VERSION, "NSS snapshot of version %u", version);
    if (file_len != file.len || file.len > NSS_SNAPSHOT_MAX ||
        !cut_tables(reader_take(&r, reader_left(&r)), n_lists, n_texts, &snapshot))
        return err_set(err, REASON_FILE_MALFORMED, "tables do not fit %zu octets", file.len);
    if (n_texts == 0 || snapshot.texts.at[n_texts - 1] != '\0')
        return err_set(err, REASON_FILE_MALFORMED, "texts do not end");
    *ret_snapshot = snapshot;
    return true;
}

bool nss_snapshot_fresh(const struct nss_snapshot *snapshot, int64_t now_s)
{
    return now_s < snapshot->expires_s && snapshot->built_s <= now_s + FUTURE_MAX_S;
}

/* NULL when it does not begin inside; that it ends inside was checked once, in open. */
static const char *text_at(const struct nss_snapshot *snapshot, uint32_t offset)
{
    return offset < snapshot->texts.len ? (const char *)snapshot->texts.at + offset : NULL;
}

static bool list_of(const struct nss_snapshot *snapshot, uint32_t first, uint32_t n,
                    struct bytes *ret_list)
{
    *ret_list = slice(snapshot->lists, (uint64_t)first * 4, (uint64_t)n * 4);
    return n == 0 || ret_list->at;
}

static bool id_is_possible(uint32_t id)
{
    return id != 0 && id != UINT32_MAX;
}

static enum nss_answer user_row(const struct nss_snapshot *snapshot, uint32_t row,
                                struct nss_passwd_row *ret_row)
{
    struct bytes in = slice(snapshot->users, (uint64_t)row * NSS_USER_LEN, NSS_USER_LEN);
    struct nss_passwd_row user = {.name = text_at(snapshot, u32_at(in, 0)),
                                  .gecos = text_at(snapshot, u32_at(in, 1)),
                                  .home = text_at(snapshot, u32_at(in, 2)),
                                  .shell = text_at(snapshot, u32_at(in, 3)),
                                  .uid = u32_at(in, 4),
                                  .gid = u32_at(in, 5)};

    if (!list_of(snapshot, u32_at(in, 6), u32_at(in, 7), &user.groups) || !user.name ||
        !user.gecos || !user.home || !user.shell || !nss_name_is_valid(bytes_of(user.name)) ||
        !id_is_possible(user.uid) || !id_is_possible(user.gid))
        return NSS_BROKEN;
    *ret_row = user;
    return NSS_FOUND;
}

static enum nss_answer group_row(const struct nss_snapshot *snapshot, uint32_t row,
                                 struct nss_group_row *ret_row)
{
    struct bytes in = slice(snapshot->groups, (uint64_t)row * NSS_GROUP_LEN, NSS_GROUP_LEN);
    struct nss_group_row group = {.name = text_at(snapshot, u32_at(in, 0)), .gid = u32_at(in, 1)};

    if (!list_of(snapshot, u32_at(in, 2), u32_at(in, 3), &group.members) || !group.name ||
        !nss_name_is_valid(bytes_of(group.name)) || !id_is_possible(group.gid))
        return NSS_BROKEN;
    *ret_row = group;
    return NSS_FOUND;
}

const char *nss_member_at(const struct nss_snapshot *snapshot, const struct nss_group_row *row,
                          size_t i)
{
    const char *name = text_at(snapshot, u32_at(row->members, i));

    return name && nss_name_is_valid(bytes_of(name)) ? name : NULL;
}

/* Users and groups are searched alike: rows of row_len octets whose name stands first. */
struct table {
    struct bytes rows, by_id;
    uint32_t n;
    size_t row_len, id_field;
};

static struct table users_of(const struct nss_snapshot *snapshot)
{
    return (struct table){snapshot->users, snapshot->users_by_id, snapshot->n_users, NSS_USER_LEN,
                          4};
}

static struct table groups_of(const struct nss_snapshot *snapshot)
{
    return (struct table){snapshot->groups, snapshot->groups_by_id, snapshot->n_groups,
                          NSS_GROUP_LEN, 1};
}

static uint32_t field_of(const struct table *table, uint32_t row, size_t field)
{
    return u32_at(slice(table->rows, (uint64_t)row * table->row_len, table->row_len), field);
}

static enum nss_answer find_name(const struct nss_snapshot *snapshot, const struct table *table,
                                 const char *name, uint32_t *ret_row)
{
    uint32_t low = 0, high = table->n;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const char *there = text_at(snapshot, field_of(table, middle, 0));
        int order = there ? strcmp(name, there) : 0;

        if (!there)
            return NSS_BROKEN;
        if (order == 0) {
            *ret_row = middle;
            return NSS_FOUND;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NSS_ABSENT;
}

static enum nss_answer find_id(const struct table *table, uint32_t id, uint32_t *ret_row)
{
    uint32_t low = 0, high = table->n;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint32_t row = u32_at(table->by_id, middle);
        uint32_t there = row < table->n ? field_of(table, row, table->id_field) : 0;

        if (row >= table->n)
            return NSS_BROKEN;
        if (id == there) {
            *ret_row = row;
            return NSS_FOUND;
        }
        if (id < there)
            high = middle;
        else
            low = middle + 1;
    }
    return NSS_ABSENT;
}

enum nss_answer nss_user_by_name(const struct nss_snapshot *snapshot, const char *name,
                                 struct nss_passwd_row *ret_row)
{
    struct table table = users_of(snapshot);
    uint32_t row = 0;
    enum nss_answer answer = find_name(snapshot, &table, name, &row);

    return answer == NSS_FOUND ? user_row(snapshot, row, ret_row) : answer;
}

enum nss_answer nss_user_by_uid(const struct nss_snapshot *snapshot, uint32_t uid,
                                struct nss_passwd_row *ret_row)
{
    struct table table = users_of(snapshot);
    uint32_t row = 0;
    enum nss_answer answer = find_id(&table, uid, &row);

    return answer == NSS_FOUND ? user_row(snapshot, row, ret_row) : answer;
}

enum nss_answer nss_group_by_name(const struct nss_snapshot *snapshot, const char *name,
                                  struct nss_group_row *ret_row)
{
    struct table table = groups_of(snapshot);
    uint32_t row = 0;
    enum nss_answer answer = find_name(snapshot, &table, name, &row);

    return answer == NSS_FOUND ? group_row(snapshot, row, ret_row) : answer;
}

enum nss_answer nss_group_by_gid(const struct nss_snapshot *snapshot, uint32_t gid,
                                 struct nss_group_row *ret_row)
{
    struct table table = groups_of(snapshot);
    uint32_t row = 0;
    enum nss_answer answer = find_id(&table, gid, &row);

    return answer == NSS_FOUND ? group_row(snapshot, row, ret_row) : answer;
}
