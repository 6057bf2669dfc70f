/*
 * IDENTITY. Runs in decide on what the last judgement of a session found; sent before the verdict
 * and again when a later judgement finds other groups, another rule or another account.
 */
#include "gatewayd/decide/tell_identity.h"

#include "gatewayd/decide/decide.h"
#include "gatewayd/shared/hash.h"

static bool is_told(const struct session *session)
{
    static const uint8_t never[sizeof(session->told_identity)];
    const struct config_service *service = session_service(session);

    /* One that was told goes on being told, whatever a reload makes of its service. */
    return (service && service->protocol == CONFIG_PROTOCOL_HTTP) ||
           memcmp(session->told_identity, never, sizeof(never)) != 0;
}

static void put_groups(const struct session *session, struct writer *out)
{
    for (size_t i = 0; session->account && i < session->account->n_groups; i++)
        writer_block16(out, bytes_of(session->groups[i]));
}

bool tell_identity_fits(const struct session *session)
{
    size_t len = 0;

    if (!is_told(session) || !session->account)
        return true;
    for (size_t i = 0; i < session->account->n_groups; i++)
        len += 2 + strlen(session->groups[i]);
    return len <= IDENTITY_GROUPS_MAX;
}

/* Eight octets of a digest tell a change; nothing is proved by them. */
static void digest(const struct message_identity *msg, uint8_t out[8])
{
    AUTO(writer_clear) struct writer all = writer_new(MESSAGE_MAX);
    struct hash hash;

    writer_block32(&all, msg->user);
    writer_block32(&all, msg->groups);
    writer_block32(&all, msg->rule);
    hash = hash_of(writer_bytes(&all));
    memcpy(out, hash.octets, 8);
}

bool tell_identity(struct session *session)
{
    AUTO(writer_clear) struct writer groups = writer_new(IDENTITY_GROUPS_MAX);
    struct channel *edge = session->decide->edges[session->edge_slot];
    struct message_identity msg = {.connection = session->open.connection,
                                   .user = bytes_of(session->user),
                                   .rule = bytes_of(session->rule)};
    uint8_t now[8];

    if (!is_told(session) || session->deferred)
        return true;
    put_groups(session, &groups);
    if (!writer_ok(&groups))
        return false;
    msg.groups = writer_bytes(&groups);
    digest(&msg, now);
    if (memcmp(now, session->told_identity, sizeof(now)) == 0)
        return true;
    if (!edge || !channel_send(edge, MESSAGE_IDENTITY, &msg, -1))
        return false;
    memcpy(session->told_identity, now, sizeof(now));
    return true;
}
