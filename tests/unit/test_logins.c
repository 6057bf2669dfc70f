/* Logins: only a process that was verified when its session was opened is ended, and for sure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/macros.h"
#include "gatewayd/parent/logins.h"
#include "gatewayd/parent/proc_files.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct session_id session = {{1, 2, 3}};

/* A process that waits; deaf: it ignores SIGHUP. Its name tries to look like other fields. */
static pid_t sleeper(bool deaf)
{
    int ready[2];
    pid_t pid;
    char octet;

    assert_int_equal(pipe(ready), 0);
    pid = fork();
    if (pid == 0) {
        (void)signal(SIGHUP, deaf ? SIG_IGN : SIG_DFL);
        (void)prctl(PR_SET_NAME, ") S 1 (x) 2 3");
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)!write(ready[1], "", 1);
        for (;;)
            (void)pause();
    }
    assert_int_equal(read(ready[0], &octet, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

/* The signal that ends it within three seconds, while the loop runs; 0 when it lives on. */
static int ended_by(struct parent *parent, pid_t pid, int64_t wait_ms)
{
    int64_t end_ms = clock_monotonic_ms() + wait_ms;
    int status;

    while (clock_monotonic_ms() < end_ms) {
        (void)ev_run(parent->loop, EVRUN_NOWAIT);
        if (waitpid(pid, &status, WNOHANG) == pid)
            return WTERMSIG(status);
        usleep(5000);
    }
    return 0;
}

static struct parent make(void)
{
    return (struct parent){.loop = ev_loop_new(EVFLAG_NOTIMERFD | EVFLAG_NOENV)};
}

static void clear(struct parent *parent)
{
    logins_free(parent);
    ev_loop_destroy(parent->loop);
}

static uint64_t start_time_of(pid_t pid)
{
    uint64_t ticks = 0;

    assert_true(proc_start_time((uint32_t)pid, &ticks));
    return ticks;
}

static void end(pid_t pid)
{
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

static void test_whois(void **state)
{
    struct message_whois whois = {.cookie = 7};
    struct message_peer peer;
    pid_t pid = sleeper(false);

    (void)state;
    whois.pid = (uint32_t)pid;
    peer = logins_whois(&whois);
    assert_int_equal(peer.cookie, 7);
    assert_true(peer.same_namespaces);
    assert_true(peer.start_time > 0 && peer.start_time == start_time_of(pid));
    end(pid);
    peer = logins_whois(&whois);
    assert_false(peer.same_namespaces);
    assert_int_equal(peer.start_time, 0);
}

static void test_kill(void **state)
{
    static const struct {
        bool deaf;
        int signal;
    } cases[] = {{false, SIGHUP}, {true, SIGKILL}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct parent parent = make();
        pid_t pid = sleeper(cases[i].deaf);
        struct message_login_opened opened = {
            .session = session, .pid = (uint32_t)pid, .start_time = start_time_of(pid)};

        logins_opened(&parent, &opened);
        assert_int_equal(parent.n_logins, 1);
        logins_opened(&parent, &opened); /* once */
        assert_int_equal(parent.n_logins, 1);
        logins_kill(&parent, &session);
        assert_int_equal(ended_by(&parent, pid, 3000), cases[i].signal);
        clear(&parent);
    }
}

static void test_not_killed(void **state)
{
    struct parent parent = make();
    struct session_id other = {{9}};
    pid_t pid = sleeper(false);
    struct message_login_opened opened = {
        .session = session, .pid = (uint32_t)pid, .start_time = start_time_of(pid) + 1};

    (void)state;
    logins_opened(&parent, &opened); /* another process had this number */
    assert_int_equal(parent.n_logins, 0);
    logins_kill(&parent, &session);
    opened.start_time--;
    logins_opened(&parent, &opened);
    assert_int_equal(parent.n_logins, 1);
    logins_kill(&parent, &other); /* another session */
    logins_closed(&parent, &session);
    assert_int_equal(parent.n_logins, 0);
    logins_kill(&parent, &session); /* closed */
    assert_int_equal(ended_by(&parent, pid, 200), 0);
    opened.pid = 1; /* never init */
    assert_true(proc_start_time(1, &opened.start_time));
    logins_opened(&parent, &opened);
    assert_int_equal(parent.n_logins, 0);
    end(pid);
    clear(&parent);
}

static void test_forgotten_when_it_ends(void **state)
{
    struct parent parent = make();
    pid_t pid = sleeper(false);
    struct message_login_opened opened = {
        .session = session, .pid = (uint32_t)pid, .start_time = start_time_of(pid)};

    (void)state;
    logins_opened(&parent, &opened);
    end(pid);
    for (int i = 0; i < 100 && parent.n_logins > 0; i++) {
        (void)ev_run(parent.loop, EVRUN_NOWAIT);
        usleep(5000);
    }
    assert_int_equal(parent.n_logins, 0);
    clear(&parent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whois),
        cmocka_unit_test(test_kill),
        cmocka_unit_test(test_not_killed),
        cmocka_unit_test(test_forgotten_when_it_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
