/*
 * Codec of the local protocol, driven by protocol_rows.h. Runs in decide, in the modules inside of
 * other people's processes and in the programs; trusts nothing of what it decodes.
 */
#include "common/protocol.h"

#include "common/reader.h"
#include "common/text.h"

#include <stddef.h>

enum field_kind { KIND_TEXT, KIND_NUMBER, KIND_ID, KIND_ROWS };
enum { PLAIN, CRITICAL };

struct field {
    uint16_t tag;
    enum field_kind kind;
    size_t offset; /* of the member in struct protocol_message */
    uint64_t max;
    bool critical;
    const char *name;
};

static const struct field fields[] = {
#define FIELD(tag, member, kind, max, critical, help)                                              \
    {(tag), KIND_##kind, offsetof(struct protocol_message, member), (max), (critical), #member},
#include "common/protocol_rows.h"
};

static const struct protocol_request requests[] = {
#define REQUEST(ID, number, socket, who, deadline_ms)                                              \
    {PROTOCOL_##ID, #ID, SOCKET_##socket, (who), (deadline_ms)},
#include "common/protocol_rows.h"
};

static const struct {
    enum protocol_kind kind;
    const char *name;
} replies[] = {
#define REPLY(ID, number) {PROTOCOL_##ID, #ID},
#include "common/protocol_rows.h"
};

const struct protocol_request *protocol_request_of(enum protocol_kind kind)
{
    for (size_t i = 0; i < ARRAY_LEN(requests); i++)
        if (requests[i].kind == kind)
            return &requests[i];
    return NULL;
}

static const char *reply_name(enum protocol_kind kind)
{
    for (size_t i = 0; i < ARRAY_LEN(replies); i++)
        if (replies[i].kind == kind)
            return replies[i].name;
    return NULL;
}

const char *protocol_kind_name(enum protocol_kind kind)
{
    const struct protocol_request *request = protocol_request_of(kind);
    const char *name = request ? request->name : reply_name(kind);

    return name ? name : "?";
}

static void *member_of(struct protocol_message *msg, const struct field *field)
{
    return (uint8_t *)msg + field->offset;
}

static const void *const_member_of(const struct protocol_message *msg, const struct field *field)
{
    return (const uint8_t *)msg + field->offset;
}

void protocol_message_init(struct protocol_message *msg, enum protocol_kind kind)
{
    memset(msg, 0, sizeof(*msg));
    msg->kind = kind;
    msg->version = PROTOCOL_VERSION;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (fields[i].kind == KIND_NUMBER)
            *(uint64_t *)member_of(msg, &fields[i]) = PROTOCOL_NO_NUMBER;
}

/* ---- writing ---- */

static void put_tag(struct writer *out, const struct field *field)
{
    writer_u16(out, (uint16_t)(field->tag | (field->critical ? PROTOCOL_TAG_CRITICAL : 0)));
}

static void put_text(struct writer *out, const struct field *field, struct bytes text)
{
    if (text.len > field->max || !text_is_clean(text)) {
        out->broken = true;
        return;
    }
    put_tag(out, field);
    writer_block16(out, text);
}

static void put_number(struct writer *out, const struct field *field, uint64_t number)
{
    if (number > field->max) {
        out->broken = true;
        return;
    }
    put_tag(out, field);
    writer_u16(out, sizeof(number));
    writer_u64(out, number);
}

static void put_rows(struct writer *out, const struct field *field,
                     const struct protocol_rows *rows)
{
    if (rows->n > PROTOCOL_ROWS_MAX)
        out->broken = true;
    for (size_t i = 0; i < rows->n && !out->broken; i++)
        put_text(out, field, rows->at[i]);
}

static void put_field(struct writer *out, const struct field *field, const void *member)
{
    static const struct session_id none;

    switch (field->kind) {
    case KIND_TEXT:
        if (((const struct bytes *)member)->len > 0)
            put_text(out, field, *(const struct bytes *)member);
        return;
    case KIND_NUMBER:
        if (*(const uint64_t *)member != PROTOCOL_NO_NUMBER)
            put_number(out, field, *(const uint64_t *)member);
        return;
    case KIND_ID:
        if (session_id_equal(member, &none))
            return;
        put_tag(out, field);
        writer_block16(out,
                       (struct bytes){((const struct session_id *)member)->octets, SESSION_ID_LEN});
        return;
    case KIND_ROWS:
        put_rows(out, field, member);
        return;
    }
}

void protocol_encode(const struct protocol_message *msg, struct writer *out)
{
    bool request = protocol_request_of(msg->kind) != NULL;
    size_t before = out->len;

    if (!request && !reply_name(msg->kind)) {
        out->broken = true;
        return;
    }
    writer_u32(out, PROTOCOL_MAGIC);
    writer_u8(out, msg->version);
    writer_u8(out, (uint8_t)msg->kind);
    writer_u16(out, 0);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        put_field(out, &fields[i], const_member_of(msg, &fields[i]));
    if (out->len - before > (request ? PROTOCOL_REQUEST_MAX : PROTOCOL_REPLY_MAX))
        out->broken = true;
}

/* ---- reading ---- */

static const struct field *field_of(uint16_t tag)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (fields[i].tag == tag)
            return &fields[i];
    return NULL;
}

static bool take_number(const struct field *field, struct bytes value, uint64_t *ret_number)
{
    struct reader r = reader_over(value);
    uint64_t number = reader_u64(&r);

    if (!reader_done(&r) || number > field->max)
        return false;
    *ret_number = number;
    return true;
}

static bool take_row(struct protocol_rows *rows, struct bytes value)
{
    if (rows->n == PROTOCOL_ROWS_MAX)
        return false;
    rows->at[rows->n++] = value;
    return true;
}

/* An absent value is never written, so it is refused here: one meaning, one form. */
static bool take_id(struct bytes value, struct session_id *ret_id)
{
    static const struct session_id none;

    if (value.len != SESSION_ID_LEN || memcmp(value.at, none.octets, SESSION_ID_LEN) == 0)
        return false;
    memcpy(ret_id->octets, value.at, SESSION_ID_LEN);
    return true;
}

/* False when the value breaks the row or the member is already filled. */
static bool take_field(const struct field *field, struct bytes value, void *member)
{
    static const struct session_id none;

    switch (field->kind) {
    case KIND_TEXT:
        if (((struct bytes *)member)->len > 0 || value.len == 0 || value.len > field->max ||
            !text_is_clean(value))
            return false;
        *(struct bytes *)member = value;
        return true;
    case KIND_NUMBER:
        return *(uint64_t *)member == PROTOCOL_NO_NUMBER && take_number(field, value, member);
    case KIND_ID:
        return session_id_equal(member, &none) && take_id(value, member);
    case KIND_ROWS:
        return value.len <= field->max && text_is_clean(value) && take_row(member, value);
    }
    return false;
}

static bool take_fields(struct reader *r, struct protocol_message *msg, struct error *err)
{
    while (reader_left(r) > 0) {
        uint16_t tag = reader_u16(r);
        struct bytes value = reader_block16(r);
        const struct field *field = field_of(tag & (PROTOCOL_TAG_CRITICAL - 1));

        if (!reader_ok(r))
            return err_set(err, REASON_MSG_MALFORMED, "a field runs past the end");
        if (!field && tag & PROTOCOL_TAG_CRITICAL)
            return err_set(err, REASON_MSG_MALFORMED, "unknown critical field 0x%04x", tag);
        if (field && !take_field(field, value, member_of(msg, field)))
            return err_set(err, REASON_MSG_MALFORMED, "field %s of %zu octets", field->name,
                           value.len);
    }
    return true;
}

/* message := u32 magic, u8 version, u8 kind, u16 flags, fields; field := u16 tag, u16 length,
 * octets; docs/protocol.md "Frames" */
static bool decode(struct bytes in, bool request, struct protocol_message *ret_msg,
                   struct error *err)
{
    struct reader r = reader_over(in);
    uint32_t magic = reader_u32(&r);
    uint8_t version = reader_u8(&r), kind = reader_u8(&r);
    uint16_t flags = reader_u16(&r);
    struct protocol_message msg;

    if (!reader_ok(&r) || magic != PROTOCOL_MAGIC ||
        in.len > (request ? PROTOCOL_REQUEST_MAX : PROTOCOL_REPLY_MAX))
        return err_set(err, REASON_MSG_MALFORMED, "no header in %zu octets", in.len);
    if (version < PROTOCOL_VERSION_MIN || version > PROTOCOL_VERSION)
        return err_set(err, REASON_MSG_VERSION, "version %u", version);
    if (flags != 0 || !(request ? (const void *)protocol_request_of(kind) : reply_name(kind)))
        return err_set(err, REASON_MSG_MALFORMED, "kind %u, flags 0x%04x", kind, flags);
    protocol_message_init(&msg, kind);
    msg.version = version;
    if (!take_fields(&r, &msg, err))
        return err_in(err, "%s", protocol_kind_name(kind));
    *ret_msg = msg;
    return true;
}

bool protocol_decode_request(struct bytes in, struct protocol_message *ret_msg, struct error *err)
{
    return decode(in, true, ret_msg, err);
}

bool protocol_decode_reply(struct bytes in, struct protocol_message *ret_msg, struct error *err)
{
    return decode(in, false, ret_msg, err);
}
