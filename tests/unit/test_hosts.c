/*
 * The host registry in the replica: which entries are hosts, which names find them, which addresses
 * are none; and that a host's change names the host and no user.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ldap/hosts.h"
#include "replica_of_ldif.h"

#include <stdio.h>

#define HOST(cn, rest)                                                                             \
    "dn: cn=" cn ",ou=hosts,dc=example,dc=org\n"                                                   \
    "objectClass: device\nobjectClass: ipHost\ncn: " cn "\n" rest "\n"
#define IP(address) "ipHostNumber: " address "\n"
#define REGISTRY                                                                                   \
    USER("alice", "10001")                                                                         \
    "\n" HOST("web1", IP("192.0.2.1")) HOST(                                                       \
        "Web2",                                                                                    \
        "cn: web2.example.org\n" IP("192.0.2.2")                                                   \
            IP("2001:db8::2")) HOST("none", "") HOST("bad", IP("192.0.2.3") IP("example.org"))     \
        HOST("port", IP("192.0.2.3:22")) HOST("mapped", IP("::ffff:192.0.2.3")) HOST(              \
            "old",                                                                                 \
            IP("192.0.2.08")) "dn: cn=twin,ou=a,dc=example,dc=org\nobjectClass: ipHost\ncn: "      \
                              "twin\n" IP("192.0.2.4") "\n"                                        \
                                                       "dn: "                                      \
                                                       "cn=twin,ou=b,dc=example,dc="               \
                                                       "org\nobjectClass: "                        \
                                                       "IPHOST\ncn: TWIN\n" IP(                    \
                                                           "192.0.2.5") "\n"                       \
                                                                        "dn: "                     \
                                                                        "cn=switch,dc=example,dc=" \
                                                                        "org\nobjectClass: "       \
                                                                        "device\n"                 \
                                                                        "cn: switch\n" IP(         \
                                                                            "192.0.2.6") "\n"

static const struct {
    const char *name, *addresses; /* NULL: refused with `reason` */
    enum reason reason;
} cases[] = {
    {"web1", "192.0.2.1 ", REASON_OK},
    {"WEB1", "192.0.2.1 ", REASON_OK},
    {"web2", "192.0.2.2 2001:db8::2 ", REASON_OK},
    {"web3", NULL, REASON_NO_HOST},
    {"alice", NULL, REASON_NO_HOST},
    {"switch", NULL, REASON_NO_HOST},
    {"twin", NULL, REASON_NO_HOST},
    {"", NULL, REASON_NO_HOST},
    {"*", NULL, REASON_NO_HOST},
    {"web*", NULL, REASON_NO_HOST},
    {"web2.example.org", NULL, REASON_NO_HOST},
    {"web1 ", NULL, REASON_NO_HOST},
    {" web1", NULL, REASON_NO_HOST},
    {"-web1", NULL, REASON_NO_HOST},
    {"web1-", NULL, REASON_NO_HOST},
    {"web_1", NULL, REASON_NO_HOST},
    {"web1\\00", NULL, REASON_NO_HOST},
    {"192.0.2.1", NULL, REASON_NO_HOST},
    {"a23456789012345678901234567890123456789012345678901234567890abcd", NULL, REASON_NO_HOST},
    {"none", NULL, REASON_HOST_ADDRESS},
    {"bad", NULL, REASON_HOST_ADDRESS},
    {"port", NULL, REASON_HOST_ADDRESS},
    {"mapped", NULL, REASON_HOST_ADDRESS},
    {"old", NULL, REASON_HOST_ADDRESS},
};

static void expect_host(const struct replica *replica, const char *name, const char *addresses,
                        enum reason reason)
{
    struct error err = {.reason = REASON_OK};
    struct replica_host host;
    char got[256] = "";

    if (replica_host(replica, bytes_of(name), &host, &err))
        for (size_t i = 0; i < host.n; i++) {
            char text[ADDRESS_TEXT_MAX];

            address_format(&host.addresses[i], text);
            (void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s ", text);
        }
    if (err.reason != reason || (addresses && strcmp(got, addresses) != 0))
        fail_msg("\"%s\": %s %s %s", name, reason_name(err.reason), err.detail, got);
}

static void hosts_are_found(void **state)
{
    static const char *const schemas[] = {"rfc2307", "rfc2307bis"};

    (void)state;
    for (size_t s = 0; s < ARRAY_LEN(schemas); s++) {
        struct replica_options options = {.schema = schemas[s]};
        AUTO(filler_freep) struct filler *filler = filler_of_ldif(&options, REGISTRY);
        const struct replica *replica = filler_replica(filler);

        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
            expect_host(replica, cases[i].name, cases[i].addresses, cases[i].reason);
        assert_int_equal(replica_count(replica, REPLICA_HOST), 9);
        assert_int_equal(replica_count(replica, REPLICA_USER), 1);
        assert_int_equal(replica_size(replica), 10);
        assert_non_null(strstr(replica_filter(replica), "(objectClass=ipHost)"));
    }
}

/* Into a memfd, on disk, to another process: nothing is lost and nothing new appears. */
static void hosts_travel(void **state)
{
    struct replica_options options = RFC2307BIS;
    AUTO(filler_freep) struct filler *filler = filler_of_ldif(&options, REGISTRY);
    AUTO(replica_freep) struct replica *back = NULL;
    AUTO(writer_clear) struct writer out = writer_new(1 << 20);
    struct error err;

    (void)state;
    replica_encode(filler_replica(filler), &out);
    if (!replica_decode(&options, writer_bytes(&out), &back, &err))
        fail_msg("%s", err.detail);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_host(back, cases[i].name, cases[i].addresses, cases[i].reason);
    /* What the version before wrote has no hosts: all of it must come anew. */
    out.at[3] = '1';
    assert_false(replica_decode(&options, writer_bytes(&out), &(struct replica *){NULL}, &err));
}

struct seen {
    char users[64], hosts[64];
};

static void user_seen(void *context, const char *name)
{
    struct seen *seen = context;

    (void)snprintf(seen->users, sizeof(seen->users), "%s", name);
}

static void host_seen(void *context, const char *name)
{
    struct seen *seen = context;

    (void)snprintf(seen->hosts, sizeof(seen->hosts), "%s", name);
}

static void changes_name_the_host(void **state)
{
    struct replica_options options = RFC2307BIS;
    AUTO(filler_freep) struct filler *filler = filler_of_ldif(&options, USER("alice", "10001"));
    struct replica *replica = filler_replica(filler);
    struct replica_value values[] = {{bytes_of("objectClass"), bytes_of("ipHost")},
                                     {bytes_of("cn"), bytes_of("web1")},
                                     {bytes_of("ipHostNumber"), bytes_of("192.0.2.1")}};
    struct replica_record record = {
        .dn = bytes_of("cn=web1,dc=x"), .uuid = {{7}}, .values = values, .n_values = 3};
    struct seen seen = {"", ""};
    struct replica_affected affected = {.user = user_seen, .context = &seen, .host = host_seen};
    struct error err;

    (void)state;
    assert_true(replica_put(replica, &record, &affected, &err));
    assert_string_equal(seen.hosts, "web1");
    seen.hosts[0] = '\0';
    assert_true(replica_put(replica, &record, &affected, &err));
    assert_string_equal(seen.hosts, ""); /* the same again */
    values[2].value = bytes_of("192.0.2.9");
    assert_true(replica_put(replica, &record, &affected, &err));
    assert_string_equal(seen.hosts, "web1");
    expect_host(replica, "web1", "192.0.2.9 ", REASON_OK);
    seen.hosts[0] = '\0';
    record.n_values = 0; /* it loses its class */
    assert_true(replica_put(replica, &record, &affected, &err));
    assert_string_equal(seen.hosts, "web1");
    expect_host(replica, "web1", NULL, REASON_NO_HOST);
    assert_string_equal(seen.users, "");
}

/* A refresh that does not name a host any more removes it. */
static void a_refresh_removes_hosts(void **state)
{
    struct replica_options options = RFC2307BIS;
    AUTO(filler_freep) struct filler *filler = filler_of_ldif(&options, REGISTRY);
    struct feed feed = filler_feed(filler);
    struct error err;

    (void)state;
    assert_true(ldif_feed(bytes_of(USER("alice", "10001") "\n" HOST("web2", IP("192.0.2.7"))),
                          &feed, 2000, &err));
    expect_host(filler_replica(filler), "web1", NULL, REASON_NO_HOST);
    expect_host(filler_replica(filler), "web2", "192.0.2.7 ", REASON_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_are_found),
        cmocka_unit_test(hosts_travel),
        cmocka_unit_test(changes_name_the_host),
        cmocka_unit_test(a_refresh_removes_hosts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
