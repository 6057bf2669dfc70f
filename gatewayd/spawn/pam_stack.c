/*
 * Reads PAM service files (pam.d(5)) before a program that logs people in is started. Runs in
 * spawn. libpam has the last word on what the lines mean; this refuses every form that could let
 * another module decide.
 */
#include "gatewayd/spawn/pam_stack.h"

#include "gatewayd/shared/files.h"
#include "gatewayd/shared/xalloc.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_MAX = 64 * 1024, /* octets of a service file; usual ones have 1-2 KiB */
    DEPTH_MAX = 8,        /* files that include files */
};

struct stack {
    const char *dir;
    size_t n_auth;
};

static bool read_service(struct stack *stack, const char *service, int depth, struct error *err);

static char *open_and_read(const char *path, struct error *err)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    uint8_t *octets = NULL;
    struct stat st;
    char *text;
    size_t len;
    bool good;

    if (fd < 0) {
        (void)err_set(err, REASON_UPSTREAM_UNSAFE, "%s: %m", path);
        return NULL;
    }
    good = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    if (!good)
        (void)err_set(err, REASON_UPSTREAM_UNSAFE, "%s: not a regular file", path);
    else if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)))
        good = err_set(err, REASON_UPSTREAM_UNSAFE, "%s: others than root may change it", path);
    else
        good = file_read_all(fd, FILE_MAX, &octets, &len, err);
    (void)close(fd);
    if (!good)
        return NULL;
    if (memchr(octets, '\0', len)) {
        (void)err_set(err, REASON_UPSTREAM_UNSAFE, "%s: a NUL in it", path);
        free(octets);
        return NULL;
    }
    text = xtext((struct bytes){octets, len});
    free(octets);
    return text;
}

/* A line with its continuations joined; ends at the octet that is returned. */
static char *next_line(char *at, char **ret_line)
{
    char *out = at;

    *ret_line = at;
    for (; *at && *at != '\n'; at++) {
        if (at[0] == '\\' && at[1] == '\n') {
            *out++ = ' ';
            at++;
        } else {
            *out++ = *at;
        }
    }
    at = *at ? at + 1 : NULL;
    *out = '\0';
    return at;
}

/* Cuts the next word off; "[a=b c=d]" is one. NULL at the end. */
static char *next_word(char **line)
{
    char *word = *line + strspn(*line, " \t\r"), *end;

    if (!*word)
        return NULL;
    end = word[0] == '[' ? word + strcspn(word, "]") : word;
    end += strcspn(end, " \t\r");
    *line = *end ? end + 1 : end;
    *end = '\0';
    return word;
}

static bool is_module(const char *word, const char *name)
{
    const char *slash = strrchr(word, '/');

    return strcmp(slash ? slash + 1 : word, name) == 0;
}

static bool take_line(struct stack *stack, char *line, const char *path, int depth,
                      struct error *err)
{
    char *type, *control, *module;

    line[strcspn(line, "#")] = '\0';
    type = next_word(&line);
    control = type ? next_word(&line) : NULL;
    if (!type)
        return true;
    if (strcasecmp(type, "@include") == 0)
        return control ? read_service(stack, control, depth + 1, err)
                       : err_set(err, REASON_UPSTREAM_UNSAFE, "%s: @include of nothing", path);
    if (type[0] == '-')
        type++;
    if (strcasecmp(type, "auth") != 0)
        return true;
    stack->n_auth++;
    module = control ? next_word(&line) : NULL;
    if (!module || !is_module(module, "pam_mtls.so"))
        return err_set(err, REASON_UPSTREAM_UNSAFE, "%s: auth asks %s, not pam_mtls.so alone", path,
                       module ? module : "nobody");
    if (strcasecmp(control, "required") != 0 && strcasecmp(control, "requisite") != 0)
        return err_set(err, REASON_UPSTREAM_UNSAFE, "%s: pam_mtls.so must be required, not %s",
                       path, control);
    return true;
}

/* Services are plain names: a path would lead out of the directory. */
static bool read_service(struct stack *stack, const char *service, int depth, struct error *err)
{
    AUTO(char_freep) char *text = NULL;
    char path[PATH_MAX];
    char *at, *line;

    if (depth > DEPTH_MAX || service[0] == '.' || !service[0] || strchr(service, '/'))
        return err_set(err, REASON_UPSTREAM_UNSAFE, "PAM service %s", service);
    (void)snprintf(path, sizeof(path), "%s/%s", stack->dir, service);
    text = open_and_read(path, err);
    if (!text)
        return false;
    for (at = text; at;) {
        at = next_line(at, &line);
        if (!take_line(stack, line, path, depth, err))
            return false;
    }
    return true;
}

bool pam_stack_is_safe(const char *dir, const char *service, struct error *err)
{
    struct stack stack = {.dir = dir};

    if (!read_service(&stack, service, 0, err))
        return false;
    if (stack.n_auth != 1)
        return err_set(err, REASON_UPSTREAM_UNSAFE, "%s/%s: %zu auth lines where one is needed",
                       dir, service, stack.n_auth);
    return true;
}
