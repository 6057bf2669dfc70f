#pragma once
/*
 * What load makes: trust data and a policy set out of files. Errors are told one by one; one kind
 * that cannot be made does not stop the other.
 */
#include "gatewayd/shared/role.h"

struct load;

struct load *load_new(struct role *role);
/* Reads one FILE to its end; closes fd. Errors in its content are told when load_run finds them. */
bool load_file(struct load *load, const struct message_file *file, int fd, struct error *err);
/* Makes and sends everything, then ends the loop when all of it has left. */
void load_run(struct load *load);
