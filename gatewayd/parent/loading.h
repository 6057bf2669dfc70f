#pragma once
/*
 * Runs of the process `load`: files in, trust data and policy out. A run that fails or crashes
 * leaves what is in force.
 */
#include "gatewayd/parent/parent.h"

void loading_init(struct parent *parent);
/* Loads for a configuration: the one in force, or the candidate of a reload. While a run is under
 * way it is remembered, and done afterwards. */
void loading_begin(struct parent *parent, const struct config *config);
/* Whether pid was the run; then it is over. */
bool loading_ended(struct parent *parent, pid_t pid, int status);
/* Puts what the last run made in force and tells edges and decide. */
void loading_use(struct parent *parent);
void load_errors_clear(struct load_errors *errors);
/* Forgets those of one kind. */
void load_errors_drop(struct load_errors *errors, uint8_t kind);
/* A line each, for the operator who asked. */
void load_errors_print(const struct load_errors *errors, struct writer *out);
void load_errors_add(struct load_errors *errors, uint8_t kind, const char *file, uint32_t line,
                     const struct error *err);
