/*
 * Compares the rules of SSSD as we read them with SSSD's own library (libsss_certmap): thousands of
 * texts and certificates, and for each pair the same refusal, the same match, the same octets of
 * the filter. What differs on purpose is listed here, with the reason.
 */
#include "certmap_maker.h"
#include "gatewayd/decide/certmap_map.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

/* The header of the library needs that of talloc, which its package does not bring. */
struct sss_certmap_ctx;
int sss_certmap_init(void *mem_ctx, void *debug, void *debug_priv, struct sss_certmap_ctx **ctx);
void sss_certmap_free_ctx(struct sss_certmap_ctx *ctx);
int sss_certmap_add_rule(struct sss_certmap_ctx *ctx, uint32_t priority, const char *match_rule,
                         const char *map_rule, const char **domains);
int sss_certmap_match_cert(struct sss_certmap_ctx *ctx, const uint8_t *der_cert, size_t der_size);
int sss_certmap_get_search_filter(struct sss_certmap_ctx *ctx, const uint8_t *der_cert,
                                  size_t der_size, char **filter, char ***domains);
int sss_certmap_expand_mapping_rule(struct sss_certmap_ctx *ctx, const uint8_t *der_cert,
                                    size_t der_size, char **expanded, char ***domains);
void sss_certmap_free_filter_and_domains(char *filter, char **domains);

enum { CERTIFICATES = 400, MATCHES = 4000, MAPS = 4000, PAIRS = 8 };

static struct {
    unsigned accepted, refused, refused_by_us_alone, matched, not_matched, equal, no_value, odd,
        odd_refused;
} count;
static unsigned n_wrong;

/* What SSSD takes and we do not: the beginning of what we say, and why. */
static const struct {
    const char *says, *why;
} refused_by_us[] = {
    {"match: a list of nothing", "SSSD crashes at the first certificate"},
    {"match: a back reference", "exponential time"},
    {"match: too costly", "memory and time without bound"},
};

static bool is_our_own(const struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(refused_by_us); i++)
        if (strncmp(err->detail, refused_by_us[i].says, strlen(refused_by_us[i].says)) == 0)
            return true;
    return false;
}

static void wrong(const char *what, const char *text, const char *ours, const char *theirs)
{
    n_wrong++;
    (void)printf("%s\n  rule   %s\n  ours   %s\n  theirs %s\n", what, text, ours, theirs);
}

static struct sss_certmap_ctx *their_rule(const char *match, const char *map, int *ret_code)
{
    struct sss_certmap_ctx *ctx = NULL;

    if (sss_certmap_init(NULL, NULL, NULL, &ctx) != 0)
        abort();
    *ret_code = sss_certmap_add_rule(ctx, 1, match, map, NULL);
    return ctx;
}

/* Versions before 2.9.2 compare all but the last character of a digest that has letters behind it,
 * with names of any length (SSSD issue 6802). */
static bool their_digests_are_loose(void)
{
    int code;
    struct sss_certmap_ctx *ctx = their_rule(NULL, "LDAPU1:{cert!shax_u}", &code);

    sss_certmap_free_ctx(ctx);
    return code == 0;
}

/* No other digest of OpenSSL begins with "sha25" or "sha38". */
static bool is_loose(const char *map)
{
    const char *at = strstr(map, "{cert!");

    return at && strchr(at, '_') && strncasecmp(at + 6, "sha256_", 7) != 0 &&
           strncasecmp(at + 6, "sha384_", 7) != 0;
}

/* A crash of theirs: {sid.rid} of a certificate without a SID (any version so far). */
static bool would_crash(const char *map, const struct made_certificate *made)
{
    return !made->has_sid && strstr(map, "{sid.rid");
}

static bool both_accept(const char *what, const char *text, bool ours, const struct error *err,
                        int theirs)
{
    char code[16];

    (void)snprintf(code, sizeof(code), "%d", theirs);
    count.accepted += ours && theirs == 0;
    count.refused += !ours && theirs != 0;
    if (!ours && theirs == 0 && is_our_own(err))
        count.refused_by_us_alone++;
    else if (ours != (theirs == 0))
        wrong(what, text, ours ? "accepted" : err->detail, code);
    return ours && theirs == 0;
}

/* --- matching --------------------------------------------------------------------------------- */

static void compare_match(const char *text, const struct certmap_match *match,
                          struct sss_certmap_ctx *ctx, const struct made_certificate *made)
{
    AUTO(certmap_certificate_freep) struct certmap_certificate *certificate = NULL;
    int theirs = sss_certmap_match_cert(ctx, made->der.at, made->der.len);
    struct error err = {.detail = "does not match"};
    bool holds = false;
    bool judged = certmap_certificate_read(made->der, &certificate, &err) &&
                  certmap_match_holds(match, certificate, &holds, &err);

    if (!judged && made->odd && err.reason == REASON_BAD_ENCODING) {
        count.odd_refused++;
        return;
    }
    count.odd += made->odd != NULL;
    count.matched += holds && theirs == 0;
    count.not_matched += judged && !holds && theirs == ENOENT;
    if (!judged || (holds ? theirs != 0 : theirs != ENOENT))
        wrong(made->odd ? made->odd : "match", text, holds ? "matches" : err.detail,
              theirs == 0 ? "matches" : strerror(theirs));
}

static void try_match(struct dice *dice, const struct made_certificate *certificates)
{
    AUTO(writer_clear) struct writer out = writer_new(65536);
    AUTO(certmap_match_freep) struct certmap_match *match = NULL;
    struct sss_certmap_ctx *ctx;
    struct error err;
    const char *text;
    int theirs;

    make_match(dice, &out);
    text = (const char *)writer_bytes(&out).at;
    ctx = their_rule(text, NULL, &theirs);
    if (both_accept("text of a matching rule", text, certmap_match_parse(text, &match, &err), &err,
                    theirs))
        for (unsigned n = 0; n < PAIRS; n++)
            compare_match(text, match, ctx, &certificates[dice_roll(dice, CERTIFICATES)]);
    sss_certmap_free_ctx(ctx);
}

/* --- mapping ---------------------------------------------------------------------------------- */

static void compare_filter(const char *text, const struct certmap_map *map,
                           struct sss_certmap_ctx *ctx, const struct made_certificate *made,
                           bool escape)
{
    AUTO(certmap_certificate_freep) struct certmap_certificate *certificate = NULL;
    AUTO(writer_clear) struct writer out = writer_new((size_t)1 << 20);
    char *filter = NULL, **domains = NULL;
    int theirs =
        escape
            ? sss_certmap_get_search_filter(ctx, made->der.at, made->der.len, &filter, &domains)
            : sss_certmap_expand_mapping_rule(ctx, made->der.at, made->der.len, &filter, &domains);
    struct error err = {.reason = REASON_OK};
    bool ours = certmap_certificate_read(made->der, &certificate, &err) &&
                certmap_map_expand(map, certificate, escape, &out, &err);

    writer_u8(&out, '\0');
    if (!ours && made->odd && err.reason == REASON_BAD_ENCODING) {
        count.odd_refused++;
    } else if (ours != (theirs == 0) || (!ours && err.reason != REASON_NO_VALUE)) {
        wrong(made->odd ? made->odd : "filter", text, ours ? (const char *)out.at : err.detail,
              theirs == 0 ? filter : strerror(theirs));
    } else if (ours && strcmp((const char *)out.at, filter) != 0) {
        wrong(made->odd ? made->odd : "octets of the filter", text, (const char *)out.at, filter);
    } else {
        count.odd += made->odd != NULL;
        count.equal += ours;
        count.no_value += !ours;
    }
    if (theirs == 0)
        sss_certmap_free_filter_and_domains(filter, domains);
}

static void try_map(struct dice *dice, const struct made_certificate *certificates, bool loose)
{
    AUTO(writer_clear) struct writer out = writer_new(65536);
    AUTO(certmap_map_freep) struct certmap_map *map = NULL;
    struct sss_certmap_ctx *ctx;
    struct error err;
    const char *text;
    int theirs;

    make_map(dice, &out);
    text = (const char *)writer_bytes(&out).at;
    if (loose && is_loose(text))
        return;
    ctx = their_rule("<KU>,", text, &theirs); /* which every certificate matches */
    if (both_accept("text of a mapping rule", text, certmap_map_parse(text, &map, &err), &err,
                    theirs)) {
        for (unsigned n = 0; n < PAIRS; n++) {
            const struct made_certificate *made = &certificates[dice_roll(dice, CERTIFICATES)];

            if (!would_crash(text, made))
                compare_filter(text, map, ctx, made, dice_percent(dice, 80));
        }
    }
    sss_certmap_free_ctx(ctx);
}

/* --- the whole -------------------------------------------------------------------------------- */

/* A comparison that compares nothing proves nothing. */
static void need(const char *what, unsigned n, unsigned least)
{
    (void)printf("%-44s %6u\n", what, n);
    if (n < least) {
        (void)printf("  that is too few: at least %u\n", least);
        n_wrong++;
    }
}

int main(void)
{
    static struct made_certificate certificates[CERTIFICATES];
    struct dice dice = {.state = 88172645463325252};
    bool loose = their_digests_are_loose();

    for (size_t i = 0; i < CERTIFICATES; i++)
        make_certificate(&dice, &certificates[i]);
    for (unsigned i = 0; i < MATCHES && n_wrong < 20; i++)
        try_match(&dice, certificates);
    for (unsigned i = 0; i < MAPS && n_wrong < 20; i++)
        try_map(&dice, certificates, loose);
    for (size_t i = 0; i < CERTIFICATES; i++)
        free((void *)certificates[i].der.at);
    need("texts that both accept", count.accepted, 2000);
    need("texts that both refuse", count.refused, 1000);
    need("texts that we alone refuse", count.refused_by_us_alone, 10);
    need("certificates that match", count.matched, 1000);
    need("certificates that do not", count.not_matched, 1000);
    need("filters of the same octets", count.equal, 2000);
    need("values that are missing", count.no_value, 500);
    need("odd certificates, same answer", count.odd, 100);
    need("odd certificates, refused by us", count.odd_refused, 100);
    (void)printf("%u differences\n", n_wrong);
    return n_wrong ? 1 : 0;
}
