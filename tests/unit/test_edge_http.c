/*
 * HTTP, PostgreSQL and PROXY headers at a real edge, with the test as decide and as upstream: what
 * comes before the verdict, what a denied client gets, whose word stands in the headers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/clock.h"
#include "edge_world.h"
#include "gatewayd/edge/http.h"
#include "gatewayd/edge/wire.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- the clock -------------------------------------------------------------------------------- */

static int64_t *later_ms; /* shared with the edge */

int64_t __real_clock_monotonic_ms(void);
int64_t __wrap_clock_monotonic_ms(void);

int64_t __wrap_clock_monotonic_ms(void)
{
    return __real_clock_monotonic_ms() + (later_ms ? *later_ms : 0);
}

/* --- the world -------------------------------------------------------------------------------- */

static struct edge_world w;

static const char config_text[] =
    "edges = 1\n"
    "tls \"default\" { certificate = \"/none/server.pem\"  key = \"/none/server.key\" }\n"
    "ca \"users\" { anchors = \"/none/ca.pem\"  revocation = \"if-present\" }\n"
    "listener \"main\" { address = {\"127.0.0.1:8443\"}  tls = {\"default\"}  ca = {\"users\"}\n"
    "                  handshake_timeout = \"3s\"  max_connections = 1000 }\n"
    "service \"web\" { listener = {\"main\"}  sni = {\"echo.example\", \"*.ssh.example\"}\n"
    "                upstream = \"127.0.0.1:9\"  protocol = \"http\" }\n"
    "service \"db\" { listener = {\"main\"}  sni = {\"ssh.example\"}\n"
    "               upstream = \"127.0.0.1:9\"  protocol = \"postgres\" }\n";

static const struct session_id session = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
#define SESSION "0102030405060708090a0b0c0d0e0f10"

struct visit {
    struct edge_client client;
    uint64_t connection;
    int upstream; /* our end */
};

static uint64_t open_connection(struct visit *visit, const char *sni)
{
    struct edge_client_spec spec = {.sni = sni, .certificate = w.client, .key = w.client_key};
    union message msg;

    visit->upstream = -1;
    assert_int_equal(edge_client_connect(&w, &spec, &visit->client), 1);
    edge_world_expect(w.decide, MESSAGE_OPEN, &msg, NULL);
    visit->connection = msg.open.connection;
    return visit->connection;
}

static void tell_identity(uint64_t connection, const char *user)
{
    struct message_identity msg = {.connection = connection,
                                   .user = bytes_of(user),
                                   .groups = {(const uint8_t *)"\0\5staff", 7},
                                   .rule = bytes_of("rule")};

    edge_world_send(w.decide, MESSAGE_IDENTITY, &msg, -1);
}

static void give_verdict(struct visit *visit, enum reason reason, const char *text)
{
    struct message_verdict msg = {.connection = visit->connection,
                                  .session = session,
                                  .reason = reason,
                                  .text = bytes_of(text)};
    int pair[2] = {-1, -1};

    if (reason == REASON_OK)
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair),
                         0);
    edge_world_send(w.decide, MESSAGE_VERDICT, &msg, pair[1]);
    if (reason == REASON_OK)
        (void)close(pair[1]);
    visit->upstream = pair[0];
}

static struct visit visit_web(void)
{
    struct visit visit;

    tell_identity(open_connection(&visit, "echo.example"), "alice");
    give_verdict(&visit, REASON_OK, "");
    return visit;
}

static void say(struct visit *visit, const char *octets)
{
    assert_int_equal(SSL_write(visit->client.ssl, octets, (int)strlen(octets)),
                     (int)strlen(octets));
}

/* What has come at the upstream up to the end of a head; waits for it. */
static void hear_head(const struct visit *visit, char *out, size_t room)
{
    size_t len = 0;

    for (int i = 0; i < 200; i++) {
        ssize_t n = recv(visit->upstream, out + len, room - 1 - len, MSG_DONTWAIT);

        len += n > 0 ? (size_t)n : 0;
        out[len] = '\0';
        if (strstr(out, "\r\n\r\n"))
            return;
        (void)usleep(10 * 1000);
    }
    fail_msg("no head: %s", out);
}

static void leave(struct visit *visit)
{
    if (visit->upstream >= 0)
        (void)close(visit->upstream);
    edge_client_free(&visit->client);
}

/* detail: NULL: any */
static void expect_close_with(const struct visit *visit, enum reason reason, const char *detail)
{
    union message msg;

    edge_world_expect(w.decide, MESSAGE_CLOSE, &msg, NULL);
    assert_int_equal(msg.close.connection, visit->connection);
    assert_string_equal(reason_name((enum reason)msg.close.reason), reason_name(reason));
    if (detail) {
        assert_int_equal(msg.close.detail.len, strlen(detail));
        assert_memory_equal(msg.close.detail.at, detail, strlen(detail));
    }
}

static void expect_close(const struct visit *visit, enum reason reason)
{
    expect_close_with(visit, reason, NULL);
}

/* All that the client gets up to the end, which must be close_notify. */
static void expect_answer(struct visit *visit, const char *begin, const char *within)
{
    char got[4096];
    size_t len;

    assert_int_equal(edge_client_end(&visit->client, (uint8_t *)got, sizeof(got) - 1, &len), 0);
    got[len] = '\0';
    if (strncmp(got, begin, strlen(begin)) != 0 || !strstr(got, within))
        fail_msg("%s", got);
}

/* --- HTTP ------------------------------------------------------------------------------------- */

static void test_identity_of_decide(void **state)
{
    struct visit visit = visit_web();
    char head[8192];

    (void)state;
    say(&visit, "GET / HTTP/1.1\r\nHost: echo.example\r\nX-Gateway-User: root\r\n\r\n");
    hear_head(&visit, head, sizeof(head));
    assert_non_null(strstr(head, "\r\nX-Gateway-User: alice\r\n"));
    assert_non_null(strstr(head, "\r\nX-Gateway-Session: " SESSION "\r\n"));
    assert_non_null(strstr(head, "\r\nX-Gateway-Groups: \"staff\"\r\n"));
    assert_non_null(strstr(head, "\r\nClient-Cert: :MII"));
    assert_null(strstr(head, "root"));
    tell_identity(visit.connection, "bob"); /* what decide says later counts from then on */
    assert_int_equal(write(visit.upstream, "HTTP/1.1 204 No Content\r\n\r\n", 27), 27);
    assert_true(edge_client_read(&visit.client, head, 27));
    (void)usleep(50 * 1000);
    say(&visit, "GET / HTTP/1.1\r\nHost: echo.example\r\n\r\n");
    hear_head(&visit, head, sizeof(head));
    assert_non_null(strstr(head, "\r\nX-Gateway-User: bob\r\n"));
    (void)shutdown(visit.upstream, SHUT_RDWR);
    expect_close(&visit, REASON_HTTP_BAD_RESPONSE);
    leave(&visit);
}

static void test_no_identity(void **state)
{
    struct visit visit;

    (void)state;
    (void)open_connection(&visit, "echo.example");
    give_verdict(&visit, REASON_OK, "");
    expect_answer(&visit, "HTTP/1.1 503 ", "decision " SESSION);
    expect_close(&visit, REASON_IDENTITY_MISSING);
    leave(&visit);
}

static const struct {
    const char *name, *sni, *host;
    bool good;
} hosts[] = {
    {"its name", "echo.example", "echo.example", true},
    {"its name with a port", "echo.example", "Echo.Example:8443", true},
    {"another name of the service", "a.ssh.example", "echo.example", true},
    {"the name under the wildcard", "a.ssh.example", "a.ssh.example", true},
    {"another name under the wildcard", "a.ssh.example", "b.ssh.example", false},
    {"a name under the wildcard from another name", "echo.example", "a.ssh.example", false},
    {"the name of another service", "echo.example", "ssh.example", false},
    {"an address", "echo.example", "127.0.0.1", false},
    {"nobody's name", "echo.example", "x.y", false},
    {"a final dot", "echo.example", "echo.example.", false},
};

static void test_hosts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        struct visit visit;
        char text[8192];

        tell_identity(open_connection(&visit, hosts[i].sni), "alice");
        give_verdict(&visit, REASON_OK, "");
        (void)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", hosts[i].host);
        say(&visit, text);
        if (hosts[i].good) {
            hear_head(&visit, text, sizeof(text));
            (void)close(visit.upstream);
            visit.upstream = -1;
            expect_close(&visit, REASON_HTTP_BAD_RESPONSE);
        } else {
            expect_answer(&visit, "HTTP/1.1 421 ", "decision " SESSION);
            expect_close(&visit, REASON_HTTP_MISDIRECTED);
        }
        leave(&visit);
    }
}

static void test_denied(void **state)
{
    static const struct {
        enum reason reason;
        const char *request, *begin, *within;
    } cases[] = {
        {REASON_DEFAULT_DENY, "GET / HT", "HTTP/1.1 403 ", "gatewayd: go away (decision " SESSION},
        {REASON_DEFAULT_DENY, "garbage", "HTTP/1.1 403 ", "go away"},
        {REASON_OVERLOADED, "GET / HTTP/1.1\r\n", "HTTP/1.1 503 ", "go away"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct visit visit;

        (void)open_connection(&visit, "echo.example");
        give_verdict(&visit, cases[i].reason, "go away");
        assert_true(edge_world_is_silent(visit.client.fd)); /* it has not asked yet */
        say(&visit, cases[i].request);
        expect_answer(&visit, cases[i].begin, cases[i].within);
        leave(&visit);
    }
    assert_true(edge_world_is_silent(w.decide)); /* a denial needs no CLOSE */
}

static void test_denied_head(void **state)
{
    struct visit visit;
    char got[4096];
    size_t len;

    (void)state;
    (void)open_connection(&visit, "echo.example");
    give_verdict(&visit, REASON_DEFAULT_DENY, "go away");
    say(&visit, "HEAD / HTTP/1.1\r\n\r\n");
    assert_int_equal(edge_client_end(&visit.client, (uint8_t *)got, sizeof(got) - 1, &len), 0);
    got[len] = '\0';
    assert_non_null(strstr(got, "\r\n\r\n"));
    assert_null(strstr(got, "go away"));
    leave(&visit);
}

static void test_unasked_response(void **state)
{
    struct visit visit = visit_web();

    (void)state;
    assert_int_equal(write(visit.upstream, "HTTP/1.1 200 OK\r\n\r\n", 19), 19);
    expect_answer(&visit, "", ""); /* nothing of it */
    expect_close(&visit, REASON_HTTP_BAD_RESPONSE);
    leave(&visit);
}

/* Ended by decide in the middle of a response: cut, no close_notify. */
static void test_ended(void **state)
{
    struct visit visit = visit_web();
    struct message_end end = {
        .connection = visit.connection, .session = session, .reason = REASON_LOCKED};
    char head[8192];
    uint8_t got[256];
    size_t len;

    (void)state;
    say(&visit, "GET / HTTP/1.1\r\nHost: echo.example\r\n\r\n");
    hear_head(&visit, head, sizeof(head));
    assert_int_equal(write(visit.upstream, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", 40),
                     40);
    assert_true(edge_client_read(&visit.client, got, 40));
    edge_world_send(w.decide, MESSAGE_END, &end, -1);
    assert_int_equal(edge_client_end(&visit.client, got, sizeof(got), &len), -1);
    assert_int_equal(len, 0);
    expect_close(&visit, REASON_LOCKED);
    leave(&visit);
}

/* An octet each second is no idle connection; the head of a request has a deadline of its own. */
static void test_slow_head(void **state)
{
    enum { ROUNDS_MAX = 200, ROUND_MS = 50 };
    struct visit visit = visit_web();
    struct pollfd client = {.fd = visit.client.fd, .events = POLLIN};
    int64_t begin_ms = clock_monotonic_ms();
    int rounds = 0;

    (void)state;
    say(&visit, "GET /");
    while (rounds++ < ROUNDS_MAX && poll(&client, 1, ROUND_MS) == 0) {
        say(&visit, "x");
        *later_ms += 1000;
    }
    assert_true(clock_monotonic_ms() - begin_ms >= HTTP_HEAD_MS);
    assert_in_range(rounds, 2, ROUNDS_MAX);
    expect_answer(&visit, "HTTP/1.1 408 Request Timeout\r\n",
                  "gatewayd: the HTTP request took too long to come: the headers (decision " SESSION
                  ")\n");
    expect_close_with(&visit, REASON_HTTP_SLOW, "the headers");
    leave(&visit);
}

/* The deadline ends with the head: between two requests there is idle_timeout only. */
static void test_rest_between_requests(void **state)
{
    enum { MORE_THAN_A_TICK_US = 1300 * 1000 };
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    struct visit visit = visit_web();
    char head[8192];
    uint8_t got[sizeof(answer)];

    (void)state;
    for (int i = 0; i < 2; i++) {
        say(&visit, "GET / HTTP/1.1\r\n");
        say(&visit, "Host: echo.example\r\n\r\n");
        hear_head(&visit, head, sizeof(head));
        assert_int_equal(write(visit.upstream, answer, sizeof(answer) - 1), sizeof(answer) - 1);
        assert_true(edge_client_read(&visit.client, got, sizeof(answer) - 1));
        *later_ms += 2 * HTTP_HEAD_MS;
        (void)usleep(MORE_THAN_A_TICK_US);
    }
    assert_true(SSL_shutdown(visit.client.ssl) >= 0);
    leave(&visit);
    expect_close(&visit, REASON_CLIENT_CLOSED);
}

/*
 * A head that becomes larger than what other connections may keep, with a body right behind it, for
 * an upstream that reads nothing at first: all of it gets there, in order.
 */
static void test_large_head_and_full_upstream(void **state)
{
    enum { FIELDS = 8, FIELD = 8120, BODY = 48000, GROUPS = 16, GROUP = 1000, SMALL = 1 };
    static char request[HTTP_LINE_MAX + HTTP_FIELDS_LEN_MAX], body[BODY + 3], got[256 * 1024];
    static uint8_t groups[GROUPS * (2 + GROUP)];
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    struct visit visit;
    struct message_identity identity;
    struct message_verdict verdict = {.session = session, .reason = REASON_OK};
    int pair[2], small = SMALL, len = 0;
    const char *end;
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < GROUPS; i++) {
        uint8_t *at = groups + i * (2 + GROUP);

        memset(at, ',', 2 + GROUP); /* three octets each in the header */
        at[0] = GROUP >> 8;
        at[1] = GROUP & 0xff;
    }
    identity = (struct message_identity){.connection = open_connection(&visit, "echo.example"),
                                         .user = bytes_of("alice"),
                                         .groups = {groups, sizeof(groups)},
                                         .rule = bytes_of("rule")};
    edge_world_send(w.decide, MESSAGE_IDENTITY, &identity, -1);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
    verdict.connection = visit.connection;
    edge_world_send(w.decide, MESSAGE_VERDICT, &verdict, pair[1]);
    (void)close(pair[1]);
    visit.upstream = pair[0];

    len = snprintf(request, sizeof(request),
                   "POST / HTTP/1.1\r\nHost: echo.example\r\nContent-Length: %d\r\n", BODY);
    for (int i = 0; i < FIELDS - 1; i++)
        len +=
            snprintf(request + len, sizeof(request) - (size_t)len, "X-%d: %0*d\r\n", i, FIELD, 0);
    say(&visit, request);
    memset(body, 'b', sizeof(body) - 1);
    memcpy(body, "\r\n", 2);
    say(&visit, body);
    (void)usleep(200 * 1000); /* the edge has what it takes now */
    for (int i = 0; i < 1000; i++) {
        ssize_t more = recv(visit.upstream, got + n, sizeof(got) - 1 - n, MSG_DONTWAIT);

        n += more > 0 ? (size_t)more : 0;
        got[n] = '\0';
        end = strstr(got, "\r\n\r\n");
        if (end && got + n - end - 4 == BODY)
            break;
        (void)usleep(more > 0 ? 0 : 5 * 1000);
    }
    end = strstr(got, "\r\n\r\n");
    assert_non_null(end);
    assert_true(end - got > WIRE_KEPT_MAX); /* else the test shows nothing */
    assert_int_equal(got + n - end - 4, BODY);
    assert_int_equal(strspn(end + 4, "b"), BODY);
    assert_int_equal(write(visit.upstream, answer, sizeof(answer) - 1), sizeof(answer) - 1);
    assert_true(edge_client_read(&visit.client, got, sizeof(answer) - 1));
    assert_true(SSL_shutdown(visit.client.ssl) >= 0);
    leave(&visit);
    expect_close(&visit, REASON_CLIENT_CLOSED);
}

/* What exactly was wrong goes into the record. */
static void test_detail(void **state)
{
    struct visit visit = visit_web();

    (void)state;
    say(&visit, "GET / HTTP/1.1\r\nHost: echo.example\r\nX: a\r\n b\r\n\r\n");
    expect_answer(&visit, "HTTP/1.1 400 ", "malformed");
    expect_close_with(&visit, REASON_HTTP_MALFORMED, "a folded header");
    leave(&visit);
}

/* --- PostgreSQL ------------------------------------------------------------------------------- */

static void test_denied_postgres(void **state)
{
    static const uint8_t startup[] = {0, 0, 0, 9, 0, 3, 0, 0, 0};
    struct visit visit;
    uint8_t got[512];
    size_t len;

    (void)state;
    (void)open_connection(&visit, "ssh.example");
    give_verdict(&visit, REASON_DEFAULT_DENY, "go away");
    assert_true(edge_world_is_silent(visit.client.fd));
    assert_int_equal(SSL_write(visit.client.ssl, startup, sizeof(startup)), sizeof(startup));
    assert_int_equal(edge_client_end(&visit.client, got, sizeof(got), &len), 0);
    assert_int_equal(got[0], 'E');
    assert_non_null(memmem(got, len, "C28000", 7));
    assert_non_null(memmem(got, len, "Mgatewayd: go away (decision " SESSION, 61));
    leave(&visit);
}

static void expect_preauth(enum reason reason)
{
    union message msg;

    edge_world_expect(w.decide, MESSAGE_PREAUTH_DENIED, &msg, NULL);
    assert_string_equal(reason_name((enum reason)msg.preauth_denied.reason), reason_name(reason));
}

static void test_octets_behind_the_request(void **state)
{
    static const uint8_t request[] = {0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f, 'x'};
    int fd = edge_world_connect(&w);
    char octet;

    (void)state;
    assert_int_equal(write(fd, request, sizeof(request)), sizeof(request));
    assert_true(read(fd, &octet, 1) <= 0); /* not 'S' */
    expect_preauth(REASON_POSTGRES_PRELUDE);
    (void)close(fd);
}

static void test_silence_before_tls(void **state)
{
    int fd = edge_world_connect(&w);
    char octet;

    (void)state;
    assert_int_equal(write(fd, "\0\0\0", 3), 3);
    assert_true(read(fd, &octet, 1) <= 0); /* handshake_timeout */
    expect_preauth(REASON_HANDSHAKE_TIMEOUT);
    (void)close(fd);
}

static int start(void **state)
{
    (void)state;
    later_ms =
        mmap(NULL, sizeof(*later_ms), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(later_ms, MAP_FAILED);
    edge_world_start_with(&w, NULL, config_text);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    edge_world_stop(&w);
    (void)munmap(later_ms, sizeof(*later_ms));
    later_ms = NULL;
    return 0;
}

/* --- another upstream behind a body ----------------------------------------------------------- */

#define NEXT  "GET /next HTTP/1.1\r\nHost: echo.example\r\n\r\n"
#define POST  "POST / HTTP/1.1\r\nHost: echo.example\r\nContent-Length: 2\r\n\r\nhi"
#define EMPTY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static void say_down(const struct visit *visit, const char *octets)
{
    assert_int_equal(write(visit->upstream, octets, strlen(octets)), (ssize_t)strlen(octets));
}

static void expect_empty_answer(struct visit *visit)
{
    char got[sizeof(EMPTY)] = "";

    assert_true(edge_client_read(&visit->client, got, sizeof(EMPTY) - 1));
    assert_string_equal(got, EMPTY);
}

/* A request with a body and its answer; the upstream must hear that this is all. */
static struct visit visit_with_post(const char *behind)
{
    struct visit visit = visit_web();
    char head[8192], text[1024];
    uint8_t octet;

    (void)snprintf(text, sizeof(text), "%s%s", POST, behind);
    say(&visit, text);
    hear_head(&visit, head, sizeof(head));
    assert_non_null(strstr(head, "\r\nConnection: close\r\n"));
    say_down(&visit, EMPTY);
    expect_empty_answer(&visit);
    for (int i = 0; i < 200 && recv(visit.upstream, &octet, 1, MSG_DONTWAIT) != 0; i++)
        (void)usleep(10 * 1000);
    assert_int_equal(recv(visit.upstream, &octet, 1, MSG_DONTWAIT), 0);
    (void)close(visit.upstream);
    visit.upstream = -1;
    return visit;
}

static void expect_renew(const struct visit *visit)
{
    union message msg;

    edge_world_expect(w.decide, MESSAGE_RENEW, &msg, NULL);
    assert_int_equal(msg.renew.connection, visit->connection);
    assert_true(session_id_equal(&msg.renew.session, &session));
    assert_true(msg.renew.leaf.len > 100);
}

/* id: of the session; reason OK: with a socket, of which visit gets our end. */
static void renew(struct visit *visit, uint64_t connection, const struct session_id *id,
                  enum reason reason)
{
    struct message_renewed msg = {
        .connection = connection, .session = *id, .reason = reason, .detail = bytes_of("x: no")};
    int pair[2] = {-1, -1};

    if (reason == REASON_OK)
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair),
                         0);
    edge_world_send(w.decide, MESSAGE_RENEWED, &msg, pair[1]);
    if (reason == REASON_OK)
        (void)close(pair[1]);
    visit->upstream = pair[0];
}

/* One request more, up to its answer and the client's end. */
static void expect_goes_on(struct visit *visit)
{
    char head[8192];

    hear_head(visit, head, sizeof(head));
    assert_memory_equal(head, "GET /next HTTP/1.1\r\n", 20);
    say_down(visit, EMPTY);
    expect_empty_answer(visit);
    assert_true(SSL_shutdown(visit->client.ssl) >= 0);
    leave(visit);
    expect_close(visit, REASON_CLIENT_CLOSED);
}

static void test_renewed(void **state)
{
    struct visit visit = visit_with_post("");

    (void)state;
    assert_true(edge_world_is_silent(w.decide)); /* only when there is something to ask */
    say(&visit, NEXT);
    expect_renew(&visit);
    renew(&visit, visit.connection, &session, REASON_OK);
    expect_goes_on(&visit);
}

static void test_renewed_for_what_waited(void **state)
{
    struct visit visit = visit_with_post(NEXT);

    (void)state;
    expect_renew(&visit);
    renew(&visit, visit.connection, &session, REASON_OK);
    expect_goes_on(&visit);
}

/* A decide that is lost is no upstream that is lost: the next one is asked. */
static void test_renewed_by_the_next_decide(void **state)
{
    struct visit visit = visit_with_post(NEXT);
    union message msg;
    int upstream = -1;

    (void)state;
    expect_renew(&visit);
    edge_world_new_decide(&w);
    edge_world_expect(w.decide, MESSAGE_RESUME, &msg, &upstream);
    assert_int_equal(upstream, -1);
    edge_world_expect(w.decide, MESSAGE_RESUME_DONE, &msg, NULL);
    assert_int_equal(msg.resume_done.count, 1);
    expect_renew(&visit);
    edge_world_expect(w.decide, MESSAGE_CHAINS_DONE, &msg, NULL);
    renew(&visit, visit.connection, &session, REASON_OK);
    expect_goes_on(&visit);
}

static void test_no_renewal(void **state)
{
    static const struct {
        const char *next, *begin;
        bool body;
        enum reason reason;
    } cases[] = {
        {NEXT, "HTTP/1.1 503 ", true, REASON_UPSTREAM_UNREACHABLE},
        {"HEAD / HTTP/1.1\r\n", "HTTP/1.1 503 ", false, REASON_UPSTREAM_UNREACHABLE},
        {"garbage", "HTTP/1.1 403 ", true, REASON_NO_SERVICE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct visit visit = visit_with_post("");
        char got[4096];
        size_t len;

        say(&visit, cases[i].next);
        expect_renew(&visit);
        renew(&visit, visit.connection, &session, cases[i].reason);
        assert_int_equal(edge_client_end(&visit.client, (uint8_t *)got, sizeof(got) - 1, &len), 0);
        got[len] = '\0';
        if (strncmp(got, cases[i].begin, strlen(cases[i].begin)) != 0 ||
            (strstr(got, "decision " SESSION) != NULL) != cases[i].body)
            fail_msg("%s", got);
        expect_close_with(&visit, cases[i].reason, "x: no");
        leave(&visit);
    }
}

/* Answers that nobody has asked for, or to another question. */
static void test_strange_renewals(void **state)
{
    struct visit visit = visit_web();
    const struct session_id other = {{1}};
    int upstream = visit.upstream;
    uint8_t octet;

    (void)state;
    renew(&visit, visit.connection, &session, REASON_OK);
    for (int i = 0; i < 100 && recv(visit.upstream, &octet, 1, MSG_DONTWAIT) != 0; i++)
        (void)usleep(10 * 1000);
    assert_int_equal(recv(visit.upstream, &octet, 1, MSG_DONTWAIT), 0);
    (void)close(visit.upstream);
    (void)close(upstream);
    visit.upstream = -1;
    expect_close(&visit, REASON_UPSTREAM_CLOSED);
    leave(&visit);

    visit = visit_with_post(NEXT);
    expect_renew(&visit);
    renew(&visit, visit.connection, &other, REASON_OK);
    (void)close(visit.upstream);
    renew(&visit, visit.connection + 1, &session, REASON_OK);
    (void)close(visit.upstream);
    renew(&visit, visit.connection, &session, REASON_OK);
    expect_goes_on(&visit);
}

static void test_ends_without_upstream(void **state)
{
    struct visit visit = visit_with_post("");
    struct message_end end = {
        .connection = visit.connection, .session = session, .reason = REASON_LOCKED};
    uint8_t got[64];
    size_t len;

    (void)state;
    edge_world_send(w.decide, MESSAGE_END, &end, -1);
    assert_int_equal(edge_client_end(&visit.client, got, sizeof(got), &len), -1);
    expect_close(&visit, REASON_LOCKED);
    leave(&visit);

    visit = visit_with_post("");
    assert_true(SSL_shutdown(visit.client.ssl) >= 0);
    expect_close(&visit, REASON_CLIENT_CLOSED);
    leave(&visit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity_of_decide),
        cmocka_unit_test(test_no_identity),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_denied),
        cmocka_unit_test(test_denied_head),
        cmocka_unit_test(test_unasked_response),
        cmocka_unit_test(test_ended),
        cmocka_unit_test(test_slow_head),
        cmocka_unit_test(test_rest_between_requests),
        cmocka_unit_test(test_large_head_and_full_upstream),
        cmocka_unit_test(test_detail),
        cmocka_unit_test(test_renewed),
        cmocka_unit_test(test_renewed_for_what_waited),
        cmocka_unit_test(test_renewed_by_the_next_decide),
        cmocka_unit_test(test_no_renewal),
        cmocka_unit_test(test_strange_renewals),
        cmocka_unit_test(test_ends_without_upstream),
        cmocka_unit_test(test_denied_postgres),
        cmocka_unit_test(test_octets_behind_the_request),
        cmocka_unit_test(test_silence_before_tls),
    };

    return cmocka_run_group_tests_name("edge_http", tests, start, stop);
}
