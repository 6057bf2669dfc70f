#pragma once
/*
 * The files that a configuration names, and which process is handed each: one row per kind. The
 * parent opens them all; nobody else opens a path. The same rows are the check of a configuration's
 * files.
 */
#include "gatewayd/shared/config.h"
#include "gatewayd/shared/messages.h"

/* Receives each descriptor, which is closed after the return. False: it could not be taken. */
struct grant_sink {
    bool (*file)(void *context, enum file_kind kind, const char *name, uint32_t index, int fd);
    void *context;
};

/*
 * Opens what a role is handed. Errors go to errors->found with the section's place and do not stop
 * the rest; true when there was none.
 */
bool grants_give(const struct config *config, enum process_role role, const struct grant_sink *sink,
                 const struct config_errors *errors) MUST_CHECK;
/* The same for all roles. */
bool grants_look(const struct config *config, const struct grant_sink *sink,
                 const struct config_errors *errors) MUST_CHECK;
/* Only opens and closes. */
bool grants_check(const struct config *config, const struct config_errors *errors) MUST_CHECK;
