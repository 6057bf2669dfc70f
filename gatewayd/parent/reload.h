#pragma once
/*
 * Reload: a new configuration is parsed, checked, loaded and put in force as a whole, or refused
 * with all its errors and the running one stays. Also what happens when files of the configuration
 * in force change.
 */
#include "gatewayd/parent/parent.h"

void reload_init(struct parent *parent);
/* cookie: of the ASK that waits for the answer; NULL for SIGHUP. */
void reload_begin(struct parent *parent, const uint64_t *cookie);
/* A run of load is over. */
void reload_loaded(struct parent *parent);
/* A child has said READY or FAILED, or has ended. */
void reload_answered(struct parent *parent);
/* Files of server certificates have changed: the configuration in force is sent again with what
 * they are now, unless they do not fit each other; then the ones before stay. */
void reload_certificates(struct parent *parent);
