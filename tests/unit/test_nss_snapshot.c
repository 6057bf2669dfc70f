/* The NSS snapshot: what the writer drops, what the reader finds and what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/nss_snapshot.h"

#include <stdio.h>

#define T(lit)                                                                                     \
    {                                                                                              \
        (const uint8_t *)(lit), sizeof(lit) - 1                                                    \
    }

static const uint32_t alice_groups[] = {5000, 5001, 0, 5002};
static const struct bytes staff[] = {T("alice"), T("bob"), T("bad name"), T("localuser")};

static const struct nss_user users[] = {
    {T("carol"), T("Carol C"), T("/home/carol"), T("/bin/sh"), 2003, 5000, NULL, 0},
    {T("alice"), T("Alice A"), T("/home/alice"), T("/bin/bash"), 2001, 5000, alice_groups, 4},
    {T("bob"), T(""), T("/home/bob"), T(""), 2002, 5001, NULL, 0},
    {T("host1$"), T(""), T("/"), T(""), 2100, 5001, NULL, 0},
};
static const struct nss_group groups[] = {
    {T("staff"), 5000, staff, 4},
    {T("admins"), 5001, staff, 2},
    {T("empty"), 5002, NULL, 0},
};

static struct nss_content content(void)
{
    return (struct nss_content){.users = users,
                                .n_users = ARRAY_LEN(users),
                                .groups = groups,
                                .n_groups = ARRAY_LEN(groups),
                                .generation = 7,
                                .built_s = 1000,
                                .expires_s = 2000,
                                .members_max = 3};
}

static void write_all(const struct nss_content *all, struct writer *out, size_t expect_dropped)
{
    struct error err;
    size_t dropped;

    *out = writer_new(NSS_SNAPSHOT_MAX);
    assert_true(nss_snapshot_write(all, out, &dropped, &err));
    assert_int_equal(dropped, expect_dropped);
}

static void finds_what_was_written(void **state)
{
    AUTO(writer_clear) struct writer out;
    struct nss_content all = content();
    struct nss_snapshot snapshot;
    struct nss_passwd_row user;
    struct nss_group_row group;
    struct error err;

    (void)state;
    write_all(&all, &out, 0);
    assert_true(nss_snapshot_open(writer_bytes(&out), &snapshot, &err));
    assert_int_equal(snapshot.generation, 7);
    assert_int_equal(nss_user_by_name(&snapshot, "alice", &user), NSS_FOUND);
    assert_string_equal(user.name, "alice");
    assert_string_equal(user.gecos, "Alice A");
    assert_string_equal(user.home, "/home/alice");
    assert_string_equal(user.shell, "/bin/bash");
    assert_int_equal(user.uid, 2001);
    assert_int_equal(user.gid, 5000);
    assert_int_equal(nss_list_len(user.groups), 3); /* gid 0 is never written */
    assert_int_equal(nss_list_at(user.groups, 2), 5002);
    assert_int_equal(nss_user_by_uid(&snapshot, 2002, &user), NSS_FOUND);
    assert_string_equal(user.name, "bob");
    assert_string_equal(user.shell, "");
    assert_int_equal(nss_user_by_name(&snapshot, "host1$", &user), NSS_FOUND);
    assert_int_equal(nss_group_by_name(&snapshot, "admins", &group), NSS_FOUND);
    assert_int_equal(nss_list_len(group.members), 2);
    assert_string_equal(nss_member_at(&snapshot, &group, 1), "bob");
    assert_int_equal(nss_group_by_gid(&snapshot, 5000, &group), NSS_FOUND);
    assert_string_equal(group.name, "staff");
    assert_int_equal(nss_list_len(group.members), 0); /* more than members_max */
}

static void leaves_out_bad_members(void **state)
{
    AUTO(writer_clear) struct writer out;
    struct nss_content all = content();
    struct nss_snapshot snapshot;
    struct nss_group_row group;
    struct error err;

    (void)state;
    all.members_max = 4;
    write_all(&all, &out, 0);
    assert_true(nss_snapshot_open(writer_bytes(&out), &snapshot, &err));
    assert_int_equal(nss_group_by_gid(&snapshot, 5000, &group), NSS_FOUND);
    assert_int_equal(nss_list_len(group.members), 3);
    assert_string_equal(nss_member_at(&snapshot, &group, 2), "localuser");
}

static void misses_are_absent(void **state)
{
    static const char *const names[] = {"",  "alic", "alicee", "Alice", "zed",
                                        "0", "root", "alice ", "~",     "staff"};
    static const uint32_t ids[] = {0, 1, 2000, 2004, 5000, UINT32_MAX};
    AUTO(writer_clear) struct writer out;
    struct nss_content all = content();
    struct nss_snapshot snapshot;
    struct nss_passwd_row user;
    struct error err;

    (void)state;
    write_all(&all, &out, 0);
    assert_true(nss_snapshot_open(writer_bytes(&out), &snapshot, &err));
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_int_equal(nss_user_by_name(&snapshot, names[i], &user), NSS_ABSENT);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        assert_int_equal(nss_user_by_uid(&snapshot, ids[i], &user), NSS_ABSENT);
}

static const struct {
    const char *name;
    struct nss_user user;
    bool kept;
} user_cases[] = {
    {"plain", {T("dave"), T(""), T("/"), T(""), 3000, 3000, NULL, 0}, true},
    {"uid 0", {T("dave"), T(""), T("/"), T(""), 0, 3000, NULL, 0}, false},
    {"gid 0", {T("dave"), T(""), T("/"), T(""), 3000, 0, NULL, 0}, false},
    {"uid -1", {T("dave"), T(""), T("/"), T(""), UINT32_MAX, 3000, NULL, 0}, false},
    {"root", {T("root"), T(""), T("/"), T(""), 3000, 3000, NULL, 0}, false},
    {"no name", {T(""), T(""), T("/"), T(""), 3000, 3000, NULL, 0}, false},
    {"option as name", {T("-rf"), T(""), T("/"), T(""), 3000, 3000, NULL, 0}, false},
    {"dots as name", {T(".."), T(""), T("/"), T(""), 3000, 3000, NULL, 0}, false},
    {"colon in name", {T("a:b"), T(""), T("/"), T(""), 3000, 3000, NULL, 0}, false},
    {"slash in name", {T("a/b"), T(""), T("/"), T(""), 3000, 3000, NULL, 0}, false},
    {"NUL in name", {T("da\0ve"), T(""), T("/"), T(""), 3000, 3000, NULL, 0}, false},
    {"$ alone", {T("$"), T(""), T("/"), T(""), 3000, 3000, NULL, 0}, false},
    {"$ inside", {T("a$b"), T(""), T("/"), T(""), 3000, 3000, NULL, 0}, false},
    {"long name",
     {T("abcdefghijklmnopqrstuvwxyz0123456"), T(""), T("/"), T(""), 3000, 3000, NULL, 0},
     false},
    {"newline in gecos", {T("dave"), T("x\ny"), T("/"), T(""), 3000, 3000, NULL, 0}, false},
    {"colon in gecos", {T("dave"), T("x:0:0"), T("/"), T(""), 3000, 3000, NULL, 0}, false},
    {"colon in home", {T("dave"), T(""), T("/:"), T(""), 3000, 3000, NULL, 0}, false},
    {"bad UTF-8 in shell", {T("dave"), T(""), T("/"), T("\xff"), 3000, 3000, NULL, 0}, false},
    {"name of another", {T("alice"), T(""), T("/"), T(""), 3000, 3000, NULL, 0}, false},
    {"uid of another", {T("dave"), T(""), T("/"), T(""), 2001, 3000, NULL, 0}, false},
};

static void writer_drops_what_no_host_may_see(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(user_cases); i++) {
        AUTO(writer_clear) struct writer out;
        struct nss_user two[] = {users[1], user_cases[i].user};
        struct nss_content all = {.users = two, .n_users = 2, .built_s = 1, .expires_s = 2};
        struct nss_snapshot snapshot;
        struct error err;
        /* Two that share a name or an id are both dropped. */
        bool shares = bytes_equal(two[1].name, two[0].name) || two[1].uid == two[0].uid;

        print_message("%s\n", user_cases[i].name);
        write_all(&all, &out, user_cases[i].kept ? 0 : shares ? 2 : 1);
        assert_true(nss_snapshot_open(writer_bytes(&out), &snapshot, &err));
        assert_int_equal(snapshot.n_users, user_cases[i].kept ? 2 : shares ? 0 : 1);
    }
}

static void freshness(void **state)
{
    struct nss_snapshot snapshot = {.built_s = 1000, .expires_s = 2000};

    (void)state;
    assert_true(nss_snapshot_fresh(&snapshot, 1000));
    assert_true(nss_snapshot_fresh(&snapshot, 1999));
    assert_true(nss_snapshot_fresh(&snapshot, 940));
    assert_false(nss_snapshot_fresh(&snapshot, 2000));
    assert_false(nss_snapshot_fresh(&snapshot, INT64_MAX));
    assert_false(nss_snapshot_fresh(&snapshot, 939));
    assert_false(nss_snapshot_fresh(&snapshot, 0));
}

static void empty_directory(void **state)
{
    AUTO(writer_clear) struct writer out;
    struct nss_content all = {.built_s = 1, .expires_s = 2};
    struct nss_snapshot snapshot;
    struct nss_group_row group;
    struct error err;

    (void)state;
    write_all(&all, &out, 0);
    assert_true(nss_snapshot_open(writer_bytes(&out), &snapshot, &err));
    assert_int_equal(nss_group_by_name(&snapshot, "staff", &group), NSS_ABSENT);
    assert_int_equal(nss_group_by_gid(&snapshot, 5000, &group), NSS_ABSENT);
}

/* Asks everything; under the sanitizers no answer may read outside of the copy. */
static void ask_all(struct bytes file)
{
    static const char *const names[] = {"alice", "bob", "carol", "host1$", "staff", "admins", "zz"};
    static const uint32_t ids[] = {2001, 2002, 2003, 2100, 5000, 5001, 5002, 7};
    struct nss_snapshot snapshot;
    struct nss_passwd_row user;
    struct nss_group_row group;

    if (!nss_snapshot_open(file, &snapshot, NULL))
        return;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (nss_user_by_name(&snapshot, names[i], &user) == NSS_FOUND)
            for (size_t k = 0; k < nss_list_len(user.groups); k++)
                (void)nss_list_at(user.groups, k);
        if (nss_group_by_name(&snapshot, names[i], &group) == NSS_FOUND)
            for (size_t k = 0; k < nss_list_len(group.members); k++)
                (void)nss_member_at(&snapshot, &group, k);
    }
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        if (nss_user_by_uid(&snapshot, ids[i], &user) == NSS_FOUND)
            assert_true(user.uid != 0 && user.gid != 0 && strcmp(user.name, "root") != 0);
        if (nss_group_by_gid(&snapshot, ids[i], &group) == NSS_FOUND)
            assert_true(group.gid != 0);
    }
}

static void truncated_files_are_refused(void **state)
{
    AUTO(writer_clear) struct writer out;
    struct nss_content all = content();
    struct bytes file;

    (void)state;
    write_all(&all, &out, 0);
    file = writer_bytes(&out);
    for (size_t len = 0; len < file.len; len++) {
        AUTO(octets_freep) uint8_t *copy = malloc(len + 1);
        struct nss_snapshot snapshot;

        memcpy(copy, file.at, len);
        assert_false(nss_snapshot_open((struct bytes){copy, len}, &snapshot, NULL));
    }
}

static void damaged_files_stay_inside(void **state)
{
    static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    AUTO(writer_clear) struct writer out;
    struct nss_content all = content();
    struct bytes file;

    (void)state;
    write_all(&all, &out, 0);
    file = writer_bytes(&out);
    for (size_t i = 0; i < file.len; i++) {
        for (size_t v = 0; v < ARRAY_LEN(values); v++) {
            AUTO(octets_freep) uint8_t *copy = malloc(file.len);

            memcpy(copy, file.at, file.len);
            copy[i] = values[v];
            ask_all((struct bytes){copy, file.len});
        }
    }
}

static void many_users(void **state)
{
    enum { N = 5000 };
    static struct nss_user many[N];
    static char names[N][16];
    AUTO(writer_clear) struct writer out;
    struct nss_content all = {.users = many, .n_users = N, .built_s = 1, .expires_s = 2};
    struct nss_snapshot snapshot;
    struct nss_passwd_row user;

    (void)state;
    for (size_t i = 0; i < N; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "user%zu", i * 7919 % N);
        many[i] = users[0];
        many[i].name = bytes_of(names[i]);
        many[i].uid = (uint32_t)(10000 + (i * 104729) % N);
    }
    write_all(&all, &out, 0);
    assert_true(nss_snapshot_open(writer_bytes(&out), &snapshot, NULL));
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(nss_user_by_name(&snapshot, names[i], &user), NSS_FOUND);
        assert_int_equal(user.uid, many[i].uid);
        assert_int_equal(nss_user_by_uid(&snapshot, many[i].uid, &user), NSS_FOUND);
        assert_string_equal(user.name, names[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_written),
        cmocka_unit_test(leaves_out_bad_members),
        cmocka_unit_test(misses_are_absent),
        cmocka_unit_test(writer_drops_what_no_host_may_see),
        cmocka_unit_test(freshness),
        cmocka_unit_test(empty_directory),
        cmocka_unit_test(truncated_files_are_refused),
        cmocka_unit_test(damaged_files_stay_inside),
        cmocka_unit_test(many_users),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
