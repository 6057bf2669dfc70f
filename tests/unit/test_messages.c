/* The table of messages: who may send what, and the codec over every row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/macros.h"
#include "gatewayd/shared/messages.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rights),
        cmocka_unit_test(test_each_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
