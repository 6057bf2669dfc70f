/*
 * Asks key for a signature and waits for it: the one place where an edge waits for another process.
 * Runs in an edge; trusts key to sign what it was given, and checks the length.
 */
#include "gatewayd/edge/signer.h"

#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/edge/edge.h"
#include "gatewayd/edge/handshake.h"

/* The answer with our cookie; answers to questions that were given up before are passed over. */
static bool wait_for(struct edge *edge, uint64_t cookie, union message *ret_msg, struct error *err)
{
    int64_t deadline_ms = clock_monotonic_ms() + SIGNER_WAIT_MS;

    for (;;) {
        struct channel *key = role_channel(edge->role, PROCESS_KEY, 0);
        int64_t left_ms = deadline_ms - clock_monotonic_ms();

        if (!key || left_ms <= 0)
            return err_set(err, REASON_KEY_UNAVAILABLE, "no answer in time");
        if (!channel_wait(key, MESSAGE_SIGNATURE, left_ms, ret_msg, err))
            return false;
        if (ret_msg->signature.cookie == cookie)
            return true;
    }
}

static bool ask(struct edge *edge, const struct message_sign *msg, uint8_t *out, size_t room,
                size_t *ret_len, struct error *err)
{
    struct channel *key = role_channel(edge->role, PROCESS_KEY, 0);
    union message answer;

    if (!key || !channel_send(key, MESSAGE_SIGN, msg, -1))
        return err_set(err, REASON_KEY_UNAVAILABLE, "no channel");
    if (!wait_for(edge, msg->cookie, &answer, err))
        return false;
    if (answer.signature.reason != REASON_OK)
        return err_set(err, REASON_KEY_UNAVAILABLE, "refused: %s",
                       reason_name((enum reason)answer.signature.reason));
    if (answer.signature.signature.len > room)
        return err_set(err, REASON_MSG_MALFORMED, "a signature of %zu octets",
                       answer.signature.signature.len);
    memcpy(out, answer.signature.signature.at, answer.signature.signature.len);
    *ret_len = answer.signature.signature.len;
    return true;
}

static bool sign(struct edge *edge, struct message_sign *msg, uint8_t *out, size_t room,
                 size_t *ret_len)
{
    struct error err;

    msg->cookie = ++edge->next_cookie;
    if (ask(edge, msg, out, room, ret_len, &err))
        return true;
    log_error("key_unavailable", &err, "%s", "");
    if (edge->wire.owner)
        handshake_deny(edge->wire.owner, REASON_KEY_UNAVAILABLE, err.detail,
                       (struct bytes){NULL, 0});
    return false;
}

static bool sign_as_server(void *context, uint32_t key, uint32_t scheme, struct bytes content,
                           uint8_t *out, size_t room, size_t *ret_len)
{
    struct message_sign msg = {
        .key = key, .scheme = scheme, .content = content, .role = KEY_ROLE_SERVER};

    return sign(context, &msg, out, room, ret_len);
}

static bool sign_as_client(void *context, uint32_t key, uint32_t scheme, struct bytes content,
                           uint8_t *out, size_t room, size_t *ret_len)
{
    struct message_sign msg = {
        .key = key, .scheme = scheme, .content = content, .role = KEY_ROLE_CLIENT};

    return sign(context, &msg, out, room, ret_len);
}

struct key_signer signer_of(struct edge *edge, enum key_role role)
{
    return (struct key_signer){.sign = role == KEY_ROLE_SERVER ? sign_as_server : sign_as_client,
                               .context = edge};
}
