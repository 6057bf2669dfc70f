/*
 * Values of ca sections: days that there are, words that there are, object identifiers.
 */
#include "gatewayd/shared/config_ca.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
    const char *text;
    bool good;
    int64_t strict_s;
} ekus[] = {
    {"strict", true, INT64_MIN},
    {"warn", true, INT64_MAX},
    {"allow-until:2027-03-15", true, 1805068800},
    {"allow-until:1970-01-01", true, 0},
    {"allow-until:2028-02-29", true, 1835395200},
    {"allow-until:2027-02-29", false, 0},
    {"allow-until:2027-06-31", false, 0},
    {"allow-until:2027-13-01", false, 0},
    {"allow-until:2027-00-10", false, 0},
    {"allow-until:2027-3-15", false, 0},
    {"allow-until:27-03-15", false, 0},
    {"allow-until:2027-03-15 ", false, 0},
    {"allow-until: 2027-03-15", false, 0},
    {"allow-until:2027-03-15T00", false, 0},
    {"allow-until:", false, 0},
    {"allow-until", false, 0},
    {"Strict", false, 0},
    {"warning", false, 0},
    {"off", false, 0},
    {"", false, 0},
};

static void test_eku(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(ekus) / sizeof(ekus[0]); i++) {
        int64_t strict_s = -1;

        if (config_eku_parse(ekus[i].text, &strict_s) != ekus[i].good ||
            (ekus[i].good && strict_s != ekus[i].strict_s))
            fail_msg("\"%s\" gives %lld", ekus[i].text, (long long)strict_s);
        /* What is no word admits nobody. */
        if (!ekus[i].good && config_eku_strict_s(ekus[i].text) != INT64_MIN)
            fail_msg("\"%s\" is not strict", ekus[i].text);
    }
    assert_true(config_eku_strict_s(NULL) == INT64_MIN);
}

static const struct {
    const char *text;
    bool good;
} oids[] = {
    {"2.16.840.1.101.3.2.1.48.1", true},
    {"2.5.29.32.0", true},
    {"1.0", true},
    {"0.9", true},
    {"3.1", false},
    {"1", false},
    {"1.", false},
    {".1.2", false},
    {"1..2", false},
    {"1.2.", false},
    {"1.02", false},
    {"1.2.-3", false},
    {"1.2,1.3", false},
    {"1.2 ", false},
    {"anyPolicy", false},
    {"1.2.1234567890", false},
    {"", false},
};

static void test_oids(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(oids) / sizeof(oids[0]); i++)
        if (config_oid_is_good(oids[i].text) != oids[i].good)
            fail_msg("\"%s\"", oids[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eku),
        cmocka_unit_test(test_oids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
