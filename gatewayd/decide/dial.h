#pragma once
/*
 * A connection to one of several places: tries them one after the other, each once, until one has
 * taken the PROXY header too. Knows no sessions; the deadline of it all is the pipeline's.
 */
#include "gatewayd/decide/targets.h"
#include "gatewayd/decide/upstream.h"

enum {
    DIAL_SHARE_MS = 1000, /* for a place to answer, when there is another one to try */
    DIAL_WHY_MAX = 1000,  /* octets of what all of them said */
};

struct dial;
struct dial_request {
    struct ev_loop *loop;
    struct targets *targets;
    const struct upstreams *upstreams;
    const char *run_dir; /* below it lie the sockets of spawn */
    struct session_id session;
    struct target *const *at; /* references stay the caller's */
    size_t n;
    struct bytes header; /* the first octets that the place gets; copied */
    /*
     * Told once, from the loop: the connected socket, which the callee owns, and its place with a
     * reference and a count in n_sessions; or -1, NULL and what each place said. The dial is still
     * there: free it.
     */
    void (*done)(void *context, int fd, struct target *target, const char *why);
    void *context;
};

/* NULL when all have failed at once; ret_why, of DIAL_WHY_MAX + 1 octets, says how. */
struct dial *dial_begin(const struct dial_request *request, char *ret_why);
/* The deadline has passed: the place that is being tried has failed. What each of them said. */
const char *dial_late(struct dial *dial);
struct dial *dial_free(struct dial *dial); /* accepts NULL, returns NULL */
