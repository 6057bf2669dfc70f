/*
 * The processes, one row each. Used by the parent to start them and by each to know itself.
 */
#include "gatewayd/shared/process.h"

#include "common/macros.h"

#include <stdlib.h>

static const struct process processes[] = {
    [PROCESS_PARENT] = {.name = "parent", .permanent = true},
    [PROCESS_SPAWN] = {.name = "spawn", .permanent = true},
    [PROCESS_LOAD] = {.name = "load", .user_suffix = "-load", .sandboxed = true},
    [PROCESS_EDGE] = {.name = "edge", .user_suffix = "-edge", .sandboxed = true, .permanent = true},
    [PROCESS_KEY] = {.name = "key", .user_suffix = "-key", .sandboxed = true, .permanent = true},
    [PROCESS_DECIDE] = {.name = "decide",
                        .user_suffix = "-decide",
                        .sandboxed = true,
                        .permanent = true},
    [PROCESS_DIRECTORY] = {.name = "directory",
                           .user_suffix = "-directory",
                           .sandboxed = true,
                           .permanent = true},
    [PROCESS_AUDIT] = {.name = "audit",
                       .user_suffix = "-audit",
                       .sandboxed = true,
                       .permanent = true},
    [PROCESS_FETCH] = {.name = "fetch",
                       .user_suffix = "-fetch",
                       .sandboxed = true,
                       .permanent = true},
};
_Static_assert(ARRAY_LEN(processes) == PROCESS__COUNT, "one row per process");

const struct process *process_of(enum process_role role)
{
    if ((unsigned)role >= PROCESS__COUNT)
        abort();
    return &processes[role];
}

bool process_from_name(struct bytes name, enum process_role *ret_role)
{
    for (size_t i = 0; i < ARRAY_LEN(processes); i++) {
        if (!bytes_equal(name, bytes_of(processes[i].name)))
            continue;
        *ret_role = (enum process_role)i;
        return true;
    }
    return false;
}
