/*
 * The codec of mtls-gw/1. Runs in an edge on octets of an authenticated client, and in `mtls` on
 * octets of a gateway; trusts neither.
 */
#include "common/gw1.h"

#include "common/reader.h"
#include "common/text.h"

/* Clean text in which single newlines may separate clean lines. */
static bool lines_are_clean(struct bytes text)
{
    while (text.len > 0) {
        const uint8_t *end = memchr(text.at, '\n', text.len);
        size_t len = end ? (size_t)(end - text.at) : text.len;

        if (!text_is_clean((struct bytes){text.at, len}))
            return false;
        len += end ? 1 : 0;
        text.at += len;
        text.len -= len;
    }
    return true;
}

static bool request_is_good(const struct gw1_request *request)
{
    if (request->name.len > GW1_NAME_MAX || !text_is_clean(request->name))
        return false;
    switch (request->kind) {
    case GW1_CONNECT:
        return true;
    case GW1_WHOAMI:
        return request->name.len == 0;
    }
    return false;
}

static bool status_is_good(const struct gw1_status *status)
{
    return (status->result == GW1_OK || status->result == GW1_DENY) &&
           status->text.len <= GW1_TEXT_MAX && lines_are_clean(status->text);
}

/* request := u8 kind, u16 len, len octets name */
void gw1_request_encode(const struct gw1_request *request, struct writer *out)
{
    if (!request_is_good(request)) {
        out->broken = true;
        return;
    }
    writer_u8(out, (uint8_t)request->kind);
    writer_block16(out, request->name);
}

/* status := u8 result, 16 octets id, u16 len, len octets text */
void gw1_status_encode(const struct gw1_status *status, struct writer *out)
{
    if (!status_is_good(status)) {
        out->broken = true;
        return;
    }
    writer_u8(out, (uint8_t)status->result);
    writer_put(out, (struct bytes){status->id.octets, SESSION_ID_LEN});
    writer_block16(out, status->text);
}

enum gw1_progress gw1_request_decode(struct bytes in, struct gw1_request *ret_request,
                                     size_t *ret_used)
{
    struct reader r = reader_over(in);
    struct gw1_request request = {.kind = (enum gw1_kind)reader_u8(&r)};
    uint16_t len = reader_u16(&r);

    if (in.len >= 1 && request.kind != GW1_CONNECT && request.kind != GW1_WHOAMI)
        return GW1_BAD;
    if (len > GW1_NAME_MAX)
        return GW1_BAD;
    request.name = reader_take(&r, len);
    if (!reader_ok(&r))
        return GW1_MORE;
    if (!request_is_good(&request))
        return GW1_BAD;
    *ret_request = request;
    *ret_used = in.len - reader_left(&r);
    return GW1_DONE;
}

enum gw1_progress gw1_status_decode(struct bytes in, struct gw1_status *ret_status,
                                    size_t *ret_used)
{
    struct reader r = reader_over(in);
    struct gw1_status status = {.result = (enum gw1_result)reader_u8(&r)};
    uint16_t len;

    if (in.len >= 1 && status.result != GW1_OK && status.result != GW1_DENY)
        return GW1_BAD;
    reader_copy(&r, status.id.octets, SESSION_ID_LEN);
    len = reader_u16(&r);
    if (len > GW1_TEXT_MAX)
        return GW1_BAD;
    status.text = reader_take(&r, len);
    if (!reader_ok(&r))
        return GW1_MORE;
    if (!status_is_good(&status))
        return GW1_BAD;
    *ret_status = status;
    *ret_used = in.len - reader_left(&r);
    return GW1_DONE;
}
