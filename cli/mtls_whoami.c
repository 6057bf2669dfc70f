/*
 * mtls whoami and mtls ssh-config: what the gateway sees of the user, and what ssh needs to get
 * there.
 */
#include "cli/mtls.h"

#include <stdio.h>
#include <string.h>

int mtls_whoami(struct mtls *mtls, int argc, char **argv)
{
    const struct gw1_request request = {.kind = GW1_WHOAMI};
    AUTO(mtls_link_close) struct mtls_link link = {.fd = -1};
    char text[GW1_TEXT_MAX + 1];
    struct option_arguments rest;
    struct mtls_target target;
    struct gw1_status status;
    struct error err;
    int code;

    if (!mtls_options(mtls, NO_OPTIONS(0, 0), argc, argv, &rest, &code))
        return code;
    if (!mtls->settings.gateway)
        return err_set(&err, REASON_CONFIG_MISSING, "gateway: its HOST:PORT"), mtls_error(&err);
    if (!mtls_target_parse(mtls->settings.gateway, &target, &err))
        return mtls_error(&err);
    if (mtls->settings.name)
        (void)snprintf(target.name, sizeof(target.name), "%s", mtls->settings.name);
    if (!mtls_link_open(&mtls->settings, &target, &link, &err))
        return mtls_error(&err);
    if (!link.gw1)
        return err_set(&err, REASON_TLS_FAILED, "the gateway does not speak " GW1_ALPN),
               mtls_error(&err);
    if (!mtls_link_ask(&link, &request, &status, text, sizeof(text), &err))
        return mtls_error(&err);
    if (status.result != GW1_OK)
        return mtls_print_denial(&status, text);
    (void)printf("%s%s", text, text[0] && text[strlen(text) - 1] == '\n' ? "" : "\n");
    return MTLS_OK;
}

int mtls_ssh_config(struct mtls *mtls, int argc, char **argv)
{
    struct option_arguments rest;
    int code;

    if (!mtls_options(mtls, NO_OPTIONS(1, ARGUMENTS_MAX), argc, argv, &rest, &code))
        return code;
    (void)printf("# ~/.ssh/config: these hosts are reached through the gateway, by certificate.\n");
    (void)printf("Host");
    for (size_t i = 0; i < rest.n; i++)
        (void)printf(" %s", rest.at[i]);
    (void)printf("\n    ProxyCommand mtls connect --host %%h --port %%p\n");
    return MTLS_OK;
}
