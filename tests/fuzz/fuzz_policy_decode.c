/*
 * Octets of any kind as a compiled set: refused, or a set that encodes to the same octets and
 * evaluates.
 */
#include "policy/policy.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const service[] = {"ssh"}, *const user[] = {"alice"};
    const struct policy_request request = {
        .facts[POLICY_FACT_SERVICES] = {.state = POLICY_PRESENT, .values = service, .n_values = 1},
        .facts[POLICY_FACT_USERS] = {.state = POLICY_PRESENT, .values = user, .n_values = 1}};
    const struct bytes in = {data, size};
    AUTO(writer_clear) struct writer again = writer_new(size);
    AUTO(policy_freep) struct policy_set *set = NULL;
    struct policy_decision decision;
    struct error err = {.detail = ""};

    if (!policy_decode(in, &set, &err)) {
        if (err.detail[0] == '\0')
            abort();
        return 0;
    }
    policy_encode(set, &again);
    if (!bytes_equal(writer_bytes(&again), in))
        abort();
    policy_evaluate(set, &request, &decision);
    return 0;
}
