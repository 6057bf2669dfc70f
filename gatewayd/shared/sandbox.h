#pragma once
/*
 * The sandbox: one table of system calls and roles, entered once per process. Empty capability
 * sets, no_new_privs, empty root, Landlock where the kernel has it, seccomp, limits. See
 * docs/threat-model.md.
 */
#include "common/error.h"
#include "gatewayd/shared/process.h"

/* AddressSanitizer makes calls of its own: such builds have more rows. */
#ifdef MTLS_SANITIZE
#define SANDBOX_WITH_SANITIZER 1
#else
#define SANDBOX_WITH_SANITIZER 0
#endif

struct sandbox {
    enum process_role role;
    const char
        *user; /* service user to become; NULL: stay who we are (started by an ordinary user) */
    const char
        *empty_dir; /* root-owned empty directory to chroot to; NULL: no chroot (no privilege) */
    uint64_t max_files; /* RLIMIT_NOFILE */
};

/* Becomes the user and closes the sandbox. After false the process must end. */
bool sandbox_enter(const struct sandbox *sandbox, struct error *err) MUST_CHECK;
