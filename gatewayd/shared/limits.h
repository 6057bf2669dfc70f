#pragma once
/*
 * What a configuration needs of the machine: open files. Knows no process.
 */
#include "gatewayd/shared/config.h"

/* Descriptors that one process may need: two per connection (client and upstream) and 1,024. */
uint64_t limits_open_files(const struct config *config);
/* False when RLIMIT_NOFILE is below that and cannot be raised by this process. Changes nothing. */
bool limits_check(const struct config *config, struct error *err) MUST_CHECK;
/* Raises RLIMIT_NOFILE to it. */
bool limits_raise(const struct config *config, struct error *err) MUST_CHECK;
