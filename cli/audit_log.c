/*
 * Reads the audit log. Runs in gatewayctl; what it reads may have been edited by anybody, so every
 * text is escaped on its way to the terminal.
 */
#include "cli/audit_log.h"
#include "cli/files.h"

#include "common/session_id.h"
#include "common/text.h"
#include "gatewayd/shared/xalloc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

DEFINE_AUTO(DIR *, closedirp, closedir)

void audit_log_clear(struct audit_log *log)
{
    for (size_t i = 0; i < log->n; i++)
        if (log->files[i].content.len > 0)
            (void)munmap((void *)log->files[i].content.at, log->files[i].content.len);
    free(log->files);
    *log = (struct audit_log){NULL, 0};
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct audit_file *)a)->name, ((const struct audit_file *)b)->name);
}

static bool list(const char *dir, struct audit_log *log, struct error *err)
{
    AUTO(closedirp) DIR *open_dir = opendir(dir);
    struct dirent *entry;
    size_t room = 0;
    uint64_t seq;

    if (!open_dir)
        return err_set(err, REASON_FILE_UNREADABLE, "%s: %m", dir);
    while ((entry = readdir(open_dir)) != NULL) {
        if (!audit_name_parse(bytes_of(entry->d_name), &seq))
            continue;
        if (log->n == room) {
            room = room ? 2 * room : 64;
            log->files = xrealloc(log->files, room, sizeof(*log->files));
        }
        log->files[log->n].content = (struct bytes){NULL, 0};
        memcpy(log->files[log->n++].name, entry->d_name, AUDIT_NAME_LEN + 1);
    }
    if (log->n == 0)
        return err_set(err, REASON_FILE_EMPTY, "%s holds no audit log", dir);
    qsort(log->files, log->n, sizeof(*log->files), by_name);
    return true;
}

static bool map(const char *dir, struct audit_file *file, struct error *err)
{
    char path[FILES_PATH_MAX];
    struct stat st;
    void *at = NULL;
    int fd;

    if (!files_path(dir, file->name, path, err))
        return false;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) != 0) {
        (void)err_set(err, REASON_FILE_UNREADABLE, "%s: %m", path);
        if (fd >= 0)
            (void)close(fd);
        return false;
    }
    if (st.st_size > 0)
        at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    (void)close(fd);
    if (at == MAP_FAILED)
        return err_set(err, REASON_FILE_UNREADABLE, "%s: %m", path);
    file->content = (struct bytes){at, (size_t)st.st_size};
    return true;
}

bool audit_log_open(const char *dir, struct audit_log *ret_log, struct error *err)
{
    AUTO(audit_log_clear) struct audit_log log = {NULL, 0};

    if (!list(dir, &log, err))
        return false;
    for (size_t i = 0; i < log.n; i++)
        if (!map(dir, &log.files[i], err))
            return false;
    *ret_log = log;
    log = (struct audit_log){NULL, 0};
    return true;
}

bool audit_log_dir(const struct ctl *ctl, const char *dir, char out[FILES_PATH_MAX])
{
    struct config *config;

    if (dir) {
        (void)snprintf(out, FILES_PATH_MAX, "%s", dir);
        return true;
    }
    if (!ctl_load_config(ctl, &config))
        return false;
    (void)snprintf(out, FILES_PATH_MAX, "%s", config->audit[0].directory);
    config_free(config);
    return true;
}

/* --- records of a session --------------------------------------------------------------------- */

struct search {
    char needle[16 + SESSION_ID_TEXT_LEN]; /* as it stands in a line */
    size_t prefix_len;
    char sid[SESSION_ID_TEXT_LEN + 1]; /* the session that was found */
    json_t *records;
};

static bool add_record(struct search *search, struct bytes line, struct error *err)
{
    struct audit_line parsed;
    json_t *record;

    if (!memmem(line.at, line.len, search->needle, strlen(search->needle)) ||
        !audit_line_parse(line, &parsed, NULL) || parsed.sid.len != SESSION_ID_TEXT_LEN ||
        memcmp(parsed.sid.at, search->needle + strlen("\"sid\":\""), search->prefix_len) != 0)
        return true;
    if (search->sid[0] && memcmp(search->sid, parsed.sid.at, SESSION_ID_TEXT_LEN) != 0)
        return err_set(err, REASON_USAGE, "several sessions begin so: %s, %.*s", search->sid,
                       (int)parsed.sid.len, (const char *)parsed.sid.at);
    memcpy(search->sid, parsed.sid.at, SESSION_ID_TEXT_LEN);
    record = json_loadb((const char *)line.at, line.len, 0, NULL);
    if (record)
        json_array_append_new(search->records, record);
    return true;
}

static bool search_file(struct search *search, const struct audit_file *file, struct error *err)
{
    struct bytes rest = file->content, line;

    while (audit_next_line(&rest, &line))
        if (!add_record(search, line, err))
            return false;
    return true;
}

bool audit_log_session(const struct audit_log *log, const char *prefix, json_t **ret_records,
                       struct error *err)
{
    struct search search = {.prefix_len = strspn(prefix, "0123456789abcdef")};
    const char *part = prefix + search.prefix_len; /* ".n" of a re-judgement */

    if (search.prefix_len < 4 || search.prefix_len > SESSION_ID_TEXT_LEN ||
        (part[0] != '\0' && part[0] != '.'))
        return err_set(err, REASON_USAGE, "\"%s\" is no id: 4 to 32 hex digits", prefix);
    (void)snprintf(search.needle, sizeof(search.needle), "\"sid\":\"%.*s", (int)search.prefix_len,
                   prefix);
    search.records = json_array();
    for (size_t i = 0; i < log->n; i++) {
        if (search_file(&search, &log->files[i], err))
            continue;
        json_decref(search.records);
        return false;
    }
    if (json_array_size(search.records) == 0) {
        json_decref(search.records);
        return err_set(err, REASON_NOT_FOUND, "no record of %s", prefix);
    }
    *ret_records = search.records;
    return true;
}

/* --- printing --------------------------------------------------------------------------------- */

json_t *audit_log_get(json_t *record, const char *path)
{
    const char *dot = strchr(path, '.');
    char first[64];

    if (!dot)
        return json_object_get(record, path);
    (void)snprintf(first, sizeof(first), "%.*s", (int)(dot - path), path);
    return audit_log_get(json_object_get(record, first), dot + 1);
}

const char *audit_log_text(json_t *record, const char *path)
{
    const char *text = json_string_value(audit_log_get(record, path));

    return text ? text : "";
}

static void print_pair(json_t *record, const char *name, const char *path)
{
    json_t *value = audit_log_get(record, path);

    if (json_is_integer(value))
        (void)printf(" %s=%lld", name, (long long)json_integer_value(value));
    else if (json_is_string(value))
        (void)printf(" %s=%s", name, ctl_text(json_string_value(value)));
}

void audit_log_print(const struct ctl *ctl, json_t *record)
{
    static const char *const pairs[][2] = {
        {"user", "id.user"},     {"subject", "cert.subject"},
        {"service", "service"},  {"src", "src"},
        {"rule", "policy.rule"}, {"login", "confirms"},
        {"count", "count"},      {"in", "bytes_in"},
        {"out", "bytes_out"},    {"ms", "dur_ms"},
        {"who", "who"},
    };
    const char *decision = audit_log_text(record, "decision");
    const char *reason = audit_log_text(record, "reason_code");
    bool deny = strcmp(audit_log_text(record, "ev"), "deny") == 0 || strcmp(decision, "deny") == 0;

    (void)printf("%s %s%-6s%s", ctl_text(audit_log_text(record, "ts")),
                 ctl_color(ctl, deny ? "red" : "green"), ctl_text(audit_log_text(record, "ev")),
                 ctl_color(ctl, "off"));
    (void)printf(" %s",
                 audit_log_text(record, "sid")[0] ? ctl_text(audit_log_text(record, "sid")) : "-");
    if (reason[0])
        (void)printf(" %s", ctl_text(reason));
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        print_pair(record, pairs[i][0], pairs[i][1]);
    if (audit_log_text(record, "detail")[0])
        (void)printf(" (%s)", ctl_text(audit_log_text(record, "detail")));
    (void)printf("\n");
}

/* --- commands of one session ------------------------------------------------------------------ */

int audit_log_of_argument(struct ctl *ctl, int argc, char **argv, json_t **ret_records)
{
    const char *where = NULL;
    const struct option_row rows[] = {
        {"directory", OPTION_TEXT, &where, "DIR", "the log; default: audit.directory", 'd'},
    };
    AUTO(audit_log_clear) struct audit_log log = {NULL, 0};
    char dir[FILES_PATH_MAX];
    struct option_arguments rest;
    struct error err;
    int code;

    if (!ctl_options(ctl, OPTION_SET(rows, 1, 1), argc, argv, &rest, &code))
        return code;
    if (!audit_log_dir(ctl, where, dir))
        return CTL_ERROR;
    if (!audit_log_open(dir, &log, &err))
        return ctl_error(&err);
    if (!audit_log_session(&log, rest.at[0], ret_records, &err))
        return err.reason == REASON_NOT_FOUND ? ctl_refusal(&err) : ctl_error(&err);
    return CTL_YES;
}
