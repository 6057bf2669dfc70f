/* Health of servers and the choice among them; hails of servers that are there, silent, gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/clock.h"
#include "ldap/servers.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const uris[] = {"ldap://a", "ldaps://b", "ldap://c"};
static const struct error gone = {.reason = REASON_DIRECTORY_UNREACHABLE};

/* Every dial gives one end of a pair; the other one is the server. Fewer than 0: nobody is there.
 */
static int far_ends[8], n_dials;
static bool refuses[3];

static int dial(void *context, const char *uri, int64_t deadline_ms, struct error *err)
{
    int pair[2];

    (void)context;
    assert_int_equal(deadline_ms, DIRECTORY_DIAL_AT_ONCE);
    for (size_t i = 0; i < 3; i++)
        if (strcmp(uri, uris[i]) == 0 && refuses[i]) {
            *err = gone;
            return -1;
        }
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    far_ends[n_dials++] = pair[1];
    return pair[0];
}
static const struct directory_calls calls = {.dial = dial};

static void begin(struct servers *servers, size_t n)
{
    struct directory_config config = {.uris = uris, .n_uris = n};

    n_dials = 0;
    memset(refuses, 0, sizeof(refuses));
    servers_init(servers, &config);
}

static void end(struct servers *servers)
{
    servers_clear(servers);
    for (int i = 0; i < n_dials; i++)
        (void)close(far_ends[i]);
}

static void sleep_ms(int ms)
{
    (void)poll(NULL, 0, ms);
}

static void one_alone_needs_no_hail(void **state)
{
    struct servers servers;

    (void)state;
    begin(&servers, 1);
    (void)servers_step(&servers, &calls, SERVERS_NONE);
    assert_int_equal(servers_due(&servers, SERVERS_NONE), 0);
    assert_int_equal(n_dials, 0);
    end(&servers);
}

static void the_preferred_one_gets_a_moment(void **state)
{
    struct servers servers;

    (void)state;
    begin(&servers, 2);
    (void)servers_step(&servers, &calls, SERVERS_NONE); /* connected */
    (void)servers_step(&servers, &calls, SERVERS_NONE); /* sent */
    assert_int_equal(n_dials, 2);
    assert_int_equal(send(far_ends[1], "x", 1, 0), 1); /* the second answers first */
    (void)servers_step(&servers, &calls, SERVERS_NONE);
    assert_int_equal(servers_due(&servers, SERVERS_NONE), SERVERS_NONE);
    sleep_ms(SERVERS_PREFER_MS + 10);
    (void)servers_step(&servers, &calls, SERVERS_NONE);
    assert_int_equal(servers_due(&servers, SERVERS_NONE), 1);
    assert_int_equal(send(far_ends[0], "x", 1, 0), 1);
    (void)servers_step(&servers, &calls, SERVERS_NONE);
    assert_int_equal(servers_due(&servers, SERVERS_NONE), 0);
    end(&servers);
}

static void who_is_gone_rests(void **state)
{
    struct servers servers;
    int64_t now = clock_monotonic_ms();

    (void)state;
    begin(&servers, 2);
    refuses[0] = true;
    (void)servers_step(&servers, &calls, 1);
    assert_int_equal(servers_due(&servers, 1), SERVERS_NONE);
    assert_int_equal(servers.at[0].bad, 1);
    assert_true(servers_step(&servers, &calls, 1) >= now + SERVERS_PAUSE_MS);
    for (int i = 0; i < 20; i++)
        servers_bad(&servers, 0, &gone);
    assert_int_equal(servers.at[0].pause_ms, SERVERS_PAUSE_MAX);
    assert_true(servers_step(&servers, &calls, SERVERS_NONE) <= now + SERVERS_PAUSE_ALONE + 1000);
    end(&servers);
}

static void who_closes_is_there_only_behind_tls(void **state)
{
    struct servers servers;

    (void)state;
    begin(&servers, 2);
    (void)servers_step(&servers, &calls, SERVERS_NONE);
    (void)servers_step(&servers, &calls, SERVERS_NONE);
    (void)shutdown(far_ends[0], SHUT_WR);
    (void)shutdown(far_ends[1], SHUT_WR);
    (void)servers_step(&servers, &calls, SERVERS_NONE);
    assert_int_equal(servers.at[0].bad, 1);
    assert_int_equal(servers_due(&servers, SERVERS_NONE), 1);
    end(&servers);
}

static void what_is_sent_is_whole(void **state)
{
    struct servers servers;
    uint8_t octets[256];
    ssize_t len;

    (void)state;
    begin(&servers, 2);
    (void)servers_step(&servers, &calls, SERVERS_NONE);
    (void)servers_step(&servers, &calls, SERVERS_NONE);
    assert_int_equal(recv(far_ends[0], octets, sizeof(octets), 0), 14);
    assert_int_equal(octets[1], 12);
    len = recv(far_ends[1], octets, sizeof(octets), 0);
    assert_int_equal(len, 5 + octets[4]);
    assert_int_equal(octets[8], octets[4] - 4); /* the handshake message in the record */
    end(&servers);
}

/* latencies in milliseconds */
static const struct {
    const char *name;
    int64_t current_ms, other_ms;
    size_t current, other;
    unsigned good;
    bool better;
} choices[] = {
    {"a preferred one that is well", 5, 5, 1, 0, 2, true},
    {"after one probe", 5, 5, 1, 0, 1, false},
    {"a preferred one, somewhat slower", 5, 40, 1, 0, 2, true},
    {"a preferred one that is slow", 5, 180, 1, 0, 5, false},
    {"a preferred one that is as slow", 150, 180, 1, 0, 2, true},
    {"one behind, as fast", 5, 5, 0, 1, 9, false},
    {"one behind, faster, but this one is fast enough", 80, 5, 0, 1, 9, false},
    {"one behind while this one is slow", 180, 5, 0, 1, 9, true},
    {"one behind that is slow too", 180, 60, 0, 1, 9, false},
};

static void better_ones(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
        struct servers servers;

        begin(&servers, 3);
        servers.at[choices[i].current].latency_us = choices[i].current_ms * 1000;
        servers.at[choices[i].other].latency_us = choices[i].other_ms * 1000;
        servers.at[choices[i].other].good = choices[i].good;
        if (servers_better(&servers, choices[i].other, choices[i].current) != choices[i].better)
            fail_msg("%s", choices[i].name);
        end(&servers);
    }
}

static void latency_moves_slowly(void **state)
{
    struct servers servers;

    (void)state;
    begin(&servers, 1);
    servers_good(&servers, 0, 1000, 1);
    assert_int_equal(servers.at[0].latency_us, 1000);
    servers_heard(&servers, 0, 5000);
    assert_int_equal(servers.at[0].latency_us, 2000);
    servers_heard(&servers, 0, 0);
    assert_true(servers.at[0].latency_us > 0);
    servers_good(&servers, 0, 1000, 1000); /* one that takes a second is not asked all the time */
    assert_int_equal(servers.at[0].pause_ms, 1000 * SERVERS_COST);
    end(&servers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_alone_needs_no_hail),
        cmocka_unit_test(the_preferred_one_gets_a_moment),
        cmocka_unit_test(who_is_gone_rests),
        cmocka_unit_test(who_closes_is_there_only_behind_tls),
        cmocka_unit_test(what_is_sent_is_whole),
        cmocka_unit_test(better_ones),
        cmocka_unit_test(latency_moves_slowly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
