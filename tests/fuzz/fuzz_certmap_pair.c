/*
 * Rules of SSSD and certificates from outside: a match, a NUL, a map, a NUL, then the certificate.
 * Neither may crash it, and a filter that is made must hold no octet that could end a value.
 */
#include "gatewayd/decide/certmap_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The text up to the next NUL; NULL when there is none. */
static const char *next_text(struct bytes *in)
{
    const uint8_t *end = in->len ? memchr(in->at, '\0', in->len) : NULL;
    const char *text = (const char *)in->at;

    if (!end || end - in->at > 1024)
        return NULL;
    *in = (struct bytes){end + 1, in->len - (size_t)(end + 1 - in->at)};
    return text;
}

static void check_filter(struct bytes filter)
{
    for (size_t i = 0; i < filter.len; i++)
        if (filter.at[i] == '\0')
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(certmap_certificate_freep) struct certmap_certificate *certificate = NULL;
    AUTO(certmap_match_freep) struct certmap_match *match = NULL;
    AUTO(certmap_map_freep) struct certmap_map *map = NULL;
    AUTO(identity_unrefp) struct identity *identity = NULL;
    AUTO(writer_clear) struct writer out = writer_new((size_t)1 << 20);
    struct bytes in = {data, size};
    const char *match_text = next_text(&in), *map_text = match_text ? next_text(&in) : NULL;
    struct error err;
    bool holds;

    if (!map_text || !certmap_match_parse(match_text, &match, &err) ||
        !certmap_map_parse(map_text, &map, &err) || !identity_extract(in, &identity, &err) ||
        !certmap_certificate_read(identity->der, &certificate, &err))
        return 0;
    (void)!certmap_match_holds(match, certificate, &holds, &err);
    if (certmap_map_expand(map, certificate, true, &out, &err))
        check_filter(writer_bytes(&out));
    return 0;
}
