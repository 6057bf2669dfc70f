#pragma once
/*
 * What the start of the daemon would find wrong: for `gatewayd --check` and `gatewayctl check`.
 */
#include "gatewayd/shared/config.h"

/*
 * Opens every file that the configuration names, as the parent would (owner, mode, path), and
 * checks service users and the limit of open files. All errors are told.
 */
bool start_check(const struct config *config, const struct config_errors *errors) MUST_CHECK;
