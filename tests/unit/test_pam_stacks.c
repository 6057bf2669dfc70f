/*
 * The shipped stack under each of PAM's codes: pam_debug stands in for pam_mtls and returns them
 * one by one. Whatever pam_mtls may say, nothing else in the stack turns it into a success.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/macros.h"

#include <security/pam_appl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STACK "../etc/pam.d/sshd-gw" /* unit tests run in tests/ */
enum { LINE_ROOM = 512 };

/* pam_debug(8). */
static const char *const codes[] = {
    "success",
    "open_err",
    "symbol_err",
    "service_err",
    "system_err",
    "buf_err",
    "perm_denied",
    "auth_err",
    "cred_insufficient",
    "authinfo_unavail",
    "user_unknown",
    "maxtries",
    "new_authtok_reqd",
    "acct_expired",
    "session_err",
    "cred_unavail",
    "cred_expired",
    "cred_err",
    "no_module_data",
    "conv_err",
    "authtok_err",
    "authtok_recover_err",
    "authtok_lock_busy",
    "authtok_disable_aging",
    "try_again",
    "ignore",
    "abort",
    "authtok_expired",
    "module_unknown",
    "bad_item",
    "conv_again",
    "incomplete",
};
_Static_assert(ARRAY_LEN(codes) == 32, "PAM has 32 codes");

static char directory[64] = "/tmp/test_pam_stacks.XXXXXX", path[96];

static int no_conversation(int n, const struct pam_message **msg, struct pam_response **ret_resp,
                           void *data)
{
    (void)n;
    (void)msg;
    (void)ret_resp;
    (void)data;
    return PAM_CONV_ERR;
}

/* Other session modules would change this process: pam_permit is the most that they could say. */
static void put_line(FILE *out, const char *line, const char *code)
{
    char kind[16], control[16], module[32];
    bool ours;

    if (sscanf(line, "%15s %15s %31s", kind, control, module) != 3 || kind[0] == '#')
        return;
    ours = strcmp(module, "pam_mtls.so") == 0;
    if (ours)
        (void)fprintf(out, "%s %s pam_debug.so auth=%s acct=%s open_session=%s\n", kind, control,
                      code, code, code);
    else if (strstr(kind, "session"))
        (void)fprintf(out, "%s %s pam_permit.so\n", kind, control);
    else
        (void)fprintf(out, "%s", line);
}

static void put_stack(const char *code)
{
    char line[LINE_ROOM];
    FILE *in = fopen(STACK, "r"), *out = fopen(path, "w");

    assert_non_null(in);
    assert_non_null(out);
    while (fgets(line, sizeof(line), in))
        put_line(out, line, code);
    assert_int_equal(fclose(in), 0);
    assert_int_equal(fclose(out), 0);
}

static pam_handle_t *begin(void)
{
    static const struct pam_conv conv = {no_conversation, NULL};
    pam_handle_t *pamh = NULL;

    assert_int_equal(pam_start_confdir("stack", "root", &conv, directory, &pamh), PAM_SUCCESS);
    assert_int_equal(pam_set_item(pamh, PAM_RHOST, "198.51.100.1"), PAM_SUCCESS);
    return pamh;
}

static void only_success_is_success(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        bool success = strcmp(codes[i], "success") == 0;
        pam_handle_t *pamh;

        print_message("%s\n", codes[i]);
        put_stack(codes[i]);
        pamh = begin();
        assert_int_equal(pam_authenticate(pamh, PAM_SILENT) == PAM_SUCCESS, success);
        assert_int_equal(pam_acct_mgmt(pamh, PAM_SILENT) == PAM_SUCCESS, success);
        /* The shipped lines have no scope= or local_users=, so IGNORE cannot come from pam_mtls. */
        if (strcmp(codes[i], "ignore") != 0)
            assert_int_equal(pam_open_session(pamh, PAM_SILENT) == PAM_SUCCESS, success);
        assert_int_not_equal(pam_chauthtok(pamh, PAM_SILENT), PAM_SUCCESS);
        assert_int_equal(pam_end(pamh, PAM_SUCCESS), PAM_SUCCESS);
    }
}

/* What the test above rests on, and what gatewayd checks before it starts a sshd. */
static void the_shape_of_the_stack(void **state)
{
    char line[LINE_ROOM], kind[16], control[16], module[32], rest[32];
    int n_auth = 0, n_account = 0, n_session = 0;
    FILE *in = fopen(STACK, "r");

    (void)state;
    assert_non_null(in);
    while (fgets(line, sizeof(line), in)) {
        bool ours;

        rest[0] = '\0';
        if (line[0] == '#' ||
            sscanf(line, "%15s %15s %31s %31[^\n]", kind, control, module, rest) < 3)
            continue;
        ours = strcmp(module, "pam_mtls.so") == 0;
        assert_string_not_equal(module, "pam_unix.so");
        assert_string_not_equal(control, "include");
        assert_string_not_equal(control, "sufficient");
        if (ours)
            assert_true(strcmp(control, "requisite") == 0 && strcmp(rest, "mode=tunnel") == 0);
        if (strcmp(kind, "auth") == 0)
            assert_true(n_auth++ == 0 && ours);
        if (strcmp(kind, "account") == 0)
            n_account += ours;
        if (strcmp(kind, "session") == 0)
            assert_true(n_session++ > 0 || ours);
    }
    assert_int_equal(fclose(in), 0);
    assert_int_equal(n_auth, 1);
    assert_int_equal(n_account, 1);
}

static int make_directory(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/stack", directory);
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
        cmocka_unit_test(only_success_is_success),
        cmocka_unit_test(the_shape_of_the_stack),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
