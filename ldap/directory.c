/*
 * Follows one LDAP server at a time: connect, ask for everything since the cookie, pass on what
 * comes, ask now and then whether it is still there, go to the next server when it is not. Runs in
 * directory. Trusts the server for content; a server that breaks the protocol is left.
 */
#include "ldap/directory.h"

#include "common/clock.h"
#include "ldap/directory_state.h"
#include "ldap/memory.h"

enum {
    MESSAGES_PER_STEP = 500, /* so that a long refresh leaves time for others */
    BACKOFF_FIRST_MS = 250,
};

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
    if (config->password.at)
        explicit_bzero((uint8_t *)config->password.at, config->password.len);
    free((uint8_t *)config->password.at);
}

static bool config_check(const struct directory_config *config, struct error *err)
{
    if (config->n_uris == 0 || config->n_uris > DIRECTORY_URIS_MAX)
        return err_set(err, REASON_CONFIG_VALUE, "%zu directory URIs", config->n_uris);
    if (!config->base)
        return err_set(err, REASON_CONFIG_MISSING, "a directory needs `base`");
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

    if (!config_check(config, err))
        return false;
    directory = memory_new(1, sizeof(*directory));
    config_copy(&directory->config, config);
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
    directory->sync_id = directory->heartbeat_id = -1;
}

struct directory *directory_free(struct directory *directory)
{
    if (!directory)
        return NULL;
    hang_up(directory);
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

/* Leaves the server: the next one is tried at once, the first one again after a pause. */
static void give_up(struct directory *directory, const struct error *why)
{
    int64_t now = clock_monotonic_ms();

    hang_up(directory);
    directory->state = *why;
    directory->server = (directory->server + 1) % directory->config.n_uris;
    directory->try_at = now;
    if (directory->server == 0) {
        directory->backoff_ms *= 2;
        if (directory->backoff_ms < BACKOFF_FIRST_MS)
            directory->backoff_ms = BACKOFF_FIRST_MS;
        if (directory->backoff_ms > DIRECTORY_BACKOFF_MS)
            directory->backoff_ms = DIRECTORY_BACKOFF_MS;
        directory->try_at += directory->backoff_ms;
    }
    if (why->reason == REASON_MASS_END_GUARD)
        directory->try_at = now + DIRECTORY_REFUSED_MS;
}

static bool connect_now(struct directory *directory, struct error *err)
{
    const char *uri = directory->config.uris[directory->server];

    if (!connection_open(&directory->config, &directory->calls, uri, &directory->ld, err))
        return false;
    directory->heard_at = clock_monotonic_ms();
    return follow_start(directory, follow_cookie(directory), err) &&
           follow_heartbeat(directory, err);
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
    int64_t next = clock_monotonic_ms();
    struct error err;

    if (!directory->ld && next < directory->try_at)
        return directory->try_at;
    if ((directory->ld || connect_now(directory, &err)) && talk(directory, &next, &err))
        return next;
    give_up(directory, &err);
    return directory->try_at;
}
