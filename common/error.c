/*
 * Formats the detail of an error. Used everywhere; allocates nothing, so it works out of memory.
 */
#include "common/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Marks a detail that did not fit. */
static void end_in_dots(char *detail)
{
    memcpy(detail + ERROR_DETAIL_MAX - 4, "...", 4);
}

void err_set_detail(struct error *err, enum reason reason, const char *fmt, ...)
{
    va_list args;
    int len;

    if (!err)
        return;
    err->reason = reason;
    va_start(args, fmt);
    len = vsnprintf(err->detail, sizeof(err->detail), fmt, args);
    va_end(args);
    if (len < 0)
        err->detail[0] = '\0';
    else if ((size_t)len >= sizeof(err->detail))
        end_in_dots(err->detail);
}

void err_in_detail(struct error *err, const char *fmt, ...)
{
    char context[ERROR_DETAIL_MAX];
    char detail[ERROR_DETAIL_MAX];
    va_list args;

    if (!err)
        return;
    va_start(args, fmt);
    if (vsnprintf(context, sizeof(context), fmt, args) < 0)
        context[0] = '\0';
    va_end(args);
    memcpy(detail, err->detail, sizeof(detail));
    if (snprintf(err->detail, sizeof(err->detail), "%s: %s", context, detail) >=
        (int)sizeof(err->detail))
        end_in_dots(err->detail);
}
