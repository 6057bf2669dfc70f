/* gw-pam/1: what is written comes back, what breaks a row is neither written nor read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/protocol.h"

#define B(lit)                                                                                     \
    {                                                                                              \
        (const uint8_t *)(lit), sizeof(lit) - 1                                                    \
    } /* octets and length, NULs included */

static void request_comes_back(void **state)
{
    AUTO(writer_clear) struct writer out = writer_new(PROTOCOL_REQUEST_MAX);
    struct protocol_message msg, back;
    struct error err;

    (void)state;
    protocol_message_init(&msg, PROTOCOL_AUTH_TUNNEL);
    msg.service = bytes_of("sshd-gw");
    msg.user = bytes_of("alice");
    msg.phase = PHASE_AUTH;
    msg.peer_uid = 0;
    msg.session = session_id_new(1);
    protocol_encode(&msg, &out);
    assert_true(protocol_decode_request(writer_bytes(&out), &back, &err));
    assert_int_equal(back.kind, PROTOCOL_AUTH_TUNNEL);
    assert_int_equal(back.version, PROTOCOL_VERSION);
    assert_true(bytes_equal(back.service, msg.service));
    assert_true(bytes_equal(back.user, msg.user));
    assert_int_equal(back.phase, PHASE_AUTH);
    assert_int_equal(back.peer_uid, 0);
    assert_true(session_id_equal(&back.session, &msg.session));
    assert_int_equal(back.ruser.len, 0);
    assert_true(back.deadline_ms == PROTOCOL_NO_NUMBER);
    assert_false(protocol_decode_reply(writer_bytes(&out), &back, &err));
}

static void reply_with_rows_comes_back(void **state)
{
    AUTO(writer_clear) struct writer out = writer_new(PROTOCOL_REPLY_MAX);
    struct protocol_message msg, back;
    struct error err;

    (void)state;
    protocol_message_init(&msg, PROTOCOL_OK);
    msg.json = bytes_of("{\"a\":1}");
    msg.row.at[msg.row.n++] = bytes_of("one");
    msg.row.at[msg.row.n++] = bytes_of("");
    msg.row.at[msg.row.n++] = bytes_of("three");
    protocol_encode(&msg, &out);
    assert_true(protocol_decode_reply(writer_bytes(&out), &back, &err));
    assert_int_equal(back.row.n, 3);
    assert_true(bytes_equal(back.row.at[2], bytes_of("three")));
    assert_true(bytes_equal(back.json, msg.json));
    assert_false(protocol_decode_request(writer_bytes(&out), &back, &err));
}

#define PING "GWP1\1\1\0\0"
#define KILL "GWP1\1\x24\0\0"

static const struct {
    const char *name;
    struct bytes in;
    enum reason reason; /* OK: must be accepted */
} cases[] = {
    {"header only", B(PING), REASON_OK},
    {"unknown plain field is skipped", B(PING "\x70\0\0\2ab"), REASON_OK},
    {"unknown plain field without octets", B(PING "\x70\0\0\0"), REASON_OK},
    {"critical bit on a plain field", B(PING "\x80\1\0\1a"), REASON_OK},
    {"plain form of a critical field", B(PING "\0\2\0\1a"), REASON_OK},
    {"nothing", B(""), REASON_MSG_MALFORMED},
    {"half a header", B("GWP1\1\1\0"), REASON_MSG_MALFORMED},
    {"other magic", B("GWP2\1\1\0\0"), REASON_MSG_MALFORMED},
    {"version 0", B("GWP1\0\1\0\0"), REASON_MSG_VERSION},
    {"version 2", B("GWP1\2\1\0\0"), REASON_MSG_VERSION},
    {"a version to come with other content", B("GWP1\xff\xff\xff\xff??"), REASON_MSG_VERSION},
    {"flags", B("GWP1\1\1\0\1"), REASON_MSG_MALFORMED},
    {"kind 0", B("GWP1\1\0\0\0"), REASON_MSG_MALFORMED},
    {"a reply", B("GWP1\1\x80\0\0"), REASON_MSG_MALFORMED},
    {"a kind that is not built", B("GWP1\1\3\0\0"), REASON_MSG_MALFORMED},
    {"kind 255", B("GWP1\1\xff\0\0"), REASON_MSG_MALFORMED},
    {"one octet left over", B(PING "\0"), REASON_MSG_MALFORMED},
    {"tag without length", B(PING "\0\1"), REASON_MSG_MALFORMED},
    {"length runs past the end", B(PING "\0\1\0\2a"), REASON_MSG_MALFORMED},
    {"unknown critical field", B(PING "\xf0\0\0\0"), REASON_MSG_MALFORMED},
    {"tag 0 critical", B(PING "\x80\0\0\0"), REASON_MSG_MALFORMED},
    {"text of no octets", B(PING "\0\1\0\0"), REASON_MSG_MALFORMED},
    {"a field twice", B(PING "\0\1\0\1a\0\1\0\1b"), REASON_MSG_MALFORMED},
    {"NUL in a text", B(PING "\0\2\0\3a\0b"), REASON_MSG_MALFORMED},
    {"newline in a text", B(PING "\0\2\0\3a\nb"), REASON_MSG_MALFORMED},
    {"bad UTF-8 in a text", B(PING "\0\2\0\1\xc0"), REASON_MSG_MALFORMED},
    {"number of 4 octets", B(PING "\0\6\0\4\0\0\0\1"), REASON_MSG_MALFORMED},
    {"number of 9 octets", B(PING "\0\6\0\x9\0\0\0\0\0\0\0\0\1"), REASON_MSG_MALFORMED},
    {"phase 5", B(PING "\0\6\0\x8\0\0\0\0\0\0\0\5"), REASON_MSG_MALFORMED},
    {"number that means none", B(PING "\0\xf\0\x8\xff\xff\xff\xff\xff\xff\xff\xff"),
     REASON_MSG_MALFORMED},
    {"number twice", B(PING "\0\6\0\x8\0\0\0\0\0\0\0\1\0\6\0\x8\0\0\0\0\0\0\0\1"),
     REASON_MSG_MALFORMED},
    {"id of 15 octets",
     B(PING "\0\xa\0\xf"
            "123456789012345"),
     REASON_MSG_MALFORMED},
    {"id of zeros", B(PING "\0\xa\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), REASON_MSG_MALFORMED},
    {"kill with dry_run", B(KILL "\x80\x25\0\x8\0\0\0\0\0\0\0\1"), REASON_OK},
    {"kill with dry_run 2", B(KILL "\x80\x25\0\x8\0\0\0\0\0\0\0\2"), REASON_MSG_MALFORMED},
    {"kill with a filter to come", B(KILL "\x80\x2f\0\1x"), REASON_MSG_MALFORMED},
};

static void form_of_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        /* A copy of exactly its length, so that the sanitizers see each octet read behind it. */
        AUTO(octets_freep) uint8_t *copy = malloc(cases[i].in.len + (cases[i].in.len == 0));
        struct protocol_message msg;
        struct error err = {0};
        bool ok;

        memcpy(copy, cases[i].in.at, cases[i].in.len);
        print_message("%s\n", cases[i].name);
        ok = protocol_decode_request((struct bytes){copy, cases[i].in.len}, &msg, &err);
        assert_int_equal(ok, cases[i].reason == REASON_OK);
        if (!ok)
            assert_int_equal(err.reason, cases[i].reason);
    }
}

static void text_at_its_limit(void **state)
{
    static uint8_t long_text[300];

    (void)state;
    memset(long_text, 'a', sizeof(long_text));
    for (size_t len = 255; len <= 257; len++) {
        AUTO(writer_clear) struct writer out = writer_new(PROTOCOL_REQUEST_MAX);
        struct protocol_message msg, back;

        protocol_message_init(&msg, PROTOCOL_ACCOUNT);
        msg.user = (struct bytes){long_text, len};
        protocol_encode(&msg, &out);
        assert_int_equal(writer_ok(&out), len <= 256);
        if (writer_ok(&out))
            assert_true(protocol_decode_request(writer_bytes(&out), &back, NULL));
    }
}

static void nothing_is_written_that_would_be_refused(void **state)
{
    static uint8_t big[60000];
    struct protocol_message msg[6];

    (void)state;
    memset(big, ' ', sizeof(big));
    for (size_t i = 0; i < ARRAY_LEN(msg); i++)
        protocol_message_init(&msg[i], PROTOCOL_PING);
    msg[0].user = bytes_of("a\nb");
    msg[1].phase = 5;
    msg[2].kind = 77;
    msg[3].json = (struct bytes){big, sizeof(big)}; /* over the limit of a request */
    msg[4].row.n = PROTOCOL_ROWS_MAX + 1;
    msg[5].text = (struct bytes)B("\xff");
    for (size_t i = 0; i < ARRAY_LEN(msg); i++) {
        AUTO(writer_clear) struct writer out = writer_new(2 * PROTOCOL_REPLY_MAX);

        protocol_encode(&msg[i], &out);
        assert_false(writer_ok(&out));
        assert_int_equal(writer_bytes(&out).len, 0);
    }
}

static void too_large_is_refused(void **state)
{
    AUTO(octets_freep) uint8_t *big = calloc(1, PROTOCOL_REPLY_MAX + 8);
    static const uint8_t header[] = "GWP1\1\1\0\0";
    struct protocol_message msg;

    (void)state;
    /* Plain fields of tag 0x70 without octets: each is fine, but there are too many. */
    memcpy(big, header, 8);
    for (size_t i = 8; i < PROTOCOL_REPLY_MAX + 8; i += 4)
        big[i] = 0x70;
    assert_true(protocol_decode_request((struct bytes){big, PROTOCOL_REQUEST_MAX}, &msg, NULL));
    assert_false(
        protocol_decode_request((struct bytes){big, PROTOCOL_REQUEST_MAX + 4}, &msg, NULL));
    big[5] = PROTOCOL_OK;
    assert_true(protocol_decode_reply((struct bytes){big, PROTOCOL_REPLY_MAX}, &msg, NULL));
    assert_false(protocol_decode_reply((struct bytes){big, PROTOCOL_REPLY_MAX + 4}, &msg, NULL));
}

static void too_many_rows_are_refused(void **state)
{
    AUTO(writer_clear) struct writer out = writer_new(PROTOCOL_REPLY_MAX);
    struct protocol_message msg, back;

    (void)state;
    protocol_message_init(&msg, PROTOCOL_OK);
    while (msg.row.n < PROTOCOL_ROWS_MAX)
        msg.row.at[msg.row.n++] = bytes_of("x");
    protocol_encode(&msg, &out);
    assert_true(protocol_decode_reply(writer_bytes(&out), &back, NULL));
    writer_put(&out, (struct bytes)B("\0\x14\0\1x"));
    assert_false(protocol_decode_reply(writer_bytes(&out), &back, NULL));
}

/* The permissions stand in one table: this is what may not change unnoticed. */
static const struct {
    enum protocol_kind kind;
    enum protocol_socket socket;
    unsigned senders;
} rights[] = {
    {PROTOCOL_PING, SOCKET_PAM, SENDER_ANY},
    {PROTOCOL_AUTH_TUNNEL, SOCKET_PAM, SENDER_ROOT},
    {PROTOCOL_ACCOUNT, SOCKET_PAM, SENDER_ROOT},
    {PROTOCOL_SESSION_OPEN, SOCKET_PAM, SENDER_ROOT},
    {PROTOCOL_SESSION_CLOSE, SOCKET_PAM, SENDER_ROOT | SENDER_OWNER},
    {PROTOCOL_CTL_STATUS, SOCKET_CONTROL, SENDER_READ},
    {PROTOCOL_CTL_RELOAD, SOCKET_CONTROL, SENDER_ADMIN},
    {PROTOCOL_CTL_DRAIN, SOCKET_CONTROL, SENDER_ADMIN},
    {PROTOCOL_CTL_UPGRADE, SOCKET_CONTROL, SENDER_ADMIN},
    {PROTOCOL_CTL_SESSIONS, SOCKET_CONTROL, SENDER_READ},
    {PROTOCOL_CTL_SESSION_KILL, SOCKET_CONTROL, SENDER_LOCK},
    {PROTOCOL_CTL_SESSIONS_END_PENDING, SOCKET_CONTROL, SENDER_ADMIN},
    {PROTOCOL_CTL_LOCK_ADD, SOCKET_CONTROL, SENDER_LOCK},
    {PROTOCOL_CTL_LOCK_LIST, SOCKET_CONTROL, SENDER_READ},
    {PROTOCOL_CTL_LOCK_REMOVE, SOCKET_CONTROL, SENDER_LOCK},
};

static void rights_of_senders(void **state)
{
    size_t known = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rights); i++) {
        const struct protocol_request *row = protocol_request_of(rights[i].kind);

        assert_non_null(row);
        assert_int_equal(row->socket, rights[i].socket);
        assert_int_equal(row->senders, rights[i].senders);
        assert_true(row->deadline_ms > 0);
    }
    for (int kind = 0; kind < 256; kind++)
        known += protocol_request_of((enum protocol_kind)kind) != NULL;
    assert_int_equal(known, ARRAY_LEN(rights));
    assert_null(protocol_request_of(PROTOCOL_ALLOW));
    assert_string_equal(protocol_kind_name(PROTOCOL_ALLOW), "ALLOW");
    assert_string_equal(protocol_kind_name(0), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_comes_back),
        cmocka_unit_test(reply_with_rows_comes_back),
        cmocka_unit_test(form_of_requests),
        cmocka_unit_test(text_at_its_limit),
        cmocka_unit_test(nothing_is_written_that_would_be_refused),
        cmocka_unit_test(too_large_is_refused),
        cmocka_unit_test(too_many_rows_are_refused),
        cmocka_unit_test(rights_of_senders),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
