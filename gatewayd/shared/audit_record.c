/*
 * The audit record on its way from decide to audit, and as a line of the log; both driven by the
 * rows of audit_fields.h. audit runs the decoder and the printer and trusts nothing of what it
 * decodes.
 *
 * Layout: u8 version 1, then for each field that is there, in the order of the rows: u8 number of
 * the row and its value: TEXT and RAW u32 length and octets, NUMBER 8 octets, HASH 32, ID 16,
 * TEXTS u16 count and u16 length and octets each.
 */
#include "gatewayd/shared/audit_record.h"

#include "common/reader.h"
#include "common/text.h"
#include "gatewayd/shared/audit_json.h"

#include <inttypes.h>

enum { RECORD_VERSION = 1, LINE_VERSION = 1 };

enum kind {
    KIND_TEXT,
    KIND_NUMBER,
    KIND_HASH,
    KIND_ID,
    KIND_TEXTS,
    KIND_RAW,
    KIND_STAMP_TEXT,
    KIND_STAMP_HASH,
    KIND_STAMP_NUMBER,
    KIND_STAMP_TIME,
    KIND_STAMP_VERSION,
};

struct field {
    const char *key;
    enum kind kind;
    size_t at; /* in struct audit_record, or in struct audit_stamps for stamps */
};

#define IN_RECORD(kind, member) KIND_##kind, offsetof(struct audit_record, member)
#define PLACE_TEXT(member)      IN_RECORD(TEXT, member)
#define PLACE_NUMBER(member)    IN_RECORD(NUMBER, member)
#define PLACE_HASH(member)      IN_RECORD(HASH, member)
#define PLACE_ID(member)        IN_RECORD(ID, member)
#define PLACE_TEXTS(member)     IN_RECORD(TEXTS, member)
#define PLACE_RAW(member)       IN_RECORD(RAW, member)
#define PLACE_STAMP(member)     STAMP_##member
#define STAMP_boot              KIND_STAMP_TEXT, offsetof(struct audit_stamps, boot)
#define STAMP_host              KIND_STAMP_TEXT, offsetof(struct audit_stamps, host)
#define STAMP_key               KIND_STAMP_TEXT, offsetof(struct audit_stamps, key)
#define STAMP_log               KIND_STAMP_TEXT, offsetof(struct audit_stamps, log)
#define STAMP_producer          KIND_STAMP_TEXT, offsetof(struct audit_stamps, producer)
#define STAMP_prev              KIND_STAMP_HASH, offsetof(struct audit_stamps, prev)
#define STAMP_seq               KIND_STAMP_NUMBER, offsetof(struct audit_stamps, seq)
#define STAMP_ts                KIND_STAMP_TIME, offsetof(struct audit_stamps, ts_ms)
#define STAMP_v                 KIND_STAMP_VERSION, 0

static const struct field fields[] = {
#define AUDIT_FIELD(key, kind, member, help) {key, PLACE_##kind(member)},
#include "gatewayd/shared/audit_fields.h"
#undef AUDIT_FIELD
};
_Static_assert(ARRAY_LEN(fields) < UINT8_MAX, "a field's number is one octet");

void audit_record_init(struct audit_record *record)
{
    memset(record, 0, sizeof(*record));
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (fields[i].kind == KIND_NUMBER)
            *(int64_t *)((uint8_t *)record + fields[i].at) = AUDIT_NO_NUMBER;
}

static bool all_zero(const uint8_t *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (at[i] != 0)
            return false;
    return true;
}

/* Whether the field is written at all: what is empty is left out. */
static bool is_there(const struct field *field, const struct audit_record *record)
{
    const uint8_t *at = (const uint8_t *)record + field->at;

    switch (field->kind) {
    case KIND_TEXT:
    case KIND_RAW:
        return ((const struct bytes *)at)->len > 0;
    case KIND_NUMBER:
        return *(const int64_t *)at != AUDIT_NO_NUMBER;
    case KIND_HASH:
        return !all_zero(at, HASH_LEN);
    case KIND_ID:
        return !all_zero(at, SESSION_ID_LEN);
    case KIND_TEXTS:
        return ((const struct audit_texts *)at)->n > 0;
    default:
        return false;
    }
}

/* --- between decide and audit ----------------------------------------------------------------- */

static void encode_texts(const struct audit_texts *texts, struct writer *out)
{
    writer_u16(out, (uint16_t)texts->n);
    for (size_t i = 0; i < texts->n; i++)
        writer_block16(out, texts->at[i]);
}

static void encode_field(const struct field *field, const struct audit_record *record,
                         struct writer *out)
{
    const uint8_t *at = (const uint8_t *)record + field->at;

    switch (field->kind) {
    case KIND_TEXT:
    case KIND_RAW:
        writer_block32(out, *(const struct bytes *)at);
        break;
    case KIND_NUMBER:
        writer_u64(out, (uint64_t) * (const int64_t *)at);
        break;
    case KIND_HASH:
        writer_put(out, (struct bytes){at, HASH_LEN});
        break;
    case KIND_ID:
        writer_put(out, (struct bytes){at, SESSION_ID_LEN});
        break;
    case KIND_TEXTS:
        encode_texts((const struct audit_texts *)at, out);
        break;
    default:
        break;
    }
}

void audit_record_encode(const struct audit_record *record, struct writer *out)
{
    writer_u8(out, RECORD_VERSION);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (!is_there(&fields[i], record))
            continue;
        writer_u8(out, (uint8_t)i);
        encode_field(&fields[i], record, out);
    }
}

static struct bytes decode_text(struct reader *r, struct bytes text)
{
    if (!text_is_clean(text))
        reader_break(r);
    return text;
}

static void decode_texts(struct reader *r, struct audit_texts *texts)
{
    size_t n = reader_u16(r);

    if (n > AUDIT_TEXTS_MAX) {
        reader_break(r);
        return;
    }
    for (size_t i = 0; i < n && reader_ok(r); i++)
        texts->at[i] = decode_text(r, reader_block16(r));
    texts->n = n;
}

static void decode_field(const struct field *field, struct reader *r, struct audit_record *record)
{
    uint8_t *at = (uint8_t *)record + field->at;

    switch (field->kind) {
    case KIND_TEXT:
        *(struct bytes *)at = decode_text(r, reader_block32(r));
        break;
    case KIND_RAW:
        *(struct bytes *)at = reader_block32(r);
        if (!audit_json_is_value(*(struct bytes *)at))
            reader_break(r);
        break;
    case KIND_NUMBER:
        *(int64_t *)at = (int64_t)reader_u64(r);
        break;
    case KIND_HASH:
        reader_copy(r, at, HASH_LEN);
        break;
    case KIND_ID:
        reader_copy(r, at, SESSION_ID_LEN);
        break;
    case KIND_TEXTS:
        decode_texts(r, (struct audit_texts *)at);
        break;
    default:
        reader_break(r); /* stamps never travel */
        break;
    }
}

bool audit_record_decode(struct bytes in, struct audit_record *ret_record, struct error *err)
{
    struct reader r = reader_over(in);
    struct audit_record record;
    size_t next = 0; /* least number that may follow: each field once, in order */

    audit_record_init(&record);
    if (reader_u8(&r) != RECORD_VERSION)
        reader_break(&r);
    while (reader_left(&r) > 0) {
        size_t number = reader_u8(&r);

        if (number < next || number >= ARRAY_LEN(fields)) {
            reader_break(&r);
            break;
        }
        decode_field(&fields[number], &r, &record);
        /* What is left out when empty must not come empty: one record, one form. */
        if (reader_ok(&r) && !is_there(&fields[number], &record))
            reader_break(&r);
        next = number + 1;
    }
    if (!reader_done(&r))
        return err_set(err, REASON_MSG_MALFORMED, "audit record of %zu octets", in.len);
    *ret_record = record;
    return true;
}

/* --- the line --------------------------------------------------------------------------------- */

static void json_octet(uint8_t c, bool clean, struct writer *out)
{
    static const char short_form[] = "\bb\tt\nn\ff\rr\"\"\\\\";
    const char *at = c ? strchr(short_form, c) : NULL;

    if (c < ' ' || c == '"' || c == '\\') {
        /* Octets and letters alternate; an octet stands at an even place. */
        if (at && (at - short_form) % 2 == 0)
            writer_printf(out, "\\%c", at[1]);
        else
            writer_printf(out, "\\u%04x", c);
    } else if (c >= 0x80 && !clean) {
        writer_text(out, "\xef\xbf\xbd"); /* U+FFFD */
    } else {
        writer_u8(out, c);
    }
}

/* Octets from the start that stand for themselves. */
static size_t plain_run(struct bytes text, bool clean)
{
    size_t len = 0;

    while (len < text.len && text.at[len] >= ' ' && text.at[len] != '"' && text.at[len] != '\\' &&
           (clean || text.at[len] < 0x80))
        len++;
    return len;
}

void audit_json_text(struct bytes text, struct writer *out)
{
    bool clean = text_is_clean(text);

    writer_u8(out, '"');
    while (text.len > 0) {
        size_t run = plain_run(text, clean);

        if (run > 0)
            writer_put(out, (struct bytes){text.at, run});
        else
            json_octet(text.at[0], clean, out);
        run += run == 0;
        text = (struct bytes){text.at + run, text.len - run};
    }
    writer_u8(out, '"');
}

/* HASH_LEN octets or fewer. */
static void print_hex(struct bytes octets, struct writer *out)
{
    char hex[2 * HASH_LEN + 1];

    text_hex(octets, hex);
    writer_u8(out, '"');
    writer_put(out, (struct bytes){(const uint8_t *)hex, 2 * octets.len});
    writer_u8(out, '"');
}

static void print_texts(const struct audit_texts *texts, struct writer *out)
{
    writer_u8(out, '[');
    for (size_t i = 0; i < texts->n; i++) {
        if (i > 0)
            writer_u8(out, ',');
        audit_json_text(texts->at[i], out);
    }
    writer_u8(out, ']');
}

static void print_time(int64_t time_ms, struct writer *out)
{
    char text[32];

    text_format_time_ms(time_ms, text);
    audit_json_text(bytes_of(text), out);
}

static void print_value(enum kind kind, const uint8_t *at, struct writer *out)
{
    switch (kind) {
    case KIND_TEXT:
    case KIND_STAMP_TEXT:
        audit_json_text(*(const struct bytes *)at, out);
        break;
    case KIND_RAW:
        writer_put(out, *(const struct bytes *)at);
        break;
    case KIND_NUMBER:
        writer_printf(out, "%" PRId64, *(const int64_t *)at);
        break;
    case KIND_STAMP_NUMBER:
        writer_printf(out, "%" PRIu64, *(const uint64_t *)at);
        break;
    case KIND_HASH:
    case KIND_STAMP_HASH:
        print_hex((struct bytes){at, HASH_LEN}, out);
        break;
    case KIND_ID:
        print_hex((struct bytes){at, SESSION_ID_LEN}, out);
        break;
    case KIND_TEXTS:
        print_texts((const struct audit_texts *)at, out);
        break;
    case KIND_STAMP_TIME:
        print_time(*(const int64_t *)at, out);
        break;
    case KIND_STAMP_VERSION:
        writer_printf(out, "%d", LINE_VERSION);
        break;
    }
}

/* The object that a key lies in: "cert" of "cert.sha256", nothing of "ev". */
static struct bytes object_of(const char *key)
{
    const char *dot = strchr(key, '.');

    return (struct bytes){(const uint8_t *)key, dot ? (size_t)(dot - key) : 0};
}

struct line {
    struct writer *out;
    struct bytes object; /* the nested object that is open; none when empty */
    bool comma;
};

/* Closes and opens nested objects as the next key needs, and writes its name. */
static void begin_field(struct line *line, const char *key)
{
    struct bytes object = object_of(key);

    if (line->object.len > 0 && !bytes_equal(line->object, object))
        writer_u8(line->out, '}');
    if (line->comma && (object.len == 0 || !bytes_equal(line->object, object)))
        writer_u8(line->out, ',');
    if (object.len > 0 && !bytes_equal(line->object, object)) {
        audit_json_text(object, line->out);
        writer_text(line->out, ":{");
    } else if (object.len > 0) {
        writer_u8(line->out, ',');
    }
    line->object = object;
    line->comma = true;
    audit_json_text(bytes_of(object.len > 0 ? key + object.len + 1 : key), line->out);
    writer_u8(line->out, ':');
}

void audit_record_print(const struct audit_record *record, const struct audit_stamps *stamps,
                        struct writer *out)
{
    struct line line = {.out = out};

    writer_u8(out, '{');
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        bool stamp = fields[i].kind >= KIND_STAMP_TEXT;

        if (!stamp && !is_there(&fields[i], record))
            continue;
        begin_field(&line, fields[i].key);
        print_value(fields[i].kind,
                    (stamp ? (const uint8_t *)stamps : (const uint8_t *)record) + fields[i].at,
                    out);
    }
    writer_text(out, line.object.len > 0 ? "}}" : "}");
}
