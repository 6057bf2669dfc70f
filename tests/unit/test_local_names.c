/* The host's own names and ids, from files as they are found and as they should not be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ldap/local_names.h"

enum { NO_ID = 4000000 };

static const struct {
    const char *name, *file;
    const char *has, *has_not; /* names */
    uint32_t has_id, has_not_id;
} files[] = {
    {"passwd", "root:x:0:0:root:/root:/bin/bash\nlaptop:x:1000:1001::/:/bin/sh\n", "laptop", "lap",
     1000, 1001},
    {"group", "root:x:0:\nsudo:x:27:alice,bob\n", "sudo", "alice", 27, 0xffffffff},
    {"no line end", "root:x:0:0", "root", "roo", 0, 1},
    {"other letters", "root:x:0:0:\n", "ROOT", "ROOTS", 0, 1},
    {"blanks in front", "  root:x:0:0:\n", "root", "  root", 0, 1},
    {"zeros in front", "bob:x:001000:1:\n", "bob", "x", 1000, 1},
    {"empty lines", "\n\nbob:x:1000:1:\n\n", "bob", "", 1000, 0},
    {"no colon", "bob\nalice:x:7:\n", "bob", "x", 7, 0},
    {"no id", "bob:x::\nalice:x:7:\n", "bob", "x", 7, 0},
    {"id with letters", "bob:x:12a:\nalice:x:7:\n", "bob", "x", 7, 12},
    {"id too large", "bob:x:4294967296:\nalice:x:7:\n", "bob", "x", 7, 0},
    {"no name", ":x:12:\nalice:x:7:\n", "alice", "", 7, 12},
    {"entries of NIS", "root:x:0:0:\n+bob::::::\n", "+bob", "bob", 0, 1},
    {"many", "d:x:4:\nb:x:2:\na:x:1:\nc:x:3:\nab:x:12:\n", "ab", "abc", 12, 5},
};

static void files_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        AUTO(local_names_freep) struct local_names *names = local_names_new();
        struct error err;
        bool changed = false;

        assert_true(local_names_set(names, bytes_of(files[i].file), &changed, &err));
        assert_true(changed);
        assert_true(local_names_known(names));
        if (!local_names_has(names, bytes_of(files[i].has)) ||
            local_names_has(names, bytes_of(files[i].has_not)) ||
            !local_names_has_id(names, files[i].has_id) ||
            local_names_has_id(names, files[i].has_not_id))
            fail_msg("%s", files[i].name);
        assert_false(local_names_has_id(names, NO_ID));
    }
}

static void nothing_known_is_everything(void **state)
{
    AUTO(local_names_freep) struct local_names *names = local_names_new();

    (void)state;
    assert_false(local_names_known(names));
    assert_true(local_names_has(names, bytes_of("alice")));
    assert_true(local_names_has_id(names, NO_ID));
}

static void no_host_has_nobody(void **state)
{
    (void)state;
    assert_true(local_names_known(NULL));
    assert_false(local_names_has(NULL, bytes_of("root")));
    assert_false(local_names_has_id(NULL, 0));
}

/* A file that cannot be one leaves what was known. */
static void refused_files_change_nothing(void **state)
{
    AUTO(local_names_freep) struct local_names *names = local_names_new();
    uint8_t *large = calloc(1, LOCAL_NAMES_FILE_MAX + 1);
    struct error err;
    bool changed = false;

    (void)state;
    assert_true(local_names_set(names, bytes_of("bob:x:7:7:\n"), &changed, &err));
    changed = false;
    assert_false(local_names_set(names, bytes_of(""), &changed, &err));
    assert_int_equal(err.reason, REASON_FILE_EMPTY);
    assert_false(local_names_set(names, bytes_of("\n:x:1:\n"), &changed, &err));
    assert_int_equal(err.reason, REASON_FILE_EMPTY);
    assert_false(
        local_names_set(names, (struct bytes){large, LOCAL_NAMES_FILE_MAX + 1}, &changed, &err));
    assert_int_equal(err.reason, REASON_FILE_TOO_LARGE);
    assert_false(changed);
    assert_true(local_names_has(names, bytes_of("bob")));
    free(large);
}

static void changes_are_told(void **state)
{
    AUTO(local_names_freep) struct local_names *names = local_names_new();
    struct error err;
    bool changed = true;

    (void)state;
    assert_true(local_names_set(names, bytes_of("bob:x:7:7:\n"), &changed, &err));
    assert_true(local_names_set(names, bytes_of("bob:x:7:7:\n"), &changed, &err));
    assert_false(changed);
    assert_true(local_names_set(names, bytes_of("eve:x:8:8:\n"), &changed, &err));
    assert_true(changed);
    assert_false(local_names_has(names, bytes_of("bob")));
    assert_false(local_names_has_id(names, 7));
    assert_true(local_names_has(names, bytes_of("eve")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_read),     cmocka_unit_test(nothing_known_is_everything),
        cmocka_unit_test(no_host_has_nobody), cmocka_unit_test(refused_files_change_nothing),
        cmocka_unit_test(changes_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
