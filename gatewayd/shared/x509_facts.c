/*
 * Facts of certificate objects. Runs in load, edges and gatewayctl; the objects come from outside.
 */
#include "gatewayd/shared/x509_facts.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <time.h>

bool x509_time_s(const ASN1_TIME *time, int64_t *ret_s)
{
    struct tm tm;

    if (!time || ASN1_TIME_to_tm(time, &tm) != 1)
        return false;
    *ret_s = (int64_t)timegm(&tm);
    return true;
}

bool x509_serial(const ASN1_INTEGER *serial, struct bytes *ret_serial)
{
    struct bytes octets = {ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial)};

    if (ASN1_STRING_type(serial) != V_ASN1_INTEGER)
        return false;
    while (octets.len > 0 && octets.at[0] == 0) {
        octets.at++;
        octets.len--;
    }
    *ret_serial = octets;
    return octets.len > 0;
}

struct hash x509_key_hash(const X509 *certificate)
{
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    struct hash hash = {{0}};

    if (len > 0)
        (void)SHA256(der, (size_t)len, hash.octets);
    OPENSSL_free(der);
    return hash;
}

void x509_name_text(const X509_NAME *name, char *out, size_t room)
{
    AUTO(bio_freep) BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    long len = 0;

    out[0] = '\0';
    if (!bio || X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) < 0)
        return;
    len = BIO_get_mem_data(bio, &text);
    if (len < 0)
        return;
    if ((size_t)len >= room)
        len = (long)room - 1;
    /* RFC 2253 output is escaped already; this holds whatever OpenSSL makes of odd string types. */
    for (long i = 0; i < len; i++)
        out[i] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
    out[len] = '\0';
}
