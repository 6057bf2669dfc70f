#pragma once
/*
 * The other processes: starting them, pairing those that talk, replacing those that end.
 */
#include "gatewayd/parent/parent.h"

/* Fills parent->children for this configuration, beside those that are there; starts nothing. */
void children_plan(struct parent *parent, uint32_t n_edges);
/* A place for one more, in front of nobody: not started. NULL when all places are taken. */
struct child *children_add(struct parent *parent, enum process_role role, uint32_t slot);
/* One that the program before has started: its process and the channel to it. */
struct adopted {
    enum process_role role;
    uint32_t slot, restarts, program;
    pid_t pid;
    int fd;
    uint64_t table;
    int64_t started_ms, retired_ms;
    bool retired;
};
void child_adopt(struct parent *parent, const struct adopted *adopted);
/* No process takes its place when it ends by itself. */
void child_retire(struct child *child);
/* Programs before this one whose edges have sessions left. */
size_t children_count_programs(const struct parent *parent);
/* Starts every child of this role that is away. */
void children_start(struct parent *parent, enum process_role role);
/* Starts one: pairs it with those that run, hands it its files, trust and policy. */
void child_start(struct child *child);
/* Starts the process behind a child that is not in parent->children: load. False and err. */
bool child_run(struct child *child, const struct channel_calls *calls, void *context,
               struct error *err) MUST_CHECK;
/* Sends CONFIGURE, the files and START. again: a reload. False when a file cannot be opened. */
bool child_configure(struct child *child, const struct config *config, uint32_t generation,
                     bool again, const struct config_errors *errors) MUST_CHECK;
/* Closes its channel, which ends it; kills it after a while. No restart follows. */
void child_end(struct child *child);
/* Kills it; a new one takes its place. */
void child_replace(struct child *child);
/* A child has lost its channel to another, or misses what the other holds: one is replaced. */
void child_channel_down(struct child *child, const struct message_channel_down *msg);
/* Whether a service of this configuration starts programs. */
bool children_needs_spawn(const struct config *config);
/* Called for each process that has ended. */
void children_ended(struct parent *parent, pid_t pid, int status);
/* Sends to every running child of a role. fd is duplicated; -1 none. */
void children_tell(struct parent *parent, enum process_role role, enum message_id id,
                   const void *msg, int fd);
struct child *children_find(struct parent *parent, enum process_role role, uint32_t slot);
bool children_all_ready(const struct parent *parent);
/* Whether any child of the role still runs. */
bool children_running(const struct parent *parent, enum process_role role);
/* What the channel of a child calls. */
extern const struct channel_calls children_calls;
/* Logs errors of files with their place. */
extern const struct config_errors children_log_errors;
