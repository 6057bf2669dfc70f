/*
 * The service users of the processes. Runs in the parent, in spawn and in gatewayctl.
 */
#include "gatewayd/shared/service_users.h"

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

static void user_name(const struct config *config, enum process_role role, char out[64])
{
    (void)snprintf(out, 64, "%s%s", config->gateway->user, process_of(role)->user_suffix);
}

bool service_user(const struct config *config, enum process_role role, uid_t *ret_uid,
                  gid_t *ret_gid, struct error *err)
{
    const struct passwd *user;
    char name[64];

    if (geteuid() != 0) {
        *ret_uid = geteuid();
        *ret_gid = getegid();
        return true;
    }
    user_name(config, role, name);
    user = getpwnam(name);
    if (!user)
        return err_set(err, REASON_CONFIG_REFERENCE,
                       "no user %s: useradd --system --user-group --no-create-home --shell "
                       "/usr/sbin/nologin %s",
                       name, name);
    if (user->pw_uid == 0 || user->pw_gid == 0)
        return err_set(err, REASON_FILE_UNSAFE, "service user %s is root", name);
    *ret_uid = user->pw_uid;
    *ret_gid = user->pw_gid;
    return true;
}

bool service_users_check(const struct config *config, struct error *err)
{
    uid_t uids[PROCESS__COUNT];
    size_t n = 0;

    if (geteuid() != 0)
        return true;
    for (unsigned role = 0; role < PROCESS__COUNT; role++) {
        gid_t gid;

        if (!process_of((enum process_role)role)->user_suffix)
            continue;
        if (!service_user(config, (enum process_role)role, &uids[n], &gid, err))
            return false;
        for (size_t i = 0; i < n; i++)
            if (uids[i] == uids[n])
                return err_set(err, REASON_FILE_UNSAFE,
                               "uid %u belongs to two service users: each needs its own", uids[n]);
        n++;
    }
    return true;
}
