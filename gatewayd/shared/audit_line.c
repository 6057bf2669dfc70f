/*
 * One line of the audit log and the names of its files. Runs in audit (on its own last lines after
 * a restart) and in gatewayctl; trusts nothing that it reads: a log may have been edited.
 */
#include "gatewayd/shared/audit_chain.h"

#include "common/text.h"

#include <stdio.h>

static const char name_head[] = "audit-", name_tail[] = ".jsonl";
enum { NAME_DIGITS = 20 };

void audit_name_format(uint64_t seq, char out[AUDIT_NAME_LEN + 1])
{
    (void)snprintf(out, AUDIT_NAME_LEN + 1, "%s%020llu%s", name_head, (unsigned long long)seq,
                   name_tail);
}

bool audit_name_parse(struct bytes name, uint64_t *ret_seq)
{
    const size_t head = sizeof(name_head) - 1, tail = sizeof(name_tail) - 1;
    struct bytes digits;

    if (name.len != AUDIT_NAME_LEN || memcmp(name.at, name_head, head) != 0 ||
        memcmp(name.at + head + NAME_DIGITS, name_tail, tail) != 0)
        return false;
    digits = (struct bytes){name.at + head, NAME_DIGITS};
    while (digits.len > 1 && digits.at[0] == '0')
        digits = (struct bytes){digits.at + 1, digits.len - 1};
    return text_u64(digits, ret_seq);
}

bool audit_next_line(struct bytes *rest, struct bytes *ret_line)
{
    const uint8_t *end = rest->len > 0 ? memchr(rest->at, '\n', rest->len) : NULL;

    if (!end)
        return false;
    *ret_line = (struct bytes){rest->at, (size_t)(end - rest->at)};
    *rest = (struct bytes){end + 1, rest->len - ret_line->len - 1};
    return true;
}

bool audit_key_parse(struct bytes key, uint64_t *ret_epoch, uint64_t *ret_counter)
{
    const uint8_t *dot = key.len > 0 ? memchr(key.at, '.', key.len) : NULL;
    uint64_t epoch, counter;
    size_t before;

    if (!dot)
        return false;
    before = (size_t)(dot - key.at);
    if (!text_u64((struct bytes){key.at, before}, &epoch) ||
        !text_u64((struct bytes){dot + 1, key.len - before - 1}, &counter))
        return false;
    *ret_epoch = epoch;
    *ret_counter = counter;
    return true;
}

/* --- a strict walk over canonical JSON -------------------------------------------------------- */

struct cursor {
    const uint8_t *at, *end;
    bool broken;
};

static bool take(struct cursor *c, uint8_t octet)
{
    if (c->broken || c->at == c->end || *c->at != octet)
        return false;
    c->at++;
    return true;
}

static void need(struct cursor *c, uint8_t octet)
{
    if (!take(c, octet))
        c->broken = true;
}

/* The octets between the quotes, escapes as they stand. */
static struct bytes text_value(struct cursor *c)
{
    const uint8_t *begin;

    need(c, '"');
    if (c->broken)
        return (struct bytes){NULL, 0};
    for (begin = c->at; c->at < c->end && *c->at != '"'; c->at++) {
        if (*c->at < 0x20)
            break;
        if (*c->at == '\\' && c->end - c->at > 1)
            c->at++;
    }
    need(c, '"');
    if (c->broken)
        return (struct bytes){NULL, 0};
    return (struct bytes){begin, (size_t)(c->at - 1 - begin)};
}

/* An integer, true, false or null. */
static struct bytes word_value(struct cursor *c)
{
    const uint8_t *begin = c->at;
    struct bytes word;

    (void)take(c, '-');
    while (c->at < c->end && ((*c->at >= '0' && *c->at <= '9') || (*c->at >= 'a' && *c->at <= 'z')))
        c->at++;
    word = (struct bytes){begin, (size_t)(c->at - begin)};
    if (word.len == 0 ||
        (begin[0] >= 'a' && !bytes_equal(word, bytes_of("true")) &&
         !bytes_equal(word, bytes_of("false")) && !bytes_equal(word, bytes_of("null"))))
        c->broken = true;
    for (size_t i = 0; i < word.len && begin[0] < 'a'; i++)
        if (begin[i] >= 'a' || (begin[i] == '-' && word.len == 1))
            c->broken = true;
    return word;
}

/* Told of each member of an object on the way; must take its value. */
struct walk;
typedef void member_call(struct walk *walk, struct bytes name);

struct walk {
    struct cursor c;
    unsigned depth;
    struct audit_line line;
    bool has_seq;
};

static void pass_value(struct walk *walk, struct bytes name);

static int compare(struct bytes a, struct bytes b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.at, b.at, len) : 0;

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* Members; those of the record itself in the order of their names, each once. */
static void object_value(struct walk *walk, member_call *member)
{
    struct bytes before = {NULL, 0};
    bool first = true;

    need(&walk->c, '{');
    if (take(&walk->c, '}'))
        return;
    do {
        struct bytes name = text_value(&walk->c);

        need(&walk->c, ':');
        /* Values that decide made (facts, misses) keep the order that it gave them. */
        if (!walk->c.broken && member != pass_value && !first && compare(before, name) >= 0)
            walk->c.broken = true;
        if (walk->c.broken)
            return;
        member(walk, name);
        before = name;
        first = false;
    } while (take(&walk->c, ','));
    need(&walk->c, '}');
}

static void array_value(struct walk *walk)
{
    need(&walk->c, '[');
    if (take(&walk->c, ']'))
        return;
    do
        pass_value(walk, (struct bytes){NULL, 0});
    while (take(&walk->c, ','));
    need(&walk->c, ']');
}

/* Any value: checked and passed over. The name is of no interest. */
static void pass_value(struct walk *walk, struct bytes name)
{
    uint8_t first = walk->c.at < walk->c.end ? *walk->c.at : 0;

    (void)name;
    if (++walk->depth > AUDIT_LINE_DEPTH)
        walk->c.broken = true;
    if (walk->c.broken)
        return;
    if (first == '"')
        (void)text_value(&walk->c);
    else if (first == '{')
        object_value(walk, pass_value);
    else if (first == '[')
        array_value(walk);
    else
        (void)word_value(&walk->c);
    walk->depth--;
}

static uint64_t number_value(struct walk *walk)
{
    uint64_t value = 0;

    if (!text_u64(word_value(&walk->c), &value))
        walk->c.broken = true;
    return value;
}

static void hash_value(struct walk *walk, struct hash *ret_hash)
{
    struct bytes text = text_value(&walk->c);
    struct hash hash;
    size_t len = 0;

    if (text.len != 2 * HASH_LEN || !text_unhex(text, hash.octets, &len))
        walk->c.broken = true;
    else
        *ret_hash = hash;
}

static void file_member(struct walk *walk, struct bytes name)
{
    if (bytes_equal(name, bytes_of("prev")))
        walk->line.file_prev = text_value(&walk->c);
    else if (bytes_equal(name, bytes_of("torn")))
        walk->line.file_torn = text_value(&walk->c);
    else if (bytes_equal(name, bytes_of("valid")))
        walk->line.file_valid = number_value(walk);
    else
        pass_value(walk, name);
}

static void line_member(struct walk *walk, struct bytes name)
{
    if (bytes_equal(name, bytes_of("ev")))
        walk->line.ev = text_value(&walk->c);
    else if (bytes_equal(name, bytes_of("file")))
        object_value(walk, file_member);
    else if (bytes_equal(name, bytes_of("key")))
        walk->line.key = text_value(&walk->c);
    else if (bytes_equal(name, bytes_of("log")))
        walk->line.log = text_value(&walk->c);
    else if (bytes_equal(name, bytes_of("prev")))
        hash_value(walk, &walk->line.prev);
    else if (bytes_equal(name, bytes_of("sid")))
        walk->line.sid = text_value(&walk->c);
    else if (bytes_equal(name, bytes_of("seq"))) {
        walk->line.seq = number_value(walk);
        walk->has_seq = true;
    } else
        pass_value(walk, name);
}

bool audit_line_parse(struct bytes line, struct audit_line *ret_line, struct error *err)
{
    struct walk walk = {.c = {line.at, line.at + line.len, false},
                        .line = {.file_valid = UINT64_MAX}};

    if (line.len == 0 || line.len > AUDIT_LINE_MAX)
        return err_set(err, REASON_AUDIT_EDITED, "a line of %zu octets", line.len);
    object_value(&walk, line_member);
    if (walk.c.broken || walk.c.at != walk.c.end)
        return err_set(err, REASON_AUDIT_EDITED, "not a record at octet %zu",
                       (size_t)(walk.c.at - line.at));
    if (!walk.has_seq || walk.line.seq == 0)
        return err_set(err, REASON_AUDIT_EDITED, "a record without number");
    *ret_line = walk.line;
    return true;
}
