/* Normal forms of DNs and values: what is equal, what is different, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ldap/dn.h"

static const struct {
    const char *name, *in, *out; /* out NULL: refused */
} dns[] = {
    {"plain", "uid=alice,ou=people,dc=example,dc=org", "uid=alice,ou=people,dc=example,dc=org"},
    {"case and spaces", "UID = Alice , OU=People,dc=Example,DC=org",
     "uid=alice,ou=people,dc=example,dc=org"},
    {"inner spaces are one", "cn=Alice    B,dc=x", "cn=alice b,dc=x"},
    {"escaped comma stays", "cn=B\\, Alice,dc=x", "cn=b\\, alice,dc=x"},
    {"hex escape is the same comma", "cn=B\\2c Alice,dc=x", "cn=b\\, alice,dc=x"},
    {"escaped letter is the letter", "cn=\\41lice,dc=x", "cn=alice,dc=x"},
    {"parts of an RDN in any order", "uid=a+cn=b,dc=x", "cn=b+uid=a,dc=x"},
    {"numeric type", "2.5.4.3=alice,dc=x", "cn=alice,dc=x"},
    {"long type", "commonName=alice,dc=x", "cn=alice,dc=x"},
    {"unknown numeric type", "1.2.3.4=v,dc=x", "1.2.3.4=v,dc=x"},
    {"hex value", "cn=#0403414243,dc=x", "cn=#0403414243,dc=x"},
    {"hex value in capitals", "cn=#04034A4B4C,dc=x", "cn=#04034a4b4c,dc=x"},
    {"escaped # is no hex value", "cn=\\#04,dc=x", "cn=\\#04,dc=x"},
    {"UTF-8 by octets", "cn=M\xc3\xbcller,dc=x", "cn=m\xc3\xbcller,dc=x"},
    {"UTF-8 by escapes", "cn=M\\c3\\bcller,dc=x", "cn=m\xc3\xbcller,dc=x"},
    {"escaped space at the ends folds", "cn=\\ alice\\ ,dc=x", "cn=alice,dc=x"},
    {"equals sign in a value", "cn=a=b,dc=x", "cn=a=b,dc=x"},
    {"empty", "", NULL},
    {"only a comma", ",", NULL},
    {"no type", "=alice", NULL},
    {"no value", "cn=,dc=x", NULL},
    {"blank value", "cn=  ,dc=x", NULL},
    {"no equals sign", "alice,dc=x", NULL},
    {"trailing comma", "cn=alice,", NULL},
    {"leading comma", ",cn=alice", NULL},
    {"trailing plus", "cn=alice+,dc=x", NULL},
    {"semicolon of RFC 1779", "cn=alice;dc=x", NULL},
    {"quotes of RFC 1779", "cn=\"alice\",dc=x", NULL},
    {"backslash at the end", "cn=alice\\", NULL},
    {"half an escape", "cn=alice\\4", NULL},
    {"escape of a letter", "cn=alice\\zz", NULL},
    {"escaped NUL", "cn=ali\\00ce", NULL},
    {"escaped newline", "cn=ali\\0ace", NULL},
    {"control octet", "cn=ali\nce", NULL},
    {"escaped bad UTF-8", "cn=\\ff", NULL},
    {"bad UTF-8", "cn=\xff", NULL},
    {"odd hex value", "cn=#041", NULL},
    {"empty hex value", "cn=#", NULL},
    {"hex value with a tail", "cn=#0401zz", NULL},
    {"17 parts of an RDN", "a=1+a=1+a=1+a=1+a=1+a=1+a=1+a=1+a=1+a=1+a=1+a=1+a=1+a=1+a=1+a=1+a=1",
     NULL},
};

static void dns_normalise(void **state)
{
    struct dn dn;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(dns); i++) {
        bool taken = dn_normalise(bytes_of(dns[i].in), &dn);
        if (taken != (dns[i].out != NULL))
            fail_msg("%s: %s", dns[i].name, taken ? "taken" : "refused");
        if (taken && !bytes_equal((struct bytes){dn.text, dn.len}, bytes_of(dns[i].out)))
            fail_msg("%s: %.*s", dns[i].name, (int)dn.len, dn.text);
    }
}

static void dn_is_bounded(void **state)
{
    static uint8_t text[REPLICA_DN_MAX + 1];
    struct dn dn;

    (void)state;
    memset(text, 'a', sizeof(text));
    memcpy(text, "cn=", 3);
    assert_true(dn_normalise((struct bytes){text, REPLICA_DN_MAX}, &dn));
    assert_int_equal(dn.len, REPLICA_DN_MAX);
    assert_false(dn_normalise((struct bytes){text, REPLICA_DN_MAX + 1}, &dn));
}

static const struct {
    const char *dn, *type, *value;
    bool is;
} rdns[] = {
    {"uid=alice,dc=x", "uid", "alice", true},      {"uid=alice,dc=x", "UID", " Alice ", true},
    {"cn=b+uid=alice,dc=x", "uid", "alice", true}, {"cn=b\\, c,dc=x", "cn", "B, c", true},
    {"uid=alice,dc=x", "uid", "alic", false},      {"uid=alice,dc=x", "cn", "alice", false},
    {"cn=b,uid=alice", "uid", "alice", false},     {"uid=alice,dc=x", "uid", "", false},
    {"cn=a\\,uid=b,dc=x", "uid", "b", false},
};

static void rdn_tells_its_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rdns); i++)
        if (dn_rdn_is(bytes_of(rdns[i].dn), rdns[i].type, bytes_of(rdns[i].value)) != rdns[i].is)
            fail_msg("%s, %s", rdns[i].dn, rdns[i].value);
}

static const struct {
    enum attribute_match match;
    const char *in, *out;
} values[] = {
    {MATCH_CASE_IGNORE, "Alice@Example.ORG", "alice@example.org"},
    {MATCH_CASE_IGNORE, "  A   b ", "a b"},
    {MATCH_CASE_IGNORE, "   ", NULL},
    {MATCH_CASE_IGNORE, "", NULL},
    {MATCH_EXACT, "Alice ", "Alice "},
    {MATCH_EXACT, "", NULL},
    {MATCH_NUMBER, "1000", "1000"},
    {MATCH_NUMBER, "01000", NULL},
    {MATCH_NUMBER, "-1", NULL},
    {MATCH_NUMBER, "1000x", NULL},
    {MATCH_DN, "UID=a, dc=x", "uid=a,dc=x"},
    {MATCH_DN, "alice", NULL},
    {MATCH_DN, "uid=a,dc=x#'01'B", "uid=a,dc=x#'01'b"},
    {MATCH_DN_UID, "UID=a,dc=x#'0101'B", "uid=a,dc=x"},
    {MATCH_DN_UID, "UID=a,dc=x#''B", "uid=a,dc=x"},
    {MATCH_DN_UID, "UID=a,dc=x", "uid=a,dc=x"},
    {MATCH_DN_UID, "UID=a,dc=x#'012'B", "uid=a,dc=x#'012'b"},
    {MATCH_DN_UID, "#'01'B", NULL},
};

static void values_fold(void **state)
{
    AUTO(writer_clear) struct writer scratch = writer_new(REPLICA_VALUE_MAX);
    struct bytes folded;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        bool taken = value_fold(values[i].match, bytes_of(values[i].in), &scratch, &folded);
        if (taken != (values[i].out != NULL) ||
            (taken && !bytes_equal(folded, bytes_of(values[i].out))))
            fail_msg("\"%s\"", values[i].in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dns_normalise),
        cmocka_unit_test(dn_is_bounded),
        cmocka_unit_test(rdn_tells_its_values),
        cmocka_unit_test(values_fold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
