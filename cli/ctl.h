#pragma once
/*
 * What the commands of gatewayctl have in common: the context, the exit codes, messages. Data goes
 * to stdout, messages to stderr. Read gatewayctl.c for the table of commands.
 */
#include "cli/options.h"
#include "gatewayd/shared/config.h"

#include <jansson.h>

enum ctl_exit {
    CTL_YES = 0,
    CTL_NO = 1,
    CTL_ERROR = 2,
    /* `identity map`: several accounts, or a mapping that is too weak. `audit verify` has its own.
     */
    CTL_UNSURE = 3,
};

struct ctl {
    const char *config_path;
    bool json;
    bool color; /* stdout is a terminal and NO_COLOR is not set */
    const struct ctl_command *command;
};

/* argv[0] is the last word of the command's name. */
typedef int ctl_run(struct ctl *ctl, int argc, char **argv);

struct ctl_command {
    const char *name;      /* one or two words */
    const char *arguments; /* for the usage line */
    const char *help;
    ctl_run *run;
};

/* Reason, detail and hint on stderr; gives CTL_ERROR, so that a command can end with it. */
int ctl_error(const struct error *err);
/* The same for a refusal: gives CTL_NO. */
int ctl_refusal(const struct error *err);
/*
 * Options and arguments of a command; --help is understood everywhere. False: *ret_exit is the exit
 * code.
 */
bool ctl_options(struct ctl *ctl, const struct option_set *set, int argc, char **argv,
                 struct option_arguments *ret_rest, int *ret_exit) MUST_CHECK;
/* One JSON value and a newline on stdout; takes the reference. */
void ctl_print_json(json_t *value);
/* Text from outside: everything but clean UTF-8 is escaped. Within one printf call (ring of 8). */
const char *ctl_text(const char *text);
/* "1 session", "2 sessions". Within one printf call (ring of 8). */
const char *ctl_count(uint64_t n, const char *what);
/* "\33[31m" and the like when the output is coloured, else "". */
const char *ctl_color(const struct ctl *ctl, const char *name);
/* gatewayd.conf; every error is printed. The caller owns *ret_config. */
bool ctl_load_config(const struct ctl *ctl, struct config **ret_config) MUST_CHECK;

static inline void ctl_json_clear(json_t **value)
{
    json_decref(*value);
}
