/*
 * PostgreSQL's first octets and its ErrorResponse. Runs in an edge, on strangers' octets before
 * TLS.
 */
#include "gatewayd/edge/postgres.h"

#include "common/reader.h"

enum {
    CODE_CANCEL = 80877102,
    CODE_SSL = 80877103,
    CODE_GSS = 80877104,
    VERSION_MAJOR = 3,
    STARTUP_MAX = 10000, /* octets of a StartupMessage, as PostgreSQL has it */
};

/* u32 length with itself, u32 code; the first two octets are 0 in all that we know. */
enum postgres_request postgres_read(struct bytes octets)
{
    struct reader r = reader_over(octets);
    uint32_t length, code;

    if (octets.len > 0 && octets.at[0] != 0)
        return POSTGRES_BAD;
    if (octets.len < POSTGRES_REQUEST_LEN)
        return POSTGRES_MORE;
    length = reader_u32(&r);
    code = reader_u32(&r);
    if (code == CODE_SSL && length == POSTGRES_REQUEST_LEN)
        return POSTGRES_SSL;
    if (code == CODE_GSS && length == POSTGRES_REQUEST_LEN)
        return POSTGRES_GSS;
    if (code == CODE_CANCEL && length > POSTGRES_REQUEST_LEN && length <= STARTUP_MAX)
        return POSTGRES_CANCEL;
    if (code >> 16 == VERSION_MAJOR && length > POSTGRES_REQUEST_LEN && length <= STARTUP_MAX)
        return POSTGRES_STARTUP;
    return POSTGRES_BAD;
}

static void field(char type, const char *value, struct writer *out)
{
    writer_u8(out, (uint8_t)type);
    writer_put(out, (struct bytes){(const uint8_t *)value, strlen(value) + 1});
}

/* ErrorResponse := 'E', u32 length with itself, {u8 type, text, NUL}..., NUL */
void postgres_error(const char *code, struct bytes sentence, struct writer *out)
{
    AUTO(writer_clear) struct writer fields = writer_new(POSTGRES_ERROR_TEXT_MAX + 64);

    if (sentence.len > POSTGRES_ERROR_TEXT_MAX)
        sentence.len = POSTGRES_ERROR_TEXT_MAX;
    field('S', "FATAL", &fields);
    field('V', "FATAL", &fields);
    field('C', code, &fields);
    writer_u8(&fields, 'M');
    writer_put(&fields, sentence);
    writer_u8(&fields, 0);
    writer_u8(&fields, 0);
    writer_u8(out, 'E');
    writer_u32(out, (uint32_t)(4 + fields.len));
    writer_put(out, writer_bytes(&fields));
}
