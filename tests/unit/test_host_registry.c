/*
 * Services that lead to hosts of the directory's registry, seen from the other ends of decide's
 * channels: which names are let through, where they lead, what a change of the registry ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/clock.h"
#include "decide_world.h"
#include "people.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static const char allow_staff[] = "rule \"staff\" { groups = {\"staff\"} services = {\"any\"} }\n";
#define ALICE "alice@corp.example"

static int listen_host(const char *address)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(20007)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_int_equal(inet_pton(AF_INET, address, &sa.sin_addr), 1);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    assert_int_equal(listen(fd, 16), 0);
    return fd;
}

/* A host entry as directory tells it; NULL addresses: it goes. */
static void host_entry(struct world *world, uint8_t number, const char *cn, const char *address,
                       const char *other)
{
    struct replica_options options = {.schema = "rfc2307bis"};
    struct writer octets = writer_new(65536);
    struct message_change msg = {.as_of_ms = clock_realtime_ms()};
    struct replica_uuid uuid = {{[15] = number}};
    struct replica *replica;
    struct error err;

    assert_true(mapping_replica_options(world->config, &options, &err));
    replica = people_new(&options);
    if (address) {
        const char *const pairs[] = {"objectClass",
                                     "ipHost",
                                     "cn",
                                     cn,
                                     "ipHostNumber",
                                     address,
                                     other ? "ipHostNumber" : NULL,
                                     other,
                                     NULL};

        people_put(replica, number, "cn=host,ou=hosts,dc=corp,dc=example", pairs, NULL);
        replica_encode_put(replica, replica_find_uuid(replica, &uuid), &octets);
    } else {
        replica_encode_remove(&uuid, &octets);
    }
    msg.change = writer_bytes(&octets);
    assert_true(channel_send(world->directory, MESSAGE_CHANGE, &msg, -1));
    (void)replica_free(replica);
    writer_clear(&octets);
    world_wait(world, 10);
}

static struct world_verdict *connect_to(struct world *world, uint64_t connection, const char *sni,
                                        const char *service)
{
    struct message_open open = world_open_message(connection, ALICE, service);
    size_t before = world->n_verdicts;

    open.sni = bytes_of(sni);
    assert_true(channel_send(world->edge, MESSAGE_OPEN, &open, -1));
    free((void *)open.leaf.at);
    while (world->n_verdicts == before)
        world_step(world);
    return &world->verdicts[before];
}

static struct world *begin(void)
{
    struct world *world = world_new(allow_staff);

    host_entry(world, 100, "web1", "127.0.0.51", NULL);
    return world;
}

static const struct {
    const char *name, *sni, *service;
    enum reason reason;
} refusals[] = {
    {"no entry", "web9.hosts.x", "hosts", REASON_NO_HOST},
    {"a user is no host", "alice.hosts.x", "hosts", REASON_NO_HOST},
    {"no server name", "", "hosts", REASON_NO_HOST},
    {"another server name", "web1.other.x", "hosts", REASON_NO_HOST},
    {"two labels", "web1.a.hosts.x", "hosts", REASON_NO_HOST},
    {"no label", ".hosts.x", "hosts", REASON_NO_HOST},
    {"the pattern alone", "hosts.x", "hosts", REASON_NO_HOST},
    {"a star", "*.hosts.x", "hosts", REASON_NO_HOST},
    {"an underscore", "web_1.hosts.x", "hosts", REASON_NO_HOST},
    {"loopback, where nothing allows it", "web1.h22.x", "hosts22", REASON_HOST_ADDRESS},
};

static void test_refusals(void **state)
{
    struct world *world = begin();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        struct world_verdict *verdict =
            connect_to(world, i + 1, refusals[i].sni, refusals[i].service);

        if (verdict->reason != refusals[i].reason || verdict->fd >= 0)
            fail_msg("%s: %s", refusals[i].name, reason_name(verdict->reason));
        assert_string_equal(world_last(world, "deny")->reason, reason_name(refusals[i].reason));
    }
    world_free(world);
}

static const struct {
    const char *address;
    bool good; /* in the service that allows 127.0.0.0/8 alone */
} addresses[] = {
    {"127.0.0.52", true}, {"10.0.0.1", false},    {"0.0.0.0", false},         {"224.0.0.1", false},
    {"::1", false},       {"169.254.0.1", false}, {"255.255.255.255", false}, {"ff02::1", false},
    {"::", false},        {"fe80::1", false},
};

static void test_addresses(void **state)
{
    struct world *world = begin();
    uint64_t connection = 1;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        struct world_verdict *verdict;

        host_entry(world, 100, "web1", addresses[i].address, NULL);
        verdict = connect_to(world, connection++, "web1.hosts.x", "hosts");
        /* Nobody listens at the good one. */
        if ((verdict->reason == REASON_UPSTREAM_UNREACHABLE) != addresses[i].good)
            fail_msg("%s: %s", addresses[i].address, reason_name(verdict->reason));
        verdict = connect_to(world, connection++, "web1.h22.x", "hosts22");
        if (strcmp(addresses[i].address, "10.0.0.1") != 0)
            assert_int_equal(verdict->reason, REASON_HOST_ADDRESS);
    }
    world_free(world);
}

/* One bad address among good ones makes the whole entry unusable. */
static void test_one_bad_address(void **state)
{
    struct world *world = begin();

    (void)state;
    host_entry(world, 100, "web1", "127.0.0.51", "10.0.0.1");
    assert_int_equal(connect_to(world, 1, "web1.hosts.x", "hosts")->reason, REASON_HOST_ADDRESS);
    world_free(world);
}

static void test_leads_there(void **state)
{
    struct world *world = begin();
    int one = listen_host("127.0.0.51"), two = listen_host("127.0.0.52"), fd;

    (void)state;
    assert_int_equal(connect_to(world, 1, "web1.hosts.x", "hosts")->reason, REASON_OK);
    assert_int_equal(connect_to(world, 2, "WEB1.Hosts.X", "hosts")->reason, REASON_OK);
    fd = accept(one, NULL, NULL);
    assert_true(fd >= 0);
    assert_int_equal(accept(two, NULL, NULL), -1);
    assert_string_equal(world_session(world, 1)->target->where, "127.0.0.51:20007");
    assert_int_equal(world_session(world, 1)->target->n_sessions, 2);
    /* With a second address the new sessions go there; the old ones stay. */
    host_entry(world, 100, "web1", "127.0.0.51", "127.0.0.52");
    world_wait(world, 20);
    assert_int_equal(world->n_ends, 0);
    assert_int_equal(connect_to(world, 3, "web1.hosts.x", "hosts")->reason, REASON_OK);
    assert_string_equal(world_session(world, 3)->target->where, "127.0.0.52:20007");
    (void)close(fd);
    (void)close(one);
    (void)close(two);
    world_free(world);
}

static bool ended(struct world *world)
{
    return world->n_ends > 0;
}

static const struct {
    const char *name, *cn, *address; /* the entry as it is then */
    enum reason reason;
} changes[] = {
    {"another address", "web1", "127.0.0.99", REASON_HOST_CHANGED},
    {"another name", "web7", "127.0.0.51", REASON_NO_HOST},
    {"gone", "web1", NULL, REASON_NO_HOST},
    {"no address any more that is allowed", "web1", "10.0.0.1", REASON_HOST_ADDRESS},
};

static void test_changes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        struct world *world = begin();
        int one = listen_host("127.0.0.51"), two = listen_host("127.0.0.52");

        host_entry(world, 101, "web2", "127.0.0.52", NULL);
        assert_int_equal(connect_to(world, 1, "web1.hosts.x", "hosts")->reason, REASON_OK);
        assert_int_equal(connect_to(world, 2, "web2.hosts.x", "hosts")->reason, REASON_OK);
        assert_int_equal(world_connect(world, 3, ALICE, "echo")->reason, REASON_OK);
        host_entry(world, 100, changes[i].cn, changes[i].address, NULL);
        world_run(world, ended);
        world_wait(world, 20);
        if (world->n_ends != 1 || world->ends[0].connection != 1 ||
            world->ends[0].reason != changes[i].reason)
            fail_msg("%s: %zu ends, %s", changes[i].name, world->n_ends,
                     reason_name((enum reason)world->ends[0].reason));
        (void)close(one);
        (void)close(two);
        world_free(world);
    }
}

/* A host that goes is meant, however many sessions it has; the guard is for accidents. */
static void test_no_guard_for_one_host(void **state)
{
    struct world *world = begin();
    int one = listen_host("127.0.0.51");

    (void)state;
    for (uint64_t i = 1; i <= 16; i++)
        assert_int_equal(connect_to(world, i, "web1.hosts.x", "hosts")->reason, REASON_OK);
    for (uint64_t i = 17; i <= 24; i++) {
        while (accept(one, NULL, NULL) >= 0)
            ;
        assert_int_equal(connect_to(world, i, "web1.hosts.x", "hosts")->reason, REASON_OK);
    }
    host_entry(world, 100, "web1", NULL, NULL);
    world_run(world, ended);
    world_wait(world, 50);
    assert_int_equal(world->n_ends, 24);
    (void)close(one);
    world_free(world);
}

/* After a restart the place of a session is known by its socket. */
static void test_restart(void **state)
{
    struct world *world = begin();
    int one = listen_host("127.0.0.51");
    struct message_open open = world_open_message(1, ALICE, "hosts");
    struct message_resume_done done = {.count = 1};
    struct message_resume msg;
    struct writer octets = writer_new(8192);

    (void)state;
    open.sni = bytes_of("web1.hosts.x");
    assert_true(channel_send(world->edge, MESSAGE_OPEN, &open, -1));
    world_wait(world, 30);
    assert_int_equal(world->n_verdicts, 1);
    world_restart(world);
    message_encode(MESSAGE_OPEN, &open, &octets);
    msg = (struct message_resume){.session = world->verdicts[0].session,
                                  .open = writer_bytes(&octets)};
    assert_true(channel_send(world->edge, MESSAGE_RESUME, &msg, world->verdicts[0].fd));
    assert_true(channel_send(world->edge, MESSAGE_RESUME_DONE, &done, -1));
    world_wait(world, 30);
    assert_int_equal(world->n_ends, 0); /* kept until there is something to judge it on */
    assert_string_equal(world_session(world, 1)->target->where, "127.0.0.51:20007");
    world_policy(world, allow_staff);
    world_people(world, clock_realtime_ms()); /* a registry without it */
    world_run(world, ended);
    assert_int_equal(world->ends[0].reason, REASON_NO_HOST);
    writer_clear(&octets);
    free((void *)open.leaf.at);
    (void)close(one);
    world_free(world);
}

static void test_stale(void **state)
{
    struct world *world = begin();

    (void)state;
    world_people(world, clock_realtime_ms() - 3600 * 1000);
    world_wait(world, 20);
    assert_int_equal(connect_to(world, 1, "web1.hosts.x", "hosts")->reason, REASON_DIRECTORY_STALE);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_one_bad_address), cmocka_unit_test(test_leads_there),
        cmocka_unit_test(test_changes),         cmocka_unit_test(test_no_guard_for_one_host),
        cmocka_unit_test(test_restart),         cmocka_unit_test(test_stale),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
