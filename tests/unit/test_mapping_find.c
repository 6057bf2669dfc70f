/*
 * Finds: which filters are refused at load, and that those which are not are answered on the
 * replica as a server would answer them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs.h"
#include "gatewayd/decide/ad_strings.h"
#include "gatewayd/decide/mapping_find.h"
#include "replica_of_ldif.h"

/* --- refused at load -------------------------------------------------------------------------- */

enum { PLAIN = 0, SUB = MAPPING_FIND_SUBSTRING, LIT = MAPPING_FIND_LITERAL };

static const struct {
    const char *name;
    unsigned flags;
    const char *text;
    const char *why; /* NULL: accepted; else a part of the sentence */
} loads[] = {
    {"presence beside equality", PLAIN, "(&(uid={subject.uid})(mail=*))", NULL},
    {"guarded negation", PLAIN, "(&(uid=a)(title=*)(!(title=guest)))", NULL},
    {"negation guarded by equality", PLAIN, "(&(ou=x)(uid=a)(!(ou=y)))", NULL},
    {"substring where allowed", SUB, "(&(uid={subject.uid})(mail=*@corp.example))", NULL},
    {"value in a name", PLAIN, "(manager=uid={subject.uid},ou=people,dc=example,dc=org)", NULL},
    {"name of the certificate", PLAIN, "(seeAlso={subject})", NULL},
    {"string of Active Directory", PLAIN, "(altSecurityIdentities={ad.issuer_serial})", NULL},
    {"braces in a literal filter", LIT, "(cn={a})", NULL},
    {"negation in a literal filter", LIT, "(&(cn=a)(!(ou=b)))", NULL},

    {"presence alone", PLAIN, "(mail=*)", "no equality test"},
    {"presence in one branch", PLAIN, "(|(uid=a)(mail=*))", "no equality test"},
    {"negation alone", PLAIN, "(&(mail=*)(!(mail=a)))", "no equality test"},
    {"substring alone", SUB, "(mail=a*)", "no equality test"},
    {"substring where not allowed", PLAIN, "(&(uid=a)(mail=*@corp.example))", "allow_substring"},
    {"two stars side by side", SUB, "(&(uid=a)(mail=a**b))", "second wildcard"},
    {"parts of a name", SUB, "(&(uid=a)(manager=uid=a*))", "no parts"},
    {"parts of a number", SUB, "(&(uid=a)(uidNumber=1*))", "no parts"},
    {"space beside a star", SUB, "(&(uid=a)(cn=x *))", "space"},
    {"!any beside a star", SUB, "(&(uid=a)(cn={subject.ou!any}*))", "no wildcards"},
    {"unguarded negation", PLAIN, "(&(uid=a)(!(title=guest)))", "write (&(title=*)"},
    {"guard in another branch", PLAIN, "(&(uid=a)(|(title=*)(!(title=guest))))", "write (&"},
    {"negated presence", PLAIN, "(&(uid=a)(!(title=*)))", "missing may not help"},
    {"double negation", PLAIN, "(&(uid=a)(!(!(uid=b))))", "negation in a negation"},
    {"negation of two", PLAIN, "(&(uid=a)(!(uid=b)(uid=c)))", "closing parenthesis"},
    {"value as type of a name", PLAIN, "(manager={subject.uid}=a,dc=org)", "only as values"},
    {"value as whole name", PLAIN, "(manager={subject.cn})", "distinguished name of the cert"},
    {"name inside a name", PLAIN, "(manager=cn=a,{subject})", "inside of another"},
    {"no name", PLAIN, "(manager=alice)", "only as values"},
    {"no number", PLAIN, "(uidNumber=x)", "no entry can have"},
    {"dotted attribute", PLAIN, "(2.5.4.3=a)", "no attribute name"},
    {"attribute that begins with a digit", PLAIN, "(5a=a)", "no attribute name"},
    {"attribute option", PLAIN, "(cn;lang-en=a)", "option"},
    {"value as attribute", PLAIN, "({subject.cn}=a)", "as attribute name"},
    {"part of the attribute", PLAIN, "(c{subject.cn}=a)", "no equality test"},
    {"misspelt attribute", PLAIN, "(mail={san.emial})", "did you mean san.email?"},
    {"modifier of an AD string", PLAIN, "(cn={ad.subject!any})", "without !any"},
    {"control character", PLAIN, "(cn=a\x01)", "control"},
    {"malformed UTF-8", PLAIN, "(cn=\xff)", "UTF-8"},
    {"white space", PLAIN, "( cn=a)", "no equality test"},
    {"white space behind", PLAIN, "(cn=a) ", "behind the filter"},
    {"empty text", PLAIN, "", "opening"},
    {"approximate", PLAIN, "(cn~=a)", "no equality test"},
    {"extensible", PLAIN, "(cn:dn:=a)", "no equality test"},
};

static void test_loads(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(loads); i++) {
        struct mapping_find *find = NULL;
        struct error err = {0};
        bool good = mapping_find_compile(bytes_of(loads[i].text), loads[i].flags, &find, &err);

        if (good != !loads[i].why || (loads[i].why && !strstr(err.detail, loads[i].why)))
            fail_msg("%s: %s", loads[i].name, good ? "accepted" : err.detail);
        (void)mapping_find_free(find);
    }
}

/* --- answered on the replica ------------------------------------------------------------------ */

static const char people[] =
    USER("alice",
         "2001") "mail: alice@corp.example\ntitle: guest\ntitle: boss\n"
                 "manager: uid=carol,ou=people,dc=example,dc=org\nroomNumber: "
                 "7\n\n" USER(
                     "bob", "2002") "mail: bob@corp.example\ntitle: "
                                    "guest\n\n" USER(
                                        "carol",
                                        "2003") "mail: "
                                                "carol@other."
                                                "example\ntitle: Chief  "
                                                "Cook\n\n" USER(
                                                    "dave",
                                                    "2004") "m"
                                                            "a"
                                                            "i"
                                                            "l"
                                                            ":"
                                                            " "
                                                            "d"
                                                            "a"
                                                            "v"
                                                            "e"
                                                            "@"
                                                            "c"
                                                            "o"
                                                            "r"
                                                            "p"
                                                            "."
                                                            "e"
                                                            "x"
                                                            "a"
                                                            "m"
                                                            "p"
                                                            "l"
                                                            "e"
                                                            "\n"
                                                            "m"
                                                            "a"
                                                            "n"
                                                            "a"
                                                            "g"
                                                            "e"
                                                            "r"
                                                            ":"
                                                            " "
                                                            "u"
                                                            "i"
                                                            "d"
                                                            "="
                                                            "a"
                                                            "\\,b,ou=people,dc=example,dc=org\n\n";

/* Subject UID=alice, CN="a,b", OU=carol and OU=dave. */
static const struct {
    const char *name, *text;
    const char *users; /* in alphabetical order; NULL: `reason` */
    enum reason reason;
} runs[] = {
    {"equality", "(uid={subject.uid})", "alice", 0},
    {"value folds like the directory's", "(title=chief cook)", "carol", 0},
    {"or", "(|(uid=bob)(uid={subject.uid}))", "alice bob", 0},
    {"or counts once", "(|(uid=alice)(mail=alice@corp.example))", "alice", 0},
    {"and", "(&(title=guest)(mail=bob@corp.example))", "bob", 0},
    {"any of several", "(uid={subject.ou!any})", "carol dave", 0},
    {"all of several", "(uid={subject.ou!all})", "", 0},
    {"presence", "(&(objectClass=account)(manager=*))", "alice dave", 0},
    {"presence of nothing", "(&(objectClass=account)(roomNumber=*)(title=x))", "", 0},
    {"negation", "(&(objectClass=account)(title=*)(!(title=guest)))", "carol", 0},
    {"negation needs the attribute", "(&(objectClass=account)(manager=*)(!(manager=uid=x,dc=y)))",
     "alice dave", 0},
    {"negation of either", "(&(objectClass=account)(title=*)(!(|(title=boss)(title=chief cook))))",
     "bob", 0},
    {"initial", "(&(objectClass=account)(mail=a*))", "alice", 0},
    {"final", "(&(objectClass=account)(mail=*@CORP.example))", "alice bob dave", 0},
    {"middle", "(&(objectClass=account)(title=*ief c*))", "carol", 0},
    {"pieces in their order", "(&(objectClass=account)(mail=*corp*alice*))", "", 0},
    {"pieces do not overlap", "(&(objectClass=account)(uid=alic*ice))", "", 0},
    {"pieces meet", "(&(objectClass=account)(uid=al*ice))", "alice", 0},
    {"value as a piece", "(&(objectClass=account)(mail={subject.uid}@*))", "alice", 0},
    {"value stays a value in a name", "(manager=uid={subject.cn},ou=people,dc=example,dc=org)",
     "dave", 0},
    {"name in any case and spacing", "(manager=UID=Carol, OU=people, dc=example,DC=org)", "alice",
     0},
    {"many with one test and few with another", "(&(objectClass=account)(uid=dave))", "dave", 0},
    {"attribute that nobody has", "(description=x)", "", 0},

    {"no value", "(uid={san.email})", NULL, REASON_NO_VALUE},
    {"no value in a branch that is not needed", "(|(uid=alice)(mail={san.email}))", NULL,
     REASON_NO_VALUE},
    {"no value in a negation", "(&(uid=alice)(!(uid={san.email})))", NULL, REASON_NO_VALUE},
    {"several values", "(uid={subject.ou})", NULL, REASON_MULTI_VALUE},
    {"comma in a name of Active Directory", "(altSecurityIdentities={ad.subject})", NULL,
     REASON_BAD_ENCODING},
};

enum { USERS_MAX = 16 * 40 }; /* MAPPING_FOUND_MAX names of REPLICA_NAME_MAX */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void users_of(const struct replica *replica, const struct mapping_found *found,
                     char text[USERS_MAX])
{
    const char *names[MAPPING_FOUND_MAX];
    struct account *accounts[MAPPING_FOUND_MAX];

    for (size_t i = 0; i < found->n; i++) {
        accounts[i] = replica_account(replica, found->at[i], 0);
        names[i] = accounts[i]->name;
    }
    qsort(names, found->n, sizeof(names[0]), compare_names);
    text[0] = '\0';
    for (size_t i = 0, len = 0; i < found->n; i++)
        len += (size_t)snprintf(text + len, USERS_MAX - len, "%s%s", i ? " " : "", names[i]);
    for (size_t i = 0; i < found->n; i++)
        (void)account_free(accounts[i]);
}

static struct identity *holder(const struct cert_spec *spec)
{
    struct bytes der = cert_make(spec);
    struct identity *identity;
    struct error err;

    assert_true(identity_extract(der, &identity, &err));
    free((void *)der.at);
    return identity;
}

static struct filler *directory_for(const char *text)
{
    struct replica_options options = RFC2307BIS;
    struct error err;

    assert_true(replica_options_add_filter(&options, bytes_of(text), &err));
    return filler_of_ldif(&options, people);
}

static void test_runs(void **state)
{
    const struct cert_spec spec = {.subject = {{"CN", .value = "a,b"},
                                               {"UID", .value = "alice"},
                                               {"OU", .value = "carol"},
                                               {"OU", .value = "dave"}}};
    AUTO(identity_unrefp) struct identity *identity = holder(&spec);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(runs); i++) {
        AUTO(filler_freep) struct filler *filler = directory_for(runs[i].text);
        AUTO(mapping_find_freep) struct mapping_find *find = NULL;
        const struct replica *replica = filler_replica(filler);
        struct mapping_found found;
        struct error err = {0};
        char users[USERS_MAX] = "";
        bool good;

        if (!mapping_find_compile(bytes_of(runs[i].text), SUB, &find, &err))
            fail_msg("%s: %s", runs[i].name, err.detail);
        good = mapping_find_run(find, identity, replica, &found, &err);
        if (good)
            users_of(replica, &found, users);
        if (good != !!runs[i].users || (good && strcmp(users, runs[i].users) != 0) ||
            (!good && err.reason != runs[i].reason))
            fail_msg("%s: \"%s\" %s", runs[i].name, users, good ? "" : err.detail);
    }
}

/* An absent attribute meets a negation in a filter that a client would send, and only there. */
static void test_literal_negation(void **state)
{
    static const char text[] = "(&(objectClass=account)(!(title=guest)))";
    AUTO(filler_freep) struct filler *filler = directory_for(text);
    AUTO(mapping_find_freep) struct mapping_find *find = NULL;
    struct identity nobody = {.refs = 1};
    struct mapping_found found;
    struct error err;
    char users[USERS_MAX];

    (void)state;
    assert_true(mapping_find_compile(bytes_of(text), LIT, &find, &err));
    assert_true(mapping_find_run(find, &nobody, filler_replica(filler), &found, &err));
    users_of(filler_replica(filler), &found, users);
    assert_string_equal(users, "carol dave");
}

/* --- strings of Active Directory -------------------------------------------------------------- */

static const struct {
    const char *name, *string;
    struct cert_spec spec;
    const char *values; /* joined by a blank; "" none; NULL: `reason` */
    enum reason reason;
} strings[] = {
    {"issuer root first, serial from its last octet",
     "ad.issuer_serial",
     {.serial = 0x2b000012},
     "X509:<I>O=Test,CN=Users CA<SR>1200002B",
     0},
    {"serial with its top bit set both ways",
     "ad.issuer_serial",
     {.serial = 0xab0012},
     "X509:<I>O=Test,CN=Users CA<SR>1200AB X509:<I>O=Test,CN=Users CA<SR>1200AB00",
     0},
    {"subject",
     "ad.issuer_subject",
     {.subject = {{"DC", .value = "com"}, {"CN", .value = "Alice"}}},
     "X509:<I>O=Test,CN=Users CA<S>DC=com,CN=Alice",
     0},
    {"types by the names of Windows",
     "ad.subject",
     {.subject = {{"ST", .value = "Bern"}, {"emailAddress", .value = "a@b.c"}}},
     "X509:<S>S=Bern,E=a@b.c",
     0},
    {"unknown type",
     "ad.subject",
     {.subject = {{"UID", .value = "x"}}},
     "X509:<S>OID.0.9.2342.19200300.100.1.1=x",
     0},
    {"address", "ad.rfc822", {.san = "email:a@B.c"}, "X509:<RFC822>a@b.c", 0},
    {"no address", "ad.rfc822", {.serial = 5}, "", 0},
    {"no subject", "ad.subject", {.serial = 5}, "", 0},
    {"two addresses", "ad.rfc822", {.san = "email:a@b.c,email:d@b.c"}, NULL, REASON_MULTI_VALUE},
    {"comma", "ad.subject", {.subject = {{"CN", .value = "a,O=b"}}}, NULL, REASON_BAD_ENCODING},
    {"quote", "ad.subject", {.subject = {{"CN", .value = "a\"b"}}}, NULL, REASON_BAD_ENCODING},
    {"less", "ad.subject", {.subject = {{"CN", .value = "a<SR>01"}}}, NULL, REASON_BAD_ENCODING},
    {"greater", "ad.subject", {.subject = {{"CN", .value = "a>b"}}}, NULL, REASON_BAD_ENCODING},
    {"line feed", "ad.subject", {.subject = {{"CN", .value = "a\nb"}}}, NULL, REASON_BAD_ENCODING},
    {"carriage return",
     "ad.subject",
     {.subject = {{"CN", .value = "a\rb"}}},
     NULL,
     REASON_BAD_ENCODING},
    {"NUL", "ad.subject", {.subject = {{"CN", 0, "a\0b", 3}}}, NULL, REASON_BAD_ENCODING},
    {"several values in a relative name",
     "ad.subject",
     {.subject = {{"CN", .value = "a"}, {"UID", .value = "b", .joined = true}}},
     NULL,
     REASON_MULTI_VALUE},
};

static void test_ad_strings(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
        const struct ad_string *row = ad_string_find(bytes_of(strings[i].string));
        AUTO(identity_unrefp) struct identity *identity = holder(&strings[i].spec);
        struct ad_values values = {.n = 0};
        struct error err = {0};
        char text[512] = "";
        bool good;

        assert_non_null(row);
        good = ad_string_make(row, identity, &values, &err);
        for (size_t k = 0; k < values.n; k++) {
            size_t len = strlen(text);

            (void)snprintf(text + len, sizeof(text) - len, "%s%.*s", k ? " " : "",
                           (int)values.at[k].len, (const char *)values.at[k].at);
        }
        if (good != !!strings[i].values || (good && strcmp(text, strings[i].values) != 0) ||
            (!good && err.reason != strings[i].reason))
            fail_msg("%s: %s %s", strings[i].name, text, good ? "" : err.detail);
        ad_values_clear(&values);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loads),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_literal_negation),
        cmocka_unit_test(test_ad_strings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
