#pragma once
/*
 * What the commands of mtls have in common: the settings of the user and the TLS connection to the
 * gateway. It stands on the path of every login, so it loads nothing that it does not need. No
 * Linux-only calls. Read mtls.c for the table of commands.
 */
#include "cli/options.h"
#include "common/gw1.h"

#include <openssl/ssl.h>

enum mtls_exit { MTLS_OK = 0, MTLS_DENIED = 1, MTLS_ERROR = 2 };

enum {
    MTLS_HOST_MAX = 253,       /* octets of a host name (RFC 1035 2.3.4) */
    MTLS_PORT_MAX = 5,         /* digits */
    MTLS_DIAL_MS = 10000,      /* to reach the gateway, all its addresses together */
    MTLS_HANDSHAKE_MS = 15000, /* listener option handshake_timeout is 10 s */
    MTLS_STATUS_MS = 60000,    /* for the decision, the service's answer included */
};

/* One row per option of ~/.config/mtls/config and /etc/mtls/config; options of a command win. */
#define MTLS_SETTINGS(X)                                                                           \
    X(gateway, "HOST:PORT", "address of the gateway")                                              \
    X(name, "NAME", "its name in its certificate, when it is not HOST")                            \
    X(cert, "FILE", "your certificate and its chain, PEM")                                         \
    X(key, "FILE", "its private key, PEM")                                                         \
    X(ca, "FILE", "trust anchors for the gateway, PEM; left out: those of the system")

struct mtls_settings {
#define X(name, value, help) const char *name;
    MTLS_SETTINGS(X)
#undef X
};

struct mtls {
    struct mtls_settings settings;
    const struct mtls_command *command;
};

typedef int mtls_run(struct mtls *mtls, int argc, char **argv);

struct mtls_command {
    const char *name, *arguments, *help;
    mtls_run *run;
};

mtls_run mtls_connect, mtls_whoami, mtls_ssh_config;

/* Reason, detail and hint on stderr; gives MTLS_DENIED for what the gateway has refused or ended,
 * else MTLS_ERROR. */
int mtls_error(const struct error *err);
/* Options of the command and of all commands, then the files' settings where no option was given.
 */
bool mtls_options(struct mtls *mtls, const struct option_set *set, int argc, char **argv,
                  struct option_arguments *ret_rest, int *ret_exit) MUST_CHECK;
/* Fills what is still NULL from the files; what it points to lives as long as the program. */
bool mtls_settings_load(struct mtls_settings *settings, struct error *err) MUST_CHECK;
/* The same from one text; unknown options and traps of libconfuse are errors with file and line. */
bool mtls_settings_parse(const char *file, struct bytes text, struct mtls_settings *settings,
                         struct error *err) MUST_CHECK;

/* --- the connection (mtls_tls.c) -------------------------------------------------------------- */

struct mtls_target {
    char host[MTLS_HOST_MAX + 1], port[MTLS_PORT_MAX + 1]; /* where TCP goes */
    char name[MTLS_HOST_MAX + 1]; /* what the certificate must say; SNI unless it is an address */
};

struct mtls_link {
    int fd;
    SSL_CTX *context;
    SSL *tls;
    bool proved;               /* the handshake is done */
    bool gw1;                  /* the gateway speaks mtls-gw/1 */
    bool live;                 /* the gateway has allowed it: raw bytes flow */
    struct session_id session; /* then, its id; zero without mtls-gw/1 */
};

/* "HOST:PORT", "[ADDRESS]:PORT". */
bool mtls_target_parse(const char *text, struct mtls_target *ret_target,
                       struct error *err) MUST_CHECK;
/* Connects, proves both sides. The descriptor is non-blocking afterwards. */
bool mtls_link_open(const struct mtls_settings *settings, const struct mtls_target *target,
                    struct mtls_link *ret_link, struct error *err) MUST_CHECK;
void mtls_link_close(struct mtls_link *link);
/* Sends one request and waits for its status, whose text goes to out; false is an error, not a
 * denial. Octets behind the status stay in the connection. */
bool mtls_link_ask(struct mtls_link *link, const struct gw1_request *request,
                   struct gw1_status *ret_status, char *out, size_t room,
                   struct error *err) MUST_CHECK;
/* What went wrong in a TLS call that gave this result: alerts of the gateway in words, and a
 * connection that ended without close_notify by what it was in the midst of. Returns false. */
bool mtls_tls_error(const struct mtls_link *link, int result, struct error *err);
/* Waits until the events of poll(2) or the deadline; false when it has passed. */
bool mtls_wait(int fd, short events, int64_t deadline_ms);
/* A denial as the user sees it, on stderr; gives MTLS_DENIED. */
int mtls_print_denial(const struct gw1_status *status, const char *text);
