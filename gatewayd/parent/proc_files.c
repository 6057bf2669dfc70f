/*
 * Files of /proc. Runs in the parent. The command name in stat is the process's own text and may
 * hold spaces and parentheses: the fields begin behind the last of those.
 */
#include "gatewayd/parent/proc_files.h"

#include "common/macros.h"
#include "common/text.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STAT_MAX = 1024, START_TIME_FIELD = 22 };

static bool read_file(uint32_t pid, const char *file, char *out, size_t room)
{
    char path[64];
    ssize_t n;
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/%u/%s", pid, file);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    n = read(fd, out, room - 1);
    (void)close(fd);
    if (n <= 0)
        return false;
    out[n] = '\0';
    return true;
}

bool proc_start_time(uint32_t pid, uint64_t *ret_ticks)
{
    char text[STAT_MAX];
    const char *at;

    if (!read_file(pid, "stat", text, sizeof(text)))
        return false;
    at = strrchr(text, ')');
    /* What follows the name is field 3. */
    for (int field = 2; at && field < START_TIME_FIELD; field++) {
        at = strchr(at, ' ');
        at = at ? at + 1 : NULL;
    }
    return at && text_u64((struct bytes){(const uint8_t *)at, strcspn(at, " \n")}, ret_ticks);
}

bool proc_number(uint32_t pid, const char *file, uint32_t *ret_number)
{
    char text[STAT_MAX];
    uint64_t number;

    if (!read_file(pid, file, text, sizeof(text)) ||
        !text_u64((struct bytes){(const uint8_t *)text, strcspn(text, "\n")}, &number) ||
        number > UINT32_MAX)
        return false;
    *ret_number = (uint32_t)number;
    return true;
}

bool proc_same_namespaces(uint32_t pid)
{
    static const char *const kinds[] = {"pid", "user", "net"};

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        char theirs[64], ours[64];
        struct stat a, b;

        (void)snprintf(theirs, sizeof(theirs), "/proc/%u/ns/%s", pid, kinds[i]);
        (void)snprintf(ours, sizeof(ours), "/proc/self/ns/%s", kinds[i]);
        if (stat(theirs, &a) < 0 || stat(ours, &b) < 0 || a.st_dev != b.st_dev ||
            a.st_ino != b.st_ino)
            return false;
    }
    return true;
}
