/*
 * The hook of the program gatewayd_try: right after its sandbox has closed, the role that
 * MTLS_TEST_TRY names ("edge:connect") tries what it must not be able to do. It then says in the
 * log whether it could. A call that kills the process says nothing: its parent does.
 */
#include "gatewayd/shared/sandbox_try.h"

#include "common/log.h"
#include "common/macros.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static bool try_exec(void)
{
    return execl("/bin/true", "true", (char *)NULL) == 0;
}

static bool try_fork(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return pid > 0;
}

static bool try_ptrace(void)
{
    return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0;
}

static bool try_kill(void)
{
    return kill(getppid(), 0) == 0;
}

/* A secret of another process: the path stands in MTLS_TEST_PATH. */
static bool try_open(void)
{
    const char *path = getenv("MTLS_TEST_PATH");

    return open(path ? path : "/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0;
}

/* The same through each descriptor of a directory that the process has. */
static bool try_open_below(void)
{
    const char *path = getenv("MTLS_TEST_PATH");
    char upwards[512];

    (void)snprintf(upwards, sizeof(upwards), "../../../../../../../..%s",
                   path ? path : "/etc/passwd");
    for (int fd = 3; fd < 64; fd++)
        if (openat(fd, upwards, O_RDONLY | O_CLOEXEC) >= 0)
            return true;
    return false;
}

static bool try_socket(void)
{
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0;
}

static bool try_root(void)
{
    return setuid(0) == 0 && geteuid() == 0;
}

static bool try_new_code(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
           MAP_FAILED;
}

static const struct {
    const char *name;
    bool (*run)(void);
} tries[] = {
    {"exec", try_exec},     {"fork", try_fork}, {"ptrace", try_ptrace},
    {"kill", try_kill},     {"open", try_open}, {"open-below", try_open_below},
    {"socket", try_socket}, {"root", try_root}, {"new-code", try_new_code},
};

void sandbox_try(enum process_role role)
{
    const char *wanted = getenv("MTLS_TEST_TRY"), *name = process_of(role)->name;
    size_t len = strlen(name);

    if (!wanted || strncmp(wanted, name, len) != 0 || wanted[len] != ':')
        return;
    for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
        if (strcmp(wanted + len + 1, tries[i].name) != 0)
            continue;
        log_event(LOG_LEVEL_INFO, "trying", "try=%s", tries[i].name);
        errno = 0;
        if (tries[i].run())
            log_event(LOG_LEVEL_INFO, "tried", "try=%s result=possible", tries[i].name);
        else
            log_event(LOG_LEVEL_INFO, "tried", "try=%s result=refused errno=%d", tries[i].name,
                      errno);
    }
}
