/* The audit record: its order of keys, its line, what the decoder refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/macros.h"
#include "gatewayd/shared/audit_json.h"
#include "gatewayd/shared/audit_record.h"

#include <jansson.h>

#define B(lit)                                                                                     \
    {                                                                                              \
        (const uint8_t *)(lit), sizeof(lit) - 1                                                    \
    }

static const char *const keys[] = {
#define AUDIT_FIELD(key, kind, member, help) key,
#include "gatewayd/shared/audit_fields.h"
#undef AUDIT_FIELD
};

static void test_rows_stand_in_order(void **state)
{
    (void)state;
    for (size_t i = 1; i < ARRAY_LEN(keys); i++)
        if (strcmp(keys[i - 1], keys[i]) >= 0)
            fail_msg("%s stands before %s", keys[i - 1], keys[i]);
}

static void sample(struct audit_record *record)
{
    audit_record_init(record);
    record->ev = bytes_of("open");
    record->cert_subject = bytes_of("CN=Al\"ice\\,O=\xc3\xa4");
    record->cert_san.at[0] = bytes_of("email:alice@example.org");
    record->cert_san.at[1] = bytes_of("dns:a");
    record->cert_san.n = 2;
    record->cert_sha256.octets[0] = 0xab;
    record->sid.octets[15] = 1;
    record->bytes_in = 0;
    record->id_uid = 1001;
    record->facts = bytes_of("[{\"age_s\":3}]");
    record->valid_until = -5;
}

static void test_line_is_canonical_json(void **state)
{
    struct audit_stamps stamps = {.boot = bytes_of("b"),
                                  .host = bytes_of("h"),
                                  .key = bytes_of("1.2"),
                                  .log = bytes_of("l"),
                                  .producer = bytes_of("decide"),
                                  .seq = 9,
                                  .ts_ms = 1764000000123};
    AUTO(writer_clear) struct writer out = writer_new(AUDIT_LINE_MAX);
    struct audit_record record;
    json_error_t where;
    json_t *json;
    char *again;

    (void)state;
    sample(&record);
    audit_record_print(&record, &stamps, &out);
    assert_true(writer_ok(&out));
    json = json_loadb((const char *)out.at, out.len, JSON_REJECT_DUPLICATES, &where);
    assert_non_null(json);
    again = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    writer_u8(&out, 0);
    assert_string_equal((const char *)out.at, again);
    assert_string_equal(json_string_value(json_object_get(json, "ts")), "2025-11-24T16:00:00.123Z");
    assert_int_equal(json_integer_value(json_object_get(json, "bytes_in")), 0);
    assert_null(json_object_get(json, "bytes_out"));
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(json_object_get(json, "cert"), "san"), 1)),
        "dns:a");
    free(again);
    json_decref(json);
}

static void test_round_trip(void **state)
{
    AUTO(writer_clear) struct writer first = writer_new(AUDIT_LINE_MAX);
    AUTO(writer_clear) struct writer second = writer_new(AUDIT_LINE_MAX);
    struct audit_record record, decoded;
    struct error err;

    (void)state;
    sample(&record);
    audit_record_encode(&record, &first);
    assert_true(audit_record_decode(writer_bytes(&first), &decoded, &err));
    audit_record_encode(&decoded, &second);
    assert_true(bytes_equal(writer_bytes(&first), writer_bytes(&second)));
    /* Each shorter form is refused, but for those that end between two fields. */
    for (size_t len = 0; len < first.len; len++)
        if (audit_record_decode((struct bytes){first.at, len}, &decoded, &err))
            assert_true(len > 0);
}

/* Numbers of rows: 1 = bytes_in (NUMBER), 3 = cert.ca (TEXT), 0 = boot (STAMP). */
static const struct {
    const char *name;
    struct bytes in;
    bool good;
} records[] = {
    {"empty record", B("\1"), true},
    {"one number", B("\1\1\0\0\0\0\0\0\0\5"), true},
    {"nothing", B(""), false},
    {"another version", B("\2"), false},
    {"field twice", B("\1\1\0\0\0\0\0\0\0\5\1\0\0\0\0\0\0\0\5"), false},
    {"fields out of order", B("\1\3\0\0\0\1a\1\0\0\0\0\0\0\0\5"), false},
    {"a stamp", B("\1\0\0\0\0\1a"), false},
    {"unknown field", B("\1\xf0"), false},
    {"short number", B("\1\1\0\0\0\0\0\0\0"), false},
    {"empty text", B("\1\3\0\0\0\0"), false},
    {"text with a newline", B("\1\3\0\0\0\1\n"), false},
    {"text that is no UTF-8", B("\1\3\0\0\0\1\xff"), false},
    {"text longer than the record", B("\1\3\0\0\1\0a"), false},
};

static void test_decoder_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(records); i++) {
        struct audit_record record;
        struct error err;

        if (audit_record_decode(records[i].in, &record, &err) != records[i].good)
            fail_msg("%s", records[i].name);
    }
}

static const struct {
    struct bytes in;
    bool good;
} values[] = {
    {B("{}"), true},
    {B("[]"), true},
    {B("\"a\\u00e4\\n\""), true},
    {B("[{\"a\":1,\"b\":[true,false,null]},-7]"), true},
    {B("0"), true},
    {B(""), false},
    {B("[1,]"), false},
    {B("[1 ]"), false},
    {B("{\"a\"}"), false},
    {B("{\"a\":1,}"), false},
    {B("{a:1}"), false},
    {B("01"), false},
    {B("-"), false},
    {B("1.5"), false},
    {B("1e5"), false},
    {B("99999999999999999999"), false},
    {B("\"a"), false},
    {B("\"\\x\""), false},
    {B("\"\\u12g4\""), false},
    {B("\"\n\""), false},
    {B("truf"), false},
    {B("{}{}"), false},
    {B("[[[[[[[1]]]]]]]"), false},
    {B("\"\xff\""), false},
};

static void test_json_check(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        if (audit_json_is_value(values[i].in) != values[i].good)
            fail_msg("%.*s", (int)values[i].in.len, values[i].in.at);
}

static void test_json_text(void **state)
{
    AUTO(writer_clear) struct writer out = writer_new(1000);

    (void)state;
    audit_json_text((struct bytes)B("a\"\\\b\t\n\f\r\0\x1f/\xc3\xa4"), &out);
    writer_u8(&out, 0);
    assert_string_equal((char *)out.at,
                        "\"a\\\"\\\\\\b\\t\\n\\f\\r\\u0000\\u001f/\xef\xbf\xbd\xef\xbf\xbd\"");
    writer_reset(&out);
    audit_json_text((struct bytes)B("\xc3\xa4/"), &out);
    writer_u8(&out, 0);
    assert_string_equal((char *)out.at, "\"\xc3\xa4/\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_stand_in_order), cmocka_unit_test(test_line_is_canonical_json),
        cmocka_unit_test(test_round_trip),          cmocka_unit_test(test_decoder_refuses),
        cmocka_unit_test(test_json_check),          cmocka_unit_test(test_json_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
