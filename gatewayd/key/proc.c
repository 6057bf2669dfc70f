/*
 * The process that holds the TLS private keys: set-up and message table. It answers SIGN of edges
 * and does nothing else; see keys.c for what it signs.
 */
#include "common/log.h"
#include "gatewayd/key/keys.h"
#include "gatewayd/shared/file_read.h"
#include "gatewayd/shared/role.h"
#include "gatewayd/shared/xalloc.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <unistd.h>

enum { KEY_FILE_MAX = 64 * 1024 }; /* octets of a PEM file with one key */

struct key_state {
    struct keys *keys, *next; /* in force; of the configuration that is coming */
    uint64_t signatures, refused;
};

static void *create(struct role *role)
{
    (void)role;
    /* Everything that OpenSSL reads from files is read before the sandbox closes. */
    (void)OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS | OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    return xcalloc(1, sizeof(struct key_state));
}

/* Kinds of files, and whose keys they hold. */
static bool find_role(uint8_t kind, enum key_role *ret_role)
{
    if (kind != FILE_KEY && kind != FILE_UPSTREAM_KEY)
        return false;
    *ret_role = kind == FILE_KEY ? KEY_ROLE_SERVER : KEY_ROLE_CLIENT;
    return true;
}

static bool take_file(struct role *role, const struct message_file *file, int fd, struct error *err)
{
    struct key_state *state = role->state;
    struct writer pem = writer_new(KEY_FILE_MAX); /* wiped by writer_clear */
    enum key_role whose = KEY_ROLE_SERVER;
    bool good;

    if (!state->next)
        state->next = keys_new();
    good = find_role(file->kind, &whose) ? file_read(fd, KEY_FILE_MAX, &pem, err)
                                         : err_set(err, REASON_MSG_MALFORMED, "FILE without use");
    (void)close(fd);
    good = good && keys_add(state->next, whose, file->index, writer_bytes(&pem), err);
    writer_clear(&pem);
    return good ||
           err_in(err, "key of %s section %.*s", whose == KEY_ROLE_SERVER ? "tls" : "upstream_tls",
                  (int)file->name.len, (const char *)file->name.at);
}

static size_t count_client_keys(const struct config *config)
{
    size_t n = 0;

    for (size_t i = 0; i < config->n_upstream_tls; i++)
        n += config->upstream_tls[i].key != NULL;
    return n;
}

static bool apply(struct role *role, struct error *err)
{
    struct key_state *state = role->state;
    const struct config *config = role->config;

    if (!state->next || keys_count(state->next, KEY_ROLE_SERVER) != config->n_tls ||
        keys_count(state->next, KEY_ROLE_CLIENT) != count_client_keys(config)) {
        state->next = keys_free(state->next);
        return err_set(err, REASON_CONFIG_MISSING,
                       "a tls or upstream_tls section came without its key");
    }
    for (uint32_t i = 0; i < config->n_tls; i++)
        if (config->tls[i].min_version == CONFIG_TLS_1_2)
            keys_allow_tls12(state->next, i);
    keys_free(state->keys);
    state->keys = STEAL(state->next);
    return true;
}

static bool reconfigure(struct role *role, const struct config *before, struct error *err)
{
    (void)before;
    return apply(role, err);
}

static void handle_sign(struct role *role, struct channel *from, const union message *msg, int fd)
{
    struct key_state *state = role->state;
    struct message_signature answer = {.cookie = msg->sign.cookie, .reason = REASON_OK};
    uint8_t signature[KEYS_SIGNATURE_MAX];
    struct error err;

    (void)fd; /* SIGN carries none: channel.c has checked it */
    answer.signature.at = signature;
    if (keys_sign(state->keys, &msg->sign, signature, &answer.signature.len, &err)) {
        state->signatures++;
    } else {
        state->refused++;
        answer.reason = err.reason;
        answer.signature.len = 0;
        log_error("sign_refused", &err, "edge=%u", channel_peer_slot(from));
    }
    if (!channel_send(from, MESSAGE_SIGNATURE, &answer, -1))
        log_event(LOG_LEVEL_WARNING, "signature_lost", "edge=%u", channel_peer_slot(from));
}

static const struct role_handler handlers[] = {
    {MESSAGE_SIGN, handle_sign},
};

const struct role_calls key_role = {
    .id = PROCESS_KEY,
    .create = create,
    .file = take_file,
    .start = apply,
    .reconfigure = reconfigure,
    .handlers = handlers,
    .n_handlers = ARRAY_LEN(handlers),
};
