/*
 * Names of what a handshake has used. Runs in an edge, for services that send a PROXY header only.
 */
#include "gatewayd/edge/tls_words.h"

#include "common/macros.h"

#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

static const struct {
    int key, digest;
    const char *name;
} schemes[] = {
    {EVP_PKEY_EC, NID_sha256, "ecdsa_secp256r1_sha256"},
    {EVP_PKEY_EC, NID_sha384, "ecdsa_secp384r1_sha384"},
    {EVP_PKEY_EC, NID_sha512, "ecdsa_secp521r1_sha512"},
    {EVP_PKEY_RSA_PSS, NID_sha256, "rsa_pss_rsae_sha256"},
    {EVP_PKEY_RSA_PSS, NID_sha384, "rsa_pss_rsae_sha384"},
    {EVP_PKEY_RSA_PSS, NID_sha512, "rsa_pss_rsae_sha512"},
    {EVP_PKEY_RSA, NID_sha256, "rsa_pkcs1_sha256"},
    {EVP_PKEY_RSA, NID_sha384, "rsa_pkcs1_sha384"},
    {EVP_PKEY_RSA, NID_sha512, "rsa_pkcs1_sha512"},
    {EVP_PKEY_ED25519, NID_undef, "ed25519"},
    {EVP_PKEY_ED448, NID_undef, "ed448"},
};

static void set(char out[TLS_WORD_MAX], const char *word)
{
    if (word && strlen(word) < TLS_WORD_MAX)
        memcpy(out, word, strlen(word) + 1);
}

static void set_scheme(SSL *ssl, char out[TLS_WORD_MAX])
{
    int key = NID_undef, digest = NID_undef;

    if (SSL_get_signature_type_nid(ssl, &key) != 1)
        return;
    (void)SSL_get_signature_nid(ssl, &digest); /* Ed25519 has none */
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        if (schemes[i].key == key &&
            (schemes[i].digest == digest || schemes[i].digest == NID_undef))
            set(out, schemes[i].name);
}

static void set_key_alg(const EVP_PKEY *key, char out[TLS_WORD_MAX])
{
    if (!key)
        return;
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
    case EVP_PKEY_RSA_PSS:
        (void)snprintf(out, TLS_WORD_MAX, "RSA%d", EVP_PKEY_get_bits(key));
        break;
    case EVP_PKEY_EC:
        (void)snprintf(out, TLS_WORD_MAX, "EC%d", EVP_PKEY_get_bits(key));
        break;
    case EVP_PKEY_ED25519:
        set(out, "ED25519");
        break;
    default:
        break;
    }
}

void tls_words_of(SSL *ssl, struct tls_words *ret_words)
{
    const X509 *certificate = SSL_get_certificate(ssl);

    *ret_words = (struct tls_words){.group = ""};
    set(ret_words->group, SSL_group_to_name(ssl, (int)SSL_get_negotiated_group(ssl)));
    set_scheme(ssl, ret_words->scheme);
    if (!certificate)
        return;
    set(ret_words->sig_alg, OBJ_nid2sn(X509_get_signature_nid(certificate)));
    set_key_alg(X509_get0_pubkey(certificate), ret_words->key_alg);
}
