/*
 * Forms of single values. Runs where a configuration is loaded and in decide, which connects to
 * upstreams.
 */
#include "gatewayd/shared/config_value.h"

#include "common/text.h"

static bool all_of(const char *text, const char *allowed, size_t max)
{
    size_t len = strlen(text);

    return len > 0 && len <= max && strspn(text, allowed) == len;
}

#define HOST   "host:{sni.1}"
#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

bool config_title_is_good(const char *title)
{
    return all_of(title, LOWER UPPER DIGITS "-_.", 64) && title[0] != '.';
}

bool config_user_is_good(const char *name)
{
    return all_of(name, LOWER UPPER DIGITS "-_.", 32) && name[0] != '-' && name[0] != '.';
}

/* RFC 1123 2.1: labels of letters, digits and inner hyphens, 63 octets each, 253 in all. */
bool config_server_name_is_good(const char *name)
{
    size_t label = 0, len;

    if (strncmp(name, "*.", 2) == 0)
        name += 2;
    len = strlen(name);
    if (!all_of(name, LOWER DIGITS "-.", CONFIG_SERVER_NAME_MAX))
        return false;
    for (size_t i = 0; i <= len; i++) {
        if (name[i] != '.' && name[i] != '\0') {
            label++;
            continue;
        }
        if (label == 0 || label > 63 || name[i - label] == '-' || name[i - 1] == '-')
            return false;
        label = 0;
    }
    return strspn(name, DIGITS ".") != len;
}

bool config_wildcard_label(const char *pattern, struct bytes name, struct bytes *ret_label)
{
    const uint8_t *dot = name.len ? memchr(name.at, '.', name.len) : NULL;
    struct bytes label = {name.at, dot ? (size_t)(dot - name.at) : 0}, rest;

    if (strncmp(pattern, "*.", 2) != 0 || label.len == 0)
        return false;
    rest = (struct bytes){name.at + label.len, name.len - label.len};
    if (!text_equal_nocase(rest, bytes_of(pattern + 1)))
        return false;
    *ret_label = label;
    return true;
}

static bool parse_port(struct bytes text, uint16_t *ret_port)
{
    uint64_t port;

    if (!text_u64(text, &port) || port == 0 || port > UINT16_MAX)
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

/* host:{sni.1} or host:{sni.1}:PORT */
static bool parse_host(const char *rest, struct config_upstream *upstream)
{
    upstream->kind = CONFIG_UPSTREAM_HOST;
    upstream->address.port = CONFIG_HOST_PORT;
    return rest[0] == '\0' ||
           (rest[0] == ':' && parse_port(bytes_of(rest + 1), &upstream->address.port));
}

/* ADDRESS:PORT or NAME:PORT; a port of 0 reaches nobody. */
static bool parse_tcp(const char *text, struct config_upstream *upstream)
{
    char name[CONFIG_SERVER_NAME_MAX + 1];
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;

    if (address_parse_port(bytes_of(text), &upstream->address, NULL))
        return upstream->address.port > 0;
    if (len == 0 || len > CONFIG_SERVER_NAME_MAX)
        return false;
    memcpy(name, text, len);
    name[len] = '\0';
    upstream->kind = CONFIG_UPSTREAM_NAME;
    upstream->name = (struct bytes){(const uint8_t *)text, len};
    return name[0] != '*' && config_server_name_is_good(name) &&
           parse_port(bytes_of(colon + 1), &upstream->address.port);
}

bool config_upstream_parse(const char *text, struct config_upstream *ret_upstream,
                           struct error *err)
{
    struct config_upstream upstream = {.kind = CONFIG_UPSTREAM_TCP, .rest = ""};

    if (strncmp(text, "unix:", 5) == 0) {
        upstream.kind = CONFIG_UPSTREAM_UNIX;
        upstream.rest = text + 5;
        if (upstream.rest[0] != '/' || strlen(upstream.rest) > CONFIG_UNIX_PATH_MAX ||
            upstream.rest[strlen(upstream.rest) - 1] == '/')
            return err_set(err, REASON_CONFIG_VALUE,
                           "%s: an absolute path of at most %d octets is needed", text,
                           CONFIG_UNIX_PATH_MAX);
    } else if (strncmp(text, "spawn:", 6) == 0) {
        upstream.kind = CONFIG_UPSTREAM_SPAWN;
        upstream.rest = text + 6;
    } else if (!(strncmp(text, HOST, strlen(HOST)) == 0 ? parse_host(text + strlen(HOST), &upstream)
                                                        : parse_tcp(text, &upstream))) {
        return err_set(
            err, REASON_CONFIG_VALUE,
            "%s: neither ADDRESS:PORT nor NAME:PORT nor unix:PATH nor spawn:ROW nor " HOST, text);
    }
    *ret_upstream = upstream;
    return true;
}

const char *config_uri_scheme(const char *uri)
{
    static const struct {
        const char *prefix, *scheme;
    } schemes[] = {
        {"ldap://", "ldap"}, {"ldaps://", "ldaps"}, {"ldapi://", "ldapi"}, {"file:/", "file"}};

    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        if (strncmp(uri, schemes[i].prefix, strlen(schemes[i].prefix)) == 0)
            return schemes[i].scheme;
    return NULL;
}

bool config_uri_leaves_host(const char *uri)
{
    static const char *const here[] = {"127.", "localhost:", "localhost/", "[::1]"};
    const char *host = uri + strlen("ldap://");

    if (strncmp(uri, "ldap://", strlen("ldap://")) != 0 || strcmp(host, "localhost") == 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(here); i++)
        if (strncmp(host, here[i], strlen(here[i])) == 0)
            return false;
    return true;
}
