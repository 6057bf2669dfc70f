/*
 * Reads LDIF (RFC 2849): lines are unfolded and base64 is decoded in place in one private copy, so
 * that values need no memory of their own. Runs in directory and the command line, on a file that
 * an administrator wrote: trusted as content, not as form.
 */
#include "ldap/ldif.h"

#include "common/text.h"
#include "ldap/dn.h"
#include "ldap/entry.h"
#include "ldap/memory.h"

#define uthash_fatal(msg) abort()
#include <uthash.h>

enum { UUID_TEXT_LEN = 36 };

/* An entry's uuid, to refuse the same entry twice. */
struct seen {
    UT_hash_handle hh;
    struct replica_uuid uuid;
};

struct ldif {
    uint8_t *at, *end; /* what is left of the copy */
    uint32_t line;     /* of what was read last, for errors */
    const struct feed *feed;
    struct bytes dn;
    uint32_t dn_line;
    struct replica_value *values;
    size_t n_values, room;
    struct seen *seen;
};

/* One logical line: attribute and decoded value; no attribute: a blank line or the end. */
struct attrval {
    struct bytes attribute, value;
};

static bool broken(const struct ldif *ldif, struct error *err, const char *what)
{
    return err_set(err, REASON_FILE_MALFORMED, "line %u: %s", ldif->line, what);
}

/* --- lines --- */

/* The next physical line without its end, which is passed. */
static struct bytes line_take(struct ldif *ldif)
{
    uint8_t *start = ldif->at;
    uint8_t *end = memchr(start, '\n', (size_t)(ldif->end - start));
    size_t len = (size_t)((end ? end : ldif->end) - start);

    ldif->at = end ? end + 1 : ldif->end;
    ldif->line++;
    if (len > 0 && start[len - 1] == '\r')
        len--;
    return (struct bytes){start, len};
}

/* A line with its continuations (they begin with one space) moved up behind it. */
static struct bytes line_unfold(struct ldif *ldif)
{
    struct bytes line = line_take(ldif);
    uint8_t *to = (uint8_t *)line.at + line.len;

    while (ldif->at < ldif->end && *ldif->at == ' ') {
        struct bytes more = line_take(ldif);
        memmove(to, more.at + 1, more.len - 1);
        to += more.len - 1;
    }
    return (struct bytes){line.at, (size_t)(to - line.at)};
}

static int base64_value(uint8_t c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c ? strchr(digits, c) : NULL;

    return found ? (int)(found - digits) : -1;
}

/* Decodes in place; strict: whole groups, '=' only at the end, no stray bits. */
static bool base64_decode(struct bytes *text)
{
    uint8_t *out = (uint8_t *)text->at;
    size_t len = text->len, out_len = 0;
    uint32_t bits = 0;
    unsigned n_bits = 0;

    if (len % 4 != 0)
        return false;
    for (int i = 0; i < 2 && len > 0 && text->at[len - 1] == '='; i++)
        len--;
    for (size_t i = 0; i < len; i++) {
        int value = base64_value(text->at[i]);
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            out[out_len++] = (uint8_t)(bits >> n_bits);
        }
    }
    text->len = out_len;
    return (bits & ((1u << n_bits) - 1)) == 0;
}

/* attrval-spec := description (':' | '::') FILL value */
static bool attrval_parse(struct ldif *ldif, struct bytes line, struct attrval *ret_attrval,
                          struct error *err)
{
    const uint8_t *colon = memchr(line.at, ':', line.len), *end = line.at + line.len, *at;
    char name[REPLICA_ATTRIBUTE_MAX];
    bool base64 = false;

    if (!colon)
        return broken(ldif, err, "no ':' behind an attribute");
    ret_attrval->attribute = (struct bytes){line.at, (size_t)(colon - line.at)};
    if (!attribute_name_of(ret_attrval->attribute, name))
        return broken(ldif, err, "no attribute name");
    at = colon + 1;
    if (at < end && *at == '<')
        return broken(ldif, err, "values from URLs are not taken");
    if (at < end && *at == ':') {
        base64 = true;
        at++;
    }
    while (at < end && *at == ' ')
        at++;
    ret_attrval->value = (struct bytes){at, (size_t)(end - at)};
    if (base64 && !base64_decode(&ret_attrval->value))
        return broken(ldif, err, "no base64");
    if (!base64 && ret_attrval->value.len && memchr(at, '\0', ret_attrval->value.len))
        return broken(ldif, err, "NUL in a value");
    return true;
}

/* Passes comments. */
static bool attrval_next(struct ldif *ldif, struct attrval *ret_attrval, struct error *err)
{
    *ret_attrval = (struct attrval){{NULL, 0}, {NULL, 0}};
    while (ldif->at < ldif->end) {
        struct bytes line = line_unfold(ldif);
        if (line.len == 0)
            return true;
        if (line.at[0] != '#')
            return attrval_parse(ldif, line, ret_attrval, err);
    }
    return true;
}

/* --- entries --- */

static bool uuid_parse(struct bytes text, struct replica_uuid *ret_uuid)
{
    char digits[2 * sizeof(ret_uuid->octets)];
    size_t n = 0, len;

    if (text.len != UUID_TEXT_LEN)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash != (text.at[i] == '-'))
            return false;
        if (!dash)
            digits[n++] = (char)text.at[i];
    }
    return text_unhex((struct bytes){(const uint8_t *)digits, n}, ret_uuid->octets, &len);
}

/* FNV-1a with two offsets: the same DN always has the same uuid. Not for secrets; a clash is an
 * error. */
static struct replica_uuid uuid_of_dn(const struct dn *dn)
{
    uint64_t halves[2] = {UINT64_C(0xcbf29ce484222325), UINT64_C(0x9ae16a3b2f90404f)};
    struct replica_uuid uuid;

    for (size_t i = 0; i < dn->len; i++)
        for (size_t h = 0; h < 2; h++)
            halves[h] = (halves[h] ^ dn->text[i]) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < sizeof(uuid.octets); i++)
        uuid.octets[i] = (uint8_t)(halves[i / 8] >> (8 * (i % 8)));
    return uuid;
}

static bool uuid_find(struct ldif *ldif, struct replica_uuid *ret_uuid, struct error *err)
{
    struct dn dn;

    for (size_t i = 0; i < ldif->n_values; i++) {
        if (!text_equal_nocase(ldif->values[i].attribute, bytes_of("entryUUID")))
            continue;
        if (!uuid_parse(ldif->values[i].value, ret_uuid))
            return broken(ldif, err, "entryUUID is no UUID");
        return true;
    }
    if (!dn_normalise(ldif->dn, &dn))
        return broken(ldif, err, "the DN is malformed");
    *ret_uuid = uuid_of_dn(&dn);
    return true;
}

static bool uuid_see(struct ldif *ldif, const struct replica_uuid *uuid, struct error *err)
{
    struct seen *found;

    HASH_FIND(hh, ldif->seen, uuid, sizeof(*uuid), found);
    if (found)
        return broken(ldif, err, "the entry has been there before");
    found = memory_new(1, sizeof(*found));
    found->uuid = *uuid;
    HASH_ADD(hh, ldif->seen, uuid, sizeof(found->uuid), found);
    return true;
}

static bool record_put(struct ldif *ldif, struct error *err)
{
    struct replica_record record = {
        .dn = ldif->dn, .values = ldif->values, .n_values = ldif->n_values};

    uint32_t line = ldif->line;

    ldif->line = ldif->dn_line; /* what is wrong now is the entry */
    if (!uuid_find(ldif, &record.uuid, err) || !uuid_see(ldif, &record.uuid, err))
        return false;
    ldif->line = line;
    if (!ldif->feed->put(ldif->feed->context, &record, err))
        return err_in(err, "line %u", ldif->dn_line);
    return true;
}

static void values_add(struct ldif *ldif, const struct attrval *attrval)
{
    if (ldif->n_values == ldif->room) {
        ldif->room = ldif->room ? ldif->room * 2 : 64;
        ldif->values = memory_grow(ldif->values, ldif->room, sizeof(ldif->values[0]));
    }
    ldif->values[ldif->n_values++] = (struct replica_value){attrval->attribute, attrval->value};
}

static bool is(const struct attrval *attrval, const char *name)
{
    return text_equal_nocase(attrval->attribute, bytes_of(name));
}

/* The values behind a dn line, up to a blank line; then the entry is put. */
static bool record_read(struct ldif *ldif, const struct attrval *first, struct error *err)
{
    struct attrval attrval;

    if (!is(first, "dn"))
        return broken(ldif, err, "a record begins with dn:");
    ldif->dn = first->value;
    ldif->dn_line = ldif->line;
    ldif->n_values = 0;
    for (;;) {
        if (!attrval_next(ldif, &attrval, err))
            return false;
        if (attrval.attribute.len == 0)
            break;
        if (is(&attrval, "dn"))
            return broken(ldif, err, "no blank line before dn:");
        if (is(&attrval, "changetype") || is(&attrval, "control"))
            return broken(ldif, err, "change records are not taken");
        values_add(ldif, &attrval);
    }
    if (ldif->n_values == 0)
        return broken(ldif, err, "an entry without attributes");
    return record_put(ldif, err);
}

static bool file_read(struct ldif *ldif, struct error *err)
{
    struct attrval attrval;
    bool first = true;

    while (ldif->at < ldif->end) {
        if (!attrval_next(ldif, &attrval, err))
            return false;
        if (attrval.attribute.len == 0)
            continue;
        if (first && is(&attrval, "version")) {
            if (!bytes_equal(attrval.value, bytes_of("1")))
                return broken(ldif, err, "only version 1 is known");
        } else if (!record_read(ldif, &attrval, err)) {
            return false;
        }
        first = false;
    }
    return true;
}

static void ldif_clear(struct ldif *ldif)
{
    struct seen *at, *next;

    HASH_ITER(hh, ldif->seen, at, next)
    {
        HASH_DEL(ldif->seen, at);
        free(at);
    }
    free(ldif->values);
}

bool ldif_feed(struct bytes text, const struct feed *feed, int64_t as_of_ms, struct error *err)
{
    AUTO(octets_freep) unsigned char *copy = NULL;
    struct ldif ldif = {.feed = feed};
    bool done;

    if (text.len > LDIF_MAX)
        return err_set(err, REASON_FILE_TOO_LARGE, "LDIF of %zu octets", text.len);
    copy = memory_new(text.len, 1);
    if (text.len)
        memcpy(copy, text.at, text.len);
    ldif.at = copy;
    ldif.end = copy + text.len;
    feed->refresh(feed->context, true);
    done = file_read(&ldif, err);
    ldif_clear(&ldif);
    if (!done) {
        feed->abandon(feed->context);
        return false;
    }
    return feed->consistent(feed->context, as_of_ms, (struct bytes){NULL, 0}, FEED_ABSENT_GONE,
                            err);
}
