#pragma once
/*
 * The log of the daemon: one line per event on stderr, `event=... key=value ...`. This is for
 * operators; the audit record is another thing and is written by another process. policy/, ldap/
 * and the modules do not log. Values from outside are escaped here, not by callers.
 */
#include "common/error.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Once per process: the name that each line begins with ("edge.0"), and the least urgent level
 * shown. */
void log_open(const char *process, enum log_level level);
/* event: a fixed word; fmt gives further key=value pairs. Wrap outside text with LOG_QUOTED. */
void log_event(enum log_level level, const char *event, const char *fmt, ...) PRINTF(3, 4);
/* event, reason=NAME and detail="..." of an error, after the further pairs of fmt. */
void log_error(const char *event, const struct error *err, const char *fmt, ...) PRINTF(3, 4);
/*
 * Quotes octets: printable ASCII stays, the rest becomes \xHH, at most 128 octets are shown. The
 * result lives in a ring of 8 buffers: use it within one log call.
 */
const char *log_quoted(struct bytes text);
