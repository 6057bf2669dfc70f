/*
 * Texts of certificate rules of SSSD: the parsers must refuse or accept, never crash, and what they
 * accept must be fit for the warnings and for the checks of finds.
 */
#include "gatewayd/decide/certmap_warnings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(void *context, const char *name, const char *text, const char *value)
{
    if (!context || !*name || !*text || !value)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(certmap_match_freep) struct certmap_match *match = NULL;
    AUTO(certmap_map_freep) struct certmap_map *map = NULL;
    AUTO(writer_clear) struct writer find = writer_new(65536);
    char text[1025];
    struct error err;

    if (size > 1024 || (size > 0 && memchr(data, '\0', size)))
        return 0; /* the limits of the option; libconfuse gives C strings */
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (certmap_match_parse(text, &match, &err) && certmap_map_parse("LDAP:x", &map, &err))
        certmap_warnings(match, map, look, text);
    map = certmap_map_free(map);
    if (certmap_map_parse(text, &map, &err)) {
        certmap_map_find(map, &find);
        if (match)
            certmap_warnings(match, map, look, text);
    }
    return 0;
}
