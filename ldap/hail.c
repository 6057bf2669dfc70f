/*
 * Hails LDAP servers: a request that every server answers at once, over a socket that never
 * blocks; any octets back will do. Runs in directory. Nothing is trusted and nothing is sent but
 * fixed octets: who is really there is the matter of the connection that follows.
 */
#include "ldap/hail.h"

#include "common/clock.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* LDAPMessage { 1, BindRequest { 3, "", simple "" } }, RFC 4511 4.2: answered, if only by no. */
static const uint8_t bind_request[] = {0x30, 0x0c, 0x02, 0x01, 0x01, 0x60, 0x07,
                                       0x02, 0x01, 0x03, 0x04, 0x00, 0x80, 0x00};

/* ClientHello of TLS 1.2 (RFC 5246 7.4.1.2): a server answers with ServerHello or an alert. */
static const uint8_t client_hello[] = {
    0x16, 0x03, 0x01, 0x00, 0x4f,                   /* handshake record */
    0x01, 0x00, 0x00, 0x4b, 0x03, 0x03,             /* ClientHello, TLS 1.2 */
    0x6b, 0x6e, 0x6f, 0x63, 0x6b, 0x6b, 0x6e, 0x6f, /* random: nothing is derived from it */
    0x63, 0x6b, 0x6b, 0x6e, 0x6f, 0x63, 0x6b, 0x6b, 0x6e, 0x6f, 0x63, 0x6b, 0x6b, 0x6e,
    0x6f, 0x63, 0x6b, 0x6b, 0x6e, 0x6f, 0x63, 0x6b, 0x6b, 0x6e, 0x00, /* no session */
    0x00, 0x04, 0xc0, 0x2b, 0xc0, 0x2f,                               /* ECDHE with AES-128-GCM */
    0x01, 0x00,                                                       /* no compression */
    0x00, 0x1e,                                                       /* extensions */
    0x00, 0x0a, 0x00, 0x06, 0x00, 0x04, 0x00, 0x1d, 0x00, 0x17,       /* groups x25519, P-256 */
    0x00, 0x0b, 0x00, 0x02, 0x01, 0x00,                               /* uncompressed points */
    0x00, 0x0d, 0x00, 0x0a, 0x00, 0x08, 0x04, 0x03, 0x04, 0x01, 0x08, 0x04, 0x05, 0x03,
};
_Static_assert(sizeof(client_hello) == 5 + 0x4f, "length of the record");

static bool is_tls(const char *uri)
{
    return strncmp(uri, "ldaps://", 8) == 0;
}

bool hail_begin(struct hail *hail, const char *uri, const struct directory_calls *calls,
                struct error *err)
{
    hail->sent = false;
    hail->until_ms = clock_monotonic_ms() + HAIL_MS;
    hail->fd = calls->dial ? calls->dial(calls->context, uri, DIRECTORY_DIAL_AT_ONCE, err)
                           : directory_dial(NULL, uri, DIRECTORY_DIAL_AT_ONCE, err);
    return hail->fd >= 0 || err_in(err, "%s", uri);
}

static bool send_now(struct hail *hail, bool tls)
{
    const uint8_t *octets = tls ? client_hello : bind_request;
    size_t len = tls ? sizeof(client_hello) : sizeof(bind_request);

    hail->sent = send(hail->fd, octets, len, MSG_NOSIGNAL) == (ssize_t)len;
    return hail->sent;
}

/* A TLS server that closes is there too: a stopped one would not. */
static bool has_answered(struct hail *hail, bool tls)
{
    uint8_t octet;
    ssize_t n = recv(hail->fd, &octet, 1, 0);

    return n > 0 || (n == 0 && tls);
}

static enum hail_state look(struct hail *hail, bool tls)
{
    struct pollfd at = {.fd = hail->fd, .events = hail->sent ? POLLIN : POLLOUT};
    int state = 0, n = poll(&at, 1, 0);
    socklen_t len = sizeof(state);

    if (n == 0 || (n < 0 && errno == EINTR))
        return HAIL_WAITS;
    if (n < 0 || getsockopt(hail->fd, SOL_SOCKET, SO_ERROR, &state, &len) < 0 || state != 0) {
        errno = state ? state : errno;
        return HAIL_FAILED;
    }
    if (!hail->sent)
        return send_now(hail, tls) ? HAIL_WAITS : HAIL_FAILED;
    errno = ECONNRESET;
    return has_answered(hail, tls) ? HAIL_ANSWERED : HAIL_FAILED;
}

enum hail_state hail_look(struct hail *hail, const char *uri, struct error *err)
{
    enum hail_state state = look(hail, is_tls(uri));

    if (state == HAIL_FAILED)
        (void)err_set(err, REASON_DIRECTORY_UNREACHABLE, "%s: %m", uri);
    if (state == HAIL_WAITS && clock_monotonic_ms() >= hail->until_ms) {
        (void)err_set(err, REASON_DIRECTORY_UNREACHABLE, "%s: no answer for %d ms", uri, HAIL_MS);
        state = HAIL_FAILED;
    }
    if (state != HAIL_WAITS)
        hail_end(hail);
    return state;
}

void hail_end(struct hail *hail)
{
    if (hail->fd >= 0)
        (void)close(hail->fd);
    hail->fd = -1;
}
