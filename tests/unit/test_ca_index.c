/*
 * The index of the private CA: what is refused, and that it is printed as it was read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/ca.h"

#include <stdio.h>
#include <string.h>

#define HEAD "mtls-ca\t1\t3\n"

static const struct {
    const char *name, *text;
    bool good;
} cases[] = {
    {"no certificate yet", HEAD, true},
    {"one", HEAD "5a\t1827094538\t-\tCN=alice\n", true},
    {"one revoked", HEAD "5a\t1827094538\t1795558538\tCN=alice,O=x\n", true},
    {"ended before 1970", HEAD "5a\t-5\t-\tCN=alice\n", true},
    {"UTF-8", HEAD "5a\t5\t-\tCN=\xc3\xa9\n", true},
    {"nothing", "", false},
    {"no end of line", "mtls-ca\t1\t3", false},
    {"another file", "openssl\t1\t3\n", false},
    {"another version", "mtls-ca\t2\t3\n", false},
    {"no number", "mtls-ca\t1\n", false},
    {"number with sign", "mtls-ca\t1\t-3\n", false},
    {"empty line", HEAD "\n", false},
    {"too few fields", HEAD "5a\t5\t-\n", false},
    {"tab in the subject", HEAD "5a\t5\t-\tCN=a\tb\n", false},
    {"no subject", HEAD "5a\t5\t-\t\n", false},
    {"no serial", HEAD "\t5\t-\tCN=a\n", false},
    {"serial in capitals", HEAD "5A\t5\t-\tCN=a\n", false},
    {"serial with leading zero", HEAD "05\t5\t-\tCN=a\n", false},
    {"serial without hex", HEAD "5g\t5\t-\tCN=a\n", false},
    {"serial too long", HEAD "555555555555555555555555555555555555555555\t5\t-\tCN=a\n", false},
    {"time without digits", HEAD "5a\tx\t-\tCN=a\n", false},
    {"time too large", HEAD "5a\t9223372036854775808\t-\tCN=a\n", false},
    {"revoked at zero", HEAD "5a\t5\t0\tCN=a\n", false},
    {"revoked before 1970", HEAD "5a\t5\t-5\tCN=a\n", false},
    {"control octet", HEAD "5a\t5\t-\tCN=a\x01\n", false},
    {"no UTF-8", HEAD "5a\t5\t-\tCN=\xff\n", false},
    {"no end of the last line", HEAD "5a\t5\t-\tCN=a", false},
};

static void the_index_is_read_strictly(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct writer out = writer_new(4096);
        struct ca_index index;
        struct error err;
        bool good = ca_index_parse(bytes_of(cases[i].text), &index, &err);

        if (good != cases[i].good)
            fail_msg("%s", cases[i].name);
        if (good) {
            ca_index_print(&index, &out);
            assert_true(bytes_equal(writer_bytes(&out), bytes_of(cases[i].text)));
            ca_index_clear(&index);
        } else {
            assert_int_equal(err.reason, REASON_FILE_MALFORMED);
        }
        writer_clear(&out);
    }
}

static void serials_are_found_in_either_case(void **state)
{
    struct ca_index index;
    struct error err;

    (void)state;
    assert_true(ca_index_parse(bytes_of(HEAD "5a\t5\t-\tCN=a\nab\t5\t-\tCN=b\n"), &index, &err));
    assert_string_equal(ca_index_find(&index, "AB")->subject, "CN=b");
    assert_string_equal(ca_index_find(&index, "005a")->subject, "CN=a");
    assert_null(ca_index_find(&index, "5"));
    assert_null(ca_index_find(&index, ""));
    ca_index_clear(&index);
}

static void the_index_has_a_limit(void **state)
{
    struct ca_entry entry = {.serial = "5a", .subject = "CN=a"};
    struct ca_index index = {.n = 0};
    struct error err;

    (void)state;
    for (int i = 0; i < CA_ENTRIES_MAX; i++)
        assert_true(ca_index_add(&index, &entry, &err));
    assert_false(ca_index_add(&index, &entry, &err));
    assert_int_equal(err.reason, REASON_LIMIT);
    ca_index_clear(&index);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_index_is_read_strictly),
        cmocka_unit_test(serials_are_found_in_either_case),
        cmocka_unit_test(the_index_has_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
