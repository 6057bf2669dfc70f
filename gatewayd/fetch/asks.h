#pragma once
/*
 * Questions of edges whether a certificate is revoked: remembered answers, one exchange with the
 * responder for all that ask the same.
 */
#include "gatewayd/shared/messages.h"

struct fetching;
struct asks;

struct asks *asks_new(struct fetching *fetching);
void asks_ask(struct asks *asks, uint32_t edge_slot, const struct message_status_ask *msg);
/* The configuration is another one: what was answered may have been answered by somebody else. */
void asks_forget(struct asks *asks);
struct asks_counts {
    uint64_t asked, answered_from_memory, questions, no_answer;
    size_t remembered, running;
};
struct asks_counts asks_count(const struct asks *asks);
