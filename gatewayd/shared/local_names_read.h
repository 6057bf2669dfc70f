#pragma once
/*
 * The host's accounts or groups out of a descriptor that the parent has opened and checked.
 */
#include "ldap/local_names.h"

/* Takes fd. False: names keeps what it knew; ret_changed is set only when true is returned. */
bool local_names_read(int fd, struct local_names *names, bool *ret_changed,
                      struct error *err) MUST_CHECK;
