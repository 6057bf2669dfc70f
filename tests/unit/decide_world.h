#pragma once
/*
 * A decide with everybody around it played by the test: an edge, audit, directory, the parent, a
 * service on a unix socket. All on one loop; messages go through real channels.
 */
#include "gatewayd/decide/decide.h"

#include "certs.h"

enum { WORLD_RECORDS_MAX = 128, WORLD_MESSAGES_MAX = 128, WORLD_NAMES_MAX = 8 };

struct world_record {
    char ev[16], reason[48], user[64], decision[16], detail[256], confirms[64], rule[64], who[96];
    char upstream[256];
    char sid[SESSION_ID_TEXT_LEN + 1];
    char facts[4096], misses[4096];
    int64_t bytes_in, bytes_out, sid_part, count;
};

struct world_verdict {
    uint64_t connection;
    struct session_id session;
    enum reason reason;
    char text[4096];
    int fd;
};

struct world_identity {
    uint64_t connection;
    size_t verdicts; /* that had come before it */
    char user[64], rule[64];
    uint8_t groups[IDENTITY_GROUPS_MAX];
    size_t groups_len;
};

struct world {
    struct ev_loop *loop;
    struct role role;
    struct config *config;
    struct decide *decide;
    int registry; /* stays when decide goes */
    char dir[64];
    int service; /* listening */

    struct channel *parent, *edge, *audit, *directory; /* our ends */
    struct channel *to_edge, *to_audit, *to_directory; /* decide's */
    bool audit_silent;                                 /* takes records, acknowledges none */
    uint64_t acked;
    struct world_record records[WORLD_RECORDS_MAX];
    size_t n_records;
    struct world_verdict verdicts[WORLD_MESSAGES_MAX];
    size_t n_verdicts;
    struct world_identity identities[WORLD_NAMES_MAX];
    size_t n_identities;
    struct world_renewed {
        uint64_t connection;
        enum reason reason;
        char detail[256];
        int fd;
    } renewed[WORLD_NAMES_MAX];
    size_t n_renewed;
    struct message_end ends[WORLD_MESSAGES_MAX];
    size_t n_ends;
    size_t n_verify, n_kills, n_logins, n_asks, n_downs;
    struct message_channel_down down; /* the last one, without its detail */
    uint64_t ask_cookie;
    void (*on_ask)(struct world *world);   /* what the parent does when it is asked; may be NULL */
    char asked_name[WORLD_NAMES_MAX][256]; /* by RESOLVE, the last ones */
    size_t n_resolves;
    bool foreign; /* WHOIS: the peer lives in another namespace */
};

/* With a policy, a directory and an audit process that works. */
struct world *world_new(const char *policy);
/* Only the pieces; policy and directory have not come yet. */
struct world *world_new_empty(const char *config);
void world_free(struct world *world);
extern const char world_config[];

void world_policy(struct world *world, const char *policy);
/* The same behind decide's back: no session is judged again. */
void world_decode_policy(struct world *world, const char *policy);
void world_people(struct world *world, int64_t as_of_ms);
/* /etc/passwd or /etc/group of the host; without it a host of root alone. */
void world_local_names(struct world *world, enum file_kind kind, const char *text);
/* Runs the loop until `done` holds or a second has passed; fails the test then. */
void world_run(struct world *world, bool (*done)(struct world *world));
/* Runs the loop for so long. */
void world_wait(struct world *world, int ms);
void world_step(struct world *world);

/* Sends OPEN of a connection of alice@corp.example (or another address) to a service. */
void world_open(struct world *world, uint64_t connection, const char *mail, const char *service);
/* The same, and waits for the verdict. */
struct world_verdict *world_connect(struct world *world, uint64_t connection, const char *mail,
                                    const char *service);
/* Fills an OPEN; the leaf must be freed. */
struct message_open world_open_message(uint64_t connection, const char *mail, const char *service);
struct session *world_session(struct world *world, uint64_t connection);
void world_close(struct world *world, uint64_t connection, uint64_t in, uint64_t out);
/* The last record of a kind, or NULL. */
const struct world_record *world_last(const struct world *world, const char *ev);
size_t world_count(const struct world *world, const char *ev);
/* decide dies and a new one comes; the edge does not resume by itself. */
void world_restart(struct world *world);
/* The audit process dies and a new one comes, which knows nothing of what was sent before. */
void world_restart_audit(struct world *world);
/* Asks on pam.sock or control.sock as this process; runs the loop until the reply has come. */
void world_ask(struct world *world, const char *socket, const struct protocol_message *request,
               struct protocol_message *ret_reply);
