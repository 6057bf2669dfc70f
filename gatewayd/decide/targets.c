/*
 * Places and their health. Runs in decide; what it believes of a place is what connections to it
 * have shown.
 */
#include "gatewayd/decide/targets.h"

#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/shared/xalloc.h"

#include <stdio.h>

_Static_assert(TARGETS_PER_SERVICE_MAX <= 64, "one bit of `tried` for each");

struct targets {
    struct target *by_where;
    uint64_t turn;
};

struct targets *targets_new(void)
{
    return xcalloc(1, sizeof(struct targets));
}

static void forget(struct targets *targets, struct target *target)
{
    HASH_DEL(targets->by_where, target);
    free(target->where);
    free(target);
}

struct targets *targets_free(struct targets *targets)
{
    struct target *target, *next;

    if (!targets)
        return NULL;
    HASH_ITER(hh, targets->by_where, target, next)
    {
        forget(targets, target);
    }
    free(targets);
    return NULL;
}

struct target *targets_get(struct targets *targets, const char *where)
{
    struct target *target;

    HASH_FIND(hh, targets->by_where, where, strlen(where), target);
    if (target)
        return target_ref(target);
    target = xcalloc(1, sizeof(*target));
    target->where = xstrdup(where);
    HASH_ADD_KEYPTR(hh, targets->by_where, target->where, strlen(target->where), target);
    return target_ref(target);
}

/* FNV-1a: tells a few places apart, where nobody gains by making two of them look alike. */
uint64_t target_key(const struct target *target)
{
    uint64_t key = 0xcbf29ce484222325u;

    for (const char *at = target->where; *at; at++)
        key = (key ^ (uint8_t)*at) * 0x100000001b3u;
    return key;
}

struct target *targets_find(const struct targets *targets, uint64_t key)
{
    for (struct target *target = targets->by_where; target; target = target->hh.next)
        if (target_key(target) == key)
            return target;
    return NULL;
}

struct target *target_ref(struct target *target)
{
    target->n_refs++;
    return target;
}

void target_unref(struct target *target)
{
    if (--target->n_refs == 0)
        target->left_ms = clock_monotonic_ms();
}

void targets_sweep(struct targets *targets, int64_t now_ms)
{
    struct target *target, *next;

    HASH_ITER(hh, targets->by_where, target, next)
    {
        if (target->n_refs == 0 && now_ms > target->left_ms + TARGET_REMEMBERED_MS)
            forget(targets, target);
    }
}

/* --- health ----------------------------------------------------------------------------------- */

static void leave_alone(struct target *target, int64_t now_ms)
{
    target->pause_ms = target->pause_ms == 0 ? TARGET_PAUSE_MIN_MS : target->pause_ms * 2;
    if (target->pause_ms > TARGET_PAUSE_MAX_MS)
        target->pause_ms = TARGET_PAUSE_MAX_MS;
    target->retry_ms = now_ms + target->pause_ms;
}

void target_failed(struct target *target, const char *why, int64_t now_ms)
{
    /* Connections that were under way together have failed once, not each anew. */
    if (!target->down || now_ms >= target->retry_ms)
        leave_alone(target, now_ms);
    (void)snprintf(target->why, sizeof(target->why), "%s", why);
    target->tried = true;
    if (target->down)
        return;
    target->down = true;
    target->since_ms = clock_realtime_ms();
    log_event(LOG_LEVEL_WARNING, "upstream_down", "upstream=%s detail=%s",
              log_quoted(bytes_of(target->where)), log_quoted(bytes_of(why)));
}

void target_works(struct target *target)
{
    target->pause_ms = 0;
    target->tried = true;
    if (!target->down)
        return;
    target->down = false;
    target->since_ms = clock_realtime_ms();
    log_event(LOG_LEVEL_INFO, "upstream_up", "upstream=%s", log_quoted(bytes_of(target->where)));
}

/* --- choosing --------------------------------------------------------------------------------- */

/* One that nobody checks gets a connection again when it has been left alone for long enough. */
static bool is_usable(const struct target *target, int64_t now_ms)
{
    return !target->down || (!target->checked && now_ms >= target->retry_ms);
}

static bool is_better(const struct target *a, const struct target *b, int64_t now_ms)
{
    bool usable = is_usable(a, now_ms);

    if (usable != is_usable(b, now_ms))
        return usable;
    if (!usable && a->retry_ms != b->retry_ms)
        return a->retry_ms < b->retry_ms;
    if (a->n_sessions != b->n_sessions)
        return a->n_sessions < b->n_sessions;
    return a->turn < b->turn;
}

bool targets_choose(struct targets *targets, struct target *const *at, size_t n, uint64_t tried,
                    int64_t now_ms, size_t *ret_number)
{
    size_t best = n;

    for (size_t i = 0; i < n; i++)
        if (!(tried & (uint64_t)1 << i) && (best == n || is_better(at[i], at[best], now_ms)))
            best = i;
    if (best == n)
        return false;
    at[best]->turn = ++targets->turn;
    if (at[best]->down && now_ms >= at[best]->retry_ms)
        leave_alone(at[best], now_ms); /* this connection finds out; the others go elsewhere */
    *ret_number = best;
    return true;
}
