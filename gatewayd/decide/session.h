#pragma once
/*
 * A session: one connection from OPEN to its close record, with everything that it was judged on.
 * Written by the stages (stages.c), by what re-judges it (reevaluate.c) and by PAM
 * (pam_requests.c).
 */
#include "common/table.h"
#include "gatewayd/decide/dial.h"
#include "gatewayd/decide/identity.h"
#include "gatewayd/decide/ledger.h"
#include "gatewayd/decide/person.h"
#include "gatewayd/decide/registry.h"
#include "gatewayd/pipeline.h"
#include "gatewayd/shared/config.h"
#include "ldap/replica.h"

struct decide;
struct user_row; /* sessions.c */
struct renewal;

enum session_state {
    SESSION_OPENING, /* in the pipeline: no verdict yet */
    SESSION_LIVE,
    SESSION_ENDING, /* told to end; the edge has not yet said how much it relayed */
    SESSION_CLOSED, /* its last record is on its way */
};

enum session_pam {
    SESSION_PAM_OFF,       /* the service asks for no confirmation */
    SESSION_PAM_WAITING,   /* provisional: nobody has logged in yet */
    SESSION_PAM_CONFIRMED, /* auth said ALLOW; the one confirmation is used */
    SESSION_PAM_ACCEPTED,  /* account redeemed it */
    SESSION_PAM_OPENED,    /* the login's session is open */
    SESSION_PAM_ENDED,
};

enum session_waits { SESSION_WAITS_FOR_NOTHING, SESSION_WAITS_READY, SESSION_WAITS_CHAINS };

/* Why a session is judged again; bits. */
enum session_cause {
    CAUSE_DIRECTORY = 1 << 0,
    CAUSE_POLICY = 1 << 1,
    CAUSE_LOCK = 1 << 2,
    CAUSE_CHAIN = 1 << 3,
    CAUSE_TIME = 1 << 4,
    CAUSE_STALE = 1 << 5,
    CAUSE_UNTIL = 1 << 6, /* its own time is over: no guard holds it beyond that */
};

struct session {
    struct decide *decide;
    struct session_id id;
    enum session_state state;
    enum session_waits waits;
    struct pipeline *pipeline; /* NULL once it is live */
    uint32_t place;            /* in the registry; UINT32_MAX none */
    uint32_t edge_slot;

    /* The handshake's result. Its texts are decide->texts'; the leaf is owned, and gone once
     * identity is there. All texts below are decide->texts' too: session_set_text. */
    struct message_open open;
    enum reason chain; /* OK, or why the chain is no longer valid */
    const char *chain_detail;
    struct identity *identity;

    /* Who it is. */
    const char *mapping; /* "" none */
    enum config_subject subject;
    uint32_t who_stamp;    /* decide->who_stamp when that was found; 0: look anew in any case */
    struct person *person; /* NULL: no account */
    const struct account *account; /* the person's */
    const char *const *groups;     /* names of the account's groups, for the policy */
    const char *user;              /* "" none; never changes once the session is live */
    const char *login;             /* login name asked for or confirmed; "" not known */
    bool by_name;                  /* the login name will choose among several accounts */
    bool who_asked;                /* of a directory, whose age matters */
    bool strong;                   /* found by the certificate or its key, not by a name */
    const char *candidates;        /* accounts that all fit, a line each; for the record alone */

    /* What was decided. */
    enum reason reason; /* OK, or why not */
    const char *detail;
    const char *rule, *file; /* of the policy */
    uint32_t line;
    bool provisional;
    const char *message;     /* the rule's words for the user */
    int64_t policy_until_s;  /* what the policy says of its end; INT64_MAX: nothing */
    int64_t valid_until_s;   /* INT64_MAX: nothing ends it by time alone */
    int64_t directory_age_s; /* AUDIT_NO_NUMBER: the directory was not asked */

    /* Its records. */
    struct ledger_wait wait;
    bool recorded; /* an open record says that it was allowed: a close must follow */
    uint32_t parts;

    /* Where it goes. */
    struct dial *dial;        /* on its way there; NULL: not */
    struct target *target;    /* counted there, referenced; NULL: nowhere */
    struct renewal *renewal;  /* another one is on its way; NULL: none (renew.h) */
    int upstream;             /* our duplicate; -1 none */
    uint8_t told_identity[8]; /* digest of the last IDENTITY; zero: none was sent */
    bool connected;

    /* While it lives. */
    ev_timer timer;    /* confirmation due, or the edge's CLOSE */
    ev_periodic until; /* valid_until_s */
    unsigned causes;   /* judged again because of; 0 not due */
    bool held;         /* mass_end_guard keeps it: an operator must confirm */
    bool released;     /* an operator has confirmed: nothing guards it any more */
    bool deferred;     /* after a restart: the replica or the policy has not come yet */
    bool asked_crl;    /* its revocation list has ended: the edge was asked for a newer one */
    enum reason end_reason;
    const char *end_detail;

    /* Its login on a host. */
    enum session_pam pam;
    int64_t confirm_deadline_ms;
    enum reason login_refused; /* why the last login was; OK: it was not */
    uint64_t grant;            /* 0 none */
    int64_t grant_deadline_ms;
    uint32_t login_pid, login_uid;
    uint64_t login_start_time;

    /* How it ended. */
    uint64_t bytes_in, bytes_out;
    bool bytes_known;
    int64_t closed_ms;

    struct session *prev, *next;           /* all */
    struct session *user_prev, *user_next; /* of one user */
    struct session *due_prev, *due_next;   /* of due_list */
    struct session **due_list;             /* to be judged, or doomed; NULL: neither */
    struct user_row *row;                  /* NULL: in no table */
    struct table_link id_link, connection_link;
};

/* A session that waits for its verdict, in no table yet. open's texts are copied. */
struct session *session_new(struct decide *decide, uint32_t edge_slot,
                            const struct message_open *open);
/* Its verdict is given: no stage is left that could be late. Harmless when it has no pipeline. */
void session_leave_pipeline(struct session *session);
/* Takes it out of all tables, closes and frees everything. */
void session_free(struct session *session);

/* Frees what only identity and the PROXY header need. */
void session_forget_leaf(struct session *session);
void session_set_reason(struct session *session, enum reason reason, const char *detail);
/* Replaces *text, one of the session's. */
void session_set_text(struct session *session, const char **text, const char *value);
/* The service section of this session in the configuration in force; NULL for WHOAMI and when the
 * service has gone. */
const struct config_service *session_service(const struct session *session);
bool session_is_whoami(const struct session *session);
/* What a denied client reads: one sentence, never the policy, but for what a rule or lock itself
 * says. */
struct bytes session_sentence(const struct session *session);
/* The account as a person, one that the session or another of its user has already if they are
 * equal; takes the account. NULL: no account. The caller owns one reference. */
struct person *session_person_of(const struct session *session, struct account *account);
/* Counted once more; NULL: nobody. */
void session_set_person(struct session *session, struct person *person);
/* Writes its record of the registry. */
void session_save(struct session *session, enum registry_state state);
