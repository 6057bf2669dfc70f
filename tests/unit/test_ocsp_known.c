/* What may take the place of what OCSP has said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/bytes.h"
#include "gatewayd/shared/ocsp_known.h"

#define GOOD    REASON_OK
#define REVOKED REASON_CERT_REVOKED
#define UNKNOWN REASON_OCSP_UNKNOWN
#define SILENT  REASON_OCSP_UNAVAILABLE

static const struct {
    const char *name;
    struct ocsp_known known, said;
    enum reason counts;
    bool taken;
} cases[] = {
    {"the first", {0}, {GOOD, 10}, GOOD, true},
    {"the first, revoked", {0}, {REVOKED, 10}, REVOKED, true},
    {"the first, unknown", {0}, {UNKNOWN, 10}, UNKNOWN, true},
    {"a newer one", {GOOD, 10}, {GOOD, 11}, GOOD, true},
    {"the same again", {GOOD, 10}, {GOOD, 10}, GOOD, true},
    {"revoked in the same second", {GOOD, 10}, {REVOKED, 10}, REVOKED, true},
    {"a hold is lifted", {REVOKED, 10}, {GOOD, 11}, GOOD, true},
    {"revoked again", {REVOKED, 10}, {REVOKED, 11}, REVOKED, true},
    {"good, from before it was revoked", {REVOKED, 10}, {GOOD, 9}, REVOKED, false},
    {"good, in the same second", {REVOKED, 10}, {GOOD, 10}, REVOKED, false},
    {"unknown ends no revocation", {REVOKED, 10}, {UNKNOWN, 11}, REVOKED, false},
    {"unknown, from before", {REVOKED, 10}, {UNKNOWN, 9}, REVOKED, false},
    {"silence ends no revocation", {REVOKED, 10}, {SILENT, 0}, REVOKED, false},
    {"silence with a date", {REVOKED, 10}, {SILENT, 11}, REVOKED, false},
    {"revoked, but older", {REVOKED, 10}, {REVOKED, 9}, REVOKED, false},
    {"any other reason is silence", {REVOKED, 10}, {REASON_NOT_PERMITTED, 11}, REVOKED, false},
    {"good, but older", {GOOD, 10}, {GOOD, 9}, SILENT, false},
    {"revoked, older than good", {GOOD, 10}, {REVOKED, 9}, SILENT, false},
    {"unknown, older than good", {GOOD, 10}, {UNKNOWN, 9}, SILENT, false},
    {"silence after good", {GOOD, 10}, {SILENT, 0}, SILENT, false},
    {"silence at first", {0}, {SILENT, 0}, SILENT, false},
    {"good without a date", {0}, {GOOD, 0}, SILENT, false},
    {"revoked without a date", {0}, {REVOKED, 0}, SILENT, false},
};

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ocsp_known known = cases[i].known, after;
        enum reason counts =
            ocsp_known_take(&known, cases[i].said.reason, cases[i].said.this_update_s);

        after = cases[i].taken ? cases[i].said : cases[i].known;
        if (counts != cases[i].counts || known.reason != after.reason ||
            known.this_update_s != after.this_update_s)
            fail_msg("%s: %s", cases[i].name, reason_name(counts));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
