#pragma once
/*
 * The state of the process fetch: the addresses of revocation lists, and what is known of each.
 * Each part lives in the file that is named beside it.
 */
#include "gatewayd/fetch/asks.h"
#include "gatewayd/fetch/authorities.h"
#include "gatewayd/fetch/list_check.h"
#include "gatewayd/fetch/reach.h"
#include "gatewayd/fetch/web.h"
#include "gatewayd/shared/fetched.h"
#include "gatewayd/shared/role.h"

struct entry_get;

enum {
    SOURCES_MAX = 1024,      /* addresses of all ca sections */
    TRANSFERS_MAX = 16,      /* at the same time */
    TRANSFER_MS = 60 * 1000, /* for one list: 64 MiB by 10 Mbit/s */
    SOURCE_ISSUERS_MAX = 16, /* certificates above a list, out of a chain; names of issuers */
};

/* An address that lists come from, for one ca section. */
struct source {
    struct fetching *fetching;
    struct source *next;
    char *ca, *url;
    char name[FETCHED_NAME_MAX]; /* of its files, without suffix */
    bool cdp;                    /* a certificate named it */
    bool wanted;                 /* while a configuration is applied: it still names this source */
    STACK_OF(X509) * issuers;    /* who may sign it, out of the chain that named it; NULL none */

    /* Whom the certificates that name it have their lists from; NULL: none since the start. */
    STACK_OF(X509_NAME) * named;

    struct list_facts facts; /* of the list that is here */
    int64_t fetched_s;       /* when it came */
    int64_t tried_s;         /* when the last try ended; 0: none has */
    int64_t due_s;
    unsigned failures;
    struct error last; /* of the last try; REASON_OK */

    /* transfer.c */
    bool running;
    struct web *web;
    struct reach reach;
    struct entry_get *get;
    ev_io io;
    ev_timer limit;
    size_t server; /* of the directory's, for ldap:///DN */
};

struct fetching {
    struct role *role;
    int dir;                         /* state_dir/crl */
    struct authorities *authorities; /* NULL until the first TRUST */
    struct names *names;
    size_t held; /* octets of all HTTP answers */
    struct source *sources;
    size_t n_sources, n_running;
    struct asks *asks;
    ev_timer second;
    struct writer told; /* counters, as the parent knows them */
};

/* --- sources.c --- */
/* Sources as the configuration in force names them; what it no longer names goes, files too. */
void sources_set_up(struct fetching *fetching);
/* A source out of a certificate; issuers (who may have signed the list) and named (whose list it
 * is) are copied and may be NULL. Bounded. False: there is no room. */
bool sources_add_cdp(struct fetching *fetching, const char *ca, const char *url,
                     const STACK_OF(X509) * issuers, const STACK_OF(X509_NAME) * named);
void sources_tick(struct fetching *fetching); /* begins what is due */
/* The end of a transfer; why NULL: octets have come. */
void sources_took(struct source *source, struct bytes octets, const struct error *why);

/* --- transfer.c --- */
void transfer_begin(struct source *source);
void transfer_cancel(struct source *source);

/* --- store.c --- */
/* What an earlier run has left of a source. */
void store_read(struct source *source);
bool store_write(const struct source *source, struct bytes octets, struct error *err) MUST_CHECK;
/* The certificates above a list alone: they came later than it. */
bool store_write_issuers(const struct source *source, struct error *err) MUST_CHECK;
/* Calls found for each address of a certificate that an earlier run has noted. */
void store_each_cdp(struct fetching *fetching,
                    void (*found)(struct fetching *fetching, const char *ca, const char *url));
/* Removes the files of what is no source any more. */
void store_sweep(struct fetching *fetching);

/* --- distribution.c --- */
/* WANTED: the addresses that the certificates of a chain name. */
void distribution_wanted(struct fetching *fetching, const struct message_wanted *msg);
/* New trust data: the addresses of configured intermediates. */
void distribution_of_trust(struct fetching *fetching);

/* --- report.c --- */
void report_tick(struct fetching *fetching);
