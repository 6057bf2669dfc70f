/*
 * Names of upstreams to addresses, for decide. Runs in directory, because the resolver blocks; only
 * names of gatewayd.conf are looked up, so that no process can send what it knows out as a
 * question.
 */
#include "gatewayd/directory/following.h"

#include "common/log.h"
#include "gatewayd/shared/config_value.h"

#include <netdb.h>
#include <stdlib.h>

enum { ADDRESSES_MAX = 16 /* of one name; POOLS_ADDRESSES_MAX of decide */ };

/* Two servers of resolv.conf that do not answer cost four seconds, not thirty: the followed LDAP
 * server waits meanwhile. */
void resolve_prepare(void)
{
    (void)setenv("RES_OPTIONS", "timeout:2 attempts:1", 1);
}

static bool is_wanted(const struct config *config, struct bytes name)
{
    for (size_t i = 0; i < config->n_service; i++)
        for (size_t k = 0; k < config->service[i].upstream.n; k++) {
            struct config_upstream upstream;

            if (config_upstream_parse(config->service[i].upstream.at[k], &upstream, NULL) &&
                upstream.kind == CONFIG_UPSTREAM_NAME && bytes_equal(upstream.name, name))
                return true;
        }
    return false;
}

/* Each address once, in the resolver's order. */
static void add(struct writer *out, const struct address *address)
{
    struct bytes all = writer_bytes(out);

    if (!address->known || all.len == (size_t)ADDRESSES_MAX * sizeof(address->octets))
        return;
    for (size_t at = 0; at < all.len; at += sizeof(address->octets))
        if (memcmp(all.at + at, address->octets, sizeof(address->octets)) == 0)
            return;
    writer_put(out, (struct bytes){address->octets, sizeof(address->octets)});
}

static bool look_up(const char *name, struct writer *out, struct error *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *list = NULL;
    int code = getaddrinfo(name, NULL, &hints, &list);

    if (code != 0)
        return err_set(err, REASON_NOT_FOUND, "%s",
                       code == EAI_SYSTEM ? "system error" : gai_strerror(code));
    for (const struct addrinfo *at = list; at; at = at->ai_next) {
        struct address address = address_from_sockaddr(at->ai_addr, at->ai_addrlen);

        add(out, &address);
    }
    freeaddrinfo(list);
    return out->len > 0 || err_set(err, REASON_NOT_FOUND, "no address");
}

void resolve_name(const struct following *following, struct bytes name)
{
    AUTO(writer_clear) struct writer addresses = writer_new(1024);
    struct channel *decide = role_channel(following->role, PROCESS_DECIDE, 0);
    struct error err = {.reason = REASON_OK, .detail = ""};
    struct message_resolved answer = {.name = name};
    char text[CONFIG_SERVER_NAME_MAX + 1];

    if (!decide)
        return;
    if (name.len > CONFIG_SERVER_NAME_MAX || !is_wanted(following->role->config, name)) {
        (void)err_set(&err, REASON_NOT_PERMITTED, "no upstream has that name");
    } else {
        memcpy(text, name.at, name.len);
        text[name.len] = '\0';
        if (!look_up(text, &addresses, &err))
            writer_reset(&addresses);
    }
    answer.reason = err.reason;
    answer.detail = bytes_of(err.detail);
    answer.addresses = writer_bytes(&addresses);
    (void)!channel_send(decide, MESSAGE_RESOLVED, &answer, -1); /* decide asks again */
}
