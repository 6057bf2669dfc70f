/*
 * How long the extraction of one certificate takes that decide has never seen: a person's (CN, UID,
 * e-mail, UPN), a workload's (one URI) and one with as many names as are taken.
 *     bench_extract [ROUNDS]
 */
#include "tests/unit/certs.h"

#include "common/clock.h"
#include "gatewayd/decide/identity.h"

#include <stdio.h>

enum { ROUNDS = 20000, SAMPLES = 15 };

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* Microseconds for one, the median of SAMPLES passes. */
static double measure(struct bytes der, long rounds)
{
    double samples[SAMPLES];

    for (size_t s = 0; s < SAMPLES; s++) {
        int64_t start = clock_monotonic_us();

        for (long i = 0; i < rounds / SAMPLES; i++) {
            struct identity *identity;
            struct error err;

            if (!identity_extract(der, &identity, &err))
                abort();
            (void)identity_unref(identity);
        }
        samples[s] = (double)(clock_monotonic_us() - start) / (double)(rounds / SAMPLES);
    }
    qsort(samples, SAMPLES, sizeof(samples[0]), compare);
    return samples[SAMPLES / 2];
}

static void run(const char *name, const struct cert_spec *spec, long rounds)
{
    struct bytes der = cert_make(spec);

    printf("extract %-10s %zu octets %7.2f us\n", name, der.len, measure(der, rounds));
    free((void *)der.at);
}

int main(int argc, char **argv)
{
    char san[4096] = "DNS:h0.example";
    const struct cert_spec person = {
        .subject = {{"DC", .value = "example"},
                    {"O", .value = "Example Corporation"},
                    {"OU", .value = "people"},
                    {"CN", .value = "Alice Adams"},
                    {"UID", .value = "alice"}},
        .san = "email:alice@example.org,otherName:msUPN;UTF8:alice@example.org",
        .eku = "clientAuth,emailProtection",
    };
    const struct cert_spec workload = {.subject = {{"O", .value = "SPIRE"}},
                                       .san = "URI:spiffe://prod.example/ns/default/sa/web",
                                       .eku = "clientAuth,serverAuth"};
    const struct cert_spec many = {.subject = {{"CN", .value = "many"}}, .san = san};
    long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : ROUNDS;

    for (size_t i = 1; i < IDENTITY_SANS_MAX; i++)
        (void)snprintf(san + strlen(san), sizeof(san) - strlen(san), ",DNS:h%zu.example", i);
    run("person", &person, rounds);
    run("workload", &workload, rounds);
    run("64 names", &many, rounds);
    return 0;
}
