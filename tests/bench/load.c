/*
 * A load client and an echo service for the soak, on libev, one thread each.
 *
 *   load serve PATH                 echoes on a unix socket
 *   load run OPTIONS                holds --hold sessions open and opens --rate new ones a second
 * for
 *                                   --seconds; each writes one line and waits for its echo
 *
 * Prints one line of figures; exit status 1 when any connection failed. Sources are spread over
 * 127.0.0.0/8, so that per-source limits and the number of ports are no hindrance.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
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
#include <sys/un.h>
#include <unistd.h>

enum {
    LINE_LEN = 64,          /* octets that go there and back */
    TIMES_MAX = 1 << 20,    /* durations kept; more are not counted in the quantiles */
    BEAT_S = 5,             /* a held session says something this often */
    PATIENCE_S = 20,        /* a connection that takes longer has failed */
    SERVE_BUFFER = 1 << 14, /* octets echoed at once */
};

struct options {
    const char *cert, *key, *ca, *name;
    int port, hold, rate, seconds;
};

struct load {
    struct options options;
    struct ev_loop *loop;
    SSL_CTX *tls;
    ev_timer tick;
    double started, carry;
    int held, holding_now, open_now, peak;
    uint64_t opened, done, failed, beats;
    uint32_t *times_us;
    size_t n_times;
    char first_failure[200];
};

enum step { STEP_CONNECT, STEP_HANDSHAKE, STEP_WRITE, STEP_READ, STEP_HELD };

struct client {
    struct load *load;
    SSL *ssl;
    int fd;
    enum step step;
    bool hold;
    size_t got;
    double began;
    ev_io io;
    ev_timer timer;
};

static void fatal(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    ERR_print_errors_fp(stderr);
    exit(2);
}

/* --- the echo service --------------------------------------------------------------------------
 */

static void echo_some(struct ev_loop *loop, ev_io *io, int events)
{
    static uint8_t space[SERVE_BUFFER];
    ssize_t n = read(io->fd, space, sizeof(space));

    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    /* Lines are short and the reader waits for each: a full socket means a broken test. */
    if (n > 0 && write(io->fd, space, (size_t)n) == n)
        return;
    ev_io_stop(loop, io);
    close(io->fd);
    free(io);
}

static void serve_accept(struct ev_loop *loop, ev_io *io, int events)
{
    (void)events;
    for (;;) {
        int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        ev_io *connection;

        if (fd < 0)
            return;
        connection = calloc(1, sizeof(*connection));
        if (!connection)
            fatal("memory");
        ev_io_init(connection, echo_some, fd, EV_READ);
        ev_io_start(loop, connection);
    }
}

static int serve(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct ev_loop *loop = ev_default_loop(0);
    ev_io io;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    unlink(path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 4096))
        fatal(path);
    ev_io_init(&io, serve_accept, fd, EV_READ);
    ev_io_start(loop, &io);
    ev_run(loop, 0);
    return 0;
}

/* --- one client --------------------------------------------------------------------------------
 */

static void client_end(struct client *client, const char *failure)
{
    struct load *load = client->load;

    ev_io_stop(load->loop, &client->io);
    ev_timer_stop(load->loop, &client->timer);
    if (failure) {
        load->failed++;
        if (!load->first_failure[0]) {
            char detail[120];

            ERR_error_string_n(ERR_peek_error(), detail, sizeof(detail));
            snprintf(load->first_failure, sizeof(load->first_failure), "%s (%s)", failure, detail);
        }
    }
    if (client->ssl) {
        if (!failure)
            SSL_shutdown(client->ssl);
        SSL_free(client->ssl);
    }
    close(client->fd);
    load->open_now--;
    load->holding_now -= client->hold;
    ERR_clear_error();
    free(client);
}

static void client_wait(struct client *client, int events)
{
    if (client->io.events == events)
        return;
    ev_io_stop(client->load->loop, &client->io);
    ev_io_set(&client->io, client->fd, events);
    ev_io_start(client->load->loop, &client->io);
}

/* What SSL wants; false: the connection has failed. */
static bool client_wants(struct client *client, int result)
{
    switch (SSL_get_error(client->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        client_wait(client, EV_READ);
        return true;
    case SSL_ERROR_WANT_WRITE:
        client_wait(client, EV_WRITE);
        return true;
    default:
        return false;
    }
}

static void client_echoed(struct client *client)
{
    struct load *load = client->load;
    double took = ev_time() - client->began;

    if (client->step == STEP_READ && load->n_times < TIMES_MAX && load->times_us)
        load->times_us[load->n_times++] = (uint32_t)(took * 1e6);
    client->got = 0;
    load->done++;
    if (!client->hold) {
        client_end(client, NULL);
        return;
    }
    client->step = STEP_HELD;
    client_wait(client, EV_READ);
    ev_timer_stop(load->loop, &client->timer);
    ev_timer_set(&client->timer, BEAT_S, 0.0);
    ev_timer_start(load->loop, &client->timer);
}

/* The next step that can be made; false: it has failed. */
static bool client_step(struct client *client, bool *ret_more)
{
    char line[LINE_LEN];
    int n;

    *ret_more = false;
    if (client->step == STEP_CONNECT) {
        client->step = STEP_HANDSHAKE;
        *ret_more = true;
        return true;
    }
    if (client->step == STEP_HANDSHAKE) {
        n = SSL_connect(client->ssl);
        if (n != 1)
            return client_wants(client, n);
        client->step = STEP_WRITE;
        *ret_more = true;
        return true;
    }
    if (client->step == STEP_WRITE) {
        memset(line, 'x', sizeof(line));
        n = SSL_write(client->ssl, line, sizeof(line));
        if (n <= 0)
            return client_wants(client, n);
        client->step = STEP_READ;
        *ret_more = true;
        return true;
    }
    n = SSL_read(client->ssl, line, (int)sizeof(line));
    if (n <= 0)
        return client_wants(client, n);
    client->got += (size_t)n;
    *ret_more = client->got < LINE_LEN;
    if (client->got >= LINE_LEN)
        client_echoed(client);
    return true;
}

static void client_ready(struct ev_loop *loop, ev_io *io, int events)
{
    struct client *client = io->data;
    static const char *const names[] = {"connect", "handshake", "write", "read", "held"};
    bool more = true;

    (void)loop;
    (void)events;
    while (more) {
        const char *name = names[client->step];

        if (!client_step(client, &more)) {
            client_end(client, name);
            return;
        }
    }
}

static void client_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct client *client = timer->data;
    char line[LINE_LEN];

    (void)events;
    if (client->step != STEP_HELD || client->got != 0) {
        client_end(client, "too late");
        return;
    }
    memset(line, 'y', sizeof(line));
    if (SSL_write(client->ssl, line, sizeof(line)) <= 0) {
        client_end(client, "beat");
        return;
    }
    client->load->beats++;
    client->began = ev_time();
    ev_timer_set(timer, PATIENCE_S, 0.0);
    ev_timer_start(loop, timer);
}

static int connect_from(struct load *load)
{
    uint32_t n = (uint32_t)load->opened;
    struct sockaddr_in from = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(0x7f010000u | (1 + n % 250))};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)load->options.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd < 0)
        fatal("socket");
    setsockopt(fd, IPPROTO_IP, 24 /* IP_BIND_ADDRESS_NO_PORT */, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&from, sizeof(from)))
        fatal("bind");
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) && errno != EINPROGRESS)
        fatal("connect");
    return fd;
}

static void client_new(struct load *load, bool hold)
{
    struct client *client = calloc(1, sizeof(*client));

    if (!client)
        fatal("memory");
    *client =
        (struct client){.load = load, .fd = connect_from(load), .hold = hold, .began = ev_time()};
    client->ssl = SSL_new(load->tls);
    if (!client->ssl || !SSL_set_fd(client->ssl, client->fd) ||
        !SSL_set_tlsext_host_name(client->ssl, load->options.name) ||
        !SSL_set1_host(client->ssl, load->options.name))
        fatal("SSL");
    load->opened++;
    load->open_now++;
    load->holding_now += hold;
    if (load->open_now > load->peak)
        load->peak = load->open_now;
    ev_io_init(&client->io, client_ready, client->fd, EV_WRITE);
    client->io.data = client;
    ev_io_start(load->loop, &client->io);
    ev_timer_init(&client->timer, client_timer, PATIENCE_S, 0.0);
    client->timer.data = client;
    ev_timer_start(load->loop, &client->timer);
}

/* --- the course of a run -----------------------------------------------------------------------
 */

static void run_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct load *load = timer->data;
    double now = ev_time();
    bool filling = load->held < load->options.hold;

    (void)events;
    if (!filling && load->started == 0.0)
        load->started = now;
    if (load->started != 0.0 && now - load->started >= load->options.seconds) {
        ev_break(loop, EVBREAK_ALL);
        return;
    }
    load->carry += load->options.rate * timer->repeat;
    for (; load->carry >= 1.0; load->carry -= 1.0) {
        client_new(load, load->held < load->options.hold);
        load->held += load->held < load->options.hold;
    }
}

static int compare_times(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

    return (a > b) - (a < b);
}

static double quantile_ms(const struct load *load, double part)
{
    if (load->n_times == 0)
        return 0.0;
    return load->times_us[(size_t)((double)(load->n_times - 1) * part)] / 1000.0;
}

static SSL_CTX *tls_new(const struct options *options)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

    if (!tls || SSL_CTX_use_certificate_chain_file(tls, options->cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, options->key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_load_verify_locations(tls, options->ca, NULL) != 1)
        fatal("certificate, key or ca");
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
    return tls;
}

static int run(const struct options *options)
{
    struct load load = {.options = *options, .loop = ev_default_loop(0), .tls = tls_new(options)};

    load.times_us = calloc(TIMES_MAX, sizeof(*load.times_us));
    ev_timer_init(&load.tick, run_tick, 0.0, 0.01);
    load.tick.data = &load;
    ev_timer_start(load.loop, &load.tick);
    ev_run(load.loop, 0);
    qsort(load.times_us, load.n_times, sizeof(*load.times_us), compare_times);
    printf("opened=%llu echoed=%llu failed=%llu held=%d peak=%d beats=%llu p50_ms=%.2f p99_ms=%.2f "
           "max_ms=%.2f%s%s\n",
           (unsigned long long)load.opened, (unsigned long long)load.done,
           (unsigned long long)load.failed, load.holding_now, load.peak,
           (unsigned long long)load.beats, quantile_ms(&load, 0.5), quantile_ms(&load, 0.99),
           quantile_ms(&load, 1.0), load.first_failure[0] ? " first_failure=" : "",
           load.first_failure);
    return load.failed > 0;
}

static const struct option options_table[] = {
    {"port", required_argument, NULL, 'p'},
    {"cert", required_argument, NULL, 'c'},
    {"key", required_argument, NULL, 'k'},
    {"ca", required_argument, NULL, 'a'},
    {"name", required_argument, NULL, 'n'},
    {"hold", required_argument, NULL, 'h'},
    {"rate", required_argument, NULL, 'r'},
    {"seconds", required_argument, NULL, 's'},
    {NULL, 0, NULL, 0},
};

static int number(const char *text)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (*end || value < 0 || value > 1000000) {
        fprintf(stderr, "load: %s is no number\n", text);
        exit(2);
    }
    return (int)value;
}

int main(int argc, char **argv)
{
    struct options options = {.hold = 100, .rate = 50, .seconds = 10};
    int c;

    signal(SIGPIPE, SIG_IGN);
    if (argc == 3 && strcmp(argv[1], "serve") == 0)
        return serve(argv[2]);
    while ((c = getopt_long(argc, argv, "", options_table, NULL)) != -1) {
        const char **texts[] = {['c'] = &options.cert,
                                ['k'] = &options.key,
                                ['a'] = &options.ca,
                                ['n'] = &options.name,
                                ['z'] = NULL};
        int *numbers[] = {['p'] = &options.port,
                          ['h'] = &options.hold,
                          ['r'] = &options.rate,
                          ['s'] = &options.seconds,
                          ['z'] = NULL};

        if (c == '?')
            return 2;
        if (texts[c])
            *texts[c] = optarg;
        else
            *numbers[c] = number(optarg);
    }
    if (!options.cert || !options.key || !options.ca || !options.name || !options.port) {
        fprintf(stderr, "usage: load run --port P --cert F --key F --ca F --name N [--hold N] "
                        "[--rate N] [--seconds N]\n       load serve PATH\n");
        return 2;
    }
    return run(&options);
}
