/*
 * Locks in a text file. Runs in decide; the file belongs to decide alone, and each of its lines is
 * checked all the same: one that is not understood refuses the start instead of lifting a lock.
 *
 * add ID CREATED EXPIRES KIND VALUE MESSAGE WHO     times in seconds, texts in hex, "-" for nothing
 * remove ID CREATED WHO
 */
#include "gatewayd/decide/locks.h"

#include "common/table.h"
#include "common/text.h"
#include "gatewayd/shared/xalloc.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WORDS_MAX = 8 };

static const char *const kind_names[LOCK_KIND__COUNT] = {
    [LOCK_USER] = "user",     [LOCK_GROUP] = "group",     [LOCK_CERTIFICATE] = "certificate",
    [LOCK_ISSUER] = "issuer", [LOCK_SERVICE] = "service", [LOCK_SESSION] = "session",
};

struct entry {
    struct lock lock;
    struct table_link link;
};

struct locks {
    int fd;
    struct entry **at; /* oldest first */
    size_t n, room;
    struct table table; /* by kind and value */
    size_t n_of_kind[LOCK_KIND__COUNT];
};

/* What locks_find looks for. */
struct wanted {
    enum lock_kind kind;
    struct bytes value;
    int64_t now_s;
};

const char *lock_kind_name(enum lock_kind kind)
{
    return (unsigned)kind < LOCK_KIND__COUNT ? kind_names[kind] : "?";
}

bool lock_kind_from_name(struct bytes name, enum lock_kind *ret_kind)
{
    for (size_t i = 0; i < LOCK_KIND__COUNT; i++) {
        if (!bytes_equal(name, bytes_of(kind_names[i])))
            continue;
        *ret_kind = (enum lock_kind)i;
        return true;
    }
    return false;
}

static void lock_clear(struct lock *lock)
{
    free(lock->value);
    free(lock->message);
    free(lock->who);
}

static uint64_t hash_of(enum lock_kind kind, struct bytes value)
{
    return table_hash(value) + (uint64_t)kind * 0x9e3779b97f4a7c15;
}

static void take(struct locks *locks, const struct lock *lock)
{
    struct entry *entry = xcalloc(1, sizeof(*entry));

    if (locks->n == locks->room) {
        locks->room = locks->room ? 2 * locks->room : 16;
        locks->at = xrealloc(locks->at, locks->room, sizeof(struct entry *));
    }
    entry->lock = *lock;
    table_add(&locks->table, &entry->link, hash_of(lock->kind, bytes_of(lock->value)));
    locks->n_of_kind[lock->kind]++;
    locks->at[locks->n++] = entry;
}

/* The caller closes the gap in the array. */
static void drop(struct locks *locks, struct entry *entry)
{
    table_remove(&locks->table, &entry->link);
    locks->n_of_kind[entry->lock.kind]--;
    lock_clear(&entry->lock);
    free(entry);
}

/* locks->n when there is none. */
static size_t find_id(const struct locks *locks, struct bytes id)
{
    size_t i = 0;

    while (i < locks->n && !bytes_equal(bytes_of(locks->at[i]->lock.id), id))
        i++;
    return i;
}

static bool forget(struct locks *locks, struct bytes id)
{
    size_t i = find_id(locks, id);

    if (i == locks->n)
        return false;
    drop(locks, locks->at[i]);
    memmove(&locks->at[i], &locks->at[i + 1], (locks->n - i - 1) * sizeof(struct entry *));
    locks->n--;
    return true;
}

/* --- reading ---------------------------------------------------------------------------------- */

static char *unhex(struct bytes word, size_t max)
{
    char *text = xcalloc(word.len / 2 + 1, 1);
    size_t len = 0;

    if (bytes_equal(word, bytes_of("-")))
        return text;
    if (word.len / 2 <= max && text_unhex(word, (uint8_t *)text, &len) &&
        text_is_clean((struct bytes){(const uint8_t *)text, len}))
        return text;
    free(text);
    return NULL;
}

static bool read_time(struct bytes word, int64_t *ret_time)
{
    uint64_t value;

    *ret_time = INT64_MAX;
    if (bytes_equal(word, bytes_of("-")))
        return true;
    if (!text_u64(word, &value) || value > INT64_MAX)
        return false;
    *ret_time = (int64_t)value;
    return true;
}

static bool read_add(struct locks *locks, const struct bytes words[WORDS_MAX])
{
    struct lock lock = {.value = unhex(words[5], LOCK_VALUE_MAX),
                        .message = unhex(words[6], LOCK_MESSAGE_MAX),
                        .who = unhex(words[7], LOCK_MESSAGE_MAX)};
    bool good = words[1].len == LOCK_ID_LEN && read_time(words[2], &lock.created_s) &&
                read_time(words[3], &lock.expires_s) && lock_kind_from_name(words[4], &lock.kind) &&
                lock.value && lock.message && lock.who;

    if (!good) {
        lock_clear(&lock);
        return false;
    }
    memcpy(lock.id, words[1].at, LOCK_ID_LEN);
    take(locks, &lock);
    return true;
}

static size_t split(struct bytes line, struct bytes words[WORDS_MAX])
{
    size_t n = 0;

    while (n < WORDS_MAX) {
        const uint8_t *space = line.len ? memchr(line.at, ' ', line.len) : NULL;
        size_t len = space ? (size_t)(space - line.at) : line.len;

        words[n++] = (struct bytes){line.at, len};
        if (!space)
            return n;
        line = (struct bytes){space + 1, line.len - len - 1};
    }
    return 0;
}

static bool read_line(struct locks *locks, struct bytes line)
{
    struct bytes words[WORDS_MAX];
    size_t n = split(line, words);

    if (n == WORDS_MAX && bytes_equal(words[0], bytes_of("add")))
        return read_add(locks, words);
    if (n == 4 && bytes_equal(words[0], bytes_of("remove"))) {
        (void)forget(locks, words[1]); /* expired and forgotten ones are removed twice */
        return true;
    }
    return false;
}

static bool read_lines(struct locks *locks, struct bytes text, struct error *err)
{
    size_t number = 0;

    while (text.len > 0) {
        const uint8_t *end = memchr(text.at, '\n', text.len);
        size_t len = end ? (size_t)(end - text.at) : text.len;

        number++;
        if (!end)
            return true;
        if (len > 0 && !read_line(locks, (struct bytes){text.at, len}))
            return err_set(err, REASON_FILE_MALFORMED, "locks: line %zu", number);
        text = (struct bytes){end + 1, text.len - len - 1};
    }
    return true;
}

static bool read_file(int fd, struct writer *out, struct error *err)
{
    uint8_t buffer[65536];
    off_t at = 0;

    for (;;) {
        ssize_t n = pread(fd, buffer, sizeof(buffer), at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(err, REASON_FILE_UNREADABLE, "locks: %m");
        if (n == 0)
            break;
        writer_put(out, (struct bytes){buffer, (size_t)n});
        at += n;
    }
    return writer_ok(out) || err_set(err, REASON_FILE_TOO_LARGE, "locks");
}

/* A line that was cut short goes, so that the next one begins on its own line. */
static bool drop_cut_line(int fd, struct bytes text, struct error *err)
{
    const uint8_t *end = text.len ? memrchr(text.at, '\n', text.len) : NULL;
    size_t whole = end ? (size_t)(end - text.at) + 1 : 0;

    return whole == text.len || ftruncate(fd, (off_t)whole) == 0 ||
           err_set(err, REASON_FILE_WRITE, "locks: %m");
}

bool locks_open(int fd, struct locks **ret_locks, struct error *err)
{
    AUTO(writer_clear) struct writer text = writer_new(LOCKS_FILE_MAX);
    struct locks *locks = xcalloc(1, sizeof(*locks));

    locks->fd = fd;
    if (!read_file(fd, &text, err) || !read_lines(locks, writer_bytes(&text), err) ||
        !drop_cut_line(fd, writer_bytes(&text), err)) {
        (void)locks_free(locks);
        return false;
    }
    *ret_locks = locks;
    return true;
}

struct locks *locks_free(struct locks *locks)
{
    if (!locks)
        return NULL;
    for (size_t i = 0; i < locks->n; i++)
        drop(locks, locks->at[i]);
    table_clear(&locks->table);
    free(locks->at);
    (void)close(locks->fd);
    free(locks);
    return NULL;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void put_hex(struct writer *out, const char *text)
{
    if (text[0] == '\0')
        writer_u8(out, '-');
    for (; *text; text++)
        writer_printf(out, "%02x", (unsigned)(uint8_t)*text);
}

/* The whole line or, as far as the next start is concerned, nothing. */
static bool append(const struct locks *locks, const struct writer *line, struct error *err)
{
    struct bytes octets = writer_bytes(line);
    struct stat info;

    if (octets.len == 0 || fstat(locks->fd, &info) != 0)
        return err_set(err, REASON_FILE_WRITE, "locks: %m");
    if (write(locks->fd, octets.at, octets.len) == (ssize_t)octets.len && fdatasync(locks->fd) == 0)
        return true;
    (void)err_set(err, REASON_FILE_WRITE, "locks: %m");
    (void)!ftruncate(locks->fd, info.st_size); /* else the cut line is passed over at the start */
    return false;
}

static void new_id(char id[LOCK_ID_LEN + 1])
{
    uint8_t octets[LOCK_ID_LEN / 2];

    if (getrandom(octets, sizeof(octets), 0) != (ssize_t)sizeof(octets))
        abort();
    text_hex((struct bytes){octets, sizeof(octets)}, id);
}

bool locks_add(struct locks *locks, const struct lock *lock, char ret_id[LOCK_ID_LEN + 1],
               struct error *err)
{
    AUTO(writer_clear) struct writer line = writer_new(8 * LOCK_VALUE_MAX);
    struct lock copy = *lock;

    if (locks->n >= LOCKS_MAX)
        return err_set(err, REASON_LIMIT, "%d locks", LOCKS_MAX);
    if (lock->value[0] == '\0' || strlen(lock->value) > LOCK_VALUE_MAX ||
        strlen(lock->message) > LOCK_MESSAGE_MAX)
        return err_set(err, REASON_USAGE, "no value, or too long a text");
    new_id(copy.id);
    writer_printf(&line, "add %s %lld ", copy.id, (long long)lock->created_s);
    if (lock->expires_s == INT64_MAX)
        writer_text(&line, "-");
    else
        writer_printf(&line, "%lld", (long long)lock->expires_s);
    writer_printf(&line, " %s ", lock_kind_name(lock->kind));
    put_hex(&line, lock->value);
    writer_u8(&line, ' ');
    put_hex(&line, lock->message);
    writer_u8(&line, ' ');
    put_hex(&line, lock->who);
    writer_u8(&line, '\n');
    if (!append(locks, &line, err))
        return false;
    copy.value = xstrdup(lock->value);
    copy.message = xstrdup(lock->message);
    copy.who = xstrdup(lock->who);
    take(locks, &copy);
    memcpy(ret_id, copy.id, LOCK_ID_LEN + 1);
    return true;
}

bool locks_remove(struct locks *locks, struct bytes id, const char *who, int64_t now_s,
                  struct error *err)
{
    AUTO(writer_clear) struct writer line = writer_new(4 * LOCK_VALUE_MAX);
    size_t i = find_id(locks, id);

    if (i == locks->n)
        return err_set(err, REASON_NOT_FOUND, "lock %.*s", (int)id.len, (const char *)id.at);
    writer_printf(&line, "remove %s %lld ", locks->at[i]->lock.id, (long long)now_s);
    put_hex(&line, who);
    writer_u8(&line, '\n');
    return append(locks, &line, err) && forget(locks, id);
}

static bool is_wanted(const struct table_link *link, const void *key)
{
    const struct lock *lock = &TABLE_OF(link, struct entry, link)->lock;
    const struct wanted *wanted = key;

    return lock->kind == wanted->kind && lock->expires_s > wanted->now_s &&
           bytes_equal(bytes_of(lock->value), wanted->value);
}

const struct lock *locks_find(const struct locks *locks, enum lock_kind kind, struct bytes value,
                              int64_t now_s)
{
    struct wanted wanted = {kind, value, now_s};
    struct table_link *link;

    if (!locks_has(locks, kind))
        return NULL;
    link = table_find(&locks->table, hash_of(kind, value), is_wanted, &wanted);
    return link ? &TABLE_OF(link, struct entry, link)->lock : NULL;
}

bool locks_has(const struct locks *locks, enum lock_kind kind)
{
    return locks && locks->n_of_kind[kind] > 0;
}

const struct lock *locks_at(const struct locks *locks, size_t number)
{
    return locks && number < locks->n ? &locks->at[number]->lock : NULL;
}

void locks_expire(struct locks *locks, int64_t now_s)
{
    size_t n = 0;

    for (size_t i = 0; locks && i < locks->n; i++) {
        if (locks->at[i]->lock.expires_s <= now_s)
            drop(locks, locks->at[i]);
        else
            locks->at[n++] = locks->at[i];
    }
    if (locks)
        locks->n = n;
}
