/*
 * The stage `status` of a real edge: the test is its fetch and its decide. What OCSP says goes to
 * decide with the connection, is remembered, and is asked for again while a session lives.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/clock.h"
#include "tests/unit/edge_world.h"

#include <sys/socket.h>
#include <unistd.h>

#define CONFIG(ocsp)                                                                               \
    "edges = 1\n"                                                                                  \
    "tls \"default\" { certificate = \"/none/server.pem\"  key = \"/none/server.key\" }\n"         \
    "ca \"users\" { anchors = \"/none/ca.pem\"  revocation = \"if-present\"  ocsp = \"" ocsp       \
    "\" }\n"                                                                                       \
    "listener \"main\" { address = {\"127.0.0.1:8443\"}  tls = {\"default\"}  ca = {\"users\"}\n"  \
    "                  handshake_timeout = \"3s\"  max_connections = 1000 }\n"                     \
    "service \"echo\" { listener = {\"main\"}  upstream = \"127.0.0.1:9\" }\n"

static struct edge_world w;
static int fetch;

static void new_fetch(void)
{
    struct message_channel msg = {.role = PROCESS_FETCH};
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair),
                     0);
    edge_world_send(w.edge_parent, MESSAGE_CHANNEL, &msg, pair[1]);
    (void)close(pair[1]);
    fetch = pair[0];
}

static void begin(const char *config)
{
    edge_world_start_with(&w, NULL, config);
    new_fetch();
}

static void end(void)
{
    (void)close(fetch);
    edge_world_stop(&w);
}

static void connect_client(struct edge_client *client)
{
    const struct edge_client_spec spec = {
        .sni = "echo.example", .certificate = w.client, .key = w.client_key};

    assert_int_equal(edge_client_connect(&w, &spec, client), 1);
}

static uint64_t expect_ask(void)
{
    union message msg;

    edge_world_expect(fetch, MESSAGE_STATUS_ASK, &msg, NULL);
    assert_true(bytes_equal(msg.status_ask.ca_name, bytes_of("users")));
    assert_true(msg.status_ask.chain.len > 100);
    return msg.status_ask.cookie;
}

static void answer(uint64_t cookie, enum reason reason, int64_t for_s)
{
    struct message_status msg = {.cookie = cookie,
                                 .reason = reason,
                                 .this_update_s = clock_realtime_s(),
                                 .until_s = clock_realtime_s() + for_s,
                                 .detail = bytes_of("as the test says")};

    edge_world_send(fetch, MESSAGE_STATUS, &msg, -1);
}

/* The OPEN that comes carries this reason. */
static struct message_open expect_open(enum reason reason)
{
    union message msg;

    edge_world_expect(w.decide, MESSAGE_OPEN, &msg, NULL);
    assert_string_equal(reason_name((enum reason)msg.open.chain_reason), reason_name(reason));
    return msg.open;
}

static const struct {
    const char *config;
    enum reason said, told;
} cases[] = {
    {CONFIG("require"), REASON_OK, REASON_OK},
    {CONFIG("require"), REASON_CERT_REVOKED, REASON_CERT_REVOKED},
    {CONFIG("require"), REASON_OCSP_UNKNOWN, REASON_OCSP_UNKNOWN},
    {CONFIG("require"), REASON_OCSP_UNAVAILABLE, REASON_OCSP_UNAVAILABLE},
    {CONFIG("require"), REASON_DEFAULT_DENY, REASON_OCSP_UNAVAILABLE}, /* not fetch's to say */
    {CONFIG("soft"), REASON_OK, REASON_OK},
    {CONFIG("soft"), REASON_CERT_REVOKED, REASON_CERT_REVOKED},
    {CONFIG("soft"), REASON_OCSP_UNKNOWN, REASON_OK},
    {CONFIG("soft"), REASON_OCSP_UNAVAILABLE, REASON_OK},
};

static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct edge_client client, again;
        struct message_open open;
        uint64_t cookie;

        begin(cases[i].config);
        connect_client(&client);
        cookie = expect_ask();
        assert_true(edge_world_is_silent(w.decide)); /* nobody decides before the answer */
        answer(cookie + 1, REASON_OK, 600);          /* to a question that nobody has asked */
        assert_true(edge_world_is_silent(w.decide));
        answer(cookie, cases[i].said, 600);
        open = expect_open(cases[i].told);
        if (cases[i].told == REASON_OK)
            assert_in_range(open.crl_valid_until_s, clock_realtime_s() + 590,
                            clock_realtime_s() + 601);
        /* The same certificate again: nobody is asked. */
        connect_client(&again);
        (void)expect_open(cases[i].told);
        assert_true(edge_world_is_silent(fetch));
        edge_client_free(&again);
        edge_client_free(&client);
        end();
    }
}

/* Several connections that wait for the same answer ask once. */
static void test_one_question(void **state)
{
    struct edge_client clients[3];
    uint64_t cookie;

    (void)state;
    begin(CONFIG("require"));
    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        connect_client(&clients[i]);
    cookie = expect_ask();
    assert_true(edge_world_is_silent(fetch));
    edge_client_free(&clients[0]); /* one goes away meanwhile */
    answer(cookie, REASON_OK, 600);
    (void)expect_open(REASON_OK);
    (void)expect_open(REASON_OK);
    edge_client_free(&clients[1]);
    edge_client_free(&clients[2]);
    end();
}

static void test_no_answer(void **state)
{
    struct edge_client client;
    int64_t begin_ms;

    (void)state;
    begin(CONFIG("require"));
    connect_client(&client);
    begin_ms = clock_monotonic_ms();
    (void)expect_ask();
    (void)expect_open(REASON_OCSP_UNAVAILABLE);
    assert_in_range(clock_monotonic_ms() - begin_ms, 2000, 3500);
    edge_client_free(&client);
    end();
}

static void test_fetch_lost(void **state)
{
    struct edge_client client, again;

    (void)state;
    begin(CONFIG("require"));
    connect_client(&client);
    (void)expect_ask();
    (void)close(fetch);
    (void)expect_open(REASON_OCSP_UNAVAILABLE);
    connect_client(&again);
    (void)expect_open(REASON_OCSP_UNAVAILABLE);
    edge_client_free(&again);
    edge_client_free(&client);
    new_fetch();
    end();
}

/* decide asks when the answer has ended; what is new then is told, and only of that chain. */
static void test_live(void **state)
{
    struct message_verify verify = {.connection = 0};
    struct edge_client client;
    struct message_open open;
    union message msg;

    (void)state;
    begin(CONFIG("require"));
    connect_client(&client);
    answer(expect_ask(), REASON_OK, 2);
    open = expect_open(REASON_OK);
    verify.connection = open.connection;
    edge_world_send(w.decide, MESSAGE_VERIFY, &verify, -1);
    assert_true(edge_world_is_silent(fetch)); /* it still holds */
    (void)sleep(3);
    edge_world_send(w.decide, MESSAGE_VERIFY, &verify, -1);
    answer(expect_ask(), REASON_OK, 2);
    edge_world_expect(w.decide, MESSAGE_CHAINS, &msg, NULL);
    assert_int_equal(msg.chains.connection, open.connection);
    assert_int_equal(msg.chains.reason, REASON_OK);
    assert_true(msg.chains.crl_valid_until_s > open.crl_valid_until_s);
    (void)sleep(3);
    edge_world_send(w.decide, MESSAGE_VERIFY, &verify, -1);
    answer(expect_ask(), REASON_CERT_REVOKED, 600);
    edge_world_expect(w.decide, MESSAGE_CHAINS, &msg, NULL);
    assert_int_equal(msg.chains.connection, open.connection);
    assert_int_equal(msg.chains.reason, REASON_CERT_REVOKED);
    edge_client_free(&client);
    end();
}

/* Not even "soft" forgets a revocation because nobody answers any more, or by "unknown". */
static void test_revoked_stays(void **state)
{
    static const enum reason later[] = {REASON_OCSP_UNAVAILABLE, REASON_OCSP_UNKNOWN};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(later); i++) {
        struct edge_client client, again;

        begin(CONFIG("soft"));
        connect_client(&client);
        answer(expect_ask(), REASON_CERT_REVOKED, 2);
        (void)expect_open(REASON_CERT_REVOKED);
        (void)sleep(3);
        connect_client(&again);
        answer(expect_ask(), later[i], 600);
        (void)expect_open(REASON_CERT_REVOKED);
        edge_client_free(&again);
        edge_client_free(&client);
        end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),   cmocka_unit_test(test_one_question),
        cmocka_unit_test(test_no_answer), cmocka_unit_test(test_fetch_lost),
        cmocka_unit_test(test_live),      cmocka_unit_test(test_revoked_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
