/* The table of messages: who may send what, and the codec over every row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/macros.h"
#include "gatewayd/shared/messages.h"

#define B(lit) (const uint8_t *)(lit), sizeof(lit) - 1

static const struct {
    enum message_id id;
    enum process_role from, to;
    bool allowed;
} rights[] = {
    {MESSAGE_SIGN, PROCESS_EDGE, PROCESS_KEY, true},
    {MESSAGE_VERDICT, PROCESS_DECIDE, PROCESS_EDGE, true},
    {MESSAGE_FILE, PROCESS_PARENT, PROCESS_KEY, true},
    {MESSAGE_READY, PROCESS_KEY, PROCESS_PARENT, true},
    {MESSAGE_SIGN, PROCESS_DECIDE, PROCESS_KEY, false},
    {MESSAGE_VERDICT, PROCESS_EDGE, PROCESS_DECIDE, false},
    {MESSAGE_RECORD, PROCESS_EDGE, PROCESS_AUDIT, false},
    {MESSAGE_FILE, PROCESS_EDGE, PROCESS_KEY, false},
    {MESSAGE_KILL, PROCESS_EDGE, PROCESS_PARENT, false},
    {MESSAGE_TRUST, PROCESS_LOAD, PROCESS_EDGE, false},
    {MESSAGE_SNAPSHOT, PROCESS_EDGE, PROCESS_DECIDE, false},
    {MESSAGE_ACK, PROCESS_DIRECTORY, PROCESS_DECIDE, false},
    {MESSAGE__COUNT, PROCESS_PARENT, PROCESS_EDGE, false},
};

static void test_rights(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rights); i++)
        if (message_allowed(rights[i].id, rights[i].from, rights[i].to) != rights[i].allowed)
            fail_msg("%s from %d to %d", message_name(rights[i].id), (int)rights[i].from,
                     (int)rights[i].to);
}

/* An all-zero struct of each row goes through; one octet more or less does not. */
static void test_each_row(void **state)
{
    union message zero, decoded;

    (void)state;
    memset(&zero, 0, sizeof(zero));
    for (unsigned id = 0; id < MESSAGE__COUNT; id++) {
        AUTO(writer_clear) struct writer out = writer_new(MESSAGE_MAX);
        enum message_id got;
        struct error err;

        message_encode((enum message_id)id, &zero, &out);
        assert_true(message_decode(writer_bytes(&out), &got, &decoded, &err));
        assert_int_equal(got, id);
        assert_false(message_decode((struct bytes){out.at, out.len - 1}, &got, &decoded, &err));
        writer_u8(&out, 0);
        assert_false(message_decode(writer_bytes(&out), &got, &decoded, &err));
        assert_int_equal(err.reason, REASON_MSG_MALFORMED);
    }
}

/* --- two versions ----------------------------------------------------------------------------- */

static const struct message_open an_open = {
    .connection = 7,
    .service_name = {(const uint8_t *)"ssh", 3},
    .crl_valid_until_s = 12345,
    .leaf = {(const uint8_t *)"leaf", 4},
};

static struct writer encoded(enum message_id id, const void *msg)
{
    struct writer out = writer_new(MESSAGE_MAX);

    message_encode(id, msg, &out);
    return out;
}

/* What a peer of a newer version has more is passed over, in every row. */
static void test_one_field_more(void **state)
{
    union message zero, decoded;

    (void)state;
    memset(&zero, 0, sizeof(zero));
    for (unsigned id = 0; id < MESSAGE__COUNT; id++) {
        AUTO(writer_clear) struct writer out = encoded((enum message_id)id, &zero);
        enum message_id got;
        struct error err;

        writer_u64(&out, 0xffffffffffffffff);
        assert_true(message_decode_other(writer_bytes(&out), &got, &decoded, &err));
        assert_int_equal(got, id);
        assert_false(message_decode(writer_bytes(&out), &got, &decoded, &err));
    }
}

/* Cut in the middle of OPEN: so many octets before the end of its field leaf. */
static const struct {
    const char *name;
    size_t cut;
    bool taken;
} cuts[] = {
    {"nothing behind leaf", 0, true},
    {"without leaf", 8, true},
    {"without leaf and crl_valid_until_s", 16, true},
    {"half of leaf", 2, false},
    {"leaf's length alone", 4, false},
    {"half of crl_valid_until_s", 12, false},
};

static void test_fields_less(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
        AUTO(writer_clear) struct writer out = encoded(MESSAGE_OPEN, &an_open);
        const uint8_t *leaf = memmem(out.at, out.len, "leaf", 4);
        struct bytes octets = {out.at, (size_t)(leaf - out.at) + 4 - cuts[i].cut};
        union message msg;
        enum message_id id;
        struct error err;

        assert_int_equal(message_decode(octets, &id, &msg, &err), octets.len == out.len);
        if (message_decode_other(octets, &id, &msg, &err) != cuts[i].taken)
            fail_msg("%s", cuts[i].name);
        if (!cuts[i].taken)
            continue;
        assert_int_equal(msg.open.connection, 7);
        assert_int_equal(msg.open.leaf.len, cuts[i].cut >= 8 ? 0 : 4);
        assert_int_equal(msg.open.crl_valid_until_s, cuts[i].cut >= 16 ? 0 : 12345);
    }
}

/* Octets as a process of another version could have written them. */
static const struct {
    const char *name;
    struct bytes octets;
    bool exact, other;
    enum message_id id;
    uint32_t reason;
} written[] = {
    {"a message that we do not know", {B("\7FORGIVE\1")}, false, true, MESSAGE__COUNT, 0},
    {"no name", {B("\0\0\0\0\0")}, false, false, MESSAGE__COUNT, 0},
    {"a name that runs past the end", {B("\7READY")}, false, false, MESSAGE__COUNT, 0},
    {"nothing", {NULL, 0}, false, false, MESSAGE__COUNT, 0},
    {"a reason that we know",
     {B("\6FAILED\0\0\0\1\6locked\0\0\0\0")},
     true,
     true,
     MESSAGE_FAILED,
     REASON_LOCKED},
    {"a reason that we do not know",
     {B("\6FAILED\0\0\0\1\10too_late\0\0\0\0")},
     false,
     true,
     MESSAGE_FAILED,
     REASON_SYSTEM},
    {"a reason without a name",
     {B("\6FAILED\0\0\0\1\0\0\0\0\0")},
     false,
     true,
     MESSAGE_FAILED,
     REASON_SYSTEM},
};

static void test_other_versions(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(written); i++) {
        union message msg;
        enum message_id id;
        struct error err;

        if (message_decode(written[i].octets, &id, &msg, &err) != written[i].exact)
            fail_msg("%s, between processes of one version", written[i].name);
        if (message_decode_other(written[i].octets, &id, &msg, &err) != written[i].other)
            fail_msg("%s, between two versions", written[i].name);
        if (!written[i].other)
            continue;
        assert_int_equal(id, written[i].id);
        if (id == MESSAGE_FAILED)
            assert_int_equal(msg.failed.reason, written[i].reason);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rights),
        cmocka_unit_test(test_each_row),
        cmocka_unit_test(test_one_field_more),
        cmocka_unit_test(test_fields_less),
        cmocka_unit_test(test_other_versions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
