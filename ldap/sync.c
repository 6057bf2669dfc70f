/*
 * Codec of content synchronisation (RFC 4533 2.2 to 2.5). Trusts nothing: the server's octets are
 * walked by the bounded reader, definite lengths only, as DER has them.
 */
#include "ldap/sync.h"

#include "common/reader.h"
#include "ldap/memory.h"

enum {
    TAG_BOOLEAN = 0x01,
    TAG_OCTETS = 0x04,
    TAG_ENUM = 0x0a,
    TAG_SEQUENCE = 0x30,
    TAG_SET = 0x31,
    TAG_NEW_COOKIE = 0x80,
    TAG_REFRESH_DELETE = 0xa1,
    TAG_REFRESH_PRESENT = 0xa2,
    TAG_ID_SET = 0xa3,
    MODE_REFRESH_AND_PERSIST = 3,
};

/* SyncRequestValue := SEQUENCE { mode ENUMERATED, cookie OPTIONAL, reloadHint DEFAULT FALSE } */
struct berval *sync_request_encode(struct bytes cookie)
{
    BerElement *ber = ber_alloc_t(LBER_USE_DER);
    struct berval *value = NULL;
    int done;

    if (!ber)
        abort();
    if (cookie.len)
        done = ber_printf(ber, "{eo}", MODE_REFRESH_AND_PERSIST, (const char *)cookie.at,
                          (ber_len_t)cookie.len);
    else
        done = ber_printf(ber, "{e}", MODE_REFRESH_AND_PERSIST);
    if (done < 0 || ber_flatten(ber, &value) < 0)
        abort(); /* out of memory */
    ber_free(ber, 1);
    return value;
}

/* Length octets, X.690 8.1.3; an indefinite length breaks the reader. */
static size_t ber_length(struct reader *r)
{
    uint8_t first = reader_u8(r);
    size_t len = 0;

    if (first < 0x80)
        return first;
    if (first == 0x80 || first > 0x84) {
        reader_break(r);
        return 0;
    }
    for (uint8_t i = first & 0x7f; i > 0; i--)
        len = len << 8 | reader_u8(r);
    return len;
}

/* Content of the next element, which must have that tag. */
static struct bytes ber_take(struct reader *r, uint8_t tag)
{
    if (reader_u8(r) != tag)
        reader_break(r);
    return reader_take(r, ber_length(r));
}

static bool ber_is(const struct reader *r, uint8_t tag)
{
    return reader_left(r) > 0 && *r->at == tag;
}

static struct bytes cookie_take(struct reader *r)
{
    return ber_is(r, TAG_OCTETS) ? ber_take(r, TAG_OCTETS) : (struct bytes){NULL, 0};
}

static bool bool_take(struct reader *r, bool unless)
{
    struct bytes value;

    if (!ber_is(r, TAG_BOOLEAN))
        return unless;
    value = ber_take(r, TAG_BOOLEAN);
    if (value.len != 1) {
        reader_break(r);
        return unless;
    }
    return value.at[0] != 0;
}

static struct replica_uuid uuid_take(struct reader *r)
{
    struct replica_uuid uuid = {{0}};
    struct bytes value = ber_take(r, TAG_OCTETS);

    if (value.len == sizeof(uuid.octets))
        memcpy(uuid.octets, value.at, value.len);
    else
        reader_break(r);
    return uuid;
}

/* syncStateValue := SEQUENCE { state ENUMERATED, entryUUID, cookie OPTIONAL } */
bool sync_state_decode(struct bytes value, struct sync_entry *ret_entry, struct error *err)
{
    struct reader outer = reader_over(value);
    struct reader r = reader_over(ber_take(&outer, TAG_SEQUENCE));
    struct bytes state = ber_take(&r, TAG_ENUM);
    struct sync_entry entry = {.uuid = uuid_take(&r)};

    entry.cookie = cookie_take(&r);
    if (!reader_done(&outer) || !reader_done(&r) || state.len != 1 || state.at[0] > SYNC_DELETE)
        return err_set(err, REASON_DIRECTORY_BAD_ANSWER, "malformed Sync State control");
    entry.state = (enum sync_state)state.at[0];
    *ret_entry = entry;
    return true;
}

static void uuids_take(struct reader *r, struct sync_info *info)
{
    struct reader set = reader_over(ber_take(r, TAG_SET));
    size_t room = reader_left(&set) / (2 + sizeof(info->uuids[0].octets));

    if (room > SYNC_UUIDS_MAX) {
        reader_break(r);
        return;
    }
    info->uuids = memory_new(room, sizeof(info->uuids[0]));
    while (info->n_uuids < room && reader_left(&set) > 0)
        info->uuids[info->n_uuids++] = uuid_take(&set);
    if (!reader_done(&set))
        reader_break(r);
}

/*
 * syncInfoValue := CHOICE { [0] newcookie, [1] refreshDelete { cookie OPTIONAL, refreshDone DEFAULT
 * TRUE }, [2] refreshPresent (the same), [3] syncIdSet { cookie OPTIONAL, refreshDeletes DEFAULT
 * FALSE, SET OF UUID } }
 */
bool sync_info_decode(struct bytes value, struct sync_info *ret_info, struct error *err)
{
    struct reader outer = reader_over(value);
    uint8_t tag = value.len ? value.at[0] : 0;
    struct bytes content = ber_take(&outer, tag);
    struct reader r = reader_over(content);
    struct sync_info info = {.kind = (enum sync_info_kind)(tag & 0x1f)};

    if (tag == TAG_NEW_COOKIE) {
        info.cookie = reader_take(&r, content.len);
    } else if (tag == TAG_REFRESH_DELETE || tag == TAG_REFRESH_PRESENT) {
        info.cookie = cookie_take(&r);
        info.refresh_done = bool_take(&r, true);
    } else if (tag == TAG_ID_SET) {
        info.cookie = cookie_take(&r);
        info.refresh_deletes = bool_take(&r, false);
        uuids_take(&r, &info);
    } else {
        reader_break(&r);
    }
    if (!reader_done(&outer) || !reader_done(&r)) {
        free(info.uuids);
        return err_set(err, REASON_DIRECTORY_BAD_ANSWER, "malformed Sync Info message");
    }
    *ret_info = info;
    return true;
}
