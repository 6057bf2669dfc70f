/*
 * The index of the private CA: a line per certificate. Runs in gatewayctl; the file is its own, but
 * may have been edited by hand, so it is read strictly.
 *
 *     file  := "mtls-ca" TAB "1" TAB crl-number NL line*
 *     line  := serial TAB not-after TAB (revoked-at | "-") TAB subject NL
 *     Times are seconds since 1970, the serial number is lower hex, the subject RFC 4514 text.
 */
#include "cli/ca.h"

#include "common/text.h"

#include <stdio.h>
#include <string.h>

enum { FIELDS = 4 };

void ca_index_clear(struct ca_index *index)
{
    free(index->entries);
    *index = (struct ca_index){.n = 0};
}

/* Cuts off the octets before the separator; all of them when it does not come. */
static struct bytes cut(struct bytes *rest, uint8_t separator)
{
    const uint8_t *at = rest->len > 0 ? memchr(rest->at, separator, rest->len) : NULL;
    struct bytes part = {rest->at, at ? (size_t)(at - rest->at) : rest->len};
    size_t used = part.len + (at ? 1 : 0);

    *rest = (struct bytes){rest->at + used, rest->len - used};
    return part;
}

static bool copy(struct bytes text, char *out, size_t room)
{
    if (text.len == 0 || text.len >= room || !text_is_clean(text))
        return false;
    memcpy(out, text.at, text.len);
    out[text.len] = '\0';
    return true;
}

static bool is_serial(struct bytes text)
{
    if (text.len == 0 || text.len > CA_SERIAL_TEXT_MAX || text.at[0] == '0')
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!(text.at[i] >= '0' && text.at[i] <= '9') && !(text.at[i] >= 'a' && text.at[i] <= 'f'))
            return false;
    return true;
}

static bool time_field(struct bytes text, int64_t *ret_seconds)
{
    uint64_t value;
    bool before_1970 = text.len > 1 && text.at[0] == '-';

    if (before_1970)
        text = (struct bytes){text.at + 1, text.len - 1};
    if (!text_u64(text, &value) || value > INT64_MAX || (before_1970 && value == 0))
        return false;
    *ret_seconds = before_1970 ? -(int64_t)value : (int64_t)value;
    return true;
}

static bool parse_line(struct bytes line, struct ca_entry *ret_entry)
{
    struct ca_entry entry;
    struct bytes field[FIELDS];

    memset(&entry, 0, sizeof(entry));
    for (size_t i = 0; i < FIELDS; i++)
        field[i] = cut(&line, i + 1 < FIELDS ? '\t' : '\n');
    if (!is_serial(field[0]) || !copy(field[0], entry.serial, sizeof(entry.serial)) ||
        !time_field(field[1], &entry.not_after_s) ||
        !copy(field[3], entry.subject, sizeof(entry.subject)))
        return false;
    if (!bytes_equal(field[2], bytes_of("-")) &&
        (!time_field(field[2], &entry.revoked_s) || entry.revoked_s <= 0))
        return false;
    *ret_entry = entry;
    return true;
}

static bool parse_head(struct bytes line, uint64_t *ret_number)
{
    struct bytes name = cut(&line, '\t'), version = cut(&line, '\t');

    return bytes_equal(name, bytes_of("mtls-ca")) && bytes_equal(version, bytes_of("1")) &&
           text_u64(line, ret_number);
}

bool ca_index_add(struct ca_index *index, const struct ca_entry *entry, struct error *err)
{
    if (index->n == CA_ENTRIES_MAX)
        return err_set(err, REASON_LIMIT, "a CA of this kind holds %d certificates",
                       CA_ENTRIES_MAX);
    if (index->n == index->room) {
        size_t room = index->room ? 2 * index->room : 64;
        struct ca_entry *entries = reallocarray(index->entries, room, sizeof(*entries));

        if (!entries)
            return err_set(err, REASON_NO_MEMORY, "index");
        index->entries = entries;
        index->room = room;
    }
    index->entries[index->n++] = *entry;
    return true;
}

bool ca_index_parse(struct bytes text, struct ca_index *ret_index, struct error *err)
{
    AUTO(ca_index_clear) struct ca_index index = {.n = 0};
    uint64_t line = 1;

    if (text.len == 0 || text.at[text.len - 1] != '\n' ||
        !parse_head(cut(&text, '\n'), &index.crl_number))
        return err_set(err, REASON_FILE_MALFORMED, "index line 1");
    while (text.len > 0) {
        struct ca_entry entry;

        line++;
        if (!parse_line(cut(&text, '\n'), &entry))
            return err_set(err, REASON_FILE_MALFORMED, "index line %llu", (unsigned long long)line);
        if (!ca_index_add(&index, &entry, err))
            return false;
    }
    *ret_index = index;
    index = (struct ca_index){.n = 0};
    return true;
}

void ca_index_print(const struct ca_index *index, struct writer *out)
{
    writer_printf(out, "mtls-ca\t1\t%llu\n", (unsigned long long)index->crl_number);
    for (size_t i = 0; i < index->n; i++) {
        const struct ca_entry *entry = &index->entries[i];

        writer_printf(out, "%s\t%lld\t", entry->serial, (long long)entry->not_after_s);
        if (entry->revoked_s > 0)
            writer_printf(out, "%lld", (long long)entry->revoked_s);
        else
            writer_text(out, "-");
        writer_printf(out, "\t%s\n", entry->subject);
    }
}

struct ca_entry *ca_index_find(struct ca_index *index, const char *serial)
{
    while (serial[0] == '0' && serial[1])
        serial++;
    for (size_t i = 0; i < index->n; i++)
        if (text_equal_nocase(bytes_of(index->entries[i].serial), bytes_of(serial)))
            return &index->entries[i];
    return NULL;
}
