/*
 * Looks a name up in a passwd file. Runs in the application's process; the file is root's.
 */
#include "pam_mtls/scope.h"

#include <errno.h>
#include <stdio.h>

DEFINE_AUTO(FILE *, file_closep, fclose)

bool scope_is_local(const char *path, const char *user, bool *ret_local, struct error *err)
{
    AUTO(file_closep) FILE *file = fopen(path, "re");
    AUTO(char_freep) char *line = NULL;
    size_t room = 0, user_len = strlen(user);
    bool local = false;

    if (user_len == 0 || strpbrk(user, ":\n")) { /* would match more than a name */
        *ret_local = false;
        return true;
    }
    if (!file)
        return err_set(err, errno == ENOMEM ? REASON_NO_MEMORY : REASON_SYSTEM, "%s: %m", path);
    while (!local && getline(&line, &room, file) >= 0)
        local = strncmp(line, user, user_len) == 0 && line[user_len] == ':';
    if (ferror(file))
        return err_set(err, REASON_SYSTEM, "%s: read error", path);
    *ret_local = local;
    return true;
}
