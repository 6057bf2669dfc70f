/*
 * Entries of revocation lists, collected, joined and sorted. Runs in load and gatewayctl on lists
 * whose form and signature have been checked.
 */
#include "gatewayd/shared/crl_serials.h"

#include "gatewayd/shared/x509_facts.h"
#include "gatewayd/shared/xalloc.h"

#include <openssl/x509v3.h>

struct entry {
    uint32_t issuer; /* index into names */
    uint8_t serial[TRUST_SERIAL_LEN];
    uint8_t is_delta, is_removed;
};

struct collector {
    X509_NAME **names; /* owned */
    size_t n_names, names_room;
    struct entry *entries;
    size_t n, room;
};

static uint32_t index_of(struct collector *all, const X509_NAME *name)
{
    for (size_t i = 0; i < all->n_names; i++)
        if (X509_NAME_cmp(all->names[i], name) == 0)
            return (uint32_t)i;
    if (all->n_names == all->names_room) {
        all->names_room = all->names_room ? 2 * all->names_room : 4;
        all->names = xrealloc(all->names, all->names_room, sizeof(*all->names));
    }
    all->names[all->n_names] = X509_NAME_dup(name);
    if (!all->names[all->n_names])
        abort();
    return (uint32_t)all->n_names++;
}

/* Entries of an indirect list belong to the issuer that was named last (RFC 5280 5.3.3). */
static uint32_t issuer_of(struct collector *all, const X509_REVOKED *entry, uint32_t before)
{
    GENERAL_NAMES *names = X509_REVOKED_get_ext_d2i(entry, NID_certificate_issuer, NULL, NULL);
    uint32_t issuer = before;

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type == GEN_DIRNAME)
            issuer = index_of(all, name->d.directoryName);
    }
    GENERAL_NAMES_free(names);
    return issuer;
}

/* removeFromCRL: only a delta can say it (RFC 5280 5.3.1). */
static bool is_removal(const X509_REVOKED *entry)
{
    ASN1_ENUMERATED *reason = X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, NULL, NULL);
    bool removal = reason && ASN1_ENUMERATED_get(reason) == CRL_REASON_REMOVE_FROM_CRL;

    ASN1_ENUMERATED_free(reason);
    return removal;
}

static void add(struct collector *all, const X509_REVOKED *entry, uint32_t issuer, bool is_delta)
{
    struct entry *at;
    struct bytes serial;

    if (!x509_serial(X509_REVOKED_get0_serialNumber(entry), &serial) ||
        serial.len > TRUST_SERIAL_LEN)
        return;
    if (all->n == all->room) {
        all->room = all->room ? 2 * all->room : 64;
        all->entries = xrealloc(all->entries, all->room, sizeof(*all->entries));
    }
    at = &all->entries[all->n++];
    *at = (struct entry){
        .issuer = issuer, .is_delta = is_delta, .is_removed = is_delta && is_removal(entry)};
    memcpy(at->serial + (TRUST_SERIAL_LEN - serial.len), serial.at, serial.len);
}

static void add_all(struct collector *all, X509_CRL *crl, bool indirect, bool is_delta)
{
    STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(crl);
    uint32_t issuer = index_of(all, X509_CRL_get_issuer(crl));

    for (int i = 0; i < sk_X509_REVOKED_num(entries); i++) {
        const X509_REVOKED *entry = sk_X509_REVOKED_value(entries, i);

        if (indirect)
            issuer = issuer_of(all, entry, issuer);
        add(all, entry, issuer, is_delta);
    }
}

static int compare(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order;

    if (x->issuer != y->issuer)
        return x->issuer < y->issuer ? -1 : 1;
    order = memcmp(x->serial, y->serial, TRUST_SERIAL_LEN);
    if (order != 0)
        return order;
    /* What the delta says comes first and counts; of twins the one that is not a removal. */
    if (x->is_delta != y->is_delta)
        return y->is_delta - x->is_delta;
    return x->is_removed - y->is_removed;
}

static bool is_twin(const struct entry *a, const struct entry *b)
{
    return a->issuer == b->issuer && memcmp(a->serial, b->serial, TRUST_SERIAL_LEN) == 0;
}

/* The entries at[0 .. n) of one issuer, sorted; twins and removals are left out. */
static void write_serials(const struct entry *at, size_t n, struct trust_revoked *revoked)
{
    uint8_t *serials = xcalloc(n, TRUST_SERIAL_LEN);
    uint32_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        if ((i > 0 && is_twin(&at[i - 1], &at[i])) || at[i].is_removed)
            continue;
        memcpy(serials + (size_t)kept++ * TRUST_SERIAL_LEN, at[i].serial, TRUST_SERIAL_LEN);
    }
    revoked->serials = serials;
    revoked->n_serials = kept;
}

static void write_issuer(const X509_NAME *name, struct trust_revoked *revoked)
{
    unsigned char *der = NULL;
    int len = i2d_X509_NAME(name, &der);

    if (len <= 0)
        abort();
    revoked->issuer = xbytes((struct bytes){der, (size_t)len});
    OPENSSL_free(der);
}

const struct trust_revoked *crl_serials_collect(X509_CRL *base, X509_CRL *delta, bool indirect,
                                                size_t *ret_n)
{
    struct collector all = {.n = 0};
    struct trust_revoked *revoked;
    size_t at = 0;

    add_all(&all, base, indirect, false);
    if (delta)
        add_all(&all, delta, indirect, true);
    if (all.n > 0)
        qsort(all.entries, all.n, sizeof(*all.entries), compare);
    revoked = xcalloc(all.n_names, sizeof(*revoked));
    for (size_t i = 0; i < all.n_names; i++) {
        size_t begin = at;

        while (at < all.n && all.entries[at].issuer == i)
            at++;
        write_issuer(all.names[i], &revoked[i]);
        write_serials(at > begin ? &all.entries[begin] : NULL, at - begin, &revoked[i]);
        X509_NAME_free(all.names[i]);
    }
    free(all.names);
    free(all.entries);
    *ret_n = all.n_names;
    return revoked;
}

void crl_serials_free(const struct trust_revoked *revoked, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free((void *)revoked[i].issuer.at);
        free((void *)revoked[i].serials);
    }
    free((void *)revoked);
}
