/*
 * gatewayctl audit: verify, tail, show. Reads the log's files directly, with or without a daemon.
 */
#include "cli/audit_log.h"
#include "cli/ctl_commands.h"
#include "cli/files.h"

#include "gatewayd/shared/xalloc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    TAIL_LINES = 10,
    TAIL_LINES_MAX = 100000,
    FOLLOW_MS = 200,    /* between looks for new lines */
    TORN_PATIENCE = 10, /* looks at a last line that is being written just now */
};

static void pause_ms(long ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    (void)nanosleep(&pause, NULL);
}

/* --- verify ----------------------------------------------------------------------------------- */

static const char *finding_name(enum audit_finding finding)
{
    switch (finding) {
    case AUDIT_FINDING_OK:
        return "ok";
    case AUDIT_FINDING_TORN:
        return "torn";
    case AUDIT_FINDING_GAP:
        return "gap";
    case AUDIT_FINDING_EDIT:
        return "edited";
    }
    return "?";
}

static void verify_log(const struct audit_log *log, struct audit_verify *verify)
{
    AUTO(audit_hasher_freep) struct audit_hasher *hasher = audit_hasher_new();

    *verify = (struct audit_verify){.hasher = hasher};
    for (size_t i = 0; i < log->n; i++)
        if (!audit_verify_file(verify, &log->files[i], i + 1 < log->n ? &log->files[i + 1] : NULL))
            break;
    verify->hasher = NULL;
}

/* A running daemon may be writing the last line: look again before it is called torn. */
static bool verify_dir(const char *dir, struct audit_verify *ret_verify, size_t *ret_files,
                       struct error *err)
{
    for (int look = 0; look < TORN_PATIENCE; look++) {
        AUTO(audit_log_clear) struct audit_log log = {NULL, 0};

        if (!audit_log_open(dir, &log, err))
            return false;
        verify_log(&log, ret_verify);
        *ret_files = log.n;
        if (ret_verify->finding != AUDIT_FINDING_TORN)
            break;
        pause_ms(FOLLOW_MS / 2);
    }
    return true;
}

static void print_verify(const struct ctl *ctl, const char *dir, const struct audit_verify *verify,
                         size_t n_files)
{
    const char *name = finding_name(verify->finding);

    if (ctl->json) {
        json_t *json = json_pack("{s:s,s:I,s:I,s:I,s:s}", "result", name, "records",
                                 (json_int_t)verify->lines, "files", (json_int_t)n_files,
                                 "gap_events", (json_int_t)verify->gap_events, "log", verify->log);

        if (verify->finding != AUDIT_FINDING_OK) {
            json_object_set_new(json, "file", json_string(verify->file));
            json_object_set_new(json, "line", json_integer((json_int_t)verify->line));
            json_object_set_new(json, "detail", json_string(ctl_text(verify->detail)));
        }
        ctl_print_json(json);
        return;
    }
    if (verify->finding == AUDIT_FINDING_OK)
        (void)printf("%sok%s: %llu records in %zu files, the last one is %s line %llu\n",
                     ctl_color(ctl, "green"), ctl_color(ctl, "off"),
                     (unsigned long long)verify->lines, n_files, verify->last_file,
                     (unsigned long long)verify->last_line);
    else
        (void)printf("%s/%s:%llu: %s%s%s: %s\n", dir, verify->file,
                     (unsigned long long)verify->line, ctl_color(ctl, "red"), name,
                     ctl_color(ctl, "off"), ctl_text(verify->detail));
    if (verify->gap_events > 0)
        (void)printf("%llu times the gateway itself noted that something was missing or touched "
                     "(\"ev\":\"gap\")\n",
                     (unsigned long long)verify->gap_events);
}

int ctl_audit_verify(struct ctl *ctl, int argc, char **argv)
{
    char dir[FILES_PATH_MAX];
    struct option_arguments rest;
    struct audit_verify verify;
    struct error err;
    size_t n_files;
    int code;

    if (!ctl_options(ctl, NO_OPTIONS(0, 1), argc, argv, &rest, &code))
        return code;
    if (!audit_log_dir(ctl, rest.n > 0 ? rest.at[0] : NULL, dir))
        return CTL_ERROR;
    if (!verify_dir(dir, &verify, &n_files, &err))
        return ctl_error(&err);
    print_verify(ctl, dir, &verify, n_files);
    return (int)verify.finding;
}

/* --- tail ------------------------------------------------------------------------------------- */

static void print_line(const struct ctl *ctl, struct bytes line)
{
    json_t *record;

    if (ctl->json) {
        (void)fwrite(line.at, 1, line.len, stdout);
        (void)putchar('\n');
        return;
    }
    record = json_loadb((const char *)line.at, line.len, 0, NULL);
    if (record)
        audit_log_print(ctl, record);
    else
        (void)printf("(a line that is no record: see gatewayctl audit verify)\n");
    json_decref(record);
}

/* Octets at the end of a file that hold its last n lines. */
static size_t last_lines(struct bytes content, size_t *n)
{
    size_t at = content.len;

    while (at > 0 && content.at[at - 1] != '\n')
        at--; /* an unfinished line is not shown */
    while (at > 0 && *n > 0) {
        at--;
        while (at > 0 && content.at[at - 1] != '\n')
            at--;
        --*n;
    }
    return content.len - at;
}

struct position {
    char file[AUDIT_NAME_LEN + 1]; /* the file that is read; empty: none yet */
    size_t read;                   /* octets of it that are done */
};

/* Prints all complete lines behind the position, and moves it. */
static void print_new(const struct ctl *ctl, const struct audit_log *log, struct position *at)
{
    for (size_t i = 0; i < log->n; i++) {
        const struct audit_file *file = &log->files[i];
        int order = strcmp(file->name, at->file);
        struct bytes rest = file->content, line;

        if (order < 0)
            continue;
        if (order > 0) {
            memcpy(at->file, file->name, sizeof(at->file));
            at->read = 0;
        }
        if (at->read > rest.len)
            at->read = rest.len;
        rest = (struct bytes){rest.at + at->read, rest.len - at->read};
        while (audit_next_line(&rest, &line))
            print_line(ctl, line);
        at->read = file->content.len - rest.len;
    }
    (void)fflush(stdout);
}

static struct position position_before(const struct audit_log *log, size_t n)
{
    struct position at = {.file = ""};

    for (size_t i = log->n; i-- > 0;) {
        size_t len = last_lines(log->files[i].content, &n);

        memcpy(at.file, log->files[i].name, sizeof(at.file));
        at.read = log->files[i].content.len - len;
        if (n == 0)
            break;
    }
    return at;
}

static int follow(const struct ctl *ctl, const char *dir, struct position *at)
{
    struct error err;

    while (!ferror(stdout)) {
        AUTO(audit_log_clear) struct audit_log log = {NULL, 0};

        pause_ms(FOLLOW_MS);
        if (!audit_log_open(dir, &log, &err))
            return ctl_error(&err);
        print_new(ctl, &log, at);
    }
    return CTL_ERROR;
}

int ctl_audit_tail(struct ctl *ctl, int argc, char **argv)
{
    bool follows = false;
    int64_t n = TAIL_LINES;
    const char *where = NULL;
    const struct option_row rows[] = {
        {"follow", OPTION_FLAG, &follows, NULL, "go on with what is written next", 'f'},
        {"lines", OPTION_COUNT, &n, "N", "records to begin with (10)", 'n'},
        {"directory", OPTION_TEXT, &where, "DIR", "the log; default: audit.directory", 'd'},
    };
    AUTO(audit_log_clear) struct audit_log log = {NULL, 0};
    char dir[FILES_PATH_MAX];
    struct option_arguments rest;
    struct position at;
    struct error err;
    int code;

    if (!ctl_options(ctl, OPTION_SET(rows, 0, 0), argc, argv, &rest, &code))
        return code;
    if (!audit_log_dir(ctl, where, dir))
        return CTL_ERROR;
    if (!audit_log_open(dir, &log, &err))
        return ctl_error(&err);
    at = position_before(&log, (size_t)(n > TAIL_LINES_MAX ? TAIL_LINES_MAX : n));
    print_new(ctl, &log, &at);
    return follows ? follow(ctl, dir, &at) : CTL_YES;
}

/* --- show ------------------------------------------------------------------------------------- */

int ctl_audit_show(struct ctl *ctl, int argc, char **argv)
{
    AUTO(ctl_json_clear) json_t *records = NULL;
    int code = audit_log_of_argument(ctl, argc, argv, &records);

    if (code == CTL_YES)
        ctl_print_json(json_incref(records));
    return code;
}
