/*
 * Sandboxes of the roles, each in a process of its own: what is granted works, what is not kills.
 * The whole program is tried by tests/system/sandbox_inside.sh.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/macros.h"
#include "gatewayd/shared/sandbox.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum act { WRITE, SOCKET, OPEN, OPEN_DIR, EXEC, NEW_CODE, MEMFD };

static int act(enum act what, int dir)
{
    switch (what) {
    case WRITE:
        return write(STDERR_FILENO, "", 0) < 0;
    case SOCKET:
        return socket(AF_INET, SOCK_STREAM, 0) < 0;
    case OPEN:
        return open("/etc/passwd", O_RDONLY) < 0;
    case OPEN_DIR:
        return openat(dir, "passwd", O_RDONLY) < 0;
    case EXEC:
        return execl("/bin/true", "true", (char *)NULL) < 0;
    case NEW_CODE:
        return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
               MAP_FAILED;
    case MEMFD:
        return memfd_create("x", MFD_CLOEXEC) < 0;
    }
    return 2;
}

/* Exit status of the act inside of the sandbox: 0 possible, 1 refused; 100 + signal when killed. */
static int inside(enum process_role role, enum act what)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        struct sandbox sandbox = {.role = role, .max_files = 256};
        int dir = open("/etc", O_RDONLY | O_DIRECTORY);
        struct error err;

        if (!sandbox_enter(&sandbox, &err))
            _exit(50);
        _exit(act(what, dir));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? 100 + WTERMSIG(status) : WEXITSTATUS(status);
}

enum { POSSIBLE = 0, REFUSED = 1, KILLED = 100 + SIGSYS };

static const struct {
    enum act what;
    int fate[PROCESS__COUNT];
} cases[] = {
#define ALL_ROLES(x)                                                                               \
    {                                                                                              \
        [PROCESS_LOAD] = x, [PROCESS_EDGE] = x, [PROCESS_KEY] = x, [PROCESS_DECIDE] = x,           \
        [PROCESS_DIRECTORY] = x, [PROCESS_AUDIT] = x, [PROCESS_FETCH] = x                          \
    }
    {WRITE, ALL_ROLES(POSSIBLE)},
    {MEMFD, ALL_ROLES(POSSIBLE)},
    {EXEC, ALL_ROLES(KILLED)},
    {NEW_CODE, ALL_ROLES(REFUSED)},
    {SOCKET,
     {[PROCESS_LOAD] = KILLED,
      [PROCESS_EDGE] = KILLED,
      [PROCESS_KEY] = KILLED,
      [PROCESS_DECIDE] = POSSIBLE,
      [PROCESS_DIRECTORY] = POSSIBLE,
      [PROCESS_FETCH] = POSSIBLE,
      [PROCESS_AUDIT] = KILLED}},
    {OPEN,
     {[PROCESS_LOAD] = KILLED,
      [PROCESS_EDGE] = KILLED,
      [PROCESS_KEY] = KILLED,
      [PROCESS_DECIDE] = KILLED,
      [PROCESS_DIRECTORY] = POSSIBLE,
      [PROCESS_FETCH] = POSSIBLE,
      [PROCESS_AUDIT] = KILLED}},
    {OPEN_DIR,
     {[PROCESS_LOAD] = KILLED,
      [PROCESS_EDGE] = KILLED,
      [PROCESS_KEY] = KILLED,
      [PROCESS_DECIDE] = KILLED,
      [PROCESS_DIRECTORY] = POSSIBLE,
      [PROCESS_FETCH] = POSSIBLE,
      [PROCESS_AUDIT] = POSSIBLE}},
};

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (unsigned role = PROCESS_LOAD; role < PROCESS__COUNT; role++) {
            bool opens = cases[i].what == OPEN || cases[i].what == OPEN_DIR;
            int fate;

            if (opens && SANDBOX_WITH_SANITIZER)
                continue; /* rows of its own */
            fate = inside((enum process_role)role, cases[i].what);
            if (fate != cases[i].fate[role])
                fail_msg("%s, act %d: %d", process_of((enum process_role)role)->name,
                         (int)cases[i].what, fate);
        }
}

static void test_refuses_a_root_that_others_write(void **state)
{
    struct sandbox sandbox = {.role = PROCESS_KEY, .max_files = 256, .empty_dir = "/tmp"};
    pid_t pid;
    int status;

    (void)state;
    if (geteuid() != 0)
        skip();
    pid = fork();
    if (pid == 0) {
        struct error err;

        _exit(sandbox_enter(&sandbox, &err) ? 0 : err.reason == REASON_FILE_UNSAFE ? 1 : 2);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 1);
}

static void test_refuses_root_as_service_user(void **state)
{
    struct sandbox sandbox = {.role = PROCESS_KEY, .max_files = 256, .user = "root"};
    struct error err;

    (void)state;
    if (geteuid() != 0)
        skip();
    if (fork() == 0)
        _exit(sandbox_enter(&sandbox, &err) ? 0 : 1);
    {
        int status;

        assert_true(wait(&status) > 0);
        assert_int_equal(WEXITSTATUS(status), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_refuses_a_root_that_others_write),
        cmocka_unit_test(test_refuses_root_as_service_user),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
