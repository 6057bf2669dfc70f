/* Text helpers: tables of what is taken and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/text.h"

#define B(lit)                                                                                     \
    {                                                                                              \
        (const uint8_t *)(lit), sizeof(lit) - 1                                                    \
    }

static const struct {
    const char *name;
    struct bytes in;
    bool clean;
} clean_cases[] = {
    {"empty", B(""), true},
    {"ascii", B("alice"), true},
    {"two octets", B("M\xc3\xbcller"), true},
    {"four octets", B("\xf0\x9f\x94\x91"), true},
    {"NUL", B("a\0b"), false},
    {"newline", B("a\nb"), false},
    {"DEL", B("a\x7f"), false},
    {"C1 control", B("\xc2\x85"), false},
    {"overlong slash", B("\xc0\xaf"), false},
    {"overlong three", B("\xe0\x80\xaf"), false},
    {"surrogate", B("\xed\xa0\x80"), false},
    {"above the last code point", B("\xf4\x90\x80\x80"), false},
    {"cut short", B("\xe2\x82"), false},
    {"lone continuation", B("\x80"), false},
};

static void clean_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(clean_cases); i++)
        if (text_is_clean(clean_cases[i].in) != clean_cases[i].clean)
            fail_msg("%s", clean_cases[i].name);
}

static const struct {
    struct bytes in;
    int64_t seconds; /* -1: refused */
} duration_cases[] = {
    {B("10s"), 10},   {B("15m"), 900}, {B("4h"), 14400}, {B("30d"), 2592000}, {B("0s"), 0},
    {B("500ms"), -1}, {B(""), -1},     {B("s"), -1},     {B("10"), -1},       {B("-1s"), -1},
    {B("1.5h"), -1},  {B("010s"), -1}, {B("10 s"), -1},  {B("10S"), -1},      {B("99999d"), -1},
};

static void durations(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(duration_cases); i++) {
        int64_t seconds = -1;

        assert_int_equal(text_duration_s(duration_cases[i].in, &seconds),
                         duration_cases[i].seconds >= 0);
        assert_int_equal(seconds, duration_cases[i].seconds);
    }
}

static const struct {
    struct bytes in;
    int64_t seconds; /* -1: refused */
} time_cases[] = {
    {B("1970-01-01"), 0},
    {B("2026-11-24T22:10:00Z"), 1795558200},
    {B("2024-02-29"), 1709164800},
    {B("2023-02-29"), -1},
    {B("2026-11-31"), -1},
    {B("2026-11-24T22:10:00"), -1},
    {B("2026-11-24 22:10:00Z"), -1},
    {B("2026-11-24T24:00:00Z"), -1},
    {B("26-11-24"), -1},
    {B("2026-1-024"), -1},
    {B(""), -1},
};

static void times(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(time_cases); i++) {
        int64_t seconds = -1;

        if (text_time_s(time_cases[i].in, &seconds) != (time_cases[i].seconds >= 0) ||
            seconds != time_cases[i].seconds)
            fail_msg("%.*s gave %lld", (int)time_cases[i].in.len, (const char *)time_cases[i].in.at,
                     (long long)seconds);
    }
}

static const struct {
    struct bytes in;
    int64_t seconds; /* -1: refused */
} generalized_cases[] = {
    {B("19700101000000Z"), 0},
    {B("20261124221000Z"), 1795558200},
    {B("20261124221000.5Z"), 1795558200},
    {B("000001010000Z"), -1},
    {B("20261124221000"), -1},
    {B("20261124221000+0100"), -1},
    {B("20261124221000.Z"), -1},
    {B("2026112422100xZ"), -1},
    {B("20261324221000Z"), -1},
    {B("Z"), -1},
};

static void generalized_times(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(generalized_cases); i++) {
        int64_t seconds = -1;

        if (text_generalized_time_s(generalized_cases[i].in, &seconds) !=
            (generalized_cases[i].seconds >= 0))
            fail_msg("%s", (const char *)generalized_cases[i].in.at);
        assert_int_equal(seconds, generalized_cases[i].seconds);
    }
}

static void numbers(void **state)
{
    uint64_t value = 1;

    (void)state;
    assert_true(text_u64(bytes_of("18446744073709551615"), &value));
    assert_true(value == UINT64_MAX);
    assert_true(text_u64(bytes_of("0"), &value));
    assert_true(value == 0);
    assert_false(text_u64(bytes_of("18446744073709551616"), &value));
    assert_false(text_u64(bytes_of("+1"), &value));
    assert_false(text_u64(bytes_of(" 1"), &value));
    assert_false(text_u64(bytes_of("01"), &value));
    assert_false(text_u64(bytes_of("0x1"), &value));
    assert_false(text_u64(bytes_of(""), &value));
}

static void hex_both_ways(void **state)
{
    uint8_t out[4];
    char text[9];
    size_t len = 0;

    (void)state;
    assert_true(text_unhex(bytes_of("00fFa5"), out, &len));
    assert_int_equal(len, 3);
    text_hex((struct bytes){out, len}, text);
    assert_string_equal(text, "00ffa5");
    assert_false(text_unhex(bytes_of("0"), out, &len));
    assert_false(text_unhex(bytes_of("0g"), out, &len));
    assert_false(text_unhex(bytes_of("0:"), out, &len));
}

static void case_folding_is_ascii_only(void **state)
{
    (void)state;
    assert_true(text_equal_nocase(bytes_of("Example.ORG"), bytes_of("example.org")));
    assert_false(text_equal_nocase(bytes_of("a[b"), bytes_of("a{b")));
    assert_false(text_equal_nocase(bytes_of("\xc3\x84"), bytes_of("\xc3\xa4")));
    assert_false(text_equal_nocase(bytes_of("ab"), bytes_of("abc")));
}

static void dup_refuses_a_nul(void **state)
{
    AUTO(char_freep) char *copy = text_dup(bytes_of("abc"));

    (void)state;
    assert_string_equal(copy, "abc");
    assert_null(text_dup((struct bytes)B("a\0b")));
}

static void time_is_printed_as_rfc_3339(void **state)
{
    char out[32];

    (void)state;
    text_format_time_ms(1795558200123, out);
    assert_string_equal(out, "2026-11-24T22:10:00.123Z");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean_text),
        cmocka_unit_test(durations),
        cmocka_unit_test(times),
        cmocka_unit_test(generalized_times),
        cmocka_unit_test(numbers),
        cmocka_unit_test(hex_both_ways),
        cmocka_unit_test(case_folding_is_ascii_only),
        cmocka_unit_test(dup_refuses_a_nul),
        cmocka_unit_test(time_is_printed_as_rfc_3339),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
