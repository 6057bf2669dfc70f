#pragma once
/*
 * A real edge and a real key process with the test as their parent and decide: everything that goes
 * over their channels is seen and answered by the test itself. Clients are OpenSSL's.
 */
#include "gatewayd/shared/role.h"
#include "tests/unit/pki.h"

#include <openssl/ssl.h>
#include <sys/types.h>

struct edge_world {
    pid_t edge, key;
    int edge_parent, key_parent; /* the channels that the processes have on fd 3 */
    int decide;                  /* our end of the edge's channel to decide */
    uint16_t port;
    int listening;
    EVP_PKEY *ca_key, *server_key, *client_key;
    X509 *ca, *server, *client;
    uint32_t trust_generation;
    const char *config;     /* text */
    EVP_PKEY *other_ca_key; /* of the ca sections behind the first */
    X509 *other_ca;
};

enum { EDGE_WORLD_WAIT_MS = 5000 };

/* server_key: taken; NULL: P-256. Asserts on failure. */
void edge_world_start(struct edge_world *w, EVP_PKEY *server_key);
/* The same with another configuration: the first tls section has the server's certificate, each
 * other one a certificate for TITLE.example, and each ca section but the first the other CA, which
 * is good for days. */
void edge_world_start_with(struct edge_world *w, EVP_PKEY *server_key, const char *config);
/* FILE with the certificates of w->config's sections, as at the start. */
void edge_world_give_certificates(struct edge_world *w);
void edge_world_stop(struct edge_world *w);
/* A new channel; the old one is closed first. */
void edge_world_new_decide(struct edge_world *w);
/* A new key process, and then the channels between it and the edge. */
void edge_world_new_key(struct edge_world *w);
void edge_world_connect_key(struct edge_world *w);
void edge_world_kill_key(struct edge_world *w);
/* Trust data of the next generation; revoked: serial in the revocation list, 0: no list needed. */
void edge_world_trust(struct edge_world *w, uint64_t revoked);
/* The same; ca: the index of the section whose list it is. */
void edge_world_trust_revoking(struct edge_world *w, size_t ca, uint64_t revoked);

/* A role as a process of its own with an unprivileged user; *ret_parent_end is its channel to us.
 */
pid_t edge_world_role(const struct role_calls *calls, int *ret_parent_end);
void edge_world_role_stop(pid_t pid, int parent_end);
/* The configuration of this text as CONFIGURE of a generation. */
void edge_world_configure(int to, const char *text, uint32_t generation);
/* FILE; takes the octets. */
void edge_world_file(int to, enum file_kind kind, const char *name, uint32_t index,
                     struct bytes octets);
/* START; waits for READY, which must be the next message, when wait is set. */
void edge_world_go(int to, uint32_t generation, bool wait);

void edge_world_send(int fd, enum message_id id, const void *msg, int attached);
/* The next message that is not COUNTERS, or of that id only; texts live in a static buffer. */
void edge_world_expect(int fd, enum message_id id, union message *ret_msg, int *ret_fd);
/* The next message that is not COUNTERS is FAILED. */
void edge_world_expect_failed(int fd);
/* True when nothing comes for a moment. */
bool edge_world_is_silent(int fd);

struct edge_client {
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;
};

struct edge_client_spec {
    const char *sni;   /* NULL: none */
    const char *alpn;  /* one protocol; NULL: none */
    X509 *certificate; /* NULL: none is sent */
    EVP_PKEY *key;
    const char *sigalgs; /* NULL: OpenSSL's */
    SSL_SESSION *session; /* to resume; NULL: none */
};

/* A TCP connection, nothing said. */
int edge_world_connect(const struct edge_world *w);
/* Connects and shakes hands; the result of SSL_connect. */
int edge_client_connect(struct edge_world *w, const struct edge_client_spec *spec,
                        struct edge_client *ret_client);
/* The two halves of edge_client_connect: ctx and a TCP connection, which may be changed; then the
 * session. */
void edge_client_prepare(struct edge_world *w, const struct edge_client_spec *spec,
                         struct edge_client *ret_client);
int edge_client_shake(const struct edge_client_spec *spec, struct edge_client *client);
void edge_client_free(struct edge_client *client);
/* Reads exactly len octets; false at the end or on an error. */
bool edge_client_read(struct edge_client *client, void *out, size_t len);
/* Reads to the end. The number of the alert when one ended it, 0 for close_notify, -1 else. */
int edge_client_end(struct edge_client *client, uint8_t *out, size_t room, size_t *ret_len);
