#pragma once
/*
 * A policy set on its way from its octets into force: read in slices, while decisions go on under
 * the one before.
 */
#include "gatewayd/decide/decide.h"

struct data_policy;

struct data_policy *data_policy_new(struct decide *decide);
struct data_policy *data_policy_free(struct data_policy *data); /* accepts NULL, returns NULL */
/* Begins to read the set of fd, which it takes; an older one that is still being read is dropped.
 */
void data_policy_begin(struct data_policy *data, const struct message_policy *msg, int fd);
/* One has come and is not yet in force. */
bool data_policy_is_busy(const struct data_policy *data);
