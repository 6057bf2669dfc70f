#pragma once
/*
 * Our side of a handshake in the words of the PROXY protocol, for upstreams that get them. Pure.
 */
#include <openssl/ssl.h>

enum { TLS_WORD_MAX = 48 };

struct tls_words {
    char group[TLS_WORD_MAX];   /* key exchange, "x25519"; "" not known */
    char scheme[TLS_WORD_MAX];  /* of our signature, "ecdsa_secp256r1_sha256" (RFC 8446 4.2.3) */
    char sig_alg[TLS_WORD_MAX]; /* of our certificate's issuer, "ecdsa-with-SHA256" */
    char key_alg[TLS_WORD_MAX]; /* of our certificate's key, "EC256" */
};

void tls_words_of(SSL *ssl, struct tls_words *ret_words);
