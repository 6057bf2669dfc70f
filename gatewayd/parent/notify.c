/*
 * Readiness and the pid file. Runs in the parent.
 */
#include "gatewayd/parent/notify.h"

#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/parent/children.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    socklen_t len;
    int fd;

    if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(sa.sun_path))
        return;
    len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    memcpy(sa.sun_path, path, strlen(path));
    if (path[0] == '@')
        sa.sun_path[0] = '\0'; /* an abstract name */
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&sa, len) < 0)
        log_event(LOG_LEVEL_WARNING, "notify_failed", "errno=%d", errno);
    (void)close(fd);
}

void notify_when_ready(struct parent *parent)
{
    if (parent->ready_told || !parent->edges_started || !children_all_ready(parent))
        return;
    parent->ready_told = true;
    log_event(LOG_LEVEL_INFO, "ready", "ms=%lld",
              (long long)(clock_monotonic_ms() - parent->started_ms));
    notify("READY=1");
}

void notify_ending(void)
{
    notify("STOPPING=1");
}

bool notify_pid_file(struct parent *parent, struct error *err)
{
    char path[PATH_MAX], text[16];
    int len;

    (void)snprintf(path, sizeof(path), "%s/gatewayd.pid", parent->config->gateway->run_dir);
    parent->pid_file = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (parent->pid_file < 0)
        return err_set(err, REASON_FILE_WRITE, "%s: %m", path);
    if (flock(parent->pid_file, LOCK_EX | LOCK_NB) < 0)
        return err_set(err, REASON_SYSTEM, "another gatewayd runs with run_dir %s",
                       parent->config->gateway->run_dir);
    len = snprintf(text, sizeof(text), "%d\n", (int)getpid());
    if (ftruncate(parent->pid_file, 0) < 0 || write(parent->pid_file, text, (size_t)len) != len)
        return err_set(err, REASON_FILE_WRITE, "%s: %m", path);
    return true;
}
