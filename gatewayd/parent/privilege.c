/*
 * Capabilities. Runs in the parent at start.
 */
#include "gatewayd/parent/privilege.h"

#include "common/log.h"

#include <cap-ng.h>
#include <errno.h>
#include <unistd.h>

/* One row per capability that stays, with its reason. */
static const struct {
    int capability;
    const char *name, *use;
} kept[] = {
    {CAP_CHOWN, "chown", "gives folders and sockets to their users"},
    {CAP_DAC_READ_SEARCH, "dac_read_search", "opens folders of the service users"},
    {CAP_DAC_OVERRIDE, "dac_override", "makes and replaces sockets and folders"},
    {CAP_FOWNER, "fowner", "sets the mode of what is given away"},
    {CAP_KILL, "kill", "ends children of other users, and logins"},
    {CAP_NET_BIND_SERVICE, "net_bind_service", "ports below 1024"},
    {CAP_SYS_PTRACE, "sys_ptrace", "compares the namespaces of processes that ask decide"},
};

bool privilege_drop(struct error *err)
{
    if (geteuid() != 0)
        return true;
    /*
     * Without CAP_SYS_PTRACE (some containers) the namespaces of another root process can only be
     * read while we have all that it has.
     */
    if (!capng_have_capability(CAPNG_PERMITTED, CAP_SYS_PTRACE)) {
        log_event(LOG_LEVEL_WARNING, "capabilities_kept", "detail=\"no CAP_SYS_PTRACE here\"");
        return true;
    }
    capng_setpid((int)getpid());
    if (capng_get_caps_process() < 0)
        return err_set(err, REASON_SYSTEM, "capabilities: %m");
    for (size_t i = 0; i <= CAP_LAST_CAP; i++) {
        bool keep = false;

        for (size_t k = 0; k < ARRAY_LEN(kept); k++)
            keep = keep || kept[k].capability == (int)i;
        if (!keep && capng_update(CAPNG_DROP, CAPNG_EFFECTIVE | CAPNG_PERMITTED, (unsigned)i) < 0)
            return err_set(err, REASON_SYSTEM, "capabilities: %m");
    }
    if (capng_apply(CAPNG_SELECT_CAPS) < 0)
        return err_set(err, REASON_SYSTEM, "capabilities: %m");
    return true;
}
