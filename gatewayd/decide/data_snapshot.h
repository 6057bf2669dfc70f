#pragma once
/*
 * A whole directory on its way into force: read in slices beside the replica that decisions go on
 * to rest on, brought up to date by the changes that came meanwhile, then put in its place. The old
 * one goes in slices too.
 */
#include "gatewayd/decide/decide.h"

struct data_snapshot;

struct data_snapshot *data_snapshot_new(struct decide *decide);
struct data_snapshot *data_snapshot_free(struct data_snapshot *data); /* accepts NULL */
/* Begins to read; takes fd. One that is still being read is dropped: all it had is in this one. */
void data_snapshot_begin(struct data_snapshot *data, const struct replica_options *options,
                         const struct message_snapshot *msg, int fd);
/* One is being read: changes belong to it. */
bool data_snapshot_is_busy(const struct data_snapshot *data);
/* A change, and how fresh the directory is with it; octets are copied. Only while busy. */
void data_snapshot_change(struct data_snapshot *data, struct bytes octets, int64_t as_of_ms);
void data_snapshot_as_of(struct data_snapshot *data, int64_t as_of_ms);
