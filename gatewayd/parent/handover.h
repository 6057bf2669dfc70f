#pragma once
/*
 * What each process is handed: the files of shared/grants.h and what only the parent has.
 */
#include "gatewayd/parent/parent.h"
#include "gatewayd/shared/grants.h"

/* again: a reload hands over files and upstream directories, but nothing that the process keeps. */
bool handover_give(const struct child *child, const struct config *config, bool again,
                   const struct grant_sink *sink, const struct config_errors *errors) MUST_CHECK;
