/*
 * The module in a process of its own kind: loaded as libpam loads it, with a real handle, a fake
 * decide and a tunnel made as gatewayd makes it. Each code of the return-code table is seen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/macros.h"
#include "tests/unit/fake_decide.h"
#include "tests/unit/pam_application.h"
#include "tests/unit/process_state.h"

#include <dlfcn.h>
#include <security/pam_modules.h>
#include <sys/time.h>
#include <syslog.h>

#define B(lit)                                                                                     \
    {                                                                                              \
        (const uint8_t *)(lit), sizeof(lit) - 1                                                    \
    }
#define ID_A      "0123456789abcdef0123456789abcdef"
#define ID_B      "0123456789abcdef0123456789abcdee"
#define ID_OCTETS "\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef"
enum { NOBODY = 65534, ARGS_MAX = 8 };

typedef int (*entry_point)(pam_handle_t *pamh, int flags, int argc, const char **argv);

static struct {
    entry_point auth, account, open, close, setcred, chauthtok;
} module;

/* ---- calling the module ---- */

static int call(pam_handle_t *pamh, entry_point entry, int flags, const char *path,
                const char *const *args)
{
    char before[PROCESS_STATE_MAX], after[PROCESS_STATE_MAX], socket_argument[128];
    const char *argv[ARGS_MAX + 1] = {NULL};
    int argc = 0, code;

    (void)snprintf(socket_argument, sizeof(socket_argument), "socket=%s", path);
    if (path)
        argv[argc++] = socket_argument;
    for (; args && *args && argc < ARGS_MAX; args++)
        argv[argc++] = *args;
    errno = 0;
    process_state(before);
    code = entry(pamh, flags, argc, argv);
    errno = 0; /* libpam's own syslog may set it */
    process_state(after);
    assert_string_equal(before, after);
    return code;
}

static const char *const tunnel_args[] = {"mode=tunnel", NULL};

struct codes {
    int auth, account, open;
};

static void call_all(const char *user, const char *path, const char *const *args,
                     const struct codes *expect)
{
    pam_handle_t *pamh = begin(user);

    assert_int_equal(call(pamh, module.auth, 0, path, args), expect->auth);
    assert_int_equal(call(pamh, module.account, 0, path, args), expect->account);
    assert_int_equal(call(pamh, module.open, 0, path, args), expect->open);
    assert_int_equal(call(pamh, module.close, 0, path, args), PAM_SUCCESS);
    assert_int_equal(call(pamh, module.setcred, PAM_ESTABLISH_CRED, path, args), PAM_SUCCESS);
    assert_int_equal(call(pamh, module.setcred, PAM_DELETE_CRED, path, args), PAM_SUCCESS);
    assert_int_equal(call(pamh, module.chauthtok, PAM_PRELIM_CHECK, path, args), PAM_IGNORE);
    assert_int_equal(call(pamh, module.chauthtok, PAM_UPDATE_AUTHTOK, path, args), PAM_PERM_DENIED);
    assert_int_equal(pam_end(pamh, PAM_SUCCESS), PAM_SUCCESS);
}

#define ALLOW "GWP1\1\x80\0\0"
#define DENY  "GWP1\1\x81\0\0"
#define OK    "GWP1\1\x84\0\0"
#define ERRORS                                                                                     \
    {                                                                                              \
        PAM_AUTHINFO_UNAVAIL, PAM_PERM_DENIED, PAM_SESSION_ERR                                     \
    }
#define DENIED                                                                                     \
    {                                                                                              \
        PAM_AUTH_ERR, PAM_PERM_DENIED, PAM_SESSION_ERR                                             \
    }

static uint8_t oversize[PROTOCOL_REPLY_MAX + 100] = ALLOW;

static const struct {
    const char *name;
    struct fake_script script;
    struct codes expect;
} replies[] = {
    {"ALLOW opens no session", {.octets = B(ALLOW)}, {PAM_SUCCESS, PAM_SUCCESS, PAM_SESSION_ERR}},
    {"OK is no ALLOW", {.octets = B(OK)}, {PAM_AUTHINFO_UNAVAIL, PAM_PERM_DENIED, PAM_SUCCESS}},
    {"ALLOW for this login",
     {.octets = B(ALLOW "\x80\xe\0\5alice")},
     {PAM_SUCCESS, PAM_SUCCESS, PAM_SESSION_ERR}},
    {"ALLOW for another login",
     {.octets = B(ALLOW "\x80\xe\0\5Alice")},
     {PAM_AUTH_ERR, PAM_PERM_DENIED, PAM_SESSION_ERR}},
    {"ALLOW for a longer login",
     {.octets = B(ALLOW "\x80\xe\0\6alice.")},
     {PAM_AUTH_ERR, PAM_PERM_DENIED, PAM_SESSION_ERR}},
    {"DENY", {.octets = B(DENY)}, DENIED},
    {"DENY by a reason to come", {.octets = B(DENY "\0\xd\0\3xyz")}, DENIED},
    {"DENY wrong_login", {.octets = B(DENY "\0\xd\0\xbwrong_login")}, DENIED},
    {"DENY no_user",
     {.octets = B(DENY "\0\xd\0\7no_user")},
     {PAM_AUTH_ERR, PAM_USER_UNKNOWN, PAM_SESSION_ERR}},
    {"DENY cert_revoked",
     {.octets = B(DENY "\0\xd\0\xc"
                       "cert_revoked")},
     {PAM_AUTH_ERR, PAM_ACCT_EXPIRED, PAM_SESSION_ERR}},
    {"EXPIRED", {.octets = B("GWP1\1\x83\0\0")}, {PAM_AUTH_ERR, PAM_ACCT_EXPIRED, PAM_SESSION_ERR}},
    {"NONE", {.octets = B("GWP1\1\x82\0\0")}, ERRORS},
    {"ERROR", {.octets = B("GWP1\1\x85\0\0")}, ERRORS},
    {"ERR_VERSION", {.octets = B("GWP1\1\x86\0\0")}, ERRORS},
    {"unknown verdict", {.octets = B("GWP1\1\x87\0\0")}, ERRORS},
    {"the request itself", {.octets = B("GWP1\1\2\0\0")}, ERRORS},
    {"ALLOW of version 2", {.octets = B("GWP1\2\x80\0\0")}, ERRORS},
    {"ALLOW with flags", {.octets = B("GWP1\1\x80\0\1")}, ERRORS},
    {"ALLOW with an unknown condition", {.octets = B(ALLOW "\xf0\0\0\1x")}, ERRORS},
    {"ALLOW with an octet left over", {.octets = B(ALLOW "x")}, ERRORS},
    {"short reply", {.octets = B("GWP1\1\x80")}, ERRORS},
    {"no octets", {.octets = B("")}, ERRORS},
    {"oversize reply", {.octets = {oversize, sizeof(oversize)}}, ERRORS},
    {"closed", {.act = FAKE_CLOSE}, ERRORS},
    {"reset", {.act = FAKE_RESET}, ERRORS},
    {"killed with the request", {.act = FAKE_DIE}, ERRORS},
    {"nobody listens", {.act = FAKE_DEAF}, ERRORS},
    {"no socket", {.act = FAKE_MISSING}, ERRORS},
    {"others may replace the socket", {.octets = B(ALLOW), .directory_mode = 01777}, ERRORS},
    {"another uid listens", {.octets = B(ALLOW), .listener = NOBODY}, ERRORS},
};

static void each_reply_in_each_phase(void **state)
{
    struct tunnel tunnel = TUNNEL(ID_A);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
        struct fake fake;

        if (replies[i].script.listener && geteuid() != 0)
            continue;
        print_message("%s\n", replies[i].name);
        fake_start(&fake, &replies[i].script);
        call_all("alice", fake.path, tunnel_args, &replies[i].expect);
        fake_stop(&fake);
    }
    tunnel_close(&tunnel);
}

static volatile sig_atomic_t alarms;

static void count_alarm(int number)
{
    (void)number;
    alarms++;
}

/* The deadlines of the rows: 2 s, 3 s, 2 s, 1 s; a signal every millisecond moves none of them. */
static void hanging_daemon_in_a_storm(void **state)
{
    const struct codes expect = ERRORS;
    struct fake_script script = {.act = FAKE_HANG};
    struct sigaction action = {.sa_handler = count_alarm}, before;
    struct itimerval storm = {{0, 1000}, {0, 1000}}, off = {{0, 0}, {0, 0}};
    struct tunnel tunnel = TUNNEL(ID_A);
    struct fake fake;
    int64_t start_ms;

    (void)state;
    fake_start(&fake, &script);
    assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &storm, NULL), 0);
    start_ms = clock_monotonic_ms();
    call_all("alice", fake.path, tunnel_args, &expect);
    assert_int_equal(setitimer(ITIMER_REAL, &off, NULL), 0);
    assert_true(clock_monotonic_ms() - start_ms < 2000 + 3000 + 2000 + 1000 + 1500);
    assert_true(alarms > 1000);
    assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
    fake_stop(&fake);
    tunnel_close(&tunnel);
}

static void the_denied_user_reads_one_sentence(void **state)
{
    struct fake_script script = {.octets = B(DENY "\x80\xa\0\x10" ID_OCTETS "\0\xc\0\x1f"
                                                  "no rule allows this connection."
                                                  "\0\xd\0\xc"
                                                  "default_deny")};
    struct tunnel tunnel = TUNNEL(ID_A);
    struct fake fake;
    pam_handle_t *pamh = begin("alice");

    (void)state;
    fake_start(&fake, &script);
    assert_int_equal(call(pamh, module.auth, 0, fake.path, tunnel_args), PAM_AUTH_ERR);
    assert_string_equal(said,
                        "Access denied: no rule allows this connection. (decision " ID_A ")\n");
    said[0] = '\0';
    assert_int_equal(call(pamh, module.account, PAM_SILENT, fake.path, tunnel_args),
                     PAM_PERM_DENIED);
    assert_string_equal(said, "");
    (void)pam_end(pamh, PAM_SUCCESS);
    fake_stop(&fake);
    tunnel_close(&tunnel);
}

static void what_the_daemon_is_asked(void **state)
{
    struct fake_script script = {.octets = B(ALLOW "\0\x10\0\x9"
                                                   "192.0.2.7")};
    struct protocol_message request;
    struct session_id id;
    struct tunnel tunnel = TUNNEL(ID_A);
    struct fake fake;
    pam_handle_t *pamh = begin("alice");
    const void *rhost = NULL;

    (void)state;
    fake_start(&fake, &script);
    /* None of this may be looked at. */
    (void)setenv("SSH_CONNECTION", "6.6.6.6 66 7.7.7.7 77", 1);
    (void)setenv("MTLS_SESSION", ID_B, 1);
    (void)setenv("SYSTEMD_ACTIVATION_UNIT", "gatewayd.service", 1);
    assert_int_equal(call(pamh, module.auth, 0, fake.path, tunnel_args), PAM_SUCCESS);
    assert_true(fake_request(&fake, &request));
    assert_int_equal(request.kind, PROTOCOL_AUTH_TUNNEL);
    assert_true(session_id_parse(bytes_of(ID_A), &id));
    assert_true(session_id_equal(&request.session, &id));
    assert_int_equal(request.peer_uid, geteuid());
    assert_int_equal(request.phase, PHASE_AUTH);
    assert_true(bytes_equal(request.user, bytes_of("alice")));
    assert_true(bytes_equal(request.service, bytes_of("mtls-test")));
    assert_true(bytes_equal(request.rhost, bytes_of("198.51.100.1")));
    assert_int_equal(request.boot_id.len, 36);
    assert_true(request.deadline_ms <= 2000);
    assert_true(request.observe == PROTOCOL_NO_NUMBER);
    assert_int_equal(pam_get_item(pamh, PAM_RHOST, &rhost), PAM_SUCCESS);
    assert_string_equal((const char *)rhost, "192.0.2.7");
    assert_int_equal(call(pamh, module.account, 0, fake.path, tunnel_args), PAM_SUCCESS);
    assert_true(fake_request(&fake, &request));
    assert_int_equal(request.kind, PROTOCOL_ACCOUNT);
    assert_true(session_id_equal(&request.session, &id));
    assert_true(bytes_equal(request.rhost, bytes_of("192.0.2.7")));
    assert_int_equal(call(pamh, module.close, 0, fake.path, tunnel_args), PAM_SUCCESS);
    assert_true(fake_request(&fake, &request));
    assert_int_equal(request.kind, PROTOCOL_SESSION_CLOSE);
    (void)unsetenv("SSH_CONNECTION");
    (void)unsetenv("MTLS_SESSION");
    (void)unsetenv("SYSTEMD_ACTIVATION_UNIT");
    (void)pam_end(pamh, PAM_SUCCESS);
    fake_stop(&fake);
    tunnel_close(&tunnel);
}

/* ---- which descriptors count ---- */

#define NAME(lit) lit, sizeof(lit) - 1

static const struct {
    const char *rule, *name;
    size_t len;
    bool other_uid;
    int auth;
} peers[] = {
    {"the name and the uid of gatewayd", NAME("\0gatewayd/session/" ID_A), false, PAM_SUCCESS},
    {"the name, another uid", NAME("\0gatewayd/session/" ID_A), true, PAM_AUTH_ERR},
    {"no name", NAME(""), false, PAM_AUTHINFO_UNAVAIL},
    {"another name", NAME("\0gatewayd/pessimism/" ID_A), false, PAM_AUTHINFO_UNAVAIL},
    {"prefix alone", NAME("\0gatewayd/session/"), false, PAM_AUTHINFO_UNAVAIL},
    {"id too short", NAME("\0gatewayd/session/0123456789abcdef0123456789abcde"), false,
     PAM_AUTHINFO_UNAVAIL},
    {"id too long", NAME("\0gatewayd/session/" ID_A "0"), false, PAM_AUTHINFO_UNAVAIL},
    {"NUL behind the id", NAME("\0gatewayd/session/" ID_A "\0"), false, PAM_AUTHINFO_UNAVAIL},
    {"capital digits", NAME("\0gatewayd/session/0123456789ABCDEF0123456789ABCDEF"), false,
     PAM_AUTHINFO_UNAVAIL},
    {"not hexadecimal", NAME("\0gatewayd/session/g123456789abcdef0123456789abcdef"), false,
     PAM_AUTHINFO_UNAVAIL},
};

static void peers_that_count(void **state)
{
    struct fake_script script = {.octets = B(ALLOW)};
    struct fake fake;

    (void)state;
    fake_start(&fake, &script);
    for (size_t i = 0; i < ARRAY_LEN(peers); i++) {
        struct tunnel tunnel;
        pam_handle_t *pamh;

        if (peers[i].other_uid && geteuid() != 0)
            continue;
        print_message("%s\n", peers[i].rule);
        tunnel = tunnel_named(peers[i].name, peers[i].len, peers[i].other_uid ? NOBODY : 0);
        pamh = begin("alice");
        assert_int_equal(call(pamh, module.auth, 0, fake.path, tunnel_args), peers[i].auth);
        assert_int_equal(call(pamh, module.account, 0, fake.path, tunnel_args),
                         peers[i].auth == PAM_SUCCESS ? PAM_SUCCESS : PAM_PERM_DENIED);
        (void)pam_end(pamh, PAM_SUCCESS);
        tunnel_close(&tunnel);
    }
    fake_stop(&fake);
}

static void two_tunnels_are_one_too_many(void **state)
{
    const struct codes expect = DENIED;
    struct fake_script script = {.octets = B(ALLOW)};
    struct tunnel first = TUNNEL(ID_A), second = TUNNEL(ID_B);
    struct fake fake;

    (void)state;
    fake_start(&fake, &script);
    call_all("alice", fake.path, tunnel_args, &expect);
    tunnel_close(&first);
    tunnel_close(&second);
    fake_stop(&fake);
}

/* sshd has its connection twice; the client may be gone when the session is closed. */
static void duplicates_and_a_gone_client(void **state)
{
    struct fake_script script = {.octets = B(ALLOW)};
    struct tunnel tunnel = TUNNEL(ID_A);
    int again = dup(tunnel.server);
    struct fake fake;
    pam_handle_t *pamh = begin("alice");

    (void)state;
    fake_start(&fake, &script);
    assert_int_equal(call(pamh, module.auth, 0, fake.path, tunnel_args), PAM_SUCCESS);
    (void)close(tunnel.client);
    assert_int_equal(call(pamh, module.account, 0, fake.path, tunnel_args), PAM_SUCCESS);
    (void)pam_end(pamh, PAM_SUCCESS);
    (void)close(again);
    (void)close(tunnel.server);
    fake_stop(&fake);
}

/* In open_session the daemon may know the process from account: it is asked without a tunnel too.
 */
static void session_without_tunnel(void **state)
{
    const struct codes expect = {PAM_AUTHINFO_UNAVAIL, PAM_PERM_DENIED, PAM_SUCCESS};
    struct fake_script script = {.octets = B(OK)};
    struct fake fake;

    (void)state;
    fake_start(&fake, &script);
    call_all("alice", fake.path, tunnel_args, &expect);
    fake_stop(&fake);
}

/* ---- arguments ---- */

static const struct {
    const char *name, *user;
    const char *args[ARGS_MAX];
    struct codes expect;
} arguments[] = {
    {"local_users",
     "alice",
     {"mode=tunnel", "local_users=root,alice"},
     {PAM_IGNORE, PAM_IGNORE, PAM_IGNORE}},
    {"local_users: not by prefix", "alice", {"mode=tunnel", "local_users=alice2,ali"}, DENIED},
    {"local_users: not by case", "alice", {"mode=tunnel", "local_users=Alice"}, DENIED},
    {"scope: root is local",
     "root",
     {"mode=tunnel", "scope=directory-users"},
     {PAM_IGNORE, PAM_IGNORE, PAM_IGNORE}},
    {"scope: alice is not", "alice", {"mode=tunnel", "scope=directory-users"}, DENIED},
    {"scope: a line is no name", "root:x", {"mode=tunnel", "scope=directory-users"}, DENIED},
    {"scope=all", "root", {"mode=tunnel", "scope=all"}, DENIED},
    {"no method: nothing proves in auth",
     "alice",
     {NULL},
     {PAM_AUTHINFO_UNAVAIL, PAM_PERM_DENIED, PAM_SESSION_ERR}},
    {"observe: asked, not followed",
     "alice",
     {"observe=2999-01-01"},
     {PAM_IGNORE, PAM_IGNORE, PAM_IGNORE}},
    {"observe: the date is over",
     "alice",
     {"observe=2020-01-01"},
     {PAM_AUTHINFO_UNAVAIL, PAM_PERM_DENIED, PAM_SESSION_ERR}},
    {"debug", "alice", {"mode=tunnel", "debug"}, DENIED},
    {"user name with a newline", "ali\nce", {"mode=tunnel"}, ERRORS},
    {"no user", "", {"mode=tunnel"}, {PAM_AUTH_ERR, PAM_USER_UNKNOWN, PAM_SESSION_ERR}},
};

static const char *const bad_arguments[][3] = {
    {"mode=tunnels"},
    {"mode="},
    {"mode"},
    {"MODE=tunnel"},
    {"mode=tunnel", "mode=tunnel"},
    {"mode=tunnel", "observe=2999-01-01"}, /* never in the tunnel's stack */
    {"observe=1"},
    {"observe"},
    {"observe=2026-02-30"},
    {"observe=-1"},
    {"observe=always"},
    {"scope=some"},
    {"scope="},
    {"local_users="},
    {"local_users=root,"},
    {"local_users=,root"},
    {"local_users=a,,b"},
    {"debug=1"},
    {"debug", "debug"},
    {"nullok"},
    {"socket=pam.sock"},
    {"="},
    {""},
};

static void arguments_of_the_stack(void **state)
{
    struct fake_script script = {.octets = B(DENY)};
    struct tunnel tunnel = TUNNEL(ID_A);
    struct fake fake;

    (void)state;
    fake_start(&fake, &script);
    for (size_t i = 0; i < ARRAY_LEN(arguments); i++) {
        print_message("%s\n", arguments[i].name);
        call_all(arguments[i].user, fake.path, arguments[i].args, &arguments[i].expect);
    }
    fake_stop(&fake);
    tunnel_close(&tunnel);
}

static void mistakes_in_arguments_are_service_errors(void **state)
{
    const struct codes expect = {PAM_SERVICE_ERR, PAM_SERVICE_ERR, PAM_SERVICE_ERR};
    struct fake_script script = {.octets = B(ALLOW)};
    struct tunnel tunnel = TUNNEL(ID_A);
    struct fake fake;

    (void)state;
    fake_start(&fake, &script);
    for (size_t i = 0; i < ARRAY_LEN(bad_arguments); i++) {
        const char *const args[] = {bad_arguments[i][0], bad_arguments[i][1], NULL};

        print_message("%s\n", args[0]);
        call_all("alice", strncmp(args[0], "socket=", 7) == 0 ? NULL : fake.path, args, &expect);
    }
    fake_stop(&fake);
    tunnel_close(&tunnel);
}

/* The login's uid on the host must be the account's: root is 0 here, whatever a directory says. */
static const struct {
    const char *name, *user;
    struct bytes octets;
    int account;
} uids[] = {
    {"the same uid", "root", B(ALLOW "\x80\x1a\0\10\0\0\0\0\0\0\0\0"), PAM_SUCCESS},
    {"no uid", "root", B(ALLOW), PAM_SUCCESS},
    {"another uid", "root", B(ALLOW "\x80\x1a\0\10\0\0\0\0\0\0\x61\xa9"), PAM_PERM_DENIED},
    {"a uid for nobody on the host", "no-such-user", B(ALLOW "\x80\x1a\0\10\0\0\0\0\0\0\x61\xa9"),
     PAM_PERM_DENIED},
    {"a uid that is none", "root", B(ALLOW "\x80\x1a\0\10\0\0\0\0\xff\xff\xff\xff"),
     PAM_PERM_DENIED},
};

static void uid_is_that_of_the_host(void **state)
{
    struct tunnel tunnel = TUNNEL(ID_A);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(uids); i++) {
        struct fake_script script = {.octets = uids[i].octets};
        pam_handle_t *pamh = begin(uids[i].user);
        struct fake fake;

        fake_start(&fake, &script);
        if (call(pamh, module.account, 0, fake.path, tunnel_args) != uids[i].account)
            fail_msg("%s", uids[i].name);
        assert_int_equal(pam_end(pamh, PAM_SUCCESS), PAM_SUCCESS);
        fake_stop(&fake);
    }
    tunnel_close(&tunnel);
}

/* Two handles in one process, as in dovecot: nothing of one login is in the other. */
static void handles_do_not_mix(void **state)
{
    struct fake_script allow = {.octets = B(ALLOW)}, deny = {.octets = B(DENY)};
    struct tunnel tunnel = TUNNEL(ID_A);
    struct fake yes, no;
    pam_handle_t *alice = begin("alice"), *bob = begin("bob");

    (void)state;
    fake_start(&yes, &allow);
    fake_start(&no, &deny);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(call(alice, module.auth, 0, yes.path, tunnel_args), PAM_SUCCESS);
        assert_int_equal(call(bob, module.auth, 0, no.path, tunnel_args), PAM_AUTH_ERR);
        assert_int_equal(call(alice, module.account, 0, yes.path, tunnel_args), PAM_SUCCESS);
        assert_int_equal(call(bob, module.account, 0, no.path, tunnel_args), PAM_PERM_DENIED);
    }
    (void)pam_end(alice, PAM_SUCCESS);
    (void)pam_end(bob, PAM_SUCCESS);
    fake_stop(&yes);
    fake_stop(&no);
    tunnel_close(&tunnel);
}

static int load_module(void **state)
{
    void *handle = dlopen(PAM_MTLS_MODULE, RTLD_NOW | RTLD_LOCAL);
    const struct {
        const char *name;
        entry_point *entry;
    } entries[] = {
        {"pam_sm_authenticate", &module.auth}, {"pam_sm_acct_mgmt", &module.account},
        {"pam_sm_open_session", &module.open}, {"pam_sm_close_session", &module.close},
        {"pam_sm_setcred", &module.setcred},   {"pam_sm_chauthtok", &module.chauthtok},
    };

    (void)state;
    assert_non_null(handle);
    for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
        *(void **)entries[i].entry = dlsym(handle, entries[i].name);
        assert_non_null(*entries[i].entry);
    }
    /* libc keeps the log's descriptor: it is opened before anything is compared. */
    openlog("test_pam_mtls", LOG_NDELAY, LOG_AUTHPRIV);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_reply_in_each_phase),
        cmocka_unit_test(hanging_daemon_in_a_storm),
        cmocka_unit_test(uid_is_that_of_the_host),
        cmocka_unit_test(the_denied_user_reads_one_sentence),
        cmocka_unit_test(what_the_daemon_is_asked),
        cmocka_unit_test(peers_that_count),
        cmocka_unit_test(two_tunnels_are_one_too_many),
        cmocka_unit_test(duplicates_and_a_gone_client),
        cmocka_unit_test(session_without_tunnel),
        cmocka_unit_test(arguments_of_the_stack),
        cmocka_unit_test(mistakes_in_arguments_are_service_errors),
        cmocka_unit_test(handles_do_not_mix),
    };

    return cmocka_run_group_tests(tests, load_module, NULL);
}
