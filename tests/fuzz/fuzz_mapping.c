/*
 * Texts of mapping rules: find and match compilers must refuse or accept, never crash. What they
 * accept is run, on an identity without any value and on an empty directory, with every flag.
 */
#include "gatewayd/decide/mapping_find.h"
#include "gatewayd/decide/mapping_match.h"
#include "gatewayd/decide/mapping_strength.h"

enum { EVERY_FLAG = MAPPING_FIND_SUBSTRING | MAPPING_FIND_LITERAL | MAPPING_FIND_CONDITION };

static const struct identity nobody = {.refs = 1};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct replica *empty_replica(struct bytes text)
{
    struct replica_options options = {.schema = "rfc2307bis"};
    struct replica *replica;
    struct error err;

    if (!replica_options_add_filter(&options, text, &err) || !replica_new(&options, &replica, &err))
        return NULL;
    return replica;
}

static void run_find(struct bytes text, const struct mapping_find *find)
{
    static const struct mapping_promises promises = {true, true, true};
    AUTO(replica_freep) struct replica *replica = empty_replica(text);
    struct writer out = writer_new(65536);
    struct mapping_found found;
    struct error err;

    (void)!mapping_find_print(find, &nobody, &out, &err);
    (void)mapping_find_is_strong(find, &promises);
    if (replica && mapping_find_run(find, &nobody, replica, &found, &err) && found.n > 0)
        abort();
    writer_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = {data, size};
    struct mapping_match *match;
    struct error err;
    bool holds;

    if (size > 1024 || (size > 0 && memchr(data, '\0', size)))
        return 0; /* the limits of the option; libconfuse gives C strings */
    for (unsigned flags = 0; flags <= EVERY_FLAG; flags++) {
        struct mapping_find *find;

        if (!mapping_find_compile(text, flags, &find, &err))
            continue;
        run_find(text, find);
        (void)mapping_find_free(find);
    }
    if (mapping_match_compile(text, &match, &err)) {
        if (mapping_match_holds(match, &nobody, &holds, &err) && holds)
            abort();
        (void)mapping_match_free(match);
    }
    return 0;
}
