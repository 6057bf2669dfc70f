/*
 * The session registry: what a new decide may believe of what the last one wrote.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gatewayd/decide/registry.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static int memory(void)
{
    int fd = memfd_create("registry", MFD_CLOEXEC);

    assert_int_equal(ftruncate(fd, (off_t)REGISTRY_LEN), 0);
    return fd;
}

static struct registry *open_again(int fd)
{
    struct registry *registry;
    struct error err;

    assert_true(registry_open(fcntl(fd, F_DUPFD_CLOEXEC, 0), &registry, &err));
    return registry;
}

static struct registry_record record_of(uint8_t number)
{
    struct registry_record record;

    memset(&record, 0, sizeof(record));
    record.state = REGISTRY_LIVE;
    record.id.octets[0] = number;
    record.connection = number;
    (void)snprintf(record.user, sizeof(record.user), "user%u", number);
    return record;
}

static void test_survives(void **state)
{
    int fd = memory();
    struct registry *registry = open_again(fd);
    struct registry_record record = record_of(7), read;
    uint32_t place;

    (void)state;
    assert_true(registry_take(registry, &place));
    registry_write(registry, place, &record);
    registry_free(registry);
    registry = open_again(fd);
    assert_int_equal(registry_used(registry), 1);
    assert_true(registry_read(registry, place, &read));
    assert_string_equal(read.user, "user7");
    registry_free(registry);
    (void)close(fd);
}

static void test_places_come_back(void **state)
{
    struct registry_record record = record_of(1), nothing = {.state = REGISTRY_FREE}, read;
    int fd = memory();
    struct registry *registry = open_again(fd);
    uint32_t places[3], again;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_true(registry_take(registry, &places[i]));
        registry_write(registry, places[i], &record);
    }
    registry_write(registry, places[1], &nothing);
    assert_false(registry_read(registry, places[1], &read));
    assert_true(registry_take(registry, &again));
    assert_int_equal(again, places[1]);
    registry_free(registry);
    registry = open_again(fd); /* the place that was taken but never written is free again */
    assert_true(registry_take(registry, &again));
    assert_int_equal(again, places[1]);
    registry_free(registry);
    (void)close(fd);
}

/* Any changed octet of a record makes it no record; so does any half-written one. */
static void test_damage(void **state)
{
    int fd = memory();
    struct registry *registry = open_again(fd);
    struct registry_record record = record_of(9), read;
    uint32_t place;

    (void)state;
    assert_true(registry_take(registry, &place));
    for (size_t i = 0; i < sizeof(record); i++) {
        uint8_t octet;
        off_t at = (off_t)(REGISTRY_HEADER_LEN + i);

        registry_write(registry, place, &record);
        assert_true(registry_read(registry, place, &read));
        assert_int_equal(pread(fd, &octet, 1, at), 1);
        octet ^= 0x40;
        assert_int_equal(pwrite(fd, &octet, 1, at), 1);
        assert_false(registry_read(registry, place, &read));
    }
    registry_free(registry);
    (void)close(fd);
}

static void test_epochs_differ(void **state)
{
    int fd = memory();
    struct registry *registry = open_again(fd);

    (void)state;
    assert_int_equal(registry_next_epoch(registry, 1000), 1000);
    assert_int_equal(registry_next_epoch(registry, 1000), 1001);
    assert_int_equal(registry_next_epoch(registry, 5), 1002); /* the clock stepped back */
    assert_int_equal(registry_next_epoch(registry, -1), 1003);
    registry_free(registry);
    registry = open_again(fd);
    assert_int_equal(registry_next_epoch(registry, 7), 1004);
    registry_free(registry);
    (void)close(fd);
}

static void test_wrong_memory(void **state)
{
    uint32_t garbage = 0xffffffff;
    int fd = memfd_create("small", MFD_CLOEXEC);
    struct registry *registry;
    struct error err;

    (void)state;
    assert_int_equal(ftruncate(fd, 4096), 0);
    assert_false(registry_open(fd, &registry, &err));
    fd = memory();
    registry = open_again(fd);
    assert_int_equal(pwrite(fd, &garbage, 4, 16), 4); /* more places than there are */
    registry_free(registry);
    registry = open_again(fd);
    assert_int_equal(registry_used(registry), 0);
    registry_free(registry);
    (void)close(fd);
}

static void test_full(void **state)
{
    int fd = memory();
    struct registry *registry = open_again(fd);
    uint32_t place, max = REGISTRY_MAX;

    (void)state;
    assert_int_equal(pwrite(fd, &max, 4, 16), 4);
    assert_false(registry_take(registry, &place));
    registry_free(registry);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_survives),     cmocka_unit_test(test_places_come_back),
        cmocka_unit_test(test_damage),       cmocka_unit_test(test_epochs_differ),
        cmocka_unit_test(test_wrong_memory), cmocka_unit_test(test_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
