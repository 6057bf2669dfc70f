/*
 * Direct decoding of public keys. Runs in edges and gatewayctl on nothing but libcrypto's tables: a
 * key type that an ENGINE serves is decoded without providers, so one is registered that serves
 * libcrypto's own methods. Deprecated in 3.0, without use from 3.2 on (openssl pull request 21426).
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* ENGINE, knowingly */
#include "gatewayd/shared/direct_keys.h"

#include "common/macros.h"

#include <openssl/evp.h>
#include <openssl/opensslv.h>

#if !defined(OPENSSL_NO_ENGINE) && OPENSSL_VERSION_NUMBER < 0x30200000L
#include <openssl/engine.h>

static const int key_types[] = {EVP_PKEY_EC, EVP_PKEY_RSA};

/* The form of ENGINE_PKEY_METHS_PTR: without method it asks for the types, else for one's method,
 * which is libcrypto's and never freed. */
static int methods(ENGINE *engine, EVP_PKEY_METHOD **method, const int **types, int type)
{
    const EVP_PKEY_METHOD *found;

    (void)engine;
    if (!method) {
        *types = key_types;
        return (int)ARRAY_LEN(key_types);
    }
    found = EVP_PKEY_meth_find(type);
    *method = (EVP_PKEY_METHOD *)(uintptr_t)found;
    return found != NULL;
}

bool direct_keys_use(void)
{
    ENGINE *engine;
    bool good;

    if (EVP_default_properties_is_fips_enabled(NULL))
        return false;
    engine = ENGINE_new();
    good = engine && ENGINE_set_id(engine, "direct_keys") == 1 &&
           ENGINE_set_name(engine, "libcrypto's own methods") == 1 &&
           ENGINE_set_pkey_meths(engine, methods) == 1 &&
           ENGINE_set_default_pkey_meths(engine) == 1;
    ENGINE_free(engine); /* the table of defaults holds it */
    return good;
}
#else
bool direct_keys_use(void)
{
    return false;
}
#endif
