/* Answers of web servers, whole and octet by octet; most are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gatewayd/fetch/web_answer.h"

#include <string.h>

#define HEAD "HTTP/1.1 200 OK\r\n"

enum fate { BODY, MOVED, REFUSED };

static const struct {
    const char *name, *text;
    enum fate fate;
    const char *result; /* body or location */
} cases[] = {
    {"by length", HEAD "Content-Length: 3\r\n\r\nabc", BODY, "abc"},
    {"up to the end", HEAD "\r\nabc", BODY, "abc"},
    {"in chunks", HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", BODY,
     "abc"},
    {"HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\nabc", BODY, "abc"},
    {"nothing in it", HEAD "Content-Length: 0\r\n\r\n", BODY, ""},
    {"moved", "HTTP/1.1 302 Found\r\nLocation: http://h/a\r\n\r\n", MOVED, "http://h/a"},
    {"moved, in small letters", "HTTP/1.1 301 x\r\nlocation: /a\r\nX: y\r\n\r\n", MOVED, "/a"},
    {"moved nowhere", "HTTP/1.1 302 Found\r\n\r\n", REFUSED, NULL},
    {"not found", "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabc", REFUSED, NULL},
    {"an error with a location", "HTTP/1.1 500 x\r\nLocation: http://h/\r\n\r\n", REFUSED, NULL},
    {"a part only", "HTTP/1.1 206 Partial\r\nContent-Length: 3\r\n\r\nabc", REFUSED, NULL},
    {"announced too large", HEAD "Content-Length: 300000000\r\n\r\n", REFUSED, NULL},
    {"too large, not announced", HEAD "\r\n0123456789abcdefg", REFUSED, NULL},
    {"too large in chunks",
     HEAD "Transfer-Encoding: chunked\r\n\r\n11\r\n0123456789abcdefg\r\n0\r\n\r\n", REFUSED, NULL},
    {"it ends early", HEAD "Content-Length: 9\r\n\r\nabc", REFUSED, NULL},
    {"the head ends early", "HTTP/1.1 200 OK\r\nContent-", REFUSED, NULL},
    {"a chunk ends early", HEAD "Transfer-Encoding: chunked\r\n\r\n9\r\nabc", REFUSED, NULL},
    {"two lengths", HEAD "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", REFUSED, NULL},
    {"a length that is none", HEAD "Content-Length: 3x\r\n\r\nabc", REFUSED, NULL},
    {"no HTTP", "SSH-2.0-x\r\n", REFUSED, NULL},
    {"nothing at all", "", REFUSED, NULL},
};

static bool feed(struct web_answer *answer, struct bytes all, size_t step)
{
    for (size_t at = 0; at < all.len && !answer->done; at += step) {
        struct bytes piece = {all.at + at, all.len - at < step ? all.len - at : step};

        if (!web_answer_take(answer, piece))
            return false;
    }
    return answer->done || web_answer_take(answer, (struct bytes){NULL, 0});
}

static void check(size_t i, size_t step)
{
    struct web_answer answer;
    size_t held = 0;
    bool good;

    web_answer_init(&answer, 16, &held);
    good = feed(&answer, bytes_of(cases[i].text), step) && answer.done;
    if (good != (cases[i].fate != REFUSED))
        fail_msg("%s by %zu: %s", cases[i].name, step, good ? "taken" : answer.err.detail);
    if (!good)
        assert_int_not_equal(answer.err.reason, REASON_OK);
    else if (cases[i].fate == MOVED)
        assert_string_equal(answer.location, cases[i].result);
    else
        assert_true(bytes_equal(writer_bytes(&answer.body), bytes_of(cases[i].result)));
    assert_int_equal(answer.redirected && good, cases[i].fate == MOVED);
    web_answer_clear(&answer);
    assert_int_equal(held, 0);
}

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t step = 1; step < 200; step += 7)
            check(i, step);
}

static void test_long_heads(void **state)
{
    static char line[WEB_LOCATION_MAX + 2];
    struct web_answer answer;
    size_t held = 0;
    bool good = true;

    (void)state;
    memset(line, 'a', sizeof(line) - 1);
    web_answer_init(&answer, 16, &held);
    assert_true(web_answer_take(&answer, bytes_of("HTTP/1.1 302 x\r\nLocation: ")));
    assert_false(web_answer_take(&answer, bytes_of(line)));
    web_answer_clear(&answer);

    web_answer_init(&answer, 16, &held);
    assert_true(web_answer_take(&answer, bytes_of(HEAD "X: ")));
    for (int i = 0; good && i < 40; i++)
        good = web_answer_take(&answer, bytes_of(line));
    assert_false(good);
    web_answer_clear(&answer);
}

/* All answers together have a bound too. */
static void test_held(void **state)
{
    struct web_answer answer;
    size_t held = WEB_HELD_MAX - 2;

    (void)state;
    web_answer_init(&answer, 16, &held);
    assert_false(web_answer_take(&answer, bytes_of(HEAD "\r\nabc")));
    web_answer_clear(&answer);
    assert_int_equal(held, WEB_HELD_MAX - 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_long_heads),
        cmocka_unit_test(test_held),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
