/* The bounded reader and the writer: what one writes the other reads; short input fails for good.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/reader.h"
#include "common/writer.h"

static void reads_what_was_written(void **state)
{
    AUTO(writer_clear) struct writer w = writer_new(4096);
    struct reader r;

    (void)state;
    writer_u8(&w, 7);
    writer_u16(&w, 0x0102);
    writer_u32(&w, 0x01020304);
    writer_u64(&w, 0x0102030405060708);
    writer_block16(&w, bytes_of("alice"));
    writer_block32(&w, bytes_of(""));
    assert_true(writer_ok(&w));
    assert_int_equal(writer_bytes(&w).at[1], 1); /* network order */
    r = reader_over(writer_bytes(&w));
    assert_int_equal(reader_u8(&r), 7);
    assert_int_equal(reader_u16(&r), 0x0102);
    assert_int_equal(reader_u32(&r), 0x01020304);
    assert_true(reader_u64(&r) == 0x0102030405060708);
    assert_true(bytes_equal(reader_block16(&r), bytes_of("alice")));
    assert_int_equal(reader_block32(&r).len, 0);
    assert_true(reader_done(&r));
}

static void short_input_fails_for_good(void **state)
{
    struct reader r = reader_over((struct bytes){(const uint8_t *)"\0\0\0\1", 4});

    (void)state;
    assert_int_equal(reader_u64(&r), 0);
    assert_false(reader_ok(&r));
    assert_int_equal(reader_u8(&r), 0); /* though four octets were there */
    assert_int_equal(reader_left(&r), 0);
    assert_false(reader_done(&r));
}

static void block_longer_than_input_is_refused(void **state)
{
    struct reader r = reader_over((struct bytes){(const uint8_t *)"\xff\xff\xff\xff"
                                                                  "abc",
                                                 7});

    (void)state;
    assert_int_equal(reader_block32(&r).len, 0);
    assert_false(reader_ok(&r));
}

static void copy_of_missing_octets_gives_zeros(void **state)
{
    uint8_t out[4] = {1, 2, 3, 4};
    struct reader r = reader_over(bytes_of("ab"));

    (void)state;
    reader_copy(&r, out, sizeof(out));
    assert_memory_equal(out, "\0\0\0\0", 4);
    assert_false(reader_ok(&r));
}

static void left_over_octets_are_not_done(void **state)
{
    struct reader r = reader_over(bytes_of("ab"));

    (void)state;
    (void)reader_u8(&r);
    assert_true(reader_ok(&r));
    assert_false(reader_done(&r));
}

static void no_octets_at_all(void **state)
{
    struct reader r = reader_over((struct bytes){NULL, 0});

    (void)state;
    assert_true(reader_done(&r));
    assert_int_equal(reader_u8(&r), 0);
    assert_false(reader_done(&r));
}

static void writer_keeps_its_limit(void **state)
{
    AUTO(writer_clear) struct writer w = writer_new(4);

    (void)state;
    writer_u32(&w, 1);
    assert_true(writer_ok(&w));
    writer_u8(&w, 1);
    assert_false(writer_ok(&w));
    assert_null(writer_bytes(&w).at);
    writer_reset(&w);
    writer_u8(&w, 1);
    assert_true(writer_ok(&w));
}

static void writer_refuses_what_a_length_cannot_say(void **state)
{
    AUTO(writer_clear) struct writer w = writer_new(1 << 20);
    AUTO(octets_freep) uint8_t *much = calloc(1, 65536);

    (void)state;
    writer_block16(&w, (struct bytes){much, 65536});
    assert_false(writer_ok(&w));
}

static void writer_prints_up_to_the_limit(void **state)
{
    AUTO(writer_clear) struct writer w = writer_new(8);
    size_t len = 0;
    AUTO(octets_freep) uint8_t *taken = NULL;

    (void)state;
    writer_printf(&w, "%d", 1234567);
    assert_true(writer_ok(&w));
    taken = writer_take(&w, &len);
    assert_int_equal(len, 7);
    assert_memory_equal(taken, "1234567", 7);
    writer_printf(&w, "%d", 123456789);
    assert_false(writer_ok(&w));
    assert_null(writer_take(&w, &len));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_was_written),
        cmocka_unit_test(short_input_fails_for_good),
        cmocka_unit_test(block_longer_than_input_is_refused),
        cmocka_unit_test(copy_of_missing_octets_gives_zeros),
        cmocka_unit_test(left_over_octets_are_not_done),
        cmocka_unit_test(no_octets_at_all),
        cmocka_unit_test(writer_keeps_its_limit),
        cmocka_unit_test(writer_refuses_what_a_length_cannot_say),
        cmocka_unit_test(writer_prints_up_to_the_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
