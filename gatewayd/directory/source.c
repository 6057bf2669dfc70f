/*
 * What fills the replica: a followed LDAP server on the loop, or an LDIF file that the parent hands
 * over again whenever it changes. Runs in directory. Trusts the parent for the file, the server for
 * content; a refresh that is refused leaves the older content.
 */
#include "gatewayd/directory/following.h"

#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/shared/file_read.h"
#include "ldap/ldif.h"

static const char *const schemas[] = {
    [CONFIG_SCHEMA_RFC2307] = "rfc2307",
    [CONFIG_SCHEMA_RFC2307BIS] = "rfc2307bis",
};
static const enum directory_bind binds[] = {
    [CONFIG_BIND_ANONYMOUS] = DIRECTORY_ANONYMOUS,
    [CONFIG_BIND_SIMPLE] = DIRECTORY_SIMPLE,
    [CONFIG_BIND_EXTERNAL] = DIRECTORY_EXTERNAL,
};

static bool is_file(const struct config_directory *directory)
{
    return directory->uri.n > 0 && strncmp(directory->uri.at[0], "file:", 5) == 0;
}

/* --- the filler and what it tells --- */

static void on_put(void *context, const struct replica_entry *entry)
{
    struct following *following = context;

    following->nss_due = following->disk_due = true;
    publish_put(following, entry);
}

static void on_removed(void *context, const struct replica_uuid *uuid)
{
    struct following *following = context;

    following->nss_due = following->disk_due = true;
    publish_removed(following, uuid);
}

static void on_swapped(void *context)
{
    struct following *following = context;

    following->nss_due = following->disk_due = true;
    following->snapshot_due = true; /* sent when the caller is done with it */
}

/* Attributes that the mappings search by are kept beside those of the schema. */
static bool options_of(const struct following *following, const struct config_directory *directory,
                       struct replica_options *ret_options, struct error *err)
{
    struct replica_options options = {.schema = schemas[directory->schema],
                                      .min_id = (uint32_t)directory->min_id,
                                      .local_users = following->local_users,
                                      .local_groups = following->local_groups};
    const struct config *config = following->role->config;

    for (size_t i = 0; i < config->n_mapping; i++)
        if (config->mapping[i].find &&
            !replica_options_add_filter(&options, bytes_of(config->mapping[i].find), err))
            return err_in(err, "mapping \"%s\"", config->mapping[i].title);
    *ret_options = options;
    return true;
}

static bool options_equal(const struct replica_options *a, const struct replica_options *b)
{
    return strcmp(a->schema, b->schema) == 0 && a->min_id == b->min_id &&
           a->n_extra == b->n_extra &&
           memcmp(a->extra, b->extra, a->n_extra * sizeof(a->extra[0])) == 0;
}

/* The filler for this configuration: the one in use when it would be the same, else a new one. */
static bool filler_for(struct following *following, const struct config_directory *directory,
                       struct filler **ret_filler, struct error *err)
{
    struct filler_calls calls = {on_put, on_removed, on_swapped, following};
    struct replica_options options;

    if (!options_of(following, directory, &options, err))
        return false;
    if (!following->filler ||
        !options_equal(&options, replica_options(filler_replica(following->filler))))
        return filler_new(&options, &calls, ret_filler, err);
    *ret_filler = following->filler;
    return true;
}

/* --- an LDIF file --- */

void source_ldif_came(struct following *following)
{
    AUTO(writer_clear) struct writer text = writer_new(LDIF_MAX);
    struct feed feed = filler_feed(following->filler);
    struct error err;

    following->ldif_good = file_read(following->ldif_fd, LDIF_MAX, &text, &err) &&
                           ldif_feed(writer_bytes(&text), &feed, clock_realtime_ms(), &err);
    following->state = following->ldif_good ? (struct error){.reason = REASON_OK} : err;
    if (!following->ldif_good)
        log_error("ldif_refused", &err, "%s", "");
    if (following->snapshot_due)
        publish_snapshot(following);
}

/* --- a server --- */

static void server_step(struct following *following);

static void on_readable(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    (void)events;
    server_step(io->data);
}

static void on_due(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    server_step(timer->data);
}

static void io_stop(struct following *following)
{
    if (ev_is_active(&following->io))
        ev_io_stop(following->role->loop, &following->io);
    if (ev_is_active(&following->due))
        ev_timer_stop(following->role->loop, &following->due);
}

/* Said once for each change, not for each try. */
static void state_log(struct following *following)
{
    const struct error *state = directory_state(following->server);

    bool refreshing = state->reason != REASON_OK && directory_fd(following->server) >= 0;

    if (state->reason == following->said || refreshing)
        return;
    following->said = state->reason;
    if (state->reason == REASON_OK)
        log_event(LOG_LEVEL_INFO, "directory_followed", "server=%s",
                  directory_server(following->server));
    else
        log_error("directory_lost", state, "%s", "");
}

static void server_step(struct following *following)
{
    int64_t next = directory_step(following->server), now;
    int fd = directory_fd(following->server);

    io_stop(following);
    if (fd >= 0) {
        ev_io_set(&following->io, fd, EV_READ);
        ev_io_start(following->role->loop, &following->io);
    }
    now = clock_monotonic_ms();
    ev_timer_set(&following->due, next > now ? (double)(next - now) / 1000.0 : 0.0, 0.0);
    ev_timer_start(following->role->loop, &following->due);
    state_log(following);
    following->state = *directory_state(following->server);
    if (following->snapshot_due)
        publish_snapshot(following);
}

static struct bytes cookie_of(void *context)
{
    struct following *following = context;

    return filler_cookie(following->filler);
}

static int dial(void *context, const char *uri, int64_t deadline_ms, struct error *err)
{
    struct following *following = context;

    return credentials_dial(&following->credentials, uri, deadline_ms, err);
}

enum { ATTRIBUTES_ASKED_MAX = 96 }; /* the schema's and REPLICA_EXTRA_MAX */

static bool server_new(struct following *following, const struct config_directory *directory,
                       struct filler *filler, struct directory **ret_server, struct error *err)
{
    const struct credentials *credentials = &following->credentials;
    const struct replica *replica = filler_replica(filler);
    struct feed feed = filler_feed(filler);
    struct directory_calls calls = {cookie_of, dial, following};
    const char *attributes[ATTRIBUTES_ASKED_MAX];
    struct directory_config config = {
        .uris = directory->uri.at,
        .n_uris = directory->uri.n,
        .base = directory->base,
        .filter = replica_filter(replica),
        .attributes = attributes,
        .bind = binds[directory->bind],
        .bind_dn = directory->bind_dn,
        .password = {credentials->password, credentials->password_len},
        .ca_file = directory->ca ? credentials->ca : NULL,
        .certificate_file = directory->certificate ? credentials->certificate : NULL,
        .key_file = directory->key ? credentials->key : NULL,
        .name = directory->name,
    };

    while (config.n_attributes < ATTRIBUTES_ASKED_MAX &&
           (attributes[config.n_attributes] = replica_attribute(replica, config.n_attributes)))
        config.n_attributes++;
    return directory_new(&config, &feed, &calls, ret_server, err);
}

/* --- all of it --- */

static void server_end(struct following *following)
{
    io_stop(following);
    following->server = directory_free(following->server);
}

static void server_start(struct following *following)
{
    ev_init(&following->io, on_readable);
    ev_timer_init(&following->due, on_due, 0.0, 0.0);
    following->io.data = following->due.data = following;
    ev_timer_start(following->role->loop, &following->due);
}

void source_key(const struct config_directory *directory, struct writer *out)
{
    writer_block16(out, bytes_of(directory->base));
    for (size_t i = 0; i < directory->uri.n; i++)
        writer_block16(out, bytes_of(directory->uri.at[i]));
}

/* Whether a cookie of the source before means something to this one. */
static bool same_source(struct following *following, const struct config_directory *directory)
{
    struct writer key = writer_new(SOURCE_KEY_MAX);
    bool same;

    source_key(directory, &key);
    same = bytes_equal(writer_bytes(&key), writer_bytes(&following->key));
    writer_clear(&following->key);
    following->key = key;
    return same;
}

/* A reload after a refusal is the operator's word that users may vanish. */
static void filler_use(struct following *following, struct filler *filler,
                       const struct config_directory *directory)
{
    bool same = same_source(following, directory);
    struct feed feed;

    if (filler != following->filler) {
        (void)filler_free(following->filler);
        following->filler = filler;
        disk_load(following);
        return;
    }
    if (following->state.reason == REASON_MASS_END_GUARD)
        filler_confirm(filler);
    feed = filler_feed(filler);
    if (!same)
        feed.cookie(feed.context, (struct bytes){NULL, 0});
}

bool source_set_up(struct following *following, struct error *err)
{
    const struct config_directory *directory = following_config(following);
    struct directory *server = NULL;
    struct filler *filler = NULL;

    if (directory && !filler_for(following, directory, &filler, err))
        return false;
    if (directory && !is_file(directory) &&
        !server_new(following, directory, filler, &server, err)) {
        if (filler != following->filler)
            (void)filler_free(filler);
        return false;
    }
    server_end(following);
    if (!directory) {
        following->filler = filler_free(following->filler);
        return true;
    }
    filler_use(following, filler, directory);
    following->server = server;
    if (server)
        server_start(following);
    else if (following->ldif_fd >= 0)
        source_ldif_came(following);
    return true;
}

void source_tick(struct following *following)
{
    struct feed feed = filler_feed(following->filler);

    if (!following->server && following->ldif_good)
        feed.alive(feed.context, clock_realtime_ms());
}

const char *source_name(const struct following *following)
{
    if (following->server)
        return directory_server(following->server);
    return following->ldif_good ? following_config(following)->uri.at[0] : "";
}
