#pragma once
/*
 * Which places the upstream options of the services mean at this moment: addresses and sockets as
 * they stand there, names as the directory process resolves them. Asks for names, checks the places
 * of services that have several. A name never comes from a client.
 */
#include "gatewayd/decide/targets.h"
#include "gatewayd/shared/messages.h"

struct decide;
struct writer;

enum {
    POOLS_ASK_MS = 60000,     /* a name is resolved again */
    POOLS_ASK_SOON_MS = 5000, /* one that has no address yet, or got no answer */
    POOLS_ASK_EAGER_MS = 500, /* the same, the first times: directory may not have reloaded yet */
    POOLS_ASK_EAGER = 8,      /* how many times */
    POOLS_CHECK_MS = 2000,    /* a place takes a check's connection by then */
    POOLS_ADDRESSES_MAX = 16, /* of one name */
    POOLS_SHOWN_MAX = 64,     /* places in `status` */
};

struct pools;
struct pools *pools_new(struct decide *decide);
struct pools *pools_free(struct pools *pools); /* accepts NULL, returns NULL */
struct targets *pools_targets(struct pools *pools);
/* The configuration is there, or another one. */
void pools_configure(struct pools *pools);
/* An answer; a failure leaves the last good one. */
void pools_resolved(struct pools *pools, const struct message_resolved *msg);
/* Once a second: names and checks that are due. */
void pools_tick(struct pools *pools);
/* The directory process is there: it is asked for every name. */
void pools_ask_all(struct pools *pools);
/* The places of a service, without references; how many (TARGETS_PER_SERVICE_MAX at most). */
size_t pools_of_service(const struct pools *pools, const char *service,
                        struct target *const **ret_at);
/* Appends what keeps a service without any place: its names that have no address. */
void pools_missing(const struct pools *pools, const char *service, struct writer *out);
/* Calls back for each place of each service, those that are down first. */
void pools_each(const struct pools *pools,
                void (*each)(void *context, const char *service, const struct target *target),
                void *context);
