/*
 * URLs to fetch from. Runs where a configuration is loaded, and in fetch on what certificates and
 * web servers say.
 */
#include "gatewayd/shared/fetch_url.h"

#include "common/text.h"

#include <string.h>

enum { HTTP_PORT = 80, LDAP_PORT = 389 };

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool check_octets(const char *text, struct error *err)
{
    size_t len = strlen(text);

    if (len > FETCH_URL_MAX)
        return err_set(err, REASON_CONFIG_VALUE, "a URL of %zu octets", len);
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] > '~' || text[i] == '#' || text[i] == '"')
            return err_set(err, REASON_CONFIG_VALUE,
                           "a URL holds printable ASCII without space, \" and #");
    return true;
}

static bool read_scheme(const char *text, struct fetch_url *url, const char **ret_rest,
                        struct error *err)
{
    if (starts_with(text, "https://"))
        return err_set(err, REASON_CONFIG_VALUE,
                       "https: lists and answers are signed, and TLS would need them to be proved "
                       "itself; give the http:// address");
    if (starts_with(text, "ldaps://"))
        return err_set(err, REASON_CONFIG_VALUE, "ldaps: lists are signed; give the ldap:// one");
    if (starts_with(text, "http://"))
        *url = (struct fetch_url){.scheme = FETCH_HTTP, .port = HTTP_PORT};
    else if (starts_with(text, "ldap://"))
        *url = (struct fetch_url){.scheme = FETCH_LDAP, .port = LDAP_PORT};
    else
        return err_set(err, REASON_CONFIG_VALUE, "neither http:// nor ldap://");
    *ret_rest = text + strlen(url->scheme == FETCH_HTTP ? "http://" : "ldap://");
    return true;
}

static bool read_port(struct bytes text, struct fetch_url *url, struct error *err)
{
    uint64_t port;

    if (!text_u64(text, &port) || port == 0 || port > UINT16_MAX)
        return err_set(err, REASON_CONFIG_VALUE, "the port of a URL");
    url->port = (uint16_t)port;
    return true;
}

static bool host_is_good(const struct fetch_url *url)
{
    static const char name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    static const char v6[] = "0123456789abcdefABCDEF:.";

    return url->host[0] != '-' && url->host[strspn(url->host, url->brackets ? v6 : name)] == '\0';
}

/* authority := (name | "[" address "]") [":" port] */
static bool read_authority(struct bytes text, struct fetch_url *url, struct error *err)
{
    const uint8_t *end = text.at + text.len, *host = text.at, *stop;

    url->brackets = text.len > 0 && text.at[0] == '[';
    host += url->brackets;
    for (stop = host; stop < end && *stop != (url->brackets ? ']' : ':'); stop++)
        ;
    if ((size_t)(stop - host) > FETCH_HOST_MAX || (url->brackets && stop == end))
        return err_set(err, REASON_CONFIG_VALUE, "the host of a URL");
    memcpy(url->host, host, (size_t)(stop - host));
    stop += url->brackets;
    if (stop < end && *stop != ':')
        return err_set(err, REASON_CONFIG_VALUE, "the host of a URL");
    if (!host_is_good(url) || (url->brackets && url->host[0] == '\0'))
        return err_set(err, REASON_CONFIG_VALUE, "the host of a URL");
    return stop == end || read_port((struct bytes){stop + 1, (size_t)(end - stop - 1)}, url, err);
}

bool fetch_url_parse(const char *text, struct fetch_url *ret_url, struct error *err)
{
    struct fetch_url url;
    const char *rest;
    size_t len;

    if (!check_octets(text, err) || !read_scheme(text, &url, &rest, err))
        return false;
    len = strcspn(rest, "/?");
    if (!read_authority((struct bytes){(const uint8_t *)rest, len}, &url, err))
        return false;
    url.path = rest + len;
    if (url.path[0] == '?')
        return err_set(err, REASON_CONFIG_VALUE, "a URL without a path has no query");
    if (url.host[0] == '\0' && url.scheme == FETCH_HTTP)
        return err_set(err, REASON_CONFIG_VALUE, "a URL without a host");
    if (url.scheme == FETCH_LDAP && (url.path[0] == '\0' || url.path[1] == '\0'))
        return err_set(err, REASON_CONFIG_VALUE, "an ldap URL needs the DN of an entry");
    *ret_url = url;
    return true;
}
