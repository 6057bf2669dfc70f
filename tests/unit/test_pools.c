/*
 * Services with several places, seen from the other ends of decide's channels: who gets the next
 * connection, what is left out and comes back, names that directory resolves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/clock.h"
#include "decide_world.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char allow_staff[] = "rule \"staff\" { groups = {\"staff\"} services = {\"any\"} }\n";
#define ALICE "alice@corp.example"

static int listen_unix(const struct world *world, const char *name)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    (void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/%s", world->dir, name);
    (void)unlink(sa.sun_path);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    assert_int_equal(listen(fd, 64), 0);
    return fd;
}

static const struct target *place(const struct world *world, const char *service, const char *name)
{
    struct target *const *at;
    size_t n = pools_of_service(world->decide->pools, service, &at);

    for (size_t i = 0; i < n; i++) {
        const char *found = strstr(at[i]->where, name);

        if (found && found[strlen(name)] == '\0')
            return at[i];
    }
    fail_msg("no place %s", name);
    return NULL;
}

static void expect_counts(const struct world *world, unsigned echo, unsigned two)
{
    assert_int_equal(place(world, "many", "/echo")->n_sessions, echo);
    assert_int_equal(place(world, "many", "/two")->n_sessions, two);
    assert_int_equal(place(world, "many", "/dead")->n_sessions, 0);
}

static void test_spread(void **state)
{
    struct world *world = world_new(allow_staff);
    int two = listen_unix(world, "two");

    (void)state;
    for (uint64_t i = 1; i <= 6; i++)
        assert_int_equal(world_connect(world, i, ALICE, "many")->reason, REASON_OK);
    expect_counts(world, 3, 3);
    assert_true(place(world, "many", "/dead")->down);
    assert_non_null(strstr(place(world, "many", "/dead")->why, "No such file"));
    /* The one that loses sessions gets the next ones. */
    for (uint64_t i = 1; i <= 6; i++)
        if (strstr(world_session(world, i)->target->where, "/two"))
            world_close(world, i, 1, 1);
    world_wait(world, 30);
    expect_counts(world, 3, 0);
    assert_non_null(strstr(world_last(world, "close")->upstream, "/two"));
    for (uint64_t i = 11; i <= 13; i++)
        assert_int_equal(world_connect(world, i, ALICE, "many")->reason, REASON_OK);
    expect_counts(world, 3, 3);
    (void)close(two);
    world_free(world);
}

/* A place that goes away costs no connection while another one is there. */
static void test_one_goes(void **state)
{
    struct world *world = world_new(allow_staff);
    int two = listen_unix(world, "two");

    (void)state;
    (void)close(two);
    for (uint64_t i = 1; i <= 4; i++)
        assert_int_equal(world_connect(world, i, ALICE, "many")->reason, REASON_OK);
    expect_counts(world, 4, 0);
    assert_true(place(world, "many", "/two")->down);
    /* It is tried again after a second, and then gets what it lacks. */
    two = listen_unix(world, "two");
    world_wait(world, TARGET_PAUSE_MIN_MS + 50);
    for (uint64_t i = 5; i <= 7; i++)
        assert_int_equal(world_connect(world, i, ALICE, "many")->reason, REASON_OK);
    expect_counts(world, 4, 3);
    assert_false(place(world, "many", "/two")->down);
    (void)close(two);
    world_free(world);
}

static void test_all_down(void **state)
{
    struct world *world = world_new(allow_staff);
    const char *detail;

    (void)state;
    (void)close(world->service);
    assert_int_equal(world_connect(world, 1, ALICE, "many")->reason, REASON_UPSTREAM_UNREACHABLE);
    detail = world_last(world, "close")->detail;
    assert_string_equal(world_last(world, "close")->reason, "upstream_unreachable");
    expect_counts(world, 0, 0);
    for (size_t i = 0; i < 3; i++) {
        static const char *const said[] = {"/dead: No such file", "/echo: Connection refused",
                                           "/two: No such file"};

        if (!strstr(detail, said[i]))
            fail_msg("%s is not in \"%s\"", said[i], detail);
    }
    world->service = listen_unix(world, "echo");
    /* None works, as it seems: all are tried nevertheless. */
    assert_int_equal(world_connect(world, 2, ALICE, "many")->reason, REASON_OK);
    world_free(world);
}

/* Checks find out without any client, and bring a place back. */
static void test_checks(void **state)
{
    struct world *world = world_new(allow_staff);
    int three = listen_unix(world, "three"), four;

    (void)state;
    world_wait(world, 2300);
    assert_false(place(world, "checked", "/three")->down);
    assert_true(place(world, "checked", "/four")->down);
    for (uint64_t i = 1; i <= 3; i++)
        assert_int_equal(world_connect(world, i, ALICE, "checked")->reason, REASON_OK);
    assert_int_equal(place(world, "checked", "/three")->n_sessions, 3);
    four = listen_unix(world, "four");
    world_wait(world, 2300);
    assert_false(place(world, "checked", "/four")->down);
    assert_int_equal(world_connect(world, 4, ALICE, "checked")->reason, REASON_OK);
    assert_int_equal(place(world, "checked", "/four")->n_sessions, 1);
    (void)close(three);
    (void)close(four);
    world_free(world);
}

/* --- names ------------------------------------------------------------------------------------ */

static void resolved(struct world *world, enum reason reason, const char *const *addresses,
                     size_t n)
{
    struct writer octets = writer_new(1024);
    struct message_resolved msg = {
        .name = bytes_of("db.example"), .reason = reason, .detail = bytes_of("no such name")};

    for (size_t i = 0; i < n; i++) {
        struct address address;

        assert_true(address_parse(bytes_of(addresses[i]), &address, NULL));
        writer_put(&octets, (struct bytes){address.octets, sizeof(address.octets)});
    }
    msg.addresses = writer_bytes(&octets);
    assert_true(channel_send(world->directory, MESSAGE_RESOLVED, &msg, -1));
    writer_clear(&octets);
    world_wait(world, 20);
}

static void test_names(void **state)
{
    static const char *const two[] = {"127.0.0.2", "127.0.0.3"};
    struct world *world = world_new(allow_staff);
    struct target *const *at;

    (void)state;
    assert_true(world->n_resolves >= 1); /* before any client came */
    assert_string_equal(world->asked_name[0], "db.example");
    assert_int_equal(world_connect(world, 1, ALICE, "named")->reason, REASON_UPSTREAM_UNREACHABLE);
    assert_string_equal(world_last(world, "close")->detail, "db.example:7: not yet resolved");
    resolved(world, REASON_OK, two, 2);
    assert_int_equal(pools_of_service(world->decide->pools, "named", &at), 2);
    assert_string_equal(at[0]->where, "127.0.0.2:7");
    assert_string_equal(at[1]->where, "127.0.0.3:7");
    resolved(world, REASON_OK, two + 1, 1);
    assert_int_equal(pools_of_service(world->decide->pools, "named", &at), 1);
    assert_string_equal(at[0]->where, "127.0.0.3:7");
    /* What is lost later leaves the last good answer. */
    resolved(world, REASON_NOT_FOUND, NULL, 0);
    resolved(world, REASON_OK, NULL, 0);
    assert_int_equal(pools_of_service(world->decide->pools, "named", &at), 1);
    world_free(world);
}

/* An answer that nobody has asked for gives no service a place. */
static void test_strange_answers(void **state)
{
    static const uint8_t octets[47];
    struct world *world = world_new(allow_staff);
    struct target *const *at;
    struct message_resolved answers[] = {
        {.name = bytes_of("other.example"), .addresses = {octets, 16}},
        {.name = bytes_of(""), .addresses = {octets, 16}},
        {.name = bytes_of("db.example"), .addresses = {octets, 15}},
        {.name = bytes_of("db.example"), .addresses = {octets, 47}},
        {.name = bytes_of("db.example"), .reason = UINT32_MAX, .addresses = {octets, 16}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        assert_true(channel_send(world->directory, MESSAGE_RESOLVED, &answers[i], -1));
        world_wait(world, 5);
        assert_int_equal(pools_of_service(world->decide->pools, "named", &at), 0);
    }
    world_free(world);
}

/* --- a new decide ----------------------------------------------------------------------------- */

static void resume(struct world *world, const struct world_verdict *verdict,
                   const struct message_open *open)
{
    struct writer octets = writer_new(8192);
    struct message_resume msg = {.session = verdict->session};

    message_encode(MESSAGE_OPEN, open, &octets);
    msg.open = writer_bytes(&octets);
    assert_true(channel_send(world->edge, MESSAGE_RESUME, &msg, verdict->fd));
    writer_clear(&octets);
}

static void test_restart(void **state)
{
    enum { SESSIONS = 3 };
    struct world *world = world_new(allow_staff);
    struct message_open open[SESSIONS];
    struct message_resume_done done = {.count = SESSIONS};
    int two = listen_unix(world, "two");

    (void)state;
    for (uint64_t i = 0; i < SESSIONS; i++) {
        open[i] = world_open_message(i + 1, ALICE, "many");
        assert_true(channel_send(world->edge, MESSAGE_OPEN, &open[i], -1));
        world_wait(world, 20);
    }
    assert_int_equal(world->n_verdicts, SESSIONS);
    expect_counts(world, 2, 1);
    world_restart(world);
    expect_counts(world, 0, 0);
    for (size_t i = 0; i < SESSIONS; i++)
        resume(world, &world->verdicts[i], &open[i]);
    assert_true(channel_send(world->edge, MESSAGE_RESUME_DONE, &done, -1));
    world_policy(world, allow_staff);
    world_people(world, clock_realtime_ms());
    world_wait(world, 50);
    expect_counts(world, 2, 1);
    for (uint64_t i = 1; i <= SESSIONS; i++)
        world_close(world, i, 0, 0);
    world_wait(world, 30);
    expect_counts(world, 0, 0);
    for (size_t i = 0; i < SESSIONS; i++)
        free((void *)open[i].leaf.at);
    (void)close(two);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spread),   cmocka_unit_test(test_one_goes),
        cmocka_unit_test(test_all_down), cmocka_unit_test(test_checks),
        cmocka_unit_test(test_names),    cmocka_unit_test(test_strange_answers),
        cmocka_unit_test(test_restart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
