/*
 * gatewayd: arguments and roles. As a daemon it becomes the parent, which starts this program again
 * for each of the other processes. Runs in the foreground and logs to stderr.
 */
#include "common/log.h"
#include "common/text.h"
#include "gatewayd/parent/parent.h"
#include "gatewayd/parent/state.h"
#include "gatewayd/shared/role.h"
#include "gatewayd/shared/start_check.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/gatewayd/gatewayd.conf"
enum { TEXT_MAX = 16 << 20 };

static const struct role_calls *const roles[] = {
    &spawn_role, &load_role, &edge_role, &key_role, &decide_role, &directory_role, &fetch_role, &audit_role,
};

static const char usage[] =
    "usage: gatewayd [-c FILE] [--check | --print-config]\n"
    "       gatewayd --describe-options[=mdoc] | --version | --help\n"
    "\n"
    "  -c, --config FILE     configuration (default " DEFAULT_CONFIG ")\n"
    "      --check           check it and the files that it names; show every error\n"
    "      --print-config    show every option with its value\n"
    "      --describe-options[=mdoc]\n"
    "                        show every option with its form, default and meaning\n"
    "      --version         show the version\n";

enum {
    OPTION_CHECK = 256,
    OPTION_PRINT,
    OPTION_DESCRIBE,
    OPTION_VERSION,
    OPTION_ROLE,
    OPTION_CHECK_UPGRADE,
    OPTION_TAKE_OVER,
    OPTION_HELP
};

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},
    {"check", no_argument, NULL, OPTION_CHECK},
    {"print-config", no_argument, NULL, OPTION_PRINT},
    {"describe-options", optional_argument, NULL, OPTION_DESCRIBE},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"role", required_argument, NULL, OPTION_ROLE},
    {"check-upgrade", required_argument, NULL, OPTION_CHECK_UPGRADE},
    {"take-over", required_argument, NULL, OPTION_TAKE_OVER},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static int print(struct writer *out)
{
    struct bytes text = writer_bytes(out);
    bool good = fwrite(text.at, 1, text.len, stdout) == text.len && fflush(stdout) == 0;

    writer_clear(out);
    return good ? 0 : 1;
}

static int describe_options(const char *form)
{
    struct writer out = writer_new(TEXT_MAX);

    if (form && strcmp(form, "mdoc") == 0)
        config_describe_mdoc(&out);
    else
        config_describe(&out);
    return print(&out);
}

static void show_error(void *context, const char *file, uint32_t line, const struct error *err)
{
    size_t *n = context;

    (*n)++;
    if (line > 0)
        (void)fprintf(stderr, "%s:%u: ", file, line);
    else
        (void)fprintf(stderr, "%s: ", file);
    (void)fprintf(stderr, "%s: %s\n", reason_text(err->reason), err->detail);
}

/* argv[0] is the name that ps shows; the arguments behind it are wiped. */
static void show_only_name(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        memset(argv[i], 0, strlen(argv[i]));
}

static int run_role(const char *name, int argc, char **argv)
{
    enum process_role role;

    if (process_from_name(bytes_of(name), &role))
        for (size_t i = 0; i < ARRAY_LEN(roles); i++)
            if (roles[i]->id == role && fcntl(ROLE_PARENT_FD, F_GETFD) >= 0) {
                show_only_name(argc, argv);
                return role_main(roles[i]);
            }
    (void)fprintf(stderr, "gatewayd: roles are started by gatewayd itself\n");
    return 2;
}

/* Descriptors 0, 1 and 2 are never something else. */
static bool fill_standard_descriptors(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd < 0)
        return false;
    (void)close(fd);
    return true;
}

/* The state of the program before, in a memfd that it has left open for us; see state.h. */
static bool parse_state(const char *text, int *ret_fd)
{
    uint64_t number;

    if (!text_u64(bytes_of(text), &number) || number <= STDERR_FILENO || number > INT32_MAX ||
        fcntl((int)number, F_SETFD, FD_CLOEXEC) < 0)
        return false;
    *ret_fd = (int)number;
    return true;
}

static int check_upgrade(const struct config *config, int state, struct config_errors *errors)
{
    struct error err;

    if (!start_check(config, errors))
        return 1;
    if (state_check(state, config, parent_count_edges(config), &err))
        return fputs(STATE_CAN_TAKE_OVER, stdout) < 0 || fflush(stdout) != 0;
    errors->found(errors->context, "state", 0, &err);
    return 1;
}

static int run(const char *path, int mode, int state)
{
    size_t n = 0;
    struct config_errors errors = {.found = show_error, .context = &n};
    struct config *config;
    int status;

    if (!config_load(path, &errors, &config))
        return 1;
    if (mode == 0)
        return start_check(config, &errors) ? parent_main(path, config) : 1;
    if (mode == OPTION_TAKE_OVER)
        return parent_take_over(path, config, state);
    if (mode == OPTION_CHECK_UPGRADE)
        return check_upgrade(config, state, &errors);
    if (mode == OPTION_CHECK) {
        status = start_check(config, &errors) ? 0 : 1;
    } else {
        struct writer out = writer_new(TEXT_MAX);

        config_print(config, &out);
        status = print(&out);
    }
    config_free(config);
    return status;
}

int main(int argc, char **argv)
{
    const char *path = DEFAULT_CONFIG;
    int mode = 0, option, state = -1;

    if (!fill_standard_descriptors())
        return 1;
    (void)setenv("TZ", "UTC0", 1);
    tzset();
    while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1)
        switch (option) {
        case 'c':
            path = optarg;
            break;
        case OPTION_ROLE:
            return run_role(optarg, argc, argv);
        case OPTION_DESCRIBE:
            return describe_options(optarg);
        case OPTION_VERSION:
            return printf("gatewayd " MTLS_VERSION "\n") < 0;
        case OPTION_HELP:
            return fputs(usage, stdout) < 0;
        case OPTION_CHECK_UPGRADE:
        case OPTION_TAKE_OVER:
            mode = option;
            if (!parse_state(optarg, &state)) {
                (void)fputs("gatewayd: programs take over when gatewayctl upgrade says so\n",
                            stderr);
                return 2;
            }
            break;
        case OPTION_CHECK:
        case OPTION_PRINT:
            mode = option;
            break;
        default:
            (void)fputs(usage, stderr);
            return 2;
        }
    if (optind != argc) {
        (void)fputs(usage, stderr);
        return 2;
    }
    return run(path, mode, state);
}
