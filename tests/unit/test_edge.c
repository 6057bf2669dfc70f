/*
 * An edge and a key process as they are, with the test as parent, decide, clients and upstreams.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/gw1.h"
#include "tests/unit/edge_world.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static struct edge_world w;

static int start(void **state)
{
    (void)state;
    edge_world_start(&w, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    edge_world_stop(&w);
    return 0;
}

static struct edge_client_spec alice(const char *sni, const char *alpn)
{
    return (struct edge_client_spec){
        .sni = sni, .alpn = alpn, .certificate = w.client, .key = w.client_key};
}

static const struct session_id session = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};

static void allow(uint64_t connection, int upstream, const char *text)
{
    struct message_verdict msg = {
        .connection = connection, .session = session, .reason = REASON_OK, .text = bytes_of(text)};

    edge_world_send(w.decide, MESSAGE_VERDICT, &msg, upstream);
    if (upstream >= 0)
        (void)close(upstream);
}

static void deny(uint64_t connection, const char *text)
{
    struct message_verdict msg = {.connection = connection,
                                  .session = session,
                                  .reason = REASON_DEFAULT_DENY,
                                  .text = bytes_of(text)};

    edge_world_send(w.decide, MESSAGE_VERDICT, &msg, -1);
}

static struct message_open expect_open(void)
{
    union message msg;

    edge_world_expect(w.decide, MESSAGE_OPEN, &msg, NULL);
    return msg.open;
}

static void expect_close(uint64_t connection, enum reason reason, uint64_t in, uint64_t out)
{
    union message msg;

    edge_world_expect(w.decide, MESSAGE_CLOSE, &msg, NULL);
    assert_int_equal(msg.close.connection, connection);
    if (msg.close.reason != reason)
        fail_msg("closed because of %s instead of %s", reason_name((enum reason)msg.close.reason),
                 reason_name(reason));
    assert_int_equal(msg.close.bytes_in, in);
    assert_int_equal(msg.close.bytes_out, out);
}

static void expect_preauth(enum reason reason)
{
    union message msg;

    edge_world_expect(w.decide, MESSAGE_PREAUTH_DENIED, &msg, NULL);
    if (msg.preauth_denied.reason != reason)
        fail_msg("refused because of %s (%.*s) instead of %s",
                 reason_name((enum reason)msg.preauth_denied.reason),
                 (int)msg.preauth_denied.detail.len, (const char *)msg.preauth_denied.detail.at,
                 reason_name(reason));
    assert_int_equal(msg.preauth_denied.count, 1);
}

/* A live session: client, our end of its upstream, its number. */
struct live {
    struct edge_client client;
    int upstream;
    uint64_t connection;
};

static struct live open_session(const char *sni)
{
    struct edge_client_spec spec = alice(sni, NULL);
    struct live live;
    int pair[2];

    assert_int_equal(edge_client_connect(&w, &spec, &live.client), 1);
    live.connection = expect_open().connection;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(fcntl(pair[1], F_SETFL, O_NONBLOCK), 0);
    allow(live.connection, pair[1], "");
    live.upstream = pair[0];
    return live;
}

static void close_session(struct live *live)
{
    edge_client_free(&live->client);
    (void)close(live->upstream);
}

static void read_upstream(int fd, const char *text)
{
    char got[64] = "";
    size_t have = 0, len = strlen(text);

    while (have < len) {
        ssize_t n = read(fd, got + have, len - have);

        assert_true(n > 0);
        have += (size_t)n;
    }
    assert_string_equal(got, text);
}

/* --- relaying --------------------------------------------------------------------------------- */

static void test_relay_and_half_close(void **state)
{
    struct live live = open_session("echo.example");
    char got[8] = "";
    size_t len;

    (void)state;
    assert_int_equal(SSL_write(live.client.ssl, "ping", 4), 4);
    read_upstream(live.upstream, "ping");
    assert_int_equal(write(live.upstream, "pong", 4), 4);
    assert_true(edge_client_read(&live.client, got, 4));
    assert_string_equal(got, "pong");
    /* The client ends its side; the other one goes on. */
    (void)SSL_shutdown(live.client.ssl);
    assert_int_equal(read(live.upstream, got, sizeof(got)), 0);
    assert_int_equal(write(live.upstream, "late", 4), 4);
    assert_true(edge_client_read(&live.client, got, 4));
    assert_string_equal(got, "late");
    (void)shutdown(live.upstream, SHUT_WR);
    assert_int_equal(edge_client_end(&live.client, (uint8_t *)got, sizeof(got), &len), 0);
    expect_close(live.connection, REASON_CLIENT_CLOSED, 4, 8);
    close_session(&live);
}

static void test_upstream_ends_first(void **state)
{
    struct live live = open_session("echo.example");
    uint8_t got[8];
    size_t len;

    (void)state;
    assert_int_equal(write(live.upstream, "bye", 3), 3);
    (void)shutdown(live.upstream, SHUT_WR);
    assert_int_equal(edge_client_end(&live.client, got, sizeof(got), &len), 0);
    assert_int_equal(len, 3);
    assert_int_equal(SSL_write(live.client.ssl, "more", 4), 4);
    read_upstream(live.upstream, "more");
    (void)SSL_shutdown(live.client.ssl);
    expect_close(live.connection, REASON_UPSTREAM_CLOSED, 4, 3);
    close_session(&live);
}

static void test_upstream_goes_away(void **state)
{
    struct live live = open_session("echo.example");
    uint8_t got[8];
    size_t len;

    (void)state;
    (void)close(live.upstream);
    live.upstream = -1;
    assert_int_equal(edge_client_end(&live.client, got, sizeof(got), &len), 0);
    expect_close(live.connection, REASON_UPSTREAM_CLOSED, 0, 0);
    close_session(&live);
}

static void test_client_is_cut(void **state)
{
    struct live live = open_session("echo.example");
    char got[8];

    (void)state;
    (void)shutdown(live.client.fd, SHUT_RDWR);
    assert_int_equal(read(live.upstream, got, sizeof(got)), 0);
    expect_close(live.connection, REASON_RELAY_FAILED, 0, 0);
    close_session(&live);
}

enum { BULK = 20 << 20, PIECE = 50000 };

static uint8_t bulk_octet(size_t at)
{
    return (uint8_t)(at * 31 >> 7);
}

struct bulk {
    SSL *ssl; /* or */
    int fd;
    bool good;
};

static void *write_bulk(void *context)
{
    static uint8_t octets[PIECE];
    struct bulk *bulk = context;

    for (size_t at = 0; at < BULK; at += PIECE) {
        size_t len = BULK - at < PIECE ? BULK - at : PIECE;

        for (size_t i = 0; i < len; i++)
            octets[i] = bulk_octet(at + i);
        if (bulk->ssl ? SSL_write(bulk->ssl, octets, (int)len) != (int)len
                      : send(bulk->fd, octets, len, MSG_NOSIGNAL) != (ssize_t)len)
            return NULL;
    }
    bulk->good = true;
    return NULL;
}

static void read_bulk(const struct bulk *from)
{
    static uint8_t octets[PIECE];

    for (size_t at = 0; at < BULK;) {
        ssize_t n = from->ssl ? SSL_read(from->ssl, octets, PIECE) : read(from->fd, octets, PIECE);

        assert_true(n > 0);
        for (ssize_t i = 0; i < n; i++)
            if (octets[i] != bulk_octet(at + (size_t)i))
                fail_msg("another octet at %zu", at + (size_t)i);
        at += (size_t)n;
    }
}

/* Nobody reads for a while: the edge must hold the writer back, lose nothing, serve others. */
static void one_way(struct bulk *writer, const struct bulk *reader)
{
    struct live other;
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, write_bulk, writer), 0);
    (void)usleep(200 * 1000);
    assert_false(writer->good);
    other = open_session("echo.example");
    assert_int_equal(SSL_write(other.client.ssl, "x", 1), 1);
    read_upstream(other.upstream, "x");
    (void)SSL_shutdown(other.client.ssl);
    assert_int_equal(read(other.upstream, &(char){0}, 1), 0);
    (void)shutdown(other.upstream, SHUT_RDWR);
    expect_close(other.connection, REASON_CLIENT_CLOSED, 1, 0);
    close_session(&other);
    read_bulk(reader);
    (void)pthread_join(thread, NULL);
    assert_true(writer->good);
}

static void test_back_pressure(void **state)
{
    struct live live = open_session("echo.example");
    struct bulk client = {.ssl = live.client.ssl}, upstream = {.fd = live.upstream};

    (void)state;
    one_way(&client, &upstream);
    one_way(&upstream, &client);
    (void)SSL_shutdown(live.client.ssl);
    assert_int_equal(read(live.upstream, &(char){0}, 1), 0);
    (void)shutdown(live.upstream, SHUT_WR);
    expect_close(live.connection, REASON_CLIENT_CLOSED, BULK, BULK);
    close_session(&live);
}

/* Octets of either side keep it, silence ends it, and another service's silence is its own matter.
 */
static void test_idle(void **state)
{
    struct live live = open_session("brief.example"), quiet = open_session("echo.example");
    uint8_t got[8];
    size_t len;

    (void)state;
    for (int i = 0; i < 3; i++) { /* longer than the limit in all */
        (void)usleep(700 * 1000);
        if (i % 2)
            assert_int_equal(write(live.upstream, "x", 1), 1);
        else
            assert_int_equal(SSL_write(live.client.ssl, "x", 1), 1);
    }
    read_upstream(live.upstream, "xx");
    assert_true(edge_client_read(&live.client, got, 1));
    assert_true(edge_world_is_silent(w.decide));
    expect_close(live.connection, REASON_IDLE, 2, 1);
    /* No close_notify: nobody is told that all was in order. */
    assert_int_equal(edge_client_end(&live.client, got, sizeof(got), &len), -1);
    assert_int_equal(read(live.upstream, got, 1), 0);
    assert_int_equal(SSL_write(quiet.client.ssl, "ping", 4), 4);
    read_upstream(quiet.upstream, "ping");
    close_session(&live);
    close_session(&quiet);
}

/* --- opening ---------------------------------------------------------------------------------- */

static void test_open_says_who_is_there(void **state)
{
    struct edge_client_spec spec = alice("ECHO.example", NULL);
    struct edge_client client;
    struct bytes der = pki_der(w.client);
    struct message_open open;
    uint8_t got[8];
    size_t len;

    (void)state;
    assert_int_equal(edge_client_connect(&w, &spec, &client), 1);
    open = expect_open();
    assert_int_equal(open.service, 1);
    assert_int_equal(open.via, OPEN_VIA_SNI);
    assert_true(bytes_equal(open.ca_name, bytes_of("users")));
    assert_int_equal(open.trust_generation, w.trust_generation);
    assert_true(bytes_equal(open.sni, bytes_of("echo.example")));
    assert_true(bytes_equal(open.cipher, bytes_of("TLS_AES_128_GCM_SHA256")));
    assert_true(bytes_equal(open.leaf, der));
    assert_true(open.source.known && open.destination.port == w.port);
    assert_int_equal(open.crl_valid_until_s, INT64_MAX);
    deny(open.connection, "no");
    assert_int_equal(edge_client_end(&client, got, sizeof(got), &len), 0);
    assert_int_equal(len, 0);
    assert_true(edge_world_is_silent(w.decide));
    free((void *)der.at);
    edge_client_free(&client);
}

/* What the PROXY header tells of our side, asked for by the service alone. */
static void test_open_for_a_proxy_header(void **state)
{
    struct edge_client_spec asked = alice("brief.example", NULL),
                            other = alice("echo.example", NULL);
    struct edge_client client;
    struct message_open open;

    (void)state;
    assert_int_equal(edge_client_connect(&w, &asked, &client), 1);
    open = expect_open();
    assert_true(bytes_equal(open.tls_group, bytes_of("x25519")));
    assert_true(bytes_equal(open.tls_scheme, bytes_of("ecdsa_secp256r1_sha256")));
    assert_true(bytes_equal(open.server_sig_alg, bytes_of("ecdsa-with-SHA256")));
    assert_true(bytes_equal(open.server_key_alg, bytes_of("EC256")));
    deny(open.connection, "no");
    edge_client_free(&client);
    assert_int_equal(edge_client_connect(&w, &other, &client), 1);
    open = expect_open();
    assert_int_equal(open.tls_group.len + open.tls_scheme.len + open.server_sig_alg.len +
                         open.server_key_alg.len,
                     0);
    deny(open.connection, "no");
    edge_client_free(&client);
}

static const struct {
    const char *name, *sni, *alpn;
    uint32_t service; /* UINT32_MAX: refused */
    int alert;
} routes[] = {
    {"a name", "ssh.example", NULL, 0, 0},
    {"a wildcard", "a.any.example", NULL, 1, 0},
    {"a protocol", NULL, "proto/1", 2, 0},
    {"a wildcard fits one label only", "a.b.any.example", NULL, UINT32_MAX, 112},
    {"the parent of a wildcard", "any.example", NULL, UINT32_MAX, 112},
    {"an unknown name", "else.example", NULL, UINT32_MAX, 112},
    {"the gateway's own name is no service", "gateway.example", NULL, UINT32_MAX, 112},
    {"an unknown protocol", NULL, "proto/2", UINT32_MAX, 112},
    {"nothing", NULL, NULL, UINT32_MAX, 112},
};

static void test_routes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        struct edge_client_spec spec = alice(routes[i].sni, routes[i].alpn);
        struct edge_client client;
        uint8_t got[1024];
        size_t len;
        int done = edge_client_connect(&w, &spec, &client);

        if (routes[i].service != UINT32_MAX) {
            struct message_open open = expect_open();

            assert_int_equal(done, 1);
            assert_int_equal(open.service, routes[i].service);
            deny(open.connection, "no");
            (void)edge_client_end(&client, got, sizeof(got), &len); /* ssh: by the client itself */
        } else {
            union message msg;

            assert_int_not_equal(done, 1);
            assert_int_equal(ERR_GET_REASON(ERR_peek_error()),
                             SSL_AD_REASON_OFFSET + routes[i].alert);
            /* The first of a kind comes at once, the others within a second. */
            edge_world_expect(w.decide, MESSAGE_PREAUTH_DENIED, &msg, NULL);
            assert_int_equal(msg.preauth_denied.reason, REASON_TLS_UNKNOWN_NAME);
        }
        edge_client_free(&client);
    }
}

/* --- refusals --------------------------------------------------------------------------------- */

static void refused(const struct edge_client_spec *spec, enum reason reason, int alert)
{
    struct edge_client client;
    uint8_t got[8];
    size_t len;

    /* In TLS 1.3 the client is through before the server has seen its certificate. */
    (void)edge_client_connect(&w, spec, &client);
    assert_int_equal(edge_client_end(&client, got, sizeof(got), &len), alert);
    expect_preauth(reason);
    edge_client_free(&client);
}

static void test_refused_certificates(void **state)
{
    EVP_PKEY *key = pki_key();
    struct edge_client_spec spec = {.sni = "echo.example", .key = key};

    (void)state;
    refused(&spec, REASON_TLS_NO_CERTIFICATE, 116);
    spec.certificate = pki_make(&(struct pki_spec){.cn = "x", .key = key, .eku = "clientAuth"});
    refused(&spec, REASON_CERT_UNKNOWN_CA, 48);
    X509_free(spec.certificate);
    spec.certificate = pki_make(&(struct pki_spec){.cn = "x",
                                                   .key = key,
                                                   .issuer = w.ca,
                                                   .issuer_key = w.ca_key,
                                                   .eku = "clientAuth",
                                                   .not_before = -9,
                                                   .not_after = -3});
    refused(&spec, REASON_CERT_EXPIRED, 45);
    X509_free(spec.certificate);
    spec.certificate = pki_make(&(struct pki_spec){
        .cn = "x", .key = key, .issuer = w.ca, .issuer_key = w.ca_key, .eku = "serverAuth"});
    refused(&spec, REASON_CERT_EKU, 43);
    X509_free(spec.certificate);
    EVP_PKEY_free(key);
}

/* A key pair of two: the private half of one, the public half of the other. */
static EVP_PKEY *lying_key(EVP_PKEY *public_half, EVP_PKEY *private_half)
{
    OSSL_PARAM *public_params, *private_params, *both;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *key = NULL;

    assert_int_equal(EVP_PKEY_todata(public_half, EVP_PKEY_PUBLIC_KEY, &public_params), 1);
    assert_int_equal(EVP_PKEY_todata(private_half, EVP_PKEY_KEYPAIR, &private_params), 1);
    both = OSSL_PARAM_merge(private_params, public_params);
    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, both), 1);
    OSSL_PARAM_free(both);
    OSSL_PARAM_free(public_params);
    OSSL_PARAM_free(private_params);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static void test_stolen_certificate(void **state)
{
    EVP_PKEY *own = pki_key(), *lie = lying_key(w.client_key, own);

    (void)state;
    refused(&(struct edge_client_spec){.sni = "echo.example", .certificate = w.client, .key = lie},
            REASON_TLS_PROOF_FAILED, 51);
    EVP_PKEY_free(own);
    EVP_PKEY_free(lie);
}

/* Connections that never become TLS. */
static void test_garbage(void **state)
{
    static const char *const lines[] = {"GET / HTTP/1.1\r\n\r\n", "SSH-2.0-x\r\n",
                                        "\x16\x03\x01\x00\x05hello", ""};

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        int fd = edge_world_connect(&w);
        uint8_t got[64];
        union message msg;

        assert_int_equal(send(fd, lines[i], strlen(lines[i]), 0), (ssize_t)strlen(lines[i]));
        (void)shutdown(fd, SHUT_WR);
        while (recv(fd, got, sizeof(got), 0) > 0)
            ;
        edge_world_expect(w.decide, MESSAGE_PREAUTH_DENIED, &msg, NULL);
        assert_int_equal(msg.preauth_denied.reason, REASON_TLS_FAILED);
        assert_int_equal(msg.preauth_denied.leaf.len, 0);
        (void)close(fd);
    }
}

static void test_too_many_handshakes(void **state)
{
    enum { LIMIT = 64, MORE = 5 };
    struct edge_client_spec spec = alice("echo.example", NULL);
    struct edge_client client;
    int fds[LIMIT + MORE];
    union message msg;
    size_t refusals = 0;

    (void)state;
    for (size_t i = 0; i < LIMIT + MORE; i++)
        fds[i] = edge_world_connect(&w);
    while (refusals < MORE) {
        edge_world_expect(w.decide, MESSAGE_PREAUTH_DENIED, &msg, NULL);
        assert_int_equal(msg.preauth_denied.reason, REASON_TOO_MANY_HANDSHAKES);
        refusals += msg.preauth_denied.count;
    }
    assert_int_equal(refusals, MORE);
    for (size_t i = 0; i < LIMIT + MORE; i++)
        (void)close(fds[i]);
    edge_world_expect(w.decide, MESSAGE_PREAUTH_DENIED, &msg, NULL);
    assert_int_equal(msg.preauth_denied.reason, REASON_TLS_FAILED);
    assert_int_equal(edge_client_connect(&w, &spec, &client), 1);
    edge_client_free(&client);
}

static void test_silent_client_is_late(void **state)
{
    struct edge_client client = {.ctx = SSL_CTX_new(TLS_client_method())};
    struct edge_client_spec spec = alice("echo.example", GW1_ALPN);
    uint8_t got[8];
    size_t len;

    (void)state;
    /* Through the handshake, then no request: the same deadline. */
    SSL_CTX_free(client.ctx);
    assert_int_equal(edge_client_connect(&w, &spec, &client), 1);
    assert_int_equal(edge_client_end(&client, got, sizeof(got), &len), -1);
    expect_preauth(REASON_HANDSHAKE_TIMEOUT);
    edge_client_free(&client);
}

static void test_denied_ssh_client(void **state)
{
    struct edge_client_spec spec = alice("ssh.example", NULL);
    struct edge_client client;
    uint8_t got[512];
    char text[32];
    size_t len;

    (void)state;
    assert_int_equal(edge_client_connect(&w, &spec, &client), 1);
    assert_int_equal(SSL_write(client.ssl, "SSH-2.0-test\r\n", 14), 14);
    deny(expect_open().connection, "no rule allows this connection");
    assert_int_equal(edge_client_end(&client, got, sizeof(got), &len),
                     -1); /* no close_notify: it hangs up when it has read */
    assert_memory_equal(got, "SSH-2.0-gatewayd\r\n", 18);
    assert_non_null(memmem(got, len, "no rule allows this connection", 30));
    memcpy(text, "0102030405060708090a0b0c0d0e0f10", 32);
    assert_non_null(memmem(got, len, text, 32));
    edge_client_free(&client);
}

/* --- mtls-gw/1 -------------------------------------------------------------------------------- */

static void say(struct edge_client *client, enum gw1_kind kind, const char *name)
{
    struct gw1_request request = {.kind = kind, .name = bytes_of(name)};
    struct writer out = writer_new(GW1_REQUEST_MAX);

    gw1_request_encode(&request, &out);
    assert_true(writer_ok(&out));
    assert_int_equal(SSL_write(client->ssl, out.at, (int)out.len), (int)out.len);
    writer_clear(&out);
}

static void expect_status(struct edge_client *client, enum gw1_result result, const char *text)
{
    uint8_t octets[1 + 16 + 2 + 512];
    struct gw1_status status;
    size_t used, len = 1 + 16 + 2 + strlen(text);

    assert_true(edge_client_read(client, octets, len));
    assert_int_equal(gw1_status_decode((struct bytes){octets, len}, &status, &used), GW1_DONE);
    assert_int_equal(status.result, result);
    assert_true(bytes_equal(status.text, bytes_of(text)));
}

static void test_gw1_connect(void **state)
{
    struct edge_client_spec spec = alice("gateway.example", GW1_ALPN);
    struct edge_client client;
    struct message_open open;
    char got[8] = "";
    int pair[2];

    (void)state;
    assert_int_equal(edge_client_connect(&w, &spec, &client), 1);
    assert_true(edge_world_is_silent(w.decide));
    say(&client, GW1_CONNECT, "proto");
    assert_int_equal(SSL_write(client.ssl, "early", 5), 5);
    open = expect_open();
    assert_int_equal(open.service, 2);
    assert_int_equal(open.via, OPEN_VIA_REQUEST);
    assert_true(bytes_equal(open.alpn, bytes_of(GW1_ALPN)));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    allow(open.connection, pair[1], "");
    expect_status(&client, GW1_OK, "");
    assert_int_equal(fcntl(pair[0], F_SETFL, 0), 0);
    read_upstream(pair[0], "early");
    assert_int_equal(write(pair[0], "raw", 3), 3);
    assert_true(edge_client_read(&client, got, 3));
    assert_string_equal(got, "raw");
    (void)SSL_shutdown(client.ssl);
    assert_int_equal(read(pair[0], got, sizeof(got)), 0);
    (void)close(pair[0]);
    expect_close(open.connection, REASON_CLIENT_CLOSED, 5, 3);
    edge_client_free(&client);
}

static void test_gw1_by_name_of_the_hello(void **state)
{
    struct edge_client_spec spec = alice("ssh.example", GW1_ALPN);
    struct edge_client client;
    struct message_open open;

    (void)state;
    assert_int_equal(edge_client_connect(&w, &spec, &client), 1);
    say(&client, GW1_CONNECT, "");
    open = expect_open();
    assert_int_equal(open.service, 0);
    deny(open.connection, "no");
    expect_status(&client, GW1_DENY, "no");
    edge_client_free(&client);
}

static void test_gw1_whoami(void **state)
{
    struct edge_client_spec spec = alice(NULL, GW1_ALPN);
    struct edge_client client;
    struct message_open open;
    uint8_t got[8];
    size_t len;

    (void)state;
    assert_int_equal(edge_client_connect(&w, &spec, &client), 1);
    say(&client, GW1_WHOAMI, "");
    open = expect_open();
    assert_int_equal(open.service, UINT32_MAX);
    allow(open.connection, -1, "you are alice");
    expect_status(&client, GW1_OK, "you are alice");
    assert_int_equal(edge_client_end(&client, got, sizeof(got), &len), 0);
    expect_close(open.connection, REASON_CLIENT_CLOSED, 0, 0);
    edge_client_free(&client);
}

static void test_gw1_refusals(void **state)
{
    struct edge_client_spec spec = alice(NULL, GW1_ALPN);
    struct edge_client client;
    struct message_open open;
    uint8_t got[8];
    size_t len;

    (void)state;
    assert_int_equal(edge_client_connect(&w, &spec, &client), 1);
    say(&client, GW1_CONNECT, "nothing");
    open = expect_open();
    assert_int_equal(open.service, OPEN_UNKNOWN);
    assert_true(bytes_equal(open.service_name, bytes_of("nothing")));
    deny(open.connection, "no");
    expect_status(&client, GW1_DENY, "no");
    edge_client_free(&client);

    assert_int_equal(edge_client_connect(&w, &spec, &client), 1);
    say(&client, GW1_CONNECT, "");
    open = expect_open();
    assert_int_equal(open.service, OPEN_UNKNOWN);
    assert_int_equal(open.service_name.len, 0);
    deny(open.connection, "no");
    expect_status(&client, GW1_DENY, "no");
    edge_client_free(&client);

    assert_int_equal(edge_client_connect(&w, &spec, &client), 1);
    assert_int_equal(SSL_write(client.ssl, "GET / HTTP/1.1\r\n", 16), 16);
    assert_int_equal(edge_client_end(&client, got, sizeof(got), &len), 0);
    expect_preauth(REASON_MSG_MALFORMED);
    edge_client_free(&client);
}

/* --- what decide and the parent may do -------------------------------------------------------- */

static void test_end(void **state)
{
    struct live live = open_session("echo.example");
    struct message_end end = {.connection = live.connection, .reason = REASON_LOCKED};
    uint8_t got[8];
    size_t len;

    (void)state;
    /* Of another session: no effect. */
    edge_world_send(w.decide, MESSAGE_END, &end, -1);
    assert_int_equal(SSL_write(live.client.ssl, "ping", 4), 4);
    read_upstream(live.upstream, "ping");
    end.session = session;
    edge_world_send(w.decide, MESSAGE_END, &end, -1);
    assert_int_equal(edge_client_end(&live.client, got, sizeof(got), &len), -1);
    assert_int_equal(read(live.upstream, got, sizeof(got)), 0);
    expect_close(live.connection, REASON_LOCKED, 4, 0);
    close_session(&live);
}

/* decide shuts the upstream down after END: the client must not see an end in order. */
static void test_end_before_upstream(void **state)
{
    struct live live = open_session("echo.example");
    struct message_end end = {
        .connection = live.connection, .session = session, .reason = REASON_KILLED};
    struct message_verify other = {.connection = 1000};
    uint8_t got[8];
    size_t len;

    (void)state;
    assert_int_equal(SSL_write(live.client.ssl, "ping", 4), 4);
    read_upstream(live.upstream, "ping");
    assert_int_equal(kill(w.edge, SIGSTOP), 0);
    for (int i = 0; i < 200; i++) /* more than a channel takes in one turn */
        edge_world_send(w.decide, MESSAGE_VERIFY, &other, -1);
    edge_world_send(w.decide, MESSAGE_END, &end, -1);
    (void)shutdown(live.upstream, SHUT_RDWR);
    assert_int_equal(kill(w.edge, SIGCONT), 0);
    assert_int_equal(edge_client_end(&live.client, got, sizeof(got), &len), -1);
    expect_close(live.connection, REASON_KILLED, 4, 0);
    close_session(&live);
}

static void test_revoked_while_live(void **state)
{
    struct live live = open_session("echo.example");
    struct message_verify verify = {.connection = live.connection};
    union message msg;

    (void)state;
    edge_world_trust(&w, 5);
    edge_world_expect(w.decide, MESSAGE_CHAINS, &msg, NULL); /* a list is there now: facts differ */
    assert_int_equal(msg.chains.reason, REASON_OK);
    assert_int_equal(msg.chains.revocation, REVOCATION_GOOD);
    assert_int_equal(msg.chains.generation, w.trust_generation);
    edge_world_expect(w.decide, MESSAGE_CHAINS_DONE, &msg, NULL);
    /* Asked before the edge has the newer data: answered when it comes. */
    edge_world_send(w.decide, MESSAGE_VERIFY, &verify, -1);
    assert_true(edge_world_is_silent(w.decide));
    edge_world_trust(&w, 77);
    edge_world_expect(w.decide, MESSAGE_CHAINS, &msg, NULL);
    assert_int_equal(msg.chains.connection, live.connection);
    assert_int_equal(msg.chains.reason, REASON_CERT_REVOKED);
    assert_true(session_id_equal(&msg.chains.session, &session));
    edge_world_expect(w.decide, MESSAGE_CHAINS_DONE, &msg, NULL);
    /* Asked although this generation has been told: it is news no more, but it is no secret. */
    edge_world_send(w.decide, MESSAGE_VERIFY, &verify, -1);
    edge_world_expect(w.decide, MESSAGE_CHAINS, &msg, NULL);
    assert_int_equal(msg.chains.reason, REASON_CERT_REVOKED);
    close_session(&live);
    edge_world_expect(w.decide, MESSAGE_CLOSE, &msg, NULL);
    /* And new ones are refused by the same list, although the chain was remembered. */
    refused(&(struct edge_client_spec){.sni = "echo.example",
                                       .certificate = w.client,
                                       .key = w.client_key},
            REASON_CERT_REVOKED, 44);
    edge_world_trust(&w, 0);
    edge_world_expect(w.decide, MESSAGE_CHAINS_DONE, &msg, NULL);
}

/* The walk over live chains says nothing when nothing has changed; decide may still ask then. */
static void test_asked_after_the_walk(void **state)
{
    struct live live = open_session("echo.example");
    struct message_verify verify = {.connection = live.connection};
    union message msg;

    (void)state;
    edge_world_trust(&w, 0);
    edge_world_expect(w.decide, MESSAGE_CHAINS_DONE, &msg, NULL);
    edge_world_send(w.decide, MESSAGE_VERIFY, &verify, -1);
    edge_world_expect(w.decide, MESSAGE_CHAINS, &msg, NULL);
    assert_int_equal(msg.chains.reason, REASON_OK);
    assert_int_equal(msg.chains.generation, w.trust_generation);
    close_session(&live);
    edge_world_expect(w.decide, MESSAGE_CLOSE, &msg, NULL);
}

static void test_new_decide(void **state)
{
    struct live live = open_session("echo.example"), ended = open_session("ssh.example");
    struct edge_client_spec spec = alice("echo.example", NULL);
    struct edge_client pending;
    union message msg, open;
    enum message_id id;
    struct error err;
    uint8_t got[8];
    size_t len;
    int upstream;

    (void)state;
    assert_int_equal(edge_client_connect(&w, &spec, &pending), 1);
    (void)expect_open();
    (void)close(w.decide);
    w.decide = -1;
    assert_int_equal(edge_client_end(&pending, got, sizeof(got), &len), 0);
    edge_client_free(&pending);
    /* Sessions live on; one ends while nobody is there to hear of it. */
    assert_int_equal(SSL_write(live.client.ssl, "ping", 4), 4);
    read_upstream(live.upstream, "ping");
    close_session(&ended);
    assert_int_equal(edge_client_connect(&w, &spec, &pending), 1);
    (void)usleep(50 * 1000);

    edge_world_new_decide(&w);
    edge_world_expect(w.decide, MESSAGE_RESUME, &msg, &upstream);
    assert_true(session_id_equal(&msg.resume.session, &session));
    assert_true(message_decode(msg.resume.open, &id, &open, &err));
    assert_int_equal(id, MESSAGE_OPEN);
    assert_int_equal(open.open.connection, live.connection);
    assert_true(upstream >= 0);
    (void)close(upstream);
    edge_world_expect(w.decide, MESSAGE_RESUME, &msg, NULL);
    edge_world_expect(w.decide, MESSAGE_RESUME_DONE, &msg, NULL);
    assert_int_equal(msg.resume_done.count, 2);
    expect_close(ended.connection, REASON_RELAY_FAILED, 0, 0);
    deny(expect_open().connection, "no");
    edge_world_expect(w.decide, MESSAGE_CHAINS_DONE, &msg, NULL);
    edge_client_free(&pending);
    close_session(&live);
    edge_world_expect(w.decide, MESSAGE_CLOSE, &msg, NULL);
}

/* A channel that stays down while both ends live is reported: the parent replaces the edge. */
static void test_lost_channel(void **state)
{
    union message msg;

    (void)state;
    edge_world_new_decide(&w);
    edge_world_expect(w.decide, MESSAGE_RESUME_DONE, &msg, NULL);
    edge_world_expect(w.decide, MESSAGE_CHAINS_DONE, &msg, NULL);
    (void)usleep(1200 * 1000);           /* nothing is said of the one that was replaced */
    (void)shutdown(w.decide, SHUT_RDWR); /* the other process lives on */
    edge_world_expect(w.edge_parent, MESSAGE_CHANNEL_DOWN, &msg, NULL);
    assert_int_equal(msg.channel_down.role, PROCESS_DECIDE);
    assert_int_equal(msg.channel_down.slot, 0);
    assert_in_range(msg.channel_down.age_ms, 900, 3000);
    assert_true(edge_world_is_silent(w.edge_parent));
    edge_world_new_decide(&w);
    edge_world_expect(w.decide, MESSAGE_RESUME_DONE, &msg, NULL);
    edge_world_expect(w.decide, MESSAGE_CHAINS_DONE, &msg, NULL);
}

static void *bring_key(void *context)
{
    (void)context;
    (void)usleep(300 * 1000);
    edge_world_connect_key(&w);
    return NULL;
}

static void test_key_comes_back(void **state)
{
    struct edge_client_spec spec = alice("echo.example", NULL);
    struct edge_client client;
    pthread_t thread;

    (void)state;
    edge_world_kill_key(&w);
    edge_world_new_key(&w);
    assert_int_equal(pthread_create(&thread, NULL, bring_key, NULL), 0);
    assert_int_equal(edge_client_connect(&w, &spec, &client), 1);
    (void)pthread_join(thread, NULL);
    deny(expect_open().connection, "no");
    edge_client_free(&client);
}

static void test_no_key_is_late(void **state)
{
    struct edge_client_spec spec = alice("echo.example", NULL);
    struct edge_client client;

    (void)state;
    edge_world_kill_key(&w);
    assert_int_not_equal(edge_client_connect(&w, &spec, &client), 1);
    expect_preauth(REASON_KEY_UNAVAILABLE);
    edge_client_free(&client);
}

static void test_drain(void **state)
{
    struct live live = open_session("echo.example");
    struct message_drain drain = {.now = true};
    uint8_t got[8];
    size_t len;

    (void)state;
    edge_world_send(w.edge_parent, MESSAGE_DRAIN, &drain, -1);
    assert_int_equal(edge_client_end(&live.client, got, sizeof(got), &len), -1);
    expect_close(live.connection, REASON_DRAINED, 0, 0);
    close_session(&live);
}

/* --- a new configuration ---------------------------------------------------------------------- */

/* "echo" stands at another place, "ssh" is gone. */
static const char next_config[] =
    "edges = 1\n"
    "tls \"default\" { certificate = \"/none/server.pem\"  key = \"/none/server.key\" }\n"
    "ca \"users\" { anchors = \"/none/ca.pem\"  revocation = \"if-present\" }\n"
    "listener \"main\" { address = {\"127.0.0.1:8443\"}  tls = {\"default\"}  ca = {\"users\"}\n"
    "                  handshake_timeout = \"3s\"  max_connections = 1000 }\n"
    "service \"new\" { listener = {\"main\"}  sni = {\"new.example\"}  upstream = \"127.0.0.1:9\" "
    "}\n"
    "service \"old\" { listener = {\"main\"}  sni = {\"old.example\"}  upstream = \"127.0.0.1:9\" "
    "}\n"
    "service \"echo\" { listener = {\"main\"}  sni = {\"echo.example\"}  upstream = "
    "\"127.0.0.1:9\" }\n";

static void test_reload(void **state)
{
    struct live live = open_session("echo.example"), gone = open_session("ssh.example");
    struct edge_client_spec spec = alice("new.example", NULL);
    struct edge_client client;
    union message msg, open;
    enum message_id id;
    struct error err;
    uint8_t got[8];
    size_t len;

    (void)state;
    edge_world_configure(w.edge_parent, next_config, 2);
    /* Without its certificate the new one is refused whole. */
    edge_world_go(w.edge_parent, 2, false);
    edge_world_expect_failed(w.edge_parent);
    assert_int_equal(SSL_write(gone.client.ssl, "ping", 4), 4);
    read_upstream(gone.upstream, "ping");

    edge_world_configure(w.edge_parent, next_config, 3);
    edge_world_file(w.edge_parent, FILE_CERTIFICATE, "default", 0, pki_pem(&w.server, 1));
    edge_world_go(w.edge_parent, 3, true);
    expect_close(gone.connection, REASON_NO_SERVICE, 4, 0);
    assert_int_equal(edge_client_end(&gone.client, got, sizeof(got), &len), -1);
    edge_world_expect(w.decide, MESSAGE_CHAINS_DONE, &msg, NULL);
    assert_int_equal(SSL_write(live.client.ssl, "ping", 4), 4);
    read_upstream(live.upstream, "ping");
    assert_int_equal(edge_client_connect(&w, &spec, &client), 1);
    assert_int_equal(expect_open().service, 0);
    edge_client_free(&client);
    /* A new decide hears of the old session under the new numbers. */
    edge_world_new_decide(&w);
    edge_world_expect(w.decide, MESSAGE_RESUME, &msg, NULL);
    assert_true(message_decode(msg.resume.open, &id, &open, &err));
    assert_int_equal(open.open.service, 2);
    close_session(&gone);
    close_session(&live);
}

/* --- other server keys ------------------------------------------------------------------------ */

static void one_session_with(EVP_PKEY *server_key, const char *sigalgs)
{
    struct edge_client_spec spec;
    struct edge_client client;

    edge_world_start(&w, server_key);
    spec = alice("echo.example", NULL);
    spec.sigalgs = sigalgs;
    if (edge_client_connect(&w, &spec, &client) != 1)
        fail_msg("%s: %s", sigalgs ? sigalgs : "any", ERR_reason_error_string(ERR_peek_error()));
    deny(expect_open().connection, "no");
    edge_client_free(&client);
    edge_world_stop(&w);
}

static void test_server_keys(void **state)
{
    (void)state;
    one_session_with(EVP_RSA_gen(2048), NULL);
    one_session_with(EVP_RSA_gen(2048), "ECDSA+SHA256:rsa_pss_rsae_sha512");
    one_session_with(EVP_EC_gen("P-384"), NULL);
    one_session_with(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_relay_and_half_close, start, stop),
        cmocka_unit_test_setup_teardown(test_upstream_ends_first, start, stop),
        cmocka_unit_test_setup_teardown(test_upstream_goes_away, start, stop),
        cmocka_unit_test_setup_teardown(test_client_is_cut, start, stop),
        cmocka_unit_test_setup_teardown(test_back_pressure, start, stop),
        cmocka_unit_test_setup_teardown(test_idle, start, stop),
        cmocka_unit_test_setup_teardown(test_open_says_who_is_there, start, stop),
        cmocka_unit_test_setup_teardown(test_open_for_a_proxy_header, start, stop),
        cmocka_unit_test_setup_teardown(test_routes, start, stop),
        cmocka_unit_test_setup_teardown(test_refused_certificates, start, stop),
        cmocka_unit_test_setup_teardown(test_stolen_certificate, start, stop),
        cmocka_unit_test_setup_teardown(test_garbage, start, stop),
        cmocka_unit_test_setup_teardown(test_too_many_handshakes, start, stop),
        cmocka_unit_test_setup_teardown(test_silent_client_is_late, start, stop),
        cmocka_unit_test_setup_teardown(test_denied_ssh_client, start, stop),
        cmocka_unit_test_setup_teardown(test_gw1_connect, start, stop),
        cmocka_unit_test_setup_teardown(test_gw1_by_name_of_the_hello, start, stop),
        cmocka_unit_test_setup_teardown(test_gw1_whoami, start, stop),
        cmocka_unit_test_setup_teardown(test_gw1_refusals, start, stop),
        cmocka_unit_test_setup_teardown(test_end, start, stop),
        cmocka_unit_test_setup_teardown(test_end_before_upstream, start, stop),
        cmocka_unit_test_setup_teardown(test_revoked_while_live, start, stop),
        cmocka_unit_test_setup_teardown(test_asked_after_the_walk, start, stop),
        cmocka_unit_test_setup_teardown(test_new_decide, start, stop),
        cmocka_unit_test_setup_teardown(test_lost_channel, start, stop),
        cmocka_unit_test_setup_teardown(test_key_comes_back, start, stop),
        cmocka_unit_test_setup_teardown(test_no_key_is_late, start, stop),
        cmocka_unit_test_setup_teardown(test_drain, start, stop),
        cmocka_unit_test_setup_teardown(test_reload, start, stop),
        cmocka_unit_test(test_server_keys),
    };

    return cmocka_run_group_tests_name("edge", tests, NULL, NULL);
}
