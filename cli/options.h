#pragma once
/*
 * Options of a command as rows: from them come the parsing (getopt_long) and the help. Used by
 * gatewayctl and mtls. Knows no command.
 */
#include "common/error.h"

enum {
    OPTIONS_MAX = 32, /* rows of one command */
    TEXTS_MAX = 64,   /* values of one repeated option */
    ARGUMENTS_MAX = 64,
};

enum option_kind {
    OPTION_FLAG,     /* bool */
    OPTION_TEXT,     /* const char * */
    OPTION_TEXTS,    /* struct option_texts: may be given several times */
    OPTION_COUNT,    /* int64_t, not negative */
    OPTION_DURATION, /* int64_t, seconds: 90, 15m, 1h */
    OPTION_TIME,     /* int64_t, seconds since 1970: a date, an RFC 3339 UTC time, or +DURATION */
};

struct option_texts {
    const char *at[TEXTS_MAX];
    size_t n;
};

struct option_row {
    const char *name; /* "not-after": without dashes */
    enum option_kind kind;
    void *target;      /* untouched when the option is not given */
    const char *value; /* name of the value in the help; NULL for flags */
    const char *help;
    char letter; /* short form, or 0 */
};

/* What one command takes: its options, and how many arguments. */
struct option_set {
    const struct option_row *rows;
    size_t n_rows;
    size_t least, most;
};
#define OPTION_SET(rows, least, most)                                                              \
    (&(const struct option_set){rows, ARRAY_LEN(rows), least, most})
#define NO_OPTIONS(least, most) (&(const struct option_set){NULL, 0, least, most})

struct option_arguments {
    char *at[ARGUMENTS_MAX];
    size_t n;
};

/*
 * Reads the options in argv[1] .. argv[argc - 1] and gives the rest in order. False with
 * REASON_USAGE. stop: the first argument that is no option ends them (for commands of commands).
 */
bool options_parse(const struct option_row *rows, size_t n_rows, int argc, char **argv, bool stop,
                   struct option_arguments *ret_rest, struct error *err) MUST_CHECK;
/* A line per option, on stdout. */
void options_help(const struct option_row *rows, size_t n_rows);
