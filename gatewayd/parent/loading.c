/*
 * Runs load and takes what it made. Runs in the parent, which never parses a certificate or a rule:
 * it passes sealed memfds on.
 */
#include "gatewayd/parent/loading.h"

#include "common/log.h"
#include "gatewayd/parent/children.h"
#include "gatewayd/parent/lists.h"
#include "gatewayd/parent/reload.h"
#include "gatewayd/shared/hash.h"
#include "gatewayd/shared/xalloc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOAD_DEADLINE_S = 60, CONFIG_OCTETS_MAX = 16 << 20 };

/* --- errors ----------------------------------------------------------------------------------- */

void load_errors_clear(struct load_errors *errors)
{
    for (size_t i = 0; i < errors->n; i++)
        free(errors->at[i].file);
    free(errors->at);
    *errors = (struct load_errors){NULL, 0};
}

void load_errors_drop(struct load_errors *errors, uint8_t kind)
{
    size_t n = 0;

    for (size_t i = 0; i < errors->n; i++) {
        if (errors->at[i].kind == kind)
            free(errors->at[i].file);
        else
            errors->at[n++] = errors->at[i];
    }
    errors->n = n;
}

void load_errors_add(struct load_errors *errors, uint8_t kind, const char *file, uint32_t line,
                     const struct error *err)
{
    if (errors->n == LOAD_ERRORS_MAX)
        return;
    errors->at = xrealloc(errors->at, errors->n + 1, sizeof(*errors->at));
    errors->at[errors->n++] =
        (struct load_error){.file = xstrdup(file), .line = line, .kind = kind, .err = *err};
}

void load_errors_print(const struct load_errors *errors, struct writer *out)
{
    for (size_t i = 0; i < errors->n && out->len < MESSAGE_MAX / 4; i++) {
        const struct load_error *error = &errors->at[i];

        if (error->file[0] && error->line > 0)
            writer_printf(out, "%s:%u: ", error->file, error->line);
        else if (error->file[0])
            writer_printf(out, "%s: ", error->file);
        writer_printf(out, "%s: %s\n", reason_text(error->err.reason), error->err.detail);
    }
}

static void finish_when_over(struct loading *loading);

static void note(struct loading *loading, uint8_t kind, const char *file, uint32_t line,
                 const struct error *err)
{
    load_errors_add(&loading->errors, kind, file, line, err);
    if (kind < LOADED__COUNT)
        loading->stopped[kind] = true;
    log_error(kind < LOADED__COUNT ? "load_error" : "load_warning", err, "file=%s line=%u",
              log_quoted(bytes_of(file)), line);
}

static void note_all(struct loading *loading, const char *what)
{
    struct error err;

    (void)err_set(&err, REASON_SYSTEM, "%s", what);
    for (unsigned kind = 0; kind < LOADED__COUNT; kind++)
        note(loading, (uint8_t)kind, "", 0, &err);
}

static void file_found(void *context, const char *file, uint32_t line, const struct error *err)
{
    note(context, LOADED_TRUST, file, line, err);
    ((struct loading *)context)->stopped[LOADED_POLICY] = true;
}

/* --- messages of load ------------------------------------------------------------------------- */

static void take_loaded(struct loading *loading, const struct message_loaded *msg, int fd)
{
    struct loaded *result;

    if (fd < 0 || msg->kind >= LOADED__COUNT || loading->results[msg->kind].fd >= 0) {
        if (fd >= 0)
            (void)close(fd);
        return;
    }
    result = &loading->results[msg->kind];
    *result = (struct loaded){.fd = fd, .version = msg->version, .count = msg->count};
}

static void on_message(void *context, struct channel *channel, enum message_id id,
                       const union message *msg, int fd)
{
    struct loading *loading = context;
    AUTO(char_freep) char *text = NULL;
    struct error err;

    (void)channel;
    if (id == MESSAGE_LOADED) {
        take_loaded(loading, &msg->loaded, fd);
        return;
    }
    if (fd >= 0)
        (void)close(fd);
    if (id == MESSAGE_LOAD_ERROR) {
        AUTO(char_freep) char *file = xtext(msg->load_error.file);

        text = xtext(msg->load_error.detail);
        (void)err_set(&err, (enum reason)msg->load_error.reason, "%s", text);
        note(loading, msg->load_error.kind, file, msg->load_error.line, &err);
    } else if (id == MESSAGE_LOAD_LIST) {
        lists_add(&loading->lists, &msg->load_list);
    } else if (id == MESSAGE_FAILED) {
        text = xtext(msg->failed.detail);
        note_all(loading, text);
    } else if (id == MESSAGE_READY) {
        loading->ready = true;
    }
}

static void on_down(void *context, struct channel *channel, const struct error *why)
{
    struct loading *loading = context;

    (void)why;
    loading->child.channel = channel_free(channel);
    if (!loading->ready && loading->child.pid > 0)
        (void)kill(loading->child.pid, SIGKILL);
    finish_when_over(loading);
}

static const struct channel_calls calls = {.message = on_message, .down = on_down};

static void on_deadline(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct loading *loading = timer->data;

    (void)loop;
    (void)events;
    note_all(loading, "load takes too long");
    if (loading->child.pid > 0)
        (void)kill(loading->child.pid, SIGKILL);
}

/* --- a run ------------------------------------------------------------------------------------ */

static void drop_results(struct loading *loading)
{
    for (size_t i = 0; i < LOADED__COUNT; i++) {
        if (loading->results[i].fd >= 0)
            (void)close(loading->results[i].fd);
        loading->results[i] = (struct loaded){.fd = -1};
        loading->stopped[i] = false;
    }
}

void loading_init(struct parent *parent)
{
    struct loading *loading = &parent->loading;

    for (size_t i = 0; i < LOADED__COUNT; i++) {
        parent->loaded[i].fd = -1;
        loading->results[i].fd = -1;
    }
    loading->child = (struct child){.parent = parent, .role = PROCESS_LOAD};
    ev_init(&loading->deadline, on_deadline);
    loading->deadline.data = loading;
}

void loading_begin(struct parent *parent, const struct config *config)
{
    struct loading *loading = &parent->loading;
    struct config_errors errors = {.found = file_found, .context = loading};
    struct error err;

    if (loading->running) {
        loading->again = true;
        return;
    }
    drop_results(loading);
    load_errors_clear(&loading->errors);
    lists_clear(&loading->lists);
    loading->running = true;
    loading->again = loading->ready = false;
    loading->config = config;
    if (!child_run(&loading->child, &calls, loading, &err)) {
        note_all(loading, err.detail);
        loading->running = false;
        reload_loaded(parent);
        return;
    }
    ev_timer_set(&loading->deadline, LOAD_DEADLINE_S, 0.0);
    ev_timer_start(parent->loop, &loading->deadline);
    if (!child_configure(&loading->child, config, 1, false, &errors)) {
        if (loading->errors.n == 0)
            note_all(loading, "files cannot be handed over");
        (void)kill(loading->child.pid, SIGKILL);
    }
}

/* A run is over when its process has ended and its last word has been read. */
static void finish_when_over(struct loading *loading)
{
    struct parent *parent = loading->child.parent;

    if (!loading->running || loading->child.pid != 0 || loading->child.channel)
        return;
    ev_timer_stop(parent->loop, &loading->deadline);
    loading->running = false;
    if (!loading->ready && loading->errors.n == 0) {
        log_event(LOG_LEVEL_ERROR, "load_crashed", "status=%d", loading->status);
        note_all(loading, "load crashed");
    }
    reload_loaded(parent);
}

bool loading_ended(struct parent *parent, pid_t pid, int status)
{
    struct loading *loading = &parent->loading;

    if (!loading->running || loading->child.pid != pid)
        return false;
    loading->child.pid = 0;
    loading->status = status;
    finish_when_over(loading);
    return true;
}

/* --- in force --------------------------------------------------------------------------------- */

/* The policy's version names what else decides: the mapping and service sections. */
static struct hash policy_version(const struct config *config, const struct hash *octets)
{
    AUTO(writer_clear) struct writer out = writer_new(CONFIG_OCTETS_MAX);

    writer_put(&out, (struct bytes){octets->octets, HASH_LEN});
    config_encode_values(config, "mapping", &out);
    config_encode_values(config, "service", &out);
    return hash_of(writer_bytes(&out));
}

/* Takes a result unless it is what is in force already. */
static bool take(struct parent *parent, enum loaded_kind kind)
{
    struct loaded *result = &parent->loading.results[kind], *now = &parent->loaded[kind];
    struct hash sent = result->version;

    if (result->fd < 0 || parent->loading.stopped[kind])
        return false;
    if (kind == LOADED_POLICY)
        sent = policy_version(parent->config, &result->version);
    if (now->fd >= 0 && hash_equal(&now->version, &result->version) &&
        hash_equal(&now->sent_version, &sent))
        return false;
    result->generation = now->generation + 1;
    result->sent_version = sent;
    if (now->fd >= 0)
        (void)close(now->fd);
    *now = *result;
    result->fd = -1;
    return true;
}

/*
 * Keeps a copy of the trust data for later loads, so that no revocation list becomes older than it
 * was, over a restart too. Without one a load remembers nothing; that is said, and no reason to
 * stop.
 */
static void remember_trust(const struct parent *parent, int from)
{
    const char *folder = parent->config->gateway->state_dir;
    char path[PATH_MAX], aside[PATH_MAX];
    struct stat st;
    off_t at = 0;
    int to;

    (void)snprintf(path, sizeof(path), "%s/trust", folder);
    (void)snprintf(aside, sizeof(aside), "%s/trust.new", folder);
    to = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to >= 0 && fstat(from, &st) == 0)
        while (at < st.st_size && sendfile(to, from, &at, (size_t)(st.st_size - at)) > 0)
            continue;
    if (to < 0 || at == 0 || at < st.st_size || rename(aside, path) != 0)
        log_event(LOG_LEVEL_WARNING, "trust_not_kept", "path=%s errno=%d",
                  log_quoted(bytes_of(path)), errno);
    if (to >= 0)
        (void)close(to);
}

void loading_use(struct parent *parent)
{
    struct message_trust trust;
    struct message_policy policy;

    if (parent->loading.results[LOADED_TRUST].fd >= 0 && !parent->loading.stopped[LOADED_TRUST])
        lists_use(parent);
    if (take(parent, LOADED_TRUST)) {
        const struct loaded *now = &parent->loaded[LOADED_TRUST];

        trust = (struct message_trust){.generation = now->generation, .version = now->version};
        log_event(LOG_LEVEL_INFO, "trust_loaded", "generation=%u anchors=%u", now->generation,
                  now->count);
        remember_trust(parent, now->fd);
        children_tell(parent, PROCESS_EDGE, MESSAGE_TRUST, &trust, now->fd);
        children_tell(parent, PROCESS_DECIDE, MESSAGE_TRUST, &trust, now->fd);
        children_tell(parent, PROCESS_FETCH, MESSAGE_TRUST, &trust, now->fd);
    }
    if (take(parent, LOADED_POLICY)) {
        const struct loaded *now = &parent->loaded[LOADED_POLICY];

        policy = (struct message_policy){.version = now->sent_version};
        log_event(now->count > 0 ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "policy_loaded",
                  "generation=%u rules=%u%s", now->generation, now->count,
                  now->count > 0 ? "" : " detail=\"no rules: everything is denied\"");
        children_tell(parent, PROCESS_DECIDE, MESSAGE_POLICY, &policy, now->fd);
    }
}
