#pragma once
/*
 * Directory: follows an LDAP server by content synchronisation (RFC 4533, refreshAndPersist) and
 * calls a feed with what it says. Speaks LDAP and TLS through libldap; knows nothing of replicas,
 * policy or the daemon. The caller ignores SIGPIPE and owns the loop; connecting and binding may
 * block up to DIRECTORY_TRY_MS each per server that answers when hailed, nothing else blocks.
 * Other servers are probed while one is in use; a change to a better one begins when that is bound.
 */
#include "ldap/feed.h"

enum {
    DIRECTORY_TRY_MS = 1500,       /* one server: connect, TLS and bind together */
    DIRECTORY_HEARTBEAT_MS = 5000, /* how often a server that says nothing is asked */
    DIRECTORY_SILENCE_MS = 4000,   /* without any answer, then the connection is given up */
    DIRECTORY_REFUSED_MS = 30000,  /* pause after a refresh that the feed has refused */
    DIRECTORY_RESYNC_MS = 60000,   /* server ahead of us for so long: ask what we have missed */
    DIRECTORY_URIS_MAX = 8,
    DIRECTORY_DIAL_AT_ONCE = 0, /* deadline of a dial that may not wait for the connection */
};

enum directory_bind { DIRECTORY_ANONYMOUS, DIRECTORY_SIMPLE, DIRECTORY_EXTERNAL };

/* All is copied. Files are read at each connection, by these paths. */
struct directory_config {
    const char *const *uris; /* ldap://, ldaps://, ldapi://, in order of preference */
    size_t n_uris;
    const char *base, *filter;     /* replica_filter */
    const char *const *attributes; /* replica_attribute */
    size_t n_attributes;
    enum directory_bind bind;
    const char *bind_dn;
    struct bytes password; /* of a simple bind; wiped by directory_free */
    /* ca with ldap:// means StartTLS; ldaps:// needs it. NULL: none. */
    const char *ca_file, *certificate_file, *key_file;
    const char *name; /* that certificates of all servers must bear; NULL: the host of the uri */
};

struct directory_calls {
    /* From where to go on (filler_cookie); no octets: everything comes anew. */
    struct bytes (*cookie)(void *context);
    /*
     * Connects a stream socket to the server of the uri by deadline_ms (monotonic), or gives one
     * that is about to (DIRECTORY_DIAL_AT_ONCE). NULL: directory_dial. For processes whose root
     * directory is empty.
     */
    int (*dial)(void *context, const char *uri, int64_t deadline_ms, struct error *err);
    void *context;
};

struct directory;

/* No I/O happens here. Refuses what could never work or would send a password in clear text. */
bool directory_new(const struct directory_config *config, const struct feed *feed,
                   const struct directory_calls *calls, struct directory **ret_directory,
                   struct error *err) MUST_CHECK;
struct directory *directory_free(struct directory *directory); /* accepts NULL, returns NULL */

/*
 * Does whatever is due: connects, reads, asks, gives up. Call when directory_fd is readable and at
 * the returned time (clock_monotonic_ms) at the latest.
 */
int64_t directory_step(struct directory *directory);
int directory_fd(const struct directory *directory); /* -1: not connected */
/* URI of the server that answers; "" while none does. Until the next step. */
const char *directory_server(const struct directory *directory);
/* Why there is nothing fresh: reason OK while all is well. */
const struct error *directory_state(const struct directory *directory);

/* Once, before the first directory and before a sandbox closes: what libldap and the resolver read
 * of the system. No ldap.conf, no environment variable of libldap has any effect. */
void directory_prepare(void);

/* The plain way to reach a server: names are resolved, every address is tried in turn. */
int directory_dial(void *context, const char *uri, int64_t deadline_ms, struct error *err);
/* The same for a Unix socket by its path. */
int directory_dial_path(const char *path, int64_t deadline_ms, struct error *err);
/* Path of the socket of an ldapi:// uri, which the caller frees; NULL for others. */
char *directory_uri_path(const char *uri);

DEFINE_AUTO(struct directory *, directory_freep, directory_free)
