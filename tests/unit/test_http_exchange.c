/* Requests and responses of one connection: what passes, in which order, and what ends it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gatewayd/edge/http_exchange.h"

#include <stdlib.h>

enum { OUT_MAX = 256 * 1024 };

static enum http_fault admit(void *context, const struct http_request *request)
{
    (void)context;
    return http_is(request->host, "wrong.example") ? HTTP_MISDIRECTED : HTTP_NONE;
}

static const struct http_client *client_of(void *context)
{
    static const struct http_client nobody = {.port = 0};

    (void)context;
    return &nobody;
}

static const struct http_calls calls = {.admit = admit, .client = client_of};

/* Everything that the two sides see. */
struct play {
    struct http_exchange exchange;
    struct writer up, down; /* to the upstream, to the client */
    size_t held;            /* octets of the client that were not taken */
};

static void start(struct play *play)
{
    *play = (struct play){
        .exchange = {.calls = &calls}, .up = writer_new(OUT_MAX), .down = writer_new(OUT_MAX)};
}

static void stop(struct play *play)
{
    http_exchange_clear(&play->exchange);
    writer_clear(&play->up);
    writer_clear(&play->down);
}

/* In pieces of `step` octets. */
static bool say_up(struct play *play, const char *octets, size_t step)
{
    struct bytes rest = bytes_of(octets);

    while (rest.len > 0) {
        struct bytes piece = {rest.at, rest.len < step ? rest.len : step}, out;
        size_t used;

        if (!http_exchange_up(&play->exchange, piece, &used, &out))
            return false;
        writer_put(&play->up, out);
        if (used == 0)
            break;
        rest.at += used;
        rest.len -= used;
    }
    play->held = rest.len;
    return true;
}

static bool say_down(struct play *play, const char *octets, size_t step)
{
    struct bytes rest = bytes_of(octets);

    while (rest.len > 0) {
        struct bytes piece = {rest.at, rest.len < step ? rest.len : step}, out;
        size_t used;

        if (!http_exchange_down(&play->exchange, piece, &used, &out))
            return false;
        assert_true(used > 0);
        writer_put(&play->down, out);
        rest.at += used;
        rest.len -= used;
    }
    return true;
}

static bool is(const struct writer *out, const char *text)
{
    return bytes_equal(writer_bytes(out), bytes_of(text));
}

#define HOST   "Host: a\r\n"
#define GET    "GET / HTTP/1.1\r\n" HOST "\r\n"
#define OLD    "GET / HTTP/1.0\r\n" HOST "\r\n"
#define HEAD   "HEAD / HTTP/1.1\r\n" HOST "\r\n"
#define SOCKET "GET / HTTP/1.1\r\n" HOST "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
#define POST   "POST / HTTP/1.1\r\n" HOST
#define OK     "HTTP/1.1 200 OK\r\n"

/* --- responses -------------------------------------------------------------------------------- */

static const struct {
    const char *name, *request, *response;
    enum http_fault fault;
    bool complete;      /* the next request may come */
    const char *passed; /* to the client; NULL: as it came */
} answers[] = {
    {"a length", GET, OK "Content-Length: 2\r\n\r\nhi", HTTP_NONE, true},
    {"a length of zero", GET, OK "Content-Length: 0\r\n\r\n", HTTP_NONE, true},
    {"a part of it", GET, OK "Content-Length: 3\r\n\r\nhi", HTTP_NONE, false},
    {"chunks", GET, OK "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", HTTP_NONE, true},
    {"chunks with extension and trailer", GET,
     OK "Transfer-Encoding: chunked\r\n\r\n2;x=\"y\"\r\nhi\r\n0\r\nX: y\r\n\r\n", HTTP_NONE, true,
     OK "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"},
    {"until the end", GET, OK "\r\nhi", HTTP_NONE, false, OK "Connection: close\r\n\r\nhi"},
    {"a HEAD's", HEAD, OK "Content-Length: 99\r\n\r\n", HTTP_NONE, true},
    {"a HEAD's with chunks", HEAD, OK "Transfer-Encoding: chunked\r\n\r\n", HTTP_NONE, true,
     OK "\r\n"},
    {"204", GET, "HTTP/1.1 204 No Content\r\n\r\n", HTTP_NONE, true},
    {"304 with a length", GET, "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", HTTP_NONE,
     true},
    {"an interim one", GET, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", HTTP_NONE, false},
    {"an interim one and another", GET,
     "HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 0\r\n\r\n", HTTP_NONE, true},
    {"no phrase", GET, "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", HTTP_NONE, true},
    {"101", SOCKET,
     "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\1\2",
     HTTP_NONE, true},
    {"no switch after all", SOCKET, OK "Content-Length: 0\r\n\r\n", HTTP_NONE, true},
    {"what is between the upstream and us", GET,
     OK "X: 1\r\nConnection: keep-alive, X-Hop, , Y\r\nx-hop: 2\r\nKeep-Alive: timeout=5\r\n"
        "Proxy-Connection: keep-alive\r\nTE: trailers\r\nTrailer: Z\r\nUpgrade: h2c\r\n"
        "Proxy-Authenticate: Basic\r\nContent-Length: 2\r\nY: 3\r\n\r\nhi",
     HTTP_NONE, true, OK "X: 1\r\nContent-Length: 2\r\n\r\nhi"},
    {"a length that Connection names", GET,
     OK "Connection: content-length\r\nContent-Length: 2\r\n\r\nhi", HTTP_NONE, true,
     OK "Content-Length: 2\r\n\r\nhi"},
    {"an interim one with Connection", GET,
     "HTTP/1.1 103 Early\r\nConnection: X\r\nX: 1\r\nLink: y\r\n\r\n", HTTP_NONE, false,
     "HTTP/1.1 103 Early\r\nLink: y\r\n\r\n"},
    {"101 with more", SOCKET,
     "HTTP/1.1 101 Go\r\nConnection: Upgrade, X\r\nX: 1\r\nUpgrade: WebSocket\r\nY: 2\r\n\r\n\1",
     HTTP_NONE, true,
     "HTTP/1.1 101 Go\r\nY: 2\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\1"},
    {"HTTP/1.0 with a length", GET, "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", HTTP_NONE,
     false, OK "Content-Length: 2\r\n\r\nhi"},
    {"HTTP/1.0 that stays", GET,
     "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nhi", HTTP_NONE, true,
     OK "Content-Length: 2\r\n\r\nhi"},
    {"the upstream closes", GET, OK "Connection: X, Close\r\nContent-Length: 2\r\n\r\nhi",
     HTTP_NONE, false, OK "Content-Length: 2\r\n\r\nhi"},
    {"leading zeros", GET, OK "Content-Length: 002\r\n\r\nhi", HTTP_NONE, true,
     OK "Content-Length: 2\r\n\r\nhi"},
    {"204 with a length of 0", GET, "HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n", HTTP_NONE, true,
     "HTTP/1.1 204 No\r\n\r\n"},
    {"to HTTP/1.0 that stays", "GET / HTTP/1.0\r\n" HOST "Connection: keep-alive\r\n\r\n",
     OK "Content-Length: 2\r\n\r\nhi", HTTP_NONE, true,
     OK "Content-Length: 2\r\nConnection: keep-alive\r\n\r\nhi"},
    {"101 that nobody asked for", GET,
     "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
     HTTP_ANSWER, false},
    {"101 to something else", SOCKET,
     "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", HTTP_ANSWER,
     false},
    {"101 to nothing", SOCKET, "HTTP/1.1 101 Switching Protocols\r\n\r\n", HTTP_ANSWER, false},
    {"101 with a length", SOCKET,
     "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
     "Content-Length: 2\r\n\r\n",
     HTTP_ANSWER, false},
    {"length and chunks", GET, OK "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
     HTTP_ANSWER, false},
    {"two lengths", GET, OK "Content-Length: 2\r\nContent-Length: 2\r\n\r\n", HTTP_ANSWER, false},
    {"a length that is none", GET, OK "Content-Length: x\r\n\r\n", HTTP_ANSWER, false},
    {"another coding", GET, OK "Transfer-Encoding: gzip\r\n\r\n", HTTP_ANSWER, false},
    {"two codings", GET, OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
     HTTP_ANSWER, false},
    {"chunks to HTTP/1.0", OLD, OK "Transfer-Encoding: chunked\r\n\r\n", HTTP_ANSWER, false},
    {"chunks of HTTP/1.0", GET, "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
     HTTP_ANSWER, false},
    {"204 with chunks", GET, "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
     HTTP_ANSWER, false},
    {"204 with a length", GET, "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", HTTP_ANSWER,
     false},
    {"an interim one with a length", GET, "HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\n",
     HTTP_ANSWER, false},
    {"no HTTP", GET, "SSH-2.0-OpenSSH\r\n\r\n", HTTP_ANSWER, false},
    {"HTTP/2.0", GET, "HTTP/2.0 200 OK\r\n\r\n", HTTP_ANSWER, false},
    {"a status of four digits", GET, "HTTP/1.1 2000 OK\r\n\r\n", HTTP_ANSWER, false},
    {"a status of letters", GET, "HTTP/1.1 abc OK\r\n\r\n", HTTP_ANSWER, false},
    {"a status below 100", GET, "HTTP/1.1 099 OK\r\n\r\n", HTTP_ANSWER, false},
    {"a LF alone", GET, "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", HTTP_ANSWER, false},
    {"a folded header", GET, OK "X: a\r\n b\r\n\r\n", HTTP_ANSWER, false},
    {"a blank in front of the colon", GET, OK "Content-Length : 2\r\n\r\n", HTTP_ANSWER, false},
    {"a bad chunk", GET, OK "Transfer-Encoding: chunked\r\n\r\nx\r\n", HTTP_ANSWER, false},
    {"a chunk longer than it says", GET, OK "Transfer-Encoding: chunked\r\n\r\n2\r\nhiX",
     HTTP_ANSWER, false},
    {"octets behind it", GET, OK "Content-Length: 2\r\n\r\nhiX", HTTP_ANSWER_UNASKED, false},
    {"a second response", GET, OK "Content-Length: 0\r\n\r\n" OK "Content-Length: 0\r\n\r\n",
     HTTP_ANSWER_UNASKED, false},
    {"a body for HEAD", HEAD, OK "Content-Length: 2\r\n\r\nhi", HTTP_ANSWER_UNASKED, false},
    {"a body for 204", GET, "HTTP/1.1 204 No Content\r\n\r\nhi", HTTP_ANSWER_UNASKED, false},
    {"a response without a request", "", OK "\r\n", HTTP_ANSWER_UNASKED, false},
    {"a response to half a request", "GET / HT", OK "\r\n", HTTP_ANSWER_UNASKED, false},
};

static void check_answer(size_t i, size_t step)
{
    struct play play;
    bool good;

    start(&play);
    assert_true(say_up(&play, answers[i].request, step));
    good = say_down(&play, answers[i].response, step);
    if (good != (answers[i].fault == HTTP_NONE) ||
        (!good && play.exchange.fault != answers[i].fault))
        fail_msg("%s in steps of %zu: fault %d", answers[i].name, step, play.exchange.fault);
    if (good && (step == OUT_MAX || !strstr(answers[i].response, "chunked")) &&
        !is(&play.down, answers[i].passed ? answers[i].passed : answers[i].response))
        fail_msg("%s in steps of %zu: changed", answers[i].name, step);
    if (good && http_exchange_holds(&play.exchange) == answers[i].complete)
        fail_msg("%s: complete?", answers[i].name);
    stop(&play);
}

static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        check_answer(i, 1);
        check_answer(i, 7);
        check_answer(i, OUT_MAX);
    }
}

/* --- bodies of requests ----------------------------------------------------------------------- */

#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

static const struct {
    const char *name, *body, *passed; /* passed NULL: refused */
} bodies[] = {
    {"one chunk", "2\r\nhi\r\n0\r\n\r\n", "2\r\nhi\r\n0\r\n\r\n"},
    {"capitals", "A\r\n0123456789\r\n0\r\n\r\n", "a\r\n0123456789\r\n0\r\n\r\n"},
    {"leading zeros", "002\r\nhi\r\n00\r\n\r\n", "2\r\nhi\r\n0\r\n\r\n"},
    {"an extension is dropped", "2;a=b;c=\"d\"\r\nhi\r\n0;x\r\n\r\n", "2\r\nhi\r\n0\r\n\r\n"},
    {"trailers are dropped", "0\r\nX-Gateway-User: root\r\nY:\r\n\r\n", "0\r\n\r\n"},
    {"no size", "\r\n", NULL},
    {"a sign", "+2\r\nhi\r\n", NULL},
    {"0x", "0x2\r\nhi\r\n", NULL},
    {"a blank in front of the size", " 2\r\nhi\r\n", NULL},
    {"a blank behind the size", "2 \r\nhi\r\n", NULL},
    {"a size of sixteen digits", "0000000000000002\r\nhi\r\n", NULL},
    {"a LF alone behind the size", "2\nhi\r\n", NULL},
    {"a CR alone behind the size", "2\rhi\r\n", NULL},
    {"a LF alone behind the data", "2\r\nhi\n0\r\n\r\n", NULL},
    {"nothing behind the data", "2\r\nhi0\r\n\r\n", NULL},
    {"a LF alone in an extension", "2;a\nhi\r\n", NULL},
    {"a control character in an extension", "2;\001\r\nhi\r\n", NULL},
    {"a trailer without a name", "0\r\n: x\r\n\r\n", NULL},
    {"a trailer without a colon", "0\r\nGET\r\n\r\n", NULL},
    {"a folded trailer", "0\r\nX: y\r\n z\r\n\r\n", NULL},
    {"a request in a trailer", "0\r\nGET / HTTP/1.1\r\n\r\n", NULL},
    {"a LF alone in a trailer", "0\r\nX: y\n\r\n", NULL},
    {"a CR in a trailer", "0\r\nX: y\rz\r\n\r\n", NULL},
    {"a CR alone at the end", "0\r\n\rX", NULL},
};

static void test_bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct play play;
        size_t head;
        bool good;

        start(&play);
        assert_true(say_up(&play, CHUNKED, OUT_MAX));
        head = play.up.len;
        good = say_up(&play, bodies[i].body, OUT_MAX);
        if (good != (bodies[i].passed != NULL) || (!good && play.exchange.fault != HTTP_CHUNK))
            fail_msg("%s", bodies[i].name);
        if (good && !bytes_equal((struct bytes){play.up.at + head, play.up.len - head},
                                 bytes_of(bodies[i].passed)))
            fail_msg("%s: %s", bodies[i].name, (const char *)play.up.at + head);
        stop(&play);
        start(&play);
        assert_true(say_up(&play, CHUNKED, 1));
        if (say_up(&play, bodies[i].body, 1) != good)
            fail_msg("%s octet by octet", bodies[i].name);
        stop(&play);
    }
}

static void test_long_extension(void **state)
{
    static char body[HTTP_TRAILERS_LEN_MAX + 64];
    struct play play;

    (void)state;
    start(&play);
    memset(body, 'x', HTTP_CHUNK_EXTENSION_MAX + 3);
    memcpy(body, "2;", 2);
    assert_true(say_up(&play, CHUNKED, OUT_MAX));
    assert_false(say_up(&play, body, OUT_MAX));
    stop(&play);
    start(&play);
    memset(body, 'x', sizeof(body) - 1);
    memcpy(body, "0\r\nX:", 5);
    assert_true(say_up(&play, CHUNKED, OUT_MAX));
    assert_false(say_up(&play, body, OUT_MAX));
    stop(&play);
}

/* --- the order of things ---------------------------------------------------------------------- */

static void test_one_at_a_time(void **state)
{
    struct play play;
    size_t first;

    (void)state;
    start(&play);
    assert_true(say_up(&play, GET GET "rest", OUT_MAX));
    assert_int_equal(play.held, strlen(GET "rest")); /* waits for the answer */
    first = play.up.len;
    assert_true(say_down(&play, OK "Content-Length: 0\r\n\r\n", OUT_MAX));
    assert_false(http_exchange_holds(&play.exchange));
    assert_true(say_up(&play, GET "rest", OUT_MAX));
    assert_true(play.up.len > first);
    assert_int_equal(play.held, strlen("rest"));
    assert_true(say_down(&play, OK "Content-Length: 0\r\n\r\n", OUT_MAX));
    assert_int_equal(play.exchange.n_requests, 2);
    stop(&play);
}

#define REFUSED "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"
#define EMPTY   OK "Content-Length: 0\r\n\r\n"
#define CHUNKS  "Transfer-Encoding: chunked\r\n\r\n"

static void test_early_answer(void **state)
{
    struct play play;
    size_t before;

    (void)state;
    start(&play);
    assert_true(say_up(&play, POST "Content-Length: 4\r\n\r\nhi", OUT_MAX));
    assert_true(say_down(&play, EMPTY, OUT_MAX));
    assert_true(play.exchange.ended);
    before = play.up.len;
    assert_true(say_up(&play, "hi" GET, OUT_MAX)); /* the rest of the body, and the next one */
    assert_int_equal(play.up.len, before);
    assert_int_equal(play.held, strlen("hi" GET));
    assert_int_equal(play.exchange.n_requests, 1);
    stop(&play);
}

enum next {
    SAME,    /* the next request may follow on the connection to the upstream */
    ANOTHER, /* on another connection to the upstream */
    NONE,    /* on no connection */
};

static const struct {
    const char *name, *before, *first, *after, *rest; /* request, response, request, response */
    enum next next;
} reuses[] = {
    {"no body", GET, EMPTY, "", "", SAME},
    {"no body, refused", GET, REFUSED, "", "", SAME},
    {"DELETE with a length of 0", "DELETE / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", EMPTY,
     "", "", SAME},
    {"POST", POST "Content-Length: 2\r\n\r\nhi", EMPTY, "", "", ANOTHER},
    {"PUT in chunks", "PUT / HTTP/1.1\r\n" HOST CHUNKS "2\r\nhi\r\n0\r\n\r\n", EMPTY, "", "",
     ANOTHER},
    {"PATCH", "PATCH / HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi", EMPTY, "", "", ANOTHER},
    {"an interim response before the body", POST "Content-Length: 2\r\n\r\n",
     "HTTP/1.1 100 Continue\r\n\r\n", "hi", EMPTY, ANOTHER},
    {"POST that is refused", POST "Content-Length: 2\r\n\r\nhi", REFUSED, "", "", ANOTHER},
    {"GET with a body", "GET / HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi", EMPTY, "", "",
     ANOTHER},
    {"GET in chunks", "GET / HTTP/1.1\r\n" HOST CHUNKS "0\r\n\r\n", EMPTY, "", "", ANOTHER},
    {"HEAD with a body", "HEAD / HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi", EMPTY, "", "",
     ANOTHER},
    {"DELETE with a body", "DELETE / HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi", EMPTY, "",
     "", ANOTHER},
    {"OPTIONS with a body", "OPTIONS / HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi", EMPTY, "",
     "", ANOTHER},
    {"another method with a body", "REPORT / HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi",
     EMPTY, "", "", ANOTHER},
    {"the upstream closes", GET, OK "Connection: close\r\nContent-Length: 0\r\n\r\n", "", "",
     ANOTHER},
    {"HTTP/1.0", GET, "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "", "", ANOTHER},
    {"the client closes", "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", EMPTY, "", "",
     NONE},
    {"the client closes behind a body", POST "Connection: close\r\nContent-Length: 2\r\n\r\nhi",
     EMPTY, "", "", NONE},
    {"a body that was never sent", POST "Content-Length: 2\r\n\r\n", EMPTY, "", "", NONE},
    {"chunks without their end", POST CHUNKS "2\r\nhi\r\n", EMPTY, "", "", NONE},
    {"the first octet before the last of the body", POST "Content-Length: 2\r\n\r\nh", "H", "i",
     "TTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", NONE},
};

static void test_reuse(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(reuses); i++) {
        struct play play;

        start(&play);
        assert_true(say_up(&play, reuses[i].before, OUT_MAX));
        assert_true(say_down(&play, reuses[i].first, OUT_MAX));
        assert_true(say_up(&play, reuses[i].after, OUT_MAX));
        assert_true(say_down(&play, reuses[i].rest, OUT_MAX));
        if (play.exchange.ended != (reuses[i].next == NONE) ||
            play.exchange.spent != (reuses[i].next == ANOTHER))
            fail_msg("%s", reuses[i].name);
        writer_reset(&play.up);
        assert_true(say_up(&play, GET, OUT_MAX));
        if ((play.up.len > 0) != (reuses[i].next == SAME))
            fail_msg("%s: the next request", reuses[i].name);
        if (reuses[i].next == ANOTHER) {
            assert_int_equal(play.held, strlen(GET));
            assert_true(http_exchange_holds(&play.exchange));
            http_exchange_renewed(&play.exchange);
            assert_true(say_up(&play, GET, OUT_MAX));
            assert_true(play.up.len > 0);
            assert_false(play.exchange.spent);
        }
        stop(&play);
    }
}

/* What an upstream found in the body and answers reaches nobody, and is no answer to the next. */
static void test_answers_behind_a_body(void **state)
{
    struct play play;

    (void)state;
    start(&play);
    assert_true(say_up(&play, POST "Content-Length: 2\r\n\r\nhi", OUT_MAX));
    assert_true(
        say_down(&play, EMPTY OK "Content-Length: 6\r\n\r\nsecret" EMPTY "garbage", OUT_MAX));
    assert_true(is(&play.down, EMPTY));
    assert_false(play.exchange.ended);
    http_exchange_renewed(&play.exchange);
    assert_false(say_down(&play, EMPTY, OUT_MAX)); /* the new one has not been asked */
    assert_int_equal(play.exchange.fault, HTTP_ANSWER_UNASKED);
    stop(&play);
}

/* The octets wait in front of a full socket: the upstream has not had them. */
static void test_unsent_body(void **state)
{
    struct play play;

    (void)state;
    start(&play);
    assert_true(say_up(&play, POST "Content-Length: 2\r\n\r\nhi", OUT_MAX));
    play.exchange.unsent = true;
    assert_true(say_down(&play, "H", OUT_MAX));
    play.exchange.unsent = false;
    assert_true(say_down(&play, "TTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", OUT_MAX));
    assert_true(play.exchange.ended);
    stop(&play);
}

/* The upstream hears that it is the last one, so that it reads nothing behind it. */
static void test_body_closes(void **state)
{
    struct play play;

    (void)state;
    start(&play);
    assert_true(say_up(&play, POST "Content-Length: 2\r\n\r\n", OUT_MAX));
    writer_u8(&play.up, '\0');
    assert_non_null(strstr((const char *)play.up.at, "\r\nConnection: close\r\n"));
    stop(&play);
}

static void test_last_request(void **state)
{
    struct play play;

    (void)state;
    start(&play);
    assert_true(say_up(&play, "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n" GET, OUT_MAX));
    assert_true(say_down(&play, OK "Content-Length: 0\r\n\r\n", OUT_MAX));
    assert_true(play.exchange.ended);
    assert_true(say_up(&play, GET, OUT_MAX));
    assert_int_equal(play.exchange.n_requests, 1);
    stop(&play);
}

static void test_switch(void **state)
{
    struct play play;
    size_t before;

    (void)state;
    start(&play);
    assert_true(say_up(&play, SOCKET "\1\2", OUT_MAX));
    assert_int_equal(play.held, 2); /* nothing goes on before the upstream agrees */
    assert_true(say_down(&play,
                         "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                         "Upgrade: websocket\r\n\r\n\3",
                         OUT_MAX));
    assert_true(http_exchange_is_raw(&play.exchange));
    before = play.up.len;
    assert_true(say_up(&play, "\1\2", OUT_MAX));
    assert_int_equal(play.up.len, before + 2);
    assert_true(http_exchange_down_end(&play.exchange));
    stop(&play);
}

static void test_interim_for_old_clients(void **state)
{
    struct play play;

    (void)state;
    start(&play);
    assert_true(say_up(&play, OLD, OUT_MAX));
    assert_true(say_down(&play, "HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 0\r\n\r\n", 9));
    assert_true(is(&play.down, OK "Content-Length: 0\r\nConnection: close\r\n\r\n"));
    stop(&play);
}

static void test_interim_flood(void **state)
{
    struct play play;

    (void)state;
    start(&play);
    assert_true(say_up(&play, GET, OUT_MAX));
    for (int i = 0; i < HTTP_INTERIM_MAX; i++)
        assert_true(say_down(&play, "HTTP/1.1 102 Processing\r\n\r\n", OUT_MAX));
    assert_true(say_down(&play, OK "Content-Length: 0\r\n\r\n", OUT_MAX));
    assert_true(say_up(&play, GET, OUT_MAX)); /* counted anew */
    for (int i = 0; i < HTTP_INTERIM_MAX; i++)
        assert_true(say_down(&play, "HTTP/1.1 102 Processing\r\n\r\n", OUT_MAX));
    assert_false(say_down(&play, "HTTP/1.1 102 Processing\r\n\r\n", OUT_MAX));
    assert_int_equal(play.exchange.fault, HTTP_ANSWER_INTERIM);
    stop(&play);
}

static const struct {
    const char *name, *request, *response;
    enum http_fault fault; /* at the end of the upstream */
} ends[] = {
    {"between requests", GET, OK "Content-Length: 0\r\n\r\n", HTTP_NONE},
    {"before any request", "", "", HTTP_NONE},
    {"of a body without a length", GET, OK "\r\nhi", HTTP_NONE},
    {"while the next head comes in", "GET /", "", HTTP_NONE},
    {"without an answer", GET, "", HTTP_ANSWER_MISSING},
    {"in a head", GET, "HTTP/1.1 2", HTTP_ANSWER_SHORT},
    {"in a body", GET, OK "Content-Length: 3\r\n\r\nhi", HTTP_ANSWER_SHORT},
    {"in chunks", GET, OK "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", HTTP_ANSWER_SHORT},
    {"behind the last chunk's size", GET, OK "Transfer-Encoding: chunked\r\n\r\n0\r\n",
     HTTP_ANSWER_SHORT},
    {"after an interim one", GET, "HTTP/1.1 100 Continue\r\n\r\n", HTTP_ANSWER_MISSING},
};

static void test_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct play play;

        start(&play);
        assert_true(say_up(&play, ends[i].request, OUT_MAX));
        assert_true(say_down(&play, ends[i].response, OUT_MAX));
        if (http_exchange_down_end(&play.exchange) != (ends[i].fault == HTTP_NONE) ||
            play.exchange.fault != ends[i].fault)
            fail_msg("%s: %d", ends[i].name, play.exchange.fault);
        stop(&play);
    }
}

static void test_refusals(void **state)
{
    struct play play;

    (void)state;
    start(&play);
    assert_false(say_up(&play, "HEAD / HTTP/1.1\r\nHost: wrong.example\r\n\r\n", OUT_MAX));
    assert_int_equal(play.exchange.fault, HTTP_MISDIRECTED);
    assert_true(http_exchange_is_head(&play.exchange));
    assert_int_equal(play.up.len, 0);
    stop(&play);
    start(&play); /* nothing of a refused request goes on, and the one before it did */
    assert_true(say_up(&play, GET, OUT_MAX));
    assert_true(say_down(&play, OK "Content-Length: 0\r\n\r\n", OUT_MAX));
    writer_reset(&play.up);
    assert_false(say_up(&play, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", OUT_MAX));
    assert_int_equal(play.exchange.fault, HTTP_HOST);
    assert_int_equal(play.up.len, 0);
    stop(&play);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_long_extension),
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_early_answer),
        cmocka_unit_test(test_last_request),
        cmocka_unit_test(test_switch),
        cmocka_unit_test(test_interim_for_old_clients),
        cmocka_unit_test(test_reuse),
        cmocka_unit_test(test_unsent_body),
        cmocka_unit_test(test_body_closes),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_interim_flood),
        cmocka_unit_test(test_answers_behind_a_body),
    };

    return cmocka_run_group_tests_name("http_exchange", tests, NULL, NULL);
}
