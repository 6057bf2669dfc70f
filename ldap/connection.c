/*
 * Makes LDAP connections: socket, TLS, bind. Runs in directory and the command line. Trusts the
 * server only behind its certificate; a password goes over TLS, a local socket or loopback, or not
 * at all. No referrals, no aliases, no ldap.conf, no environment.
 */
#include "ldap/connection.h"

#include "common/clock.h"
#include "ldap/memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openldap.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static bool ldap_failed(struct error *err, LDAP *ld, int code, const char *what)
{
    char *said = NULL;

    if (ld)
        (void)ldap_get_option(ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &said);
    (void)err_set(err, REASON_DIRECTORY_UNREACHABLE, "%s: %s%s%s", what, ldap_err2string(code),
                  said && *said ? ": " : "", said ? said : "");
    ldap_memfree(said);
    return false;
}

static bool is_scheme(const char *uri, const char *scheme)
{
    return strncmp(uri, scheme, strlen(scheme)) == 0;
}

/* --- sockets --- */

static int64_t left_ms(int64_t deadline_ms)
{
    int64_t left = deadline_ms - clock_monotonic_ms();

    return left > 0 ? left : 0;
}

/* Waits for the end of a connect that is under way. */
static bool connect_wait(int fd, int64_t deadline_ms, struct error *err)
{
    struct pollfd at = {.fd = fd, .events = POLLOUT};
    int state = 0;
    socklen_t len = sizeof(state);
    int n;

    do
        n = poll(&at, 1, (int)left_ms(deadline_ms));
    while (n < 0 && errno == EINTR);
    if (n == 0)
        return err_set(err, REASON_DIRECTORY_UNREACHABLE, "connect: timeout");
    if (n < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &state, &len) < 0)
        return err_set(err, REASON_DIRECTORY_UNREACHABLE, "connect: %m");
    errno = state;
    return state == 0 || err_set(err, REASON_DIRECTORY_UNREACHABLE, "connect: %m");
}

static int connect_to(int family, const struct sockaddr *to, socklen_t len, int64_t deadline_ms,
                      struct error *err)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool done;

    if (fd < 0) {
        (void)err_set(err, REASON_DIRECTORY_UNREACHABLE, "socket: %m");
        return -1;
    }
    done = connect(fd, to, len) == 0;
    if (!done && errno == EINPROGRESS)
        done = deadline_ms == DIRECTORY_DIAL_AT_ONCE || connect_wait(fd, deadline_ms, err);
    else if (!done)
        (void)err_set(err, REASON_DIRECTORY_UNREACHABLE, "connect: %m");
    if (done)
        return fd;
    (void)close(fd);
    return -1;
}

/* Whoever could put a socket there could be asked instead of the server: it is root's, ours, or of
 * the owner of the file. */
static bool local_peer_check(const char *path, int fd, struct error *err)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);
    struct stat st;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 ||
        fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return err_set(err, REASON_DIRECTORY_UNREACHABLE, "%s: %m", path);
    if (peer.uid == 0 || peer.uid == geteuid() || peer.uid == st.st_uid)
        return true;
    return err_set(err, REASON_DIRECTORY_BAD_ANSWER, "%s is served by user %u and belongs to %u",
                   path, peer.uid, st.st_uid);
}

int directory_dial_path(const char *path, int64_t deadline_ms, struct error *err)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd;

    if (strlen(path) >= sizeof(to.sun_path)) {
        (void)err_set(err, REASON_CONFIG_VALUE, "socket path of %zu octets", strlen(path));
        return -1;
    }
    memcpy(to.sun_path, path, strlen(path) + 1);
    fd = connect_to(AF_UNIX, (const struct sockaddr *)&to, sizeof(to), deadline_ms, err);
    if (fd < 0 || local_peer_check(path, fd, err))
        return fd;
    (void)close(fd);
    return -1;
}

static size_t count_addresses(const struct addrinfo *list)
{
    size_t n = 0;

    for (; list; list = list->ai_next)
        n++;
    return n;
}

/* Until when the first of n addresses is tried: a silent one leaves time for the others. */
static int64_t share_of(int64_t deadline_ms, size_t n)
{
    if (deadline_ms == DIRECTORY_DIAL_AT_ONCE)
        return deadline_ms;
    return clock_monotonic_ms() + left_ms(deadline_ms) / (int64_t)n;
}

static int dial_host(const LDAPURLDesc *url, int64_t deadline_ms, struct error *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    char port[12];
    int code, fd = -1;

    (void)snprintf(port, sizeof(port), "%d", url->lud_port);
    code = getaddrinfo(url->lud_host, port, &hints, &list);
    if (code != 0) {
        (void)err_set(err, REASON_DIRECTORY_UNREACHABLE, "%s: %s", url->lud_host,
                      gai_strerror(code));
        return -1;
    }
    for (const struct addrinfo *at = list; at && fd < 0; at = at->ai_next)
        fd = connect_to(at->ai_family, at->ai_addr, at->ai_addrlen,
                        share_of(deadline_ms, count_addresses(at)), err);
    freeaddrinfo(list);
    return fd;
}

int directory_dial(void *context, const char *uri, int64_t deadline_ms, struct error *err)
{
    LDAPURLDesc *url = NULL;
    int fd;

    (void)context;
    if (ldap_url_parse(uri, &url) != LDAP_URL_SUCCESS || !url->lud_host || !*url->lud_host) {
        (void)err_set(err, REASON_CONFIG_VALUE, "no LDAP URI with a host");
        ldap_free_urldesc(url);
        return -1;
    }
    if (is_scheme(uri, "ldapi://"))
        fd = directory_dial_path(url->lud_host, deadline_ms, err);
    else
        fd = dial_host(url, deadline_ms, err);
    ldap_free_urldesc(url);
    return fd;
}

char *directory_uri_path(const char *uri)
{
    LDAPURLDesc *url = NULL;
    char *path = NULL;

    if (is_scheme(uri, "ldapi://") && ldap_url_parse(uri, &url) == LDAP_URL_SUCCESS &&
        url->lud_host)
        path = memory_text(bytes_of(url->lud_host));
    ldap_free_urldesc(url);
    return path;
}

void directory_prepare(void)
{
    struct addrinfo *list = NULL;
    int version;

    (void)setenv("LDAPNOINIT", "1", 1);
    (void)setenv("RES_OPTIONS", "timeout:1 attempts:1", 0); /* we try again by ourselves */
    (void)ldap_get_option(NULL, LDAP_OPT_PROTOCOL_VERSION, &version);
    if (getaddrinfo("localhost", NULL, NULL, &list) == 0)
        freeaddrinfo(list);
}

/* Whether what is sent through the socket stays on this machine. */
static bool is_loopback(int fd)
{
    struct sockaddr_storage peer = {0};
    socklen_t len = sizeof(peer);

    if (getpeername(fd, (struct sockaddr *)&peer, &len) < 0)
        return false;
    if (peer.ss_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)&peer)->sin_addr.s_addr) >> 24 == 127;
    if (peer.ss_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)&peer)->sin6_addr);
    return peer.ss_family == AF_UNIX;
}

/* --- options, TLS, bind --- */

static bool wants_tls(const struct directory_config *config, const char *uri)
{
    return is_scheme(uri, "ldaps://") || (is_scheme(uri, "ldap://") && config->ca_file);
}

static bool set_options(LDAP *ld, struct error *err)
{
    static const int version = LDAP_VERSION3, never = LDAP_DEREF_NEVER;
    static const struct {
        int option;
        const void *value;
    } rows[] = {
        {LDAP_OPT_PROTOCOL_VERSION, &version},
        {LDAP_OPT_DEREF, &never},
        {LDAP_OPT_REFERRALS, LDAP_OPT_OFF},
        {LDAP_OPT_RESTART, LDAP_OPT_ON},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (ldap_set_option(ld, rows[i].option, rows[i].value) != LDAP_OPT_SUCCESS)
            return err_set(err, REASON_SYSTEM, "LDAP option %d", rows[i].option);
    return true;
}

/* A length that a broken or hostile server has made up is no reason to ask for the memory. */
static bool set_limit(LDAP *ld, struct error *err)
{
    ber_len_t max = CONNECTION_MESSAGE_MAX;
    Sockbuf *octets = NULL;

    return (ldap_get_option(ld, LDAP_OPT_SOCKBUF, &octets) == LDAP_OPT_SUCCESS && octets &&
            ber_sockbuf_ctrl(octets, LBER_SB_OPT_SET_MAX_INCOMING, &max) == 1) ||
           err_set(err, REASON_SYSTEM, "LDAP message limit");
}

/* How long libldap may wait in TLS and for the answer of an extended operation. */
static bool set_timeouts(LDAP *ld, int64_t deadline_ms, struct error *err)
{
    int64_t left = left_ms(deadline_ms);
    struct timeval timeout = {.tv_sec = left / 1000, .tv_usec = left % 1000 * 1000};

    if (left == 0)
        return err_set(err, REASON_DIRECTORY_UNREACHABLE, "timeout");
    if (ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &timeout) != LDAP_OPT_SUCCESS ||
        ldap_set_option(ld, LDAP_OPT_TIMEOUT, &timeout) != LDAP_OPT_SUCCESS)
        return err_set(err, REASON_SYSTEM, "LDAP timeouts");
    return true;
}

static bool set_tls(const struct directory_config *config, LDAP *ld, struct error *err)
{
    static const int demand = LDAP_OPT_X_TLS_DEMAND, min = LDAP_OPT_X_TLS_PROTOCOL_TLS1_2;
    static const int client = 0;
    bool done = ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand) == 0 &&
                ldap_set_option(ld, LDAP_OPT_X_TLS_PROTOCOL_MIN, &min) == 0 &&
                ldap_set_option(ld, LDAP_OPT_X_TLS_CACERTFILE, config->ca_file) == 0;

    if (done && config->certificate_file && config->key_file)
        done = ldap_set_option(ld, LDAP_OPT_X_TLS_CERTFILE, config->certificate_file) == 0 &&
               ldap_set_option(ld, LDAP_OPT_X_TLS_KEYFILE, config->key_file) == 0;
    if (!done || ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &client) != 0)
        return err_set(err, REASON_FILE_MALFORMED,
                       "certificate, key or anchors of the directory cannot be used");
    return true;
}

static bool start_tls(const struct directory_config *config, LDAP *ld, const char *uri,
                      int64_t deadline_ms, struct error *err)
{
    int code;

    if (!set_tls(config, ld, err) || !set_timeouts(ld, deadline_ms, err))
        return false;
    code = is_scheme(uri, "ldaps://") ? ldap_install_tls(ld) : ldap_start_tls_s(ld, NULL, NULL);
    return code == LDAP_SUCCESS || ldap_failed(err, ld, code, "TLS");
}

static bool bind_wait(LDAP *ld, int id, int64_t deadline_ms, struct error *err)
{
    int64_t left = left_ms(deadline_ms);
    struct timeval timeout = {.tv_sec = left / 1000, .tv_usec = left % 1000 * 1000};
    LDAPMessage *answer = NULL;
    int code = LDAP_OTHER, kind = ldap_result(ld, id, LDAP_MSG_ALL, &timeout, &answer);

    if (kind == 0)
        return err_set(err, REASON_DIRECTORY_UNREACHABLE, "bind: timeout");
    if (kind != LDAP_RES_BIND) {
        (void)ldap_msgfree(answer);
        return ldap_failed(err, ld, LDAP_SERVER_DOWN, "bind");
    }
    if (ldap_parse_result(ld, answer, &code, NULL, NULL, NULL, NULL, 1) != LDAP_SUCCESS)
        code = LDAP_DECODING_ERROR;
    return code == LDAP_SUCCESS || ldap_failed(err, ld, code, "bind");
}

static bool bind_now(const struct directory_config *config, LDAP *ld, int64_t deadline_ms,
                     struct error *err)
{
    struct berval none = {0, (char *)""};
    struct berval password = {config->password.len, (char *)config->password.at};
    int code, id = -1;

    if (config->bind == DIRECTORY_ANONYMOUS)
        return true;
    if (config->bind == DIRECTORY_SIMPLE)
        code = ldap_sasl_bind(ld, config->bind_dn, LDAP_SASL_SIMPLE, &password, NULL, NULL, &id);
    else
        code = ldap_sasl_bind(ld, NULL, "EXTERNAL", &none, NULL, NULL, &id);
    if (code != LDAP_SUCCESS)
        return ldap_failed(err, ld, code, "bind");
    return bind_wait(ld, id, deadline_ms, err);
}

/* --- one connection --- */

int connection_fd(LDAP *ld)
{
    ber_socket_t fd = -1;

    if (!ld || ldap_get_option(ld, LDAP_OPT_DESC, &fd) != LDAP_OPT_SUCCESS)
        return -1;
    return fd;
}

void connection_close(LDAP *ld)
{
    if (ld)
        (void)ldap_unbind_ext(ld, NULL, NULL);
}

bool connection_check(const struct directory_config *config, const char *uri, struct error *err)
{
    LDAPURLDesc *url = NULL;
    bool usable = ldap_url_parse(uri, &url) == LDAP_URL_SUCCESS && url->lud_host && *url->lud_host;

    ldap_free_urldesc(url);
    if (!usable ||
        (!is_scheme(uri, "ldap://") && !is_scheme(uri, "ldaps://") && !is_scheme(uri, "ldapi://")))
        return err_set(err, REASON_CONFIG_VALUE, "%s: no LDAP URI with a host", uri);
    if (is_scheme(uri, "ldaps://") && !config->ca_file)
        return err_set(err, REASON_CONFIG_MISSING, "%s needs `ca`", uri);
    if (config->name && (strlen(config->name) > CONNECTION_NAME_MAX ||
                         strcspn(config->name, "/[]%?# ") != strlen(config->name)))
        return err_set(err, REASON_CONFIG_VALUE, "name: no host name");
    if (config->bind == DIRECTORY_SIMPLE && (!config->bind_dn || config->password.len == 0))
        return err_set(err, REASON_CONFIG_MISSING, "a simple bind needs a DN and a password");
    if (config->bind == DIRECTORY_EXTERNAL && !is_scheme(uri, "ldapi://") &&
        !(wants_tls(config, uri) && config->certificate_file && config->key_file))
        return err_set(err, REASON_CONFIG_MISSING,
                       "%s: an external bind needs `ca`, `certificate` and `key`", uri);
    return true;
}

/* A server that is gone without a word must not hold what we send for minutes. */
static void socket_tune(int fd)
{
    unsigned timeout_ms = DIRECTORY_SILENCE_MS;
    int on = 1;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static bool set_blocking(int fd, bool blocking)
{
    int flags = fcntl(fd, F_GETFL);

    flags = blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
    return flags >= 0 && fcntl(fd, F_SETFL, flags) == 0;
}

/* Takes fd. libldap compares the certificate with the host of its URI: `name` takes its place. */
static bool ld_new(const struct directory_config *config, const char *uri, int fd, LDAP **ret_ld,
                   struct error *err)
{
    bool local = is_scheme(uri, "ldapi://");
    char named[CONNECTION_NAME_MAX + sizeof("ldaps://[]")];
    const char *form = config->name && strchr(config->name, ':') ? "%s[%s]" : "%s%s";
    int code;

    if (config->name && !local) {
        (void)snprintf(named, sizeof(named), form,
                       is_scheme(uri, "ldaps://") ? "ldaps://" : "ldap://", config->name);
        uri = named;
    }
    code = ldap_init_fd(fd, local ? LDAP_PROTO_IPC : LDAP_PROTO_TCP, uri, ret_ld);

    if (code == LDAP_SUCCESS)
        return true;
    (void)close(fd);
    return ldap_failed(err, NULL, code, "LDAP");
}

static bool prepare(const struct directory_config *config, LDAP *ld, const char *uri,
                    int64_t deadline_ms, struct error *err)
{
    int fd = connection_fd(ld);

    if (!set_options(ld, err) || !set_limit(ld, err) || !set_timeouts(ld, deadline_ms, err))
        return false;
    if (wants_tls(config, uri) && !start_tls(config, ld, uri, deadline_ms, err))
        return false;
    if (config->bind == DIRECTORY_SIMPLE && !wants_tls(config, uri) && !is_loopback(fd))
        return err_set(err, REASON_CONFIG_VALUE, "a password would travel in clear text");
    if (!bind_now(config, ld, deadline_ms, err))
        return false;
    return set_blocking(fd, false) || err_set(err, REASON_SYSTEM, "fcntl: %m");
}

/* --- a sign of life --- */

/* Reads the base: a server that binds and then says nothing, or that has another tree, is none. */
static bool base_read(const struct directory_config *config, LDAP *ld, int64_t deadline_ms,
                      struct error *err)
{
    static char none[] = LDAP_NO_ATTRS;
    static char *attributes[] = {none, NULL};
    int64_t left = left_ms(deadline_ms);
    struct timeval timeout = {.tv_sec = left / 1000, .tv_usec = left % 1000 * 1000};
    LDAPMessage *answer = NULL;
    int id = -1, code = ldap_search_ext(ld, config->base, LDAP_SCOPE_BASE, "(objectClass=*)",
                                        attributes, 0, NULL, NULL, NULL, LDAP_NO_LIMIT, &id);

    if (code != LDAP_SUCCESS)
        return ldap_failed(err, ld, code, "base of the directory");
    code = ldap_result(ld, id, LDAP_MSG_ALL, &timeout, &answer);
    if (code == 0)
        return err_set(err, REASON_DIRECTORY_UNREACHABLE, "base of the directory: timeout");
    if (code < 0)
        return ldap_failed(err, ld, LDAP_SERVER_DOWN, "base of the directory");
    if (ldap_parse_result(ld, answer, &code, NULL, NULL, NULL, NULL, 1) != LDAP_SUCCESS)
        code = LDAP_DECODING_ERROR;
    return code == LDAP_SUCCESS || err_set(err, REASON_DIRECTORY_BAD_ANSWER,
                                           "base of the directory: %s", ldap_err2string(code));
}

static bool open_by(const struct directory_config *config, const char *uri, int fd,
                    struct connection *ret_connection, struct error *err)
{
    int64_t deadline_ms = clock_monotonic_ms() + DIRECTORY_TRY_MS, began_us;
    LDAP *ld = NULL;

    if (!ld_new(config, uri, fd, &ld, err))
        return false;
    if (prepare(config, ld, uri, deadline_ms, err)) {
        began_us = clock_monotonic_us();
        if (base_read(config, ld, deadline_ms, err)) {
            *ret_connection = (struct connection){ld, clock_monotonic_us() - began_us};
            return true;
        }
    }
    connection_close(ld);
    return false;
}

bool connection_open(const struct directory_config *config, const struct directory_calls *calls,
                     const char *uri, struct connection *ret_connection, struct error *err)
{
    int64_t deadline_ms = clock_monotonic_ms() + DIRECTORY_TRY_MS;
    int fd = calls->dial ? calls->dial(calls->context, uri, deadline_ms, err)
                         : directory_dial(NULL, uri, deadline_ms, err);

    if (fd < 0)
        return err_in(err, "%s", uri);
    socket_tune(fd);
    if (!set_blocking(fd, true)) {
        (void)close(fd);
        return err_set(err, REASON_SYSTEM, "fcntl: %m");
    }
    return open_by(config, uri, fd, ret_connection, err) || err_in(err, "%s", uri);
}
