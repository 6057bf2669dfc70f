/*
 * Looks at what strangers have sent before TLS begins. Runs in an edge; takes nothing out of the
 * socket and allocates nothing.
 */
#include "gatewayd/edge/knock.h"

#include "common/macros.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum {
    RECORD_HEAD = 5,       /* type, version, length */
    RECORD_MAX = 16384,    /* octets of a record in the clear (RFC 8446 5.1) */
    RECORD_HANDSHAKE = 22, /* its type */
    VERSION_MAJOR = 3,     /* of everything since SSL 3 */
};

/* The octets of the record that must be there; 0: this is no handshake. */
static size_t needed(const uint8_t *head, size_t len)
{
    size_t record;

    if (head[0] != RECORD_HANDSHAKE || (len > 1 && head[1] != VERSION_MAJOR))
        return 0;
    if (len < RECORD_HEAD)
        return RECORD_HEAD;
    record = (size_t)head[3] << 8 | head[4];
    return record > 0 && record <= RECORD_MAX ? RECORD_HEAD + record : 0;
}

/* The kernel calls the socket readable when so many octets are there, or the end. */
static void wake_at(int fd, size_t octets)
{
    int n = (int)octets;

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &n, sizeof(n));
}

bool knock_gone(int fd)
{
    struct pollfd look = {.fd = fd, .events = POLLRDHUP};

    return poll(&look, 1, 0) != 0;
}

enum knock knock_look(int fd, bool *waits)
{
    uint8_t head[RECORD_HEAD];
    ssize_t n = recv(fd, head, sizeof(head), MSG_PEEK);
    size_t need;
    int there = 0;

    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return KNOCK_WAIT;
    if (n <= 0)
        return KNOCK_GONE;
    need = needed(head, (size_t)n);
    if (need == 0)
        return KNOCK_NO_TLS;
    if (n == RECORD_HEAD && ioctl(fd, FIONREAD, &there) == 0 && (size_t)there >= need) {
        if (*waits)
            wake_at(fd, 1);
        *waits = false;
        return KNOCK_HELLO;
    }
    *waits = true;
    wake_at(fd, need);
    return knock_gone(fd) ? KNOCK_GONE : KNOCK_WAIT;
}

void knock_refuse(int fd)
{
    static const uint8_t alert[] = {21, 3, 3, 0, 2, 2 /* fatal */, 70 /* protocol_version */};

    (void)send(fd, alert, sizeof(alert), MSG_NOSIGNAL | MSG_DONTWAIT);
}
