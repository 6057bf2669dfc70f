/* The octets that stock ssh prints for a denied client. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/reader.h"
#include "gatewayd/edge/ssh_disconnect.h"

#define LINE "SSH-2.0-gatewayd\r\n"

/* RFC 4253 6: the packet's form for every length of text. */
static void test_packet(void **state)
{
    char text[SSH_DISCONNECT_TEXT_MAX + 10];

    (void)state;
    memset(text, 'x', sizeof(text));
    for (size_t len = 0; len < sizeof(text); len++) {
        struct writer out = writer_new(4096);
        struct reader r, packet;
        struct bytes payload, said;
        uint8_t padding;

        ssh_disconnect((struct bytes){(const uint8_t *)text, len}, &out);
        assert_memory_equal(out.at, LINE, sizeof(LINE) - 1);
        assert_int_equal((out.len - (sizeof(LINE) - 1)) % 8, 0);
        r = reader_over((struct bytes){out.at + sizeof(LINE) - 1, out.len - (sizeof(LINE) - 1)});
        packet = reader_over(reader_block32(&r));
        assert_true(reader_done(&r));
        padding = reader_u8(&packet);
        assert_in_range(padding, 4, 12);
        payload = reader_take(&packet, reader_left(&packet) - padding);
        (void)reader_take(&packet, padding);
        assert_true(reader_done(&packet));
        r = reader_over(payload);
        assert_int_equal(reader_u8(&r), 1);
        assert_int_equal(reader_u32(&r), 1);
        said = reader_block32(&r);
        assert_int_equal(said.len, len < SSH_DISCONNECT_TEXT_MAX ? len : SSH_DISCONNECT_TEXT_MAX);
        assert_int_equal(reader_u32(&r), 0);
        assert_true(reader_done(&r));
        writer_clear(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_packet)};

    return cmocka_run_group_tests_name("ssh_disconnect", tests, NULL, NULL);
}
