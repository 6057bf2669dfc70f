#pragma once
/*
 * Messages to the service manager (sd_notify(3), the plain protocol) and the pid file.
 */
#include "gatewayd/parent/parent.h"

/* Says READY=1 once, when every process is ready and the first load is over. */
void notify_when_ready(struct parent *parent);
void notify_ending(void);
/* Locks run_dir/gatewayd.pid for our life: a second daemon on the same run_dir is refused. */
bool notify_pid_file(struct parent *parent, struct error *err) MUST_CHECK;
