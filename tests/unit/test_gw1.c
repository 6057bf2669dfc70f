/* mtls-gw/1: what is read, what waits for more, what never becomes right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/gw1.h"

#define B(lit)                                                                                     \
    {                                                                                              \
        (const uint8_t *)(lit), sizeof(lit) - 1                                                    \
    }

static const struct {
    const char *name;
    struct bytes in;
    enum gw1_progress progress;
    size_t used;
    const char *service;
} requests[] = {
    {"nothing yet", B(""), GW1_MORE, 0, NULL},
    {"a kind only", B("\1"), GW1_MORE, 0, NULL},
    {"half a length", B("\1\0"), GW1_MORE, 0, NULL},
    {"a name that has begun", B("\1\0\3ss"), GW1_MORE, 0, NULL},
    {"connect", B("\1\0\3ssh"), GW1_DONE, 6, "ssh"},
    {"connect without a name", B("\1\0\0"), GW1_DONE, 3, ""},
    {"connect and raw octets behind", B("\1\0\3sshSSH-2.0"), GW1_DONE, 6, "ssh"},
    {"whoami", B("\2\0\0"), GW1_DONE, 3, ""},
    {"whoami with a name", B("\2\0\1x"), GW1_BAD, 0, NULL},
    {"kind 0", B("\0\0\0"), GW1_BAD, 0, NULL},
    {"kind 3", B("\3"), GW1_BAD, 0, NULL},
    {"HTTP", B("GET / HTTP/1.1"), GW1_BAD, 0, NULL},
    {"TLS in TLS", B("\x16\3\1"), GW1_BAD, 0, NULL},
    {"a name of 256 octets", B("\1\1\0"), GW1_BAD, 0, NULL},
    {"a NUL in the name", B("\1\0\3a\0b"), GW1_BAD, 0, NULL},
    {"a newline in the name", B("\1\0\3a\nb"), GW1_BAD, 0, NULL},
    {"a name that is not UTF-8", B("\1\0\2\xff\xfe"), GW1_BAD, 0, NULL},
};

static void test_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        struct gw1_request request;
        size_t used = 0;

        if (gw1_request_decode(requests[i].in, &request, &used) != requests[i].progress)
            fail_msg("%s", requests[i].name);
        assert_int_equal(used, requests[i].used);
        if (requests[i].service)
            assert_true(bytes_equal(request.name, bytes_of(requests[i].service)));
    }
}

#define ID "0123456789abcdef"

static const struct {
    const char *name;
    struct bytes in;
    enum gw1_progress progress;
} statuses[] = {
    {"nothing yet", B(""), GW1_MORE},
    {"half an id",
     B("\0"
       "01234567"),
     GW1_MORE},
    {"no length", B("\0" ID), GW1_MORE},
    {"a text that has begun", B("\1" ID "\0\2n"), GW1_MORE},
    {"ok", B("\0" ID "\0\0"), GW1_DONE},
    {"deny with a sentence", B("\1" ID "\0\2no"), GW1_DONE},
    {"lines", B("\0" ID "\0\5a\nb\nc"), GW1_DONE},
    {"raw octets behind", B("\0" ID "\0\0SSH-2.0"), GW1_DONE},
    {"result 2", B("\2"), GW1_BAD},
    {"SSH", B("SSH-2.0-OpenSSH"), GW1_BAD},
    {"a text of 16,385 octets", B("\1" ID "\x40\1"), GW1_BAD},
    {"an escape sequence", B("\1" ID "\0\4\33[2J"), GW1_BAD},
    {"a carriage return", B("\1" ID "\0\2a\r"), GW1_BAD},
};

static void test_statuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        struct gw1_status status;
        size_t used;

        if (gw1_status_decode(statuses[i].in, &status, &used) != statuses[i].progress)
            fail_msg("%s", statuses[i].name);
    }
}

static void test_encode(void **state)
{
    struct gw1_request request = {.kind = GW1_CONNECT, .name = bytes_of("ssh")};
    struct gw1_status status = {.result = GW1_DENY, .text = bytes_of("no\nreally")};
    struct writer out = writer_new(GW1_STATUS_MAX);
    char longest[GW1_NAME_MAX + 2];
    size_t used;

    (void)state;
    gw1_request_encode(&request, &out);
    assert_true(bytes_equal(writer_bytes(&out), (struct bytes)B("\1\0\3ssh")));
    writer_reset(&out);
    gw1_status_encode(&status, &out);
    assert_int_equal(gw1_status_decode(writer_bytes(&out), &status, &used), GW1_DONE);
    assert_true(bytes_equal(status.text, bytes_of("no\nreally")));
    assert_int_equal(used, out.len);

    memset(longest, 'x', sizeof(longest));
    request.name = (struct bytes){(const uint8_t *)longest, GW1_NAME_MAX + 1};
    writer_reset(&out);
    gw1_request_encode(&request, &out);
    assert_false(writer_ok(&out));
    request = (struct gw1_request){.kind = GW1_WHOAMI, .name = bytes_of("x")};
    writer_reset(&out);
    gw1_request_encode(&request, &out);
    assert_false(writer_ok(&out));
    status.text = bytes_of("\33[31m");
    writer_reset(&out);
    gw1_status_encode(&status, &out);
    assert_false(writer_ok(&out));
    writer_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_encode),
    };

    return cmocka_run_group_tests_name("gw1", tests, NULL, NULL);
}
