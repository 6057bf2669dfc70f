/*
 * DER elements, identifiers, times and strings: what is not the one right form is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gatewayd/decide/der.h"

#define B(lit)                                                                                     \
    {                                                                                              \
        (const uint8_t *)(lit), sizeof(lit) - 1                                                    \
    }

static const struct {
    const char *name;
    struct bytes in;
    int len; /* of the content; -1: refused */
} elements[] = {
    {"empty", B("\x04\x00"), 0},
    {"one octet", B("\x04\x01x"), 1},
    {"no octets", B(""), -1},
    {"no length", B("\x04"), -1},
    {"content cut", B("\x04\x02x"), -1},
    {"long form for a short length", B("\x04\x81\x01x"), -1},
    {"leading zero in the length", B("\x04\x82\x00\x80"), -1},
    {"indefinite length", B("\x30\x80\x00\x00"), -1},
    {"length of five octets", B("\x04\x85\x01\x00\x00\x00\x00"), -1},
    {"high tag number", B("\x1f\x81\x01\x00"), -1},
    {"length of 4 GiB", B("\x04\x84\xff\xff\xff\xffx"), -1},
};

static void test_elements(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(elements); i++) {
        struct reader r = reader_over(elements[i].in);
        struct der element = der_next(&r);

        if (reader_ok(&r) != (elements[i].len >= 0) ||
            (reader_ok(&r) && element.content.len != (size_t)elements[i].len))
            fail_msg("%s", elements[i].name);
    }
}

static const struct {
    struct bytes in;
    const char *text; /* NULL: refused */
} oids[] = {
    {B("\x55\x04\x03"), "2.5.4.3"},
    {B("\x2b\x06\x01\x04\x01\x82\x37"), "1.3.6.1.4.1.311"},
    {B("\x88\x37"), "2.999"},
    {B(""), NULL},
    {B("\x80\x01"), NULL},
    {B("\x55\x84"), NULL},
    {B("\x55\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), NULL},
};

static void test_oids(void **state)
{
    char text[DER_OID_TEXT_MAX];
    uint8_t many[100];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(oids); i++) {
        bool ok = der_oid_text(oids[i].in, text);

        assert_int_equal(ok, oids[i].text != NULL);
        if (ok)
            assert_string_equal(text, oids[i].text);
    }
    memset(many, 1, sizeof(many));
    assert_false(der_oid_text((struct bytes){many, sizeof(many)}, text));
}

static const struct {
    uint8_t tag;
    struct bytes in;
    int64_t seconds; /* -1: refused */
} times[] = {
    {DER_UTC_TIME, B("700101000000Z"), 0},
    {DER_UTC_TIME, B("261124221000Z"), 1795558200},
    {DER_GENERALIZED_TIME, B("20261124221000Z"), 1795558200},
    {DER_UTC_TIME, B("491231235959Z"), 2524607999},
    {DER_UTC_TIME, B("2611242210Z"), -1},
    {DER_UTC_TIME, B("261124221000+0100"), -1},
    {DER_UTC_TIME, B("261324221000Z"), -1},
    {DER_GENERALIZED_TIME, B("20261124221000.5Z"), -1},
    {DER_GENERALIZED_TIME, B("20261131221000Z"), -1},
    {DER_UTF8_STRING, B("20261124221000Z"), -1},
};

static void test_times(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        int64_t seconds = -1;

        assert_int_equal(der_time_s(times[i].tag, times[i].in, &seconds), times[i].seconds >= 0);
        assert_int_equal(seconds, times[i].seconds);
    }
}

static const struct {
    uint8_t tag;
    struct bytes in;
    const char *text; /* NULL: refused */
} strings[] = {
    {DER_PRINTABLE_STRING, B("abc"), "abc"},
    {DER_BMP_STRING, B("\0a\x20\xac"), "a\xe2\x82\xac"},
    {DER_UNIVERSAL_STRING, B("\0\x01\xf6\0"), "\xf0\x9f\x98\x80"},
    {DER_BMP_STRING, B("\0a\0"), NULL},
    {DER_BMP_STRING, B("\xdf\x00"), NULL},
    {DER_UNIVERSAL_STRING, B("\0\x11\0\0"), NULL},
    {DER_UNIVERSAL_STRING, B("\0\0\0"), NULL},
    {DER_IA5_STRING, B("\x80"), NULL},
    {DER_TELETEX_STRING, B("\xe9"), NULL},
    {DER_OCTET_STRING, B("abc"), NULL},
};

static void test_strings(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
        struct writer out = writer_new(64);
        bool ok = der_string(strings[i].tag, strings[i].in, &out);

        assert_int_equal(ok, strings[i].text != NULL);
        if (ok)
            assert_true(bytes_equal(writer_bytes(&out), bytes_of(strings[i].text)));
        writer_clear(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_elements),
        cmocka_unit_test(test_oids),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_strings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
