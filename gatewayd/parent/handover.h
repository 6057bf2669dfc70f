#pragma once
/*
 * What each process is handed: the files of shared/grants.h and what only the parent has.
 */
#include "gatewayd/parent/parent.h"
#include "gatewayd/shared/grants.h"

#include <limits.h>

/* again: a reload hands over files and upstream directories, but nothing that the process keeps. */
bool handover_give(const struct child *child, const struct config *config, bool again,
                   const struct grant_sink *sink, const struct config_errors *errors) MUST_CHECK;
/* Only the directories of upstreams, again: one of them has been replaced. */
bool handover_upstream_dirs(const struct config *config, const struct grant_sink *sink) MUST_CHECK;
/* Only the host's own accounts and groups, again: one of the files has changed. */
bool handover_local_names(const struct config *config, const struct grant_sink *sink) MUST_CHECK;
/* The paths of those files; NULL: no more. */
const char *handover_local_path(size_t number);
/* The directory of a unix: or spawn: upstream (text: the option); false for others. */
bool handover_upstream_dir(const struct config *config, const char *text, char dir[PATH_MAX]);
