/*
 * Does a connection cost more in a large directory? The same ten users connect with 10 and with
 * 100,000 others around them, in a decide of its own each; and what it costs to take over that
 * directory and a change of it.
 *
 *   bench_users [USERS [GROUPS]]
 */
#include "decide_bench.h"

#include <stdio.h>

enum { CONNECTING = 10, CONNECTIONS = 3000, ROUNDS = 5, RULES = 1000 };

static void figure(const char *name, double value, const char *unit, const char *goal)
{
    printf("figure users_%s %.3f %s %s\n", name, value, unit, goal);
    fflush(stdout);
}

/* Microseconds of CPU per connection, opened and closed. */
static double round_us(struct bench *bench, uint64_t first)
{
    bench_clear(bench);
    bench_open(bench, first, CONNECTIONS);
    if (bench->n_allowed != CONNECTIONS)
        fprintf(stderr, "%zu of %d allowed\n", bench->n_allowed, CONNECTIONS);
    bench_close(bench, first, CONNECTIONS);
    return bench->cpu_s * 1e6 / CONNECTIONS;
}

static void changes(struct bench *bench)
{
    size_t group = bench->n_groups / 2;

    bench_clear(bench);
    bench_join(bench, bench->n_users - 1, group);
    bench_settle(bench);
    figure("change_of_a_group_cpu", bench->cpu_s * 1000, "ms", "<=1");
    bench_clear(bench);
    bench_remove_user(bench, bench->n_users - 2);
    bench_settle(bench);
    figure("removal_of_a_user_cpu", bench->cpu_s * 1000, "ms", "<=1");
    bench_clear(bench);
    bench_snapshot(bench);
    bench_settle(bench);
    figure("snapshot_cpu", bench->cpu_s * 1000, "ms", "-");
    figure("snapshot_longest_turn", bench->longest_ms, "ms", "<=5");
}

int main(int argc, char **argv)
{
    size_t n_users = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
    size_t n_groups = argc > 2 ? strtoul(argv[2], NULL, 10) : 20000;
    struct bench *few = bench_new(CONNECTING, CONNECTING);
    size_t rss_kib = bench_rss_kib();
    struct bench *many = bench_new(n_users, n_groups);
    double best_few = 1e9, best_many = 1e9;

    figure("rss_of_two_replicas_per_user", (double)(bench_rss_kib() - rss_kib) / (double)n_users,
           "KiB", "-");
    many->n_connecting = CONNECTING;
    bench_policy(few, RULES, "");
    bench_policy(many, RULES, "");
    bench_settle(few);
    bench_settle(many);
    for (uint64_t i = 0; i < ROUNDS; i++) { /* in turns: the machine is not always as fast */
        double a = round_us(few, i * CONNECTIONS), b = round_us(many, i * CONNECTIONS);

        best_few = a < best_few ? a : best_few;
        best_many = b < best_many ? b : best_many;
    }
    figure("connection_of_10_cpu", best_few, "us", "-");
    figure("connection_of_100000_cpu", best_many, "us", "-");
    figure("connection_100000_to_10", best_many / best_few, "x", "<=1.05");
    changes(many);
    bench_free(few);
    bench_free(many);
    return 0;
}
