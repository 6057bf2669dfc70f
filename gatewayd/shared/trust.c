/*
 * The codec of trust data and the search for a serial. Runs in load (encode), in edges, decide and
 * gatewayctl (decode); the decoding side trusts nothing that load has written, since load has read
 * files from outside.
 */
#include "gatewayd/shared/trust.h"

#include "common/reader.h"
#include "common/text.h"
#include "gatewayd/shared/config.h"
#include "gatewayd/shared/xalloc.h"

/*
 * trust   := "MTLSTR2\0", u16 n_cas, ca...
 * ca      := block16 name, u8 revocation, u32 crl_grace_s, u16 max_depth, i64 eku_strict_s,
 *            ders policies, ders anchors, ders intermediates, u32 n_crls, crl...
 * ders    := u16 n, block32 DER...
 * crl     := block16 issuer DER, 32 octets anchor, u8 scope, u8 indirect, u16 reasons,
 *            i64 this_update_s, i64 next_update_s, block16 number, ders names,
 *            u32 n_revoked, revoked...
 * revoked := block16 issuer DER, u32 n_serials, n_serials x 20 octets
 */
static const uint8_t magic[8] = "MTLSTR2"; /* another one: another TRUST_FORMAT */

static void encode_ders(const struct bytes *at, size_t n, struct writer *out)
{
    writer_u16(out, (uint16_t)n);
    for (size_t i = 0; i < n; i++)
        writer_block32(out, at[i]);
}

static void encode_crl(const struct trust_crl *crl, struct writer *out)
{
    writer_block16(out, crl->issuer);
    writer_put(out, (struct bytes){crl->anchor.octets, HASH_LEN});
    writer_u8(out, crl->scope);
    writer_u8(out, crl->indirect);
    writer_u16(out, crl->reasons);
    writer_u64(out, (uint64_t)crl->this_update_s);
    writer_u64(out, (uint64_t)crl->next_update_s);
    writer_block16(out, crl->number);
    encode_ders(crl->names, crl->n_names, out);
    writer_u32(out, (uint32_t)crl->n_revoked);
    for (size_t i = 0; i < crl->n_revoked; i++) {
        const struct trust_revoked *revoked = &crl->revoked[i];

        writer_block16(out, revoked->issuer);
        writer_u32(out, revoked->n_serials);
        writer_put(out,
                   (struct bytes){revoked->serials, (size_t)revoked->n_serials * TRUST_SERIAL_LEN});
    }
}

static void encode_ca(const struct trust_ca *ca, struct writer *out)
{
    writer_block16(out, ca->name);
    writer_u8(out, ca->revocation);
    writer_u32(out, ca->crl_grace_s);
    writer_u16(out, (uint16_t)ca->max_depth);
    writer_u64(out, (uint64_t)ca->eku_strict_s);
    encode_ders(ca->policies, ca->n_policies, out);
    encode_ders(ca->anchors, ca->n_anchors, out);
    encode_ders(ca->intermediates, ca->n_intermediates, out);
    writer_u32(out, (uint32_t)ca->n_crls);
    for (size_t i = 0; i < ca->n_crls; i++)
        encode_crl(&ca->crls[i], out);
}

void trust_encode(const struct trust *trust, struct writer *out)
{
    writer_put(out, (struct bytes){magic, sizeof(magic)});
    writer_u16(out, (uint16_t)trust->n_cas);
    for (size_t i = 0; i < trust->n_cas; i++)
        encode_ca(&trust->cas[i], out);
}

/* Room for n things of which each takes at least `least` octets of what is left; else broken. */
static void *room_for(struct reader *r, size_t n, size_t max, size_t least, size_t size)
{
    if (n > max || n > reader_left(r) / least) {
        reader_break(r);
        return NULL;
    }
    return n ? xcalloc(n, size) : NULL;
}

static const struct bytes *decode_ders(struct reader *r, size_t max, size_t *ret_n)
{
    size_t n = reader_u16(r);
    struct bytes *at = room_for(r, n, max, sizeof(uint32_t), sizeof(*at));

    for (size_t i = 0; at && i < n; i++) {
        at[i] = reader_block32(r);
        if (at[i].len == 0)
            reader_break(r);
    }
    *ret_n = at ? n : 0;
    return at;
}

static void decode_revoked(struct reader *r, struct trust_revoked *revoked)
{
    revoked->issuer = reader_block16(r);
    revoked->n_serials = reader_u32(r);
    if (!reader_ok(r) || revoked->issuer.len == 0 ||
        revoked->n_serials > reader_left(r) / TRUST_SERIAL_LEN) {
        revoked->n_serials = 0;
        reader_break(r);
        return;
    }
    revoked->serials = reader_take(r, (size_t)revoked->n_serials * TRUST_SERIAL_LEN).at;
}

static void decode_crl_head(struct reader *r, struct trust_crl *crl)
{
    uint8_t indirect;

    crl->issuer = reader_block16(r);
    reader_copy(r, crl->anchor.octets, HASH_LEN);
    crl->scope = reader_u8(r);
    indirect = reader_u8(r);
    crl->indirect = indirect == 1;
    crl->reasons = reader_u16(r);
    crl->this_update_s = (int64_t)reader_u64(r);
    crl->next_update_s = (int64_t)reader_u64(r);
    crl->number = reader_block16(r);
    crl->names = decode_ders(r, TRUST_NAMES_MAX, &crl->n_names);
    if (crl->issuer.len == 0 || crl->scope == 0 || crl->scope > TRUST_SCOPE_ALL || indirect > 1 ||
        crl->reasons == 0 || (crl->reasons & ~TRUST_REASONS_ALL) || crl->this_update_s < 0 ||
        crl->next_update_s < crl->this_update_s || crl->number.len > TRUST_SERIAL_LEN)
        reader_break(r);
}

static void decode_crl(struct reader *r, struct trust_crl *crl)
{
    enum { LEAST = 2 + 4 };
    struct trust_revoked *revoked;
    size_t n;

    decode_crl_head(r, crl);
    n = reader_u32(r);
    revoked = room_for(r, n, TRUST_ISSUERS_MAX, LEAST, sizeof(*revoked));
    for (size_t i = 0; revoked && i < n; i++)
        decode_revoked(r, &revoked[i]);
    crl->revoked = revoked;
    crl->n_revoked = revoked ? n : 0;
}

static void decode_crls(struct reader *r, struct trust_ca *ca)
{
    enum { LEAST = 2 + HASH_LEN + 1 + 1 + 2 + 8 + 8 + 2 + 2 + 4 };
    size_t n = reader_u32(r);
    struct trust_crl *crls = room_for(r, n, TRUST_CRLS_MAX, LEAST, sizeof(*crls));

    for (size_t i = 0; crls && i < n; i++)
        decode_crl(r, &crls[i]);
    ca->crls = crls;
    ca->n_crls = crls ? n : 0;
}

static void decode_ca(struct reader *r, struct trust_ca *ca)
{
    ca->name = reader_block16(r);
    ca->revocation = reader_u8(r);
    ca->crl_grace_s = reader_u32(r);
    ca->max_depth = reader_u16(r);
    ca->eku_strict_s = (int64_t)reader_u64(r);
    if (ca->name.len == 0 || !text_is_clean(ca->name) ||
        ca->revocation > CONFIG_REVOCATION_REQUIRE || ca->max_depth == 0)
        reader_break(r);
    ca->policies = decode_ders(r, TRUST_POLICIES_MAX, &ca->n_policies);
    ca->anchors = decode_ders(r, TRUST_CERTIFICATES_MAX, &ca->n_anchors);
    ca->intermediates = decode_ders(r, TRUST_CERTIFICATES_MAX, &ca->n_intermediates);
    decode_crls(r, ca);
}

static bool names_differ(const struct trust *trust)
{
    for (size_t i = 0; i < trust->n_cas; i++)
        for (size_t j = 0; j < i; j++)
            if (bytes_equal(trust->cas[i].name, trust->cas[j].name))
                return false;
    return true;
}

bool trust_decode(struct bytes in, struct trust **ret_trust, struct error *err)
{
    AUTO(trust_freep) struct trust *trust = xcalloc(1, sizeof(*trust));
    struct reader r = reader_over(in);
    size_t n;

    if (!bytes_equal(reader_take(&r, sizeof(magic)), (struct bytes){magic, sizeof(magic)}))
        return err_set(err, REASON_MSG_MALFORMED, "no trust data: %zu octets", in.len);
    n = reader_u16(&r);
    trust->cas = room_for(&r, n, TRUST_CAS_MAX, sizeof(uint16_t), sizeof(*trust->cas));
    trust->n_cas = trust->cas ? n : 0;
    for (size_t i = 0; i < trust->n_cas; i++)
        decode_ca(&r, &trust->cas[i]);
    if (!reader_done(&r))
        return err_set(err, REASON_MSG_MALFORMED, "trust data of %zu octets is malformed", in.len);
    if (!names_differ(trust))
        return err_set(err, REASON_MSG_MALFORMED, "trust data names a ca section twice");
    *ret_trust = STEAL(trust);
    return true;
}

struct trust *trust_free(struct trust *trust)
{
    if (!trust)
        return NULL;
    for (size_t i = 0; i < trust->n_cas; i++) {
        struct trust_ca *ca = &trust->cas[i];

        for (size_t j = 0; j < ca->n_crls; j++) {
            free((void *)ca->crls[j].names);
            free((void *)ca->crls[j].revoked);
        }
        free((void *)ca->policies);
        free((void *)ca->anchors);
        free((void *)ca->intermediates);
        free((void *)ca->crls);
    }
    free(trust->cas);
    free(trust);
    return NULL;
}

bool trust_revoked_has(const struct trust_revoked *revoked, struct bytes serial)
{
    uint8_t wanted[TRUST_SERIAL_LEN] = {0};
    size_t low = 0, high = revoked->n_serials;

    if (serial.len > TRUST_SERIAL_LEN)
        return false;
    if (serial.len > 0)
        memcpy(wanted + TRUST_SERIAL_LEN - serial.len, serial.at, serial.len);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(revoked->serials + middle * TRUST_SERIAL_LEN, wanted, TRUST_SERIAL_LEN);

        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}
