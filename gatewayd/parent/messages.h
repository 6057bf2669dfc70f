#pragma once
/*
 * The parent's table of messages: what each child may ask of it, one row each.
 */
#include "gatewayd/parent/parent.h"

/* For the channel of a child; context is the child. */
void messages_handle(void *context, struct channel *channel, enum message_id id,
                     const union message *msg, int fd);
/* Trust and policy in force, to a process that has just been started or configured. */
void messages_send_loaded(struct child *child);
