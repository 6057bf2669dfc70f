/*
 * A candidate that is looked at only. Runs in the parent.
 */
#include "gatewayd/parent/preview.h"

#include "common/log.h"
#include "gatewayd/parent/children.h"
#include "gatewayd/parent/lists.h"
#include "gatewayd/parent/loading.h"
#include "gatewayd/parent/status.h"
#include "gatewayd/parent/succession.h"
#include "gatewayd/shared/memfd.h"
#include "gatewayd/shared/start_check.h"

#include <unistd.h>

enum { CONFIG_OCTETS_MAX = 16 << 20 };

static void found(void *context, const char *file, uint32_t line, const struct error *err)
{
    struct parent *parent = context;

    load_errors_add(&parent->preview.errors, LOADED_WARNING, file, line, err);
}

static void forget(struct parent *parent)
{
    parent->preview.candidate = config_free(parent->preview.candidate);
    load_errors_clear(&parent->preview.errors);
}

static void refuse(struct parent *parent)
{
    const struct load_errors *errors = &parent->preview.errors;
    AUTO(writer_clear) struct writer text = writer_new(MESSAGE_MAX / 2);

    load_errors_print(errors, &text);
    status_reply(parent, parent->preview.cookie,
                 errors->n > 0 ? errors->at[0].err.reason : REASON_CONFIG_VALUE,
                 writer_bytes(&text));
    forget(parent);
}

static bool check(struct parent *parent)
{
    struct config_errors errors = {.found = found, .context = parent};
    struct config *candidate;
    struct error err;

    if (!config_load(parent->config_path, &errors, &candidate))
        return false;
    parent->preview.candidate = candidate;
    if (config_needs_restart(parent->config, candidate, &err)) {
        found(parent, parent->config_path, 0, &err);
        return false;
    }
    return start_check(candidate, &errors);
}

static bool is_busy(const struct parent *parent)
{
    return parent->preview.candidate || parent->reload.candidate || parent->reload.applying ||
           parent->upgrade.asked || succession_runs(parent);
}

void preview_begin(struct parent *parent, uint64_t cookie)
{
    if (is_busy(parent)) {
        status_reply(parent, cookie, REASON_BUSY, (struct bytes){NULL, 0});
        return;
    }
    parent->preview.cookie = cookie;
    if (!check(parent)) {
        refuse(parent);
        return;
    }
    loading_begin(parent, parent->preview.candidate);
}

/* --- what load has made ----------------------------------------------------------------------- */

static bool tell_decide(struct parent *parent)
{
    struct message_preview_config config = {.cookie = parent->preview.cookie};
    struct message_preview_policy policy = {.cookie = parent->preview.cookie};
    AUTO(writer_clear) struct writer octets = writer_new(CONFIG_OCTETS_MAX);
    struct error err;
    int fd;

    config_encode(parent->preview.candidate, &octets);
    fd = memfd_new("candidate", writer_bytes(&octets), &err);
    if (fd < 0) {
        found(parent, "", 0, &err);
        return false;
    }
    children_tell(parent, PROCESS_DECIDE, MESSAGE_PREVIEW_CONFIG, &config, fd);
    (void)close(fd);
    children_tell(parent, PROCESS_DECIDE, MESSAGE_PREVIEW_POLICY, &policy,
                  parent->loading.results[LOADED_POLICY].fd);
    return true;
}

static bool take_errors(struct parent *parent)
{
    bool good = true;

    for (size_t i = 0; i < parent->loading.errors.n; i++) {
        const struct load_error *error = &parent->loading.errors.at[i];

        if (error->kind < LOADED__COUNT)
            found(parent, error->file, error->line, &error->err);
    }
    for (size_t kind = 0; kind < LOADED__COUNT; kind++)
        good = good && !parent->loading.stopped[kind] && parent->loading.results[kind].fd >= 0;
    load_errors_clear(&parent->loading.errors);
    lists_clear(&parent->loading.lists);
    return good;
}

bool preview_loaded(struct parent *parent)
{
    struct message_preview_trust trust = {.cookie = parent->preview.cookie};

    if (!parent->preview.candidate || parent->loading.config != parent->preview.candidate)
        return false;
    if (!take_errors(parent) || !tell_decide(parent)) {
        refuse(parent);
        return true;
    }
    children_tell(parent, PROCESS_EDGE, MESSAGE_PREVIEW_TRUST, &trust,
                  parent->loading.results[LOADED_TRUST].fd);
    log_event(LOG_LEVEL_INFO, "previewed", "%s", "");
    forget(parent);
    return true;
}
