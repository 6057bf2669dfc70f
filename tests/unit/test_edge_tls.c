/*
 * What TLS sections and services ask of a client: versions, ciphers, renegotiation, certificates of
 * the service's own authorities. A real edge and a real key process, OpenSSL's clients.
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
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* "old" allows TLS 1.2 on a listener of its own; "partner" and "both" have their own authorities.
 */
static const char config[] =
    "edges = 1\n"
    "tls \"default\" { certificate = \"/none/server.pem\"  key = \"/none/server.key\"\n"
    "  min_version = \"1.2\" }\n"
    "ca \"users\" { anchors = \"/none/ca.pem\"  revocation = \"if-present\" }\n"
    "ca \"partners\" { anchors = \"/none/other.pem\"  revocation = \"if-present\" }\n"
    "listener \"main\" { address = {\"127.0.0.1:8443\"}  tls = {\"default\"}  ca = {\"users\"}\n"
    "                  handshake_timeout = \"3s\"  max_connections = 1000 }\n"
    "service \"echo\" { listener = {\"main\"}  sni = {\"echo.example\"}  upstream = "
    "\"127.0.0.1:9\" }\n"
    "service \"partner\" { listener = {\"main\"}  sni = {\"ssh.example\"}  upstream = "
    "\"127.0.0.1:9\"\n  ca = {\"partners\"} }\n"
    "service \"both\" { listener = {\"main\"}  sni = {\"both.example\"}  upstream = "
    "\"127.0.0.1:9\"\n  ca = {\"users\", \"partners\"} }\n";

static struct edge_world w;
static X509 *partner; /* alice's key, signed by the other CA */

static int start_with(EVP_PKEY *server_key)
{
    edge_world_start_with(&w, server_key, config);
    partner = pki_make(&(struct pki_spec){.cn = "partner",
                                          .key = w.client_key,
                                          .issuer = w.other_ca,
                                          .issuer_key = w.other_ca_key,
                                          .eku = "clientAuth",
                                          .serial = 78});
    return 0;
}

static int start(void **state)
{
    (void)state;
    return start_with(NULL);
}

static int stop(void **state)
{
    (void)state;
    edge_world_stop(&w);
    X509_free(partner);
    return 0;
}

static struct edge_client_spec client_of(X509 *certificate, const char *sni, const char *alpn)
{
    return (struct edge_client_spec){
        .sni = sni, .alpn = alpn, .certificate = certificate, .key = w.client_key};
}

static struct message_open expect_open(void)
{
    union message msg;

    edge_world_expect(w.decide, MESSAGE_OPEN, &msg, NULL);
    return msg.open;
}

static void expect_preauth(const char *what, enum reason reason)
{
    union message msg;

    edge_world_expect(w.decide, MESSAGE_PREAUTH_DENIED, &msg, NULL);
    if (msg.preauth_denied.reason != reason)
        fail_msg("%s: refused because of %s (%.*s) instead of %s", what,
                 reason_name((enum reason)msg.preauth_denied.reason),
                 (int)msg.preauth_denied.detail.len, (const char *)msg.preauth_denied.detail.at,
                 reason_name(reason));
}

static void answer(uint64_t connection, enum reason reason, int upstream)
{
    struct message_verdict msg = {.connection = connection, .session = {{7}}, .reason = reason};

    edge_world_send(w.decide, MESSAGE_VERDICT, &msg, upstream);
    if (upstream >= 0)
        (void)close(upstream);
}

/* --- TLS 1.2 ---------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int min, max;
    const char *ciphers, *groups, *sigalgs; /* NULL: OpenSSL's */
    uint64_t options;
    const char *cipher; /* NULL: refused */
} hellos[] = {
    {"1.3 by choice", 0, 0, NULL, NULL, NULL, 0, "TLS_AES_128_GCM_SHA256"},
    {"1.2", 0, TLS1_2_VERSION, NULL, NULL, NULL, 0, "ECDHE-ECDSA-AES128-GCM-SHA256"},
    {"1.2 with 256 bits", 0, TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384", NULL, NULL, 0,
     "ECDHE-ECDSA-AES256-GCM-SHA384"},
    {"1.2 with ChaCha20", 0, TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305", NULL, NULL, 0,
     "ECDHE-ECDSA-CHACHA20-POLY1305"},
    {"1.2 with P-256", 0, TLS1_2_VERSION, NULL, "P-256", NULL, 0, "ECDHE-ECDSA-AES128-GCM-SHA256"},
    {"1.2 without the certificate's curve", 0, TLS1_2_VERSION, NULL, "P-384", NULL, 0, NULL},
    {"CBC", 0, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256", NULL, NULL, 0, NULL},
    {"CBC with SHA-1", 0, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA", NULL, NULL, 0, NULL},
    {"CCM", 0, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-CCM", NULL, NULL, 0, NULL},
    {"RSA key transport", 0, TLS1_2_VERSION, "AES128-GCM-SHA256", NULL, NULL, 0, NULL},
    {"DHE", 0, TLS1_2_VERSION, "DHE-RSA-AES128-GCM-SHA256", NULL, NULL, 0, NULL},
    {"P-521", 0, TLS1_2_VERSION, NULL, "P-521", NULL, 0, NULL},
    {"another digest", 0, TLS1_2_VERSION, NULL, NULL, "ECDSA+SHA512", 0, NULL},
    {"TLS 1.1", TLS1_VERSION, TLS1_1_VERSION, "ALL:@SECLEVEL=0", NULL, NULL, 0, NULL},
    {"no extended master secret", 0, TLS1_2_VERSION, NULL, NULL, NULL,
     SSL_OP_NO_EXTENDED_MASTER_SECRET, NULL},
};

static void set_hello(SSL_CTX *ctx, size_t i)
{
    assert_int_equal(SSL_CTX_set_min_proto_version(ctx, hellos[i].min), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(ctx, hellos[i].max), 1);
    if (hellos[i].ciphers)
        assert_int_equal(SSL_CTX_set_cipher_list(ctx, hellos[i].ciphers), 1);
    if (hellos[i].groups)
        assert_int_equal(SSL_CTX_set1_groups_list(ctx, hellos[i].groups), 1);
    if (hellos[i].sigalgs)
        assert_int_equal(SSL_CTX_set1_sigalgs_list(ctx, hellos[i].sigalgs), 1);
    SSL_CTX_set_options(ctx, hellos[i].options);
}

static void test_hellos(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(hellos) / sizeof(hellos[0]); i++) {
        struct edge_client_spec spec = client_of(w.client, "echo.example", NULL);
        struct edge_client client;
        struct message_open open = {0};

        edge_client_prepare(&w, &spec, &client);
        set_hello(client.ctx, i);
        if ((edge_client_shake(&spec, &client) == 1) != (hellos[i].cipher != NULL))
            fail_msg("%s: %s", hellos[i].name, ERR_reason_error_string(ERR_peek_error()));
        if (hellos[i].cipher) {
            open = expect_open();
            if (!bytes_equal(open.cipher, bytes_of(hellos[i].cipher)))
                fail_msg("%s: %.*s", hellos[i].name, (int)open.cipher.len,
                         (const char *)open.cipher.at);
            assert_int_equal(open.tls_version, SSL_version(client.ssl));
            assert_int_equal(SSL_SESSION_has_ticket(SSL_get0_session(client.ssl)), 0);
        } else {
            union message msg;

            /* The first of a kind comes at once, the others within a second. */
            edge_world_expect(w.decide, MESSAGE_PREAUTH_DENIED, &msg, NULL);
            assert_int_equal(msg.preauth_denied.reason, REASON_TLS_FAILED);
        }
        edge_client_free(&client);
        if (hellos[i].cipher)
            answer(open.connection, REASON_DEFAULT_DENY, -1);
    }
}

/* The same refusals as in TLS 1.3, by the same alerts; 1.2 has none for a missing certificate. */
static void test_refusals_of_tls12(void **state)
{
    const struct {
        X509 *certificate;
        enum reason reason;
        int alert;
    } cases[] = {
        {NULL, REASON_TLS_NO_CERTIFICATE, SSL_AD_HANDSHAKE_FAILURE},
        {partner, REASON_CERT_UNKNOWN_CA, SSL_AD_UNKNOWN_CA},
        {w.server, REASON_CERT_EKU, SSL_AD_UNSUPPORTED_CERTIFICATE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct edge_client_spec spec = client_of(cases[i].certificate, "echo.example", NULL);
        struct edge_client client;

        spec.key = cases[i].certificate == w.server ? w.server_key : w.client_key;
        edge_client_prepare(&w, &spec, &client);
        assert_int_equal(SSL_CTX_set_max_proto_version(client.ctx, TLS1_2_VERSION), 1);
        assert_int_not_equal(edge_client_shake(&spec, &client), 1);
        assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_AD_REASON_OFFSET + cases[i].alert);
        expect_preauth("1.2", cases[i].reason);
        edge_client_free(&client);
    }
}

static struct edge_client live_client(int max_version, int *ret_upstream, uint64_t *ret_connection)
{
    struct edge_client_spec spec = client_of(w.client, "echo.example", NULL);
    struct edge_client client;
    int pair[2];

    edge_client_prepare(&w, &spec, &client);
    assert_int_equal(SSL_CTX_set_max_proto_version(client.ctx, max_version), 1);
    assert_int_equal(edge_client_shake(&spec, &client), 1);
    *ret_connection = expect_open().connection;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(fcntl(pair[1], F_SETFL, O_NONBLOCK), 0);
    answer(*ret_connection, REASON_OK, pair[1]);
    *ret_upstream = pair[0];
    return client;
}

/* A client that asks to renegotiate is told no by the alert for that. */
static void test_renegotiation(void **state)
{
    uint64_t connection;
    int upstream;
    struct edge_client client = live_client(TLS1_2_VERSION, &upstream, &connection);
    char got[8] = "";
    union message msg;

    (void)state;
    assert_int_equal(SSL_write(client.ssl, "ping", 4), 4);
    assert_int_equal(read(upstream, got, 4), 4);
    assert_int_equal(SSL_renegotiate(client.ssl), 1);
    ERR_clear_error();
    assert_int_not_equal(SSL_do_handshake(client.ssl), 1);
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
    edge_client_free(&client);
    (void)close(upstream);
    edge_world_expect(w.decide, MESSAGE_CLOSE, &msg, NULL);
}

static void test_key_update_flood(void **state)
{
    uint64_t connection;
    int upstream;
    struct edge_client client = live_client(TLS1_3_VERSION, &upstream, &connection);
    union message msg;
    int n = 0;

    (void)state;
    /* An idle session: no octet moves, only KeyUpdates. */
    while (n < 20000 && SSL_key_update(client.ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
           SSL_do_handshake(client.ssl) == 1)
        n++;
    edge_world_expect(w.decide, MESSAGE_CLOSE, &msg, NULL);
    assert_int_equal(msg.close.reason, REASON_RELAY_FAILED);
    edge_client_free(&client);
    (void)close(upstream);
}

/* Before the request of mtls-gw/1 there is no relay yet; the flood is cut all the same. */
static void test_key_update_flood_before_request(void **state)
{
    struct edge_client_spec spec = client_of(w.client, NULL, GW1_ALPN);
    struct edge_client client;
    int n = 0;

    (void)state;
    assert_int_equal(edge_client_connect(&w, &spec, &client), 1);
    while (n < 20000 && SSL_key_update(client.ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
           SSL_do_handshake(client.ssl) == 1)
        n++;
    expect_preauth("flood", REASON_TLS_FAILED);
    edge_client_free(&client);
}

/* --- other server keys ------------------------------------------------------------------------ */

static void one_tls12_session_with(EVP_PKEY *server_key, const char *sigalgs, bool good)
{
    struct edge_client_spec spec;
    struct edge_client client;

    (void)start_with(server_key);
    spec = client_of(w.client, "echo.example", NULL);
    spec.sigalgs = sigalgs;
    edge_client_prepare(&w, &spec, &client);
    assert_int_equal(SSL_CTX_set_max_proto_version(client.ctx, TLS1_2_VERSION), 1);
    if ((edge_client_shake(&spec, &client) == 1) != good)
        fail_msg("%s: %s", sigalgs ? sigalgs : "any", ERR_reason_error_string(ERR_peek_error()));
    if (good)
        assert_int_equal(expect_open().tls_version, TLS1_2_VERSION);
    edge_client_free(&client);
    (void)stop(NULL);
}

static void test_server_keys(void **state)
{
    (void)state;
    one_tls12_session_with(EVP_RSA_gen(2048), NULL, true);
    one_tls12_session_with(EVP_RSA_gen(2048), "rsa_pss_rsae_sha512:ECDSA+SHA256", true);
    one_tls12_session_with(EVP_RSA_gen(2048), "RSA+SHA256:ECDSA+SHA256", false);
    one_tls12_session_with(EVP_EC_gen("P-384"), NULL, true);
    one_tls12_session_with(EVP_EC_gen("P-384"), "ECDSA+SHA256", false);
    one_tls12_session_with(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), NULL, true);
}

/* --- authorities of a service ----------------------------------------------------------------- */

static const struct {
    const char *name, *sni;
    bool partner;   /* which of the two certificates */
    const char *ca; /* NULL: refused in the handshake */
} by_name[] = {
    {"a user at the listener's service", "echo.example", false, "users"},
    {"a partner at the partners' service", "ssh.example", true, "partners"},
    {"a user where both are good", "both.example", false, "users"},
    {"a partner where both are good", "both.example", true, "partners"},
    {"a partner at the listener's service", "echo.example", true, NULL},
    {"a user at the partners' service", "ssh.example", false, NULL},
    /* The chain cache has seen both by now. */
    {"a user at the listener's service, again", "echo.example", false, "users"},
    {"a user at the partners' service, again", "ssh.example", false, NULL},
    {"a partner at the listener's service, again", "echo.example", true, NULL},
};

static void test_trust_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(by_name) / sizeof(by_name[0]); i++) {
        struct edge_client_spec spec =
            client_of(by_name[i].partner ? partner : w.client, by_name[i].sni, NULL);
        struct edge_client client;
        uint8_t got[8];
        size_t len;

        (void)edge_client_connect(&w, &spec, &client);
        if (by_name[i].ca) {
            struct message_open open = expect_open();

            if (!bytes_equal(open.ca_name, bytes_of(by_name[i].ca)))
                fail_msg("%s: %.*s", by_name[i].name, (int)open.ca_name.len,
                         (const char *)open.ca_name.at);
            answer(open.connection, REASON_DEFAULT_DENY, -1);
        } else {
            union message msg;

            assert_int_equal(edge_client_end(&client, got, sizeof(got), &len), SSL_AD_UNKNOWN_CA);
            edge_world_expect(w.decide, MESSAGE_PREAUTH_DENIED, &msg, NULL);
            assert_int_equal(msg.preauth_denied.reason, REASON_CERT_UNKNOWN_CA);
        }
        edge_client_free(&client);
    }
}

static void say(struct edge_client *client, const char *name)
{
    struct gw1_request request = {.kind = GW1_CONNECT, .name = bytes_of(name)};
    struct writer out = writer_new(GW1_REQUEST_MAX);

    gw1_request_encode(&request, &out);
    assert_int_equal(SSL_write(client->ssl, out.at, (int)out.len), (int)out.len);
    writer_clear(&out);
}

static const struct {
    const char *name, *sni, *service;
    bool partner;
    const char *ca; /* NULL: refused after the request; "-": in the handshake */
} by_request[] = {
    {"a user names the listener's service", NULL, "echo", false, "users"},
    {"a user names one that takes users too", NULL, "both", false, "users"},
    {"a user names the partners' service", NULL, "partner", false, NULL},
    {"a partner by the server name", "ssh.example", "", true, "partners"},
    {"a partner by the server name names it", "ssh.example", "partner", true, "partners"},
    {"a partner goes on to one that takes both", "ssh.example", "both", true, "partners"},
    {"a partner goes on to the users' service", "ssh.example", "echo", true, NULL},
    {"a user by the name of both goes on to the partners'", "both.example", "partner", false, NULL},
    {"a partner without a server name", NULL, "partner", true, "-"},
};

static void test_trust_by_request(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(by_request) / sizeof(by_request[0]); i++) {
        struct edge_client_spec spec =
            client_of(by_request[i].partner ? partner : w.client, by_request[i].sni, GW1_ALPN);
        struct edge_client client;
        union message msg;

        (void)edge_client_connect(&w, &spec, &client);
        if (!by_request[i].ca || by_request[i].ca[0] != '-')
            say(&client, by_request[i].service);
        if (by_request[i].ca && by_request[i].ca[0] != '-') {
            struct message_open open = expect_open();

            if (!bytes_equal(open.ca_name, bytes_of(by_request[i].ca)))
                fail_msg("%s", by_request[i].name);
            answer(open.connection, REASON_DEFAULT_DENY, -1);
        } else {
            edge_world_expect(w.decide, MESSAGE_PREAUTH_DENIED, &msg, NULL);
            if (msg.preauth_denied.reason !=
                (by_request[i].ca ? REASON_CERT_UNKNOWN_CA : REASON_SERVICE_CA))
                fail_msg("%s: %s", by_request[i].name,
                         reason_name((enum reason)msg.preauth_denied.reason));
        }
        edge_client_free(&client);
    }
}

/* Live sessions are judged by what their own service accepts, after a reload too. */
static void test_service_changes_its_authorities(void **state)
{
    uint64_t connection;
    int upstream;
    struct edge_client client = live_client(TLS1_3_VERSION, &upstream, &connection);
    char text[sizeof(config) + 64];
    const char *at = strstr(config, "\"127.0.0.1:9\" }");
    union message msg;

    (void)state;
    (void)snprintf(text, sizeof(text), "%.*s\"127.0.0.1:9\" ca = {\"partners\"} }%s",
                   (int)(at - config), config, at + strlen("\"127.0.0.1:9\" }"));
    edge_world_configure(w.edge_parent, text, 2);
    edge_world_file(w.edge_parent, FILE_CERTIFICATE, "default", 0, pki_pem(&w.server, 1));
    edge_world_go(w.edge_parent, 2, true);
    edge_world_expect(w.decide, MESSAGE_CHAINS, &msg, NULL);
    assert_int_equal(msg.chains.connection, connection);
    assert_int_equal(msg.chains.reason, REASON_CERT_UNKNOWN_CA);
    edge_world_expect(w.decide, MESSAGE_CHAINS_DONE, &msg, NULL);
    /* Nothing that was remembered for another set makes it good again. */
    edge_world_trust(&w, 0);
    edge_world_expect(w.decide, MESSAGE_CHAINS_DONE, &msg, NULL);
    edge_client_free(&client);
    (void)close(upstream);
    edge_world_expect(w.decide, MESSAGE_CLOSE, &msg, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_hellos, start, stop),
        cmocka_unit_test_setup_teardown(test_refusals_of_tls12, start, stop),
        cmocka_unit_test_setup_teardown(test_renegotiation, start, stop),
        cmocka_unit_test_setup_teardown(test_key_update_flood, start, stop),
        cmocka_unit_test_setup_teardown(test_key_update_flood_before_request, start, stop),
        cmocka_unit_test(test_server_keys),
        cmocka_unit_test_setup_teardown(test_trust_by_name, start, stop),
        cmocka_unit_test_setup_teardown(test_trust_by_request, start, stop),
        cmocka_unit_test_setup_teardown(test_service_changes_its_authorities, start, stop),
    };

    return cmocka_run_group_tests_name("edge_tls", tests, NULL, NULL);
}
