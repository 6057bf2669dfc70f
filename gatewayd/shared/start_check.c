/*
 * The check of files, users and limits. Runs in the parent before it starts, and in gatewayctl.
 */
#include "gatewayd/shared/start_check.h"

#include "gatewayd/shared/grants.h"
#include "gatewayd/shared/limits.h"
#include "gatewayd/shared/service_users.h"

bool start_check(const struct config *config, const struct config_errors *errors)
{
    bool good = grants_check(config, errors);
    struct error err;

    if (!service_users_check(config, &err)) {
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
