/*
 * Asks sshd for its effective settings. Runs in spawn before a login server is started; trusts the
 * program of the row, which it is about to start as root anyway.
 */
#include "gatewayd/spawn/sshd_check.h"

#include "common/clock.h"
#include "common/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum {
    KEEP_MS = 10000, /* an answer is asked for again after this long */
    ASK_MS = 2000,   /* sshd -T takes some 15 ms */
    SETTINGS_MAX = 64 * 1024,
    ARGUMENTS_MAX = 64,
};

/* The value of a keyword in "keyword value" lines; no octets when it does not stand there. */
static struct bytes setting(struct bytes settings, const char *keyword)
{
    size_t len = strlen(keyword);

    while (settings.len > 0) {
        const uint8_t *newline = memchr(settings.at, '\n', settings.len);
        size_t line = newline ? (size_t)(newline - settings.at) : settings.len;

        if (line > len && memcmp(settings.at, keyword, len) == 0 && settings.at[len] == ' ')
            return (struct bytes){settings.at + len + 1, line - len - 1};
        line += newline ? 1 : 0;
        settings.at += line;
        settings.len -= line;
    }
    return (struct bytes){NULL, 0};
}

bool sshd_settings_are_safe(struct bytes settings, const char *service, struct error *err)
{
    static const struct {
        const char *keyword, *value;
    } needed[] = {
        {"usepam", "yes"},
        {"authenticationmethods", "none"},
        {"pubkeyauthentication", "no"},
        {"kbdinteractiveauthentication", "no"},
    };
    struct bytes name = setting(settings, "pamservicename");

    for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
        struct bytes value = setting(settings, needed[i].keyword);

        if (!bytes_equal(value, bytes_of(needed[i].value)))
            return err_set(err, REASON_UPSTREAM_UNSAFE, "sshd: %s must be %s, not %.*s",
                           needed[i].keyword, needed[i].value, (int)value.len,
                           value.at ? (const char *)value.at : "");
    }
    /* Up to 9.7 the name of the program is the service, and the keyword is unknown. */
    if (name.at && !bytes_equal(name, bytes_of(service)))
        return err_set(err, REASON_UPSTREAM_UNSAFE, "sshd: PAMServiceName must be %s, not %.*s",
                       service, (int)name.len, (const char *)name.at);
    return true;
}

/* The arguments that choose its settings: -f FILE and -o OPTION. */
static void arguments(const struct config_spawn *spawn, const char *argv[ARGUMENTS_MAX + 3])
{
    size_t n = 0;

    argv[n++] = spawn->command.at[0];
    argv[n++] = "-T";
    for (size_t i = 1; i + 1 < spawn->command.n && n + 1 < ARGUMENTS_MAX; i++) {
        const char *argument = spawn->command.at[i];

        if (strcmp(argument, "-f") != 0 && strcmp(argument, "-o") != 0)
            continue;
        argv[n++] = argument;
        argv[n++] = spawn->command.at[++i];
    }
    argv[n] = NULL;
}

static _Noreturn void become_sshd(const struct config_spawn *spawn, int out)
{
    static char *const environment[] = {(char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    const char *argv[ARGUMENTS_MAX + 3];

    arguments(spawn, argv);
    for (int number = 1; number < NSIG; number++)
        (void)signal(number, SIG_DFL);
    if (dup2(out, STDOUT_FILENO) >= 0 && close_range(STDERR_FILENO + 1, ~0u, 0) == 0)
        (void)execve(argv[0], (char *const *)argv, environment);
    _exit(127);
}

/* Reads until the end, the limit or the deadline. */
static bool read_all(int fd, int64_t deadline_ms, struct writer *out)
{
    uint8_t octets[4096];

    for (;;) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        int64_t left_ms = deadline_ms - clock_monotonic_ms();
        ssize_t n;

        if (left_ms <= 0 || (poll(&poll_fd, 1, (int)left_ms) < 0 && errno != EINTR))
            return false;
        if (!(poll_fd.revents & (POLLIN | POLLHUP)))
            continue;
        n = read(fd, octets, sizeof(octets));
        if (n <= 0)
            return n == 0 && writer_ok(out);
        writer_put(out, (struct bytes){octets, (size_t)n});
    }
}

static bool ask(const struct config_spawn *spawn, const char *service, struct error *err)
{
    AUTO(writer_clear) struct writer settings = writer_new(SETTINGS_MAX);
    int ends[2];
    bool good;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_set(err, REASON_SYSTEM, "pipe: %m");
    pid = fork();
    if (pid == 0)
        become_sshd(spawn, ends[1]);
    (void)close(ends[1]);
    good = pid > 0 && read_all(ends[0], clock_monotonic_ms() + ASK_MS, &settings);
    (void)close(ends[0]);
    if (!good) {
        if (pid > 0)
            (void)kill(pid, SIGKILL);
        return err_set(err, REASON_UPSTREAM_UNSAFE, "%s -T gives no answer", spawn->command.at[0]);
    }
    if (writer_bytes(&settings).len == 0)
        return err_set(err, REASON_UPSTREAM_UNSAFE,
                       "%s -T refuses its settings; the line before this one is its own word",
                       spawn->command.at[0]);
    return sshd_settings_are_safe(writer_bytes(&settings), service, err);
}

static bool is_sshd(const char *program)
{
    char real[PATH_MAX];
    const char *slash;

    if (!realpath(program, real))
        return false;
    slash = strrchr(real, '/');
    return slash && strcmp(slash + 1, "sshd") == 0;
}

bool sshd_is_safe(const struct config_spawn *spawn, const char *service, struct sshd_check *check,
                  struct error *err)
{
    int64_t now_ms = clock_monotonic_ms();

    if (!is_sshd(spawn->command.at[0]))
        return true;
    if (now_ms >= check->until_ms) {
        check->safe = ask(spawn, service, &check->err);
        /* A refusal is asked about again at once: somebody is mending it. */
        check->until_ms = check->safe ? now_ms + KEEP_MS : 0;
    }
    if (!check->safe)
        *err = check->err;
    return check->safe;
}
