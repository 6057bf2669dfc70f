/*
 * The codec of the messages between processes, driven by the field table. Every process runs it on
 * octets of processes that it need not trust: a taken edge may write anything.
 */
#include "gatewayd/shared/messages.h"

#include "common/reader.h"
#include "common/text.h"

#include <stddef.h>

enum field_kind {
    FIELD_U8,
    FIELD_U32,
    FIELD_U64,
    FIELD_I64,
    FIELD_FLAG,
    FIELD_ID,
    FIELD_HASH,
    FIELD_ADDRESS,
    FIELD_TEXT,
    FIELD_BYTES,
    FIELD_REASON,
    FIELD_END,
};

struct field {
    enum field_kind kind;
    size_t offset;
    const char *name; /* of the message's struct and of the field, with the kind */
};

/* One list of fields per message, ended by FIELD_END. */
#define MESSAGE(ID, name, from, to, fds) static const struct field fields_##ID[] = {
#define FIELD(message, kind, name, help)                                                           \
    {FIELD_##kind, offsetof(struct message_##message, name), #kind " " #name},
#define END_MESSAGE(ID)                                                                            \
    {FIELD_END, 0, NULL},                                                                          \
    }                                                                                              \
    ;
#include "gatewayd/shared/message_rows.h"
#undef MESSAGE
#undef FIELD
#undef END_MESSAGE

enum { PROCESS_ANY = PROCESS__COUNT };

static const struct row {
    const char *name;
    int from, to;
    size_t fds;
    const struct field *fields;
} rows[] = {
#define MESSAGE(ID, name, from, to, fds) {#ID, PROCESS_##from, PROCESS_##to, fds, fields_##ID},
#define FIELD(message, kind, name, help)
#define END_MESSAGE(ID)
#include "gatewayd/shared/message_rows.h"
#undef MESSAGE
#undef FIELD
#undef END_MESSAGE
};
_Static_assert(ARRAY_LEN(rows) == MESSAGE__COUNT, "one row per message");

const char *message_name(enum message_id id)
{
    return (unsigned)id < MESSAGE__COUNT ? rows[id].name : "?";
}

size_t message_fds(enum message_id id)
{
    return (unsigned)id < MESSAGE__COUNT ? rows[id].fds : 0;
}

bool message_allowed(enum message_id id, enum process_role from, enum process_role to)
{
    const struct row *row;

    if ((unsigned)id >= MESSAGE__COUNT)
        return false;
    row = &rows[id];
    return (row->from == PROCESS_ANY || row->from == (int)from) &&
           (row->to == PROCESS_ANY || row->to == (int)to);
}

static void encode_address(const struct address *address, struct writer *out)
{
    writer_put(out, (struct bytes){address->octets, sizeof(address->octets)});
    writer_u16(out, address->port);
    writer_u8(out, address->known);
}

/* u8 length and octets; no name of ours has 256. */
static void encode_name(const char *name, struct writer *out)
{
    struct bytes octets = bytes_of(name);

    writer_u8(out, (uint8_t)octets.len);
    writer_put(out, octets);
}

static void encode_field(enum field_kind kind, const void *at, struct writer *out)
{
    switch (kind) {
    case FIELD_U8:
        writer_u8(out, *(const uint8_t *)at);
        break;
    case FIELD_FLAG:
        writer_u8(out, *(const bool *)at);
        break;
    case FIELD_U32:
        writer_u32(out, *(const uint32_t *)at);
        break;
    case FIELD_U64:
        writer_u64(out, *(const uint64_t *)at);
        break;
    case FIELD_I64:
        writer_u64(out, (uint64_t) * (const int64_t *)at);
        break;
    case FIELD_ID:
        writer_put(out, (struct bytes){at, SESSION_ID_LEN});
        break;
    case FIELD_HASH:
        writer_put(out, (struct bytes){at, HASH_LEN});
        break;
    case FIELD_ADDRESS:
        encode_address(at, out);
        break;
    case FIELD_TEXT:
    case FIELD_BYTES:
        writer_block32(out, *(const struct bytes *)at);
        break;
    case FIELD_REASON:
        encode_name(reason_name(*(const uint32_t *)at), out);
        break;
    case FIELD_END:
        break;
    }
}

void message_encode(enum message_id id, const void *msg, struct writer *out)
{
    encode_name(rows[id].name, out);
    for (const struct field *field = rows[id].fields; field->kind != FIELD_END; field++)
        encode_field(field->kind, (const uint8_t *)msg + field->offset, out);
}

static bool decode_flag(struct reader *r)
{
    uint8_t value = reader_u8(r);

    if (value > 1)
        reader_break(r);
    return value == 1;
}

static struct bytes decode_text(struct reader *r)
{
    struct bytes text = reader_block32(r);

    if (!text_is_clean(text))
        reader_break(r);
    return text;
}

static struct address decode_address(struct reader *r)
{
    struct address address;

    memset(&address, 0, sizeof(address));
    reader_copy(r, address.octets, sizeof(address.octets));
    address.port = reader_u16(r);
    address.known = decode_flag(r);
    return address;
}

static struct bytes decode_name(struct reader *r)
{
    return reader_take(r, reader_u8(r));
}

/* One that is not in our table is never taken for another, least of all for OK. */
static uint32_t decode_reason(struct reader *r, bool other_version)
{
    struct bytes name = decode_name(r);
    enum reason reason = REASON_SYSTEM;

    if (!reason_from_name(name, &reason) && !other_version)
        reader_break(r);
    return reason;
}

static void decode_field(enum field_kind kind, struct reader *r, bool other_version, void *at)
{
    switch (kind) {
    case FIELD_U8:
        *(uint8_t *)at = reader_u8(r);
        break;
    case FIELD_FLAG:
        *(bool *)at = decode_flag(r);
        break;
    case FIELD_U32:
        *(uint32_t *)at = reader_u32(r);
        break;
    case FIELD_U64:
        *(uint64_t *)at = reader_u64(r);
        break;
    case FIELD_I64:
        *(int64_t *)at = (int64_t)reader_u64(r);
        break;
    case FIELD_ID:
        reader_copy(r, at, SESSION_ID_LEN);
        break;
    case FIELD_HASH:
        reader_copy(r, at, HASH_LEN);
        break;
    case FIELD_ADDRESS:
        *(struct address *)at = decode_address(r);
        break;
    case FIELD_TEXT:
        *(struct bytes *)at = decode_text(r);
        break;
    case FIELD_BYTES:
        *(struct bytes *)at = reader_block32(r);
        break;
    case FIELD_REASON:
        *(uint32_t *)at = decode_reason(r, other_version);
        break;
    case FIELD_END:
        break;
    }
}

static enum message_id find_row(struct bytes name)
{
    unsigned id = 0;

    while (id < MESSAGE__COUNT && !bytes_equal(bytes_of(rows[id].name), name))
        id++;
    return (enum message_id)id;
}

/* The sender of another version may have fewer fields, and so be done between two of ours. */
static void decode_fields(const struct row *row, struct reader *r, bool other_version,
                          union message *msg)
{
    for (const struct field *field = row->fields; field->kind != FIELD_END; field++)
        if (!other_version || reader_left(r) > 0)
            decode_field(field->kind, r, other_version, (uint8_t *)msg + field->offset);
}

static bool decode(struct bytes in, bool other_version, enum message_id *ret_id,
                   union message *ret_msg, struct error *err)
{
    struct reader r = reader_over(in);
    struct bytes name = decode_name(&r);
    enum message_id id = find_row(name);
    union message msg;

    memset(&msg, 0, sizeof(msg));
    if (!reader_ok(&r) || name.len == 0 || (id == MESSAGE__COUNT && !other_version))
        return err_set(err, REASON_MSG_MALFORMED, "message of %zu octets without a name", in.len);
    if (id < MESSAGE__COUNT) {
        decode_fields(&rows[id], &r, other_version, &msg);
        if (other_version ? !reader_ok(&r) : !reader_done(&r))
            return err_set(err, REASON_MSG_MALFORMED, "%s of %zu octets", rows[id].name, in.len);
    }
    *ret_id = id;
    *ret_msg = msg;
    return true;
}

bool message_decode(struct bytes in, enum message_id *ret_id, union message *ret_msg,
                    struct error *err)
{
    return decode(in, false, ret_id, ret_msg, err);
}

bool message_decode_other(struct bytes in, enum message_id *ret_id, union message *ret_msg,
                          struct error *err)
{
    return decode(in, true, ret_id, ret_msg, err);
}

/* --- versions --------------------------------------------------------------------------------- */

/* FNV-1a: to tell tables apart, not against attackers. */
static uint64_t mix(uint64_t hash, const void *octets, size_t len)
{
    const uint8_t *at = octets;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ at[i]) * 0x100000001b3;
    return hash;
}

uint64_t message_table(void)
{
    uint64_t hash = 0xcbf29ce484222325;

    for (unsigned id = 0; id < MESSAGE__COUNT; id++) {
        hash = mix(hash, rows[id].name, strlen(rows[id].name) + 1);
        for (const struct field *field = rows[id].fields; field->kind != FIELD_END; field++)
            hash = mix(hash, field->name, strlen(field->name) + 1);
    }
    for (enum reason reason = 0; reason < REASON__COUNT; reason++)
        hash = mix(hash, reason_name(reason), strlen(reason_name(reason)) + 1);
    return hash;
}
