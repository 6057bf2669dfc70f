#pragma once
/*
 * What a pass of the re-judging has found already: whom an identity maps to, and what the policy
 * says to equal facts. Sessions that share those share the answer. Small, forgets what it must:
 * an answer holds for one second of the clock, and whoever changes what answers rest on clears it.
 */
#include "gatewayd/decide/person.h"
#include "gatewayd/decide/texts.h"
#include "gatewayd/shared/config.h"
#include "policy/policy.h"

struct decide;
struct session;
struct judge_memo;

/* A mapping_result whose account is a person. */
struct memo_who {
    enum reason reason;
    const char *detail, *mapping;
    enum config_subject subject;
    const char *candidates; /* "" none */
    bool asked, by_name, strong;
    struct person *person;
};

/* The parts of a policy_decision that a session keeps. */
struct memo_decision {
    enum policy_verdict verdict;
    enum reason reason;
    const char *rule, *file, *message;
    uint32_t line;
    int64_t valid_until_s;
};

struct judge_memo *judge_memo_new(struct texts *texts);
struct judge_memo *judge_memo_free(struct judge_memo *memo); /* accepts NULL, returns NULL */
void judge_memo_clear(struct judge_memo *memo);
/* Before each judgement: forgets what was found in another second. True: the clock went back. */
bool judge_memo_look_at_clock(struct judge_memo *memo);

/* NULL: not known. What is found is valid until the next call of this file. memo may be NULL. */
const struct memo_who *judge_memo_who(struct judge_memo *memo, const struct session *session);
const struct memo_decision *judge_memo_decision(struct judge_memo *memo,
                                                const struct session *session, bool confirmed);
/* Texts are copied, the person is counted once more. memo may be NULL. */
void judge_memo_keep_who(struct judge_memo *memo, const struct session *session,
                         const struct memo_who *who);
/*
 * Keeps nothing when a rule of the session's service tests a fact that is not among what sessions
 * are compared by. tested: bit per policy_fact_id, of the policy_decision.
 */
void judge_memo_keep_decision(struct judge_memo *memo, const struct session *session,
                              bool confirmed, const struct memo_decision *decision,
                              policy_facts tested);

/* facts.c: the directory, the mappings or the host's own names have changed. */
void decide_who_changed(struct decide *decide);
