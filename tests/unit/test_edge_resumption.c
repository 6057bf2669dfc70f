/*
 * Resumption: what was true at the first handshake is true at the next, or it is a full one. Each
 * case is a mistake that some product has made (tickets that outlive a certificate, a revocation, a
 * configuration, or that open another name). A real edge and key process; the clock is the test's.
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
#include <openssl/err.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- the clock -------------------------------------------------------------------------------- */

static int64_t *later_s; /* seconds; shared with the edge */

int64_t __real_clock_realtime_s(void);
int64_t __wrap_clock_realtime_s(void);

int64_t __wrap_clock_realtime_s(void)
{
    return __real_clock_realtime_s() + (later_s ? *later_s : 0);
}

/* --- the world -------------------------------------------------------------------------------- */

/* The first section resumes, "plain" does not, "second" does and has a name of its own. */
static const char config[] =
    "edges = 1\n"
    "tls \"default\" { certificate = \"/none/a.pem\"  key = \"/none/a.key\"\n"
    "  resumption = \"stateful\"  min_version = \"1.2\" }\n"
    "tls \"plain\" { certificate = \"/none/b.pem\"  key = \"/none/b.key\" }\n"
    "tls \"second\" { certificate = \"/none/c.pem\"  key = \"/none/c.key\"\n"
    "  resumption = \"stateful\" }\n"
    "ca \"users\" { anchors = \"/none/ca.pem\"  revocation = \"if-present\" }\n"
    "ca \"partners\" { anchors = \"/none/other.pem\"  revocation = \"if-present\" }\n"
    "listener \"main\" { address = {\"127.0.0.1:8443\"}  ca = {\"users\", \"partners\"}\n"
    "  tls = {\"default\", \"plain\", \"second\"}  handshake_timeout = \"3s\"\n"
    "  max_connections = 1000 }\n"
    "service \"echo\" { listener = {\"main\"}  sni = {\"echo.example\"}  upstream = "
    "\"127.0.0.1:9\" }\n"
    "service \"ssh\" { listener = {\"main\"}  sni = {\"ssh.example\"}  upstream = "
    "\"127.0.0.1:9\" }\n"
    "service \"plain\" { listener = {\"main\"}  sni = {\"plain.example\"}  upstream = "
    "\"127.0.0.1:9\" }\n"
    "service \"second\" { listener = {\"main\"}  sni = {\"second.example\"}  upstream = "
    "\"127.0.0.1:9\" }\n";

static struct edge_world w;
static X509 *lasting, *short_lived; /* of the other CA: for days; for an hour */

static X509 *make_client(long not_after, uint64_t serial)
{
    return pki_make(&(struct pki_spec){.cn = "alice",
                                       .key = w.client_key,
                                       .issuer = w.other_ca,
                                       .issuer_key = w.other_ca_key,
                                       .eku = "clientAuth",
                                       .not_before = -7200,
                                       .not_after = not_after,
                                       .serial = serial});
}

static int start_with(const char *text)
{
    later_s =
        mmap(NULL, sizeof(*later_s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(later_s, MAP_FAILED);
    edge_world_start_with(&w, NULL, text);
    lasting = make_client(6 * 86400, 81);
    short_lived = make_client(3600, 82);
    return 0;
}

static int start(void **state)
{
    (void)state;
    return start_with(config);
}

static int stop(void **state)
{
    (void)state;
    edge_world_stop(&w);
    X509_free(lasting);
    X509_free(short_lived);
    (void)munmap(later_s, sizeof(*later_s));
    later_s = NULL;
    return 0;
}

/* --- sessions --------------------------------------------------------------------------------- */

struct visit {
    struct edge_client client;
    bool connected, resumed;
};

static const char *suites; /* that clients offer; NULL: their default */

static struct visit visit(const char *sni, X509 *certificate, SSL_SESSION *session, int max_version)
{
    struct edge_client_spec spec = {
        .sni = sni, .certificate = certificate, .key = w.client_key, .session = session};
    struct visit visit;

    edge_client_prepare(&w, &spec, &visit.client);
    assert_int_equal(SSL_CTX_set_max_proto_version(visit.client.ctx, max_version), 1);
    assert_true(!suites || SSL_CTX_set_ciphersuites(visit.client.ctx, suites) == 1);
    visit.connected = edge_client_shake(&spec, &visit.client) == 1;
    visit.resumed = visit.connected && SSL_session_reused(visit.client.ssl) == 1;
    return visit;
}

static struct message_open expect_open(void)
{
    union message msg;

    edge_world_expect(w.decide, MESSAGE_OPEN, &msg, NULL);
    return msg.open;
}

/* One that is let in, reads an octet and breaks off; what it may come back with, or NULL. */
static SSL_SESSION *let_in(struct visit *visit)
{
    struct message_verdict verdict = {.session = {{7}}, .reason = REASON_OK};
    SSL_SESSION *session;
    union message msg;
    int pair[2];
    char octet;

    verdict.connection = expect_open().connection;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(fcntl(pair[1], F_SETFL, O_NONBLOCK), 0);
    edge_world_send(w.decide, MESSAGE_VERDICT, &verdict, pair[1]);
    (void)close(pair[1]);
    assert_int_equal(write(pair[0], "x", 1), 1);
    assert_true(edge_client_read(&visit->client, &octet, 1));
    /* A copy: libssl marks the one of a connection that breaks. */
    session = SSL_SESSION_dup(SSL_get0_session(visit->client.ssl));
    if (!SSL_SESSION_is_resumable(session)) {
        SSL_SESSION_free(session);
        session = NULL;
    }
    edge_client_free(&visit->client);
    (void)close(pair[0]);
    edge_world_expect(w.decide, MESSAGE_CLOSE, &msg, NULL);
    return session;
}

static SSL_SESSION *first_session(const char *sni, X509 *certificate)
{
    struct visit first = visit(sni, certificate, NULL, 0);

    assert_true(first.connected && !first.resumed);
    return let_in(&first);
}

/* Comes with a session. It must be a full handshake, which is good. */
static void expect_full(const char *what, const char *sni, X509 *certificate, SSL_SESSION *session)
{
    struct visit next = visit(sni, certificate, session, 0);

    if (!next.connected || next.resumed)
        fail_msg("%s: %s", what, next.resumed ? "resumed" : "no handshake");
    SSL_SESSION_free(let_in(&next));
    SSL_SESSION_free(session);
}

/* The same, and the full handshake is refused. */
static void expect_refused(const char *what, const char *sni, X509 *certificate,
                           SSL_SESSION *session, enum reason reason)
{
    struct visit next = visit(sni, certificate, session, 0);
    union message msg;

    if (next.resumed)
        fail_msg("%s: resumed", what);
    edge_world_expect(w.decide, MESSAGE_PREAUTH_DENIED, &msg, NULL);
    if (msg.preauth_denied.reason != reason)
        fail_msg("%s: %s", what, reason_name((enum reason)msg.preauth_denied.reason));
    edge_client_free(&next.client);
    SSL_SESSION_free(session);
}

/* --- what resumes ----------------------------------------------------------------------------- */

static void test_resumed(void **state)
{
    SSL_SESSION *session = first_session("echo.example", w.client), *old;
    struct bytes der = pki_der(w.client);
    struct message_verdict no = {.session = {{7}}, .reason = REASON_DEFAULT_DENY};

    (void)state;
    assert_non_null(session);
    assert_int_equal(SSL_SESSION_get_max_early_data(session), 0);
    for (int i = 0; i < 3; i++) {
        struct visit next = visit("echo.example", w.client, session, 0);

        assert_true(next.resumed);
        old = session;
        session = let_in(&next);
        assert_non_null(session);
        /* Each is good once. */
        expect_full("used already", "echo.example", w.client, old);
    }
    /* decide hears the same of it as of the first. */
    {
        struct visit next = visit("echo.example", w.client, session, 0);
        struct message_open open = expect_open();

        assert_true(next.resumed);
        assert_true(bytes_equal(open.leaf, der));
        assert_true(bytes_equal(open.ca_name, bytes_of("users")));
        assert_int_equal(open.trust_generation, w.trust_generation);
        no.connection = open.connection;
        edge_world_send(w.decide, MESSAGE_VERDICT, &no, -1);
        edge_client_free(&next.client);
    }
    SSL_SESSION_free(session);
    free((void *)der.at);
}

/* Where the handshake's first section and the chosen one differ, the chosen one counts. */
static void test_sections(void **state)
{
    SSL_SESSION *session = first_session("second.example", w.client);
    struct visit next;

    (void)state;
    assert_non_null(session);
    next = visit("second.example", w.client, session, 0);
    assert_true(next.resumed);
    SSL_SESSION_free(session);
    SSL_SESSION_free(let_in(&next));
    assert_null(first_session("plain.example", w.client));
}

static const char off_first[] =
    "edges = 1\n"
    "tls \"default\" { certificate = \"/none/a.pem\"  key = \"/none/a.key\" }\n"
    "tls \"second\" { certificate = \"/none/c.pem\"  key = \"/none/c.key\"\n"
    "  resumption = \"stateful\" }\n"
    "ca \"users\" { anchors = \"/none/ca.pem\"  revocation = \"if-present\" }\n"
    "ca \"partners\" { anchors = \"/none/other.pem\"  revocation = \"if-present\" }\n"
    "listener \"main\" { address = {\"127.0.0.1:8443\"}  ca = {\"users\", \"partners\"}\n"
    "  tls = {\"default\", \"second\"}  handshake_timeout = \"3s\"\n"
    "  max_connections = 1000 }\n"
    "service \"echo\" { listener = {\"main\"}  sni = {\"echo.example\"}  upstream = "
    "\"127.0.0.1:9\" }\n"
    "service \"second\" { listener = {\"main\"}  sni = {\"second.example\"}  upstream = "
    "\"127.0.0.1:9\" }\n";

static void test_sections_with_the_first_off(void **state)
{
    SSL_SESSION *session;
    struct visit next;

    (void)start_with(off_first);
    session = first_session("second.example", w.client);
    assert_non_null(session);
    next = visit("second.example", w.client, session, 0);
    assert_true(next.resumed);
    SSL_SESSION_free(session);
    session = let_in(&next);
    expect_full("a session of the section that resumes", "echo.example", w.client, session);
    assert_null(first_session("echo.example", w.client));
    (void)stop(state);
}

static void test_tls12_never(void **state)
{
    struct visit first = visit("echo.example", w.client, NULL, TLS1_2_VERSION), next;
    SSL_SESSION *session = SSL_SESSION_dup(SSL_get0_session(first.client.ssl));

    (void)state;
    assert_true(first.connected);
    SSL_SESSION_free(let_in(&first));
    next = visit("echo.example", w.client, session, TLS1_2_VERSION);
    assert_true(next.connected && !next.resumed);
    SSL_SESSION_free(session);
    SSL_SESSION_free(let_in(&next));
}

/* --- what does not ---------------------------------------------------------------------------- */

/* CVE-2025-23419, CVE-2025-23048: a session of one name at another. */
static void test_other_name(void **state)
{
    (void)state;
    expect_full("another service", "ssh.example", w.client,
                first_session("echo.example", w.client));
    expect_full("another section", "second.example", w.client,
                first_session("echo.example", w.client));
    expect_full("a section that does not resume", "plain.example", w.client,
                first_session("echo.example", w.client));
}

/* The certificate that comes with it does not matter: only who proved a key has a session. */
static void test_whose_it_is(void **state)
{
    SSL_SESSION *session = first_session("echo.example", w.client);
    struct visit next = visit("echo.example", lasting, session, 0);
    struct bytes der = pki_der(w.client);
    struct message_open open = expect_open();
    struct message_verdict no = {
        .connection = open.connection, .session = {{7}}, .reason = REASON_DEFAULT_DENY};

    (void)state;
    assert_true(next.resumed);
    assert_true(bytes_equal(open.leaf, der));
    edge_world_send(w.decide, MESSAGE_VERDICT, &no, -1);
    edge_client_free(&next.client);
    SSL_SESSION_free(session);
    free((void *)der.at);
}

/* Somebody else's session that is found and not used must leave nothing of that person behind: the
 * new session is of who has proved a key. */
static void test_found_but_not_used(void **state)
{
    struct message_verdict no = {.session = {{7}}, .reason = REASON_DEFAULT_DENY};
    SSL_SESSION *others = first_session("echo.example", lasting), *own;
    struct bytes der = pki_der(w.client);
    struct visit next;

    (void)state;
    suites = "TLS_AES_256_GCM_SHA384"; /* a hash that does not fit the session's */
    next = visit("echo.example", w.client, others, 0);
    assert_true(next.connected && !next.resumed);
    own = let_in(&next);
    assert_non_null(own);
    next = visit("echo.example", w.client, own, 0);
    suites = NULL;
    assert_true(next.resumed);
    {
        struct message_open open = expect_open();

        assert_true(bytes_equal(open.leaf, der));
        no.connection = open.connection;
    }
    edge_world_send(w.decide, MESSAGE_VERDICT, &no, -1);
    edge_client_free(&next.client);
    SSL_SESSION_free(others);
    SSL_SESSION_free(own);
    free((void *)der.at);
}

static void new_trust(size_t ca, uint64_t revoked)
{
    union message msg;

    edge_world_trust_revoking(&w, ca, revoked);
    edge_world_expect(w.decide, MESSAGE_CHAINS_DONE, &msg, NULL);
}

/* Cloudflare 2022, nginx CVE-2026-28755: revoked between. */
static void test_revoked_between(void **state)
{
    SSL_SESSION *session = first_session("echo.example", w.client);

    (void)state;
    new_trust(0, 77);
    expect_refused("revoked", "echo.example", w.client, session, REASON_CERT_REVOKED);
}

static void test_trust_changes_between(void **state)
{
    SSL_SESSION *session = first_session("echo.example", w.client);

    (void)state;
    new_trust(0, 0);
    expect_full("the same trust data again", "echo.example", w.client, session);
}

/* HAProxy 2026: renewed on each use, a session never ended. */
static void test_twelve_hours(void **state)
{
    enum { HOUR = 3600 };
    SSL_SESSION *session = first_session("echo.example", lasting);
    struct visit next;

    (void)state;
    for (int hours = 5; hours <= 10; hours += 5) {
        *later_s = hours * HOUR;
        next = visit("echo.example", lasting, session, 0);
        assert_true(next.resumed);
        SSL_SESSION_free(session);
        session = let_in(&next);
        assert_non_null(session);
    }
    *later_s = 12 * HOUR + 60;
    expect_full("12 hours after the proof", "echo.example", lasting, session);
    session = first_session("echo.example", lasting);
    *later_s -= 600;
    expect_full("before it was made", "echo.example", lasting, session);
}

static void test_expired_between(void **state)
{
    SSL_SESSION *session = first_session("echo.example", short_lived);

    (void)state;
    *later_s = 3700;
    expect_refused("expired", "echo.example", short_lived, session, REASON_CERT_EXPIRED);
}

static void reload(const char *text, uint32_t generation)
{
    union message msg;

    edge_world_configure(w.edge_parent, text, generation);
    edge_world_give_certificates(&w);
    edge_world_go(w.edge_parent, generation, true);
    edge_world_expect(w.decide, MESSAGE_CHAINS_DONE, &msg, NULL);
}

/* Go CVE-2025-68121, HAProxy 2026: the accepted authorities change, or anything else. */
static void test_configuration_changes_between(void **state)
{
    char text[sizeof(config)];
    const char *at = strstr(config, "ca = {\"users\", \"partners\"}");
    SSL_SESSION *session = first_session("echo.example", w.client);

    (void)state;
    reload(config, 2);
    expect_full("a reload without a change", "echo.example", w.client, session);
    session = first_session("echo.example", w.client);
    (void)snprintf(text, sizeof(text), "%.*sca = {\"partners\"}%s", (int)(at - config), config,
                   at + strlen("ca = {\"users\", \"partners\"}"));
    reload(text, 3);
    expect_refused("users no more", "echo.example", w.client, session, REASON_CERT_UNKNOWN_CA);
}

/* What nobody has made is no session; the handshake goes on without it. */
static void test_unknown_sessions(void **state)
{
    SSL_SESSION *session = first_session("echo.example", w.client);

    (void)state;
    edge_world_stop(&w);
    edge_world_start_with(&w, NULL, config);
    expect_full("of an edge that is gone", "echo.example", w.client, session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_resumed, start, stop),
        cmocka_unit_test_setup_teardown(test_sections, start, stop),
        cmocka_unit_test(test_sections_with_the_first_off),
        cmocka_unit_test_setup_teardown(test_tls12_never, start, stop),
        cmocka_unit_test_setup_teardown(test_other_name, start, stop),
        cmocka_unit_test_setup_teardown(test_whose_it_is, start, stop),
        cmocka_unit_test_setup_teardown(test_found_but_not_used, start, stop),
        cmocka_unit_test_setup_teardown(test_revoked_between, start, stop),
        cmocka_unit_test_setup_teardown(test_trust_changes_between, start, stop),
        cmocka_unit_test_setup_teardown(test_twelve_hours, start, stop),
        cmocka_unit_test_setup_teardown(test_expired_between, start, stop),
        cmocka_unit_test_setup_teardown(test_configuration_changes_between, start, stop),
        cmocka_unit_test_setup_teardown(test_unknown_sessions, start, stop),
    };

    return cmocka_run_group_tests_name("edge_resumption", tests, NULL, NULL);
}
