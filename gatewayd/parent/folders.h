#pragma once
/*
 * The folders below run_dir and state_dir: who owns each and who may look into it, one row each.
 */
#include "gatewayd/parent/parent.h"

/* Makes them, or sets owner and mode of those that are there. */
bool folders_make(const struct config *config, struct error *err) MUST_CHECK;
/* Opens one below run_dir or state_dir for a child: "nss", "spawn", "directory". -1 and err. */
int folders_open(const char *base, const char *name, int flags, struct error *err) MUST_CHECK;
/* Copies what name resolution reads into the root directory of the directory process. */
void folders_fill_resolver(const struct config *config);
