#pragma once
/*
 * A decide with everybody around it played by the bench, for thousands of users and sessions. The
 * others run on a loop of their own, so that what is measured is decide alone. Test code: asserts
 * instead of handling errors.
 */
#include "gatewayd/decide/decide.h"

enum {
    BENCH_SERVICES = 10,
    BENCH_GROUPS_OF_USER = 5, /* besides the primary one, which all share */
};

struct bench {
    struct ev_loop *loop, *others_loop;
    struct role role;
    struct config *config;
    struct decide *decide;
    char dir[64];
    int registry, service;
    ev_io accepting;
    struct channel *parent, *edge, *audit, *directory; /* our ends */
    struct channel *to_edge, *to_audit, *to_directory;

    int sent_fd; /* the last memfd: the last holder frees its pages, which is not decide */
    size_t n_users, n_groups;
    size_t n_connecting; /* users that connect: the first ones; at first all */
    struct replica *people;
    struct bytes *leaves; /* certificate of each user, made when it is first needed */

    uint64_t acked;
    size_t n_allowed, n_denied, n_ended, n_records;
    uint64_t last_connection; /* of the last verdict */
    bool keep_ends;           /* END is not answered with CLOSE */

    double cpu_s;      /* of decide, since bench_clear */
    double longest_ms; /* loop turn, CPU */
    size_t n_turns;
};

/* Users u0, u1, ... and groups g0, g1, ...; a policy and the directory have come. */
struct bench *bench_new(size_t n_users, size_t n_groups);
void bench_free(struct bench *bench);

/* A policy of about n_rules rules, under which everybody may use every service; `more` is added. */
void bench_policy(struct bench *bench, size_t n_rules, const char *more);
/* Whether the user is a direct member of the group. */
bool bench_is_member(const struct bench *bench, size_t user, size_t group);
/* Gives decide the whole directory again. */
void bench_snapshot(struct bench *bench);
/* Opens `n` sessions with the numbers from `first` on; session i: user i % n_connecting,
 * service i / n_connecting % BENCH_SERVICES. Waits for their verdicts. */
void bench_open(struct bench *bench, uint64_t first, size_t n);
void bench_close(struct bench *bench, uint64_t first, size_t n);
/* What an edge says after a new revocation list. */
void bench_revoke(struct bench *bench, uint64_t connection);
/* A newer list that names nobody: what the edge says of each connection, from the first on. */
void bench_renew(struct bench *bench, size_t n);
/* Adds the user to a group, or takes him out of the directory. */
void bench_join(struct bench *bench, size_t user, size_t group);
void bench_remove_user(struct bench *bench, size_t user);

/* Sets the figures to zero. */
void bench_clear(struct bench *bench);
/* One turn of decide's loop, measured, and one of the others'. */
void bench_step(struct bench *bench);
/* Until nothing is to be done and no session waits. */
void bench_settle(struct bench *bench);
double bench_cpu_s(void); /* of the process */
/* KiB that are resident in this process. */
size_t bench_rss_kib(void);

/* --- between the files of the bench ----------------------------------------------------------- */
void bench_must(bool holds); /* aborts, with NDEBUG too */
int bench_memfd(struct bytes octets);
void bench_make_people(struct bench *bench);
