/*
 * The connection to the gateway: TCP, TLS 1.3 with the user's certificate, one mtls-gw/1 request.
 * Runs as the user; trusts the gateway only after its certificate has proved its name.
 */
#include "cli/mtls.h"

#include "common/clock.h"
#include "common/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

bool mtls_wait(int fd, short events, int64_t deadline_ms)
{
    for (;;) {
        struct pollfd poll_fd = {.fd = fd, .events = events};
        int64_t left = deadline_ms - clock_monotonic_ms();
        int n = left > 0 ? poll(&poll_fd, 1, (int)left) : 0;

        if (n > 0)
            return true;
        if (n == 0 || errno != EINTR)
            return false;
    }
}

/* --- the target ------------------------------------------------------------------------------- */

bool mtls_target_parse(const char *text, struct mtls_target *ret_target, struct error *err)
{
    const char *colon = strrchr(text, ':');
    const char *begin = text, *end = colon;
    struct mtls_target target;
    uint64_t port;

    memset(&target, 0, sizeof(target));
    if (colon && text[0] == '[' && colon > text && colon[-1] == ']') {
        begin = text + 1;
        end = colon - 1;
    } else if (colon && memchr(text, ':', (size_t)(colon - text))) {
        return err_set(err, REASON_USAGE, "gateway \"%s\": write an IPv6 address in []", text);
    }
    if (!colon || end == begin || (size_t)(end - begin) > MTLS_HOST_MAX ||
        !text_u64(bytes_of(colon + 1), &port) || port == 0 || port > 65535)
        return err_set(err, REASON_USAGE, "gateway \"%s\" is no HOST:PORT", text);
    memcpy(target.host, begin, (size_t)(end - begin));
    (void)snprintf(target.port, sizeof(target.port), "%u", (unsigned)port);
    memcpy(target.name, target.host, sizeof(target.name));
    *ret_target = target;
    return true;
}

/* --- TCP -------------------------------------------------------------------------------------- */

static bool set_up_socket(int fd)
{
    int flags = fcntl(fd, F_GETFL), on = 1;

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return false;
    /* Single keystrokes travel at once. A socket without the option works as well. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return true;
}

/* One address; -1 with errno. */
static int dial(const struct addrinfo *to, int64_t deadline_ms)
{
    int fd = socket(to->ai_family, to->ai_socktype, to->ai_protocol), code = 0;
    socklen_t len = sizeof(code);

    if (fd < 0)
        return -1;
    if (!set_up_socket(fd))
        code = errno;
    else if (connect(fd, to->ai_addr, to->ai_addrlen) != 0 && errno != EINPROGRESS &&
             errno != EINTR)
        code = errno;
    else if (!mtls_wait(fd, POLLOUT, deadline_ms))
        code = ETIMEDOUT;
    else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) != 0)
        code = errno;
    if (code == 0)
        return fd;
    (void)close(fd);
    errno = code;
    return -1;
}

static bool dial_all(const struct mtls_target *target, int *ret_fd, struct error *err)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    int64_t deadline_ms = clock_monotonic_ms() + MTLS_DIAL_MS;
    struct addrinfo *list = NULL;
    int code = getaddrinfo(target->host, target->port, &hints, &list), fd = -1;

    if (code != 0)
        return err_set(err, REASON_GATEWAY_UNREACHABLE, "%s: %s", target->host, gai_strerror(code));
    for (const struct addrinfo *to = list; to && fd < 0; to = to->ai_next)
        fd = dial(to, deadline_ms);
    if (fd < 0)
        (void)err_set(err, REASON_GATEWAY_UNREACHABLE, "%s port %s: %m", target->host,
                      target->port);
    freeaddrinfo(list);
    *ret_fd = fd;
    return fd >= 0;
}

/* --- TLS -------------------------------------------------------------------------------------- */

/* The alert that an error stands for; -1 none. */
static int alert_of(unsigned long code)
{
    int reason = ERR_GET_REASON(code);

    if (ERR_GET_LIB(code) != ERR_LIB_SSL || reason < SSL_AD_REASON_OFFSET ||
        reason > SSL_AD_REASON_OFFSET + 255)
        return -1;
    return reason - SSL_AD_REASON_OFFSET;
}

/* The alerts that a refused certificate leads to (RFC 8446 6.2). */
static bool is_refusal(int alert)
{
    static const int refusals[] = {SSL_AD_BAD_CERTIFICATE,     SSL_AD_UNSUPPORTED_CERTIFICATE,
                                   SSL_AD_CERTIFICATE_REVOKED, SSL_AD_CERTIFICATE_EXPIRED,
                                   SSL_AD_CERTIFICATE_UNKNOWN, SSL_AD_UNKNOWN_CA,
                                   SSL_AD_ACCESS_DENIED,       SSL_AD_CERTIFICATE_REQUIRED};

    for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
        if (refusals[i] == alert)
            return true;
    return false;
}

/* The first error is the cause; errors of the system have no text of OpenSSL's. */
static const char *cause(void)
{
    unsigned long code = ERR_peek_error();
    const char *text = ERR_reason_error_string(code);

    if (ERR_SYSTEM_ERROR(code))
        return strerror(ERR_GET_REASON(code));
    return text ? text : "unusable";
}

/* Whether the gateway's side has ended without close_notify; *ret_errno: 0 or the system's error.
 */
static bool has_broken_off(const struct mtls_link *link, int result, unsigned long code,
                           int *ret_errno)
{
    *ret_errno = 0;
    if (ERR_GET_LIB(code) == ERR_LIB_SSL &&
        ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
        return true;
    if (SSL_get_error(link->tls, result) != SSL_ERROR_SYSCALL)
        return false;
    *ret_errno = errno;
    return true;
}

/* The gateway cuts the connection of a session that it ends. */
static bool broken_off(const struct mtls_link *link, int system, struct error *err)
{
    static const struct session_id none = {{0}};
    bool cut = system == 0 || system == ECONNRESET || system == EPIPE;
    char id[SESSION_ID_TEXT_LEN + 1];

    if (!link->proved)
        return err_set(err, REASON_TLS_FAILED, "the gateway closed the connection");
    if (!cut)
        return err_set(err, REASON_GATEWAY_LOST, "%s", strerror(system));
    if (!link->live)
        return err_set(err, REASON_GATEWAY_LOST, "before it has answered");
    if (session_id_equal(&link->session, &none))
        return err_set(err, REASON_GATEWAY_ENDED, "gatewayctl audit tail says why");
    session_id_format(&link->session, id);
    return err_set(err, REASON_GATEWAY_ENDED, "session %s (gatewayctl explain says why)", id);
}

bool mtls_tls_error(const struct mtls_link *link, int result, struct error *err)
{
    int system;
    unsigned long code = ERR_peek_last_error();
    int alert = alert_of(code);
    long verified = SSL_get_verify_result(link->tls);
    const char *text = code ? ERR_reason_error_string(code) : NULL;
    bool broken = has_broken_off(link, result, code, &system);

    ERR_clear_error();
    if (verified == X509_V_ERR_IP_ADDRESS_MISMATCH)
        return err_set(err, REASON_GATEWAY_UNTRUSTED, "%s; --name says which name it must have",
                       X509_verify_cert_error_string(verified));
    if (verified != X509_V_OK)
        return err_set(err, REASON_GATEWAY_UNTRUSTED, "%s",
                       X509_verify_cert_error_string(verified));
    if (alert >= 0)
        return err_set(err, is_refusal(alert) ? REASON_GATEWAY_REFUSED : REASON_TLS_FAILED, "%s",
                       SSL_alert_desc_string_long(alert));
    if (broken)
        return broken_off(link, system, err);
    return err_set(err, REASON_TLS_FAILED, "%s", text ? text : "the gateway closed the connection");
}

/* A call that makes something and did not. */
static bool cannot_make(struct error *err)
{
    return err_set(err, REASON_CRYPTO, "%s", cause());
}

/* libssl compares the key with the certificate when it takes it. */
static bool key_error(const char *cert, const char *key, struct error *err)
{
    int reason = ERR_GET_REASON(ERR_peek_last_error());

    if (reason == X509_R_KEY_VALUES_MISMATCH || reason == X509_R_KEY_TYPE_MISMATCH)
        return err_set(err, REASON_KEY_MISMATCH, "%s and %s", key, cert);
    return err_set(err, REASON_FILE_UNREADABLE, "key %s: %s", key, cause());
}

static void warn_of_readers(const char *key)
{
    struct stat st;

    if (stat(key, &st) == 0 && (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        (void)fprintf(stderr, "mtls: warning: %s may be read or changed by others; chmod 600 it\n",
                      key);
}

static bool load_identity(SSL_CTX *context, const struct mtls_settings *settings, struct error *err)
{
    const char *key = settings->key ? settings->key : settings->cert;

    if (!settings->cert)
        return err_set(err, REASON_CONFIG_MISSING,
                       "cert: your certificate, in ~/.config/mtls/config or by --cert");
    if (SSL_CTX_use_certificate_chain_file(context, settings->cert) != 1)
        return err_set(err, REASON_FILE_UNREADABLE, "certificate %s: %s", settings->cert, cause());
    if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
        return key_error(settings->cert, key, err);
    warn_of_readers(key);
    return true;
}

static bool load_anchors(SSL_CTX *context, const struct mtls_settings *settings, struct error *err)
{
    if (settings->ca ? SSL_CTX_load_verify_file(context, settings->ca) == 1
                     : SSL_CTX_set_default_verify_paths(context) == 1)
        return true;
    return err_set(err, REASON_FILE_UNREADABLE, "ca %s: %s", settings->ca ? settings->ca : "",
                   cause());
}

static bool make_context(const struct mtls_settings *settings, struct mtls_link *link,
                         struct error *err)
{
    static const uint8_t alpn[] = "\x09" GW1_ALPN;

    link->context = SSL_CTX_new(TLS_client_method());
    if (!link->context || SSL_CTX_set_min_proto_version(link->context, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set1_groups_list(link->context, "X25519:P-256") != 1 ||
        SSL_CTX_set_alpn_protos(link->context, alpn, sizeof(alpn) - 1) != 0)
        return cannot_make(err);
    (void)SSL_CTX_set_options(link->context, SSL_OP_NO_TICKET);
    (void)SSL_CTX_set_mode(link->context,
                           SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(link->context, SSL_VERIFY_PEER, NULL);
    return load_identity(link->context, settings, err) &&
           load_anchors(link->context, settings, err);
}

static bool is_address(const char *name)
{
    uint8_t octets[16];

    return inet_pton(AF_INET, name, octets) == 1 || inet_pton(AF_INET6, name, octets) == 1;
}

static bool make_tls(const struct mtls_target *target, struct mtls_link *link, struct error *err)
{
    bool address = is_address(target->name);

    link->tls = SSL_new(link->context);
    if (!link->tls || SSL_set_fd(link->tls, link->fd) != 1)
        return cannot_make(err);
    SSL_set_hostflags(link->tls, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(link->tls), target->name) != 1
                : SSL_set1_host(link->tls, target->name) != 1 ||
                      SSL_set_tlsext_host_name(link->tls, target->name) != 1)
        return cannot_make(err);
    return true;
}

/* Waits for what the last call on the connection wants. False: it will not come. */
static bool wait_for(struct mtls_link *link, int result, int64_t deadline_ms, struct error *err)
{
    int want = SSL_get_error(link->tls, result);

    if (want != SSL_ERROR_WANT_READ && want != SSL_ERROR_WANT_WRITE)
        return mtls_tls_error(link, result, err);
    if (mtls_wait(link->fd, want == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline_ms))
        return true;
    return err_set(err, REASON_TLS_FAILED, "the gateway does not answer in time");
}

static bool handshake(struct mtls_link *link, struct error *err)
{
    int64_t deadline_ms = clock_monotonic_ms() + MTLS_HANDSHAKE_MS;
    const uint8_t *alpn;
    unsigned len;
    int result;

    while ((result = SSL_connect(link->tls)) != 1)
        if (!wait_for(link, result, deadline_ms, err))
            return false;
    link->proved = true;
    SSL_get0_alpn_selected(link->tls, &alpn, &len);
    link->gw1 = bytes_equal((struct bytes){alpn, len}, bytes_of(GW1_ALPN));
    return true;
}

void mtls_link_close(struct mtls_link *link)
{
    SSL_free(link->tls);
    SSL_CTX_free(link->context);
    if (link->fd >= 0)
        (void)close(link->fd);
    *link = (struct mtls_link){.fd = -1};
}

bool mtls_link_open(const struct mtls_settings *settings, const struct mtls_target *target,
                    struct mtls_link *ret_link, struct error *err)
{
    struct mtls_link link = {.fd = -1};

    /* openssl.cnf may name engines and providers: nothing that a login should wait for. */
    (void)OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    if (make_context(settings, &link, err) && dial_all(target, &link.fd, err) &&
        make_tls(target, &link, err) && handshake(&link, err)) {
        *ret_link = link;
        return true;
    }
    ERR_clear_error();
    mtls_link_close(&link);
    return false;
}

/* --- mtls-gw/1 -------------------------------------------------------------------------------- */

static bool send_all(struct mtls_link *link, struct bytes octets, int64_t deadline_ms,
                     struct error *err)
{
    while (octets.len > 0) {
        int n = SSL_write(link->tls, octets.at, (int)octets.len);

        if (n <= 0 && !wait_for(link, n, deadline_ms, err))
            return false;
        if (n > 0)
            octets = (struct bytes){octets.at + n, octets.len - (size_t)n};
    }
    return true;
}

/* Octet by octet, so that nothing behind the status is taken. */
static bool read_status(struct mtls_link *link, int64_t deadline_ms, struct gw1_status *ret_status,
                        uint8_t octets[GW1_STATUS_MAX], struct error *err)
{
    size_t len = 0, used;

    while (len < GW1_STATUS_MAX) {
        int n = SSL_read(link->tls, octets + len, 1);

        if (n <= 0 && !wait_for(link, n, deadline_ms, err))
            return false;
        if (n <= 0)
            continue;
        switch (gw1_status_decode((struct bytes){octets, ++len}, ret_status, &used)) {
        case GW1_DONE:
            return true;
        case GW1_MORE:
            break;
        case GW1_BAD:
            return err_set(err, REASON_MSG_MALFORMED, "answer of the gateway");
        }
    }
    return err_set(err, REASON_MSG_MALFORMED, "answer of the gateway");
}

bool mtls_link_ask(struct mtls_link *link, const struct gw1_request *request,
                   struct gw1_status *ret_status, char *out, size_t room, struct error *err)
{
    AUTO(writer_clear) struct writer frame = writer_new(GW1_REQUEST_MAX);
    int64_t deadline_ms = clock_monotonic_ms() + MTLS_STATUS_MS;
    uint8_t octets[GW1_STATUS_MAX];
    struct gw1_status status;

    gw1_request_encode(request, &frame);
    if (!writer_ok(&frame))
        return err_set(err, REASON_USAGE, "the name of the service is too long");
    if (!send_all(link, writer_bytes(&frame), deadline_ms, err) ||
        !read_status(link, deadline_ms, &status, octets, err))
        return false;
    (void)snprintf(out, room, "%.*s", (int)status.text.len, (const char *)status.text.at);
    status.text = bytes_of(out);
    *ret_status = status;
    return true;
}
