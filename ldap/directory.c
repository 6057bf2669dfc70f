/*
 * Follows one LDAP server at a time: connect, ask for everything since the cookie, pass on what
 * comes, ask now and then whether it is still there, go to the next server when it is not. Runs in
 * directory. Trusts the server for content; a server that breaks the protocol is left.
 */
#include "ldap/directory.h"

#include "common/clock.h"
#include "ldap/directory_state.h"
#include "ldap/memory.h"

enum { MESSAGES_PER_STEP = 500 /* so that a long refresh leaves time for others */ };

/* --- life --- */

static const char *text_or_null(const char *text)
{
    return text ? memory_text(bytes_of(text)) : NULL;
}

static const char *const *texts_copy(const char *const *texts, size_t n)
{
    const char **copy = memory_new(n + 1, sizeof(*copy));

    for (size_t i = 0; i < n; i++)
        copy[i] = memory_text(bytes_of(texts[i]));
    return copy;
}

static void config_copy(struct directory_config *to, const struct directory_config *from)
{
    *to = *from;
    to->uris = texts_copy(from->uris, from->n_uris);
    to->attributes = texts_copy(from->attributes, from->n_attributes);
    to->base = text_or_null(from->base);
    to->filter = text_or_null(from->filter);
    to->bind_dn = text_or_null(from->bind_dn);
    to->ca_file = text_or_null(from->ca_file);
    to->certificate_file = text_or_null(from->certificate_file);
    to->key_file = text_or_null(from->key_file);
    to->name = text_or_null(from->name);
    to->password.at = (const uint8_t *)memory_text(from->password);
}

static void texts_free(const char *const *texts, size_t n)
{
    for (size_t i = 0; texts && i < n; i++)
        free((char *)texts[i]);
    free((void *)texts);
}

static void config_clear(struct directory_config *config)
{
    texts_free(config->uris, config->n_uris);
    texts_free(config->attributes, config->n_attributes);
    free((char *)config->base);
    free((char *)config->filter);
    free((char *)config->bind_dn);
    free((char *)config->ca_file);
    free((char *)config->certificate_file);
    free((char *)config->key_file);
    free((char *)config->name);
    if (config->password.at)
        explicit_bzero((uint8_t *)config->password.at, config->password.len);
    free((uint8_t *)config->password.at);
}

static bool config_check(const struct directory_config *config, struct dn *ret_base,
                         struct error *err)
{
    if (config->n_uris == 0 || config->n_uris > DIRECTORY_URIS_MAX)
        return err_set(err, REASON_CONFIG_VALUE, "%zu directory URIs", config->n_uris);
    if (!config->base)
        return err_set(err, REASON_CONFIG_MISSING, "a directory needs `base`");
    if (!dn_normalise(bytes_of(config->base), ret_base))
        return err_set(err, REASON_CONFIG_VALUE, "base: no DN");
    for (size_t i = 0; i < config->n_uris; i++)
        if (!connection_check(config, config->uris[i], err))
            return false;
    return true;
}

bool directory_new(const struct directory_config *config, const struct feed *feed,
                   const struct directory_calls *calls, struct directory **ret_directory,
                   struct error *err)
{
    struct directory *directory;
    struct dn base;

    if (!config_check(config, &base, err))
        return false;
    directory = memory_new(1, sizeof(*directory));
    config_copy(&directory->config, config);
    directory->base = base;
    servers_init(&directory->servers, &directory->config);
    directory->server = SERVERS_NONE;
    directory->feed = *feed;
    directory->calls = *calls;
    directory->sync_id = directory->heartbeat_id = -1;
    (void)err_set(&directory->state, REASON_DIRECTORY_UNREACHABLE, "not yet asked");
    *ret_directory = directory;
    return true;
}

static void hang_up(struct directory *directory)
{
    if (directory->refreshing)
        directory->feed.abandon(directory->feed.context);
    directory->refreshing = directory->presents = false;
    connection_close(directory->ld);
    directory->ld = NULL;
    directory->server = SERVERS_NONE;
    directory->sync_id = directory->heartbeat_id = -1;
}

struct directory *directory_free(struct directory *directory)
{
    if (!directory)
        return NULL;
    hang_up(directory);
    servers_clear(&directory->servers);
    config_clear(&directory->config);
    free(directory);
    return NULL;
}

int directory_fd(const struct directory *directory)
{
    return connection_fd(directory->ld);
}

const char *directory_server(const struct directory *directory)
{
    bool answers = directory->ld && directory->state.reason == REASON_OK;

    return answers ? directory->config.uris[directory->server] : "";
}

const struct error *directory_state(const struct directory *directory)
{
    return &directory->state;
}

/* Leaves the server: another one that answers is tried at once. */
static void give_up(struct directory *directory, const struct error *why)
{
    servers_bad(&directory->servers, directory->server, why);
    hang_up(directory);
    directory->state = *why;
    if (why->reason == REASON_MASS_END_GUARD)
        directory->try_at = clock_monotonic_ms() + DIRECTORY_REFUSED_MS;
}

/* --- servers --- */

/* The connection is bound and has answered: from now on this server is followed. */
static void take(struct directory *directory, size_t i, LDAP *ld)
{
    struct error err;

    if (directory->ld)
        servers_leave(&directory->servers, directory->server);
    hang_up(directory);
    directory->ld = ld;
    directory->server = i;
    directory->heard_at = clock_monotonic_ms();
    if (!follow_start(directory, follow_cookie(directory), &err) ||
        !follow_heartbeat(directory, &err))
        give_up(directory, &err);
}

/* One that is not in use is looked at in the same way as one that is to be used. */
static void probe(struct directory *directory, size_t i)
{
    const char *uri = directory->config.uris[i];
    int64_t began_ms = clock_monotonic_ms();
    struct connection connection;
    struct error err;

    if (!connection_open(&directory->config, &directory->calls, uri, &connection, &err)) {
        servers_bad(&directory->servers, i, &err);
        return;
    }
    servers_good(&directory->servers, i, connection.latency_us, clock_monotonic_ms() - began_ms);
    if (!directory->ld ||
        (!directory->refreshing && servers_better(&directory->servers, i, directory->server)))
        take(directory, i, connection.ld);
    else
        connection_close(connection.ld);
}

/* What there is to do with servers that are not in use. Returns when there is more. */
static int64_t look_around(struct directory *directory)
{
    int64_t now = clock_monotonic_ms(), next;
    size_t due;

    if (!directory->ld && now < directory->try_at)
        return directory->try_at;
    next = servers_step(&directory->servers, &directory->calls, directory->server);
    due = servers_due(&directory->servers, directory->server);
    if (due != SERVERS_NONE)
        probe(directory, due);
    else if (next < now + SERVERS_LOOK_MS)
        next = now + SERVERS_LOOK_MS;
    if (!directory->ld && directory->state.reason != REASON_MASS_END_GUARD)
        directory->state = directory->servers.why;
    return next;
}

/* --- messages --- */

/* Takes what has come. *ret_more: there may be more at once. */
static bool read_now(struct directory *directory, bool *ret_more, struct error *err)
{
    struct timeval none = {0, 0};

    *ret_more = false;
    for (int i = 0; i < MESSAGES_PER_STEP; i++) {
        LDAPMessage *message = NULL;
        int kind = ldap_result(directory->ld, LDAP_RES_ANY, LDAP_MSG_ONE, &none, &message);
        bool done;
        if (kind == 0)
            return true;
        if (kind < 0)
            return err_set(err, REASON_DIRECTORY_UNREACHABLE, "the connection is lost");
        directory->heard_at = clock_monotonic_ms();
        done = follow_message(directory, message, err);
        (void)ldap_msgfree(message);
        if (!done)
            return false;
    }
    *ret_more = true;
    return true;
}

/* --- time --- */

/* Nothing came while an answer was due. */
static bool is_silent(const struct directory *directory, int64_t now)
{
    int64_t since =
        directory->sent_at > directory->heard_at ? directory->sent_at : directory->heard_at;

    return directory->heartbeat_id >= 0 && now - since >= DIRECTORY_SILENCE_MS;
}

static bool talk(struct directory *directory, int64_t *ret_next, struct error *err)
{
    int64_t now;
    bool more;

    if (!read_now(directory, &more, err))
        return false;
    now = clock_monotonic_ms();
    if (is_silent(directory, now))
        return err_set(err, REASON_DIRECTORY_UNREACHABLE, "no answer for %d ms",
                       DIRECTORY_SILENCE_MS);
    if (directory->heartbeat_id < 0 && now - directory->sent_at >= DIRECTORY_HEARTBEAT_MS &&
        !follow_heartbeat(directory, err))
        return false;
    if (more)
        *ret_next = now;
    else if (directory->heartbeat_id >= 0)
        *ret_next = now + DIRECTORY_SILENCE_MS / 4;
    else
        *ret_next = directory->sent_at + DIRECTORY_HEARTBEAT_MS;
    return true;
}

int64_t directory_step(struct directory *directory)
{
    int64_t next = INT64_MAX, other;
    struct error err;

    if (directory->ld && !talk(directory, &next, &err))
        give_up(directory, &err);
    other = look_around(directory);
    if (directory->ld && next == INT64_MAX) /* it has just been connected */
        next = clock_monotonic_ms();
    return other < next ? other : next;
}
