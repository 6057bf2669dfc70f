/*
 * Writes log lines with one write(2) each, so that lines of several processes do not mix.
 */
#include "common/log.h"

#include "common/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum {
    LINE_MAX_LEN = 2048, /* longer lines are cut: a log line is not a record */
    QUOTED_MAX = 128,    /* octets of outside text shown */
    QUOTED_RING = 8,     /* quoted values in one call */
};

static struct {
    char process[24];
    enum log_level level;
} log_state = {.process = "gatewayd", .level = LOG_LEVEL_INFO};

static const char *const level_names[] = {
    [LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_WARNING] = "warning",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
};

void log_open(const char *process, enum log_level level)
{
    (void)snprintf(log_state.process, sizeof(log_state.process), "%s", process);
    log_state.level = level;
}

const char *log_quoted(struct bytes text)
{
    static char ring[QUOTED_RING][4 * QUOTED_MAX + 8];
    static unsigned next;
    char *out = ring[next++ % QUOTED_RING], *at = out;

    *at++ = '"';
    for (size_t i = 0; i < text.len && i < QUOTED_MAX; i++) {
        uint8_t c = text.at[i];

        if (c >= ' ' && c <= '~' && c != '"' && c != '\\')
            *at++ = (char)c;
        else
            at += sprintf(at, "\\x%02x", c); /* rules: bounded by the ring's size */
    }
    (void)strcpy(at, text.len > QUOTED_MAX ? "\"..." : "\""); /* rules: bounded as above */
    return out;
}

static size_t head(char *line, enum log_level level, const char *event)
{
    int64_t now_ms = clock_realtime_ms();
    time_t now = (time_t)(now_ms / 1000);
    struct tm tm;
    char stamp[32];
    int len;

    if (!gmtime_r(&now, &tm) || strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
        stamp[0] = '\0';
    len = snprintf(line, LINE_MAX_LEN, "%s.%03dZ %s %s event=%s", stamp, (int)(now_ms % 1000),
                   log_state.process, level_names[level], event);
    return len < 0 || len >= LINE_MAX_LEN ? 0 : (size_t)len;
}

/* Appends " " and the formatted pairs; a control byte that slipped through becomes a space. */
static size_t pairs(char *line, size_t len, const char *fmt, va_list args)
{
    int more;

    if (!fmt[0] || len + 2 >= LINE_MAX_LEN)
        return len;
    line[len++] = ' ';
    more = vsnprintf(line + len, LINE_MAX_LEN - len, fmt, args);
    if (more < 0)
        return len;
    more = (size_t)more >= LINE_MAX_LEN - len ? (int)(LINE_MAX_LEN - len - 1) : more;
    for (size_t i = len; i < len + (size_t)more; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = ' ';
    return len + (size_t)more;
}

static void finish(char *line, size_t len)
{
    line[len < LINE_MAX_LEN ? len : LINE_MAX_LEN - 1] = '\n';
    /* A log that cannot be written has nowhere to say so. */
    if (write(STDERR_FILENO, line, len < LINE_MAX_LEN ? len + 1 : LINE_MAX_LEN) < 0)
        return;
}

void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
    char line[LINE_MAX_LEN];
    va_list args;
    size_t len;

    if (level > log_state.level)
        return;
    len = head(line, level, event);
    va_start(args, fmt);
    len = pairs(line, len, fmt, args);
    va_end(args);
    finish(line, len);
}

void log_error(const char *event, const struct error *err, const char *fmt, ...)
{
    char line[LINE_MAX_LEN];
    va_list args;
    size_t len = head(line, LOG_LEVEL_ERROR, event);
    int more;

    va_start(args, fmt);
    len = pairs(line, len, fmt, args);
    va_end(args);
    more = snprintf(line + len, LINE_MAX_LEN - len, " reason=%s detail=%s",
                    reason_name(err->reason), log_quoted(bytes_of(err->detail)));
    if (more > 0)
        len = (size_t)more < LINE_MAX_LEN - len ? len + (size_t)more : LINE_MAX_LEN - 1;
    finish(line, len);
}
