#pragma once
/*
 * The parent: the one process that stays root. It opens files and sockets, starts the others and
 * replaces them, and hands each what it may have. Its state is one struct; each file of this folder
 * has its part of it.
 */
#include "gatewayd/parent/upgrade_state.h"
#include "gatewayd/shared/channel.h"
#include "gatewayd/shared/config.h"

#include <ev.h>
#include <uthash.h>

enum {
    EDGES_MAX = 64,
    CHILDREN_MAX = EDGES_MAX + 8,
    LOAD_ERRORS_MAX = 1000, /* kept for status and for the answer to a reload */
};

enum child_state {
    CHILD_AWAY,     /* not running; a restart may be on its way */
    CHILD_STARTING, /* runs, has not said READY for its first START */
    CHILD_READY,
    CHILD_ENDING, /* told to end, or to be killed: not paired with anybody */
};

struct child {
    struct parent *parent;
    enum process_role role;
    uint32_t slot;
    enum child_state state;
    pid_t pid; /* 0 none */
    struct channel *channel;
    int fd; /* of the channel */
    int64_t started_ms, ready_ms; /* CLOCK_MONOTONIC */
    uint32_t restarts;
    unsigned failures; /* in a row: each doubles the pause before the next start */
    ev_timer restart;
    uint32_t answered;    /* generation of its last READY */
    uint32_t refused;     /* generation of its last FAILED */
    struct error refusal; /* and why */
    char *counters;       /* JSON of its last COUNTERS; NULL none */
    bool wanted;          /* spawn only runs where a row needs it */
    bool old;             /* started by the program before this one */
    uint32_t program;     /* the how many-th since the start that started it; the first is 0 */
    bool retired;         /* ends by itself; nobody takes its place */
    int64_t retired_ms;   /* time of day */
};

/* One listening socket of an edge. */
struct listening_socket {
    const char *title; /* of the listener section; owned */
    uint32_t index;    /* of its address */
    char *address;     /* as configured; owned */
    uint32_t slot;
    uint32_t old_slot; /* during a take-over, should it fail */
    int fd;
};

struct spawn_socket {
    char *title; /* of the spawn section */
    int fd;
};

struct sockets {
    struct listening_socket *listening;
    size_t n_listening;
    struct spawn_socket *spawn;
    size_t n_spawn;
    int pam, control;
};

/* What `load` made of one kind, or nothing yet (fd -1). */
struct loaded {
    int fd;
    struct hash version; /* of the octets */
    uint32_t count;
    uint32_t generation;
    struct hash sent_version; /* POLICY: with the sections of the configuration hashed in */
};

struct load_error {
    char *file;
    uint32_t line;
    uint8_t kind;
    struct error err;
};

/* A revocation list of the trust data, as load has told. */
struct crl_list {
    char *ca, *issuer;
    int64_t this_update_s, next_update_s;
};

struct crl_lists {
    struct crl_list *at;
    size_t n;
};

struct load_errors {
    struct load_error *at;
    size_t n;
};

/* A run of the process `load`. */
struct loading {
    struct child child;
    struct loaded results[LOADED__COUNT];
    struct load_errors errors;
    struct crl_lists lists;
    bool stopped[LOADED__COUNT]; /* an error stops this kind */
    bool running, again, ready;
    int status;                  /* of its process */
    const struct config *config; /* that it loads for: in force, or the candidate of a reload */
    ev_timer deadline;
};

/* A reload on its way. */
struct reload {
    struct config *candidate;
    bool loading, applying;
    uint32_t generation;
    ev_timer deadline;
    uint64_t asked[16]; /* cookies of the ASKs that wait for the answer */
    size_t n_asked;
};

/* A candidate that is only looked at: preview.c. */
struct preview {
    struct config *candidate; /* NULL: none */
    struct load_errors errors;
    uint64_t cookie; /* of the ASK */
};

struct login; /* logins.c */

struct watch {
    int wd;
    char *name;   /* file in the directory; NULL: any */
    unsigned use; /* what is done when it changes: bits of watches.c */
};

struct watches {
    int fd; /* inotify; -1: the kernel gave none */
    ev_io io;
    ev_timer settle; /* events come in bursts */
    int64_t first_ms;
    struct watch *at;
    size_t n;
    unsigned changed; /* the bits of what has changed */
};

enum ending { ENDING_NOT, ENDING_EDGES, ENDING_DECIDE, ENDING_AUDIT };

struct parent {
    struct ev_loop *loop;
    const char *config_path;
    struct config *config; /* in force */
    uint32_t generation;
    uint32_t program; /* upgrades so far */
    int64_t started_ms, reloaded_ms; /* the second is time of day */
    bool root;                       /* started as root */
    struct sockets sockets;
    int registry, pid_file;
    struct child children[CHILDREN_MAX];
    size_t n_children;
    struct loaded loaded[LOADED__COUNT]; /* in force */
    struct load_errors load_errors;      /* of the last load, for status */
    struct crl_lists lists;              /* in force: lists.c */
    ev_timer lists_timer;
    int64_t lists_said_s;                /* when the log last heard of old ones */
    struct load_errors reload_errors;    /* of the last reload */
    struct loading loading;
    struct reload reload;
    struct preview preview;
    struct upgrade upgrade;
    struct succession succession;
    struct login *logins; /* uthash by session id */
    size_t n_logins;
    struct watches watches;
    bool edges_started, ready_told, draining;
    enum ending ending;
    int64_t end_asked_ms;
    ev_timer end_timer;
    ev_child child_ended;
    ev_signal hangup, terminate, interrupt, user2;
    ev_timer drain_timer; /* drain --timeout */
};

/* Runs the daemon; the exit status of the process. */
int parent_main(const char *config_path, struct config *config);
/* The same in the place of another program, which has left its state in a memfd. */
int parent_take_over(const char *config_path, struct config *config, int state);
/* Edge processes of a configuration. */
uint32_t parent_count_edges(const struct config *config);
