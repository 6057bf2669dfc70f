#pragma once
/*
 * What the start of the daemon would find wrong: for `gatewayd --check` and `gatewayctl check`.
 */
#include "gatewayd/shared/config.h"

/*
 * What the configuration needs of this machine beside its files: service users, groups, the limit
 * of open files, the folders above its own. All errors are told.
 */
bool start_check_machine(const struct config *config,
                         const struct config_errors *errors) MUST_CHECK;
/* That, and every file that the configuration names is opened as the parent would (owner, mode,
 * path). */
bool start_check(const struct config *config, const struct config_errors *errors) MUST_CHECK;
