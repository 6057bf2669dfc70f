/*
 * Logins through a tunnel as somebody who wants more than he may have would try them, and what
 * operators see of it. decide as a whole, seen from the other ends of its channels.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/clock.h"
#include "decide_world.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ALICE "alice@corp.example"
static const char allow_admins[] = "rule \"admins\" { groups = {\"admins\"} }\n";
static const char allow_nobody[] = "rule \"nobody\" { users = {\"nobody\"} }\n";

enum { STRANGER = 65534, CROWD = 1000, PINGS = 21, PATH_LEN = 108 /* of sun_path, unix(7) */ };

static void request_of(enum protocol_kind kind, const char *user, const struct session_id *session,
                       struct protocol_message *ret_request)
{
    protocol_message_init(ret_request, kind);
    ret_request->user = bytes_of(user);
    ret_request->service = bytes_of("sshd-gw");
    ret_request->session = *session;
}

static void pam(struct world *world, enum protocol_kind kind, const char *user,
                const struct session_id *session, struct protocol_message *ret_reply)
{
    struct protocol_message request;

    request_of(kind, user, session, &request);
    world_ask(world, "pam.sock", &request, ret_reply);
}

static void expect_reply(const struct protocol_message *reply, enum protocol_kind kind,
                         enum reason reason)
{
    if (reply->kind != kind ||
        (reason != REASON_OK && !bytes_equal(reply->reason, bytes_of(reason_name(reason)))))
        fail_msg("%s %.*s", protocol_kind_name(reply->kind), (int)reply->reason.len,
                 (const char *)reply->reason.at);
}

static struct world *alice_waits(struct session_id *ret_id)
{
    struct world *world = world_new(allow_admins);
    struct world_verdict *verdict = world_connect(world, 1, ALICE, "ssh");

    assert_int_equal(verdict->reason, REASON_OK);
    *ret_id = verdict->session;
    return world;
}

static void log_in(struct world *world, const struct session_id *id)
{
    struct protocol_message reply;

    pam(world, PROTOCOL_AUTH_TUNNEL, "alice", id, &reply);
    expect_reply(&reply, PROTOCOL_ALLOW, REASON_OK);
    pam(world, PROTOCOL_ACCOUNT, "alice", id, &reply);
    expect_reply(&reply, PROTOCOL_ALLOW, REASON_OK);
    pam(world, PROTOCOL_SESSION_OPEN, "alice", id, &reply);
    expect_reply(&reply, PROTOCOL_OK, REASON_OK);
}

/* --- the host's own accounts --- */

/* Whose uid a login must have is told where the login is the account. */
static void test_account_tells_the_uid(void **state)
{
    struct session_id id;
    struct world *world = alice_waits(&id);
    struct protocol_message reply;

    (void)state;
    pam(world, PROTOCOL_AUTH_TUNNEL, "alice", &id, &reply);
    expect_reply(&reply, PROTOCOL_ALLOW, REASON_OK);
    assert_true(reply.uid == PROTOCOL_NO_NUMBER);
    pam(world, PROTOCOL_ACCOUNT, "alice", &id, &reply);
    expect_reply(&reply, PROTOCOL_ALLOW, REASON_OK);
    assert_int_equal(reply.uid, 2001);
    world_free(world);
}

static const struct {
    const char *name;
    enum file_kind kind;
    const char *text;
} hosts[] = {
    {"her name", FILE_LOCAL_USERS, "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/:/bin/sh\n"},
    {"her uid", FILE_LOCAL_USERS, "root:x:0:0::/root:/bin/sh\nlaptop:x:2001:2001::/:/bin/sh\n"},
    {"her gid", FILE_LOCAL_GROUPS, "root:x:0:\nlaptop:x:5000:\n"},
};

/* An account that came to be one of the host too: refused from now on, and nobody stays. */
static void test_local_account_is_nobody_elses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct world *world = world_new(allow_admins);

        assert_int_equal(world_connect(world, 1, ALICE, "echo")->reason, REASON_OK);
        world_local_names(world, hosts[i].kind, hosts[i].text);
        world_wait(world, 20);
        assert_int_equal(world->n_ends, 1);
        if (world_connect(world, 2, ALICE, "echo")->reason != REASON_ACCOUNT_INVALID)
            fail_msg("%s", hosts[i].name);
        assert_non_null(strstr(world_last(world, "deny")->detail, "of this host"));
        world_free(world);
    }
}

/* --- what operators see ----------------------------------------------------------------------- */

static void test_refusal_is_told(void **state)
{
    struct session_id id;
    struct world *world = alice_waits(&id);
    struct protocol_message reply;
    struct writer status = writer_new(60000);

    (void)state;
    pam(world, PROTOCOL_AUTH_TUNNEL, "bob", &id, &reply);
    expect_reply(&reply, PROTOCOL_DENY, REASON_WRONG_LOGIN);
    assert_true(status_print(world->decide, bytes_of("{}"), &status));
    assert_non_null(memmem(status.at, status.len, "\"login\":\"bob\"", 13));
    assert_non_null(memmem(status.at, status.len, "\"reason\":\"wrong_login\"", 22));
    writer_clear(&status);
    world_close(world, 1, 1, 2);
    world_wait(world, 20);
    assert_string_equal(world_last(world, "close")->reason, "wrong_login");
    assert_string_equal(world_last(world, "close")->detail, "login name bob");
    world_free(world);
}

static void test_login_without_a_tunnel(void **state)
{
    struct world *world = world_new(allow_admins);
    const struct session_id nobody = {{1, 2, 3}};
    struct protocol_message reply;

    (void)state;
    pam(world, PROTOCOL_AUTH_TUNNEL, "alice", &nobody, &reply);
    expect_reply(&reply, PROTOCOL_DENY, REASON_NOT_A_TUNNEL);
    world_wait(world, 20);
    assert_string_equal(world_last(world, "pam")->reason, "not_a_tunnel");
    assert_string_equal(world_last(world, "pam")->confirms, "alice");
    assert_int_equal(world->decide->denials[0].reason, REASON_NOT_A_TUNNEL);
    pam(world, PROTOCOL_SESSION_CLOSE, "alice", &nobody, &reply);
    world_wait(world, 20);
    assert_int_equal(world_count(world, "pam"), 1);
    world_free(world);
}

static void test_refusal_is_forgotten_after_a_login(void **state)
{
    struct session_id id;
    struct world *world = alice_waits(&id);
    struct protocol_message reply;

    (void)state;
    pam(world, PROTOCOL_AUTH_TUNNEL, "bob", &id, &reply);
    log_in(world, &id);
    pam(world, PROTOCOL_AUTH_TUNNEL, "bob", &id, &reply);
    expect_reply(&reply, PROTOCOL_DENY, REASON_ALREADY_CONFIRMED);
    world_close(world, 1, 1, 2);
    world_wait(world, 20);
    assert_string_equal(world_last(world, "close")->reason, "client_closed");
    world_free(world);
}

static void load_and_answer(struct world *world)
{
    struct message_answer answer = {.cookie = world->ask_cookie, .reason = REASON_OK};

    world_policy(world, allow_nobody);
    assert_true(channel_send(world->parent, MESSAGE_ANSWER, &answer, -1));
}

static void test_reload_tells_what_is_held(void **state)
{
    static const char line[] = "25 sessions held: gatewayctl sessions end --pending";
    struct world *world = world_new(allow_admins);
    struct protocol_message request, reply;

    (void)state;
    for (uint64_t i = 1; i <= 25; i++)
        assert_int_equal(world_connect(world, i, ALICE, "echo")->reason, REASON_OK);
    world->on_ask = load_and_answer;
    protocol_message_init(&request, PROTOCOL_CTL_RELOAD);
    world_ask(world, "control.sock", &request, &reply);
    assert_int_equal(reply.kind, PROTOCOL_OK);
    assert_int_equal(reply.row.n, 1);
    assert_true(bytes_equal(reply.row.at[0], bytes_of(line)));
    world_free(world);
}

/* --- more than one may have ------------------------------------------------------------------- */

/* A verdict that a new decide merely keeps must not open a login under another name. */
static void test_nothing_to_judge_by(void **state)
{
    struct world *world = world_new(allow_admins);
    struct message_open open = world_open_message(1, ALICE, "ssh");
    struct message_resume resume = {.open = {NULL, 0}};
    struct message_resume_done done = {.count = 1};
    struct writer octets = writer_new(MESSAGE_MAX);
    struct protocol_message reply;

    (void)state;
    assert_true(channel_send(world->edge, MESSAGE_OPEN, &open, -1));
    world_wait(world, 50);
    message_encode(MESSAGE_OPEN, &open, &octets);
    resume.open = writer_bytes(&octets);
    resume.session = world->verdicts[0].session;
    world_restart(world);
    assert_true(channel_send(world->edge, MESSAGE_RESUME, &resume, world->verdicts[0].fd));
    assert_true(channel_send(world->edge, MESSAGE_RESUME_DONE, &done, -1));
    world_wait(world, 10);
    pam(world, PROTOCOL_AUTH_TUNNEL, "root", &resume.session, &reply);
    expect_reply(&reply, PROTOCOL_DENY, REASON_POLICY_MISSING);
    world_policy(world, allow_admins);
    world_wait(world, 10);
    pam(world, PROTOCOL_AUTH_TUNNEL, "root", &resume.session, &reply);
    expect_reply(&reply, PROTOCOL_DENY, REASON_DIRECTORY_STALE);
    assert_int_equal(world->n_ends, 0);
    world_people(world, clock_realtime_ms());
    world_wait(world, 10);
    pam(world, PROTOCOL_AUTH_TUNNEL, "root", &resume.session, &reply);
    expect_reply(&reply, PROTOCOL_DENY, REASON_WRONG_LOGIN);
    log_in(world, &resume.session);
    writer_clear(&octets);
    free((void *)open.leaf.at);
    world_free(world);
}

static struct config_service *service_of(struct world *world, const char *title)
{
    for (size_t i = 0; i < world->config->n_service; i++)
        if (strcmp(world->config->service[i].title, title) == 0)
            return &world->config->service[i];
    return NULL;
}

/* The service no longer asks for a login while one waits: any name would do by its rules. */
static void test_confirmation_is_switched_off(void **state)
{
    struct session_id id;
    struct world *world = alice_waits(&id);
    struct protocol_message reply;

    (void)state;
    service_of(world, "ssh")->confirm = CONFIG_CONFIRM_OFF;
    world_policy(world, allow_admins);
    world_wait(world, 20);
    pam(world, PROTOCOL_AUTH_TUNNEL, "root", &id, &reply);
    expect_reply(&reply, PROTOCOL_DENY, REASON_NOT_A_TUNNEL);
    world_free(world);
}

static void test_confirmation_is_switched_on(void **state)
{
    struct world *world = world_new(allow_admins);

    (void)state;
    assert_int_equal(world_connect(world, 1, ALICE, "echo")->reason, REASON_OK);
    service_of(world, "echo")->confirm = CONFIG_CONFIRM_PAM;
    world_policy(world, allow_admins);
    world_wait(world, 20);
    assert_false(world_session(world, 1)->provisional); /* it would wait for ever */
    world_free(world);
}

/* In a process of an ordinary user; sends a request unless it is NULL. */
static int stranger_connects(const char *path, const struct protocol_message *request)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    struct writer out = writer_new(PROTOCOL_REQUEST_MAX);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof(sa.sun_path))
        _exit(2);
    memcpy(sa.sun_path, path, strlen(path) + 1);
    if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0)
        _exit(2);
    if (request)
        protocol_encode(request, &out);
    if (request && send(fd, out.at, out.len, 0) != (ssize_t)out.len)
        _exit(3);
    writer_clear(&out);
    return fd;
}

/* Lets every user reach pam.sock; false where this process cannot become another user. */
static bool open_to_strangers(struct world *world, char path[PATH_LEN])
{
    (void)snprintf(path, PATH_LEN, "%s/pam.sock", world->dir);
    return geteuid() == 0 && chmod(world->dir, 0711) == 0 && chmod(path, 0666) == 0;
}

static void become(uid_t uid)
{
    if (setresgid(uid, uid, uid) != 0 || setresuid(uid, uid, uid) != 0)
        _exit(1);
}

/* The user's own hand must not take the login out of reach of a lock. */
static void test_user_closes_the_login(void **state)
{
    struct session_id id;
    struct world *world = alice_waits(&id);
    struct protocol_message request;
    char path[PATH_LEN];
    int status = -1;
    pid_t child;

    (void)state;
    if (!open_to_strangers(world, path)) {
        world_free(world);
        skip();
    }
    log_in(world, &id);
    request_of(PROTOCOL_SESSION_CLOSE, "alice", &id, &request);
    child = fork();
    if (child == 0) {
        uint8_t in[512];

        become(2001);
        _exit(recv(stranger_connects(path, &request), in, sizeof(in), 0) > 0 ? 0 : 4);
    }
    while (waitpid(child, &status, WNOHANG) == 0)
        world_wait(world, 1);
    assert_int_equal(status, 0);
    assert_int_equal(world_session(world, 1)->login_uid, 2001);
    assert_int_equal(world_session(world, 1)->pam, SESSION_PAM_OPENED);
    world_free(world);
}

static int64_t median(int64_t *values, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0 && values[k] < values[k - 1]; k--) {
            int64_t other = values[k];

            values[k] = values[k - 1];
            values[k - 1] = other;
        }
    return values[n / 2];
}

/* The median, because the machine may be busy with other things for a moment. */
static void test_crowd_delays_nobody(void **state)
{
    struct session_id id;
    struct world *world = alice_waits(&id);
    struct protocol_message request, reply;
    int64_t took_ms[PINGS];
    char path[PATH_LEN];
    pid_t child;

    (void)state;
    if (!open_to_strangers(world, path)) {
        world_free(world);
        skip();
    }
    protocol_message_init(&request, PROTOCOL_PING);
    child = fork();
    if (child == 0) {
        become(STRANGER);
        for (size_t i = 0; i < CROWD; i++)
            (void)stranger_connects(path, NULL);
        for (;;)
            (void)pause();
    }
    while (local_server_count(world->decide->pam) < LOCAL_PER_UID_MAX)
        world_step(world);
    for (size_t i = 0; i < PINGS; i++) {
        int64_t begin_ms = clock_monotonic_ms();

        world_ask(world, "pam.sock", &request, &reply);
        took_ms[i] = clock_monotonic_ms() - begin_ms;
        expect_reply(&reply, PROTOCOL_OK, REASON_OK);
        world_wait(world, 5);
    }
    assert_true(median(took_ms, PINGS) <= 50);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    log_in(world, &id);
    world_free(world);
}

/* What the guard holds does not outlive the time that it was allowed for. */
static void test_held_sessions_end_in_time(void **state)
{
    struct world *world = world_new_empty(world_config);
    char policy[128], until[32];
    time_t end = time(NULL) + 2;
    struct tm tm;

    (void)state;
    (void)strftime(until, sizeof(until), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&end, &tm));
    (void)snprintf(policy, sizeof(policy), "rule \"r\" { users = {\"alice\"} until = \"%s\" }\n",
                   until);
    world_policy(world, policy);
    world_people(world, clock_realtime_ms());
    world_wait(world, 10);
    for (uint64_t i = 1; i <= 25; i++)
        assert_int_equal(world_connect(world, i, ALICE, "echo")->reason, REASON_OK);
    world_policy(world, allow_nobody);
    world_wait(world, 30);
    assert_int_equal(world->n_ends, 0);
    assert_int_equal(reevaluate_count_pending(world->decide), 25);
    while (time(NULL) <= end)
        world_wait(world, 50);
    world_wait(world, 100);
    assert_int_equal(world->n_ends, 25);
    assert_string_equal(world->decide->alarm, "");
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_account_tells_the_uid),
        cmocka_unit_test(test_local_account_is_nobody_elses),
        cmocka_unit_test(test_refusal_is_told),
        cmocka_unit_test(test_login_without_a_tunnel),
        cmocka_unit_test(test_refusal_is_forgotten_after_a_login),
        cmocka_unit_test(test_reload_tells_what_is_held),
        cmocka_unit_test(test_nothing_to_judge_by),
        cmocka_unit_test(test_confirmation_is_switched_off),
        cmocka_unit_test(test_confirmation_is_switched_on),
        cmocka_unit_test(test_user_closes_the_login),
        cmocka_unit_test(test_crowd_delays_nobody),
        cmocka_unit_test(test_held_sessions_end_in_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
