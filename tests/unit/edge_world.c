/* The processes and clients of edge_world.h. */
#include "tests/unit/edge_world.h"

#include "common/clock.h"
#include "gatewayd/shared/memfd.h"
#include "gatewayd/shared/role.h"
#include "gatewayd/shared/trust_build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef EDGE_WORLD_OPTIONS
#define EDGE_WORLD_OPTIONS "" /* of no section, a line each */
#endif

static const char config_text[] =
    EDGE_WORLD_OPTIONS "edges = 1\n"
    "tls \"default\" { certificate = \"/none/server.pem\"  key = \"/none/server.key\" }\n"
    "ca \"users\" { anchors = \"/none/ca.pem\"  revocation = \"if-present\" }\n"
    "listener \"main\" { address = {\"127.0.0.1:8443\"}  tls = {\"default\"}  ca = {\"users\"}\n"
    "                  handshake_timeout = \"3s\"  max_connections = 1000 }\n"
    "service \"ssh\" { listener = {\"main\"}  sni = {\"ssh.example\"}  upstream = \"127.0.0.1:9\"\n"
    "                protocol = \"ssh\" }\n"
    "service \"echo\" { listener = {\"main\"}  sni = {\"echo.example\", \"*.any.example\"}\n"
    "                 upstream = \"127.0.0.1:9\" }\n"
    "service \"proto\" { listener = {\"main\"}  alpn = {\"proto/1\"}  upstream = \"127.0.0.1:9\" "
    "}\n"
    "service \"brief\" { listener = {\"main\"}  sni = {\"brief.example\"}\n"
    "                  upstream = \"127.0.0.1:9\"  idle_timeout = \"1s\"  send_proxy = \"v2\" }\n";

static void config_error(void *context, const char *file, uint32_t line, const struct error *err)
{
    (void)context;
    fail_msg("%s:%u: %s %s", file, line, reason_name(err->reason), err->detail);
}

static struct config *parse(const char *text)
{
    const struct config_errors errors = {.found = config_error};
    struct config *config = NULL;

    assert_true(config_parse("test.conf", bytes_of(text), &errors, &config));
    return config;
}

static struct config *make_config(const struct edge_world *w)
{
    return parse(w->config);
}

/* --- messages --------------------------------------------------------------------------------- */

void edge_world_send(int fd, enum message_id id, const void *msg, int attached)
{
    struct writer out = writer_new(MESSAGE_MAX);
    char room[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec part;
    struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1};

    message_encode(id, msg, &out);
    part = (struct iovec){.iov_base = out.at, .iov_len = out.len};
    if (attached >= 0) {
        struct cmsghdr *c;

        head.msg_control = room;
        head.msg_controllen = sizeof(room);
        c = CMSG_FIRSTHDR(&head);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &attached, sizeof(attached));
    }
    assert_true(writer_ok(&out));
    assert_int_equal(sendmsg(fd, &head, MSG_NOSIGNAL), (ssize_t)out.len);
    writer_clear(&out);
}

static bool receive(int fd, int timeout_ms, enum message_id *ret_id, union message *ret_msg,
                    int *ret_fd)
{
    static uint8_t octets[MESSAGE_MAX];
    char room[CMSG_SPACE(sizeof(int))];
    struct iovec part = {.iov_base = octets, .iov_len = sizeof(octets)};
    struct msghdr head = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)};
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    struct cmsghdr *c;
    struct error err;
    ssize_t n;

    if (poll(&poll_fd, 1, timeout_ms) != 1)
        return false;
    n = recvmsg(fd, &head, MSG_CMSG_CLOEXEC);
    if (n <= 0)
        return false;
    *ret_fd = -1;
    c = CMSG_FIRSTHDR(&head);
    if (c)
        memcpy(ret_fd, CMSG_DATA(c), sizeof(int));
    assert_true(message_decode((struct bytes){octets, (size_t)n}, ret_id, ret_msg, &err));
    return true;
}

void edge_world_expect(int fd, enum message_id id, union message *ret_msg, int *ret_fd)
{
    enum message_id got;
    int attached;

    do
        if (!receive(fd, EDGE_WORLD_WAIT_MS, &got, ret_msg, &attached))
            fail_msg("no %s came", message_name(id));
    while (got == MESSAGE_COUNTERS && id != MESSAGE_COUNTERS);
    if (got == MESSAGE_FAILED && id != MESSAGE_FAILED)
        fail_msg("FAILED: %.*s", (int)ret_msg->failed.detail.len,
                 (const char *)ret_msg->failed.detail.at);
    if (got != id)
        fail_msg("%s instead of %s", message_name(got), message_name(id));
    if (ret_fd)
        *ret_fd = attached;
    else if (attached >= 0)
        (void)close(attached);
}

void edge_world_expect_failed(int fd)
{
    union message msg;

    edge_world_expect(fd, MESSAGE_FAILED, &msg, NULL);
}

bool edge_world_is_silent(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    return poll(&poll_fd, 1, 150) == 0;
}

/* --- processes -------------------------------------------------------------------------------- */

static void make_pair(int pair[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair),
                     0);
}

pid_t edge_world_role(const struct role_calls *calls, int *ret_parent_end)
{
    int pair[2];
    pid_t pid;

    make_pair(pair);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)dup2(pair[1], ROLE_PARENT_FD);
        (void)close_range(ROLE_PARENT_FD + 1, ~0U, 0);
        if (geteuid() == 0 &&
            (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0))
            _exit(1);
        _exit(role_main(calls));
    }
    (void)close(pair[1]);
    *ret_parent_end = pair[0];
    return pid;
}

void edge_world_configure(int to, const char *text, uint32_t generation)
{
    struct config *config = parse(text);
    struct writer octets = writer_new(MESSAGE_MAX);
    struct message_configure msg = {.slot = 0, .generation = generation};

    config_encode(config, &octets);
    msg.config = writer_bytes(&octets);
    edge_world_send(to, MESSAGE_CONFIGURE, &msg, -1);
    writer_clear(&octets);
    config_free(config);
}

static int file_of(struct bytes octets)
{
    int fd = memfd_create("file", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, octets.at, octets.len), (ssize_t)octets.len);
    free((void *)octets.at);
    return fd;
}

static void send_file(int to, enum file_kind kind, const char *name, uint32_t index, int fd)
{
    struct message_file msg = {.kind = (uint8_t)kind, .name = bytes_of(name), .index = index};

    edge_world_send(to, MESSAGE_FILE, &msg, fd);
    (void)close(fd);
}

void edge_world_file(int to, enum file_kind kind, const char *name, uint32_t index,
                     struct bytes octets)
{
    send_file(to, kind, name, index, file_of(octets));
}

void edge_world_go(int to, uint32_t generation, bool wait)
{
    struct message_start msg = {.generation = generation};
    union message ready;

    edge_world_send(to, MESSAGE_START, &msg, -1);
    if (wait)
        edge_world_expect(to, MESSAGE_READY, &ready, NULL);
}

static void send_channel(int to, enum process_role peer, int fd)
{
    struct message_channel msg = {.role = (uint8_t)peer, .slot = 0, .table = message_table()};

    edge_world_send(to, MESSAGE_CHANNEL, &msg, fd);
    (void)close(fd);
}

void edge_world_connect_key(struct edge_world *w)
{
    int pair[2];

    make_pair(pair);
    send_channel(w->key_parent, PROCESS_EDGE, pair[0]);
    send_channel(w->edge_parent, PROCESS_KEY, pair[1]);
}

static void start_key(struct edge_world *w)
{
    struct config *config = make_config(w);

    w->key = edge_world_role(&key_role, &w->key_parent);
    edge_world_configure(w->key_parent, w->config, 1);
    for (uint32_t i = 0; i < config->n_tls; i++)
        edge_world_file(w->key_parent, FILE_KEY, config->tls[i].title, i,
                        pki_key_pem(w->server_key));
    for (uint32_t i = 0; i < config->n_upstream_tls; i++)
        if (config->upstream_tls[i].key)
            edge_world_file(w->key_parent, FILE_UPSTREAM_KEY, config->upstream_tls[i].title, i,
                            pki_key_pem(w->client_key));
    config_free(config);
    edge_world_go(w->key_parent, 1, true);
}

void edge_world_kill_key(struct edge_world *w)
{
    (void)kill(w->key, SIGKILL);
    (void)waitpid(w->key, NULL, 0);
    (void)close(w->key_parent);
    w->key = 0;
    /* The edge must have seen it. */
    (void)usleep(50 * 1000);
}

void edge_world_new_key(struct edge_world *w)
{
    start_key(w);
}

void edge_world_new_decide(struct edge_world *w)
{
    int pair[2];

    if (w->decide >= 0)
        (void)close(w->decide);
    make_pair(pair);
    send_channel(w->edge_parent, PROCESS_DECIDE, pair[1]);
    w->decide = pair[0];
}

static void listen_on_any_port(struct edge_world *w)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sa);

    w->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(w->listening, (struct sockaddr *)&sa, sizeof(sa)), 0);
    assert_int_equal(listen(w->listening, 128), 0);
    assert_int_equal(getsockname(w->listening, (struct sockaddr *)&sa, &len), 0);
    w->port = ntohs(sa.sin_port);
}

static void make_certificates(struct edge_world *w, EVP_PKEY *server_key)
{
    struct pki_spec server = {.cn = "gateway.example",
                              .eku = "serverAuth",
                              .san = "DNS:gateway.example,DNS:ssh.example,DNS:echo.example"};
    struct pki_spec client = {.cn = "alice", .eku = "clientAuth", .serial = 77};

    w->ca_key = pki_key();
    w->server_key = server_key ? server_key : pki_key();
    w->client_key = pki_key();
    w->other_ca_key = pki_key();
    w->ca = pki_ca("CA", w->ca_key, NULL, w->ca_key, 1);
    w->other_ca = pki_make(&(struct pki_spec){.cn = "Other CA",
                                              .key = w->other_ca_key,
                                              .issuer_key = w->other_ca_key,
                                              .basic = "critical,CA:TRUE",
                                              .usage = "critical,keyCertSign,cRLSign",
                                              .not_before = -7200,
                                              .not_after = 7 * 86400,
                                              .serial = 1});
    server.key = w->server_key;
    client.key = w->client_key;
    server.issuer = client.issuer = w->ca;
    server.issuer_key = client.issuer_key = w->ca_key;
    w->server = pki_make(&server);
    w->client = pki_make(&client);
}

static void trust_error(void *context, const char *file, bool stops, const struct error *err)
{
    (void)context;
    if (stops)
        fail_msg("%s: %s %s", file, reason_name(err->reason), err->detail);
}

void edge_world_trust(struct edge_world *w, uint64_t revoked)
{
    edge_world_trust_revoking(w, 0, revoked);
}

void edge_world_trust_revoking(struct edge_world *w, size_t ca, uint64_t revoked)
{
    const struct trust_errors errors = {.found = trust_error};
    struct config *config = make_config(w);
    struct trust_build *build = trust_build_new(config, &errors);
    struct writer octets = writer_new(1 << 20);
    struct message_trust msg = {.generation = ++w->trust_generation};
    struct bytes file = pki_pem(&w->ca, 1);
    struct error err;
    int fd;

    trust_build_anchors(build, 0, "ca.pem", file);
    free((void *)file.at);
    file = pki_pem(&w->other_ca, 1);
    for (size_t i = 1; i < config->n_ca; i++)
        trust_build_anchors(build, i, "other.pem", file);
    free((void *)file.at);
    if (revoked) {
        X509_CRL *crl = pki_crl(ca ? w->other_ca : w->ca, ca ? w->other_ca_key : w->ca_key,
                                &revoked, 1, -60, 3600);

        file = pki_crl_octets(crl, true);
        trust_build_crl(build, ca, "crl.pem", file);
        free((void *)file.at);
        X509_CRL_free(crl);
    }
    assert_true(trust_build_finish(build, clock_realtime_s(), &octets));
    fd = memfd_new("trust", writer_bytes(&octets), &err);
    assert_true(fd >= 0);
    edge_world_send(w->edge_parent, MESSAGE_TRUST, &msg, fd);
    (void)close(fd);
    writer_clear(&octets);
    trust_build_free(build);
    config_free(config);
}

static struct bytes certificate_of(struct edge_world *w, const char *title)
{
    char san[128];
    struct pki_spec spec = {.cn = title,
                            .key = w->server_key,
                            .issuer = w->ca,
                            .issuer_key = w->ca_key,
                            .eku = "serverAuth",
                            .san = san};
    struct bytes pem;
    X509 *certificate;

    (void)snprintf(san, sizeof(san), "DNS:%s.example", title);
    certificate = pki_make(&spec);
    pem = pki_pem(&certificate, 1);
    X509_free(certificate);
    return pem;
}

void edge_world_give_certificates(struct edge_world *w)
{
    struct config *config = make_config(w);

    for (size_t i = 0; i < config->n_tls; i++)
        edge_world_file(w->edge_parent, FILE_CERTIFICATE, config->tls[i].title, 0,
                        i == 0 ? pki_pem(&w->server, 1) : certificate_of(w, config->tls[i].title));
    for (size_t i = 0; i < config->n_upstream_tls; i++)
        if (config->upstream_tls[i].certificate)
            edge_world_file(w->edge_parent, FILE_UPSTREAM_CERTIFICATE,
                            config->upstream_tls[i].title, 0, pki_pem(&w->client, 1));
    config_free(config);
}

void edge_world_start(struct edge_world *w, EVP_PKEY *server_key)
{
    edge_world_start_with(w, server_key, config_text);
}

void edge_world_start_with(struct edge_world *w, EVP_PKEY *server_key, const char *config)
{
    union message done;

    *w = (struct edge_world){.decide = -1, .config = config};
    (void)signal(SIGPIPE, SIG_IGN);
    make_certificates(w, server_key);
    listen_on_any_port(w);
    w->edge = edge_world_role(&edge_role, &w->edge_parent);
    edge_world_configure(w->edge_parent, config, 1);
    edge_world_give_certificates(w);
    send_file(w->edge_parent, FILE_LISTENER, "main", 0, dup(w->listening));
    start_key(w);
    edge_world_connect_key(w);
    edge_world_new_decide(w);
    edge_world_trust(w, 0);
    edge_world_go(w->edge_parent, 1, true);
    edge_world_expect(w->decide, MESSAGE_RESUME_DONE, &done, NULL);
    edge_world_expect(w->decide, MESSAGE_CHAINS_DONE, &done, NULL);
}

void edge_world_role_stop(pid_t pid, int parent_end)
{
    if (pid <= 0)
        return;
    (void)close(parent_end); /* the parent is gone: the process ends */
    (void)waitpid(pid, NULL, 0);
}

void edge_world_stop(struct edge_world *w)
{
    edge_world_role_stop(w->edge, w->edge_parent);
    edge_world_role_stop(w->key, w->key_parent);
    (void)close(w->decide);
    (void)close(w->listening);
    X509_free(w->ca);
    X509_free(w->other_ca);
    EVP_PKEY_free(w->other_ca_key);
    X509_free(w->server);
    X509_free(w->client);
    EVP_PKEY_free(w->ca_key);
    EVP_PKEY_free(w->server_key);
    EVP_PKEY_free(w->client_key);
}

/* --- clients ---------------------------------------------------------------------------------- */

static void set_protocol(SSL *ssl, const char *alpn)
{
    uint8_t list[64];
    size_t len = strlen(alpn);

    list[0] = (uint8_t)len;
    memcpy(list + 1, alpn, len);
    (void)SSL_set_alpn_protos(ssl, list, (unsigned)(len + 1));
}

int edge_world_connect(const struct edge_world *w)
{
    struct sockaddr_in sa = {.sin_family = AF_INET,
                             .sin_port = htons(w->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = EDGE_WORLD_WAIT_MS / 1000};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    return fd;
}

void edge_client_prepare(struct edge_world *w, const struct edge_client_spec *spec,
                         struct edge_client *ret_client)
{
    struct edge_client client = {.ctx = SSL_CTX_new(TLS_client_method()),
                                 .fd = edge_world_connect(w)};

    X509_STORE_add_cert(SSL_CTX_get_cert_store(client.ctx), w->ca);
    SSL_CTX_set_verify(client.ctx, SSL_VERIFY_PEER, NULL);
    if (spec->certificate) {
        assert_int_equal(SSL_CTX_use_certificate(client.ctx, spec->certificate), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(client.ctx, spec->key), 1);
    }
    if (spec->sigalgs)
        assert_int_equal(SSL_CTX_set1_sigalgs_list(client.ctx, spec->sigalgs), 1);
    *ret_client = client;
}

int edge_client_shake(const struct edge_client_spec *spec, struct edge_client *client)
{
    client->ssl = SSL_new(client->ctx);
    SSL_set_fd(client->ssl, client->fd);
    if (spec->sni)
        SSL_set_tlsext_host_name(client->ssl, spec->sni);
    if (spec->alpn)
        set_protocol(client->ssl, spec->alpn);
    if (spec->session)
        assert_int_equal(SSL_set_session(client->ssl, spec->session), 1);
    ERR_clear_error();
    return SSL_connect(client->ssl);
}

int edge_client_connect(struct edge_world *w, const struct edge_client_spec *spec,
                        struct edge_client *ret_client)
{
    edge_client_prepare(w, spec, ret_client);
    return edge_client_shake(spec, ret_client);
}

void edge_client_free(struct edge_client *client)
{
    SSL_free(client->ssl);
    SSL_CTX_free(client->ctx);
    (void)close(client->fd);
    ERR_clear_error();
}

bool edge_client_read(struct edge_client *client, void *out, size_t len)
{
    size_t have = 0;

    while (have < len) {
        int n = SSL_read(client->ssl, (uint8_t *)out + have, (int)(len - have));

        if (n <= 0)
            return false;
        have += (size_t)n;
    }
    return true;
}

int edge_client_end(struct edge_client *client, uint8_t *out, size_t room, size_t *ret_len)
{
    enum { ALERT_BASE = SSL_AD_REASON_OFFSET };
    int n = 1, code;

    *ret_len = 0;
    ERR_clear_error();
    while (*ret_len < room &&
           (n = SSL_read(client->ssl, out + *ret_len, (int)(room - *ret_len))) > 0)
        *ret_len += (size_t)n;
    if (SSL_get_error(client->ssl, n) == SSL_ERROR_ZERO_RETURN)
        return 0;
    code = ERR_GET_REASON(ERR_peek_error());
    ERR_clear_error();
    return code > ALERT_BASE && code < ALERT_BASE + 256 ? code - ALERT_BASE : -1;
}
