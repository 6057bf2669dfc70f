/*
 * A replica and its changes as octets: for the memfd between directory and decide, for CHANGE
 * messages and for the snapshot on disk. Decoding trusts nothing: every length is bounded, every
 * entry is checked again as if it came from a server. Layouts in docs/protocol.md, "Replica".
 */
#include "ldap/memory.h"
#include "ldap/replica_state.h"

#include "common/reader.h"

enum { CHANGE_PUT = 1, CHANGE_REMOVE = 2 };
/* "GWR2". "GWR1" had no hosts: with its cookie a server would never send them. */
#define SNAPSHOT_MAGIC 0x47575232u

/* --- entries --- */

/*
 * entry := uuid[16], block16 dn, u8 attributes, attributes * (u8 len, name, u32 values, values *
 * block32 value)
 */
static void entry_encode(const struct replica *replica, const struct replica_entry *entry,
                         struct writer *out)
{
    size_t count = 0;

    for (size_t i = 0; i < replica->attributes.n; i++)
        count += entry_values(entry, (uint8_t)i).n > 0;
    writer_put(out, (struct bytes){entry->uuid.octets, sizeof(entry->uuid.octets)});
    writer_block16(out, replica_entry_dn(entry));
    writer_u8(out, (uint8_t)count);
    for (size_t i = 0; i < replica->attributes.n; i++) {
        struct entry_values values = entry_values(entry, (uint8_t)i);
        struct bytes name = bytes_of(replica->attributes.at[i].name);
        if (values.n == 0)
            continue;
        writer_u8(out, (uint8_t)name.len);
        writer_put(out, name);
        writer_u32(out, (uint32_t)values.n);
        for (size_t v = 0; v < values.n; v++)
            writer_block32(out, values_get(values, v));
    }
}

/* Values of the entry being decoded; the array is used again for the next. */
struct values {
    struct replica_value *at;
    size_t n, room;
};

static bool values_add(struct values *values, struct bytes attribute, struct bytes value)
{
    if (values->n == REPLICA_VALUES_MAX)
        return false;
    if (values->n == values->room) {
        values->room = values->room ? values->room * 2 : 32;
        values->at = memory_grow(values->at, values->room, sizeof(values->at[0]));
    }
    values->at[values->n++] = (struct replica_value){attribute, value};
    return true;
}

static struct replica_record entry_decode(struct reader *r, struct values *values)
{
    struct replica_record record;
    uint8_t count;

    values->n = 0;
    reader_copy(r, record.uuid.octets, sizeof(record.uuid.octets));
    record.dn = reader_block16(r);
    count = reader_u8(r);
    for (unsigned a = 0; a < count && reader_ok(r); a++) {
        struct bytes name = reader_take(r, reader_u8(r));
        uint32_t n = reader_u32(r);
        for (uint32_t v = 0; v < n && reader_ok(r); v++)
            if (!values_add(values, name, reader_block32(r)))
                reader_break(r);
    }
    record.values = values->at;
    record.n_values = values->n;
    return record;
}

/* --- one change --- */

/* change := u8 CHANGE_PUT, entry | u8 CHANGE_REMOVE, uuid[16] */
void replica_encode_put(const struct replica *replica, const struct replica_entry *entry,
                        struct writer *out)
{
    writer_u8(out, CHANGE_PUT);
    entry_encode(replica, entry, out);
}

void replica_encode_remove(const struct replica_uuid *uuid, struct writer *out)
{
    writer_u8(out, CHANGE_REMOVE);
    writer_put(out, (struct bytes){uuid->octets, sizeof(uuid->octets)});
}

static bool apply_put(struct replica *replica, struct reader *r,
                      const struct replica_affected *affected, struct error *err)
{
    struct values values = {NULL, 0, 0};
    struct replica_record record = entry_decode(r, &values);
    bool done = reader_done(r);

    if (done)
        done = replica_put(replica, &record, affected, err);
    else
        (void)err_set(err, REASON_MSG_MALFORMED, "change of the directory");
    free(values.at);
    return done;
}

bool replica_apply(struct replica *replica, struct bytes change,
                   const struct replica_affected *affected, struct error *err)
{
    struct reader r = reader_over(change);
    struct replica_uuid uuid;

    switch (reader_u8(&r)) {
    case CHANGE_PUT:
        return apply_put(replica, &r, affected, err);
    case CHANGE_REMOVE:
        reader_copy(&r, uuid.octets, sizeof(uuid.octets));
        if (!reader_done(&r))
            return err_set(err, REASON_MSG_MALFORMED, "removal of %zu octets", change.len);
        (void)replica_remove(replica, &uuid, affected);
        return true;
    default:
        return err_set(err, REASON_MSG_MALFORMED, "unknown change of the directory");
    }
}

/* --- everything --- */

/*
 * replica := u32 "GWR2", block16 schema, u64 as_of_ms, u8 extras, extras * block16 attribute,
 * u32 entries, entries * entry
 */
void replica_encode(const struct replica *replica, struct writer *out)
{
    writer_u32(out, SNAPSHOT_MAGIC);
    writer_block16(out, bytes_of(replica->options.schema));
    writer_u64(out, (uint64_t)replica->as_of_ms);
    writer_u8(out, (uint8_t)replica->options.n_extra);
    for (size_t i = 0; i < replica->options.n_extra; i++)
        writer_block16(out, bytes_of(replica->options.extra[i]));
    writer_u32(out, (uint32_t)replica_size(replica));
    for (size_t kind = 0; kind < REPLICA_KIND__COUNT; kind++)
        for (const struct replica_entry *entry = replica->first[kind]; entry; entry = entry->next)
            entry_encode(replica, entry, out);
}

struct replica_decoder {
    struct reader reader;
    struct replica *replica;
    struct values values;
    uint32_t left; /* entries still to come */
    bool broken;
};

static bool header_decode(struct reader *r, const struct replica_options *expected,
                          struct replica_options *ret_options, int64_t *ret_as_of_ms,
                          struct error *err)
{
    struct replica_options options = {.schema = expected->schema,
                                      .min_id = expected->min_id,
                                      .local_users = expected->local_users,
                                      .local_groups = expected->local_groups};
    uint32_t magic = reader_u32(r);
    struct bytes schema = reader_block16(r);
    int64_t as_of_ms = (int64_t)reader_u64(r);
    uint8_t count = reader_u8(r);

    if (!reader_ok(r) || magic != SNAPSHOT_MAGIC || as_of_ms < -1)
        return err_set(err, REASON_MSG_MALFORMED, "no snapshot of a directory");
    if (!bytes_equal(schema, bytes_of(expected->schema)))
        return err_set(err, REASON_MSG_MALFORMED, "snapshot of another schema");
    if (count > REPLICA_EXTRA_MAX)
        return err_set(err, REASON_MSG_MALFORMED, "snapshot with %u attributes", count);
    for (; options.n_extra < count; options.n_extra++) {
        struct bytes name = reader_block16(r);
        if (!attribute_name_of(name, options.extra[options.n_extra]))
            return err_set(err, REASON_MSG_MALFORMED, "no attribute name in a snapshot");
    }
    *ret_options = options;
    *ret_as_of_ms = as_of_ms;
    return true;
}

bool replica_decoder_new(const struct replica_options *options, struct bytes in,
                         struct replica_decoder **ret_decoder, struct error *err)
{
    AUTO(replica_decoder_freep) struct replica_decoder *decoder = memory_new(1, sizeof(*decoder));
    struct replica_options found;
    int64_t as_of_ms;

    if (in.len > REPLICA_SNAPSHOT_MAX)
        return err_set(err, REASON_MSG_MALFORMED, "snapshot of %zu octets", in.len);
    decoder->reader = reader_over(in);
    if (!header_decode(&decoder->reader, options, &found, &as_of_ms, err) ||
        !replica_new(&found, &decoder->replica, err))
        return false;
    replica_set_as_of_ms(decoder->replica, as_of_ms);
    decoder->left = reader_u32(&decoder->reader);
    if (decoder->left > REPLICA_ENTRIES_MAX)
        return err_set(err, REASON_MSG_MALFORMED, "snapshot of %u entries", decoder->left);
    *ret_decoder = STEAL(decoder);
    return true;
}

static bool decode_one(struct replica_decoder *decoder, struct error *err)
{
    struct replica *replica = decoder->replica;
    struct replica_record record = entry_decode(&decoder->reader, &decoder->values);
    size_t before = replica_size(replica);

    if (!reader_ok(&decoder->reader))
        return err_set(err, REASON_MSG_MALFORMED, "a snapshot ends too early");
    if (!replica_put(replica, &record, NULL, err))
        return err_in(err, "snapshot");
    if (replica_size(replica) != before + 1)
        return err_set(err, REASON_MSG_MALFORMED, "a snapshot with an entry twice or of no use");
    return true;
}

bool replica_decoder_step(struct replica_decoder *decoder, size_t n_entries, bool *ret_done,
                          struct error *err)
{
    if (decoder->broken)
        return err_set(err, REASON_MSG_MALFORMED, "a snapshot after its error");
    for (; decoder->left > 0 && n_entries > 0; decoder->left--, n_entries--)
        if (!decode_one(decoder, err)) {
            decoder->broken = true;
            return false;
        }
    if (decoder->left == 0 && !reader_done(&decoder->reader)) {
        decoder->broken = true;
        return err_set(err, REASON_MSG_MALFORMED, "octets behind a snapshot");
    }
    *ret_done = decoder->left == 0;
    return true;
}

struct replica *replica_decoder_take(struct replica_decoder *decoder)
{
    return STEAL(decoder->replica);
}

struct replica_decoder *replica_decoder_free(struct replica_decoder *decoder)
{
    if (!decoder)
        return NULL;
    (void)replica_free(decoder->replica);
    free(decoder->values.at);
    free(decoder);
    return NULL;
}

bool replica_decode(const struct replica_options *options, struct bytes in,
                    struct replica **ret_replica, struct error *err)
{
    AUTO(replica_decoder_freep) struct replica_decoder *decoder = NULL;
    bool done = false;

    if (!replica_decoder_new(options, in, &decoder, err) ||
        !replica_decoder_step(decoder, SIZE_MAX, &done, err))
        return false;
    *ret_replica = replica_decoder_take(decoder);
    return true;
}
