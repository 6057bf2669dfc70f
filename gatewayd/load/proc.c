/*
 * The short-lived process that parses certificates, revocation lists and policy texts. It takes
 * files, sends what it made of them, and ends: READY is its last message.
 */
#include "gatewayd/load/load.h"

#include <openssl/crypto.h>

static void *create(struct role *role)
{
    (void)OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS | OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    return load_new(role);
}

static bool take_file(struct role *role, const struct message_file *file, int fd, struct error *err)
{
    return load_file(role->state, file, fd, err);
}

static bool start(struct role *role, struct error *err)
{
    (void)err;
    load_run(role->state);
    return true;
}

const struct role_calls load_role = {
    .id = PROCESS_LOAD,
    .create = create,
    .file = take_file,
    .start = start,
};
