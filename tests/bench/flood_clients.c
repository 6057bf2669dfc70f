/*
 * Clients that hold a certificate: the good one, and those that abuse what they may do.
 */
#include "tests/bench/flood.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
    LOGINS_MAX = 1 << 16,
    LINE_LEN = 64, /* octets that the good client gets echoed */
    READERS_MAX = 1000,
    CHAIN_LEN = 1 << 20, /* octets of the certificates */
};

/* --- the good client -------------------------------------------------------------------------- */

static bool echo_line(SSL *ssl)
{
    char line[LINE_LEN], back[LINE_LEN];
    size_t got = 0;

    memset(line, 'x', sizeof(line));
    if (SSL_write(ssl, line, sizeof(line)) != sizeof(line))
        return false;
    while (got < sizeof(back)) {
        int n = SSL_read(ssl, back + got, (int)(sizeof(back) - got));

        if (n <= 0)
            return false;
        got += (size_t)n;
    }
    return memcmp(line, back, sizeof(line)) == 0;
}

/* A session, or NULL; the caller closes its descriptor and frees it. */
static SSL *shake_hands(const struct flood_options *options, SSL_CTX *tls, uint64_t n)
{
    struct timeval patience = {.tv_sec = options->patience_ms / 1000,
                               .tv_usec = options->patience_ms % 1000 * 1000};
    int fd = flood_socket(options, n, 0);
    SSL *ssl = SSL_new(tls);
    int on = 1;

    if (fd < 0 || !ssl)
        flood_fatal("a login");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    SSL_set_fd(ssl, fd);
    SSL_set_tlsext_host_name(ssl, options->name);
    if (flood_connect(options, fd) == 0 && SSL_connect(ssl) == 1)
        return ssl;
    close(fd);
    SSL_free(ssl);
    ERR_clear_error();
    return NULL;
}

static void hang_up(SSL *ssl)
{
    close(SSL_get_fd(ssl));
    SSL_free(ssl);
    ERR_clear_error();
}

static bool log_in(const struct flood_options *options, SSL_CTX *tls, uint64_t n)
{
    SSL *ssl = shake_hands(options, tls, n);
    bool good = ssl && echo_line(ssl);

    if (good)
        SSL_shutdown(ssl);
    if (ssl)
        hang_up(ssl);
    return good;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

static double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static SSL_CTX *client_context(const struct flood_options *options)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

    if (!options->cert || !options->key || !options->ca ||
        SSL_CTX_use_certificate_chain_file(tls, options->cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, options->key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_load_verify_locations(tls, options->ca, NULL) != 1)
        flood_fatal("certificate, key or ca");
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    return tls;
}

int flood_good(const struct flood_options *options)
{
    static double took[LOGINS_MAX];
    SSL_CTX *tls = client_context(options);
    double end = now_ms() + options->seconds * 1e3;
    size_t n = 0, failed = 0;

    while (now_ms() < end && n < LOGINS_MAX) {
        double start = now_ms();

        if (log_in(options, tls, n + failed))
            took[n++] = now_ms() - start;
        else
            failed++;
        usleep((useconds_t)options->pause_ms * 1000);
    }
    qsort(took, n, sizeof(took[0]), compare);
    printf("logins=%zu failed=%zu p50_ms=%.2f p99_ms=%.2f max_ms=%.2f\n", n, failed,
           n ? took[n / 2] : -1.0, n ? took[(n - 1) * 99 / 100] : -1.0, n ? took[n - 1] : -1.0);
    SSL_CTX_free(tls);
    return 0;
}

/* --- slow readers ----------------------------------------------------------------------------- */

/* Until the connection takes nothing more. */
static uint64_t write_on(SSL *ssl)
{
    static uint8_t octets[16384];
    uint64_t sum = 0;
    int n;

    while ((n = SSL_write(ssl, octets, sizeof(octets))) > 0)
        sum += (uint64_t)n;
    ERR_clear_error();
    return sum;
}

int flood_readers(const struct flood_options *options)
{
    static SSL *readers[READERS_MAX];
    struct timeval at_once = {.tv_usec = 1000};
    SSL_CTX *tls = client_context(options);
    double end = now_ms() + options->seconds * 1e3;
    uint64_t written = 0;
    int n = 0;

    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    while (n < options->hold && n < READERS_MAX && now_ms() < end) {
        SSL *ssl = shake_hands(options, tls, (uint64_t)n);

        if (!ssl)
            continue;
        setsockopt(SSL_get_fd(ssl), SOL_SOCKET, SO_SNDTIMEO, &at_once, sizeof(at_once));
        readers[n++] = ssl;
    }
    while (now_ms() < end) {
        for (int i = 0; i < n; i++)
            written += write_on(readers[i]);
        usleep(50 * 1000);
    }
    printf("opened=%d written_mib=%llu seconds=%d\n", n, (unsigned long long)(written >> 20),
           options->seconds);
    while (n > 0)
        hang_up(readers[--n]);
    SSL_CTX_free(tls);
    return 0;
}

/* --- a long chain ----------------------------------------------------------------------------- */

int flood_chain(const struct flood_options *options)
{
    SSL_CTX *tls = client_context(options);
    X509 *certificate = SSL_CTX_get0_certificate(tls);
    int len = i2d_X509(certificate, NULL);
    double end = now_ms() + options->seconds * 1e3;
    uint64_t n = 0, accepted = 0;

    for (int sum = 0; sum < CHAIN_LEN; sum += len)
        if (SSL_CTX_add1_chain_cert(tls, certificate) != 1)
            flood_fatal("chain");
    while (now_ms() < end) {
        /* TLS 1.3 has finished for a client that is then refused: what counts is the echo. */
        accepted += log_in(options, tls, n);
        n++;
    }
    printf("opened=%llu accepted=%llu seconds=%d\n", (unsigned long long)n,
           (unsigned long long)accepted, options->seconds);
    SSL_CTX_free(tls);
    return 0;
}
