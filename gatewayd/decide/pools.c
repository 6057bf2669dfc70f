/*
 * Services and their places. Runs in decide. The answers of directory are believed: what it says is
 * where a name of gatewayd.conf leads.
 */
#include "gatewayd/decide/pools.h"

#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/decide/decide.h"
#include "gatewayd/shared/config_value.h"
#include "gatewayd/shared/xalloc.h"

#include <stdio.h>

/* A host name of the configuration. */
struct name {
    char *host;
    struct address addresses[POOLS_ADDRESSES_MAX];
    size_t n;
    bool wanted; /* by the configuration in force */
    bool failed; /* the last answer was none */
    char why[ERROR_DETAIL_MAX];
    int64_t ask_ms;  /* monotonic */
    unsigned misses; /* answers without an address, in a row */
    UT_hash_handle hh;
};

struct pool {
    const char *service; /* the configuration's */
    struct target *at[TARGETS_PER_SERVICE_MAX];
    size_t n;
};

struct check {
    struct pools *pools;
    struct target *target; /* referenced */
    int64_t interval_ms, next_ms, late_ms;
    bool under_way, wanted;
    struct upstream_connect attempt;
    struct check *next;
};

struct pools {
    struct decide *decide;
    struct targets *targets;
    struct name *names;
    struct pool *at;
    size_t n;
    struct check *checks;
};

/* --- names ------------------------------------------------------------------------------------ */

static struct name *find_name(const struct pools *pools, struct bytes host)
{
    struct name *name;

    HASH_FIND(hh, pools->names, host.at, host.len, name);
    return name;
}

static struct name *want_name(struct pools *pools, struct bytes host)
{
    struct name *name = find_name(pools, host);

    if (!name) {
        name = xcalloc(1, sizeof(*name));
        name->host = xtext(host);
        (void)snprintf(name->why, sizeof(name->why), "not yet resolved");
        HASH_ADD_KEYPTR(hh, pools->names, name->host, host.len, name);
    }
    name->wanted = true;
    return name;
}

static void drop_name(struct pools *pools, struct name *name)
{
    HASH_DEL(pools->names, name);
    free(name->host);
    free(name);
}

static void ask(struct pools *pools, struct name *name, int64_t now_ms)
{
    struct channel *directory = pools->decide->directory;
    struct message_resolve msg = {.name = bytes_of(name->host)};

    name->ask_ms = now_ms + POOLS_ASK_SOON_MS; /* an answer moves it */
    if (directory)
        (void)!channel_send(directory, MESSAGE_RESOLVE, &msg, -1); /* asked again by then */
}

void pools_ask_all(struct pools *pools)
{
    for (struct name *name = pools->names; name; name = name->hh.next)
        ask(pools, name, clock_monotonic_ms());
}

/* --- pools ------------------------------------------------------------------------------------ */

static void add_where(struct pools *pools, struct pool *pool, const char *where)
{
    if (pool->n < TARGETS_PER_SERVICE_MAX)
        pool->at[pool->n++] = targets_get(pools->targets, where);
}

static void add_address(struct pools *pools, struct pool *pool, const struct address *address,
                        uint16_t port)
{
    struct address with_port = *address;
    char where[ADDRESS_TEXT_MAX];

    with_port.port = port;
    address_format_port(&with_port, where);
    add_where(pools, pool, where);
}

static void add_upstream(struct pools *pools, struct pool *pool, const char *text)
{
    struct config_upstream upstream;
    const struct name *name;

    if (!config_upstream_parse(text, &upstream, NULL))
        return;
    switch (upstream.kind) {
    case CONFIG_UPSTREAM_TCP:
        add_address(pools, pool, &upstream.address, upstream.address.port);
        break;
    case CONFIG_UPSTREAM_UNIX:
    case CONFIG_UPSTREAM_SPAWN:
        add_where(pools, pool, text);
        break;
    case CONFIG_UPSTREAM_NAME:
        name = want_name(pools, upstream.name);
        for (size_t i = 0; i < name->n; i++)
            add_address(pools, pool, &name->addresses[i], upstream.address.port);
        break;
    case CONFIG_UPSTREAM_HOST:
        break; /* found for each connection */
    }
}

static void free_pools(struct pool *at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < at[i].n; k++)
            target_unref(at[i].at[k]);
    free(at);
}

/* The new ones stand before the old ones go: places that stay keep what is known of them. */
static void fill_pools(struct pools *pools)
{
    const struct config *config = pools->decide->role->config;
    struct pool *before = pools->at;
    size_t n_before = pools->n;

    pools->at = xcalloc(config->n_service, sizeof(*pools->at));
    pools->n = config->n_service;
    for (size_t i = 0; i < config->n_service; i++) {
        pools->at[i].service = config->service[i].title;
        for (size_t k = 0; k < config->service[i].upstream.n; k++)
            add_upstream(pools, &pools->at[i], config->service[i].upstream.at[k]);
    }
    free_pools(before, n_before);
}

static const struct pool *find_pool(const struct pools *pools, const char *service)
{
    for (size_t i = 0; i < pools->n; i++)
        if (strcmp(pools->at[i].service, service) == 0)
            return &pools->at[i];
    return NULL;
}

size_t pools_of_service(const struct pools *pools, const char *service,
                        struct target *const **ret_at)
{
    const struct pool *pool = find_pool(pools, service);

    *ret_at = pool ? pool->at : NULL;
    return pool ? pool->n : 0;
}

void pools_missing(const struct pools *pools, const char *service, struct writer *out)
{
    const struct config_service *row = config_find_service(pools->decide->role->config, service);

    for (size_t i = 0; row && i < row->upstream.n; i++) {
        struct config_upstream upstream;
        const struct name *name;

        if (!config_upstream_parse(row->upstream.at[i], &upstream, NULL) ||
            upstream.kind != CONFIG_UPSTREAM_NAME)
            continue;
        name = find_name(pools, upstream.name);
        if (name && name->n == 0)
            writer_printf(out, "%s%s: %s", out->len ? "; " : "", row->upstream.at[i], name->why);
    }
}

void pools_each(const struct pools *pools,
                void (*each)(void *context, const char *service, const struct target *target),
                void *context)
{
    for (int down = 1; down >= 0; down--)
        for (size_t i = 0; i < pools->n; i++)
            for (size_t k = 0; k < pools->at[i].n; k++)
                if (pools->at[i].at[k]->down == (down == 1))
                    each(context, pools->at[i].service, pools->at[i].at[k]);
}

/* --- checks ----------------------------------------------------------------------------------- */

static void checked(void *context, int fd, const struct error *why)
{
    struct check *check = context;

    check->under_way = false;
    if (fd < 0) {
        target_failed(check->target, why->detail, clock_monotonic_ms());
        return;
    }
    (void)close(fd);
    target_works(check->target);
}

static void begin_check(struct check *check, int64_t now_ms)
{
    struct decide *decide = check->pools->decide;
    struct error err;

    check->next_ms = now_ms + check->interval_ms;
    check->late_ms = now_ms + POOLS_CHECK_MS;
    check->attempt = (struct upstream_connect){
        .loop = decide->loop, .upstreams = decide->upstreams, .done = checked, .context = check};
    check->under_way = upstream_begin(&check->attempt, check->target->where,
                                      decide->role->config->gateway->run_dir, NULL, &err);
    if (!check->under_way)
        target_failed(check->target, err.detail, now_ms);
}

static void tick_check(struct check *check, int64_t now_ms)
{
    if (check->under_way && now_ms >= check->late_ms) {
        upstream_cancel(&check->attempt);
        check->under_way = false;
        target_failed(check->target, "no answer in time", now_ms);
    }
    if (!check->under_way && now_ms >= check->next_ms)
        begin_check(check, now_ms);
}

static void want_check(struct pools *pools, struct target *target, int64_t interval_ms)
{
    struct check *check = pools->checks;

    while (check && check->target != target)
        check = check->next;
    if (!check) {
        check = xcalloc(1, sizeof(*check));
        *check =
            (struct check){.pools = pools, .target = target_ref(target), .next = pools->checks};
        pools->checks = check;
    }
    if (!check->wanted || interval_ms < check->interval_ms)
        check->interval_ms = interval_ms;
    check->wanted = target->checked = true;
}

static void free_check(struct check *check)
{
    upstream_cancel(&check->attempt);
    check->target->checked = false;
    target_unref(check->target);
    free(check);
}

static void drop_checks(struct pools *pools, bool all)
{
    struct check **at = &pools->checks;

    while (*at) {
        struct check *check = *at;

        if (check->wanted && !all) {
            at = &check->next;
            continue;
        }
        *at = check->next;
        free_check(check);
    }
}

/* Places of services that have several; what spawn starts would take a check for a client. */
static void fill_checks(struct pools *pools)
{
    const struct config *config = pools->decide->role->config;

    for (struct check *check = pools->checks; check; check = check->next)
        check->wanted = false;
    for (size_t i = 0; i < pools->n; i++) {
        const struct pool *pool = &pools->at[i];

        for (size_t k = 0; config->service[i].health_interval > 0 && pool->n > 1 && k < pool->n;
             k++)
            if (strncmp(pool->at[k]->where, "spawn:", 6) != 0)
                want_check(pools, pool->at[k], config->service[i].health_interval * 1000);
    }
    drop_checks(pools, false);
}

/* --- what happens to all of it ---------------------------------------------------------------- */

void pools_configure(struct pools *pools)
{
    struct name *name, *next;

    for (name = pools->names; name; name = name->hh.next)
        name->wanted = false;
    fill_pools(pools);
    fill_checks(pools);
    HASH_ITER(hh, pools->names, name, next)
    {
        if (!name->wanted)
            drop_name(pools, name);
    }
    pools_tick(pools);
}

/* Of the addresses alone: a name has no ports. */
static bool same_addresses(const struct name *name, const struct address *found, size_t n)
{
    if (n != name->n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (memcmp(found[i].octets, name->addresses[i].octets, sizeof(found[i].octets)) != 0)
            return false;
    return true;
}

static bool take_addresses(struct name *name, struct bytes octets)
{
    struct address found[POOLS_ADDRESSES_MAX];
    size_t n = octets.len / 16;

    if (octets.len % 16 != 0 || n == 0)
        return false;
    if (n > POOLS_ADDRESSES_MAX)
        n = POOLS_ADDRESSES_MAX;
    memset(found, 0, sizeof(found));
    for (size_t i = 0; i < n; i++) {
        memcpy(found[i].octets, octets.at + 16 * i, 16);
        found[i].known = true;
    }
    if (same_addresses(name, found, n))
        return false;
    memcpy(name->addresses, found, sizeof(found));
    name->n = n;
    return true;
}

static void log_name(struct name *name, bool failed)
{
    if (failed && !name->failed)
        log_event(LOG_LEVEL_WARNING, "upstream_name_lost", "name=%s kept=%zu detail=%s", name->host,
                  name->n, log_quoted(bytes_of(name->why)));
    else if (!failed && name->failed)
        log_event(LOG_LEVEL_INFO, "upstream_name_found", "name=%s addresses=%zu", name->host,
                  name->n);
    name->failed = failed;
}

static int64_t ask_after_ms(struct name *name, bool good)
{
    if (good)
        name->misses = 0;
    if (name->n > 0)
        return POOLS_ASK_MS;
    return name->misses++ < POOLS_ASK_EAGER ? POOLS_ASK_EAGER_MS : POOLS_ASK_SOON_MS;
}

void pools_resolved(struct pools *pools, const struct message_resolved *msg)
{
    struct name *name = find_name(pools, msg->name);
    bool good = msg->reason == REASON_OK && msg->addresses.len >= 16;
    bool changed;

    if (!name)
        return;
    changed = good && take_addresses(name, msg->addresses);
    if (!good)
        (void)snprintf(name->why, sizeof(name->why), "%.*s", (int)msg->detail.len,
                       (const char *)msg->detail.at);
    log_name(name, !good);
    name->ask_ms = clock_monotonic_ms() + ask_after_ms(name, good);
    if (!changed)
        return;
    fill_pools(pools);
    fill_checks(pools);
}

void pools_tick(struct pools *pools)
{
    int64_t now_ms = clock_monotonic_ms();

    for (struct name *name = pools->names; name; name = name->hh.next)
        if (now_ms >= name->ask_ms)
            ask(pools, name, now_ms);
    for (struct check *check = pools->checks; check; check = check->next)
        tick_check(check, now_ms);
    targets_sweep(pools->targets, now_ms);
}

struct targets *pools_targets(struct pools *pools)
{
    return pools->targets;
}

struct pools *pools_new(struct decide *decide)
{
    struct pools *pools = xcalloc(1, sizeof(*pools));

    pools->decide = decide;
    pools->targets = targets_new();
    return pools;
}

struct pools *pools_free(struct pools *pools)
{
    struct name *name, *next;

    if (!pools)
        return NULL;
    drop_checks(pools, true);
    free_pools(pools->at, pools->n);
    HASH_ITER(hh, pools->names, name, next)
    {
        drop_name(pools, name);
    }
    (void)targets_free(pools->targets);
    free(pools);
    return NULL;
}
