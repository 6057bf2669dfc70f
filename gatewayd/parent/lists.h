#pragma once
/*
 * The revocation lists that are in force: their ages for status, and alarms before they deny
 * everybody.
 */
#include "gatewayd/parent/parent.h"

void lists_init(struct parent *parent);
/* One that load has told of; bounded. */
void lists_add(struct crl_lists *lists, const struct message_load_list *msg);
void lists_clear(struct crl_lists *lists);
/* Those of the last run of load are in force now. */
void lists_use(struct parent *parent);
/* Half of crl_grace has gone since its nextUpdate. */
bool lists_is_old(const struct parent *parent, const struct crl_list *list, int64_t now_s);
