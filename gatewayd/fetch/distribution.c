/*
 * Addresses of lists out of certificates (RFC 5280 4.2.1.13). Runs in fetch. A chain is believed
 * when its signatures lead to an anchor, never because an edge passes it on: a taken edge must not
 * be able to send this process anywhere.
 */
#include "gatewayd/fetch/fetching.h"

#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/shared/fetch_url.h"
#include "gatewayd/shared/xalloc.h"

#include <openssl/x509v3.h>
#include <string.h>

enum { POINTS_MAX = 8 /* distribution points of one certificate */ };

/* The first address of a point that can be fetched. The caller frees it. */
static char *address_of(const GENERAL_NAMES *names, enum fetch_scheme scheme)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        const ASN1_STRING *text = name->type == GEN_URI ? name->d.uniformResourceIdentifier : NULL;
        AUTO(char_freep) char *url = NULL;
        struct bytes octets;
        struct fetch_url parsed;

        if (!text)
            continue;
        octets = (struct bytes){ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text)};
        if (octets.len > FETCH_URL_MAX || memchr(octets.at, '\0', octets.len))
            continue;
        url = xtext(octets);
        if (fetch_url_parse(url, &parsed, NULL) && parsed.scheme == scheme)
            return STEAL(url);
    }
    return NULL;
}

static char *address_of_point(const DIST_POINT *point)
{
    char *url;

    if (!point->distpoint || point->distpoint->type != 0) /* fullName */
        return NULL;
    url = address_of(point->distpoint->name.fullname, FETCH_HTTP);
    return url ? url : address_of(point->distpoint->name.fullname, FETCH_LDAP);
}

/* Whose list lies at a point: of its cRLIssuer, else of the certificate's issuer. Names borrowed.
 */
static STACK_OF(X509_NAME) * issuers_of_point(const DIST_POINT *point, const X509 *certificate)
{
    STACK_OF(X509_NAME) *named = sk_X509_NAME_new_null();

    if (!named)
        abort();
    if (!point->CRLissuer && sk_X509_NAME_push(named, X509_get_issuer_name(certificate)) == 0)
        abort();
    for (int i = 0; point->CRLissuer && i < sk_GENERAL_NAME_num(point->CRLissuer); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(point->CRLissuer, i);

        if (name->type == GEN_DIRNAME && sk_X509_NAME_push(named, name->d.directoryName) == 0)
            abort();
    }
    return named;
}

static void take_points(struct fetching *fetching, const char *ca, const X509 *certificate,
                        const STACK_OF(X509) * issuers)
{
    CRL_DIST_POINTS *points =
        X509_get_ext_d2i(certificate, NID_crl_distribution_points, NULL, NULL);

    for (int i = 0; i < sk_DIST_POINT_num(points) && i < POINTS_MAX; i++) {
        const DIST_POINT *point = sk_DIST_POINT_value(points, i);
        AUTO(char_freep) char *url = address_of_point(point);
        STACK_OF(X509_NAME) *named = issuers_of_point(point, certificate);

        if (url && !sources_add_cdp(fetching, ca, url, issuers, named))
            log_event(LOG_LEVEL_WARNING, "crl_addresses_full", "ca=%s url=%s", ca,
                      log_quoted(bytes_of(url)));
        sk_X509_NAME_free(named);
    }
    CRL_DIST_POINTS_free(points);
}

/* Those between the leaf and the anchor: the trust data may not have them. NULL: there are none. */
static STACK_OF(X509) * between(const STACK_OF(X509) * path)
{
    STACK_OF(X509) *found = sk_X509_new_null();

    for (int i = 1; found && i + 1 < sk_X509_num(path) && i <= SOURCE_ISSUERS_MAX; i++)
        if (sk_X509_push(found, sk_X509_value(path, i)) == 0)
            abort();
    if (!found)
        abort();
    if (sk_X509_num(found) > 0)
        return found;
    sk_X509_free(found);
    return NULL;
}

static bool take_chain(struct fetching *fetching, const char *ca, struct bytes chain,
                       struct error *err)
{
    const struct authority *authority = authorities_find(fetching->authorities, bytes_of(ca));
    const struct config_ca *section = config_find_ca(fetching->role->config, ca);
    STACK_OF(X509) *path = NULL, *issuers;

    if (!authority || !section || !fetched_ca_has_cdp(section))
        return err_set(err, REASON_NOT_PERMITTED, "no ca section with \"cdp\"");
    if (!authority_path(authority, chain, clock_realtime_s(), &path, err))
        return false;
    issuers = between(path);
    for (int i = 0; i + 1 < sk_X509_num(path); i++)
        take_points(fetching, section->title, sk_X509_value(path, i), issuers);
    sk_X509_free(issuers);
    sk_X509_pop_free(path, X509_free);
    return true;
}

void distribution_wanted(struct fetching *fetching, const struct message_wanted *msg)
{
    AUTO(char_freep) char *ca = xtext(msg->ca_name);
    struct error err;

    if (!take_chain(fetching, ca, msg->chain, &err))
        log_error("wanted_refused", &err, "ca=%s", log_quoted(msg->ca_name));
    sources_tick(fetching);
}

void distribution_of_trust(struct fetching *fetching)
{
    const struct config *config = fetching->role->config;

    for (size_t i = 0; i < config->n_ca; i++) {
        const struct authority *authority =
            authorities_find(fetching->authorities, bytes_of(config->ca[i].title));

        if (!authority || !fetched_ca_has_cdp(&config->ca[i]))
            continue;
        /* One that leads to no anchor of its section is of no use to anybody. */
        for (size_t k = 0; k < authority->trust->n_intermediates; k++)
            (void)!take_chain(fetching, config->ca[i].title, authority->trust->intermediates[k],
                              NULL);
    }
}
