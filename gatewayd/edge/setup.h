#pragma once
/*
 * An edge's state through its life: made, given files, started, configured anew. Messages: proc.c.
 */
#include "gatewayd/edge/edge.h"

void *edge_create(struct role *role);
bool edge_file(struct role *role, const struct message_file *file, int fd, struct error *err);
bool edge_start(struct role *role, struct error *err);
bool edge_reconfigure(struct role *role, const struct config *before, struct error *err);
void edge_channel_up(struct role *role, struct channel *channel);
void edge_channel_down(struct role *role, struct channel *channel, const struct error *why);
