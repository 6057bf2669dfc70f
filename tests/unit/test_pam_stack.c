/* PAM service files before a login program is started: what could let another module decide is
 * refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/macros.h"
#include "gatewayd/spawn/pam_stack.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *name, *text, *other; /* other: content of a second file, "inc" */
    bool safe;
} cases[] = {
    {"pam_mtls alone", "auth requisite pam_mtls.so mode=tunnel\naccount required pam_mtls.so\n", "",
     true},
    {"with comments and blanks",
     "# auth sufficient pam_permit.so\n\n  auth\trequired  pam_mtls.so\n", "", true},
    {"by its full path", "auth required /lib/security/pam_mtls.so\n", "", true},
    {"an included session stack", "auth requisite pam_mtls.so\n@include inc\n",
     "session required pam_limits.so\n", true},
    {"a line that goes on", "auth \\\nrequisite \\\npam_mtls.so\n", "", true},
    {"type in capitals", "AUTH Requisite pam_mtls.so\n", "", true},
    {"no auth at all", "account required pam_mtls.so\n", "", false},
    {"empty", "", "", false},
    {"pam_unix too", "auth requisite pam_mtls.so\nauth sufficient pam_unix.so nullok\n", "", false},
    {"pam_mtls twice", "auth requisite pam_mtls.so\nauth requisite pam_mtls.so\n", "", false},
    {"pam_unix in its place", "auth required pam_unix.so\n", "", false},
    {"another module with this name in its path", "auth required /pam_mtls.so/pam_permit.so\n", "",
     false},
    {"a name that only begins so", "auth required pam_mtls.so.evil\n", "", false},
    {"only sufficient", "auth sufficient pam_mtls.so\n", "", false},
    {"optional", "auth optional pam_mtls.so\n", "", false},
    {"own actions", "auth [success=ok default=ignore] pam_mtls.so\n", "", false},
    {"silent when missing", "-auth required pam_permit.so\n", "", false},
    {"an included auth stack", "@include inc\nauth requisite pam_mtls.so\n",
     "auth sufficient pam_unix.so\n", false},
    {"a sub-stack", "auth substack inc\n", "auth required pam_mtls.so\n", false},
    {"an include of a type", "auth include inc\n", "auth required pam_mtls.so\n", false},
    {"it includes itself", "auth requisite pam_mtls.so\n@include svc\n", "", false},
    {"an include of a path", "auth requisite pam_mtls.so\n@include /etc/passwd\n", "", false},
    {"an include of nothing", "auth requisite pam_mtls.so\n@include\n", "", false},
    {"an include that is missing", "auth requisite pam_mtls.so\n@include none\n", "", false},
    {"a line without a module", "auth requisite\n", "", false},
    {"another module behind a continued comment",
     "#\\\nauth requisite pam_mtls.so\nauth required pam_permit.so\n", "", false},
};

static void put(const char *dir, const char *name, const char *text, mode_t mode)
{
    char path[128];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

static void test_stacks(void **state)
{
    const char *dir = *state;

    if (geteuid() != 0)
        skip(); /* only root's files are trusted */
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = {.detail = ""};

        put(dir, "svc", cases[i].text, 0644);
        put(dir, "inc", cases[i].other, 0644);
        if (pam_stack_is_safe(dir, "svc", &err) != cases[i].safe)
            fail_msg("%s: %s", cases[i].name, err.detail);
        if (!cases[i].safe)
            assert_int_equal(err.reason, REASON_UPSTREAM_UNSAFE);
    }
}

static void test_files(void **state)
{
    const char *dir = *state;
    char from[128], to[128];
    struct error err;

    if (geteuid() != 0)
        skip();
    put(dir, "svc", "auth requisite pam_mtls.so\n", 0644);
    assert_true(pam_stack_is_safe(dir, "svc", &err));
    put(dir, "svc", "auth requisite pam_mtls.so\n", 0664);
    assert_false(pam_stack_is_safe(dir, "svc", &err));
    assert_false(pam_stack_is_safe(dir, "missing", &err));
    assert_false(pam_stack_is_safe(dir, "../svc", &err));
    assert_false(pam_stack_is_safe(dir, "", &err));
    put(dir, "svc", "auth requisite pam_mtls.so\n", 0644);
    (void)snprintf(from, sizeof(from), "%s/svc", dir);
    (void)snprintf(to, sizeof(to), "%s/link", dir);
    assert_int_equal(symlink(from, to), 0);
    assert_false(pam_stack_is_safe(dir, "link", &err));
    assert_int_equal(chown(from, 65534, 0), 0);
    assert_false(pam_stack_is_safe(dir, "svc", &err));
}

static int make_dir(void **state)
{
    static char dir[] = "/tmp/test_pam_stack.XXXXXX";

    *state = mkdtemp(dir);
    return *state ? 0 : -1;
}

static int remove_dir(void **state)
{
    char command[128];

    (void)snprintf(command, sizeof(command), "rm -r %s", (const char *)*state);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stacks),
        cmocka_unit_test(test_files),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
