/*
 * The first octets: what is called a handshake, what is waited for, what is refused at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/bytes.h"
#include "common/macros.h"
#include "gatewayd/edge/knock.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct pair {
    int client, server;
};

static int make_pair(void **state)
{
    static struct pair pair;
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sa);
    int listening = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(listening, (struct sockaddr *)&sa, sizeof(sa)), 0);
    assert_int_equal(listen(listening, 1), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&sa, &len), 0);
    pair.client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(pair.client, (struct sockaddr *)&sa, sizeof(sa)), 0);
    pair.server = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
    assert_true(pair.server >= 0);
    (void)close(listening);
    *state = &pair;
    return 0;
}

static int close_pair(void **state)
{
    struct pair *pair = *state;

    (void)close(pair->client);
    (void)close(pair->server);
    return 0;
}

static bool readable(int fd, int ms)
{
    struct pollfd look = {.fd = fd, .events = POLLIN};

    return poll(&look, 1, ms) == 1;
}

#define B(lit)                                                                                     \
    {                                                                                              \
        (const uint8_t *)(lit), sizeof(lit) - 1                                                    \
    }

static const struct {
    const char *name;
    struct bytes octets;
    enum knock expect;
} cases[] = {
    {"a whole record", B("\x16\3\1\0\2ab"), KNOCK_HELLO},
    {"a record and more", B("\x16\3\3\0\2abcdef"), KNOCK_HELLO},
    {"one octet of a record", B("\x16"), KNOCK_WAIT},
    {"the head only", B("\x16\3\1\0\2"), KNOCK_WAIT},
    {"all but one octet", B("\x16\3\1\0\2a"), KNOCK_WAIT},
    {"the largest length", B("\x16\3\1\x40\0"), KNOCK_WAIT},
    {"an empty record", B("\x16\3\1\0\0"), KNOCK_NO_TLS},
    {"a record above the largest", B("\x16\3\1\x40\1"), KNOCK_NO_TLS},
    {"another version", B("\x16\2\1\0\2ab"), KNOCK_NO_TLS},
    {"another version, seen early", B("\x16\2"), KNOCK_NO_TLS},
    {"application data", B("\x17\3\3\0\2ab"), KNOCK_NO_TLS},
    {"an alert", B("\x15\3\3\0\2\2\0"), KNOCK_NO_TLS},
    {"HTTP", B("GET / HTTP/1.1\r\n"), KNOCK_NO_TLS},
    {"one letter of HTTP", B("G"), KNOCK_NO_TLS},
    {"SSH", B("SSH-2.0-x\r\n"), KNOCK_NO_TLS},
    {"SSL 2", B("\x80\x2e\1\3\1\0\x15\0"), KNOCK_NO_TLS},
    {"NULs", B("\0\0\0\0\0\0"), KNOCK_NO_TLS},
};

static void first_octets(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct pair *pair;
        bool waits = false;
        enum knock got;

        (void)make_pair(state);
        pair = *state;
        assert_int_equal(send(pair->client, cases[i].octets.at, cases[i].octets.len, 0),
                         (ssize_t)cases[i].octets.len);
        assert_true(readable(pair->server, 1000));
        got = knock_look(pair->server, &waits);
        if (got != cases[i].expect || waits != (got == KNOCK_WAIT))
            fail_msg("%s: %d", cases[i].name, got);
        (void)close_pair(state);
    }
}

static void a_slow_one_wakes_nobody(void **state)
{
    struct pair *pair = *state;
    bool waits = false;
    char back[8];

    assert_int_equal(knock_look(pair->server, &waits), KNOCK_WAIT);
    assert_false(waits);
    for (const char *p = "\x16\3\1"; *p; p++) {
        assert_int_equal(send(pair->client, p, 1, 0), 1);
        if (p[0] == '\x16')
            assert_true(readable(pair->server, 1000));
        assert_int_equal(knock_look(pair->server, &waits), KNOCK_WAIT);
        assert_false(readable(pair->server, 20));
    }
    assert_int_equal(send(pair->client, "\0\3ab", 4, 0), 4);
    assert_true(readable(pair->server, 1000));
    assert_int_equal(knock_look(pair->server, &waits), KNOCK_WAIT);
    assert_false(readable(pair->server, 20));
    assert_int_equal(send(pair->client, "c", 1, 0), 1);
    assert_true(readable(pair->server, 1000));
    assert_int_equal(knock_look(pair->server, &waits), KNOCK_HELLO);
    assert_false(waits);
    /* Nothing was taken, and later octets are reported one by one again. */
    assert_int_equal(recv(pair->server, back, sizeof(back), 0), 8);
    assert_int_equal(send(pair->client, "d", 1, 0), 1);
    assert_true(readable(pair->server, 1000));
}

static void who_is_gone_is_seen(void **state)
{
    struct pair *pair = *state;
    bool waits = false;

    assert_false(knock_gone(pair->server));
    assert_int_equal(send(pair->client, "\x16\3\1\0\x10", 5, 0), 5);
    assert_true(readable(pair->server, 1000));
    assert_int_equal(knock_look(pair->server, &waits), KNOCK_WAIT);
    (void)shutdown(pair->client, SHUT_WR);
    assert_true(readable(pair->server, 1000));
    assert_int_equal(knock_look(pair->server, &waits), KNOCK_GONE);
    assert_true(knock_gone(pair->server));
}

static void who_never_spoke_and_left_is_seen(void **state)
{
    struct pair *pair = *state;
    bool waits = false;

    (void)shutdown(pair->client, SHUT_WR);
    assert_true(readable(pair->server, 1000));
    assert_int_equal(knock_look(pair->server, &waits), KNOCK_GONE);
}

static void a_refused_one_hears_why(void **state)
{
    struct pair *pair = *state;
    uint8_t alert[16];

    knock_refuse(pair->server);
    assert_int_equal(recv(pair->client, alert, sizeof(alert), 0), 7);
    assert_int_equal(alert[0], 21);
    assert_int_equal(alert[6], 70);
}

#define WITH_PAIR(test) cmocka_unit_test_setup_teardown(test, make_pair, close_pair)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_octets),     WITH_PAIR(a_slow_one_wakes_nobody),
        WITH_PAIR(who_is_gone_is_seen),     WITH_PAIR(who_never_spoke_and_left_is_seen),
        WITH_PAIR(a_refused_one_hears_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
