/*
 * Mapping rules beyond a find: strength and its exceptions, cross-checks, whole names, candidates;
 * and that nothing that is missing ever helps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs.h"
#include "common/clock.h"
#include "gatewayd/decide/mapping.h"
#include "replica_of_ldif.h"

#define LIST(...)                                                                                  \
    {                                                                                              \
        (const char *const[]){__VA_ARGS__},                                                        \
            sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)                      \
    }
#define STRONG .title = "r", .ca = LIST("users")
#define WEAK   STRONG, .strength = CONFIG_STRENGTH_WEAK_ALLOWED

/* The authority of the tests; "promising" promises all that one can. */
static const struct config_ca cas[] = {
    {.title = "users"},
    {.title = "promising",
     .ski = CONFIG_SKI_COMPUTED,
     .san = CONFIG_SAN_AUTHORITATIVE,
     .trust_domain = "prod.example"},
};

struct complaint {
    size_t n;
    char first[ERROR_DETAIL_MAX];
};

static void complain(void *context, const char *file, uint32_t line, const struct error *err)
{
    struct complaint *complaint = context;

    (void)file;
    (void)line;
    if (complaint->n++ == 0)
        (void)snprintf(complaint->first, sizeof(complaint->first), "%s", err->detail);
}

static bool compile(const struct config_mapping *mappings, size_t n, struct mapping_set **ret_set,
                    struct complaint *complaint)
{
    struct config config = {.mapping = (struct config_mapping *)mappings,
                            .n_mapping = n,
                            .ca = (struct config_ca *)cas,
                            .n_ca = ARRAY_LEN(cas)};
    struct config_errors errors = {.found = complain, .context = complaint};

    *complaint = (struct complaint){.n = 0};
    return mapping_compile(&config, &errors, ret_set);
}

/* --- refused at load -------------------------------------------------------------------------- */

static const struct {
    const char *name;
    struct config_mapping mapping;
    const char *why;
} loads[] = {
    {"policies without weak-allowed",
     {STRONG, .find = "(mail={san.email})", .weak_policies = LIST("1.2.3")},
     "weak-allowed"},
    {"suffixes without weak-allowed",
     {STRONG, .find = "(mail={san.email})", .weak_suffixes = LIST("@corp.example")},
     "weak-allowed"},
    {"suffix of a longer name",
     {WEAK, .find = "(mail={san.email})", .weak_suffixes = LIST("corp.example")},
     "write \"@corp.example\""},
    {"suffix and no name",
     {WEAK, .find = "(uid={subject.cn})", .weak_suffixes = LIST("@c")},
     "no name"},
    {"policy that is no OID",
     {WEAK, .find = "(uid={subject.cn})", .weak_policies = LIST("high")},
     "no dotted OID"},
    {"confirm without find",
     {WEAK, .account = CONFIG_ACCOUNT_OPTIONAL, .confirm = LIST("(uid=a)")},
     "confirm without find"},
    {"confirm that is no filter", {WEAK, .find = "(uid=a)", .confirm = LIST("uid=a")}, "confirm"},
    {"confirm with a wildcard",
     {WEAK, .find = "(uid=a)", .confirm = LIST("(mail=*{subject.cn})")},
     "allow_substring"},
    {"confirm that something missing meets",
     {WEAK, .find = "(uid=a)", .confirm = LIST("(!(title=guest))")},
     "write (&"},
    {"end of a longer domain",
     {WEAK, .find = "(uid=a)", .match = LIST("san.email ~ *corp.example")},
     "evilcorp.example"},
    {"end of a longer host",
     {WEAK, .find = "(uid=a)", .match = LIST("san.dns ~ *corp.example")},
     "write *.corp.example"},
    {"start of a longer host",
     {WEAK, .find = "(uid=a)", .match = LIST("san.uri ~ https://a.example*")},
     "https://a.example/*"},
    {"domain in capitals",
     {WEAK, .find = "(uid=a)", .match = LIST("san.email ~ *@Corp.example")},
     "lower case"},
    {"address in capitals",
     {WEAK, .find = "(uid=a)", .match = LIST("san.email = a@Corp.example")},
     "lower case"},
    {"host in capitals",
     {WEAK, .find = "(uid=a)", .match = LIST("san.dns = A.example")},
     "lower case"},
    {"whole name that is none",
     {WEAK, .find = "(uid=a)", .match = LIST("subject = \"Alice\"")},
     "RFC 4514"},
    {"start of a whole name",
     {WEAK, .find = "(uid=a)", .match = LIST("subject ~ CN=Alice*")},
     "whole names"},
    {"part of a relative name",
     {WEAK, .find = "(uid=a)", .match = LIST("subject ~ *Corp")},
     "whole names"},
    {"expression on a whole name",
     {WEAK, .find = "(uid=a)", .match = LIST("issuer ~ re:^CN=.*$")},
     "whole names"},
    {"string of Active Directory in a condition",
     {WEAK, .find = "(uid=a)", .match = LIST("ad.subject = x")},
     "for find alone"},
    {"misspelt attribute",
     {WEAK, .find = "(uid=a)", .match = LIST("subjcet.cn = x")},
     "did you mean subject.cn?"},
};

static void test_loads(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(loads); i++) {
        struct mapping_set *set = NULL;
        struct complaint complaint;

        if (compile(&loads[i].mapping, 1, &set, &complaint))
            fail_msg("%s: accepted", loads[i].name);
        if (complaint.n != 1 || !strstr(complaint.first, loads[i].why) ||
            !strstr(complaint.first, "mapping \"r\""))
            fail_msg("%s: %zu, %s", loads[i].name, complaint.n, complaint.first);
    }
}

/* A good section beside a bad one does not stand alone: the set is refused whole, all errors told.
 */
static void test_refused_whole(void **state)
{
    const struct config_mapping mappings[] = {
        {WEAK, .find = "(mail={san.email})"},
        {WEAK, .find = "(mail={san.emial})", .match = LIST("x"), .confirm = LIST("(")},
        {.title = "s"},
    };
    struct mapping_set *set = NULL;
    struct complaint complaint;

    (void)state;
    assert_false(compile(mappings, ARRAY_LEN(mappings), &set, &complaint));
    assert_null(set);
    assert_int_equal(complaint.n, 5);
}

/* --- who it is -------------------------------------------------------------------------------- */

#define OLD "createTimestamp: 20200101000000Z\n"

static const char people[] = USER("alice", "2001") OLD
    "mail: alice@corp.example\nemployeeNumber: 17\n"
    "certificateSerial: CN=Users CA,O=Test 1267\n\n" USER("bob", "2002") OLD
    "mail: bob@evil.example\nemployeeNumber: 18\n"
    "altSecurityIdentities: X509:<I>O=Test,CN=Users CA<SR>6712\n\n" USER("op1", "2003") OLD
    "mail: ops@corp.example\nemployeeNumber: 19\n\n" USER("op2", "2004") OLD
    "mail: ops@corp.example\nemployeeNumber: 20\n\n" USER(
        "ageless", "2005") "mail: ageless@corp.example\n\n" USER("twin", "2006") OLD
    "mail: twin@corp.example\nserialHex: 1267\nserialHex: 5\n"
    "issuerName: CN=Users CA,O=Test\nissuerName: CN=Other,O=Test\n\n";

#define ALICE                                                                                      \
    .subject = {{"UID", .value = "alice"}, {"serialNumber", .value = "17"}},                       \
    .san = "email:alice@CORP.example"

static const struct {
    const char *name;
    struct config_mapping mapping;
    struct cert_spec spec;
    const char *requested;
    enum reason reason;
    const char *user;
    bool strong;
} cases[] = {
    {"exception by the end of the name",
     {WEAK, .find = "(mail={san.email})", .weak_suffixes = LIST(".x", "@Corp.Example")},
     {ALICE},
     NULL,
     REASON_OK,
     "alice",
     false},
    {"second factor",
     {WEAK, .find = "(mail={san.email})",
      .confirm = LIST("(employeeNumber={subject.serialnumber})")},
     {ALICE},
     NULL,
     REASON_OK,
     "alice",
     false},
    {"second factor that needs no value",
     {WEAK, .find = "(mail={san.email})", .confirm = LIST("(employeeNumber=*)", "(uid=alice)")},
     {ALICE},
     NULL,
     REASON_OK,
     "alice",
     false},
    {"string of Active Directory is strong",
     {STRONG, .find = "(altSecurityIdentities={ad.issuer_serial})"},
     {.serial = 0x1267},
     NULL,
     REASON_OK,
     "bob",
     true},
    {"issuer and serial in one value are strong",
     {STRONG, .find = "(certificateSerial={issuer} {serial})"},
     {ALICE},
     NULL,
     REASON_OK,
     "alice",
     true},
    {"whole name in other letters",
     {WEAK, .match = LIST("issuer = \"cn=users  ca, o=TEST\""), .find = "(uid={subject.uid})"},
     {ALICE},
     NULL,
     REASON_OK,
     "alice",
     false},
    {"end of a whole name",
     {WEAK, .match = LIST("issuer ~ *,O=Test"), .find = "(uid={subject.uid})"},
     {ALICE},
     NULL,
     REASON_OK,
     "alice",
     false},
    {"requested one of several",
     {WEAK, .find = "(mail={san.email})", .multi = CONFIG_MULTI_BY_REQUESTED_NAME},
     {.san = "email:ops@corp.example"},
     "op1",
     REASON_OK,
     "op1",
     false},
    {"conditions pin the certificate, the find is fixed",
     {STRONG, .match = LIST("issuer = \"CN=Users CA,O=Test\"", "serial = 1267"),
      .find = "(uid=alice)"},
     {ALICE},
     NULL,
     REASON_OK,
     "alice",
     true},

    {"conditions pin the certificate, a name chooses",
     {STRONG, .match = LIST("issuer = \"CN=Users CA,O=Test\"", "serial = 1267"),
      .find = "(uid={subject.uid})"},
     {ALICE},
     NULL,
     REASON_WEAK_MAPPING,
     "alice",
     false},
    {"issuer of one certificate, serial of another",
     {STRONG, .find = "(&(serialHex={serial})(issuerName={issuer}))"},
     {ALICE},
     NULL,
     REASON_WEAK_MAPPING,
     "twin",
     false},
    {"no exception for this end",
     {WEAK, .find = "(mail={san.email})", .weak_suffixes = LIST("@corp.example")},
     {.san = "email:bob@evil.example"},
     NULL,
     REASON_WEAK_MAPPING,
     "bob",
     false},
    {"end of a longer domain",
     {WEAK, .find = "(mail={san.email})", .weak_suffixes = LIST("@xample")},
     {.san = "email:bob@evil.example"},
     NULL,
     REASON_WEAK_MAPPING,
     "bob",
     false},
    {"one of two names has another end",
     {WEAK, .find = "(mail={san.email!any})", .weak_suffixes = LIST("@corp.example")},
     {.san = "email:alice@corp.example,email:x@evil.example"},
     NULL,
     REASON_WEAK_MAPPING,
     "alice",
     false},
    {"no policy at all",
     {WEAK, .find = "(mail={san.email})", .weak_policies = LIST("1.2.3.4")},
     {ALICE},
     NULL,
     REASON_WEAK_MAPPING,
     "alice",
     false},
    {"key identifier is what the authority chose",
     {STRONG, .match = LIST("ski = 00"), .find = "(uid=alice)"},
     {ALICE},
     NULL,
     REASON_NO_RULE,
     NULL,
     false},
    {"second factor differs",
     {WEAK, .find = "(mail={san.email})",
      .confirm = LIST("(employeeNumber={subject.serialnumber})")},
     {.subject = {{"serialNumber", .value = "18"}}, .san = "email:alice@corp.example"},
     NULL,
     REASON_CONFIRM_MISMATCH,
     "alice",
     false},
    {"certificate lacks the second factor",
     {WEAK, .find = "(mail={san.email})",
      .confirm = LIST("(employeeNumber={subject.serialnumber})")},
     {.san = "email:alice@corp.example"},
     NULL,
     REASON_NO_VALUE,
     "alice",
     false},
    {"certificate has it twice",
     {WEAK, .find = "(mail={san.email})",
      .confirm = LIST("(employeeNumber={subject.serialnumber})")},
     {.subject = {{"serialNumber", .value = "18"}, {"serialNumber", .value = "17"}},
      .san = "email:alice@corp.example"},
     NULL,
     REASON_MULTI_VALUE,
     "alice",
     false},
    {"entry lacks the second factor",
     {WEAK, .find = "(mail={san.email})",
      .confirm = LIST("(employeeNumber={subject.serialnumber})")},
     {.subject = {{"serialNumber", .value = "17"}}, .san = "email:ageless@corp.example"},
     NULL,
     REASON_CONFIRM_MISMATCH,
     "ageless",
     false},
    {"first of two second factors",
     {WEAK, .find = "(mail={san.email})",
      .confirm = LIST("(employeeNumber={subject.serialnumber})", "(uid=bob)")},
     {ALICE},
     NULL,
     REASON_CONFIRM_MISMATCH,
     "alice",
     false},
    {"account of unknown age",
     {WEAK, .find = "(mail={san.email})"},
     {.san = "email:ageless@corp.example"},
     NULL,
     REASON_WEAK_MAPPING,
     "ageless",
     false},
    {"requested name outside of the set",
     {WEAK, .find = "(mail={san.email})", .multi = CONFIG_MULTI_BY_REQUESTED_NAME},
     {.san = "email:ops@corp.example"},
     "alice",
     REASON_WRONG_LOGIN,
     NULL,
     false},
    {"requested name of nobody",
     {WEAK, .find = "(mail={san.email})", .multi = CONFIG_MULTI_BY_REQUESTED_NAME},
     {.san = "email:ops@corp.example"},
     "root",
     REASON_WRONG_LOGIN,
     NULL,
     false},
    {"several without the option",
     {WEAK, .find = "(mail={san.email})"},
     {.san = "email:ops@corp.example"},
     "op1",
     REASON_AMBIGUOUS_USER,
     NULL,
     false},
    {"whole name of another",
     {WEAK, .match = LIST("issuer = \"CN=Users CA\""), .find = "(uid={subject.uid})"},
     {ALICE},
     NULL,
     REASON_NO_RULE,
     NULL,
     false},
    {"end of a name inside of a value",
     {WEAK, .match = LIST("subject ~ *,O=Test"), .find = "(uid=alice)"},
     {.subject = {{"CN", .value = "x,O=Test"}}},
     NULL,
     REASON_NO_RULE,
     NULL,
     false},
    {"end of a name behind an escaped backslash is one",
     {WEAK, .match = LIST("subject ~ *,CN=x"), .find = "(uid=alice)"},
     {.subject = {{"CN", .value = "x"}, {"UID", .value = "a\\"}}},
     NULL,
     REASON_OK,
     "alice",
     false},
    {"comma in a string of Active Directory",
     {STRONG, .find = "(altSecurityIdentities={ad.issuer_subject})"},
     {.subject = {{"CN", .value = "a,b"}}},
     NULL,
     REASON_BAD_ENCODING,
     NULL,
     false},
    {"subject of Active Directory is weak",
     {STRONG, .find = "(|(uid=alice)(altSecurityIdentities={ad.subject}))"},
     {ALICE},
     NULL,
     REASON_WEAK_MAPPING,
     "alice",
     false},
};

static struct filler *directory_for(const struct config_mapping *mappings, size_t n,
                                    const char *text)
{
    const struct config config = {.mapping = (struct config_mapping *)mappings, .n_mapping = n};
    struct replica_options options = RFC2307BIS;
    struct error err;

    assert_true(mapping_replica_options(&config, &options, &err));
    return filler_of_ldif(&options, text);
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

/* What the one rule makes of the identity with this directory. */
static struct mapping_result apply(const struct config_mapping *mapping, const char *ca,
                                   const struct identity *identity, const char *requested,
                                   const char *text)
{
    AUTO(filler_freep) struct filler *filler = directory_for(mapping, 1, text);
    AUTO(mapping_freep) struct mapping_set *set = NULL;
    struct complaint complaint;
    struct mapping_result result;

    if (!compile(mapping, 1, &set, &complaint))
        fail_msg("%s", complaint.first);
    mapping_apply(set,
                  &(struct mapping_request){.identity = identity,
                                            .ca = ca,
                                            .requested = requested,
                                            .replica = filler_replica(filler),
                                            .now_s = clock_realtime_s()},
                  &result);
    result.mapping = "";
    return result;
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(identity_unrefp) struct identity *identity = holder(&cases[i].spec);
        AUTO(mapping_result_clear)
        struct mapping_result result =
            apply(&cases[i].mapping, "users", identity, cases[i].requested, people);

        if (result.reason != cases[i].reason || !result.account != !cases[i].user ||
            (result.account && strcmp(result.account->name, cases[i].user) != 0) ||
            (result.account && result.strong != cases[i].strong))
            fail_msg("%s: %s (%s), %s, %s", cases[i].name, reason_name(result.reason),
                     result.detail, result.account ? result.account->name : "-",
                     result.strong ? "strong" : "weak");
    }
}

/* The record names all of them. */
static void test_candidates(void **state)
{
    const struct config_mapping mapping = {WEAK, .find = "(mail={san.email})"};
    const struct cert_spec spec = {.san = "email:ops@corp.example"};
    AUTO(identity_unrefp) struct identity *identity = holder(&spec);
    AUTO(mapping_result_clear)
    struct mapping_result result = apply(&mapping, "users", identity, NULL, people);

    (void)state;
    assert_non_null(result.candidates);
    assert_non_null(strstr(result.candidates, "uid=op1,ou=people,dc=example,dc=org"));
    assert_non_null(strstr(result.candidates, "uid=op2,ou=people,dc=example,dc=org"));
    assert_null(strstr(result.candidates, "alice"));
}

/* --- nothing that is missing ever helps ------------------------------------------------------- */

static const struct config_mapping erased_rules[] = {
    {WEAK, .find = "(mail={san.email})"},
    {WEAK, .find = "(mail={san.email!any})"},
    {WEAK, .find = "(mail={san.email!all})"},
    {WEAK, .find = "(&(mail={san.email})(uid={subject.uid}))"},
    {WEAK, .find = "(|(mail={san.email})(uid={subject.uid}))"},
    {WEAK, .find = "(&(objectClass=account)(employeeNumber=*)(!(employeeNumber=18)))",
     .multi = CONFIG_MULTI_BY_REQUESTED_NAME},
    {WEAK, .find = "(mail={san.email})",
     .confirm = LIST("(employeeNumber={subject.serialnumber})")},
    {WEAK, .find = "(mail={san.email})", .weak_suffixes = LIST("@corp.example")},
    {STRONG, .find = "(altSecurityIdentities={ad.issuer_serial})"},
    {WEAK, .find = "(mail={san.email})", .match = LIST("subject.uid = alice")},
};

static const struct cert_spec erased_certificates[] = {
    {ALICE},
    {ALICE, .serial = 0x1267},
    {.subject = {{"UID", .value = "bob"}, {"serialNumber", .value = "17"}},
     .san = "email:alice@corp.example,email:bob@evil.example"},
    {.subject = {{"UID", .value = "op1"}}, .san = "email:ops@corp.example"},
};

/* The account that is used or named: a denial that names one may become that account by nothing. */
static const char *account_of(const struct mapping_result *result)
{
    return result->reason == REASON_OK && result->account ? result->account->name : "";
}

/* Whether the answer without something is one that the answer with everything allows. */
static bool no_better(const struct mapping_result *all, const struct mapping_result *less)
{
    const char *now = account_of(less);

    if (now[0] == '\0' || strcmp(now, account_of(all)) == 0)
        return true;
    /* Of several that fit one is left: never somebody who did not fit. */
    return all->reason == REASON_AMBIGUOUS_USER && all->candidates &&
           strstr(all->candidates, now) != NULL;
}

static void check_no_better(const struct config_mapping *mapping, size_t certificate,
                            const struct mapping_result *all, const struct mapping_result *less,
                            const char *what)
{
    if (!no_better(all, less))
        fail_msg("%s, certificate %zu without %s: %s \"%s\" becomes \"%s\"", mapping->find,
                 certificate, what, reason_name(all->reason), account_of(all), account_of(less));
}

/* Without the number-th value; of several values of an attribute all go, since one that is left
 * alone is what another certificate says. */
static size_t erase(struct identity_value *values, size_t n, size_t number)
{
    const struct attribute *attribute = values[number].attribute;
    size_t left = 0;

    for (size_t i = 0; i < n; i++)
        if (values[i].attribute != attribute)
            values[left++] = values[i];
    return left;
}

static void erase_values(const struct config_mapping *mapping, size_t number,
                         struct identity *identity)
{
    AUTO(mapping_result_clear)
    struct mapping_result all = apply(mapping, "users", identity, NULL, people);
    const size_t n = identity->n_values;
    struct identity_value *values = calloc(n, sizeof(*values));

    assert_non_null(values);
    memcpy(values, identity->values, n * sizeof(*values));
    for (size_t i = 0; i < n; i++) {
        struct mapping_result less;

        identity->n_values = erase(identity->values, n, i);
        less = apply(mapping, "users", identity, NULL, people);
        check_no_better(mapping, number, &all, &less, values[i].attribute->name);
        mapping_result_clear(&less);
        memcpy(identity->values, values, n * sizeof(*values));
        identity->n_values = n;
    }
    free(values);
}

/* Each line of the directory that is an attribute of an entry, one after the other. */
static void erase_attributes(const struct config_mapping *mapping, size_t number,
                             const struct identity *identity)
{
    AUTO(mapping_result_clear)
    struct mapping_result all = apply(mapping, "users", identity, NULL, people);
    char text[sizeof(people)];

    for (const char *line = people; *line; line += strcspn(line, "\n") + 1) {
        size_t before = (size_t)(line - people), len = strcspn(line, "\n") + 1;
        struct mapping_result less;

        if (len == 1 || strncmp(line, "dn:", 3) == 0)
            continue;
        memcpy(text, people, before);
        memcpy(text + before, line + len, sizeof(people) - before - len);
        less = apply(mapping, "users", identity, NULL, text);
        check_no_better(mapping, number, &all, &less, line);
        mapping_result_clear(&less);
    }
}

static void test_missing_never_helps(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(erased_rules); i++)
        for (size_t k = 0; k < ARRAY_LEN(erased_certificates); k++) {
            AUTO(identity_unrefp) struct identity *identity = holder(&erased_certificates[k]);

            erase_values(&erased_rules[i], k, identity);
            erase_attributes(&erased_rules[i], k, identity);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loads),
        cmocka_unit_test(test_refused_whole),
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_candidates),
        cmocka_unit_test(test_missing_never_helps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
