/* LDIF: what RFC 2849 allows and we take, and everything that is refused with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "replica_of_ldif.h"

/* A feed that writes down what it is told: "[dn|attr=value|...]". */
struct told {
    char text[512];
    size_t len;
    bool consistent, abandoned;
};

static void tell(struct told *told, const char *fmt, int len, const uint8_t *at)
{
    int n = snprintf(told->text + told->len, sizeof(told->text) - told->len, fmt, len, at);

    told->len += (size_t)n;
    assert_true(told->len < sizeof(told->text));
}

static void on_refresh(void *context, bool whole)
{
    (void)context;
    assert_true(whole);
}

static bool on_put(void *context, const struct replica_record *record, struct error *err)
{
    struct told *told = context;

    if (bytes_equal(record->dn, bytes_of("cn=too-much")))
        return err_set(err, REASON_DIRECTORY_BAD_ANSWER, "limit");
    tell(told, "[%.*s", (int)record->dn.len, record->dn.at);
    for (size_t i = 0; i < record->n_values; i++) {
        tell(told, "|%.*s", (int)record->values[i].attribute.len, record->values[i].attribute.at);
        tell(told, "=%.*s", (int)record->values[i].value.len, record->values[i].value.at);
    }
    tell(told, "%.*s", 1, (const uint8_t *)"]");
    return true;
}

static bool on_consistent(void *context, int64_t as_of_ms, struct bytes cookie,
                          enum feed_absent absent, struct error *err)
{
    (void)err;
    assert_int_equal(as_of_ms, 77);
    assert_int_equal(cookie.len, 0);
    assert_int_equal(absent, FEED_ABSENT_GONE);
    ((struct told *)context)->consistent = true;
    return true;
}

static void on_abandon(void *context)
{
    ((struct told *)context)->abandoned = true;
}

static const struct {
    const char *name, *in;
    const char *told;  /* NULL: refused */
    const char *error; /* then this is in the detail */
} cases[] = {
    {"nothing", "", "", NULL},
    {"only a comment", "# nothing\n", "", NULL},
    {"one entry", "dn: cn=a\ncn: a\n", "[cn=a|cn=a]", NULL},
    {"version and CRLF", "version: 1\r\n\r\ndn: cn=a\r\ncn: a\r\n", "[cn=a|cn=a]", NULL},
    {"version without a blank line", "version: 1\ndn: cn=a\ncn: a\n", "[cn=a|cn=a]", NULL},
    {"no newline at the end", "dn: cn=a\ncn: a", "[cn=a|cn=a]", NULL},
    {"two entries, many blank lines", "\n\ndn: cn=a\ncn: a\n\n\n\ndn: cn=b\ncn: b\n\n",
     "[cn=a|cn=a][cn=b|cn=b]", NULL},
    {"folded lines", "dn: cn=a\n b\ncn: x\n y\n  z\n", "[cn=ab|cn=xy z]", NULL},
    {"folded comment", "# one\n two: three\ndn: cn=a\ncn: a\n", "[cn=a|cn=a]", NULL},
    {"comment inside of an entry", "dn: cn=a\n# why\ncn: a\n", "[cn=a|cn=a]", NULL},
    {"base64", "dn:: Y249YQ==\ncn:: QUJD\n", "[cn=a|cn=ABC]", NULL},
    {"folded base64", "dn: cn=a\ncn:: QU\n JD\n", "[cn=a|cn=ABC]", NULL},
    {"empty value", "dn: cn=a\ncn:\n", "[cn=a|cn=]", NULL},
    {"no space behind the colon", "dn:cn=a\ncn:a\n", "[cn=a|cn=a]", NULL},
    {"colons in the value", "dn: cn=a\ncn: a:b::c\n", "[cn=a|cn=a:b::c]", NULL},
    {"attribute with an option", "dn: cn=a\ncn;lang-de: a\n", "[cn=a|cn;lang-de=a]", NULL},
    {"uuid", "dn: cn=a\nentryUUID: 01234567-89ab-cdef-0123-456789abcdef\n",
     "[cn=a|entryUUID=01234567-89ab-cdef-0123-456789abcdef]", NULL},

    {"version 2", "version: 2\n", NULL, "line 1: only version 1"},
    {"version in the middle", "dn: cn=a\ncn: a\n\nversion: 1\n", NULL, "line 4: a record begins"},
    {"no dn", "cn: a\n", NULL, "line 1: a record begins"},
    {"no colon", "dn: cn=a\ncn a\n", NULL, "line 2: no ':'"},
    {"space in the name", "dn: cn=a\nc n: a\n", NULL, "line 2: no attribute name"},
    {"no name", "dn: cn=a\n: a\n", NULL, "line 2: no attribute name"},
    {"no attributes", "dn: cn=a\n\n", NULL, "an entry without attributes"},
    {"two dns", "dn: cn=a\ndn: cn=b\n", NULL, "line 2: no blank line"},
    {"change record", "dn: cn=a\nchangetype: delete\n", NULL, "line 2: change records"},
    {"control", "dn: cn=a\ncontrol: 1.2.3\n", NULL, "line 2: change records"},
    {"url", "dn: cn=a\ncn:< file:///etc/shadow\n", NULL, "line 2: values from URLs"},
    {"bad base64 letter", "dn: cn=a\ncn:: QU!D\n", NULL, "line 2: no base64"},
    {"short base64", "dn: cn=a\ncn:: QUJ\n", NULL, "line 2: no base64"},
    {"base64 behind its end", "dn: cn=a\ncn:: QQ==QUJD\n", NULL, "line 2: no base64"},
    {"stray bits", "dn: cn=a\ncn:: QR==\n", NULL, "line 2: no base64"},
    {"malformed dn", "dn: alice\ncn: a\n", NULL, "line 1: the DN is malformed"},
    {"empty dn", "dn:\ncn: a\n", NULL, "line 1: the DN is malformed"},
    {"same dn twice", "dn: cn=a\ncn: a\n\ndn: CN=A\ncn: a\n", NULL, "line 4: the entry has been"},
    {"same uuid twice",
     "dn: cn=a\nentryUUID: 01234567-89ab-cdef-0123-456789abcdef\n\n"
     "dn: cn=b\nentryUUID: 01234567-89AB-cdef-0123-456789abcdef\n",
     NULL, "line 4: the entry has been"},
    {"bad uuid", "dn: cn=a\nentryUUID: 01234567-89ab-cdef-0123-456789abcdeg\n", NULL,
     "line 1: entryUUID is no UUID"},
    {"refused by the replica", "dn: cn=too-much\ncn: a\n", NULL, "line 1: limit"},
};

static void files_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct told told = {.len = 0};
        struct feed feed = {.refresh = on_refresh,
                            .put = on_put,
                            .consistent = on_consistent,
                            .abandon = on_abandon,
                            .context = &told};
        struct error err = {0};
        bool done = ldif_feed(bytes_of(cases[i].in), &feed, 77, &err);
        if (done != (cases[i].told != NULL))
            fail_msg("%s: %s", cases[i].name, done ? "taken" : err.detail);
        assert_int_equal(told.consistent, done);
        assert_int_equal(told.abandoned, !done);
        if (done && strcmp(told.text, cases[i].told) != 0)
            fail_msg("%s: %s", cases[i].name, told.text);
        if (!done && !strstr(err.detail, cases[i].error))
            fail_msg("%s: %s", cases[i].name, err.detail);
    }
}

static void nul_is_refused(void **state)
{
    static const char text[] = "dn: cn=a\ncn: a\0b\n";
    struct told told = {.len = 0};
    struct feed feed = {
        .refresh = on_refresh, .put = on_put, .abandon = on_abandon, .context = &told};
    struct error err = {0};

    (void)state;
    assert_false(
        ldif_feed((struct bytes){(const uint8_t *)text, sizeof(text) - 1}, &feed, 77, &err));
    assert_int_equal(err.reason, REASON_FILE_MALFORMED);
}

static void a_file_is_bounded(void **state)
{
    struct feed feed = {NULL};
    struct error err = {0};

    (void)state;
    assert_false(ldif_feed((struct bytes){NULL, LDIF_MAX + 1}, &feed, 77, &err));
    assert_int_equal(err.reason, REASON_FILE_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_read),
        cmocka_unit_test(nul_is_refused),
        cmocka_unit_test(a_file_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
