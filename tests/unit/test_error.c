/* Errors, reasons, session ids and the quoting of the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/error.h"
#include "common/log.h"
#include "common/session_id.h"

static void context_goes_in_front_and_the_reason_stays(void **state)
{
    struct error err;

    (void)state;
    assert_false(err_set(&err, REASON_CRL_EXPIRED, "since %d", 5));
    assert_false(err_in(&err, "crl %s", "x.pem"));
    assert_int_equal(err.reason, REASON_CRL_EXPIRED);
    assert_string_equal(err.detail, "crl x.pem: since 5");
}

static void long_details_end_in_dots(void **state)
{
    struct error err;

    (void)state;
    (void)err_set(&err, REASON_SYSTEM, "%0500d", 1);
    assert_int_equal(strlen(err.detail), ERROR_DETAIL_MAX - 1);
    assert_string_equal(err.detail + ERROR_DETAIL_MAX - 4, "...");
    (void)err_in(&err, "outer");
    assert_string_equal(err.detail + ERROR_DETAIL_MAX - 4, "...");
    assert_memory_equal(err.detail, "outer: ", 7);
}

static void no_error_wanted(void **state)
{
    (void)state;
    assert_false(err_set(NULL, REASON_SYSTEM, "x"));
    assert_false(err_in(NULL, "x"));
}

static void names_and_reasons_match_both_ways(void **state)
{
    (void)state;
    assert_string_equal(reason_name(REASON_CERT_EXPIRED), "cert_expired");
    for (enum reason reason = 0; reason < REASON__COUNT; reason++) {
        enum reason found = REASON__COUNT;

        assert_true(reason_from_name(bytes_of(reason_name(reason)), &found));
        assert_int_equal(found, reason);
        assert_true(strlen(reason_text(reason)) > 0);
    }
    assert_false(reason_from_name(bytes_of("CERT_EXPIRED"), &(enum reason){0}));
    assert_string_equal(reason_name((enum reason)9999), "system");
}

static void ids_are_ordered_by_time_and_parse_strictly(void **state)
{
    struct session_id one = session_id_new(1795558200123), two = session_id_new(1795558200124),
                      again;
    char text[SESSION_ID_TEXT_LEN + 1];

    (void)state;
    assert_true(memcmp(one.octets, two.octets, SESSION_ID_LEN) < 0);
    session_id_format(&one, text);
    assert_true(session_id_parse(bytes_of(text), &again));
    assert_true(session_id_equal(&one, &again));
    assert_false(session_id_parse((struct bytes){(const uint8_t *)text, 31}, &again));
    assert_false(session_id_parse(bytes_of("0123456789ABCDEF0123456789abcdef"), &again));
    assert_false(session_id_parse(bytes_of("0123456789abcdef0123456789abcdeg"), &again));
}

static void log_values_are_escaped(void **state)
{
    uint8_t many[200];

    (void)state;
    assert_string_equal(log_quoted(bytes_of("a\"b\\c\nd")), "\"a\\x22b\\x5cc\\x0ad\"");
    memset(many, '\n', sizeof(many));
    assert_int_equal(strlen(log_quoted((struct bytes){many, sizeof(many)})), 4 * 128 + 5);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(context_goes_in_front_and_the_reason_stays),
        cmocka_unit_test(long_details_end_in_dots),
        cmocka_unit_test(no_error_wanted),
        cmocka_unit_test(names_and_reasons_match_both_ways),
        cmocka_unit_test(ids_are_ordered_by_time_and_parse_strictly),
        cmocka_unit_test(log_values_are_escaped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
