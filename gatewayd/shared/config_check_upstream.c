/*
 * What the upstream options of services must be: forms, kinds that exclude other options, hosts of
 * the registry. Runs where a configuration is loaded; opens no file and looks up no name.
 */
#include "gatewayd/shared/config_load.h"

#include "gatewayd/shared/config_value.h"

static void upstream_error(struct config_loading *loading, size_t i, const char *option,
                           const char *what)
{
    config_found(loading, config_option_place(loading, "service", i, option), REASON_CONFIG_VALUE,
                 "%s", what);
}

static void check_no_pam(struct config_loading *loading, size_t i)
{
    if (loading->config->service[i].confirm == CONFIG_CONFIRM_PAM)
        upstream_error(
            loading, i, "confirm",
            "confirm = \"pam\" needs an upstream unix: or spawn:, whose peer can be known");
}

/* The label must come from a wildcard, and the address from a directory. */
static void check_registry(struct config_loading *loading, size_t i)
{
    const struct config_service *service = &loading->config->service[i];
    bool wildcards = service->sni.n > 0;

    for (size_t k = 0; k < service->sni.n; k++)
        wildcards = wildcards && service->sni.at[k][0] == '*';
    if (!wildcards)
        upstream_error(loading, i, "upstream",
                       "upstream host:{sni.1} needs sni, and all of them wildcards");
    if (service->upstream.n > 1)
        upstream_error(loading, i, "upstream", "upstream host:{sni.1} stands alone");
    if (loading->config->n_directory == 0)
        upstream_error(loading, i, "upstream", "upstream host:{sni.1} needs a directory section");
}

static void check_host_networks(struct config_loading *loading, size_t i)
{
    const struct config_service *service = &loading->config->service[i];
    struct config_upstream upstream;
    struct network network;
    struct error err;

    if (service->host_networks.n > 0 &&
        (service->upstream.n == 0 ||
         !config_upstream_parse(service->upstream.at[0], &upstream, NULL) ||
         upstream.kind != CONFIG_UPSTREAM_HOST))
        upstream_error(loading, i, "host_networks", "host_networks is for upstream host:{sni.1}");
    for (size_t k = 0; k < service->host_networks.n; k++)
        if (!network_parse(bytes_of(service->host_networks.at[k]), &network, &err))
            upstream_error(loading, i, "host_networks", err.detail);
}

/* What an upstream of that kind cannot do. */
static void check_upstream_kind(struct config_loading *loading, size_t i,
                                const struct config_upstream *upstream)
{
    const struct config_service *service = &loading->config->service[i];

    switch (upstream->kind) {
    case CONFIG_UPSTREAM_SPAWN:
        if (!config_find_spawn(loading->config, upstream->rest))
            config_found(loading, config_option_place(loading, "service", i, "upstream"),
                         REASON_CONFIG_REFERENCE, "upstream: there is no section spawn \"%s\"",
                         upstream->rest);
        if (service->send_proxy != CONFIG_PROXY_OFF)
            upstream_error(loading, i, "send_proxy",
                           "send_proxy: a spawn: upstream takes no PROXY header");
        break;
    case CONFIG_UPSTREAM_UNIX:
        break;
    case CONFIG_UPSTREAM_HOST:
        check_registry(loading, i);
        check_no_pam(loading, i);
        break;
    case CONFIG_UPSTREAM_TCP:
    case CONFIG_UPSTREAM_NAME:
        check_no_pam(loading, i);
        break;
    }
}

static void check_upstream(struct config_loading *loading, size_t i, size_t k)
{
    const struct config_list *list = &loading->config->service[i].upstream;
    struct config_place place = config_option_place(loading, "service", i, "upstream");
    struct config_upstream upstream;
    struct error err;

    for (size_t j = 0; j < k; j++)
        if (strcmp(list->at[j], list->at[k]) == 0)
            config_found(loading, place, REASON_CONFIG_VALUE, "upstream %s is given twice",
                         list->at[k]);
    if (config_upstream_parse(list->at[k], &upstream, &err))
        check_upstream_kind(loading, i, &upstream);
    else
        config_found(loading, place, err.reason, "upstream %s", err.detail);
}

void config_check_upstreams(struct config_loading *loading, size_t i)
{
    for (size_t k = 0; k < loading->config->service[i].upstream.n; k++)
        check_upstream(loading, i, k);
    check_host_networks(loading, i);
}
