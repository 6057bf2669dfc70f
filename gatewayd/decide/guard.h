#pragma once
/*
 * mass_end_guard as a question (reevaluate.c): does it count a session that is judged so, and are
 * so many too many.
 */
#include "gatewayd/decide/decide.h"

bool reevaluate_would_guard(const struct session *session);
bool reevaluate_is_too_many(const struct config *config, size_t n_doomed, size_t n_live);
