/*
 * The check of files, users and limits. Runs in the parent before it starts, and in gatewayctl.
 */
#include "gatewayd/parent/check.h"

#include "gatewayd/parent/grants.h"
#include "gatewayd/parent/privilege.h"
#include "gatewayd/shared/limits.h"

bool parent_check_files(const struct config *config, const struct config_errors *errors)
{
    bool good = grants_check(config, errors);
    struct error err;

    if (!privilege_check_users(config, &err)) {
        good = false;
        errors->found(errors->context, config->gateway->place.file, config->gateway->place.line,
                      &err);
    }
    if (!limits_check(config, &err)) {
        const struct config_place *place =
            config->n_listener > 0 ? &config->listener[0].place : &config->gateway->place;

        good = false;
        errors->found(errors->context, place->file, place->line, &err);
    }
    return good;
}
