#pragma once
/*
 * The parent's part of `gatewayctl status`, as JSON, and answers to what decide asks for others.
 */
#include "gatewayd/parent/parent.h"

void status_answer(struct parent *parent, uint64_t cookie);
/* ANSWER to decide; dropped when there is no decide: who asked has lost it too. */
void status_reply(struct parent *parent, uint64_t cookie, enum reason reason, struct bytes text);
