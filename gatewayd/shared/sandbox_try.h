#pragma once
/*
 * A hook of test builds (cmake -DMTLS_TEST_HOOKS=ON): right after its sandbox has closed, a role
 * tries what it must not be able to do, as MTLS_TEST_TRY says ("edge:connect"). In other builds the
 * function does nothing.
 */
#include "gatewayd/shared/process.h"

void sandbox_try(enum process_role role);
