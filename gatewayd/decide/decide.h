#pragma once
/*
 * The state of the process decide, and what its files call of each other. Read stages.c next: what
 * happens to a connection; then reevaluate.c: what happens to a session when something changes.
 */
#include "gatewayd/decide/identity_cache.h"
#include "gatewayd/decide/judge_memo.h"
#include "gatewayd/decide/local_server.h"
#include "gatewayd/decide/locks.h"
#include "gatewayd/decide/mapping.h"
#include "gatewayd/decide/pools.h"
#include "gatewayd/decide/sessions.h"
#include "gatewayd/decide/status.h"
#include "gatewayd/decide/strangers.h"
#include "gatewayd/decide/texts.h"
#include "gatewayd/shared/role.h"
#include "policy/policy.h"

enum {
    DECIDE_EDGES_MAX = 64,
    DECIDE_IDENTITIES_MAX = 20000, /* cached: about 3 KiB each */
    DECIDE_CONFIRM_MS = 60000,     /* a provisional session is confirmed by then (policy.md 7) */
    DECIDE_GRANT_MS = 10000,       /* account redeems what auth granted by then (login.md) */
    DECIDE_CLOSE_MS = 5000,        /* the edge answers END by then */
    DECIDE_RESUME_MS = 1000,       /* edges hand back their sessions by then */
    DECIDE_DATA_MS = 3000,         /* and policy, replica and audit are there by then */
};

struct decide_counters {
    uint64_t opened, allowed, denied, ended, refused_handshakes, judged;
};

struct data;
struct hosts;
struct resume;
struct late_answer;
struct reevaluate;
struct handoff;
struct preview;

struct decide {
    struct role *role;
    struct ev_loop *loop;
    uint32_t own_uid; /* before the sandbox: 0 when started by root */
    uint64_t epoch;
    int64_t started_ms;
    bool ready, serves; /* sessions of the decide before are taken over; verdicts may be given */

    struct channel *edges[DECIDE_EDGES_MAX];
    struct channel *directory; /* NULL: not there */

    struct mapping_set *mappings;
    struct policy_set *policy; /* NULL: none has come yet */
    struct hash policy_version;
    uint32_t who_stamp;      /* counts changes of all that mapping an identity rests on; never 0 */
    struct replica *replica; /* NULL: none has come yet */
    char directory_server[256];
    enum reason directory_state;
    uint32_t trust_generation;

    struct identity_cache *identities;
    struct texts *texts;     /* of all sessions */
    struct judge_memo *memo; /* while a pass judges with it; else NULL */
    struct registry *registry;
    struct sessions *sessions;
    struct ledger *ledger;
    struct strangers *strangers;
    struct locks *locks; /* NULL: no file was given */
    struct upstreams *upstreams;
    struct pools *pools;
    struct hosts *hosts; /* hosts.h */
    struct local_server *pam, *control;
    int pam_fd, control_fd; /* until the servers have them */
    struct data *data;
    struct resume *resume;
    struct handoff *handoff;
    struct preview *preview;
    struct reevaluate *reevaluate;
    struct local_groups groups;
    char boot_id[40]; /* "" where /proc gives none */

    /* Of the evaluation that was made last, and whose it is: they point into that session, the
     * policy and the configuration. NULL: none of them is to be looked at. */
    const struct session *judged;
    struct policy_request request;
    struct policy_decision decision;
    const char *fact_values[POLICY_FACT__COUNT]; /* room for facts of one value */

    struct decide_counters counters;
    char counters_sent[512]; /* the last COUNTERS */
    ev_timer tick;
    struct decide_refusal refusals[DECIDE_DENIALS_KEPT];
    size_t n_refusals; /* ever */
    struct decide_denial denials[DECIDE_DENIALS_KEPT];
    size_t n_denials;      /* ever */
    int64_t clock_high_ms; /* latest time of day seen: a clock that steps back is not believed */
    char alarm[256];       /* mass_end_guard; "" none */
    struct late_answer *late_answers; /* wait for the end of a pass */
};

/* --- facts.c ---------------------------------------------------------------------------------- */
/* Fills decide->request and decide->decision for the session and a service. */
void decide_evaluate(struct session *session, const char *service, bool confirmed);
void decide_forget_evaluation(struct decide *decide); /* what they point into goes away */
/* JSON of the facts tested and of the misses of decide->decision. */
void facts_json(const struct decide *decide, struct writer *out);
void misses_json(const struct decide *decide, struct writer *out);
/* Age of the replica; INT64_MAX when there is none. */
int64_t directory_age_ms(const struct decide *decide);
const struct config_directory *decide_directory(const struct decide *decide); /* NULL: none */

/* --- stages.c --------------------------------------------------------------------------------- */
void decide_open(struct decide *decide, uint32_t edge_slot, const struct message_open *open);
/* There is something to decide on: the connections that waited go on. */
void decide_serve(struct decide *decide);

/* --- live.c ----------------------------------------------------------------------------------- */
/* Starts the timers of a live session; again after each judgement. */
void session_watch(struct session *session);
/* Ends it: at once when it is live; with its verdict when it still waits for one. */
void session_end(struct session *session, enum reason reason, const char *detail);
/* Nothing is relayed any more: the close record, then nothing is left of it. */
void session_finish(struct session *session, enum reason reason);

/* --- edges.c ---------------------------------------------------------------------------------- */
void edges_close(struct decide *decide, uint32_t edge_slot, const struct message_close *msg);
void edges_chains(struct decide *decide, uint32_t edge_slot, const struct message_chains *msg);
/* Its process is gone, and with it all its connections. */
void edges_lost(struct decide *decide, uint32_t edge_slot);
/* A client that was refused in the handshake: counted, kept for status, recorded. */
void edges_refused(struct decide *decide, const struct message_preauth_denied *msg);

/* --- records.c -------------------------------------------------------------------------------- */
enum record_event {
    RECORD_OPEN,
    RECORD_DENY,
    RECORD_CLOSE,
    RECORD_REEVAL,
    RECORD_KILL,
    RECORD_PAM,
    RECORD_WHOAMI,
    RECORD_ADMIN,
};

struct record_extra {
    const char *who;
    const char *detail;
    const char *confirms;
    enum reason reason;
    bool urgent;
    struct ledger_wait *wait;
};
/* Writes the record of an event of a session. False when the ledger has no room. */
bool record_session(struct session *session, enum record_event event,
                    const struct record_extra *extra);
/* An event without a session: admin, cfg, a pass of the re-evaluation. */
bool record_event(struct decide *decide, enum record_event event, const struct record_extra *extra);
/* A client that was refused before it had an identity: a record, or a count (strangers.h). */
void record_preauth(struct decide *decide, const struct message_preauth_denied *msg);
/* Once a second: records of what was counted. */
void record_preauth_counts(struct decide *decide);
/* A session of the decide before, of which only the registry is left. */
bool record_lost(struct decide *decide, const struct registry_record *record, enum reason reason,
                 struct ledger_wait *wait);

/* --- reevaluate.c ----------------------------------------------------------------------------- */
struct reevaluate *reevaluate_new(struct decide *decide);
struct reevaluate *reevaluate_free(struct reevaluate *reevaluate); /* accepts NULL */
void reevaluate_session(struct session *session, enum session_cause cause);
void reevaluate_user(struct decide *decide, const char *user, enum session_cause cause);
void reevaluate_all(struct decide *decide, enum session_cause cause);
/* Judges without consequences: OK or why it would end. Leaves the session judged. */
enum reason reevaluate_try(struct session *session);
void reevaluate_forget(struct session *session); /* it goes */
/* Sessions are being judged, or will be when a policy has been read; control_pass_done follows. */
bool reevaluate_is_busy(const struct decide *decide);
/* Operator: what the guard holds is judged once more and ends, in slices; how many. */
size_t reevaluate_end_pending(struct decide *decide);
size_t reevaluate_count_pending(const struct decide *decide);
/* The age of the directory has been set anew: plans the moment when live sessions become stale. */
void reevaluate_plan_stale(struct decide *decide);

/* --- resume.c --------------------------------------------------------------------------------- */
struct resume *resume_new(struct decide *decide);
struct resume *resume_free(struct resume *resume); /* accepts NULL */
/* Takes over one session; fd: its upstream or -1, owned. */
void resume_session(struct decide *decide, uint32_t edge_slot, const struct message_resume *msg,
                    int fd);
void resume_done(struct decide *decide, uint32_t edge_slot);
/* Begins to wait for the edges; ready at once when the registry knows no live session. */
void resume_begin(struct decide *decide);

/* --- whoami.c, pam_requests.c, control_requests.c -------------------------------------------- */
void whoami_text(struct session *session, struct writer *out);
void pam_request(void *decide, struct local_request *request);
void control_request(void *decide, struct local_request *request);
/* The parent's answer to an ASK. */
void control_answer(struct decide *decide, const struct message_answer *answer);
void control_pass_done(struct decide *decide); /* answers what waited for a pass */
void control_clear(struct decide *decide); /* the end: nobody waits any more */
