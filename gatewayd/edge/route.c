/*
 * Service selection. Runs in an edge in the ClientHello callback, on octets of strangers.
 */
#include "gatewayd/edge/route.h"

#include "common/reader.h"
#include "common/text.h"

#include <strings.h>

/* --- the extensions --------------------------------------------------------------------------- */

static bool is_name_octet(uint8_t octet)
{
    return (octet >= 'a' && octet <= 'z') || (octet >= '0' && octet <= '9') || octet == '-' ||
           octet == '.' || octet == '_';
}

/* A host name in lower case; no address, no empty label, no final dot. */
static bool read_name(struct bytes name, char out[ROUTE_NAME_MAX + 1])
{
    if (name.len == 0 || name.len > ROUTE_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t octet = name.at[i];

        if (octet >= 'A' && octet <= 'Z')
            octet = (uint8_t)(octet - 'A' + 'a');
        if (!is_name_octet(octet))
            return false;
        if (octet == '.' && (i == 0 || out[i - 1] == '.' || i + 1 == name.len))
            return false;
        out[i] = (char)octet;
    }
    out[name.len] = '\0';
    return true;
}

/* server_name := u16 length, {u8 type, u16 length, name}...; RFC 6066 3 allows one host_name */
static bool read_server_name(struct bytes body, char out[ROUTE_NAME_MAX + 1])
{
    struct reader r = reader_over(body);
    struct reader list = reader_over(reader_block16(&r));
    uint8_t type = reader_u8(&list);
    struct bytes name = reader_block16(&list);

    return reader_done(&r) && reader_done(&list) && type == 0 && read_name(name, out);
}

/* application_layer_protocol_negotiation := u16 length, {u8 length, octets}... (RFC 7301 3.1) */
static bool read_alpn(struct bytes body, struct bytes *ret_list)
{
    struct reader r = reader_over(body);
    struct bytes list = reader_block16(&r);
    struct reader names = reader_over(list);

    while (reader_left(&names) > 0)
        if (reader_take(&names, reader_u8(&names)).len == 0)
            reader_break(&names);
    *ret_list = list;
    return reader_done(&r) && reader_done(&names) && list.len > 0;
}

bool hello_read(struct bytes server_name, struct bytes alpn, struct hello *ret_hello)
{
    *ret_hello = (struct hello){.sni = ""};
    if (server_name.len > 0 && !read_server_name(server_name, ret_hello->sni))
        return false;
    return alpn.len == 0 || read_alpn(alpn, &ret_hello->alpn);
}

bool hello_offers(const struct hello *hello, struct bytes protocol)
{
    struct reader names = reader_over(hello->alpn);

    while (reader_left(&names) > 0)
        if (bytes_equal(reader_take(&names, reader_u8(&names)), protocol))
            return true;
    return false;
}

/* --- selection -------------------------------------------------------------------------------- */

bool route_name_fits(const char *pattern, const char *name)
{
    const char *rest;

    if (pattern[0] != '*' || pattern[1] != '.')
        return strcasecmp(pattern, name) == 0;
    rest = strchr(name, '.');
    return rest && rest != name && strcasecmp(pattern + 1, rest) == 0;
}

/* How well the names of a service fit: 0 not at all, 1 by a wildcard, 2 exactly. */
static int name_fit(const struct config_service *service, const char *sni)
{
    int best = 0;

    for (size_t i = 0; sni[0] && i < service->sni.n; i++) {
        if (!route_name_fits(service->sni.at[i], sni))
            continue;
        if (service->sni.at[i][0] != '*')
            return 2;
        best = 1;
    }
    return best;
}

static bool protocol_fits(const struct config_service *service, const struct hello *hello)
{
    for (size_t i = 0; i < service->alpn.n; i++)
        if (hello_offers(hello, bytes_of(service->alpn.at[i])))
            return true;
    return false;
}

/*
 * The higher the better; 0: the service is not meant. Names count more than protocols; among
 * services of one name the one whose protocol was offered, then one that has none.
 */
static int fit(const struct config_service *service, const struct hello *hello, uint8_t *ret_via)
{
    int name = name_fit(service, hello->sni);
    bool protocol = protocol_fits(service, hello);

    if (service->sni.n > 0) {
        *ret_via = OPEN_VIA_SNI;
        return name == 0 ? 0 : name * 10 + (protocol ? 2 : service->alpn.n == 0);
    }
    if (service->alpn.n > 0) {
        *ret_via = OPEN_VIA_ALPN;
        return protocol ? 5 : 0;
    }
    *ret_via = OPEN_VIA_DEFAULT;
    return 1;
}

bool route_select(const struct config *config, uint32_t listener, const struct hello *hello,
                  bool known_name, struct route *ret_route)
{
    const char *title = config->listener[listener].title;
    struct route route = {.service = ROUTE_NO_SERVICE};
    int best = 0;

    for (size_t i = 0; i < config->n_service; i++) {
        uint8_t via;
        int now = fit(&config->service[i], hello, &via);

        if (now <= best || !config_list_has(&config->service[i].listener, title))
            continue;
        best = now;
        route.service = (uint32_t)i;
        route.via = via;
    }
    route.gw1 = hello_offers(hello, bytes_of(GW1_ALPN));
    /* `mtls` names the service later; until then a name of the gateway itself will do, or none. */
    if (route.service == ROUTE_NO_SERVICE && !(route.gw1 && (known_name || !hello->sni[0])))
        return false;
    *ret_route = route;
    return true;
}

bool route_by_title(const struct config *config, uint32_t listener, struct bytes title,
                    uint32_t *ret_service)
{
    for (size_t i = 0; i < config->n_service; i++) {
        if (!bytes_equal(bytes_of(config->service[i].title), title) ||
            !config_list_has(&config->service[i].listener, config->listener[listener].title))
            continue;
        *ret_service = (uint32_t)i;
        return true;
    }
    return false;
}

/* What a service without `alpn` answers by its protocol: psql insists on it when TLS comes first. */
static const char *const spoken[] = {
    [CONFIG_PROTOCOL_TCP] = NULL,
    [CONFIG_PROTOCOL_SSH] = NULL,
    [CONFIG_PROTOCOL_HTTP] = "http/1.1",
    [CONFIG_PROTOCOL_POSTGRES] = "postgresql",
};

struct bytes route_protocol(const struct config *config, const struct route *route,
                            const struct hello *hello)
{
    const struct config_service *service;

    if (route->gw1)
        return bytes_of(GW1_ALPN);
    if (route->service == ROUTE_NO_SERVICE)
        return (struct bytes){NULL, 0};
    service = &config->service[route->service];
    for (size_t i = 0; i < service->alpn.n; i++)
        if (hello_offers(hello, bytes_of(service->alpn.at[i])))
            return bytes_of(service->alpn.at[i]);
    if (service->alpn.n == 0 && spoken[service->protocol] &&
        hello_offers(hello, bytes_of(spoken[service->protocol])))
        return bytes_of(spoken[service->protocol]);
    return (struct bytes){NULL, 0};
}
