/*
 * Closes a process in: user, root directory, capabilities, Landlock, seccomp, limits. Runs once in
 * each process but parent and spawn, after its descriptors have come and before it serves. The
 * table of system calls is sandbox_calls.h.
 */
#include "gatewayd/shared/sandbox.h"

#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <jansson.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* --- user, root, capabilities ----------------------------------------------------------------- */

static bool set_limit(int which, uint64_t value, struct error *err)
{
    struct rlimit limit = {.rlim_cur = value, .rlim_max = value};

    if (setrlimit((__rlimit_resource_t)which, &limit) < 0)
        return err_set(err, REASON_SYSTEM, "limit %d to %llu: %m", which,
                       (unsigned long long)value);
    return true;
}

/* The root that is left must hold nothing that others could have put there. */
static bool enter_root(const char *dir, struct error *err)
{
    struct stat st;

    if (chdir(dir) < 0 || stat(".", &st) < 0)
        return err_set(err, REASON_FILE_UNREADABLE, "%s: %m", dir);
    if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)))
        return err_set(err, REASON_FILE_UNSAFE, "%s must belong to root alone", dir);
    if (chroot(".") < 0 || chdir("/") < 0)
        return err_set(err, REASON_SYSTEM, "chroot %s: %m", dir);
    return true;
}

static bool become(const struct passwd *user, struct error *err)
{
    if (user->pw_uid == 0 || user->pw_gid == 0)
        return err_set(err, REASON_FILE_UNSAFE, "service user %s is root", user->pw_name);
    if (setgroups(0, NULL) < 0 || setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0 ||
        setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0)
        return err_set(err, REASON_SYSTEM, "cannot become %s: %m", user->pw_name);
    if (setresuid((uid_t)-1, 0, (uid_t)-1) == 0)
        return err_set(err, REASON_SYSTEM, "%s can become root again", user->pw_name);
    return true;
}

static void drop_bounding_set(void)
{
    /* EINVAL ends the list; EPERM means that there was nothing to lose. */
    for (unsigned long cap = 0; prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0; cap++)
        ;
}

/* Direct, since libcap-ng reads /proc, which is gone. */
static bool drop_capabilities(struct error *err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_capset, &header, none) < 0)
        return err_set(err, REASON_SYSTEM, "capset: %m");
    return true;
}

static bool find_user(const char *name, struct passwd *ret_user, struct error *err)
{
    struct passwd *user;

    errno = 0;
    user = getpwnam(name);
    if (!user)
        return err_set(err, REASON_CONFIG_REFERENCE,
                       "no user %s: useradd --system --no-create-home --shell /usr/sbin/nologin %s",
                       name, name);
    *ret_user = *user; /* its strings live until the next look-up: there is none */
    return true;
}

static bool leave_privilege(const struct sandbox *sandbox, struct error *err)
{
    struct passwd user = {0};

    if (sandbox->user && !find_user(sandbox->user, &user, err))
        return false;
    if (sandbox->empty_dir && !enter_root(sandbox->empty_dir, err))
        return false;
    drop_bounding_set();
    if (sandbox->user && !become(&user, err))
        return false;
    return drop_capabilities(err);
}

static bool set_process_flags(struct error *err)
{
    /* A change of user has cleared the signal. A parent that is gone already shows on fd 3. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return err_set(err, REASON_SYSTEM, "prctl: %m");
    return true;
}

/* --- Landlock --------------------------------------------------------------------------------- */

enum {
    TO_READ = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
    TO_KEEP_FILES = TO_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                    LANDLOCK_ACCESS_FS_MAKE_REG,
    /* All rights of the first version (Linux 5.13), so that older kernels do as much. */
    ALL_RIGHTS = LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1,
};

static bool add_rule(int ruleset, int dir, uint64_t rights, struct error *err)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = rights, .parent_fd = dir};

    if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
        return err_set(err, REASON_SYSTEM, "landlock rule: %m");
    return true;
}

/* A descriptor of a directory leads out of the empty root by "..": its rule ends there. */
static bool allow_own_directories(int ruleset, uint64_t max_files, struct error *err)
{
    for (int fd = STDERR_FILENO + 1; fd < (int)max_files; fd++) {
        struct stat st;

        if (fd == ruleset || fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode))
            continue;
        if (!add_rule(ruleset, fd, TO_KEEP_FILES, err))
            return false;
    }
    return true;
}

/* What name resolution reads: all of the root that is left to directory and fetch. */
static bool allow_root(int ruleset, struct error *err)
{
    int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    bool good;

    if (fd < 0)
        return err_set(err, REASON_SYSTEM, "/: %m");
    good = add_rule(ruleset, fd, TO_READ, err);
    (void)close(fd);
    return good;
}

/* Forbids every path that is not reached through an open descriptor, or a directory of the role. */
static bool close_file_system(const struct sandbox *sandbox, struct error *err)
{
    struct landlock_ruleset_attr attr = {.handled_access_fs = ALL_RIGHTS};
    bool resolves = sandbox->role == PROCESS_DIRECTORY || sandbox->role == PROCESS_FETCH;
    bool directories = sandbox->role == PROCESS_AUDIT || resolves;
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
    bool good;

    if (ruleset < 0 && (errno == ENOSYS || errno == EOPNOTSUPP))
        return true; /* a kernel without Landlock: the empty root and seccomp remain */
    if (ruleset < 0)
        return err_set(err, REASON_SYSTEM, "landlock: %m");
    good = (!directories || allow_own_directories(ruleset, sandbox->max_files, err)) &&
           (!resolves || allow_root(ruleset, err));
    if (good && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
        good = err_set(err, REASON_SYSTEM, "landlock: %m");
    (void)close(ruleset);
    return good;
}

/* --- seccomp ---------------------------------------------------------------------------------- */

#define L         (1u << PROCESS_LOAD)
#define E         (1u << PROCESS_EDGE)
#define K         (1u << PROCESS_KEY)
#define C         (1u << PROCESS_DECIDE)
#define D         (1u << PROCESS_DIRECTORY)
#define A         (1u << PROCESS_AUDIT)
#define F         (1u << PROCESS_FETCH)
#define ALL       (L | E | K | C | D | A | F)
#define SANITIZER (SANDBOX_WITH_SANITIZER ? ALL : 0u)

enum condition { ANY, NO_EXEC, NOT_CWD };

static const struct call {
    int number;
    unsigned processes;
    enum condition condition;
} calls[] = {
#define CALL(name, processes, condition) {SCMP_SYS(name), processes, condition},
#define DEADLY(name)
#include "gatewayd/shared/sandbox_calls.h"
#undef CALL
#undef DEADLY
};

static const int deadly[] = {
#define CALL(name, processes, condition)
#define DEADLY(name) SCMP_SYS(name),
#include "gatewayd/shared/sandbox_calls.h"
#undef CALL
#undef DEADLY
};

static int allow(scmp_filter_ctx filter, const struct call *call)
{
    switch (call->condition) {
    case NO_EXEC:
        return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call->number, 1,
                                SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    case NOT_CWD:
        /* AT_FDCWD is negative: above every descriptor, sign-extended or not. */
        return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call->number, 1,
                                SCMP_A0(SCMP_CMP_LT, 0x80000000u));
    case ANY:
        break;
    }
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call->number, 0);
}

/* What the rows say of one call: whether the process may make it, and only on a condition. */
static bool is_allowed(enum process_role role, int number, bool *ret_conditional)
{
    bool allowed = false;

    *ret_conditional = true;
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        if (calls[i].number != number || !(calls[i].processes & (1u << role)))
            continue;
        allowed = true;
        if (calls[i].condition == ANY)
            *ret_conditional = false;
    }
    return allowed;
}

static int add_rules(scmp_filter_ctx filter, enum process_role role)
{
    int result = 0;
    bool conditional;

    for (size_t i = 0; i < ARRAY_LEN(calls) && result == 0; i++)
        if (calls[i].processes & (1u << role))
            result = allow(filter, &calls[i]);
    for (size_t i = 0; i < ARRAY_LEN(deadly) && result == 0; i++) {
        if (!is_allowed(role, deadly[i], &conditional))
            result = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, deadly[i], 0);
        else if (conditional)
            result = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, deadly[i], 1,
                                      SCMP_A0(SCMP_CMP_GE, 0x80000000u));
    }
    return result;
}

static bool filter_calls(enum process_role role, struct error *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int result = filter ? 0 : -ENOMEM;

    if (result == 0)
        result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
    if (result == 0)
        result = add_rules(filter, role);
    if (result == 0)
        result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (result == 0)
        result = seccomp_load(filter);
    if (filter)
        seccomp_release(filter);
    if (result != 0) {
        errno = -result;
        return err_set(err, REASON_SYSTEM, "seccomp: %m");
    }
    return true;
}

/* What libraries open at their first use, and never again. */
static void open_what_libraries_need(void)
{
    json_object_seed(0); /* /dev/urandom, for its hash tables */
    tzset();             /* the zone, for strftime */
}

bool sandbox_enter(const struct sandbox *sandbox, struct error *err)
{
    open_what_libraries_need();
    if (!set_limit(RLIMIT_NOFILE, sandbox->max_files, err) || !set_limit(RLIMIT_CORE, 0, err))
        return false;
    if (!leave_privilege(sandbox, err) || !set_process_flags(err))
        return false;
    if (!close_file_system(sandbox, err))
        return false;
    return filter_calls(sandbox->role, err);
}
