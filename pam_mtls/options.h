#pragma once
/*
 * The arguments of a line in /etc/pam.d. One table in options.c; every mistake is an error, since a
 * typing mistake in a stack must not open or close it silently. Knows no PAM handle.
 */
#include "common/error.h"

#define OPTIONS_SOCKET "/run/gatewayd/pam.sock"

struct method; /* method.h */

enum scope { SCOPE_ALL, SCOPE_DIRECTORY_USERS };

/* Texts are borrowed from argv. */
struct options {
    const struct method *method; /* NULL: no way to prove in auth; for account-only stacks */
    const char *socket;
    enum scope scope;
    const char *local_users; /* "root,breakglass"; NULL: none */
    int64_t observe_until_s; /* verdicts are recorded and not followed until then; 0: followed */
    bool debug;
};

bool options_parse(int argc, const char **argv, struct options *ret_options,
                   struct error *err) MUST_CHECK;
/* Whether the user stands in local_users. */
bool options_local_user(const struct options *options, const char *user);
