/*
 * mtls connect: stdin and stdout on one side, a service behind the gateway on the other. Runs as
 * the user, usually below ssh as its ProxyCommand. Each direction ends for itself.
 */
#include "cli/mtls.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER = 16384 /* one TLS record */ };

struct buffer {
    uint8_t at[BUFFER];
    size_t begin, end;
};

struct relay {
    struct mtls_link *link;
    struct buffer up, down;         /* stdin to the gateway, gateway to stdout */
    bool stdin_ended, said_end;     /* no more comes; close_notify has been sent */
    bool gateway_ended, closed_out; /* close_notify has come; stdout is closed */
    bool out_is_socket, in_is_tty;
    short wants; /* events of the gateway's socket that the last TLS calls wait for */
};

static bool is_empty(const struct buffer *buffer)
{
    return buffer->begin == buffer->end;
}

static bool is_later(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* What a TLS call that did not get on waits for. False: the connection is broken. */
static bool later(struct relay *relay, int result, struct error *err)
{
    switch (SSL_get_error(relay->link->tls, result)) {
    case SSL_ERROR_WANT_READ:
        relay->wants |= POLLIN;
        return true;
    case SSL_ERROR_WANT_WRITE:
        relay->wants |= POLLOUT;
        return true;
    default:
        return mtls_tls_error(relay->link, result, err);
    }
}

static bool read_gateway(struct relay *relay, struct error *err)
{
    int n;

    if (relay->gateway_ended || !is_empty(&relay->down))
        return true;
    n = SSL_read(relay->link->tls, relay->down.at, BUFFER);
    if (n <= 0 && SSL_get_error(relay->link->tls, n) == SSL_ERROR_ZERO_RETURN) {
        relay->gateway_ended = true;
        return true;
    }
    if (n <= 0)
        return later(relay, n, err);
    relay->down.begin = 0;
    relay->down.end = (size_t)n;
    return true;
}

static bool write_gateway(struct relay *relay, struct error *err)
{
    struct buffer *up = &relay->up;
    int n;

    while (!is_empty(up)) {
        n = SSL_write(relay->link->tls, up->at + up->begin, (int)(up->end - up->begin));
        if (n <= 0)
            return later(relay, n, err);
        up->begin += (size_t)n;
    }
    if (!relay->stdin_ended || relay->said_end)
        return true;
    n = SSL_shutdown(relay->link->tls);
    if (n < 0)
        return later(relay, n, err);
    relay->said_end = true;
    return true;
}

static bool read_stdin(struct relay *relay, struct error *err)
{
    ssize_t n = read(STDIN_FILENO, relay->up.at, BUFFER);

    if (n < 0 && !is_later())
        return err_set(err, REASON_SYSTEM, "stdin: %m");
    if (n == 0)
        relay->stdin_ended = true;
    relay->up.begin = 0;
    relay->up.end = n > 0 ? (size_t)n : 0;
    return true;
}

/* The descriptor may be blocking and shared: no more is written than surely fits after POLLOUT. */
static ssize_t write_some(const struct relay *relay, const uint8_t *at, size_t len)
{
    if (relay->out_is_socket)
        return send(STDOUT_FILENO, at, len, MSG_DONTWAIT);
    return write(STDOUT_FILENO, at, len > PIPE_BUF ? PIPE_BUF : len);
}

static bool write_stdout(struct relay *relay, struct error *err)
{
    struct buffer *down = &relay->down;
    ssize_t n = write_some(relay, down->at + down->begin, down->end - down->begin);

    if (n < 0 && !is_later())
        return err_set(err, REASON_SYSTEM, "stdout: %m");
    down->begin += n > 0 ? (size_t)n : 0;
    return true;
}

static void close_stdout(struct relay *relay)
{
    if (relay->closed_out || !relay->gateway_ended || !is_empty(&relay->down))
        return;
    relay->closed_out = true;
    if (relay->out_is_socket)
        (void)shutdown(STDOUT_FILENO, SHUT_WR);
    else
        (void)close(STDOUT_FILENO);
}

static bool is_done(const struct relay *relay)
{
    /* Who types at a terminal sees that the other side is gone. */
    return relay->closed_out && (relay->said_end || relay->in_is_tty);
}

/* Waits until something can be done, and does it for stdin and stdout. */
static bool turn(struct relay *relay, struct error *err)
{
    bool reads = !relay->stdin_ended && is_empty(&relay->up), writes = !is_empty(&relay->down);
    struct pollfd fds[] = {
        {.fd = relay->link->fd, .events = relay->wants},
        {.fd = reads ? STDIN_FILENO : -1, .events = POLLIN},
        {.fd = writes ? STDOUT_FILENO : -1, .events = POLLOUT},
    };

    if (relay->gateway_ended)
        fds[0].events |= POLLIN; /* nothing but the end of TCP can come: nobody is there any more */
    if (poll(fds, ARRAY_LEN(fds), -1) < 0)
        return errno == EINTR || err_set(err, REASON_SYSTEM, "poll: %m");
    if (relay->gateway_ended && (fds[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
        relay->stdin_ended = relay->said_end = true;
        relay->up.begin = relay->up.end;
    }
    if (reads && fds[1].revents != 0 && !read_stdin(relay, err))
        return false;
    return !writes || fds[2].revents == 0 || write_stdout(relay, err);
}

static bool relay_all(struct mtls_link *link, struct error *err)
{
    struct relay relay = {.link = link, .in_is_tty = isatty(STDIN_FILENO) == 1};
    struct stat st;

    relay.out_is_socket = fstat(STDOUT_FILENO, &st) == 0 && S_ISSOCK(st.st_mode);
    for (;;) {
        relay.wants = 0;
        ERR_clear_error();
        if (!read_gateway(&relay, err) || !write_gateway(&relay, err))
            return false;
        close_stdout(&relay);
        if (is_done(&relay))
            return true;
        if (!turn(&relay, err))
            return false;
    }
}

/* --- the command ------------------------------------------------------------------------------ */

/*
 * Where to connect and what to ask for. With a gateway in the settings everything goes there and
 * the host is only a name; without one the host is the gateway. A name with a dot is the server
 * name (SNI); another one is a service that the gateway knows by its title.
 */
static bool choose(const struct mtls *mtls, const char *host, const char *port, const char *service,
                   struct mtls_target *ret_target, struct error *err)
{
    const struct mtls_settings *settings = &mtls->settings;
    const char *sni = service && strchr(service, '.') ? service : host;
    char text[MTLS_HOST_MAX + MTLS_PORT_MAX + 4];
    bool v6 = host && strchr(host, ':');

    if (settings->gateway) {
        if (!mtls_target_parse(settings->gateway, ret_target, err))
            return false;
    } else if (host) {
        (void)snprintf(text, sizeof(text), "%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port);
        if (!mtls_target_parse(text, ret_target, err))
            return false;
    } else {
        return err_set(err, REASON_CONFIG_MISSING,
                       "gateway: its HOST:PORT, in ~/.config/mtls/config or by --gateway");
    }
    if (!sni)
        sni = settings->name;
    if (!sni)
        return true;
    if (strlen(sni) > MTLS_HOST_MAX)
        return err_set(err, REASON_USAGE, "%s: no host name is so long", sni);
    (void)snprintf(ret_target->name, sizeof(ret_target->name), "%s", sni);
    return true;
}

/* Asks for the service; MTLS_OK when bytes may flow. */
static int ask(struct mtls_link *link, const char *service, struct error *err)
{
    bool by_title = service && !strchr(service, '.');
    struct gw1_request request = {.kind = GW1_CONNECT};
    char text[GW1_TEXT_MAX + 1];
    struct gw1_status status;

    if (!link->gw1 && !by_title)
        return MTLS_OK; /* the server name has said it all */
    if (!link->gw1)
        return err_set(err, REASON_TLS_FAILED, "the gateway does not speak " GW1_ALPN),
               mtls_error(err);
    if (by_title)
        request.name = bytes_of(service);
    if (!mtls_link_ask(link, &request, &status, text, sizeof(text), err))
        return mtls_error(err);
    link->session = status.id;
    return status.result == GW1_OK ? MTLS_OK : mtls_print_denial(&status, text);
}

int mtls_connect(struct mtls *mtls, int argc, char **argv)
{
    const char *host = NULL, *port = "8443";
    const struct option_row rows[] = {
        {"host", OPTION_TEXT, &host, "HOST", "server name that is wanted; ssh's %h", 0},
        {"port", OPTION_TEXT, &port, "PORT", "port when no gateway is set; ssh's %p", 0},
    };
    AUTO(mtls_link_close) struct mtls_link link = {.fd = -1};
    struct option_arguments rest;
    struct mtls_target target;
    const char *service;
    struct error err;
    int code;

    if (!mtls_options(mtls, OPTION_SET(rows, 0, 1), argc, argv, &rest, &code))
        return code;
    service = rest.n > 0 ? rest.at[0] : NULL;
    if (!choose(mtls, host, port, service, &target, &err) ||
        !mtls_link_open(&mtls->settings, &target, &link, &err))
        return mtls_error(&err);
    code = ask(&link, service, &err);
    if (code != MTLS_OK)
        return code;
    link.live = true;
    return relay_all(&link, &err) ? MTLS_OK : mtls_error(&err);
}
