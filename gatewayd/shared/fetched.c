/*
 * Names of fetched files, and who needs them. Runs in the parent, in fetch, load and gatewayctl.
 */
#include "gatewayd/shared/fetched.h"

#include "common/text.h"
#include "gatewayd/shared/hash.h"

#include <stdio.h>
#include <string.h>

enum { DIGEST_OCTETS = 8 }; /* of the URL's SHA-256 in the name */

bool fetched_is_word(const char *word)
{
    return word[0] != '/';
}

bool fetched_ca_has_lists(const struct config_ca *ca)
{
    for (size_t i = 0; i < ca->crls.n; i++)
        if (fetched_is_word(ca->crls.at[i]))
            return true;
    return false;
}

bool fetched_ca_has_cdp(const struct config_ca *ca)
{
    for (size_t i = 0; i < ca->crls.n; i++)
        if (strcmp(ca->crls.at[i], FETCHED_CDP) == 0)
            return true;
    return false;
}

bool fetched_is_needed(const struct config *config)
{
    for (size_t i = 0; i < config->n_ca; i++)
        if (fetched_ca_has_lists(&config->ca[i]) || config->ca[i].ocsp != CONFIG_OCSP_OFF)
            return true;
    return false;
}

/* "~" stands in no title. */
void fetched_name(const char *title, const char *url, char out[FETCHED_NAME_MAX])
{
    struct hash hash = hash_of(bytes_of(url));
    char hex[2 * DIGEST_OCTETS + 1];

    text_hex((struct bytes){hash.octets, DIGEST_OCTETS}, hex);
    (void)snprintf(out, FETCHED_NAME_MAX, "%s~%s", title, hex);
}

bool fetched_is_of(const char *name, const char *title)
{
    size_t len = strlen(title);

    return strncmp(name, title, len) == 0 && name[len] == '~';
}

bool fetched_is_file(const struct config *config, const char *path)
{
    const char *base = config->gateway ? config->gateway->state_dir : NULL;
    size_t len = base ? strlen(base) : 0;

    return base && path && strncmp(path, base, len) == 0 &&
           strncmp(path + len, "/crl/", strlen("/crl/")) == 0;
}
