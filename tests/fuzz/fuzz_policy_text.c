/*
 * Policy text of any kind: a load ends, says why it refuses, and what it accepts decides, encodes
 * and decodes to the same set.
 */
#include "policy/policy.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count(void *context, const char *file, uint32_t line, const struct error *err)
{
    (void)file;
    if (line == 0 || reason_class(err->reason) != REASON_FAULT)
        abort();
    ++*(size_t *)context;
}

static void check_set(const struct policy_set *set)
{
    static const char *const service[] = {"ssh"}, *const user[] = {"alice"};
    const struct policy_request request = {
        .facts[POLICY_FACT_SERVICES] = {.state = POLICY_PRESENT, .values = service, .n_values = 1},
        .facts[POLICY_FACT_USERS] = {.state = POLICY_PRESENT, .values = user, .n_values = 1},
        .facts[POLICY_FACT_LOGIN_AS] = {.state = POLICY_LATER}};
    AUTO(writer_clear) struct writer octets = writer_new(1 << 26);
    AUTO(policy_freep) struct policy_set *decoded = NULL;
    struct policy_decision one, other;
    struct error err;

    policy_encode(set, &octets);
    if (!policy_decode(writer_bytes(&octets), &decoded, &err))
        abort();
    policy_evaluate(set, &request, &one);
    policy_evaluate(decoded, &request, &other);
    if (one.verdict != other.verdict || one.line != other.line || one.n_misses != other.n_misses)
        abort();
}

/* One zone whose clock changes twice a year, whatever it is called. */
static bool zone(void *context, const char *name, struct bytes *ret_tzif)
{
    static const char empty[] = "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                                "\0\0\0\0\0\0\0\0\0\0\1\0\0\0\4\0\0\0\0\0\0UTC";
    static const char footer[] = "\nCET-1CEST,M3.5.0,M10.5.0/3\n";
    static uint8_t octets[2 * sizeof(empty) + sizeof(footer)];

    (void)context;
    (void)name;
    memcpy(octets, empty, sizeof(empty));
    memcpy(octets + sizeof(empty), empty, sizeof(empty));
    memcpy(octets + 2 * sizeof(empty), footer, sizeof(footer) - 1);
    *ret_tzif = (struct bytes){octets, sizeof(octets) - 1};
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const services[] = {"ssh", "web"}, *const cas[] = {"users"};
    static const bool confirmed[] = {true, false};
    const struct policy_world world = {services, confirmed, 2, cas, 1, zone, NULL};
    const struct policy_file file = {"fuzz.conf", {data, size}};
    AUTO(policy_freep) struct policy_set *set = NULL;
    size_t n = 0;
    const struct policy_errors errors = {count, &n};

    if (policy_load(&file, 1, &world, &errors, &set) != (n == 0))
        abort();
    if (set)
        check_set(set);
    return 0;
}
