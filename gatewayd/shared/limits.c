/*
 * The limit of open files. Used by the parent at start and by `gatewayctl check`.
 */
#include "gatewayd/shared/limits.h"

#include <sys/resource.h>

enum { FILES_PER_CONNECTION = 2, FILES_BESIDE = 1024 };

uint64_t limits_open_files(const struct config *config)
{
    uint64_t connections = 0;

    for (size_t i = 0; i < config->n_listener; i++)
        connections += (uint64_t)config->listener[i].max_connections;
    return connections * FILES_PER_CONNECTION + FILES_BESIDE;
}

static bool too_few(uint64_t needed, rlim_t limit, struct error *err)
{
    return err_set(err, REASON_CONFIG_VALUE,
                   "max_connections needs %llu open files and the limit is %llu: raise the limit "
                   "(LimitNOFILE=, ulimit -n) or lower max_connections",
                   (unsigned long long)needed, (unsigned long long)limit);
}

/* A process with CAP_SYS_RESOURCE may go beyond its hard limit: setting it is the only way to know.
 */
static bool try(uint64_t needed, bool keep, struct error *err)
{
    struct rlimit old, new;

    if (getrlimit(RLIMIT_NOFILE, &old) < 0)
        return err_set(err, REASON_SYSTEM, "getrlimit: %m");
    new.rlim_cur = needed > old.rlim_cur ? needed : old.rlim_cur;
    new.rlim_max = needed > old.rlim_max ? needed : old.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &new) < 0)
        return too_few(needed, old.rlim_max, err);
    if (!keep && setrlimit(RLIMIT_NOFILE, &old) < 0)
        return err_set(err, REASON_SYSTEM, "setrlimit: %m");
    return true;
}

bool limits_check(const struct config *config, struct error *err)
{
    return try(limits_open_files(config), false, err);
}

bool limits_raise(const struct config *config, struct error *err)
{
    return try(limits_open_files(config), true, err);
}
