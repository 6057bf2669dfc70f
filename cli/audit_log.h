#pragma once
/*
 * The audit log as gatewayctl reads it: the files of a directory, mapped read-only with their size
 * of one moment, so that a log that is being written can be read. Needs the rights of root or of
 * the reader group.
 */
#include "cli/ctl.h"
#include "gatewayd/shared/audit_chain.h"

struct audit_log {
    struct audit_file *files; /* oldest first */
    size_t n;
};

/* All files of dir. The caller clears *ret_log. Without any file: FILE_EMPTY. */
bool audit_log_open(const char *dir, struct audit_log *ret_log, struct error *err) MUST_CHECK;
void audit_log_clear(struct audit_log *log);
/* Where the log is: dir when it is given, else what gatewayd.conf says (errors are printed). */
bool audit_log_dir(const struct ctl *ctl, const char *dir, char out[4096]) MUST_CHECK;
/*
 * All records of one session, in order: those whose sid begins with prefix. *ret_records is an
 * array of objects. NOT_FOUND, or USAGE when several sessions fit; a line that is no record is
 * passed over (`audit verify` is there to find it).
 */
bool audit_log_session(const struct audit_log *log, const char *prefix, json_t **ret_records,
                       struct error *err) MUST_CHECK;
/* The records of the session that the one argument of a command names (`explain ID`, `audit show
 * ID`), with its option --directory. Gives the exit code; errors are printed. */
int audit_log_of_argument(struct ctl *ctl, int argc, char **argv, json_t **ret_records);
/* One line of text for a record. */
void audit_log_print(const struct ctl *ctl, json_t *record);
/* A text member of an object, "a.b" for nested ones; "" when there is none. Borrowed. */
const char *audit_log_text(json_t *record, const char *path);
/* A member as it stands; NULL when there is none. Borrowed. */
json_t *audit_log_get(json_t *record, const char *path);
