/* libnss_mtls: statuses and errno as glibc expects them, buffers of every size, damaged snapshots.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/nss_snapshot.h"
#include "nss_mtls/mapping.h"
#include "nss_mtls/nss_mtls.h"
#include "tests/unit/process_state.h"

#include <sys/stat.h>

#define T(lit)                                                                                     \
    {                                                                                              \
        (const uint8_t *)(lit), sizeof(lit) - 1                                                    \
    }
enum { ROOM = 1024, MANY = 3000 };

static char path[128], directory[64] = "/tmp/test_nss_mtls.XXXXXX";

const char *mapping_path(void)
{
    return path;
}

static uint32_t many_gids[MANY];
static const struct bytes staff[] = {T("alice"), T("bob")};

static struct nss_user users[] = {
    {T("alice"), T("Alice A"), T("/home/alice"), T("/bin/bash"), 2001, 5000, many_gids, 3},
    {T("bob"), T(""), T("/home/bob"), T("/bin/sh"), 2002, 5001, NULL, 0},
    {T("many"), T(""), T("/"), T(""), 2003, 5000, many_gids, MANY},
};
static struct nss_group groups[] = {{T("staff"), 5000, staff, 2}, {T("empty"), 5001, NULL, 0}};

static void put_file(struct bytes octets, mode_t mode)
{
    char aside[160];
    FILE *file;

    (void)snprintf(aside, sizeof(aside), "%s.new", path);
    file = fopen(aside, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(octets.at, 1, octets.len, file), octets.len);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(aside, mode), 0);
    assert_int_equal(rename(aside, path), 0);
}

static struct writer snapshot(int64_t built_s, int64_t expires_s)
{
    struct nss_content all = {.users = users,
                              .n_users = ARRAY_LEN(users),
                              .groups = groups,
                              .n_groups = ARRAY_LEN(groups),
                              .built_s = built_s,
                              .expires_s = expires_s,
                              .members_max = NSS_MEMBERS_DEFAULT};
    struct writer out = writer_new(NSS_SNAPSHOT_MAX);
    size_t dropped;

    assert_true(nss_snapshot_write(&all, &out, &dropped, NULL));
    return out;
}

static void put_fresh(void)
{
    int64_t now_s = clock_realtime_s();
    AUTO(writer_clear) struct writer out = snapshot(now_s, now_s + 60);

    put_file(writer_bytes(&out), 0644);
}

/* Each look-up leaves the process as it was and sets errno only through errnop. */
#define CALLED(expression)                                                                         \
    __extension__({                                                                                \
        char before_[PROCESS_STATE_MAX], after_[PROCESS_STATE_MAX];                                \
        enum nss_status status_;                                                                   \
                                                                                                   \
        errno = 77;                                                                                \
        process_state(before_);                                                                    \
        status_ = (expression);                                                                    \
        errno = 77;                                                                                \
        process_state(after_);                                                                     \
        assert_string_equal(before_, after_);                                                      \
        status_;                                                                                   \
    })

static void users_and_groups(void **state)
{
    char buffer[ROOM];
    struct passwd user;
    struct group group;
    int error = 5;

    (void)state;
    put_fresh();
    assert_int_equal(CALLED(_nss_mtls_getpwnam_r("alice", &user, buffer, ROOM, &error)),
                     NSS_STATUS_SUCCESS);
    assert_string_equal(user.pw_name, "alice");
    assert_string_equal(user.pw_passwd, "*");
    assert_int_equal(user.pw_uid, 2001);
    assert_int_equal(user.pw_gid, 5000);
    assert_string_equal(user.pw_gecos, "Alice A");
    assert_string_equal(user.pw_dir, "/home/alice");
    assert_string_equal(user.pw_shell, "/bin/bash");
    assert_int_equal(CALLED(_nss_mtls_getpwuid_r(2002, &user, buffer, ROOM, &error)),
                     NSS_STATUS_SUCCESS);
    assert_string_equal(user.pw_name, "bob");
    assert_int_equal(CALLED(_nss_mtls_getgrnam_r("staff", &group, buffer, ROOM, &error)),
                     NSS_STATUS_SUCCESS);
    assert_int_equal(group.gr_gid, 5000);
    assert_string_equal(group.gr_mem[0], "alice");
    assert_string_equal(group.gr_mem[1], "bob");
    assert_null(group.gr_mem[2]);
    assert_int_equal(CALLED(_nss_mtls_getgrgid_r(5001, &group, buffer, ROOM, &error)),
                     NSS_STATUS_SUCCESS);
    assert_string_equal(group.gr_name, "empty");
    assert_null(group.gr_mem[0]);
}

static void unknown_ones_are_not_found(void **state)
{
    char buffer[ROOM];
    struct passwd user;
    struct group group;
    int error = 5;

    (void)state;
    put_fresh();
    errno = 0;
    assert_int_equal(_nss_mtls_getpwnam_r("root", &user, buffer, ROOM, &error),
                     NSS_STATUS_NOTFOUND);
    assert_int_equal(error, 0);
    assert_int_equal(_nss_mtls_getpwuid_r(0, &user, buffer, ROOM, &error), NSS_STATUS_NOTFOUND);
    assert_int_equal(_nss_mtls_getgrnam_r("sudo", &group, buffer, ROOM, &error),
                     NSS_STATUS_NOTFOUND);
    assert_int_equal(_nss_mtls_getgrgid_r(0, &group, buffer, ROOM, &error), NSS_STATUS_NOTFOUND);
    assert_int_equal(_nss_mtls_getpwnam_r("", &user, buffer, ROOM, &error), NSS_STATUS_NOTFOUND);
}

static void listing_is_off(void **state)
{
    char buffer[ROOM];
    struct passwd user;
    struct group group;
    int error = 0;

    (void)state;
    put_fresh();
    assert_int_equal(_nss_mtls_setpwent(0), NSS_STATUS_SUCCESS);
    assert_int_equal(_nss_mtls_getpwent_r(&user, buffer, ROOM, &error), NSS_STATUS_NOTFOUND);
    assert_int_equal(_nss_mtls_endpwent(), NSS_STATUS_SUCCESS);
    assert_int_equal(_nss_mtls_setgrent(0), NSS_STATUS_SUCCESS);
    assert_int_equal(_nss_mtls_getgrent_r(&group, buffer, ROOM, &error), NSS_STATUS_NOTFOUND);
    assert_int_equal(_nss_mtls_endgrent(), NSS_STATUS_SUCCESS);
}

/* Every size up to the first that fits, at every alignment; the sanitizers guard both ends. */
static void buffers_of_every_size(void **state)
{
    (void)state;
    put_fresh();
    for (size_t shift = 0; shift < 8; shift++) {
        enum nss_status status_user = NSS_STATUS_TRYAGAIN, status_group = NSS_STATUS_TRYAGAIN;

        for (size_t room = 0; room < 100; room++) {
            AUTO(char_freep) char *buffer = malloc(room + shift + 1);
            struct passwd user;
            struct group group;
            int error = 0;

            status_user = _nss_mtls_getpwnam_r("alice", &user, buffer + shift, room, &error);
            if (status_user != NSS_STATUS_SUCCESS)
                assert_true(status_user == NSS_STATUS_TRYAGAIN && error == ERANGE);
            else
                assert_string_equal(user.pw_shell, "/bin/bash");
            status_group = _nss_mtls_getgrgid_r(5000, &group, buffer + shift, room, &error);
            if (status_group != NSS_STATUS_SUCCESS)
                assert_true(status_group == NSS_STATUS_TRYAGAIN && error == ERANGE);
            else
                assert_string_equal(group.gr_mem[1], "bob");
        }
        assert_int_equal(status_user, NSS_STATUS_SUCCESS);
        assert_int_equal(status_group, NSS_STATUS_SUCCESS);
    }
}

static const struct {
    const char *name;
    const char *user;
    gid_t primary;
    long start, size, limit;
    long expect; /* entries used afterwards */
} lists[] = {
    {"three groups", "alice", 5000, 1, 10, -1, 4},
    {"the primary group is not repeated", "alice", 6001, 1, 10, -1, 3},
    {"no room at first", "alice", 5000, 0, 1, -1, 3},
    {"no groups", "bob", 5001, 1, 10, -1, 1},
    {"many groups without limit", "many", 5000, 1, 10, -1, MANY + 1},
    {"many groups, limit of the kernel", "many", 5000, 1, 10, 65536, MANY + 1},
    {"a limit cuts and is no error", "many", 5000, 1, 10, 20, 20},
    {"a limit reached before", "many", 5000, 20, 20, 20, 20},
};

static void initgroups_lists(void **state)
{
    (void)state;
    put_fresh();
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        long start = lists[i].start, size = lists[i].size;
        gid_t *gids = calloc((size_t)size, sizeof(*gids));
        int error = 0;

        print_message("%s\n", lists[i].name);
        for (long k = 0; k < start; k++)
            gids[k] = lists[i].primary;
        assert_int_equal(CALLED(_nss_mtls_initgroups_dyn(lists[i].user, lists[i].primary, &start,
                                                         &size, &gids, lists[i].limit, &error)),
                         NSS_STATUS_SUCCESS);
        assert_int_equal(start, lists[i].expect);
        assert_true(start <= size);
        free(gids);
    }
}

static void initgroups_of_strangers(void **state)
{
    long start = 1, size = 10;
    gid_t *gids = calloc((size_t)size, sizeof(*gids));
    int error = 0;

    (void)state;
    put_fresh();
    assert_int_equal(_nss_mtls_initgroups_dyn("root", 0, &start, &size, &gids, -1, &error),
                     NSS_STATUS_NOTFOUND);
    assert_int_equal(start, 1);
    free(gids);
}

static void assert_unavailable(const char *why)
{
    char buffer[ROOM];
    struct passwd user;
    struct group group;
    long start = 0, size = 1;
    gid_t *gids = calloc((size_t)size, sizeof(*gids));
    int error = 0;

    print_message("%s\n", why);
    assert_int_equal(CALLED(_nss_mtls_getpwnam_r("alice", &user, buffer, ROOM, &error)),
                     NSS_STATUS_UNAVAIL);
    assert_int_equal(error, ENOENT);
    assert_int_equal(CALLED(_nss_mtls_getpwuid_r(4711, &user, buffer, ROOM, &error)),
                     NSS_STATUS_UNAVAIL);
    assert_int_equal(CALLED(_nss_mtls_getgrnam_r("nobody", &group, buffer, ROOM, &error)),
                     NSS_STATUS_UNAVAIL);
    assert_int_equal(CALLED(_nss_mtls_getgrgid_r(5000, &group, buffer, ROOM, &error)),
                     NSS_STATUS_UNAVAIL);
    assert_int_equal(
        CALLED(_nss_mtls_initgroups_dyn("alice", 5000, &start, &size, &gids, -1, &error)),
        NSS_STATUS_UNAVAIL);
    assert_int_equal(error, ENOENT);
    assert_int_equal(start, 0);
    free(gids);
}

static void without_a_good_snapshot(void **state)
{
    int64_t now_s = clock_realtime_s();
    AUTO(writer_clear) struct writer expired = snapshot(now_s - 100, now_s);
    AUTO(writer_clear) struct writer future = snapshot(now_s + 1000, now_s + 2000);
    AUTO(writer_clear) struct writer fresh = snapshot(now_s, now_s + 60);
    struct bytes half = {writer_bytes(&fresh).at, writer_bytes(&fresh).len - 1};

    (void)state;
    (void)unlink(path);
    assert_unavailable("missing");
    put_file((struct bytes){(const uint8_t *)"", 0}, 0644);
    assert_unavailable("empty");
    put_file(half, 0644);
    assert_unavailable("an octet is missing");
    put_file(bytes_of("root:x:0:0::/:/bin/sh\n"), 0644);
    assert_unavailable("another file");
    put_file(writer_bytes(&expired), 0644);
    assert_unavailable("expired");
    put_file(writer_bytes(&future), 0644);
    assert_unavailable("from the future");
    put_file(writer_bytes(&fresh), 0664);
    assert_unavailable("group may write");
    put_file(writer_bytes(&fresh), 0646);
    assert_unavailable("others may write");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_unavailable("a directory");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0644), 0);
    assert_unavailable("a pipe");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_unavailable("a symbolic link");
    assert_int_equal(unlink(path), 0);
}

/* Damage behind the header may cost an answer, never memory or a uid of 0. */
static void damaged_snapshots(void **state)
{
    int64_t now_s = clock_realtime_s();
    AUTO(writer_clear) struct writer out;
    struct bytes octets;

    (void)state;
    users[2].n_groups = 0;
    out = snapshot(now_s, now_s + 60);
    users[2].n_groups = MANY;
    octets = writer_bytes(&out);
    for (size_t i = 0; i < octets.len; i++) {
        char buffer[ROOM];
        struct passwd user;
        struct group group;
        long start = 0, size = 1;
        gid_t *gids = calloc((size_t)size, sizeof(*gids));
        int error = 0;

        out.at[i] ^= 0xff;
        put_file(octets, 0644);
        if (_nss_mtls_getpwnam_r("alice", &user, buffer, ROOM, &error) == NSS_STATUS_SUCCESS)
            assert_true(user.pw_uid != 0 && user.pw_gid != 0);
        if (_nss_mtls_getpwuid_r(2002, &user, buffer, ROOM, &error) == NSS_STATUS_SUCCESS)
            assert_int_equal(user.pw_uid, 2002);
        (void)_nss_mtls_getgrnam_r("staff", &group, buffer, ROOM, &error);
        (void)_nss_mtls_initgroups_dyn("alice", 5000, &start, &size, &gids, -1, &error);
        free(gids);
        out.at[i] ^= 0xff;
    }
}

static int make_directory(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < MANY; i++)
        many_gids[i] = 6000 + i;
    assert_non_null(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/snapshot", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_and_groups),        cmocka_unit_test(unknown_ones_are_not_found),
        cmocka_unit_test(listing_is_off),          cmocka_unit_test(buffers_of_every_size),
        cmocka_unit_test(initgroups_lists),        cmocka_unit_test(initgroups_of_strangers),
        cmocka_unit_test(without_a_good_snapshot), cmocka_unit_test(damaged_snapshots),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
