#pragma once
/*
 * The state of the process directory: one replica, what fills it, and whom it is shown to. Each
 * part lives in the file that is named beside it.
 */
#include "gatewayd/shared/role.h"
#include "ldap/directory.h"
#include "ldap/filler.h"

struct following {
    struct role *role;
    struct filler *filler; /* NULL: no directory is configured */
    struct error state;    /* why the content is not fresher; reason OK when it is */
    enum reason said;      /* in the log; REASON__COUNT: nothing yet */
    ev_timer second;

    struct local_names *local_users, *local_groups; /* what the host has itself */

    /* source.c: what fills the replica */
    struct directory *server; /* NULL with file: */
    ev_io io;
    ev_timer due;
    int ldif_fd;       /* content of a file: directory; -1: none */
    bool ldif_good;    /* its last reading went well */
    struct writer key; /* of the source in use: source_key */

    /* credentials.c: what it is reached with */
    struct credentials {
        int proc_fd;       /* /proc/self/fd, the working directory: libldap opens "7" there */
        uint8_t *password; /* wiped when replaced */
        size_t password_len;
        int ca_fd, certificate_fd, key_fd;     /* sealed memfds; -1: none */
        char ca[12], certificate[12], key[12]; /* their paths */
        struct local_dir {
            char *path; /* of a directory with an ldapi socket */
            int fd;
        } local_dirs[DIRECTORY_URIS_MAX];
        size_t n_local_dirs;
    } credentials;

    /* publish.c: what decide knows */
    int sent_fd; /* the last memfd, kept for sent_s more seconds; -1: none */
    int sent_s;
    bool snapshot_due;  /* decide missed something: the next thing it gets is everything */
    char counters[512]; /* as the parent knows them */
    uint64_t n_changes, n_snapshots;

    /* nss.c: what the host knows */
    int nss_dir; /* -1: none */
    bool nss_due;
    uint64_t nss_generation;
    int64_t nss_as_of_ms; /* of what is there */
    size_t nss_dropped;
    size_t nss_local; /* groups left out because the host has them itself; as the log knows */

    /* disk.c: what a later start knows */
    int state_dir; /* -1: none */
    bool disk_due;
    int64_t disk_at, disk_pause_ms; /* monotonic, of the last write */
    int64_t disk_as_of_ms;          /* of what is there; -1: nothing */
};

/* The configured directory; NULL when there is none. */
const struct config_directory *following_config(const struct following *following);

/* --- source.c --- */
/* Makes filler and source new where the configuration or its files have changed. */
bool source_set_up(struct following *following, struct error *err) MUST_CHECK;
void source_ldif_came(struct following *following);
/* Once a second: a file is as fresh as the parent's watch on it. */
void source_tick(struct following *following);
const char *source_name(const struct following *following); /* who answers; "" nobody */

/* What a cookie and a snapshot on disk belong to: base and URIs. */
enum { SOURCE_KEY_MAX = 32768 };
void source_key(const struct config_directory *directory, struct writer *out);

/* --- credentials.c --- */
void credentials_init(struct credentials *credentials);
/* Before the sandbox closes: directories of local sockets, and the way to our own descriptors. */
bool credentials_prepare(struct credentials *credentials, const struct config_directory *directory,
                         struct error *err) MUST_CHECK;
/* After it has closed. */
bool credentials_enter(const struct credentials *credentials, struct error *err) MUST_CHECK;
/* Reads fd and closes it. */
bool credentials_take(struct credentials *credentials, enum file_kind kind, int fd,
                      struct error *err) MUST_CHECK;
/* For directory_calls; context is the credentials. */
int credentials_dial(void *context, const char *uri, int64_t deadline_ms, struct error *err);

/* --- publish.c --- */
void publish_put(struct following *following, const struct replica_entry *entry);
void publish_removed(struct following *following, const struct replica_uuid *uuid);
void publish_snapshot(struct following *following);
void publish_tick(struct following *following); /* AS_OF, counters, a snapshot that is due */

/* --- resolve.c --- */
/* Before the sandbox closes: how long a name may keep everybody else waiting. */
void resolve_prepare(void);
/* Answers a RESOLVE of decide. */
void resolve_name(const struct following *following, struct bytes name);

/* --- nss.c --- */
void nss_tick(struct following *following);

/* --- disk.c --- */
/* Content of an earlier run under the same configuration goes to the filler. */
void disk_load(struct following *following);
void disk_tick(struct following *following);
void disk_save(struct following *following);
