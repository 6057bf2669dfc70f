/*
 * Live sessions judged again, in a decide of its own: 50,000 sessions of 5,000 users under 10,000
 * rules; then a policy, a revocation list, a group, an account and the whole directory change. CPU
 * of decide alone; only those who are affected may end.
 *
 *   bench_rejudge [SESSIONS [USERS [RULES [PASSES]]]]
 */
#include "decide_bench.h"

#include "common/log.h"

#include <stdio.h>

enum { GROUPS = 500, REVOKED = 100, SHUT_SERVICE = 3, SHUT_GROUP = 7 };

struct sizes {
    size_t sessions, users, rules, passes;
};

static void figure(const char *name, double value, const char *unit, const char *goal)
{
    printf("figure rejudge_%s %.3f %s %s\n", name, value, unit, goal);
    fflush(stdout);
}

static void report(struct bench *bench, const char *name, size_t expected)
{
    char line[64];

    bench_settle(bench);
    (void)snprintf(line, sizeof(line), "%s_cpu", name);
    figure(line, bench->cpu_s * 1000, "ms", "<=100");
    (void)snprintf(line, sizeof(line), "%s_longest_turn", name);
    figure(line, bench->longest_ms, "ms", "<=5");
    (void)snprintf(line, sizeof(line), "%s_ended_too_many_or_few", name);
    figure(line,
           bench->n_ended > expected ? (double)(bench->n_ended - expected)
                                     : (double)(expected - bench->n_ended),
           "sessions", "<=0");
    fprintf(stderr, "%s: ended %zu of %zu expected, %zu turns, %zu live\n", name, bench->n_ended,
            expected, bench->n_turns, sessions_count_live(bench->decide->sessions));
    bench_clear(bench);
}

/* Sessions of the service whose user is in the group. */
static size_t count_affected(const struct bench *bench, size_t n_sessions)
{
    size_t n = 0;

    for (size_t i = 0; i < n_sessions; i++)
        n += i / bench->n_users % BENCH_SERVICES == SHUT_SERVICE &&
             bench_is_member(bench, i % bench->n_users, SHUT_GROUP);
    return n;
}

/* Live sessions of one user. */
static void count(void *context, struct session *session)
{
    *(size_t *)context += session->state == SESSION_LIVE;
}

static size_t sessions_of(const struct bench *bench, const char *user)
{
    size_t n = 0;

    sessions_each_of_user(bench->decide->sessions, user, count, &n);
    return n;
}

int main(int argc, char **argv)
{
    struct sizes sizes = {
        argc > 1 ? strtoul(argv[1], NULL, 10) : 50000, argc > 2 ? strtoul(argv[2], NULL, 10) : 5000,
        argc > 3 ? strtoul(argv[3], NULL, 10) : 10000, argc > 4 ? strtoul(argv[4], NULL, 10) : 5};
    static const char more[] =
        "rule \"shut\" { effect = \"deny\" groups = {\"g7\"} services = {\"s3\"} }\n";
    struct bench *bench = bench_new(sizes.users, GROUPS);
    size_t expected;

    bench_policy(bench, sizes.rules, "");
    bench_settle(bench);
    bench_clear(bench);
    bench_open(bench, 0, sizes.sessions);
    if (bench->n_allowed != sizes.sessions) {
        fprintf(stderr, "%zu of %zu allowed\n", bench->n_allowed, sizes.sessions);
        return 1;
    }
    figure("open_cpu_per_connection", bench->cpu_s * 1e6 / (double)sizes.sessions, "us", "-");
    bench_clear(bench);

    bench_policy(bench, sizes.rules, more);
    report(bench, "policy_change", count_affected(bench, sizes.sessions));
    bench_policy(bench, sizes.rules, more);
    report(bench, "policy_same", 0);

    for (size_t i = 0; i < sizes.passes; i++) {
        reevaluate_all(bench->decide, CAUSE_DIRECTORY);
        bench_settle(bench);
    }
    bench->cpu_s /= (double)sizes.passes;
    report(bench, "judging_alone", 0);

    for (size_t i = 0; i < REVOKED; i++) /* the first service has lost nobody yet */
        bench_revoke(bench, i);
    report(bench, "crl_change", REVOKED);

    bench_renew(bench, sizes.sessions);
    report(bench, "crl_renewal", 0);

    expected = sessions_of(bench, "u2001");
    bench_join(bench, 2001, 8); /* a group that changes nothing */
    report(bench, "group_change", 0);
    bench_remove_user(bench, 2001);
    report(bench, "account_removal", expected);

    bench_snapshot(bench);
    report(bench, "directory_anew", 0);
    bench_free(bench);
    return 0;
}
