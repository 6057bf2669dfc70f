/* The policies of the benches of decide. Test code: asserts instead of handling errors. */
#include "decide_bench.h"

#include "gatewayd/shared/xalloc.h"

#include <stdio.h>
#include <unistd.h>

enum {
    TEXT_MAX = 64 << 20,   /* of a policy */
    RULES_PER_FILE = 1900, /* below POLICY_RULES_PER_FILE */
    FILES_MAX = 128,
};

static void policy_error(void *context, const char *file, uint32_t line, const struct error *err)
{
    (void)context;
    fprintf(stderr, "%s:%u: %s: %s\n", file, line, reason_text(err->reason), err->detail);
    abort();
}

static void write_rule(const struct bench *bench, struct writer *text, size_t number)
{
    size_t group = number % bench->n_groups;

    if (number < BENCH_SERVICES)
        writer_printf(text,
                      "rule \"all-%zu\" { groups = {\"staff\"} services = {\"s%zu\"} "
                      "order = 200 }\n",
                      number, number);
    else if (number % 10 == 9)
        writer_printf(text,
                      "rule \"no-%zu\" { effect = \"deny\" groups = {\"blocked%zu\"} services = "
                      "{\"s%zu\"} }\n",
                      number, group, number % BENCH_SERVICES);
    else if (number % 10 == 8)
        writer_printf(text, "rule \"rule-%zu\" { users = {\"u%zu\"} services = {\"s%zu\"} }\n",
                      number, number * 3 % bench->n_users, number % BENCH_SERVICES);
    else
        writer_printf(text,
                      "rule \"rule-%zu\" { groups = {\"g%zu\", \"g%zu\"} services = {\"s%zu\"} "
                      "}\n",
                      number, group, (group + 1) % bench->n_groups, number / 10 % BENCH_SERVICES);
}

void bench_policy(struct bench *bench, size_t n_rules, const char *more)
{
    static const char *const cas[] = {"users"};
    const char *services[BENCH_SERVICES];
    char names[BENCH_SERVICES][8];
    bool confirmed[BENCH_SERVICES] = {false};
    struct policy_world known = {services, confirmed, BENCH_SERVICES, cas, 1};
    struct policy_errors found = {.found = policy_error};
    struct message_policy msg = {.version = {{1, 2, 3}}};
    struct writer texts[FILES_MAX], octets = writer_new(TEXT_MAX);
    struct policy_file files[FILES_MAX];
    struct policy_set *set;
    size_t n_files = 0;
    int fd;

    for (size_t i = 0; i < BENCH_SERVICES; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "s%zu", i);
        services[i] = names[i];
    }
    for (size_t rule = 0; rule < n_rules || n_files == 0;) {
        texts[n_files] = writer_new(TEXT_MAX);
        if (n_files == 0)
            writer_text(&texts[n_files], more);
        for (size_t i = 0; i < RULES_PER_FILE && rule < n_rules; i++)
            write_rule(bench, &texts[n_files], rule++);
        files[n_files] = (struct policy_file){"bench.policy", writer_bytes(&texts[n_files])};
        n_files++;
        bench_must(n_files < FILES_MAX);
    }
    if (!policy_load(files, n_files, &known, &found, &set))
        abort();
    policy_encode(set, &octets);
    (void)policy_free(set);
    for (size_t i = 0; i < n_files; i++)
        writer_clear(&texts[i]);
    fd = bench_memfd(writer_bytes(&octets));
    writer_clear(&octets);
    bench_must(channel_send(bench->parent, MESSAGE_POLICY, &msg, fd));
    (void)close(fd);
}
