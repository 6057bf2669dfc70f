#pragma once
/*
 * The life of a connection in an edge: its beginning, its turns, its end. What happens in between
 * is the stages' business.
 */
#include "gatewayd/edge/edge.h"

/* Begins with an accepted socket, which it takes. */
void connection_begin(struct edge *edge, uint32_t listener, int fd, const struct address *source);
/* Runs the stages from where the connection stands. It may be gone afterwards. */
void connection_turn(struct connection *c);
/* Of its service; tcp while there is none. */
enum config_protocol connection_protocol(const struct connection *c);
/* What the loop watches for the connection; 0: nothing. */
void connection_watch_client(struct connection *c, int events);
void connection_watch_upstream(struct connection *c, int events);
/* By number; NULL when there is none or only its CLOSE is owed. */
struct connection *connection_find(struct edge *edge, uint64_t number);

/* Puts it into a waiting list of the edge, or out of whichever it stands in. */
void connection_wait(struct connection *c, struct connection **list);
void connection_wait_no_more(struct connection *c);
/* Turns of all that stand in the list at this moment. */
void connection_wake_all(struct edge *edge, struct connection **list);

enum last_word {
    LAST_WORD_NONE,  /* close at once: the client is gone, or must see that it was cut off */
    LAST_WORD_ALERT, /* what TLS has written, an alert, is still delivered */
    LAST_WORD_CLEAN, /* close_notify first */
    LAST_WORD_STAY,  /* the client hangs up: one that still writes must not fail before it reads */
};

/* What the CLOSE says beside the reason; copied, replaces what was said before. */
void connection_set_detail(struct connection *c, const char *detail);
/*
 * Ends it on both sides, tells decide if decide knows it, and frees it. Touch it no more. Returns
 * STAGE_GONE, so that a stage can end with it.
 */
enum stage_result connection_end(struct connection *c, enum reason reason, enum last_word word);
/* Sends the CLOSEs that are owed; called when decide is there again. */
void connection_tell_ended(struct edge *edge);
/* Frees an ended one whose CLOSE nobody will ask for. */
void connection_forget(struct connection *c);
