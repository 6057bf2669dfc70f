/*
 * The steps of a reload. Runs in the parent. Order: parse and check, open every file, run load for
 * the candidate, send it to every process, wait for all; a refusal at any step leaves or restores
 * the configuration in force.
 */
#include "gatewayd/parent/reload.h"

#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/parent/children.h"
#include "gatewayd/parent/folders.h"
#include "gatewayd/parent/loading.h"
#include "gatewayd/parent/messages.h"
#include "gatewayd/parent/preview.h"
#include "gatewayd/parent/status.h"
#include "gatewayd/parent/succession.h"
#include "gatewayd/parent/watches.h"
#include "gatewayd/shared/fetched.h"
#include "gatewayd/shared/start_check.h"

enum { APPLY_DEADLINE_S = 10 };

static void found(void *context, const char *file, uint32_t line, const struct error *err)
{
    struct parent *parent = context;

    load_errors_add(&parent->reload_errors, LOADED_WARNING, file, line, err);
    log_error("reload_error", err, "file=%s line=%u", log_quoted(bytes_of(file)), line);
}

/* The errors, a line each, for the operator who asked. */
static void answer(struct parent *parent, enum reason reason)
{
    struct reload *reload = &parent->reload;
    AUTO(writer_clear) struct writer text = writer_new(MESSAGE_MAX / 2);

    load_errors_print(&parent->reload_errors, &text);
    for (size_t i = 0; i < reload->n_asked; i++)
        status_reply(parent, reload->asked[i], reason, writer_bytes(&text));
    reload->n_asked = 0;
}

static void refuse(struct parent *parent)
{
    enum reason reason =
        parent->reload_errors.n > 0 ? parent->reload_errors.at[0].err.reason : REASON_CONFIG_VALUE;

    parent->reload.candidate = config_free(parent->reload.candidate);
    parent->reload.loading = false;
    log_event(LOG_LEVEL_ERROR, "reload_refused", "errors=%zu", parent->reload_errors.n);
    answer(parent, reason);
}

static bool check(struct parent *parent, struct config **ret_candidate)
{
    struct config_errors errors = {.found = found, .context = parent};
    struct config *candidate;
    struct error err;

    if (!config_load(parent->config_path, &errors, &candidate))
        return false;
    *ret_candidate = candidate;
    if (config_needs_restart(parent->config, candidate, &err)) {
        found(parent, parent->config_path, 0, &err);
        return false;
    }
    return start_check(candidate, &errors);
}

void reload_begin(struct parent *parent, const uint64_t *cookie)
{
    struct reload *reload = &parent->reload;

    if (parent->preview.candidate || parent->upgrade.asked || succession_runs(parent) ||
        parent->succession.step == SUCCESSION_FAILED) {
        log_event(LOG_LEVEL_ERROR, "reload_refused", "detail=\"a preview or upgrade is not done\"");
        if (cookie)
            status_reply(parent, *cookie, REASON_BUSY,
                         bytes_of("a preview or an upgrade is not yet done"));
        return;
    }
    if (cookie && reload->n_asked == ARRAY_LEN(reload->asked)) {
        status_reply(parent, *cookie, REASON_OVERLOADED, (struct bytes){NULL, 0});
        return;
    }
    if (cookie)
        reload->asked[reload->n_asked++] = *cookie;
    if (reload->candidate || reload->applying)
        return; /* whoever asks now gets the answer of the one under way */
    load_errors_clear(&parent->reload_errors);
    if (!check(parent, &reload->candidate)) {
        refuse(parent);
        return;
    }
    reload->loading = true;
    loading_begin(parent, reload->candidate);
}

/* --- putting it in force ---------------------------------------------------------------------- */

static bool is_asked(const struct child *child)
{
    return child->channel && child->state == CHILD_READY && !child->old && !child->retired;
}

static void send_to_all(struct parent *parent)
{
    struct config_errors errors = {.found = found, .context = parent};

    for (size_t i = 0; i < parent->n_children; i++) {
        struct child *child = &parent->children[i];

        if (!is_asked(child))
            continue;
        if (!child_configure(child, parent->config, parent->generation, true, &errors))
            child->refused = parent->generation;
    }
}

static void wait_for_all(struct parent *parent)
{
    struct reload *reload = &parent->reload;

    reload->applying = true;
    reload->generation = parent->generation;
    ev_timer_stop(parent->loop, &reload->deadline);
    ev_timer_set(&reload->deadline, APPLY_DEADLINE_S, 0.0);
    ev_timer_start(parent->loop, &reload->deadline);
    reload_answered(parent);
}

static void take_load_errors(struct parent *parent)
{
    for (size_t i = 0; i < parent->loading.errors.n; i++) {
        const struct load_error *error = &parent->loading.errors.at[i];

        if (error->kind < LOADED__COUNT)
            load_errors_add(&parent->reload_errors, error->kind, error->file, error->line,
                            &error->err);
    }
}

/* What a refused reload said of files that load now is no longer so. */
static void drop_mended(struct parent *parent)
{
    for (unsigned kind = 0; kind < LOADED__COUNT; kind++)
        if (!parent->loading.stopped[kind])
            load_errors_drop(&parent->reload_errors, (uint8_t)kind);
}

/* The candidate takes the place of the configuration, which comes back if a process refuses. */
static void apply(struct parent *parent)
{
    struct reload *reload = &parent->reload;
    struct config *before = parent->config;
    struct child *spawn = children_find(parent, PROCESS_SPAWN, 0);
    struct child *fetch = children_find(parent, PROCESS_FETCH, 0);

    parent->config = reload->candidate;
    reload->candidate = before;
    parent->generation++;
    log_open("parent", (enum log_level)parent->config->gateway->log_level);
    folders_fill_resolver(parent->config);
    send_to_all(parent);
    loading_use(parent);
    watches_set(parent);
    if (children_needs_spawn(parent->config) && !spawn->wanted) {
        spawn->wanted = true;
        child_start(spawn);
    }
    if (fetched_is_needed(parent->config) && !fetch->wanted) {
        fetch->wanted = true;
        child_start(fetch);
    }
    wait_for_all(parent);
}

void reload_loaded(struct parent *parent)
{
    struct reload *reload = &parent->reload;
    bool again = parent->loading.again;

    if (preview_loaded(parent)) {
        if (again)
            loading_begin(parent, parent->config);
        return;
    }
    if (reload->loading && parent->loading.config == reload->candidate) {
        reload->loading = false;
        take_load_errors(parent);
        if (parent->loading.stopped[LOADED_TRUST] || parent->loading.stopped[LOADED_POLICY])
            refuse(parent);
        else
            apply(parent);
    } else {
        drop_mended(parent);
        loading_use(parent);
    }
    load_errors_clear(&parent->load_errors);
    parent->load_errors = parent->loading.errors;
    parent->loading.errors = (struct load_errors){NULL, 0};
    if (!parent->edges_started) {
        parent->edges_started = true;
        children_start(parent, PROCESS_EDGE);
    }
    succession_loaded(parent);
    if (parent->preview.candidate)
        loading_begin(parent, parent->preview.candidate);
    else if (reload->loading || again)
        loading_begin(parent, reload->loading ? reload->candidate : parent->config);
}

static void roll_back(struct parent *parent)
{
    struct reload *reload = &parent->reload;
    struct config *refused = parent->config;

    parent->config = reload->candidate;
    reload->candidate = refused;
    parent->generation++;
    log_open("parent", (enum log_level)parent->config->gateway->log_level);
    send_to_all(parent);
    reload->applying = false;
    refuse(parent);
    watches_set(parent);
    /* Trust and policy of the configuration that stays. */
    loading_begin(parent, parent->config);
}

/* Notes which processes refuse; false while one has not answered. */
static bool all_answered(struct parent *parent, bool *ret_refused)
{
    bool all = true;

    *ret_refused = false;
    for (size_t i = 0; i < parent->n_children; i++) {
        struct child *child = &parent->children[i];

        if (!is_asked(child))
            continue; /* one that is started now has been configured with the new one */
        if (child->refused == parent->reload.generation)
            *ret_refused = true;
        else if (child->answered != parent->reload.generation)
            all = false;
    }
    return all;
}

static void note_refusals(struct parent *parent)
{
    for (size_t i = 0; i < parent->n_children; i++) {
        struct child *child = &parent->children[i];

        if (child->refused == parent->reload.generation)
            load_errors_add(&parent->reload_errors, LOADED_WARNING, process_of(child->role)->name,
                            0, &child->refusal);
    }
}

void reload_answered(struct parent *parent)
{
    struct reload *reload = &parent->reload;
    bool refused;

    if (!reload->applying || !all_answered(parent, &refused))
        return;
    ev_timer_stop(parent->loop, &reload->deadline);
    if (refused) {
        note_refusals(parent);
        roll_back(parent);
        return;
    }
    reload->applying = false;
    reload->candidate = config_free(reload->candidate);
    parent->reloaded_ms = clock_realtime_ms();
    log_event(LOG_LEVEL_INFO, "reloaded", "generation=%u", parent->generation);
    answer(parent, REASON_OK);
}

/* A process that does not answer is replaced: the new one starts with the new configuration. */
static void on_deadline(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct parent *parent = timer->data;

    (void)loop;
    (void)events;
    for (size_t i = 0; i < parent->n_children; i++)
        if (is_asked(&parent->children[i]) &&
            parent->children[i].answered != parent->reload.generation)
            child_replace(&parent->children[i]);
    reload_answered(parent);
}

/* Certificate and key come one after the other: between the two they do not fit, and nothing is
 * done until the second has come. A reload under way opens the files by itself. */
void reload_certificates(struct parent *parent)
{
    struct config_errors errors = {.found = found, .context = parent};

    if (parent->reload.candidate || parent->reload.applying)
        return;
    load_errors_clear(&parent->reload_errors);
    if (!start_check(parent->config, &errors)) {
        log_event(LOG_LEVEL_WARNING, "certificates_kept", "%s",
                  "detail=\"what has changed does not fit: the ones before stay\"");
        return;
    }
    parent->generation++;
    send_to_all(parent);
    log_event(LOG_LEVEL_INFO, "certificates_sent", "generation=%u", parent->generation);
}

void reload_init(struct parent *parent)
{
    ev_init(&parent->reload.deadline, on_deadline);
    parent->reload.deadline.data = parent;
}
