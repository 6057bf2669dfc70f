#pragma once
/*
 * The errors of one load, kept until all are known and told in order of files and lines. For the
 * files of policy/ only.
 */
#include "policy/policy.h"

enum { PROBLEMS_MAX = 1000 }; /* more are counted, not kept */

struct problem {
    size_t file, sequence; /* index of the file; order of finding */
    uint32_t line;
    struct error err;
};

struct problems {
    struct problem *at;
    size_t n, room, found;
};

void problems_add(struct problems *problems, size_t file, uint32_t line, const struct error *err);
/* Formats and adds. */
void problems_say(struct problems *problems, size_t file, uint32_t line, enum reason reason,
                  const char *fmt, ...) PRINTF(5, 6);
void problems_tell(struct problems *problems, const struct policy_file *files,
                   const struct policy_errors *errors);
void problems_clear(struct problems *problems);
