/*
 * Local locks: durable before they are said to hold, and never lifted by a damaged file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gatewayd/decide/locks.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define B(lit)                                                                                     \
    {                                                                                              \
        (const uint8_t *)(lit), sizeof(lit) - 1                                                    \
    }
#define ID "0123456789abcdef"

static int file_of(struct bytes text)
{
    int fd = memfd_create("locks", MFD_CLOEXEC);

    assert_int_equal(write(fd, text.at, text.len), (ssize_t)text.len);
    return fd;
}

static const struct {
    const char *name;
    struct bytes text;
    int n; /* locks; -1: refused */
} files[] = {
    {"empty", B(""), 0},
    {"one lock", B("add " ID " 1 - user 616c696365 - -\n"), 1},
    {"added and removed", B("add " ID " 1 - user 61 - -\nremove " ID " 2 -\n"), 0},
    {"removed twice", B("remove " ID " 2 -\n"), 0},
    {"with message and end", B("add " ID " 1 99 group 61 62 63\n"), 1},
    {"last line cut: nobody was told that it holds", B("add " ID " 1 - user 61 - -"), 0},
    {"cut behind a whole one", B("add " ID " 1 - user 61 - -\nadd 01234567"), 1},
    {"unknown word", B("lift " ID " 1 - user 61 - -\n"), -1},
    {"unknown kind", B("add " ID " 1 - door 61 - -\n"), -1},
    {"no hex", B("add " ID " 1 - user alice - -\n"), -1},
    {"control character", B("add " ID " 1 - user 0a - -\n"), -1},
    {"id too short", B("add 01 1 - user 61 - -\n"), -1},
    {"no time", B("add " ID " x - user 61 - -\n"), -1},
    {"negative time", B("add " ID " 1 -1 user 61 - -\n"), -1},
    {"too few words", B("add " ID " 1 - user 61 -\n"), -1},
    {"too many words", B("add " ID " 1 - user 61 - - -\n"), -1},
    {"garbage", B("\0\xff\n"), -1},
};

static size_t count(const struct locks *locks)
{
    size_t n = 0;

    while (locks_at(locks, n))
        n++;
    return n;
}

static void test_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct locks *locks = NULL;
        struct error err;
        bool ok = locks_open(file_of(files[i].text), &locks, &err);

        if (ok != (files[i].n >= 0) || (ok && count(locks) != (size_t)files[i].n))
            fail_msg("%s", files[i].name);
        (void)locks_free(locks);
    }
}

static struct lock lock_of(enum lock_kind kind, char *value, int64_t expires_s)
{
    return (struct lock){.kind = kind,
                         .value = value,
                         .created_s = 100,
                         .expires_s = expires_s,
                         .message = (char *)"left the \xc3\xbc company",
                         .who = (char *)"uid 0"};
}

static void test_kept(void **state)
{
    struct lock user = lock_of(LOCK_USER, (char *)"alice", INT64_MAX);
    struct lock group = lock_of(LOCK_GROUP, (char *)"staff", 200);
    int fd = memfd_create("locks", MFD_CLOEXEC);
    char id[LOCK_ID_LEN + 1], other[LOCK_ID_LEN + 1];
    struct locks *locks;
    struct error err;

    (void)state;
    assert_true(locks_open(fcntl(fd, F_DUPFD_CLOEXEC, 0), &locks, &err));
    assert_true(locks_add(locks, &user, id, &err));
    assert_true(locks_add(locks, &group, other, &err));
    (void)locks_free(locks);
    assert_true(locks_open(fcntl(fd, F_DUPFD_CLOEXEC, 0), &locks, &err));
    assert_string_equal(locks_find(locks, LOCK_USER, bytes_of("alice"), 150)->message,
                        "left the \xc3\xbc company");
    assert_non_null(locks_find(locks, LOCK_GROUP, bytes_of("staff"), 199));
    assert_null(locks_find(locks, LOCK_GROUP, bytes_of("staff"), 200)); /* has ended */
    assert_null(locks_find(locks, LOCK_GROUP, bytes_of("alice"), 150));
    assert_null(locks_find(locks, LOCK_USER, bytes_of("alic"), 150));
    locks_expire(locks, 200);
    assert_int_equal(count(locks), 1);
    assert_true(locks_remove(locks, bytes_of(id), "uid 0", 150, &err));
    assert_null(locks_find(locks, LOCK_USER, bytes_of("alice"), 150));
    assert_false(locks_remove(locks, bytes_of(id), "uid 0", 150, &err));
    assert_int_equal(err.reason, REASON_NOT_FOUND);
    (void)locks_free(locks);
    assert_true(locks_open(fcntl(fd, F_DUPFD_CLOEXEC, 0), &locks, &err));
    assert_null(locks_find(locks, LOCK_USER, bytes_of("alice"), 150));
    (void)locks_free(locks);
    (void)close(fd);
}

/* A file that cannot be written gives no lock that a restart would forget. */
static void test_no_room(void **state)
{
    struct lock lock = lock_of(LOCK_USER, (char *)"alice", INT64_MAX);
    int fd = memfd_create("locks", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    char id[LOCK_ID_LEN + 1];
    struct locks *locks;
    struct error err;

    (void)state;
    assert_true(locks_open(fd, &locks, &err));
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
    assert_false(locks_add(locks, &lock, id, &err));
    assert_int_equal(err.reason, REASON_FILE_WRITE);
    assert_null(locks_find(locks, LOCK_USER, bytes_of("alice"), 150));
    (void)locks_free(locks);
}

static void test_limits(void **state)
{
    char value[LOCK_VALUE_MAX + 2];
    struct lock lock = lock_of(LOCK_USER, value, INT64_MAX);
    char id[LOCK_ID_LEN + 1];
    struct locks *locks;
    struct error err;

    (void)state;
    assert_true(locks_open(memfd_create("locks", MFD_CLOEXEC), &locks, &err));
    memset(value, 'a', sizeof(value));
    value[sizeof(value) - 1] = '\0';
    assert_false(locks_add(locks, &lock, id, &err));
    value[LOCK_VALUE_MAX] = '\0';
    assert_true(locks_add(locks, &lock, id, &err));
    value[0] = '\0';
    assert_false(locks_add(locks, &lock, id, &err));
    (void)locks_free(locks);
}

static void test_names(void **state)
{
    enum lock_kind kind;

    (void)state;
    for (size_t i = 0; i < LOCK_KIND__COUNT; i++) {
        assert_true(lock_kind_from_name(bytes_of(lock_kind_name((enum lock_kind)i)), &kind));
        assert_int_equal(kind, i);
    }
    assert_false(lock_kind_from_name(bytes_of("host"), &kind));
    assert_false(lock_kind_from_name(bytes_of(""), &kind));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),  cmocka_unit_test(test_kept),  cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_limits), cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
