/*
 * gatewayctl, the operators' tool: the table of commands. Most commands ask the daemon through its
 * control socket; check, verify, identity, policy, audit, explain and ca work without it.
 */
#include "cli/ctl_commands.h"

#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CONFIG_PATH "/etc/gatewayd/gatewayd.conf"

static const struct ctl_command commands[] = {
    {"check", "", "Check configuration, files, policy and machine; all errors at once.", ctl_check},
    {"status", "", "Show processes, ages of all sources, sessions, last denials.", ctl_status},
    {"reload", "[--dry-run]", "Read configuration, certificates, lists and policy again.",
     ctl_reload},
    {"drain", "[--timeout DURATION | --now]", "Let nobody in, end with the last session.",
     ctl_drain},
    {"upgrade", "[--binary PATH]", "Let another program take over; no session ends.", ctl_upgrade},
    {"sessions list", "[FILTERS]", "Show live sessions.", ctl_sessions_list},
    {"sessions show", "ID", "Show one live session.", ctl_sessions_show},
    {"sessions kill", "ID | FILTERS", "End live sessions.", ctl_sessions_kill},
    {"sessions end", "--pending", "Confirm what mass_end_guard holds back.", ctl_sessions_end},
    {"lock add", "KIND VALUE [OPTIONS]", "Lock a user, group, certificate, issuer ... out.",
     ctl_lock_add},
    {"lock list", "", "Show all locks.", ctl_lock_list},
    {"lock remove", "ID | KIND VALUE", "Take a lock away.", ctl_lock_remove},
    {"explain", "ID", "Say why a connection was allowed, denied or ended.", ctl_explain},
    {"verify", "[--ca-file FILE] [OPTIONS] CERT", "Validate a certificate as the gateway would.",
     ctl_verify},
    {"identity show", "CERT", "Show every attribute of a certificate.", ctl_identity_show},
    {"identity map", "--cert CERT [OPTIONS]",
     "Find the account of a certificate; exit 0 one, 1 none, 3 unsure.", ctl_identity_map},
    {"policy check", "[DIR]", "Check the policy files.", ctl_policy_check},
    {"audit verify", "[DIR]", "Check the log; exit 0 whole, 3 torn, 4 gap, 5 edited.",
     ctl_audit_verify},
    {"audit tail", "[-f] [-n N]", "Show the last records.", ctl_audit_tail},
    {"audit show", "ID", "Show all records of a session.", ctl_audit_show},
    {"ca init", "DIR --name NAME", "Make a private CA in a new directory.", ctl_ca_init},
    {"ca issue", "DIR --cn NAME [OPTIONS]", "Issue a certificate.", ctl_ca_issue},
    {"ca revoke", "DIR SERIAL|CERT", "Revoke a certificate.", ctl_ca_revoke},
    {"ca crl", "DIR --out FILE", "Write the revocation list.", ctl_ca_crl},
    {"ca list", "DIR", "Show all certificates of the CA.", ctl_ca_list},
};

static const struct option_row no_options[] = {
    {"config", OPTION_TEXT, NULL, "FILE", "gatewayd.conf (" CONFIG_PATH ")", 'c'},
    {"json", OPTION_FLAG, NULL, NULL, "print JSON", 0},
    {"help", OPTION_FLAG, NULL, NULL, "this text", 'h'},
    {"version", OPTION_FLAG, NULL, NULL, "the version", 0},
};

/* Asked for, or because there was nothing to do. */
static int print_help(bool asked)
{
    (void)printf("Usage: gatewayctl [--config FILE] [--json] COMMAND ...\n\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        (void)printf("  %-14s %-30s %s\n", commands[i].name, commands[i].arguments,
                     commands[i].help);
    (void)printf("\n");
    options_help(no_options, ARRAY_LEN(no_options));
    return asked ? CTL_YES : CTL_ERROR;
}

/* Whether the words begin with the command's name; *ret_words: how many it has. */
static bool is_command(const struct ctl_command *command, const struct option_arguments *words,
                       size_t *ret_words)
{
    const char *space = strchr(command->name, ' ');
    size_t first = space ? (size_t)(space - command->name) : strlen(command->name);

    if (strncmp(words->at[0], command->name, first) != 0 || words->at[0][first] != '\0')
        return false;
    if (space && (words->n < 2 || strcmp(words->at[1], space + 1) != 0))
        return false;
    *ret_words = space ? 2 : 1;
    return true;
}

static int run_command(struct ctl *ctl, struct option_arguments *words)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        size_t used;

        if (!is_command(&commands[i], words, &used))
            continue;
        ctl->command = &commands[i];
        return commands[i].run(ctl, (int)(words->n - used + 1), words->at + used - 1);
    }
    (void)fprintf(stderr, "gatewayctl: there is no command \"%s%s%s\"; see gatewayctl --help\n",
                  words->at[0], words->n > 1 ? " " : "", words->n > 1 ? words->at[1] : "");
    return CTL_ERROR;
}

static bool wants_color(void)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

    return isatty(STDOUT_FILENO) && (!no_color || !no_color[0]) && term &&
           strcmp(term, "dumb") != 0;
}

int main(int argc, char **argv)
{
    struct ctl ctl = {.config_path = CONFIG_PATH, .color = wants_color()};
    bool help = false, version = false;
    const struct option_row rows[] = {
        {"config", OPTION_TEXT, &ctl.config_path, "FILE", "", 'c'},
        {"json", OPTION_FLAG, &ctl.json, NULL, "", 0},
        {"help", OPTION_FLAG, &help, NULL, "", 'h'},
        {"version", OPTION_FLAG, &version, NULL, "", 0},
    };
    struct option_arguments words;
    struct error err;
    int code;

    (void)signal(SIGPIPE, SIG_DFL);
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    if (!options_parse(rows, ARRAY_LEN(rows), argc, argv, true, &words, &err))
        return ctl_error(&err);
    if (version)
        code = printf("gatewayctl %s\n", MTLS_VERSION) < 0 ? CTL_ERROR : CTL_YES;
    else if (help || words.n == 0)
        code = print_help(help);
    else
        code = run_command(&ctl, &words);
    /* Data that could not be written is an error, whatever the answer was. */
    return fflush(stdout) != 0 || ferror(stdout) ? CTL_ERROR : code;
}
