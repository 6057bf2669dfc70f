/*
 * What ca sections must be beyond the form of single options. Runs where a configuration is loaded;
 * opens no file and asks no server.
 */
#include "gatewayd/shared/config_ca.h"
#include "gatewayd/shared/config_load.h"
#include "gatewayd/shared/fetch_url.h"
#include "gatewayd/shared/fetched.h"

#include <string.h>

/* Lists are signed, so they are asked for without a bind, and by the way that needs no TLS. */
static bool directory_has_ldap(const struct config *config)
{
    for (size_t i = 0; i < config->n_directory; i++)
        for (size_t k = 0; k < config->directory[i].uri.n; k++)
            if (strncmp(config->directory[i].uri.at[k], "ldap://", strlen("ldap://")) == 0)
                return true;
    return false;
}

static void check_crl_word(struct config_loading *loading, struct config_place place,
                           const char *word)
{
    struct fetch_url url;
    struct error err;

    if (!fetched_is_word(word) || strcmp(word, FETCHED_CDP) == 0)
        return;
    if (!strstr(word, "://"))
        config_found(loading, place, REASON_CONFIG_VALUE,
                     "crls = %s: not an absolute path, an address or \"cdp\"", word);
    else if (!fetch_url_parse(word, &url, &err))
        config_found(loading, place, err.reason, "crls = %s: %s", word, err.detail);
    else if (url.host[0] == '\0' && !directory_has_ldap(loading->config))
        config_found(loading, place, REASON_CONFIG_REFERENCE,
                     "crls = %s: no directory section has an ldap:// uri; name the server", word);
}

static void check_responder(struct config_loading *loading, size_t i)
{
    const struct config_ca *ca = &loading->config->ca[i];
    struct config_place place = config_option_place(loading, "ca", i, "ocsp_responder");
    struct fetch_url url;
    struct error err;

    if (!ca->ocsp_responder)
        return;
    if (ca->ocsp == CONFIG_OCSP_OFF)
        config_found(loading, place, REASON_CONFIG_VALUE, "ocsp_responder: ocsp is \"off\"");
    if (!fetch_url_parse(ca->ocsp_responder, &url, &err))
        config_found(loading, place, err.reason, "ocsp_responder: %s", err.detail);
    else if (url.scheme != FETCH_HTTP)
        config_found(loading, place, REASON_CONFIG_VALUE, "ocsp_responder: http:// is needed");
}

void config_check_cas(struct config_loading *loading)
{
    for (size_t i = 0; i < loading->config->n_ca; i++) {
        const struct config_ca *ca = &loading->config->ca[i];
        int64_t strict_s;

        if (ca->eku && !config_eku_parse(ca->eku, &strict_s))
            config_found(loading, config_option_place(loading, "ca", i, "eku"), REASON_CONFIG_VALUE,
                         "eku %s: strict, warn or allow-until:YYYY-MM-DD is needed", ca->eku);
        for (size_t k = 0; k < ca->policies.n; k++)
            if (!config_oid_is_good(ca->policies.at[k]))
                config_found(loading, config_option_place(loading, "ca", i, "policies"),
                             REASON_CONFIG_VALUE, "policies %s: an OID like 1.3.6.1.4.1 is needed",
                             ca->policies.at[k]);
        for (size_t k = 0; k < ca->crls.n; k++)
            check_crl_word(loading, config_option_place(loading, "ca", i, "crls"), ca->crls.at[k]);
        check_responder(loading, i);
    }
}
