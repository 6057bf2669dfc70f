#pragma once
/*
 * How decide comes to life: its state, its descriptors, what must be done before the sandbox
 * closes, a new configuration, channels that come and go.
 */
#include "gatewayd/decide/decide.h"

void *decide_create(struct role *role);
bool decide_file(struct role *role, const struct message_file *file, int fd,
                 struct error *err) MUST_CHECK;
bool decide_prepare(struct role *role, struct error *err) MUST_CHECK;
bool decide_start(struct role *role, struct error *err) MUST_CHECK;
bool decide_reconfigure(struct role *role, const struct config *before,
                        struct error *err) MUST_CHECK;
void decide_channel_up(struct role *role, struct channel *channel);
void decide_channel_down(struct role *role, struct channel *channel, const struct error *why);
/* AUDIT_STATE: with audit.on_loss = "kill" live sessions end too. */
void decide_audit_state(struct decide *decide, const struct message_audit_state *msg);
/* Frees everything; for tests, the process itself just ends. */
void decide_destroy(struct decide *decide);
