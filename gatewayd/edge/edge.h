#pragma once
/*
 * The state of an edge process and of one connection in it. Every file of this folder sees it; what
 * each of them does with it stands in its own header. Single-threaded, nothing is shared.
 */
#include "gatewayd/edge/chain.h"
#include "gatewayd/edge/counters.h"
#include "gatewayd/edge/give_back.h"
#include "gatewayd/edge/key_provider.h"
#include "gatewayd/edge/retire.h"
#include "gatewayd/edge/route.h"
#include "gatewayd/edge/turns.h"
#include "gatewayd/edge/wire.h"
#include "gatewayd/pipeline.h"
#include "gatewayd/shared/role.h"
#include "gatewayd/shared/spare_files.h"

#include <openssl/ssl.h>
#include <uthash.h>

struct connection;
struct preauth;  /* preauth.h */
struct forecast; /* forecast.h */
struct farewell; /* farewell.h */
struct gate;     /* gate.h */
struct gate_place;
struct known;   /* known.h */
struct idle;    /* idle.h */
struct tls_set; /* tls.h */
struct http;    /* http_relay.h */
struct client_identity;
struct prelude;      /* prelude.h */
struct upstream_set; /* upstream_tls.h */
struct resumption;   /* resumption.h */
struct resumption_cache;

/* One listening socket: an address of a listener section. */
struct listening {
    struct edge *edge;
    char *title;    /* of the section */
    uint32_t index; /* of the address in it */
    int fd;
    ev_io io;
};

/* Why this edge does not accept at the moment. */
enum { PAUSE_DRAIN = 1, PAUSE_NO_FILES = 2, PAUSE_DECIDE = 4 };

struct edge {
    struct role *role;
    size_t n_edges; /* processes that share the limits */
    struct key_provider *key_provider;
    struct key_signer signers[KEY_ROLE__COUNT];
    uint64_t next_cookie; /* of SIGN */
    struct tls_set *tls, *next_tls;
    struct upstream_set *upstreams, *next_upstreams;
    BIO_METHOD *upstream_method;

    struct trust_set *trust; /* NULL until the first TRUST */
    struct chain_cache chains;
    struct resumption_cache *resumptions;

    struct listening **listening;
    size_t n_listening;
    unsigned paused;      /* PAUSE_ bits */
    ev_timer pause_timer; /* looks whether a pause may end */
    ev_timer retire_timer; /* looks whether a retired edge may end */
    enum edge_hold hold;   /* decide hands over to another */
    struct spare_files spare;
    double complained; /* when the log last said that there are no descriptors */

    struct wire wire;
    uint64_t next_number;
    struct connection *by_number;      /* uthash */
    struct connection *first, *last;   /* all, in order of their numbers */
    struct connection *waiting_key;    /* in the ClientHello callback, until key is there */
    struct status_ask *status_asks;    /* uthash by cookie: standing.c */
    struct connection *waiting_decide; /* in `ask`, until OPEN can be sent */
    struct connection *waiting_end;    /* in `relay`, until the upstream's end is known for one */
    ev_idle end_idle;                  /* runs when no channel has anything to say */
    struct connection *untold;         /* ended, CLOSE not yet sent */
    size_t n_untold;
    size_t *n_per_listener; /* connections, by index of the listener section */
    struct gate *gate;
    struct turns *turns;
    struct known *known;
    struct give_back give_back;
    struct idle *idle;
    struct preauth *preauth;
    struct wanted *wanted; /* wanted.c */
    struct forecast *forecast;
    struct farewell *farewells;
    size_t n_farewells;

    struct connection *live_at; /* next one to be judged under new trust data; NULL: none */
    bool live_running;
    struct connection *resume_at;
    bool resume_running;
    uint32_t n_resumed;
    ev_timer live_timer, resume_timer;

    struct counters counters;
};

enum connection_phase {
    PHASE_HANDSHAKE,
    PHASE_REQUEST,
    PHASE_STATUS,
    PHASE_ASK,
    PHASE_RELAY,
    PHASE_ENDED, /* only a CLOSE is owed to decide */
};

enum edge_renewal { RENEWAL_NONE, RENEWAL_NEEDED, RENEWAL_ASKED }; /* renew.h */

/* What decide has been told of the chain. */
struct told {
    uint32_t generation;
    enum reason reason;
    struct chain_facts facts;
};

struct connection {
    struct edge *edge;
    uint64_t number;
    UT_hash_handle hh;
    struct connection *next, *prev;           /* of all */
    struct connection *list_next, *list_prev; /* of the one waiting list it stands in */
    struct connection **list;                 /* that list, or NULL */
    enum connection_phase phase;
    struct pipeline pipeline;

    int fd, upstream; /* -1: none */
    ev_io client_io, upstream_io;
    SSL *ssl;
    struct buffer stash;       /* ciphertext read but not yet decrypted */
    struct buffer unsent;      /* ciphertext that the client's socket did not take */
    struct buffer to_upstream; /* plaintext that the upstream's socket did not take */
    bool wire_eof, wire_failed;

    struct gate_place *place; /* while the handshake runs */
    struct turn turn;
    bool hello_waits; /* knock.h */
    bool hello_came;
    struct address source, destination;
    struct address via_proxy; /* the proxy that has told us of source; unknown: none */
    struct prelude *prelude;  /* while octets in front of TLS are read */
    int64_t accepted_ms, accepted_us;
    uint32_t handshake_us;
    uint32_t listener; /* index of the section */
    struct route route;
    char *sni; /* lower case; NULL: none */
    struct chain *chain;
    struct told told;
    struct resumption *resumption; /* while the handshake runs; NULL: none is possible */
    struct denial *denial; /* why the handshake is refused; NULL: nothing found yet */

    struct client_identity *identity; /* said by decide, for services of HTTP; NULL: not said */
    struct http *http;                /* NULL: the octets are relayed as they are */
    SSL *upstream_ssl;                /* NULL: its octets pass as they are */
    char *upstream_name;              /* what its certificate must bear */
    bool upstream_eof;                /* of the socket under TLS */
    bool upstream_floods;             /* with messages of the handshake: no more is read */
    bool upstream_more;               /* its end is known to TLS already: there will be no event */
    bool upstream_blocked;            /* TLS has something to write before it goes on */
    uint32_t upstream_messages;       /* of the handshake, when it was over */

    uint8_t *request; /* octets of an mtls-gw/1 request so far */
    size_t request_len;
    bool open_sent, verified_asked;
    bool verdict_came;
    bool denied_head; /* a denied client of HTTP asked by HEAD */
    enum edge_renewal renewal;
    struct session_id session;
    enum reason verdict;
    char *verdict_text;

    bool client_done, upstream_done; /* that side sends nothing more */
    bool told_client, told_upstream; /* close_notify, or shutdown(), went out */
    bool end_is_upstreams;           /* decide had its say: it is no END that ended the upstream */
    uint64_t bytes_in, bytes_out;
    uint32_t key_updates; /* handshake messages of the client when the handshake was over */
    enum reason end_reason;
    char *end_detail; /* for the CLOSE; NULL: the reason says it all */
    struct {
        struct connection *next, *prev; /* of one second of the wheel */
        uint64_t moved;                 /* changes with each octet; as it was at the last turn */
        uint32_t moved_s, due_s;        /* monotonic: of the last octet; when it is looked at */
        bool watched;
    } idle; /* idle.h */
};

/* A refusal during the handshake. */
struct denial {
    enum reason reason;
    char detail[ERROR_DETAIL_MAX];
    struct bytes leaf; /* owned; may be empty */
};
