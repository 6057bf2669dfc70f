/*
 * Texts of mapping rules: find and match compilers must refuse or accept, never crash. What they
 * accept is run on an identity without any value.
 */
#include "gatewayd/decide/mapping_find.h"
#include "gatewayd/decide/mapping_match.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct identity nobody = {.refs = 1};
    struct bytes text = {data, size};
    struct mapping_find *find;
    struct mapping_match *match;
    struct error err;
    bool holds;

    if (size > 1024 || (size > 0 && memchr(data, '\0', size)))
        return 0; /* the limits of the option; libconfuse gives C strings */
    if (mapping_find_compile(text, &find, &err)) {
        struct writer out = writer_new(65536);

        (void)!mapping_find_print(find, &nobody, &out, &err);
        writer_clear(&out);
        (void)mapping_find_free(find);
    }
    if (mapping_match_compile(text, &match, &err)) {
        if (mapping_match_holds(match, &nobody, &holds, &err) && holds)
            abort();
        (void)mapping_match_free(match);
    }
    return 0;
}
