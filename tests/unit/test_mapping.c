/*
 * Mapping rules: what is refused at load, and which account a certificate becomes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs.h"
#include "common/clock.h"
#include "gatewayd/decide/mapping.h"
#include "people.h"

#define LIST(...)                                                                                  \
    {                                                                                              \
        (const char *const[]){__VA_ARGS__},                                                        \
            sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)                      \
    }
#define RULE .title = "r", .ca = LIST("users"), .strength = CONFIG_STRENGTH_WEAK_ALLOWED

static void count_error(void *context, const char *file, uint32_t line, const struct error *err)
{
    assert_string_equal(file, "gatewayd.conf");
    assert_int_equal(line, 7);
    assert_true(err->detail[0] != '\0');
    ++*(size_t *)context;
}

static bool compile(const struct config_mapping *mappings, size_t n, struct mapping_set **ret_set,
                    size_t *ret_errors)
{
    struct config_mapping copies[4];
    struct config config = {.mapping = copies, .n_mapping = n};
    struct config_errors errors = {.found = count_error, .context = ret_errors};

    *ret_errors = 0;
    for (size_t i = 0; i < n; i++) {
        copies[i] = mappings[i];
        copies[i].place = (struct config_place){"gatewayd.conf", 7};
    }
    return mapping_compile(&config, &errors, ret_set);
}

static const struct {
    const char *name;
    struct config_mapping mapping;
    size_t errors;
} loads[] = {
    {"find with a modifier", {RULE, .find = "(mail={san.email!only})"}, 0},
    {"and, or, literals",
     {RULE, .find = "(&(objectClass=person)(|(uid={subject.uid})(cn=a\\2ab)))"},
     0},
    {"certificate equality", {RULE, .find = "(userCertificate;binary={cert})"}, 0},
    {"text around a value", {RULE, .find = "(mail={subject.uid}@corp.example)"}, 0},
    {"no account is needed", {RULE, .account = CONFIG_ACCOUNT_OPTIONAL}, 0},
    {"all kinds of match",
     {RULE, .find = "(uid=a)",
      .match = LIST("subject.cn = \"a = b\"", "san.email ~ *@corp.example", "eku has clientAuth",
                    "san.upn!any ~ re:^[a-z]+@corp[.]example$", "serial=0a")},
     0},

    {"no ca", {.title = "r", .find = "(uid=a)"}, 1},
    {"no find, but an account is required", {RULE}, 1},
    {"several errors at once", {.title = "r", .find = "uid=a", .match = LIST("x", "y")}, 4},
    {"unknown attribute", {RULE, .find = "(mail={san.mail})"}, 1},
    {"unknown modifier", {RULE, .find = "(mail={san.email!some})"}, 1},
    {"no parentheses", {RULE, .find = "mail={san.email}"}, 1},
    {"wildcard", {RULE, .find = "(mail=*)"}, 1},
    {"wildcard beside a value", {RULE, .find = "(mail={san.email}*)"}, 1},
    {"negation", {RULE, .find = "(!(mail={san.email}))"}, 1},
    {"greater or equal", {RULE, .find = "(uidNumber>={serial})"}, 1},
    {"approximate", {RULE, .find = "(mail~={san.email})"}, 1},
    {"extensible", {RULE, .find = "(mail:2.5.13.2:={san.email})"}, 1},
    {"attribute from the certificate", {RULE, .find = "({subject.cn}=a)"}, 1},
    {"empty value", {RULE, .find = "(mail=)"}, 1},
    {"nothing to join", {RULE, .find = "(&)"}, 1},
    {"brace left open", {RULE, .find = "(mail={san.email)"}, 1},
    {"brace closed only", {RULE, .find = "(mail=a})"}, 1},
    {"parenthesis left open", {RULE, .find = "(&(mail={san.email})"}, 1},
    {"something behind", {RULE, .find = "(uid=a)(uid=b)"}, 1},
    {"raw parenthesis in a value", {RULE, .find = "(uid=a(b)"}, 1},
    {"half a hex escape", {RULE, .find = "(uid=a\\2)"}, 1},
    {"two lists in one value", {RULE, .find = "(cn={subject.ou!any}{subject.cn!all})"}, 1},
    {"certificate beside text", {RULE, .find = "(userCertificate=x{cert})"}, 1},
    {"too deep", {RULE, .find = "(&(&(&(&(&(&(&(&(&(&(uid=a)))))))))))"}, 1},
    {"condition without operator", {RULE, .find = "(uid=a)", .match = LIST("subject.cn")}, 1},
    {"condition without value", {RULE, .find = "(uid=a)", .match = LIST("subject.cn = ")}, 1},
    {"unanchored expression", {RULE, .find = "(uid=a)", .match = LIST("subject.cn ~ re:abc")}, 1},
    {"half anchored expression",
     {RULE, .find = "(uid=a)", .match = LIST("subject.cn ~ re:^abc")},
     1},
    {"malformed expression", {RULE, .find = "(uid=a)", .match = LIST("subject.cn ~ re:^(a$")}, 1},
    {"back reference", {RULE, .find = "(uid=a)", .match = LIST("subject.cn ~ re:^(a)\\1$")}, 1},
    {"repeated repetition", {RULE, .find = "(uid=a)", .match = LIST("subject.cn ~ re:^a+++$")}, 1},
    {"large count", {RULE, .find = "(uid=a)", .match = LIST("subject.cn ~ re:^a{255}$")}, 1},
    {"counted group", {RULE, .find = "(uid=a)", .match = LIST("subject.cn ~ re:^(a{9}){9}$")}, 1},
    {"deep groups", {RULE, .find = "(uid=a)", .match = LIST("subject.cn ~ re:^(((((a)))))$")}, 1},
    {"star in the middle", {RULE, .find = "(uid=a)", .match = LIST("subject.cn ~ a*b")}, 1},
    {"two stars", {RULE, .find = "(uid=a)", .match = LIST("subject.cn ~ *a*")}, 1},
    {"star alone", {RULE, .find = "(uid=a)", .match = LIST("subject.cn ~ *")}, 1},
    {"pattern without star", {RULE, .find = "(uid=a)", .match = LIST("subject.cn ~ abc")}, 1},
    {"match on the certificate itself", {RULE, .find = "(uid=a)", .match = LIST("cert = x")}, 1},
};

static void test_loads(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(loads); i++) {
        struct mapping_set *set = NULL;
        size_t errors;
        bool ok = compile(&loads[i].mapping, 1, &set, &errors);

        if (ok != (loads[i].errors == 0) || errors != loads[i].errors)
            fail_msg("%s: %zu errors", loads[i].name, errors);
        (void)mapping_free(set);
    }
}

#define ALICE                                                                                      \
    .subject = {{"CN", .value = "Alice A"}, {"UID", .value = "alice"}},                            \
    .san = "email:alice@CORP.example", .eku = "clientAuth"

static const struct {
    const char *name;
    struct config_mapping mappings[3];
    struct cert_spec spec;
    const char *ca; /* NULL: users */
    const char *requested;
    enum reason reason;
    const char *user; /* NULL: no account */
} cases[] = {
    {"found by mail",
     {{RULE, .find = "(mail={san.email})"}},
     {ALICE},
     NULL,
     NULL,
     REASON_OK,
     "alice"},
    {"found by text around a value",
     {{RULE, .find = "(mail={subject.uid}@corp.example)"}},
     {ALICE},
     NULL,
     NULL,
     REASON_OK,
     "alice"},
    {"and",
     {{RULE, .find = "(&(mail={san.email})(uid={subject.uid}))"}},
     {ALICE},
     NULL,
     NULL,
     REASON_OK,
     "alice"},
    {"or finds the same user once",
     {{RULE, .find = "(|(mail={san.email})(uid={subject.uid}))"}},
     {ALICE},
     NULL,
     NULL,
     REASON_OK,
     "alice"},
    {"any of several addresses",
     {{RULE, .find = "(mail={san.email!any})"}},
     {.san = "email:x@y.z,email:bob@corp.example"},
     NULL,
     NULL,
     REASON_OK,
     "bob"},
    {"match holds",
     {{RULE, .match = LIST("san.email ~ *@corp.example", "eku has clientAuth"),
       .find = "(mail={san.email})"}},
     {ALICE},
     NULL,
     NULL,
     REASON_OK,
     "alice"},
    {"second rule when the first does not match",
     {{RULE, .match = LIST("subject.cn = \"Bob\""), .find = "(uid=bob)"},
      {RULE, .find = "(mail={san.email})"}},
     {ALICE},
     NULL,
     NULL,
     REASON_OK,
     "alice"},
    {"else continue",
     {{RULE, .find = "(uid={subject.cn})", .else_ = CONFIG_ELSE_CONTINUE},
      {RULE, .find = "(mail={san.email})"}},
     {ALICE},
     NULL,
     NULL,
     REASON_OK,
     "alice"},
    {"else continue without a value",
     {{RULE, .find = "(uid={san.upn})", .else_ = CONFIG_ELSE_CONTINUE},
      {RULE, .find = "(mail={san.email})"}},
     {ALICE},
     NULL,
     NULL,
     REASON_OK,
     "alice"},
    {"workload without account",
     {{RULE, .account = CONFIG_ACCOUNT_OPTIONAL, .subject = CONFIG_SUBJECT_SERVICE}},
     {ALICE},
     NULL,
     NULL,
     REASON_OK,
     NULL},
    {"optional account that is not there",
     {{RULE, .account = CONFIG_ACCOUNT_OPTIONAL, .find = "(uid=nobody)"}},
     {ALICE},
     NULL,
     NULL,
     REASON_OK,
     NULL},
    {"the requested one of several",
     {{RULE, .multi = CONFIG_MULTI_BY_REQUESTED_NAME, .find = "(mail={san.email})"}},
     {.san = "email:ops@corp.example"},
     NULL,
     "op2",
     REASON_OK,
     "op2"},
    {"several, and the name comes later",
     {{RULE, .multi = CONFIG_MULTI_BY_REQUESTED_NAME, .find = "(mail={san.email})"}},
     {.san = "email:ops@corp.example"},
     NULL,
     NULL,
     REASON_OK,
     NULL},
    {"value with filter characters is only a value",
     {{RULE, .find = "(uid={subject.cn})"}},
     {.subject = {{"CN", .value = "*)(uid=alice"}}},
     NULL,
     NULL,
     REASON_NO_USER,
     NULL},

    {"no rule for this ca",
     {{RULE, .find = "(mail={san.email})"}},
     {ALICE},
     "others",
     NULL,
     REASON_NO_RULE,
     NULL},
    {"no rule matches",
     {{RULE, .match = LIST("subject.cn = \"alice a\""), .find = "(uid=alice)"}},
     {ALICE},
     NULL,
     NULL,
     REASON_NO_RULE,
     NULL},
    {"expression must span the value",
     {{RULE, .match = LIST("subject.uid ~ re:^ali|xyz$"), .find = "(uid=alice)"}},
     {ALICE},
     NULL,
     NULL,
     REASON_NO_RULE,
     NULL},
    {"first matching rule decides",
     {{RULE, .find = "(uid={subject.cn})"}, {RULE, .find = "(mail={san.email})"}},
     {ALICE},
     NULL,
     NULL,
     REASON_NO_USER,
     NULL},
    {"nobody in any rule",
     {{RULE, .find = "(uid={subject.cn})", .else_ = CONFIG_ELSE_CONTINUE}},
     {ALICE},
     NULL,
     NULL,
     REASON_NO_USER,
     NULL},
    {"no value", {{RULE, .find = "(uid={san.upn})"}}, {ALICE}, NULL, NULL, REASON_NO_VALUE, NULL},
    {"two values where one is asked",
     {{RULE, .find = "(mail={san.email})"}},
     {.san = "email:alice@corp.example,email:bob@corp.example"},
     NULL,
     NULL,
     REASON_MULTI_VALUE,
     NULL},
    {"two values in a condition",
     {{RULE, .match = LIST("san.email ~ *@corp.example"), .find = "(uid=alice)"}},
     {.san = "email:alice@corp.example,email:bob@corp.example"},
     NULL,
     NULL,
     REASON_MULTI_VALUE,
     NULL},
    {"any of several addresses, two users",
     {{RULE, .find = "(mail={san.email!any})"}},
     {.san = "email:alice@corp.example,email:bob@corp.example"},
     NULL,
     NULL,
     REASON_AMBIGUOUS_USER,
     NULL},
    {"all addresses must be hers",
     {{RULE, .find = "(mail={san.email!all})"}},
     {.san = "email:alice@corp.example,email:x@corp.example"},
     NULL,
     NULL,
     REASON_NO_USER,
     NULL},
    {"malformed value that is used",
     {{RULE, .find = "(cn={subject.cn})"}},
     {.subject = {{"CN", 0, "alice\0x", 7}}},
     NULL,
     NULL,
     REASON_BAD_ENCODING,
     NULL},
    {"malformed value in a condition denies",
     {{RULE, .match = LIST("subject.cn = \"x\""), .find = "(uid=alice)"},
      {RULE, .find = "(uid=bob)"}},
     {.subject = {{"CN", 0, "alice\0x", 7}}},
     NULL,
     NULL,
     REASON_BAD_ENCODING,
     NULL},
    {"malformed value that is not used",
     {{RULE, .find = "(mail={san.email})"}},
     {.subject = {{"CN", 0, "alice\0x", 7}}, .san = "email:alice@corp.example"},
     NULL,
     NULL,
     REASON_OK,
     "alice"},
    {"several users",
     {{RULE, .find = "(mail={san.email})"}},
     {.san = "email:ops@corp.example"},
     NULL,
     NULL,
     REASON_AMBIGUOUS_USER,
     NULL},
    {"requested name is another user",
     {{RULE, .multi = CONFIG_MULTI_BY_REQUESTED_NAME, .find = "(mail={san.email})"}},
     {.san = "email:ops@corp.example"},
     NULL,
     "alice",
     REASON_WRONG_LOGIN,
     NULL},
    {"requested name does not overrule the certificate",
     {{RULE, .multi = CONFIG_MULTI_BY_REQUESTED_NAME, .find = "(mail={san.email})"}},
     {ALICE},
     NULL,
     "bob",
     REASON_OK,
     "alice"},
    {"a name is weak",
     {{.title = "r", .ca = LIST("users"), .find = "(mail={san.email})"}},
     {ALICE},
     NULL,
     NULL,
     REASON_WEAK_MAPPING,
     "alice"},
    {"certificate older than the account",
     {{RULE, .find = "(mail={san.email})"}},
     {.san = "email:new@corp.example"},
     NULL,
     NULL,
     REASON_CERT_OLDER_THAN_ACCOUNT,
     "new"},
    {"serial alone is weak",
     {{.title = "r",
       .ca = LIST("users"),
       .match = LIST("serial = \"1267\""),
       .find = "(uid=alice)"}},
     {ALICE},
     NULL,
     NULL,
     REASON_WEAK_MAPPING,
     "alice"},
    {"issuer and serial are strong",
     {{.title = "r",
       .ca = LIST("users"),
       .match = LIST("serial = \"1267\"", "issuer = \"CN=Users CA,O=Test\""),
       .find = "(uid=new)"}},
     {ALICE},
     NULL,
     NULL,
     REASON_OK,
     "new"},
};

static struct mapping_result run(const struct mapping_set *set, const struct replica *replica,
                                 size_t i)
{
    struct bytes der = cert_make(&cases[i].spec);
    struct identity *identity;
    struct mapping_result result;
    struct error err;

    assert_true(identity_extract(der, &identity, &err));
    mapping_apply(set,
                  &(struct mapping_request){.identity = identity,
                                            .ca = cases[i].ca ? cases[i].ca : "users",
                                            .requested = cases[i].requested,
                                            .replica = replica,
                                            .now_s = clock_realtime_s()},
                  &result);
    (void)identity_unref(identity);
    free((void *)der.at);
    return result;
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct replica_options options = {.schema = "rfc2307bis"};
        struct config config = {.mapping = (struct config_mapping *)cases[i].mappings};
        struct mapping_set *set;
        struct mapping_result result;
        struct replica *replica;
        struct error err;
        size_t errors;

        while (config.n_mapping < 3 && cases[i].mappings[config.n_mapping].title)
            config.n_mapping++;
        assert_true(compile(cases[i].mappings, config.n_mapping, &set, &errors));
        assert_true(mapping_replica_options(&config, &options, &err));
        replica = people_new(&options);
        result = run(set, replica, i);
        if (result.reason != cases[i].reason || !result.account != !cases[i].user ||
            (result.account && strcmp(result.account->name, cases[i].user)))
            fail_msg("%s: %s (%s), %s", cases[i].name, reason_name(result.reason), result.detail,
                     result.account ? result.account->name : "-");
        mapping_result_clear(&result);
        (void)replica_free(replica);
        (void)mapping_free(set);
    }
}

static void test_groups(void **state)
{
    struct replica_options options = {.schema = "rfc2307bis"};
    struct config_mapping mapping = {RULE, .find = "(mail={san.email})"};
    struct config config = {.mapping = &mapping, .n_mapping = 1};
    struct mapping_set *set;
    struct mapping_result result;
    struct replica *replica;
    struct error err;
    size_t errors;

    (void)state;
    assert_true(compile(&mapping, 1, &set, &errors));
    assert_true(mapping_replica_options(&config, &options, &err));
    replica = people_new(&options);
    result = run(set, replica, 0);
    assert_true(account_in_group(result.account, bytes_of("admins")));
    assert_true(account_in_group(result.account, bytes_of("staff")));
    assert_false(account_in_group(result.account, bytes_of("others")));
    mapping_result_clear(&result);
    (void)replica_free(replica);
    (void)mapping_free(set);
}

static void test_nothing_configured(void **state)
{
    struct mapping_result result = run(NULL, NULL, 0);

    (void)state;
    assert_int_equal(result.reason, REASON_NO_RULE);
    assert_null(result.account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loads),
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_nothing_configured),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
