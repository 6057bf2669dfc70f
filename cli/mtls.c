/*
 * mtls, the users' tool: the table of commands. Runs as the user; holds the user's key.
 */
#include "cli/mtls.h"

#include "common/text.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct mtls_command commands[] = {
    {"connect", "[--host HOST] [--port PORT] [SERVICE]",
     "Connect stdin and stdout with a service behind the gateway.", mtls_connect},
    {"whoami", "", "Show what the gateway sees of you, and what is open to you.", mtls_whoami},
    {"ssh-config", "HOST...", "Print the stanza for ~/.ssh/config.", mtls_ssh_config},
};

/* Everything but clean UTF-8 is left out. */
static void print_clean(const char *text)
{
    bool clean = text_is_clean(bytes_of(text));

    for (; *text; text++)
        (void)fputc(clean || (*text >= ' ' && *text <= '~') ? *text : '?', stderr);
}

int mtls_error(const struct error *err)
{
    const char *hint = reason_hint(err->reason);

    (void)fprintf(stderr, "mtls: %s%s", reason_text(err->reason), err->detail[0] ? ": " : "");
    print_clean(err->detail);
    (void)fputc('\n', stderr);
    if (err->reason == REASON_USAGE && hint[0])
        (void)fprintf(stderr, "  see: mtls --help\n");
    return err->reason == REASON_GATEWAY_REFUSED || err->reason == REASON_GATEWAY_ENDED
               ? MTLS_DENIED
               : MTLS_ERROR;
}

int mtls_print_denial(const struct gw1_status *status, const char *text)
{
    static const struct session_id none = {{0}}; /* nothing was decided: decide was away */
    char id[SESSION_ID_TEXT_LEN + 1];

    session_id_format(&status->id, id);
    (void)fprintf(stderr, "mtls: ");
    print_clean(text);
    if (!session_id_equal(&status->id, &none))
        (void)fprintf(stderr, " (decision %s)", id);
    (void)fputc('\n', stderr);
    return MTLS_DENIED;
}

static void add_rows(struct mtls_settings *settings, bool *help, struct option_row *all, size_t *n)
{
#define X(setting, value, help_text)                                                               \
    all[(*n)++] =                                                                                  \
        (struct option_row){#setting, OPTION_TEXT, &settings->setting, value, help_text, 0};
    MTLS_SETTINGS(X)
#undef X
    all[(*n)++] = (struct option_row){"help", OPTION_FLAG, help, NULL, "this text", 'h'};
}

bool mtls_options(struct mtls *mtls, const struct option_set *set, int argc, char **argv,
                  struct option_arguments *ret_rest, int *ret_exit)
{
    struct option_row all[OPTIONS_MAX];
    size_t n = set->n_rows;
    bool help = false;
    struct error err;

    if (n + 8 > OPTIONS_MAX)
        abort();
    if (n > 0)
        memcpy(all, set->rows, n * sizeof(*all));
    add_rows(&mtls->settings, &help, all, &n);
    *ret_exit = MTLS_ERROR;
    if (!options_parse(all, n, argc, argv, false, ret_rest, &err)) {
        (void)mtls_error(&err);
        return false;
    }
    if (help) {
        (void)printf("Usage: mtls %s %s\n%s\n\n", mtls->command->name, mtls->command->arguments,
                     mtls->command->help);
        options_help(all, n);
        *ret_exit = MTLS_OK;
        return false;
    }
    if (ret_rest->n < set->least || ret_rest->n > set->most) {
        (void)fprintf(stderr, "Usage: mtls %s %s\n", mtls->command->name, mtls->command->arguments);
        return false;
    }
    if (mtls_settings_load(&mtls->settings, &err))
        return true;
    (void)mtls_error(&err);
    return false;
}

static int print_help(void)
{
    (void)printf("Usage: mtls COMMAND ...\n\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        (void)printf("  %-10s %-38s %s\n", commands[i].name, commands[i].arguments,
                     commands[i].help);
    (void)printf("\nmtls COMMAND --help shows the options.\n");
    return MTLS_OK;
}

int main(int argc, char **argv)
{
    struct mtls mtls = {.command = NULL};
    const char *name = argc > 1 ? argv[1] : "";
    int code;

    (void)signal(SIGPIPE, SIG_IGN);
    if (strcmp(name, "--version") == 0)
        return printf("mtls %s\n", MTLS_VERSION) < 0 ? MTLS_ERROR : MTLS_OK;
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return print_help();
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(name, commands[i].name) != 0)
            continue;
        mtls.command = &commands[i];
        code = commands[i].run(&mtls, argc - 1, argv + 1);
        return fflush(stdout) != 0 ? MTLS_ERROR : code;
    }
    if (name[0])
        (void)fprintf(stderr, "mtls: there is no command \"%s\"; see mtls --help\n", name);
    else
        (void)print_help();
    return MTLS_ERROR;
}
