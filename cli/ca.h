#pragma once
/*
 * The small private CA of `gatewayctl ca`: one directory with ca.key (0600), ca.pem, index and
 * certs/. Real extensions, real revocation lists; for the quickstart and small sites. Read
 * ca_build.c for what the certificates look like.
 */
#include "cli/options.h"
#include "common/writer.h"
#include "gatewayd/shared/x509_facts.h"

enum {
    CA_SERIAL_LEN = 16, /* random octets of a serial number (RFC 5280 4.1.2.2: at most 20) */
    CA_SERIAL_TEXT_MAX = 40,
    CA_ENTRIES_MAX = 100000, /* certificates of one CA: the index is one small file */
    CA_SUBJECT_MAX = 512,
    CA_DAYS_MAX = 36500,
};

/* --- the index -------------------------------------------------------------------------------- */

struct ca_entry {
    char serial[CA_SERIAL_TEXT_MAX + 1]; /* lower hex without leading zeros */
    int64_t not_after_s;
    int64_t revoked_s; /* 0: valid */
    char subject[CA_SUBJECT_MAX];
};

struct ca_index {
    uint64_t crl_number; /* of the last list */
    struct ca_entry *entries;
    size_t n, room;
};

/* The text of an index file. The caller clears *ret_index. */
bool ca_index_parse(struct bytes text, struct ca_index *ret_index, struct error *err) MUST_CHECK;
void ca_index_print(const struct ca_index *index, struct writer *out);
void ca_index_clear(struct ca_index *index);
bool ca_index_add(struct ca_index *index, const struct ca_entry *entry,
                  struct error *err) MUST_CHECK;
/* By serial, hex of either case; NULL when there is none. */
struct ca_entry *ca_index_find(struct ca_index *index, const char *serial);

/* --- the directory ---------------------------------------------------------------------------- */

struct ca {
    const char *dir; /* borrowed */
    int lock_fd;     /* held exclusively as long as it is open */
    EVP_PKEY *key;
    X509 *certificate;
    struct ca_index index;
};

enum ca_use { CA_CLIENT, CA_SERVER, CA_NO_EKU };

struct ca_request {
    const char *cn;
    struct option_texts email, dns, uri, ip, upn;
    enum ca_use use;
    const char *key_type; /* "ec-p256", ... */
    const char *csr;      /* file with a request whose key is certified; NULL: a new key is made */
    const char *out;      /* prefix of the two files; NULL: the CA's certs/SERIAL */
    int64_t not_before_s, not_after_s;
};

struct ca_issued {
    char serial[CA_SERIAL_TEXT_MAX + 1];
    char certificate[4096], key[4096]; /* paths; key is empty with a csr */
};

bool ca_init(const char *dir, const char *name, const char *key_type, int64_t days,
             struct error *err) MUST_CHECK;
/* Locks the directory until ca_close. */
bool ca_open(const char *dir, struct ca *ret_ca, struct error *err) MUST_CHECK;
void ca_close(struct ca *ca);
bool ca_issue(struct ca *ca, const struct ca_request *request, struct ca_issued *ret_issued,
              struct error *err) MUST_CHECK;
/* what: a serial number or the path of a certificate. NOT_FOUND, or CERT_REVOKED already. */
bool ca_revoke(struct ca *ca, const char *what, const struct ca_entry **ret_entry,
               struct error *err) MUST_CHECK;
/* Writes the revocation list as PEM. */
bool ca_crl(struct ca *ca, int64_t days, bool der, const char *out, struct error *err) MUST_CHECK;

/* --- building (pure but for keys and random numbers) ------------------------------------------ */

/* "ec-p256", "ec-p384", "rsa-3072", "ed25519"; the caller frees *ret_key. */
bool ca_key_make(const char *type, EVP_PKEY **ret_key, struct error *err) MUST_CHECK;
bool ca_build_root(EVP_PKEY *key, const char *name, int64_t days, X509 **ret_certificate,
                   struct error *err) MUST_CHECK;
bool ca_build_leaf(const struct ca *ca, const struct ca_request *request, EVP_PKEY *key,
                   X509 **ret_certificate, struct error *err) MUST_CHECK;
bool ca_build_crl(const struct ca *ca, int64_t days, X509_CRL **ret_crl,
                  struct error *err) MUST_CHECK;
/* Sets err to what OpenSSL has to say. Returns false. */
bool ca_openssl_error(struct error *err, const char *what);
/* Lower hex without leading zeros. */
bool ca_serial_text(const X509 *certificate, char out[CA_SERIAL_TEXT_MAX + 1],
                    struct error *err) MUST_CHECK;

DEFINE_AUTO(EVP_PKEY *, pkey_freep, EVP_PKEY_free)
DEFINE_AUTO(X509_REQ *, x509_req_freep, X509_REQ_free)
