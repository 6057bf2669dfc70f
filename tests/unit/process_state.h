#pragma once
/*
 * What a guest in another process must leave as it was: descriptors, umask, errno, signals.
 * Compared as one text, so that a difference shows itself.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PROCESS_STATE_MAX = 4096 };

static inline void process_state(char out[PROCESS_STATE_MAX])
{
    int saved = errno;
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;
    struct sigaction pipe_action, alarm_action;
    sigset_t mask;
    mode_t mode = umask(0);
    size_t len = 0;

    (void)umask(mode);
    (void)sigaction(SIGPIPE, NULL, &pipe_action);
    (void)sigaction(SIGALRM, NULL, &alarm_action);
    (void)sigprocmask(SIG_BLOCK, NULL, &mask);
    len += (size_t)snprintf(
        out + len, PROCESS_STATE_MAX - len,
        "errno %d umask %o euid %u pipe %lx alarm %lx blocked %d:", saved, (unsigned)mode,
        (unsigned)geteuid(), (unsigned long)(uintptr_t)pipe_action.sa_handler,
        (unsigned long)(uintptr_t)alarm_action.sa_handler, sigismember(&mask, SIGALRM));
    while (dir && (entry = readdir(dir)) && len < PROCESS_STATE_MAX - 300)
        if (entry->d_name[0] != '.')
            len += (size_t)snprintf(out + len, PROCESS_STATE_MAX - len, " %s", entry->d_name);
    if (dir)
        (void)closedir(dir);
    errno = saved;
}
