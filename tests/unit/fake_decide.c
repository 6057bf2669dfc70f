/* The stand-in for decide. Test code: asserts instead of handling errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/fake_decide.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void answer(int fd, const struct fake_script *script, int requests)
{
    uint8_t in[PROTOCOL_REQUEST_MAX];
    int room = 1 << 20;
    ssize_t n;

    if (script->act == FAKE_RESET)
        return;
    n = recv(fd, in, sizeof(in), 0);
    if (n > 0 && write(requests, in, (size_t)n) != n)
        _exit(9);
    if (script->act == FAKE_DIE)
        (void)kill(getpid(), SIGKILL);
    if (script->act == FAKE_HANG)
        (void)pause();
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    if (script->act == FAKE_REPLY)
        (void)send(fd, script->octets.at, script->octets.len, MSG_NOSIGNAL);
}

static void serve(int listener, const struct fake_script *script, int requests)
{
    for (;;) {
        int fd = accept(listener, NULL, NULL);

        if (fd < 0)
            continue;
        answer(fd, script, requests);
        (void)close(fd);
    }
}

static void fill_backlog(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};

    (void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
    for (;;) {
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);

        if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
            return;
    }
}

static void child(const struct fake *fake, const struct fake_script *script, int ready,
                  int requests)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGALRM, SIG_IGN);
    (void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", fake->path);
    if (script->act != FAKE_MISSING && bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0)
        _exit(1);
    if (script->act != FAKE_MISSING && chmod(fake->path, 0666) < 0)
        _exit(2);
    if (script->owner && chown(fake->path, script->owner, (gid_t)-1) < 0)
        _exit(3);
    if (script->listener && setresuid(script->listener, script->listener, script->listener) < 0)
        _exit(4);
    if (script->act != FAKE_DEAF && script->act != FAKE_MISSING && listen(listener, 1) < 0)
        _exit(5);
    if (script->act == FAKE_FULL)
        fill_backlog(fake->path);
    if (write(ready, "", 1) != 1)
        _exit(6);
    if (script->act == FAKE_DEAF || script->act == FAKE_MISSING || script->act == FAKE_FULL)
        for (;;)
            (void)pause();
    serve(listener, script, requests);
}

void fake_start(struct fake *fake, const struct fake_script *script)
{
    int ready[2], requests[2];
    char octet;

    (void)snprintf(fake->directory, sizeof(fake->directory), "/tmp/fake_decide.XXXXXX");
    assert_non_null(mkdtemp(fake->directory));
    assert_int_equal(chmod(fake->directory, script->directory_mode ? script->directory_mode : 0755),
                     0);
    (void)snprintf(fake->path, sizeof(fake->path), "%s/pam.sock", fake->directory);
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(requests), 0);
    fake->pid = fork();
    assert_true(fake->pid >= 0);
    if (fake->pid == 0) {
        child(fake, script, ready[1], requests[1]);
        _exit(0);
    }
    (void)close(ready[1]);
    (void)close(requests[1]);
    fake->requests = requests[0];
    assert_int_equal(read(ready[0], &octet, 1), 1);
    (void)close(ready[0]);
}

bool fake_request(struct fake *fake, struct protocol_message *ret_msg)
{
    static uint8_t in[PROTOCOL_REQUEST_MAX];
    ssize_t n = read(fake->requests, in, sizeof(in));

    return n > 0 && protocol_decode_request((struct bytes){in, (size_t)n}, ret_msg, NULL);
}

void fake_stop(struct fake *fake)
{
    (void)kill(fake->pid, SIGKILL);
    assert_int_equal(waitpid(fake->pid, NULL, 0), fake->pid);
    (void)close(fake->requests);
    (void)unlink(fake->path);
    assert_int_equal(rmdir(fake->directory), 0);
}
