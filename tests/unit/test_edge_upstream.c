/*
 * TLS to upstreams: a real edge and a real key process; the test is decide, the client, and an
 * upstream that is honest or not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/gw1.h"
#include "tests/unit/edge_world.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char config[] =
    "edges = 1\n"
    "tls \"default\" { certificate = \"/none/server.pem\"  key = \"/none/server.key\" }\n"
    "ca \"users\" { anchors = \"/none/ca.pem\"  revocation = \"if-present\" }\n"
    "ca \"backends\" { anchors = \"/none/other.pem\"  revocation = \"if-present\" }\n"
    "listener \"main\" { address = {\"127.0.0.1:8443\"}  tls = {\"default\"}  ca = {\"users\"}\n"
    "                  handshake_timeout = \"3s\"  max_connections = 1000 }\n"
    "service \"named\" { listener = {\"main\"}  sni = {\"echo.example\"}  upstream = \"unix:/x\"\n"
    "  upstream_tls { ca = \"backends\"  name = \"db.example\" } }\n"
    "service \"mutual\" { listener = {\"main\"}  sni = {\"ssh.example\"}  upstream = \"unix:/x\"\n"
    "  upstream_tls { ca = \"backends\"  name = \"db.example\"\n"
    "                 certificate = \"/none/c.pem\"  key = \"/none/c.key\" } }\n"
    "service \"by-address\" { listener = {\"main\"}  sni = {\"a.example\"}\n"
    "  upstream = \"127.0.0.1:9\"  upstream_tls { ca = \"backends\" } }\n"
    "service \"by-host\" { listener = {\"main\"}  sni = {\"h.example\"}\n"
    "  upstream = \"db.example:9\"  upstream_tls { ca = \"backends\" } }\n";

static struct edge_world w;
static EVP_PKEY *upstream_key;

static int start(void **state)
{
    (void)state;
    edge_world_start_with(&w, NULL, config);
    upstream_key = pki_key();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    edge_world_stop(&w);
    EVP_PKEY_free(upstream_key);
    return 0;
}

/* --- the other ends --------------------------------------------------------------------------- */

/* An upstream: our end of its socket, and its TLS. */
struct upstream {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
};

static void good_certificate(struct pki_spec *spec)
{
    *spec = (struct pki_spec){.cn = "db.example",
                              .key = upstream_key,
                              .issuer = w.other_ca,
                              .issuer_key = w.other_ca_key,
                              .eku = "serverAuth",
                              .san = "DNS:db.example,IP:127.0.0.1",
                              .serial = 4711};
}

static struct upstream upstream_of(int fd, const struct pki_spec *spec)
{
    struct upstream upstream = {.fd = fd, .ctx = SSL_CTX_new(TLS_server_method())};
    X509 *certificate = pki_make(spec);

    assert_int_equal(SSL_CTX_use_certificate(upstream.ctx, certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(upstream.ctx, upstream_key), 1);
    X509_free(certificate);
    return upstream;
}

static int upstream_accept(struct upstream *upstream)
{
    upstream->ssl = SSL_new(upstream->ctx);
    SSL_set_fd(upstream->ssl, upstream->fd);
    ERR_clear_error();
    return SSL_accept(upstream->ssl);
}

static void upstream_free(struct upstream *upstream)
{
    SSL_free(upstream->ssl);
    SSL_CTX_free(upstream->ctx);
    (void)close(upstream->fd);
    ERR_clear_error();
}

static void limit(int fd)
{
    struct timeval time = {.tv_sec = EDGE_WORLD_WAIT_MS / 1000};

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
}

static void unix_pair(int pair[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(fcntl(pair[1], F_SETFL, O_NONBLOCK), 0);
    limit(pair[0]);
}

/* Over 127.0.0.1, so that the edge's end has a peer address. */
static void tcp_pair(int pair[2])
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t len = sizeof(sa);

    assert_int_equal(bind(listening, (struct sockaddr *)&sa, sizeof(sa)), 0);
    assert_int_equal(listen(listening, 1), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&sa, &len), 0);
    pair[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(pair[1], (struct sockaddr *)&sa, sizeof(sa)), 0);
    assert_int_equal(fcntl(pair[1], F_SETFL, O_NONBLOCK), 0);
    pair[0] = accept(listening, NULL, NULL);
    limit(pair[0]);
    (void)close(listening);
}

static uint64_t open_client(const char *sni, const char *alpn, const char *service,
                            struct edge_client *ret_client)
{
    struct edge_client_spec spec = {
        .sni = sni, .alpn = alpn, .certificate = w.client, .key = w.client_key};
    struct gw1_request request = {.kind = GW1_CONNECT, .name = bytes_of(service)};
    struct writer out = writer_new(GW1_REQUEST_MAX);
    union message msg;

    assert_int_equal(edge_client_connect(&w, &spec, ret_client), 1);
    if (alpn) {
        gw1_request_encode(&request, &out);
        assert_int_equal(SSL_write(ret_client->ssl, out.at, (int)out.len), (int)out.len);
    }
    writer_clear(&out);
    edge_world_expect(w.decide, MESSAGE_OPEN, &msg, NULL);
    return msg.open.connection;
}

/* The verdict with the upstream's socket; the other end of it is returned. */
static int allow(uint64_t connection, bool tcp)
{
    struct message_verdict msg = {.connection = connection, .session = {{7}}, .reason = REASON_OK};
    int pair[2];

    if (tcp)
        tcp_pair(pair);
    else
        unix_pair(pair);
    edge_world_send(w.decide, MESSAGE_VERDICT, &msg, pair[1]);
    (void)close(pair[1]);
    return pair[0];
}

static void expect_close(const char *what, uint64_t connection, enum reason reason,
                         const char *detail)
{
    union message msg;
    char got[ERROR_DETAIL_MAX];

    edge_world_expect(w.decide, MESSAGE_CLOSE, &msg, NULL);
    assert_int_equal(msg.close.connection, connection);
    (void)snprintf(got, sizeof(got), "%.*s", (int)msg.close.detail.len,
                   (const char *)msg.close.detail.at);
    if (msg.close.reason != reason || !strstr(got, detail))
        fail_msg("%s: closed because of %s (%s) instead of %s (%s)", what,
                 reason_name((enum reason)msg.close.reason), got, reason_name(reason), detail);
}

/* --- who may be there ------------------------------------------------------------------------- */

static const struct {
    const char *name;
    const char *sni; /* of the service */
    bool tcp;
    struct {
        const char *san, *eku;
        bool by_users, by_itself, expired, ca;
    } change;           /* of the good certificate */
    int max_version;    /* 0: the newest */
    const char *detail; /* NULL: good */
} servers[] = {
    {"the right one", "echo.example", false, {0}, 0, NULL},
    {"the right one in TLS 1.2", "echo.example", false, {0}, TLS1_2_VERSION, NULL},
    {"the address", "a.example", true, {0}, 0, NULL},
    {"the host", "h.example", false, {0}, 0, NULL},
    {"another name", "echo.example", false, {.san = "DNS:x.example"}, 0, "not for db.example"},
    {"a name that begins so",
     "echo.example",
     false,
     {.san = "DNS:db.example.org"},
     0,
     "not for db.example"},
    {"a wildcard for part of a label",
     "echo.example",
     false,
     {.san = "DNS:d*.example"},
     0,
     "not for db.example"},
    {"the name in the subject only",
     "echo.example",
     false,
     {.san = "email:a@db.example"},
     0,
     "not for db.example"},
    {"another address", "a.example", true, {.san = "IP:127.0.0.2"}, 0, "not for 127.0.0.1"},
    {"the address as a name", "a.example", true, {.san = "DNS:127.0.0.1"}, 0, "not for 127.0.0.1"},
    {"another host", "h.example", false, {.san = "DNS:x.example"}, 0, "not for db.example"},
    {"the users' authority", "echo.example", false, {.by_users = true}, 0, "cert_unknown_ca"},
    {"self-signed", "echo.example", false, {.by_itself = true}, 0, "cert_unknown_ca"},
    {"expired", "echo.example", false, {.expired = true}, 0, "cert_expired"},
    {"for clients", "echo.example", false, {.eku = "clientAuth"}, 0, "cert_eku"},
    {"a CA", "echo.example", false, {.ca = true}, 0, "cert_is_ca"},
    {"TLS 1.1", "echo.example", false, {0}, TLS1_1_VERSION, ""},
    {"TLS 1.2 where our certificate is asked for", "ssh.example", false, {0}, TLS1_2_VERSION, ""},
};

static void one_server(size_t i)
{
    struct pki_spec spec;
    struct edge_client client;
    struct upstream upstream;
    uint64_t connection = open_client(servers[i].sni, NULL, NULL, &client);
    char got[8] = "";
    uint8_t rest[64];
    size_t len;

    good_certificate(&spec);
    spec.san = servers[i].change.san ? servers[i].change.san : spec.san;
    spec.eku = servers[i].change.eku ? servers[i].change.eku : spec.eku;
    spec.issuer = servers[i].change.by_users ? w.ca : spec.issuer;
    spec.issuer_key = servers[i].change.by_users ? w.ca_key : spec.issuer_key;
    if (servers[i].change.by_itself)
        spec.issuer = NULL, spec.issuer_key = NULL;
    if (servers[i].change.expired)
        spec.not_before = -100, spec.not_after = -50;
    spec.basic = servers[i].change.ca ? "critical,CA:TRUE" : NULL;
    spec.usage = servers[i].change.ca ? "critical,keyCertSign,digitalSignature" : NULL;
    upstream = upstream_of(allow(connection, servers[i].tcp), &spec);
    (void)SSL_CTX_set_max_proto_version(upstream.ctx, servers[i].max_version);
    if (servers[i].max_version && servers[i].max_version < TLS1_2_VERSION)
        (void)SSL_CTX_set_cipher_list(upstream.ctx, "ALL:@SECLEVEL=0");
    (void)upstream_accept(&upstream);
    if (servers[i].detail) {
        /* Not one octet of the client's reaches it, and the client learns that it was cut off. */
        (void)SSL_write(client.ssl, "secret", 6);
        assert_true(SSL_read(upstream.ssl, got, sizeof(got)) <= 0);
        (void)edge_client_end(&client, rest, sizeof(rest), &len);
        assert_int_equal(len, 0);
        expect_close(servers[i].name, connection, REASON_UPSTREAM_TLS_FAILED, servers[i].detail);
    } else {
        if (SSL_write(upstream.ssl, "hello", 5) != 5 || !edge_client_read(&client, got, 5))
            fail_msg("%s: %s", servers[i].name, ERR_reason_error_string(ERR_peek_error()));
        assert_string_equal(got, "hello");
    }
    edge_client_free(&client);
    if (!servers[i].detail) {
        union message msg;

        edge_world_expect(w.decide, MESSAGE_CLOSE, &msg, NULL);
    }
    upstream_free(&upstream);
}

static void test_servers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++)
        one_server(i);
}

/* The list of the section counts, in both directions of time. */
static void test_revoked_server(void **state)
{
    struct edge_client client;
    struct pki_spec spec;
    struct upstream upstream;
    uint64_t connection;
    union message msg;

    (void)state;
    good_certificate(&spec);
    edge_world_trust_revoking(&w, 1, 4711);
    edge_world_expect(w.decide, MESSAGE_CHAINS_DONE, &msg, NULL);
    connection = open_client("echo.example", NULL, NULL, &client);
    upstream = upstream_of(allow(connection, false), &spec);
    (void)upstream_accept(&upstream);
    expect_close("revoked", connection, REASON_UPSTREAM_TLS_FAILED, "cert_revoked");
    edge_client_free(&client);
    upstream_free(&upstream);
}

/* Upstreams that speak no TLS, or nothing at all. */
static void test_no_tls(void **state)
{
    static const char *const lines[] = {"SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 400 Bad\r\n\r\n",
                                        "\x15\x03\x03\x00\x02\x02\x28", ""};

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct edge_client client;
        uint64_t connection = open_client("echo.example", NULL, NULL, &client);
        int fd = allow(connection, false);

        assert_int_equal(write(fd, lines[i], strlen(lines[i])), (ssize_t)strlen(lines[i]));
        (void)shutdown(fd, SHUT_WR);
        expect_close(lines[i], connection, REASON_UPSTREAM_TLS_FAILED,
                     lines[i][0] ? "" : "hung up");
        edge_client_free(&client);
        (void)close(fd);
    }
}

/* The client's first octets wait; after the deadline it is told. */
static void test_silent_upstream(void **state)
{
    struct edge_client client;
    uint64_t connection = open_client(NULL, GW1_ALPN, "named", &client);
    int fd = allow(connection, false);
    int64_t begin_ms = clock_monotonic_ms();
    uint8_t got[1024];
    struct gw1_status status;
    size_t len, used;

    (void)state;
    assert_int_equal(SSL_write(client.ssl, "early", 5), 5);
    assert_int_equal(edge_client_end(&client, got, sizeof(got), &len), 0);
    assert_in_range(clock_monotonic_ms() - begin_ms, 2500, 4000);
    assert_int_equal(gw1_status_decode((struct bytes){got, len}, &status, &used), GW1_DONE);
    assert_int_equal(status.result, GW1_DENY);
    expect_close("silent", connection, REASON_UPSTREAM_TLS_FAILED, "in time");
    edge_client_free(&client);
    (void)close(fd);
}

/* --- our own certificate ---------------------------------------------------------------------- */

static int take_any(int good, X509_STORE_CTX *ctx)
{
    (void)good;
    (void)ctx;
    return 1;
}

static void test_mutual(void **state)
{
    struct edge_client client;
    uint64_t connection = open_client("ssh.example", NULL, NULL, &client);
    struct pki_spec spec;
    struct upstream upstream;
    X509 *shown;

    (void)state;
    good_certificate(&spec);
    upstream = upstream_of(allow(connection, false), &spec);
    SSL_CTX_set_verify(upstream.ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, take_any);
    assert_int_equal(upstream_accept(&upstream), 1);
    shown = SSL_get1_peer_certificate(upstream.ssl);
    assert_int_equal(X509_cmp(shown, w.client), 0);
    assert_string_equal(SSL_get_servername(upstream.ssl, TLSEXT_NAMETYPE_host_name), "db.example");
    X509_free(shown);
    edge_client_free(&client);
    expect_close("mutual", connection, REASON_RELAY_FAILED, "");
    upstream_free(&upstream);
}

/* Where none is configured none is shown, and the upstream's refusal is the reason. */
static void test_certificate_wanted(void **state)
{
    struct edge_client client;
    uint64_t connection = open_client("echo.example", NULL, NULL, &client);
    struct pki_spec spec;
    struct upstream upstream;
    uint8_t got[8];
    size_t len;

    (void)state;
    good_certificate(&spec);
    upstream = upstream_of(allow(connection, false), &spec);
    SSL_CTX_set_verify(upstream.ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, take_any);
    assert_int_not_equal(upstream_accept(&upstream), 1);
    assert_int_equal(edge_client_end(&client, got, sizeof(got), &len), -1);
    expect_close("wanted", connection, REASON_UPSTREAM_CLOSED, "");
    edge_client_free(&client);
    upstream_free(&upstream);
}

/* --- relaying --------------------------------------------------------------------------------- */

static struct upstream live(struct edge_client *ret_client, uint64_t *ret_connection)
{
    struct pki_spec spec;
    struct upstream upstream;

    *ret_connection = open_client("echo.example", NULL, NULL, ret_client);
    good_certificate(&spec);
    upstream = upstream_of(allow(*ret_connection, false), &spec);
    assert_int_equal(upstream_accept(&upstream), 1);
    return upstream;
}

static void test_half_close(void **state)
{
    struct edge_client client;
    uint64_t connection;
    struct upstream upstream = live(&client, &connection);
    char got[8] = "";
    size_t len;

    (void)state;
    assert_int_equal(SSL_write(client.ssl, "ping", 4), 4);
    assert_int_equal(SSL_read(upstream.ssl, got, 4), 4);
    assert_string_equal(got, "ping");
    (void)SSL_shutdown(client.ssl);
    assert_int_equal(SSL_read(upstream.ssl, got, sizeof(got)), 0);
    assert_int_equal(SSL_get_shutdown(upstream.ssl) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
    assert_int_equal(SSL_write(upstream.ssl, "late", 4), 4);
    assert_true(edge_client_read(&client, got, 4));
    assert_string_equal(got, "late");
    (void)SSL_shutdown(upstream.ssl);
    assert_int_equal(edge_client_end(&client, (uint8_t *)got, sizeof(got), &len), 0);
    expect_close("half-close", connection, REASON_CLIENT_CLOSED, "");
    edge_client_free(&client);
    upstream_free(&upstream);
}

static void test_upstream_ends_first(void **state)
{
    struct edge_client client;
    uint64_t connection;
    struct upstream upstream = live(&client, &connection);
    char got[8] = "";
    size_t len;

    (void)state;
    assert_int_equal(SSL_write(upstream.ssl, "bye", 3), 3);
    (void)SSL_shutdown(upstream.ssl);
    assert_int_equal(edge_client_end(&client, (uint8_t *)got, sizeof(got), &len), 0);
    assert_int_equal(len, 3);
    assert_int_equal(SSL_write(client.ssl, "more", 4), 4);
    assert_int_equal(SSL_read(upstream.ssl, got, 4), 4);
    (void)SSL_shutdown(client.ssl);
    expect_close("upstream first", connection, REASON_UPSTREAM_CLOSED, "");
    edge_client_free(&client);
    upstream_free(&upstream);
}

/* An end without close_notify may be somebody's cut: the client must not take it for the end. */
static void test_truncation(void **state)
{
    struct edge_client client;
    uint64_t connection;
    struct upstream upstream = live(&client, &connection);
    uint8_t got[8];
    size_t len;

    (void)state;
    assert_int_equal(SSL_write(upstream.ssl, "half", 4), 4);
    (void)shutdown(upstream.fd, SHUT_WR);
    assert_int_equal(edge_client_end(&client, got, sizeof(got), &len), -1);
    assert_int_equal(len, 4);
    expect_close("truncated", connection, REASON_UPSTREAM_CLOSED, "");
    edge_client_free(&client);
    upstream_free(&upstream);
}

/* More than all buffers hold, to a reader that begins late. */
static void test_back_pressure(void **state)
{
    enum { PIECE = 10000, PIECES = 400 };
    struct edge_client client;
    uint64_t connection;
    struct upstream upstream = live(&client, &connection);
    static uint8_t piece[PIECE], got[PIECE];
    size_t written = 0, have = 0;

    (void)state;
    for (size_t i = 0; i < PIECE; i++)
        piece[i] = (uint8_t)(i * 7);
    assert_int_equal(fcntl(client.fd, F_SETFL, O_NONBLOCK), 0);
    SSL_set_mode(client.ssl, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    while (have < (size_t)PIECE * PIECES) {
        struct pollfd poll_fd = {.fd = upstream.fd, .events = POLLIN};
        int n = written < PIECES ? SSL_write(client.ssl, piece, PIECE) : -1;

        if (n > 0) {
            written++;
            continue;
        }
        /* The client is stopped, or all is written. */
        if (!SSL_has_pending(upstream.ssl))
            assert_int_equal(poll(&poll_fd, 1, EDGE_WORLD_WAIT_MS), 1);
        n = SSL_read(upstream.ssl, got, (int)(PIECE - have % PIECE));
        assert_true(n > 0);
        assert_memory_equal(got, piece + have % PIECE, (size_t)n);
        have += (size_t)n;
    }
    edge_client_free(&client);
    expect_close("back-pressure", connection, REASON_RELAY_FAILED, "");
    upstream_free(&upstream);
}

static void test_key_updates(void **state)
{
    struct edge_client client;
    uint64_t connection;
    struct upstream upstream = live(&client, &connection);
    char got[8] = "";
    int n = 0;

    (void)state;
    /* A few are in order, also those that want an answer. */
    for (int i = 0; i < 5; i++) {
        assert_int_equal(SSL_key_update(upstream.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_write(upstream.ssl, "x", 1), 1);
        assert_true(edge_client_read(&client, got, 1));
    }
    assert_int_equal(SSL_write(client.ssl, "ping", 4), 4);
    assert_int_equal(SSL_read(upstream.ssl, got, 4), 4);
    /* A flood is cut. */
    while (n < 20000 && SSL_key_update(upstream.ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
           SSL_do_handshake(upstream.ssl) == 1)
        n++;
    expect_close("flood", connection, REASON_UPSTREAM_CLOSED, "");
    edge_client_free(&client);
    upstream_free(&upstream);
}

/* decide ends it while the upstream's handshake runs. */
static void test_end_in_the_handshake(void **state)
{
    struct edge_client client;
    uint64_t connection = open_client("echo.example", NULL, NULL, &client);
    int fd = allow(connection, false);
    struct message_end end = {.connection = connection, .session = {{7}}, .reason = REASON_LOCKED};
    uint8_t got[512];

    (void)state;
    assert_true(read(fd, got, sizeof(got)) > 0); /* its ClientHello */
    edge_world_send(w.decide, MESSAGE_END, &end, -1);
    expect_close("ended", connection, REASON_LOCKED, "");
    edge_client_free(&client);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_servers, start, stop),
        cmocka_unit_test_setup_teardown(test_revoked_server, start, stop),
        cmocka_unit_test_setup_teardown(test_no_tls, start, stop),
        cmocka_unit_test_setup_teardown(test_silent_upstream, start, stop),
        cmocka_unit_test_setup_teardown(test_mutual, start, stop),
        cmocka_unit_test_setup_teardown(test_certificate_wanted, start, stop),
        cmocka_unit_test_setup_teardown(test_half_close, start, stop),
        cmocka_unit_test_setup_teardown(test_upstream_ends_first, start, stop),
        cmocka_unit_test_setup_teardown(test_truncation, start, stop),
        cmocka_unit_test_setup_teardown(test_back_pressure, start, stop),
        cmocka_unit_test_setup_teardown(test_key_updates, start, stop),
        cmocka_unit_test_setup_teardown(test_end_in_the_handshake, start, stop),
    };

    return cmocka_run_group_tests_name("edge_upstream", tests, NULL, NULL);
}
