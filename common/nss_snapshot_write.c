/*
 * Writer of the NSS snapshot. Runs in the directory process on entries that the replica has
 * checked; checks again what no host may ever see, since the file speaks for every uid of the
 * machine.
 */
#include "common/nss_snapshot.h"

#include "common/nss_snapshot_layout.h"
#include "common/text.h"

/* A user or a group while it is sorted. */
struct item {
    struct bytes name;
    uint32_t id;
    bool shared; /* another one has its name or id */
    uint32_t text;
    const void *source;
};

struct items {
    struct item *at;
    size_t n;
};

static void items_clear(struct items *items)
{
    free(items->at);
}

struct build {
    const struct nss_content *content;
    struct items users, groups;
    struct writer lists, texts;
};

static bool id_is_valid(uint32_t id)
{
    return id != 0 && id != UINT32_MAX;
}

static bool text_is_valid(struct bytes text)
{
    return text.len <= NSS_TEXT_MAX && text_is_clean(text) &&
           (text.len == 0 || !memchr(text.at, ':', text.len));
}

static bool user_is_valid(const struct nss_user *user)
{
    return nss_name_is_valid(user->name) && id_is_valid(user->uid) && id_is_valid(user->gid) &&
           text_is_valid(user->gecos) && text_is_valid(user->home) && text_is_valid(user->shell) &&
           user->n_groups <= NSS_GROUPS_MAX;
}

/* ---- sorting ---- */

static int bytes_order(struct bytes a, struct bytes b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.at, b.at, len) : 0;

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int name_order(const void *a, const void *b)
{
    return bytes_order(((const struct item *)a)->name, ((const struct item *)b)->name);
}

static int id_order(const void *a, const void *b)
{
    uint32_t left = ((const struct item *)a)->id, right = ((const struct item *)b)->id;

    return (left > right) - (left < right);
}

static void sort(struct items *items, int (*order)(const void *, const void *))
{
    if (items->n > 1)
        qsort(items->at, items->n, sizeof(*items->at), order);
}

static void mark_shared(struct items *items, int (*order)(const void *, const void *))
{
    sort(items, order);
    for (size_t i = 1; i < items->n; i++)
        if (order(&items->at[i - 1], &items->at[i]) == 0)
            items->at[i - 1].shared = items->at[i].shared = true;
}

/* Leaves those that are alone with their name and id, in the order of their names. */
static void keep_unique(struct items *items)
{
    size_t n = 0;

    mark_shared(items, id_order);
    mark_shared(items, name_order);
    for (size_t i = 0; i < items->n; i++)
        if (!items->at[i].shared)
            items->at[n++] = items->at[i];
    items->n = n;
}

static bool collect(struct build *b)
{
    const struct nss_content *content = b->content;

    b->users.at = calloc(content->n_users + 1, sizeof(struct item));
    b->groups.at = calloc(content->n_groups + 1, sizeof(struct item));
    if (!b->users.at || !b->groups.at)
        return false;
    for (size_t i = 0; i < content->n_users; i++) {
        const struct nss_user *user = &content->users[i];

        if (user_is_valid(user))
            b->users.at[b->users.n++] =
                (struct item){.name = user->name, .id = user->uid, .source = user};
    }
    for (size_t i = 0; i < content->n_groups; i++) {
        const struct nss_group *group = &content->groups[i];

        if (nss_name_is_valid(group->name) && id_is_valid(group->gid))
            b->groups.at[b->groups.n++] =
                (struct item){.name = group->name, .id = group->gid, .source = group};
    }
    keep_unique(&b->users);
    keep_unique(&b->groups);
    return true;
}

/* ---- writing ---- */

/* Offset 0 is the empty text. */
static uint32_t put_text(struct writer *texts, struct bytes text)
{
    uint32_t at = (uint32_t)texts->len;

    if (text.len == 0)
        return 0;
    writer_put(texts, text);
    writer_u8(texts, '\0');
    return at;
}

static void put_user(struct build *b, struct item *item, struct writer *rows)
{
    const struct nss_user *user = item->source;
    uint32_t first = (uint32_t)(b->lists.len / 4), n = 0;

    for (size_t i = 0; i < user->n_groups; i++) {
        if (!id_is_valid(user->groups[i]))
            continue;
        writer_u32(&b->lists, user->groups[i]);
        n++;
    }
    item->text = put_text(&b->texts, user->name);
    writer_u32(rows, item->text);
    writer_u32(rows, put_text(&b->texts, user->gecos));
    writer_u32(rows, put_text(&b->texts, user->home));
    writer_u32(rows, put_text(&b->texts, user->shell));
    writer_u32(rows, user->uid);
    writer_u32(rows, user->gid);
    writer_u32(rows, first);
    writer_u32(rows, n);
}

/* A member that is a user of the file shares its text. */
static uint32_t member_text(struct build *b, struct bytes name)
{
    struct item key = {.name = name};
    const struct item *user =
        b->users.n ? bsearch(&key, b->users.at, b->users.n, sizeof(key), name_order) : NULL;

    return user ? user->text : put_text(&b->texts, name);
}

static void put_group(struct build *b, const struct item *item, struct writer *rows)
{
    const struct nss_group *group = item->source;
    uint32_t first = (uint32_t)(b->lists.len / 4), n = 0;
    size_t n_members = group->n_members <= b->content->members_max ? group->n_members : 0;

    for (size_t i = 0; i < n_members; i++) {
        if (!nss_name_is_valid(group->members[i]))
            continue;
        writer_u32(&b->lists, member_text(b, group->members[i]));
        n++;
    }
    writer_u32(rows, put_text(&b->texts, group->name));
    writer_u32(rows, group->gid);
    writer_u32(rows, first);
    writer_u32(rows, n);
}

/* The row numbers in the order of the ids. */
static void put_ids(struct items *items, struct writer *out)
{
    for (size_t i = 0; i < items->n; i++)
        items->at[i].text = (uint32_t)i;
    sort(items, id_order);
    for (size_t i = 0; i < items->n; i++)
        writer_u32(out, items->at[i].text);
}

static void put_header(const struct build *b, size_t file_len, struct writer *out)
{
    writer_u64(out, NSS_MAGIC);
    writer_u32(out, NSS_VERSION);
    writer_u32(out, NSS_HEADER_LEN);
    writer_u64(out, file_len);
    writer_u64(out, b->content->generation);
    writer_u64(out, (uint64_t)b->content->built_s);
    writer_u64(out, (uint64_t)b->content->expires_s);
    writer_u32(out, (uint32_t)b->users.n);
    writer_u32(out, (uint32_t)b->groups.n);
    writer_u32(out, (uint32_t)(b->lists.len / 4));
    writer_u32(out, (uint32_t)b->texts.len);
}

static bool put_all(struct build *b, struct writer *out)
{
    AUTO(writer_clear) struct writer users = writer_new(NSS_SNAPSHOT_MAX);
    AUTO(writer_clear) struct writer groups = writer_new(NSS_SNAPSHOT_MAX);
    size_t ids_len = 4 * (b->users.n + b->groups.n);

    writer_u8(&b->texts, '\0');
    for (size_t i = 0; i < b->users.n; i++)
        put_user(b, &b->users.at[i], &users);
    for (size_t i = 0; i < b->groups.n; i++)
        put_group(b, &b->groups.at[i], &groups);
    if (!writer_ok(&users) || !writer_ok(&groups) || !writer_ok(&b->lists) || !writer_ok(&b->texts))
        return false;
    put_header(b, NSS_HEADER_LEN + users.len + groups.len + ids_len + b->lists.len + b->texts.len,
               out);
    writer_put(out, writer_bytes(&users));
    put_ids(&b->users, out);
    writer_put(out, writer_bytes(&groups));
    put_ids(&b->groups, out);
    writer_put(out, writer_bytes(&b->lists));
    writer_put(out, writer_bytes(&b->texts));
    return writer_ok(out) && out->len <= NSS_SNAPSHOT_MAX;
}

static void build_clear(struct build *b)
{
    items_clear(&b->users);
    items_clear(&b->groups);
    writer_clear(&b->lists);
    writer_clear(&b->texts);
}

bool nss_snapshot_write(const struct nss_content *content, struct writer *out, size_t *ret_dropped,
                        struct error *err)
{
    AUTO(build_clear)
    struct build b = {.content = content,
                      .lists = writer_new(NSS_SNAPSHOT_MAX),
                      .texts = writer_new(NSS_SNAPSHOT_MAX)};

    if (!collect(&b))
        return err_set(err, REASON_NO_MEMORY, "%zu users, %zu groups", content->n_users,
                       content->n_groups);
    if (!put_all(&b, out))
        return err_set(err, REASON_FILE_TOO_LARGE, "NSS snapshot of %zu users, %zu groups",
                       content->n_users, content->n_groups);
    *ret_dropped = content->n_users - b.users.n + content->n_groups - b.groups.n;
    return true;
}
