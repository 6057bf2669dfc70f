#pragma once
/*
 * Whether a PAM service asks pam_mtls and nobody else who may log in. Pure but for the reading of
 * files below one directory.
 */
#include "common/error.h"

/*
 * Reads dir/service and what it includes. Its auth lines must be exactly one, with pam_mtls.so,
 * required or requisite; each file must belong to root and not be writable by others. False and
 * UPSTREAM_UNSAFE otherwise: a missing file would fall back to the service "other".
 */
bool pam_stack_is_safe(const char *dir, const char *service, struct error *err) MUST_CHECK;
