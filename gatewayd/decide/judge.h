#pragma once
/*
 * The rows of the pipeline that are run again whenever a live session is judged again, and the
 * facts they rest on. Declared in stages.h; what is here is for the other files of this folder.
 */
#include "gatewayd/decide/decide.h"

/* Judges the session as it is now: sets reason, detail, rule, account, valid_until_s. */
void judge_session(struct session *session);
/* Whether the directory has not been heard for longer than its options allow. */
bool judge_is_stale(const struct session *session);
/*
 * The same, but what is in the memo for equal facts is taken over and what is found new is put
 * there. Of a denial the misses are not looked for, and no evaluation is at hand afterwards:
 * judge_session again before a record is written.
 */
void judge_with_memo(struct session *session, struct judge_memo *memo);
/*
 * Takes over a CHAINS message that brings a live session nothing but other times of the revocation
 * lists: no rule asks for those, so there is nothing to judge, but valid_until_s is another one.
 * False: more than that has changed, and nothing was taken over.
 */
bool judge_renew(struct session *session, const struct message_chains *chains);
/* Takes over what a CHAINS message says of the session's chain. */
void judge_take_chains(struct session *session, const struct message_chains *chains);
