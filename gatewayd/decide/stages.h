#pragma once
/*
 * The stages of pipeline.c that decide runs; the argument is a struct session of this folder. A
 * stage that denies sets the session's reason and returns STAGE_DONE: the rows behind it see the
 * reason, do nothing that only an allowed connection needs, and the denial is recorded like
 * everything else.
 */
#include "gatewayd/pipeline.h"

enum stage_result decide_register(void *session);
enum stage_result decide_chain(void *session);
enum stage_result decide_identity(void *session);
enum stage_result decide_locks(void *session);
enum stage_result decide_account(void *session);
enum stage_result decide_host(void *session);
enum stage_result decide_policy(void *session);
enum stage_result decide_record(void *session);
enum stage_result decide_connect(void *session);
enum stage_result decide_durable(void *session);
enum stage_result decide_verdict(void *session);
