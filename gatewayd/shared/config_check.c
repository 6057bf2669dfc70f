/*
 * What a configuration must be beyond the form of single options: names that refer to sections,
 * options that need or exclude each other, names that must be unique. Runs where a configuration is
 * loaded; opens no file. One function per kind of section.
 */
#include "gatewayd/shared/config_load.h"

#include "gatewayd/shared/config_value.h"

/* Lists that must be given, by section. */
static const struct {
    const char *section, *option;
} needed_lists[] = {
    {"listener", "address"}, {"listener", "tls"},  {"listener", "ca"},   {"service", "listener"},
    {"service", "upstream"}, {"spawn", "command"}, {"directory", "uri"}, {"mapping", "ca"},
};

/* Options whose values name sections. */
static const struct {
    const char *section, *option, *target;
} references[] = {
    {"listener", "tls", "tls"}, {"listener", "ca", "ca"},     {"service", "listener", "listener"},
    {"service", "ca", "ca"},    {"upstream_tls", "ca", "ca"}, {"mapping", "ca", "ca"},
};

/* Options that name files or directories: absolute paths. */
static const struct {
    const char *section, *option;
} paths[] = {
    {"gateway", "run_dir"},
    {"gateway", "state_dir"},
    {"tls", "certificate"},
    {"tls", "key"},
    {"ca", "anchors"},
    {"ca", "intermediates"},
    {"upstream_tls", "certificate"},
    {"upstream_tls", "key"},
    {"directory", "password_file"},
    {"directory", "certificate"},
    {"directory", "key"},
    {"directory", "ca"},
    {"policy", "directory"},
    {"audit", "directory"},
};

/* Options that name users or groups. */
static const struct {
    const char *section, *option;
} names[] = {
    {"gateway", "user"}, {"spawn", "user"},   {"audit", "reader_group"},
    {"control", "read"}, {"control", "lock"}, {"control", "admin"},
};

struct found_option {
    const struct config_section *row;
    const struct config_option *option;
    size_t kind;
};

/* The row of an option that one of the tables above names; a name that is in no row is our bug. */
static struct found_option option_of(const char *section, const char *option)
{
    size_t n;
    const struct config_section *rows = config_sections(&n);

    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; strcmp(rows[i].name, section) == 0 && k < rows[i].n_options; k++)
            if (strcmp(rows[i].options[k].name, option) == 0)
                return (struct found_option){&rows[i], &rows[i].options[k], i};
    abort();
}

/* The values of an option, whether it is a text or a list. */
static struct config_list values_of(const struct config_any *section,
                                    const struct config_option *option)
{
    const void *member = config_member(section, option);

    if (option->kind == CONFIG_KIND_LIST)
        return *(const struct config_list *)member;
    return (struct config_list){member, *(const char *const *)member ? 1 : 0};
}

static bool has_section(const struct config *config, const char *kind, const char *title)
{
    size_t n;
    const struct config_section *rows = config_sections(&n);

    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; strcmp(rows[i].name, kind) == 0 && k < config_count(config, &rows[i]);
             k++)
            if (strcmp(config_at(config, &rows[i], k)->title, title) == 0)
                return true;
    return false;
}

/* Calls check for each value of an option in all sections of its kind. */
static void each_value(struct config_loading *loading, const char *section, const char *option,
                       const char *extra,
                       void (*check)(struct config_loading *loading, struct config_place place,
                                     const char *option, const char *value, const char *extra))
{
    struct found_option found = option_of(section, option);

    for (size_t i = 0; i < config_count(loading->config, found.row); i++) {
        struct config_place place = config_option_place(loading, section, i, option);
        struct config_list values =
            values_of(config_at(loading->config, found.row, i), found.option);

        for (size_t k = 0; k < values.n; k++)
            check(loading, place, option, values.at[k], extra);
    }
}

static void check_reference(struct config_loading *loading, struct config_place place,
                            const char *option, const char *value, const char *target)
{
    if (!has_section(loading->config, target, value))
        config_found(loading, place, REASON_CONFIG_REFERENCE, "%s: there is no section %s \"%s\"",
                     option, target, value);
}

static void check_path(struct config_loading *loading, struct config_place place,
                       const char *option, const char *value, const char *extra)
{
    (void)extra;
    if (value[0] != '/')
        config_found(loading, place, REASON_CONFIG_VALUE, "%s = %s: not an absolute path", option,
                     value);
}

static void check_name(struct config_loading *loading, struct config_place place,
                       const char *option, const char *value, const char *extra)
{
    (void)extra;
    if (!config_user_is_good(value))
        config_found(loading, place, REASON_CONFIG_VALUE, "%s = %s: not a user or group name",
                     option, value);
}

static void check_tables(struct config_loading *loading)
{
    for (size_t i = 0; i < ARRAY_LEN(needed_lists); i++) {
        const char *section = needed_lists[i].section, *option = needed_lists[i].option;
        struct found_option found = option_of(section, option);

        for (size_t k = 0; k < loading->kinds[found.kind].n; k++) {
            const struct config_instance *instance = &loading->kinds[found.kind].at[k];

            if (instance->options[found.option - found.row->options].line == 0)
                config_found(loading, instance->section->place, REASON_CONFIG_MISSING,
                             "%s %s needs %s", section, instance->section->title, option);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(references); i++)
        each_value(loading, references[i].section, references[i].option, references[i].target,
                   check_reference);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        each_value(loading, paths[i].section, paths[i].option, NULL, check_path);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        each_value(loading, names[i].section, names[i].option, NULL, check_name);
}

/* --- listeners and services ------------------------------------------------------------------- */

/* Two listeners would share the port by SO_REUSEPORT, and chance would choose between their cas. */
static void check_address_once(struct config_loading *loading, size_t i, size_t k)
{
    const struct config *config = loading->config;
    const char *text = config->listener[i].address.at[k];

    for (size_t j = 0; j <= i; j++)
        for (size_t m = 0; m < (j < i ? config->listener[j].address.n : k); m++)
            if (strcmp(config->listener[j].address.at[m], text) == 0)
                config_found(loading, config_option_place(loading, "listener", i, "address"),
                             REASON_CONFIG_VALUE, "address %s is that of listener %s already", text,
                             config->listener[j].title);
}

static void check_addresses(struct config_loading *loading)
{
    const struct config *config = loading->config;

    for (size_t i = 0; i < config->n_listener; i++) {
        struct config_place place = config_option_place(loading, "listener", i, "address");

        for (size_t k = 0; k < config->listener[i].address.n; k++) {
            const char *text = config->listener[i].address.at[k];
            struct address address;
            struct error err;

            check_address_once(loading, i, k);
            if (!address_parse_port(bytes_of(text), &address, &err))
                config_found(loading, place, REASON_CONFIG_VALUE, "address %s: %s", text,
                             err.detail);
            else if (address.port == 0)
                config_found(loading, place, REASON_CONFIG_VALUE, "address %s: port 0", text);
        }
    }
}

/* A proxy that anybody may be could say any address; one that nobody is would never be heard. */
static void check_proxies(struct config_loading *loading)
{
    const struct config *config = loading->config;

    for (size_t i = 0; i < config->n_listener; i++) {
        const struct config_listener *listener = &config->listener[i];
        struct config_place place = config_option_place(loading, "listener", i, "trusted_proxies");
        bool off = listener->proxy_protocol == CONFIG_ACCEPT_PROXY_OFF;
        struct network network;
        struct error err;

        if (off != (listener->trusted_proxies.n == 0))
            config_found(loading, off ? place : listener->place, REASON_CONFIG_MISSING,
                         "listener %s: proxy_protocol and trusted_proxies need each other",
                         listener->title);
        for (size_t k = 0; k < listener->trusted_proxies.n; k++)
            if (!network_parse(bytes_of(listener->trusted_proxies.at[k]), &network, &err))
                config_found(loading, place, REASON_CONFIG_VALUE, "trusted_proxies: %s",
                             err.detail);
    }
}

static void upstream_tls_error(struct config_loading *loading, size_t i, const char *option,
                               const char *what)
{
    config_found(loading, config_option_place(loading, "upstream_tls", i, option),
                 REASON_CONFIG_VALUE, "service %s, upstream_tls: %s",
                 loading->config->upstream_tls[i].title, what);
}

/* What its certificate must bear is known before the connection is, or there is no TLS. */
static void check_upstream_name(struct config_loading *loading, size_t i)
{
    const struct config_upstream_tls *tls = &loading->config->upstream_tls[i];
    const struct config_service *service = config_find_service(loading->config, tls->title);
    struct config_upstream upstream, first = {.kind = CONFIG_UPSTREAM_TCP};
    struct address address;

    if (tls->name && !address_parse(bytes_of(tls->name), &address, NULL) &&
        (tls->name[0] == '*' || !config_server_name_is_good(tls->name)))
        upstream_tls_error(loading, i, "name",
                           "name is no host name in lower case, and no address");
    for (size_t k = 0; service && k < service->upstream.n; k++) {
        if (!config_upstream_parse(service->upstream.at[k], &upstream, NULL))
            continue;
        if (upstream.kind == CONFIG_UPSTREAM_SPAWN)
            upstream_tls_error(loading, i, "", "a spawn: upstream speaks no TLS");
        else if (!tls->name && upstream.kind != CONFIG_UPSTREAM_TCP &&
                 upstream.kind != CONFIG_UPSTREAM_NAME)
            upstream_tls_error(loading, i, "",
                               "such an upstream has no name of its own: name is needed");
        first = k == 0 ? upstream : first;
        if (!tls->name &&
            (first.kind != upstream.kind ||
             (first.kind == CONFIG_UPSTREAM_NAME && !bytes_equal(first.name, upstream.name))))
            upstream_tls_error(loading, i, "",
                               "upstreams of different names: name is needed for all of them");
    }
}

static void check_upstream_tls(struct config_loading *loading)
{
    for (size_t i = 0; i < loading->config->n_upstream_tls; i++) {
        const struct config_upstream_tls *tls = &loading->config->upstream_tls[i];

        check_upstream_name(loading, i);
        if (!tls->certificate != !tls->key)
            upstream_tls_error(loading, i, tls->key ? "key" : "certificate",
                               "certificate and key are given together or not at all");
    }
}

static void check_server_names(struct config_loading *loading, size_t i)
{
    const struct config_list *sni = &loading->config->service[i].sni;

    for (size_t k = 0; k < sni->n; k++)
        if (!config_server_name_is_good(sni->at[k]))
            config_found(loading, config_option_place(loading, "service", i, "sni"),
                         REASON_CONFIG_VALUE,
                         "sni %s: a host name in lower case or *.NAME is needed", sni->at[k]);
    for (size_t k = 0; k < loading->config->service[i].alpn.n; k++)
        if (strlen(loading->config->service[i].alpn.at[k]) > 255) /* RFC 7301 3.1 */
            config_found(loading, config_option_place(loading, "service", i, "alpn"),
                         REASON_CONFIG_VALUE, "alpn: longer than 255 octets");
}

static bool shares(const struct config_list *a, const struct config_list *b, const char **ret_value)
{
    for (size_t i = 0; i < a->n; i++)
        for (size_t k = 0; k < b->n; k++)
            if (strcmp(a->at[i], b->at[k]) == 0) {
                *ret_value = a->at[i];
                return true;
            }
    return false;
}

/* Both empty counts as shared: two services without sni are told apart by alpn alone. */
static bool same_key(const struct config_list *a, const struct config_list *b,
                     const char **ret_value)
{
    if (a->n == 0 && b->n == 0)
        return true;
    return shares(a, b, ret_value);
}

static void check_pair(struct config_loading *loading, size_t i, size_t k)
{
    const struct config_service *a = &loading->config->service[i];
    const struct config_service *b = &loading->config->service[k];
    const char *listener = NULL, *sni = NULL, *alpn = NULL;

    if (!shares(&a->listener, &b->listener, &listener) || !same_key(&a->sni, &b->sni, &sni) ||
        !same_key(&a->alpn, &b->alpn, &alpn))
        return;
    config_found(loading, config_option_place(loading, "service", k, sni ? "sni" : "alpn"),
                 REASON_CONFIG_VALUE,
                 sni || alpn ? "services %s and %s of listener %s are both chosen by %s%s%s"
                             : "services %s and %s are both the default of listener %s%s%s%s",
                 a->title, b->title, listener, sni ? sni : "", sni && alpn ? " and " : "",
                 alpn ? alpn : "");
}

static void check_services(struct config_loading *loading)
{
    for (size_t i = 0; i < loading->config->n_service; i++) {
        config_check_upstreams(loading, i);
        check_server_names(loading, i);
        for (size_t k = i + 1; k < loading->config->n_service; k++)
            check_pair(loading, i, k);
    }
}

static void check_spawn(struct config_loading *loading)
{
    const struct config *config = loading->config;

    for (size_t i = 0; i < config->n_spawn; i++) {
        const struct config_spawn *spawn = &config->spawn[i];
        size_t len = strlen(config->gateway->run_dir) + strlen("/spawn/") + strlen(spawn->title);

        if (spawn->command.n > 0 && spawn->command.at[0][0] != '/')
            config_found(loading, config_option_place(loading, "spawn", i, "command"),
                         REASON_CONFIG_VALUE, "command %s: not an absolute path",
                         spawn->command.at[0]);
        if (len > CONFIG_UNIX_PATH_MAX)
            config_found(loading, spawn->place, REASON_CONFIG_VALUE,
                         "run_dir and the name %s are too long for a socket's path", spawn->title);
    }
}

/* --- directory -------------------------------------------------------------------------------- */

static void directory_error(struct config_loading *loading, size_t i, const char *option,
                            const char *what)
{
    config_found(loading, config_option_place(loading, "directory", i, option), REASON_CONFIG_VALUE,
                 "directory %s: %s", loading->config->directory[i].title, what);
}

static void check_uris(struct config_loading *loading, size_t i)
{
    const struct config_directory *directory = &loading->config->directory[i];
    size_t n_files = 0;

    for (size_t k = 0; k < directory->uri.n; k++) {
        const char *uri = directory->uri.at[k], *scheme = config_uri_scheme(uri);

        if (!scheme) {
            directory_error(loading, i, "uri",
                            "a uri begins with ldap://, ldaps://, ldapi:// or file:/");
            continue;
        }
        n_files += strcmp(scheme, "file") == 0;
        if (directory->bind == CONFIG_BIND_SIMPLE && !directory->ca && config_uri_leaves_host(uri))
            directory_error(loading, i, "uri",
                            "a password in clear text may not leave this host: use ldaps:// or "
                            "give ca for StartTLS");
    }
    if (n_files > 0 && directory->uri.n > 1)
        directory_error(loading, i, "uri", "a file: is the only uri");
    if (n_files == 0 && directory->uri.n > 0 && !directory->base)
        directory_error(loading, i, "uri", "base is needed for LDAP");
}

static void check_directories(struct config_loading *loading)
{
    const struct config *config = loading->config;

    for (size_t i = 0; i < config->n_directory; i++) {
        const struct config_directory *directory = &config->directory[i];

        check_uris(loading, i);
        if (i > 0)
            directory_error(loading, i, "", "only one directory section is possible");
        if (directory->bind == CONFIG_BIND_SIMPLE &&
            (!directory->bind_dn || !directory->password_file))
            directory_error(loading, i, "bind", "simple needs bind_dn and password_file");
        if (directory->bind == CONFIG_BIND_EXTERNAL && (!directory->certificate || !directory->key))
            directory_error(loading, i, "bind", "external needs certificate and key");
        if (directory->max_stale_live < directory->max_stale)
            directory_error(loading, i, "max_stale_live", "max_stale_live is less than max_stale");
    }
}

void config_check(struct config_loading *loading)
{
    check_tables(loading);
    config_check_cas(loading);
    check_addresses(loading);
    check_proxies(loading);
    check_services(loading);
    check_upstream_tls(loading);
    check_spawn(loading);
    check_directories(loading);
}
