#pragma once
/*
 * What decide judges by and other processes bring: the policy set, the replica of the directory,
 * the generation of the trust data. Every arrival judges the sessions again that it may change.
 */
#include "gatewayd/decide/decide.h"

struct data;

struct data *data_new(struct decide *decide);
struct data *data_free(struct data *data); /* accepts NULL, returns NULL */
/* All that get fd take it. */
void data_policy(struct decide *decide, const struct message_policy *msg, int fd);
/* A policy has come and is not yet in force. */
bool data_is_busy(const struct decide *decide);
void data_trust(struct decide *decide, const struct message_trust *msg, int fd);
/* FILE_LOCAL_USERS, FILE_LOCAL_GROUPS: what the directory may not hand out. */
void data_local_names(struct decide *decide, enum file_kind kind, int fd);
void data_snapshot(struct decide *decide, const struct message_snapshot *msg, int fd);
void data_change(struct decide *decide, struct bytes change, int64_t as_of_ms);
void data_change_memfd(struct decide *decide, const struct message_change_memfd *msg, int fd);
void data_as_of(struct decide *decide, const struct message_as_of *msg);
