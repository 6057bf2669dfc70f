/*
 * Attacks on the door, and a good client beside them, on loopback. Sources are addresses of 127/8.
 *
 *   flood good OPTIONS         logs in, gets one line echoed and hangs up, one login after the
 * other flood attack KIND OPTIONS  opens connections of a kind (the table below), --rate a second,
 * and holds up to --hold of them
 *
 * Each prints one line of figures. The ClientHellos are valid and are made before the attack.
 */
#include "tests/bench/flood.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ev.h>
#include <getopt.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    HELLO_MAX = 2048, /* octets of a ClientHello */
    HELLOS = 64,      /* different ones, each with its own key share */
    GARBAGE_LEN = 200,
    LINE_LEN = 64,     /* octets that the good client gets echoed */
    TICKS_PER_S = 100, /* connections are opened in as many portions */
};

/* What a connection of each kind says, and what it does then. */
static const struct kind {
    const char *name;
    bool hello;    /* a ClientHello; otherwise octets without sense */
    int per_s;     /* octets a second; 0: everything at once, -1: nothing ever */
    bool abandons; /* closes at once when all is said */
    bool renews;   /* above --hold the oldest is closed; otherwise none is opened */
} kinds[] = {
    {"hello", true, 0, false, true},     /* reads what comes and never answers */
    {"abandon", true, 0, true, true},    /* is gone before the answer */
    {"stalled", true, 0, false, false},  /* half of a handshake, kept */
    {"silent", true, -1, false, false},  /* a connection, kept */
    {"slow", true, 1, false, false},     /* one octet a second */
    {"garbage", false, 0, false, false}, /* no TLS */
};

struct line {
    struct flood *flood;
    struct line *next, *prev; /* in order of their ages */
    int fd;
    size_t sent, len;
    const uint8_t *octets;
    double next_at; /* for slow ones */
    ev_io io;
};

struct flood {
    struct flood_options options;
    const struct kind *kind;
    struct ev_loop *loop;
    ev_timer tick;
    double started, carry;
    struct line lines; /* the head of a ring */
    int open;
    uint64_t opened, said, ended_by_peer, refused;
    struct {
        uint8_t at[HELLO_MAX];
        size_t len;
    } hellos[HELLOS];
};

void flood_fatal(const char *what)
{
    fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
    ERR_print_errors_fp(stderr);
    exit(2);
}

int flood_socket(const struct flood_options *options, uint64_t n, int flags)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    uint32_t at = (uint32_t)(n % (uint64_t)options->sources);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    int on = 1;

    if (fd < 0)
        return -1;
    if (inet_pton(AF_INET, options->net, &from.sin_addr) != 1)
        flood_fatal(options->net);
    from.sin_addr.s_addr = htonl(ntohl(from.sin_addr.s_addr) + ((at / 250) << 8) + 1 + at % 250);
    setsockopt(fd, IPPROTO_IP, 24 /* IP_BIND_ADDRESS_NO_PORT */, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&from, sizeof(from)))
        flood_fatal("bind");
    return fd;
}

int flood_connect(const struct flood_options *options, int fd)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)options->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    return connect(fd, (struct sockaddr *)&to, sizeof(to));
}

/* --- the attacks ------------------------------------------------------------------------------ */

static void make_hellos(struct flood *flood)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

    for (int i = 0; i < HELLOS; i++) {
        SSL *ssl = SSL_new(tls);
        BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
        int len;

        SSL_set_bio(ssl, in, out);
        SSL_set_tlsext_host_name(ssl, flood->options.name);
        (void)SSL_connect(ssl);
        len = BIO_read(out, flood->hellos[i].at, HELLO_MAX);
        if (len <= 0 || len == HELLO_MAX)
            flood_fatal("ClientHello");
        flood->hellos[i].len = (size_t)len;
        if (!flood->kind->hello)
            for (int k = 0; k < HELLO_MAX; k++)
                flood->hellos[i].at[k] = (uint8_t)(rand() >> 7);
        SSL_free(ssl);
    }
    SSL_CTX_free(tls);
    ERR_clear_error();
}

static void line_end(struct line *line)
{
    ev_io_stop(line->flood->loop, &line->io);
    line->prev->next = line->next;
    line->next->prev = line->prev;
    line->flood->open--;
    close(line->fd);
    free(line);
}

static void line_watch(struct line *line, int events)
{
    if ((line->io.events & (EV_READ | EV_WRITE)) == events)
        return;
    ev_io_stop(line->flood->loop, &line->io);
    ev_io_set(&line->io, line->fd, events);
    ev_io_start(line->flood->loop, &line->io);
}

/* False: the connection is gone. */
static bool line_say(struct line *line)
{
    const struct kind *kind = line->flood->kind;
    size_t n = line->len - line->sent;

    if (kind->per_s > 0 && n > 1)
        n = 1;
    if (kind->per_s >= 0) {
        ssize_t sent = send(line->fd, line->octets + line->sent, n, MSG_NOSIGNAL);

        if (sent < 0)
            return errno == EAGAIN;
        line->sent += (size_t)sent;
        line->next_at = ev_now(line->flood->loop) + 1.0;
    }
    if (line->sent == line->len) {
        line->flood->said++;
        if (kind->abandons)
            return false;
    }
    line_watch(line, EV_READ);
    return true;
}

static void line_ready(struct ev_loop *loop, ev_io *io, int events)
{
    static uint8_t space[1 << 16];
    struct line *line = io->data;

    (void)loop;
    if (events & EV_READ) {
        ssize_t n = recv(line->fd, space, sizeof(space), 0);

        if (n == 0 || (n < 0 && errno != EAGAIN)) {
            line->flood->ended_by_peer++;
            line_end(line);
            return;
        }
    }
    if ((events & EV_WRITE) && !line_say(line))
        line_end(line);
}

static void line_new(struct flood *flood)
{
    struct line *line = calloc(1, sizeof(*line));
    int fd = flood_socket(&flood->options, flood->opened, SOCK_NONBLOCK);
    int which = (int)(flood->opened % HELLOS);

    if (!line || fd < 0)
        flood_fatal("a connection");
    flood->opened++;
    if (flood_connect(&flood->options, fd) && errno != EINPROGRESS) {
        flood->refused++;
        close(fd);
        free(line);
        return;
    }
    *line = (struct line){.flood = flood,
                          .fd = fd,
                          .octets = flood->hellos[which].at,
                          .len = flood->kind->hello ? flood->hellos[which].len : GARBAGE_LEN,
                          .next = &flood->lines,
                          .prev = flood->lines.prev};
    line->prev->next = line->next->prev = line;
    flood->open++;
    ev_io_init(&line->io, line_ready, fd, EV_WRITE);
    line->io.data = line;
    ev_io_start(flood->loop, &line->io);
}

/* The next octets of slow ones that are due. */
static void go_on(struct flood *flood)
{
    double now = ev_now(flood->loop);
    struct line *line, *next;

    for (line = flood->lines.next; line != &flood->lines; line = next) {
        next = line->next;
        if (line->next_at > 0.0 && line->next_at <= now && line->sent < line->len &&
            !line_say(line))
            line_end(line);
    }
}

static void attack_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct flood *flood = timer->data;
    const struct flood_options *options = &flood->options;

    (void)events;
    if (ev_now(loop) - flood->started >= options->seconds ||
        (options->total > 0 && flood->opened >= (uint64_t)options->total && flood->open == 0)) {
        ev_break(loop, EVBREAK_ALL);
        return;
    }
    if (flood->kind->per_s > 0)
        go_on(flood);
    for (flood->carry += (double)options->rate / TICKS_PER_S; flood->carry >= 1.0;
         flood->carry -= 1.0) {
        if (options->total > 0 && flood->opened >= (uint64_t)options->total)
            continue;
        if (flood->open >= options->hold && !flood->kind->renews)
            continue;
        if (flood->open >= options->hold)
            line_end(flood->lines.next);
        line_new(flood);
    }
}

static int attack(const struct flood_options *options, const char *kind)
{
    static struct flood flood;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].name, kind) == 0)
            flood.kind = &kinds[i];
    if (!flood.kind)
        flood_fatal(kind);
    flood.options = *options;
    flood.loop = ev_default_loop(0);
    flood.lines.next = flood.lines.prev = &flood.lines;
    make_hellos(&flood);
    flood.started = ev_now(flood.loop);
    ev_timer_init(&flood.tick, attack_tick, 0.0, 1.0 / TICKS_PER_S);
    flood.tick.data = &flood;
    ev_timer_start(flood.loop, &flood.tick);
    ev_run(flood.loop, 0);
    printf("opened=%llu said=%llu ended_by_peer=%llu refused=%llu open=%d seconds=%.2f\n",
           (unsigned long long)flood.opened, (unsigned long long)flood.said,
           (unsigned long long)flood.ended_by_peer, (unsigned long long)flood.refused, flood.open,
           ev_now(flood.loop) - flood.started);
    return 0;
}

/* --- options ---------------------------------------------------------------------------------- */

enum { TEXTS = 5 };

static const struct option option_table[] = {
    {"cert", required_argument, NULL, 0},      {"key", required_argument, NULL, 1},
    {"ca", required_argument, NULL, 2},        {"name", required_argument, NULL, 3},
    {"net", required_argument, NULL, 4},       {"port", required_argument, NULL, 5},
    {"sources", required_argument, NULL, 6},   {"rate", required_argument, NULL, 7},
    {"hold", required_argument, NULL, 8},      {"total", required_argument, NULL, 9},
    {"seconds", required_argument, NULL, 10},  {"pause", required_argument, NULL, 11},
    {"patience", required_argument, NULL, 12}, {NULL, 0, NULL, 0},
};

static const struct {
    const char *name;
    int (*run)(const struct flood_options *options);
} clients[] = {{"good", flood_good}, {"readers", flood_readers}, {"chain", flood_chain}};

static int usage(void)
{
    fprintf(stderr,
            "usage: flood good|readers|chain|attack [KIND] --port P --name N [--net 127.X.0.0] "
            "[--sources N] [--rate N]\n"
            "             [--hold N] [--total N] [--seconds N] [--pause MS] [--patience "
            "MS] [--cert F --key F --ca F]\n");
    return 2;
}

int main(int argc, char **argv)
{
    struct flood_options o = {.name = "localhost",
                              .net = "127.0.7.0",
                              .sources = 1,
                              .rate = 1000,
                              .hold = 1000,
                              .seconds = 10,
                              .pause_ms = 20,
                              .patience_ms = 5000};
    const char **texts[] = {&o.cert, &o.key, &o.ca, &o.name, &o.net};
    int *numbers[] = {&o.port,  &o.sources, &o.rate,     &o.hold,
                      &o.total, &o.seconds, &o.pause_ms, &o.patience_ms};
    int at;

    signal(SIGPIPE, SIG_IGN);
    while ((at = getopt_long(argc, argv, "", option_table, NULL)) != -1) {
        if (at == '?')
            return usage();
        if (at < TEXTS)
            *texts[at] = optarg;
        else
            *numbers[at - TEXTS] = atoi(optarg);
    }
    if (o.port <= 0 || o.sources <= 0)
        return usage();
    for (size_t i = 0; optind + 1 == argc && i < sizeof(clients) / sizeof(clients[0]); i++)
        if (strcmp(argv[optind], clients[i].name) == 0)
            return clients[i].run(&o);
    if (optind + 2 == argc && strcmp(argv[optind], "attack") == 0)
        return attack(&o, argv[optind + 1]);
    return usage();
}
