/*
 * What the sections `ca` must be beyond the form of single options. Part of config_check.
 */
#include "gatewayd/shared/config_ca.h"
#include "gatewayd/shared/config_load.h"

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
    }
}
