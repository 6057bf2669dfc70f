/* The asking side: who is believed, what is late, what is left behind in the process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/local_socket.h"
#include "tests/unit/fake_decide.h"
#include "tests/unit/process_state.h"

#include <sys/time.h>

#define B(lit)                                                                                     \
    {                                                                                              \
        (const uint8_t *)(lit), sizeof(lit) - 1                                                    \
    }
#define OK_REPLY "GWP1\1\x84\0\0"
enum { NOBODY = 65534, DEADLINE_MS = 400, SLACK_MS = 400 };

static uint8_t oversize[PROTOCOL_REPLY_MAX + 100] = OK_REPLY;

static const struct {
    const char *name;
    struct fake_script script;
    enum reason reason; /* OK: there must be a reply */
    bool root;          /* only root can set the case up */
} cases[] = {
    {"an answer", {.act = FAKE_REPLY, .octets = B(OK_REPLY)}, REASON_OK, false},
    {"a refusal is an answer",
     {.act = FAKE_REPLY, .octets = B("GWP1\1\x81\0\0")},
     REASON_OK,
     false},
    {"sticky directory of the socket",
     {.act = FAKE_REPLY, .octets = B(OK_REPLY), .directory_mode = 01777},
     REASON_DAEMON_UNTRUSTED,
     false},
    {"group may write to the directory",
     {.act = FAKE_REPLY, .octets = B(OK_REPLY), .directory_mode = 0775},
     REASON_DAEMON_UNTRUSTED,
     false},
    {"others may write to the directory",
     {.act = FAKE_REPLY, .octets = B(OK_REPLY), .directory_mode = 0757},
     REASON_DAEMON_UNTRUSTED,
     false},
    {"another uid listens",
     {.act = FAKE_REPLY, .octets = B(OK_REPLY), .listener = NOBODY},
     REASON_DAEMON_UNTRUSTED,
     true},
    {"the socket's owner listens",
     {.act = FAKE_REPLY, .octets = B(OK_REPLY), .listener = NOBODY, .owner = NOBODY},
     REASON_OK,
     true},
    {"root listens for the owner",
     {.act = FAKE_REPLY, .octets = B(OK_REPLY), .owner = NOBODY},
     REASON_OK,
     true},
    {"no socket", {.act = FAKE_MISSING}, REASON_DAEMON_AWAY, false},
    {"nobody listens", {.act = FAKE_DEAF}, REASON_DAEMON_AWAY, false},
    {"nobody accepts", {.act = FAKE_FULL}, REASON_DAEMON_AWAY, false},
    {"no answer", {.act = FAKE_HANG}, REASON_DAEMON_AWAY, false},
    {"closed after the request", {.act = FAKE_CLOSE}, REASON_DAEMON_AWAY, false},
    {"closed before the request", {.act = FAKE_RESET}, REASON_DAEMON_AWAY, false},
    {"killed with the request", {.act = FAKE_DIE}, REASON_DAEMON_AWAY, false},
    {"empty reply", {.act = FAKE_REPLY, .octets = B("")}, REASON_DAEMON_AWAY, false},
    {"short reply", {.act = FAKE_REPLY, .octets = B("GWP1\1")}, REASON_MSG_MALFORMED, false},
    {"garbage",
     {.act = FAKE_REPLY, .octets = B("HTTP/1.1 200 OK\r\n")},
     REASON_MSG_MALFORMED,
     false},
    {"a request comes back",
     {.act = FAKE_REPLY, .octets = B("GWP1\1\1\0\0")},
     REASON_MSG_MALFORMED,
     false},
    {"unknown kind",
     {.act = FAKE_REPLY, .octets = B("GWP1\1\xfe\0\0")},
     REASON_MSG_MALFORMED,
     false},
    {"oversize reply",
     {.act = FAKE_REPLY, .octets = {oversize, sizeof(oversize)}},
     REASON_MSG_MALFORMED,
     false},
    {"version 2", {.act = FAKE_REPLY, .octets = B("GWP1\2\x84\0\0")}, REASON_MSG_VERSION, false},
    {"ERR_VERSION", {.act = FAKE_REPLY, .octets = B("GWP1\1\x86\0\0")}, REASON_MSG_VERSION, false},
    {"unknown critical field",
     {.act = FAKE_REPLY, .octets = B(OK_REPLY "\xf0\0\0\0")},
     REASON_MSG_MALFORMED,
     false},
};

static void ask(const char *path, enum reason reason)
{
    char before[PROCESS_STATE_MAX], after[PROCESS_STATE_MAX];
    AUTO(local_reply_clear) struct local_reply reply = {0};
    struct protocol_message request;
    struct error err = {0};
    int64_t start_ms = clock_monotonic_ms();
    bool ok;

    protocol_message_init(&request, PROTOCOL_PING);
    errno = 77;
    process_state(before);
    ok = local_socket_ask(path, LOCAL_TRUST_OWN, &request, start_ms + DEADLINE_MS, &reply, &err);
    process_state(after);
    assert_string_equal(before, after);
    if (!ok && err.reason != reason)
        print_message("%s: %s\n", reason_name(err.reason), err.detail);
    assert_int_equal(ok, reason == REASON_OK);
    if (!ok)
        assert_int_equal(err.reason, reason);
    assert_true(clock_monotonic_ms() - start_ms < DEADLINE_MS + SLACK_MS);
}

static void run_cases(void)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fake fake;

        if (cases[i].root && geteuid() != 0)
            continue;
        print_message("%s\n", cases[i].name);
        fake_start(&fake, &cases[i].script);
        ask(fake.path, cases[i].reason);
        fake_stop(&fake);
    }
}

static void who_is_believed(void **state)
{
    (void)state;
    run_cases();
}

static volatile sig_atomic_t alarms;

static void count_alarm(int number)
{
    (void)number;
    alarms++;
}

/* Each wait is interrupted every millisecond: all the same answers, none of them later. */
static void signals_do_not_move_the_deadline(void **state)
{
    struct sigaction action = {.sa_handler = count_alarm}, before;
    struct itimerval storm = {{0, 1000}, {0, 1000}}, off = {{0, 0}, {0, 0}};

    (void)state;
    assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &storm, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fake fake;

        if (cases[i].root && geteuid() != 0)
            continue;
        assert_int_equal(setitimer(ITIMER_REAL, &off, NULL), 0);
        fake_start(&fake, &cases[i].script);
        assert_int_equal(setitimer(ITIMER_REAL, &storm, NULL), 0);
        ask(fake.path, cases[i].reason);
        assert_int_equal(setitimer(ITIMER_REAL, &off, NULL), 0);
        fake_stop(&fake);
    }
    assert_true(alarms > 100);
    assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
}

static const struct {
    const char *path;
    enum reason reason;
} paths[] = {
    {"", REASON_DAEMON_UNTRUSTED},
    {"/", REASON_DAEMON_UNTRUSTED},
    {"pam.sock", REASON_DAEMON_UNTRUSTED},
    {"/run/../run/pam.sock", REASON_DAEMON_UNTRUSTED},
    {"/./run/pam.sock", REASON_DAEMON_UNTRUSTED},
    {"/var/run/no/such.sock", REASON_DAEMON_UNTRUSTED}, /* /var/run is a link */
    {"/tmp/pam.sock", REASON_DAEMON_UNTRUSTED},         /* anybody can make it there */
    {"/etc/passwd", REASON_DAEMON_UNTRUSTED},
    {"/etc/passwd/pam.sock", REASON_DAEMON_UNTRUSTED},
    {"/no/such/directory/pam.sock", REASON_DAEMON_AWAY},
    {"/etc/no-such.sock", REASON_DAEMON_AWAY},
};

static void ways_that_are_not_taken(void **state)
{
    char too_long[300];
    uid_t owner;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct error err = {0};

        print_message("%s\n", paths[i].path);
        assert_false(local_socket_owner(paths[i].path, LOCAL_TRUST_ROOT, &owner, &err));
        assert_int_equal(err.reason, paths[i].reason);
        ask(paths[i].path, paths[i].reason);
    }
    memset(too_long, 'a', sizeof(too_long));
    too_long[0] = '/';
    too_long[sizeof(too_long) - 1] = '\0';
    ask(too_long, REASON_DAEMON_UNTRUSTED);
}

/* A user squats a directory in /tmp while the daemon is down. */
static void directory_of_another_user(void **state)
{
    struct fake_script script = {.act = FAKE_REPLY, .octets = B(OK_REPLY)};
    struct error err = {0};
    struct fake fake;
    uid_t owner;

    (void)state;
    if (geteuid() != 0)
        skip();
    fake_start(&fake, &script);
    assert_int_equal(chown(fake.directory, NOBODY, NOBODY), 0);
    assert_false(local_socket_owner(fake.path, LOCAL_TRUST_OWN, &owner, &err));
    assert_int_equal(err.reason, REASON_DAEMON_UNTRUSTED);
    ask(fake.path, REASON_DAEMON_UNTRUSTED);
    fake_stop(&fake);
}

static void the_request_arrives(void **state)
{
    struct fake_script script = {.act = FAKE_REPLY, .octets = B(OK_REPLY)};
    AUTO(local_reply_clear) struct local_reply reply = {0};
    struct protocol_message request, came;
    struct error err;
    struct fake fake;

    (void)state;
    fake_start(&fake, &script);
    protocol_message_init(&request, PROTOCOL_CTL_LOCK_ADD);
    request.lock_kind = bytes_of("user");
    request.lock_value = bytes_of("alice");
    assert_true(local_socket_ask(fake.path, LOCAL_TRUST_OWN, &request,
                                 local_socket_deadline_ms(PROTOCOL_CTL_LOCK_ADD), &reply, &err));
    assert_int_equal(reply.message.kind, PROTOCOL_OK);
    assert_true(fake_request(&fake, &came));
    assert_int_equal(came.kind, PROTOCOL_CTL_LOCK_ADD);
    assert_true(bytes_equal(came.lock_value, bytes_of("alice")));
    assert_true(came.deadline_ms > 4000 && came.deadline_ms <= 5000);
    fake_stop(&fake);
}

/* A request that breaks its form is not sent at all. */
static void unclean_request(void **state)
{
    struct fake_script script = {.act = FAKE_REPLY, .octets = B(OK_REPLY)};
    AUTO(local_reply_clear) struct local_reply reply = {0};
    struct protocol_message request;
    struct error err;
    struct fake fake;

    (void)state;
    fake_start(&fake, &script);
    protocol_message_init(&request, PROTOCOL_ACCOUNT);
    request.user = bytes_of("alice\nroot");
    assert_false(local_socket_ask(fake.path, LOCAL_TRUST_OWN, &request,
                                  local_socket_deadline_ms(PROTOCOL_ACCOUNT), &reply, &err));
    assert_int_equal(err.reason, REASON_MSG_MALFORMED);
    assert_null(reply.octets);
    fake_stop(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_believed),
        cmocka_unit_test(signals_do_not_move_the_deadline),
        cmocka_unit_test(ways_that_are_not_taken),
        cmocka_unit_test(directory_of_another_user),
        cmocka_unit_test(the_request_arrives),
        cmocka_unit_test(unclean_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
