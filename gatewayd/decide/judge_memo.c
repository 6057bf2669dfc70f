/*
 * The memo of a pass. Runs in decide. Two sessions get the same answer only when everything that it
 * was made from is equal: the keys below. What they do not hold (a session's own times, its chain,
 * its state) may not be asked by what is remembered here, only around it (judge.c).
 */
#include "gatewayd/decide/judge_memo.h"

#include "common/clock.h"
#include "common/table.h"
#include "gatewayd/decide/decide.h"
#include "gatewayd/shared/xalloc.h"

enum { SLOTS = 1024 }; /* of each kind; sessions of a user are judged one behind the other */

/* What mapping_apply is given, but for the replica, the rules and the time. */
struct who_key {
    const struct identity *identity;
    const char *ca;
    const char *login;
};

/* What facts.c makes facts of. networks: only where a rule asks, or nobody would share. */
struct decision_key {
    const char *service, *ca;
    const struct person *person;
    const char *login;
    uint8_t source[16];
    bool by_name, confirmed, source_known;
};

struct who_slot {
    bool used;
    struct who_key key;
    struct identity *identity; /* held: its address means something else afterwards */
    struct memo_who who;
};

struct decision_slot {
    bool used;
    struct decision_key key;
    struct person *person; /* held, for the same reason */
    struct memo_decision decision;
};

struct judge_memo {
    struct texts *texts;
    int64_t now_s; /* all of it was found in this second */
    size_t n;
    struct who_slot who[SLOTS];
    struct decision_slot decisions[SLOTS];
};

/* Facts whose values follow from decision_key; NETWORKS is looked up apart. */
static const policy_facts covered =
    POLICY_FACT_BIT(POLICY_FACT_USERS) | POLICY_FACT_BIT(POLICY_FACT_GROUPS) |
    POLICY_FACT_BIT(POLICY_FACT_SERVICES) | POLICY_FACT_BIT(POLICY_FACT_CA) |
    POLICY_FACT_BIT(POLICY_FACT_LOGIN_AS) | POLICY_FACT_BIT(POLICY_FACT_NETWORKS);

/* --- life ------------------------------------------------------------------------------------- */

struct judge_memo *judge_memo_new(struct texts *texts)
{
    struct judge_memo *memo = xcalloc(1, sizeof(*memo));

    memo->texts = texts;
    return memo;
}

static void drop_who(struct judge_memo *memo, struct who_slot *slot)
{
    if (!slot->used)
        return;
    texts_drop(memo->texts, slot->who.detail);
    texts_drop(memo->texts, slot->who.mapping);
    texts_drop(memo->texts, slot->who.candidates);
    texts_drop(memo->texts, slot->key.ca);
    texts_drop(memo->texts, slot->key.login);
    (void)person_unref(slot->who.person);
    (void)identity_unref(slot->identity);
    slot->used = false;
    memo->n--;
}

static void drop_decision(struct judge_memo *memo, struct decision_slot *slot)
{
    if (!slot->used)
        return;
    texts_drop(memo->texts, slot->decision.rule);
    texts_drop(memo->texts, slot->decision.file);
    texts_drop(memo->texts, slot->decision.message);
    texts_drop(memo->texts, slot->key.service);
    texts_drop(memo->texts, slot->key.ca);
    texts_drop(memo->texts, slot->key.login);
    (void)person_unref(slot->person);
    slot->used = false;
    memo->n--;
}

void judge_memo_clear(struct judge_memo *memo)
{
    for (size_t i = 0; memo->n > 0 && i < SLOTS; i++) {
        drop_who(memo, &memo->who[i]);
        drop_decision(memo, &memo->decisions[i]);
    }
}

struct judge_memo *judge_memo_free(struct judge_memo *memo)
{
    if (!memo)
        return NULL;
    judge_memo_clear(memo);
    free(memo);
    return NULL;
}

/* Every answer rests on the time: policy, account states and locks are judged by whole seconds. */
bool judge_memo_look_at_clock(struct judge_memo *memo)
{
    int64_t now_s = clock_realtime_s();
    bool back = now_s < memo->now_s;

    if (now_s != memo->now_s)
        judge_memo_clear(memo);
    memo->now_s = now_s;
    return back;
}

/* --- keys ------------------------------------------------------------------------------------- */

/* Zeroed first: keys are compared with their padding. */
static struct who_slot *find_who(struct judge_memo *memo, const struct session *session,
                                 struct who_key *ret_key)
{
    memset(ret_key, 0, sizeof(*ret_key));
    ret_key->identity = session->identity;
    ret_key->ca = (const char *)session->open.ca_name.at;
    ret_key->login = session->login;
    return &memo->who[table_hash((struct bytes){(const uint8_t *)ret_key, sizeof(*ret_key)}) >> 24 &
                      (SLOTS - 1)];
}

static struct decision_slot *find_decision(struct judge_memo *memo, const struct session *session,
                                           bool confirmed, struct decision_key *ret_key)
{
    const struct decide *decide = session->decide;
    const char *service = (const char *)session->open.service_name.at;

    memset(ret_key, 0, sizeof(*ret_key));
    ret_key->service = service;
    ret_key->ca = (const char *)session->open.ca_name.at;
    ret_key->person = session->person;
    ret_key->by_name = session->by_name;
    ret_key->confirmed = confirmed;
    ret_key->login = session->login;
    if (policy_tested(decide->policy, service) & POLICY_FACT_BIT(POLICY_FACT_NETWORKS)) {
        memcpy(ret_key->source, session->open.source.octets, sizeof(ret_key->source));
        ret_key->source_known = session->open.source.known;
    }
    return &memo->decisions[table_hash(
                                (struct bytes){(const uint8_t *)ret_key, sizeof(*ret_key)}) >>
                                24 &
                            (SLOTS - 1)];
}

static bool decision_key_equal(const struct decision_key *a, const struct decision_key *b)
{
    return a->service == b->service && a->ca == b->ca && a->person == b->person &&
           a->login == b->login && a->by_name == b->by_name && a->confirmed == b->confirmed &&
           a->source_known == b->source_known &&
           memcmp(a->source, b->source, sizeof(a->source)) == 0;
}

/* --- asking and keeping ----------------------------------------------------------------------- */

const struct memo_who *judge_memo_who(struct judge_memo *memo, const struct session *session)
{
    struct who_slot *slot;
    struct who_key key;

    if (!memo)
        return NULL;
    slot = find_who(memo, session, &key);
    return slot->used && memcmp(&slot->key, &key, sizeof(key)) == 0 ? &slot->who : NULL;
}

void judge_memo_keep_who(struct judge_memo *memo, const struct session *session,
                         const struct memo_who *who)
{
    struct who_slot *slot;
    struct who_key key;

    if (!memo || !session->identity)
        return;
    slot = find_who(memo, session, &key);
    drop_who(memo, slot);
    memo->n++;
    *slot = (struct who_slot){
        .used = true, .key = key, .identity = identity_ref(session->identity), .who = *who};
    slot->key.ca = texts_again(key.ca);
    slot->key.login = texts_again(key.login);
    slot->who.detail = texts_hold(memo->texts, bytes_of(who->detail));
    slot->who.mapping = texts_hold(memo->texts, bytes_of(who->mapping));
    slot->who.candidates = texts_hold(memo->texts, bytes_of(who->candidates));
    (void)person_ref(who->person);
}

const struct memo_decision *judge_memo_decision(struct judge_memo *memo,
                                                const struct session *session, bool confirmed)
{
    struct decision_slot *slot;
    struct decision_key key;

    if (!memo)
        return NULL;
    slot = find_decision(memo, session, confirmed, &key);
    return slot->used && decision_key_equal(&slot->key, &key) ? &slot->decision : NULL;
}

void judge_memo_keep_decision(struct judge_memo *memo, const struct session *session,
                              bool confirmed, const struct memo_decision *decision,
                              policy_facts tested)
{
    struct decision_slot *slot;
    struct decision_key key;

    if (!memo || (tested & ~covered))
        return;
    slot = find_decision(memo, session, confirmed, &key);
    drop_decision(memo, slot);
    memo->n++;
    *slot = (struct decision_slot){
        .used = true, .key = key, .person = person_ref(session->person), .decision = *decision};
    slot->key.service = texts_again(key.service);
    slot->key.ca = texts_again(key.ca);
    slot->key.login = texts_again(key.login);
    slot->decision.rule = texts_hold(memo->texts, bytes_of(decision->rule));
    slot->decision.file = texts_hold(memo->texts, bytes_of(decision->file));
    slot->decision.message = texts_hold(memo->texts, bytes_of(decision->message));
}
