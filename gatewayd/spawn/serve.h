#pragma once
/*
 * The rows of spawn: one program per connection, inetd style.
 */
#include "gatewayd/shared/role.h"

struct serve;

struct serve *serve_new(struct role *role);
/* Takes a listening socket of the row with this title. */
bool serve_add(struct serve *serve, struct bytes title, int fd, struct error *err) MUST_CHECK;
/* Looks users up and begins to accept. */
bool serve_start(struct serve *serve, struct error *err) MUST_CHECK;
