/*
 * What ordinary builds have in place of the test hook: nothing. Runs in every role.
 */
#include "gatewayd/shared/sandbox_try.h"

void sandbox_try(enum process_role role)
{
    (void)role;
}
