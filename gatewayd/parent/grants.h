#pragma once
/*
 * What each process is handed: one row per kind of file. The parent opens everything; nobody else
 * opens a path. The same rows, opened and closed again, are the check of a configuration's files.
 */
#include "gatewayd/parent/parent.h"

/* Receives each descriptor; it is closed after the return. False: no more is wanted. */
struct grant_sink {
    bool (*file)(void *context, enum file_kind kind, const char *name, uint32_t index, int fd);
    void *context;
};

/*
 * Opens all that a process is handed. again: what a reload hands over once more (files, but no
 * sockets). Errors go to errors->found with the section's place; true when there was none.
 */
bool grants_give(const struct parent *parent, const struct config *config,
                 const struct child *child, bool again, const struct grant_sink *sink,
                 const struct config_errors *errors) MUST_CHECK;
/* Opens every file that the configuration names, for every process, and closes it again. */
bool grants_check(const struct config *config, const struct config_errors *errors) MUST_CHECK;
/* The same, and shows each descriptor: for `gatewayctl check`, which looks into the files too. */
bool grants_look(const struct config *config, const struct grant_sink *sink,
                 const struct config_errors *errors) MUST_CHECK;
