/*
 * What one session costs decide when there are ten of them and when there are 20,000: CPU of a
 * connection, memory of a session with its record in the registry, and CPU of doing nothing.
 *
 *   bench_scale [SESSIONS [USERS]]
 */
#include "decide_bench.h"

#include "common/clock.h"

#include <malloc.h>
#include <stdio.h>

enum { PROBE = 2000, ROUNDS = 3, RULES = 1000, GROUPS = 500, IDLE_MS = 3000 };

static void figure(const char *name, double value, const char *unit, const char *goal)
{
    printf("figure scale_%s %.3f %s %s\n", name, value, unit, goal);
    fflush(stdout);
}

/* Microseconds of CPU per connection, opened and closed beside the others; the best of some. */
static double connection_us(struct bench *bench, uint64_t first)
{
    double best = 1e9;

    for (int round = 0; round < ROUNDS; round++) {
        bench_clear(bench);
        bench_open(bench, first, PROBE);
        bench_close(bench, first, PROBE);
        if (bench->cpu_s * 1e6 / PROBE < best)
            best = bench->cpu_s * 1e6 / PROBE;
    }
    return best;
}

/* Percent of a core. The loop sleeps between its events, as it does in the daemon. */
static double idle_percent(struct bench *bench)
{
    int64_t end_ms = clock_monotonic_ms() + IDLE_MS;
    double begin_s = bench_cpu_s();

    while (clock_monotonic_ms() < end_ms)
        ev_run(bench->loop, EVRUN_ONCE); /* at the latest the tick of the second ends it */
    return (bench_cpu_s() - begin_s) * 1000 / IDLE_MS * 100;
}

int main(int argc, char **argv)
{
    size_t n_sessions = argc > 1 ? strtoul(argv[1], NULL, 10) : 20000;
    size_t n_users = argc > 2 ? strtoul(argv[2], NULL, 10) : 5000;
    struct bench *bench = bench_new(n_users, GROUPS);
    double few, many;
    size_t heap;

    bench_policy(bench, RULES, "");
    bench_settle(bench);
    bench_open(bench, 0, n_users < 10 ? n_users : 10);
    bench_open(bench, 0 + 10,
               n_users > 10 ? n_users - 10 : 0); /* certificates are known from now */
    bench_close(bench, 10, n_users > 10 ? n_users - 10 : 0);
    few = connection_us(bench, n_sessions);
    heap = mallinfo2().uordblks + mallinfo2().hblkhd;
    bench_open(bench, 10, n_sessions - 10);
    heap = mallinfo2().uordblks + mallinfo2().hblkhd - heap;
    figure("heap_per_session", (double)heap / 1024 / (double)(n_sessions - 10), "KiB", "-");
    figure("memory_per_session",
           ((double)heap / (double)(n_sessions - 10) + REGISTRY_RECORD_LEN) / 1024, "KiB", "<=1.5");
    many = connection_us(bench, n_sessions);
    figure("connection_beside_10_cpu", few, "us", "-");
    figure("connection_beside_many_cpu", many, "us", "-");
    figure("connection_many_to_10", many / few, "x", "<=1.05");
    figure("idle", idle_percent(bench), "percent", "<=0.05");
    if (sessions_count_live(bench->decide->sessions) != n_sessions) {
        fprintf(stderr, "%zu live\n", sessions_count_live(bench->decide->sessions));
        return 1;
    }
    bench_free(bench);
    return 0;
}
