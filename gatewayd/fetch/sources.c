/*
 * Which lists are fetched, when, and what becomes of them. Runs in fetch.
 */
#include "gatewayd/fetch/fetching.h"

#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/fetch/plan.h"
#include "gatewayd/shared/xalloc.h"

#include <openssl/rand.h>
#include <string.h>

enum { NEAR_LEAST_S = 3600, NEAR_PART = 10 }; /* of a list's life: then failures are alarming */

static uint32_t chance(void)
{
    uint32_t number = 0;

    if (RAND_bytes((unsigned char *)&number, sizeof(number)) != 1)
        abort();
    return number;
}

/* --- the set ---------------------------------------------------------------------------------- */

static struct source *find(struct fetching *fetching, const char *name)
{
    struct source *source = fetching->sources;

    while (source && strcmp(source->name, name) != 0)
        source = source->next;
    return source;
}

static struct source *add(struct fetching *fetching, const char *ca, const char *url, bool cdp)
{
    struct source *source, **end = &fetching->sources;
    char name[FETCHED_NAME_MAX];
    int64_t now_s = clock_realtime_s();

    fetched_name(ca, url, name);
    source = find(fetching, name);
    if (source || fetching->n_sources == SOURCES_MAX)
        return source;
    source = xcalloc(1, sizeof(*source));
    source->fetching = fetching;
    source->ca = xstrdup(ca);
    source->url = xstrdup(url);
    source->cdp = cdp;
    source->last.reason = REASON_OK;
    memcpy(source->name, name, sizeof(name));
    while (*end)
        end = &(*end)->next;
    *end = source;
    fetching->n_sources++;
    store_read(source);
    source->due_s = plan_at_start(now_s, source->fetched_s, source->facts.next_update_s, chance());
    return source;
}

static void drop(struct fetching *fetching, struct source **at)
{
    struct source *source = *at;

    transfer_cancel(source);
    *at = source->next;
    fetching->n_sources--;
    sk_X509_pop_free(source->issuers, X509_free);
    sk_X509_NAME_pop_free(source->named, X509_NAME_free);
    free(source->ca);
    free(source->url);
    free(source);
}

static const struct config_ca *ca_of(const struct fetching *fetching, const char *title)
{
    return config_find_ca(fetching->role->config, title);
}

static void keep_cdp(struct fetching *fetching, const char *ca, const char *url)
{
    const struct config_ca *section = ca_of(fetching, ca);

    if (section && fetched_ca_has_cdp(section))
        (void)sources_add_cdp(fetching, ca, url, NULL, NULL);
}

static bool is_wanted(const struct source *source)
{
    const struct config_ca *ca = ca_of(source->fetching, source->ca);

    return source->wanted || (source->cdp && ca && fetched_ca_has_cdp(ca));
}

/* A reload says that something has been mended: what failed is tried at once. */
static void hurry_failed(struct fetching *fetching)
{
    int64_t now_s = clock_realtime_s();

    for (struct source *source = fetching->sources; source; source = source->next)
        if (source->last.reason != REASON_OK && source->due_s > now_s)
            source->due_s = now_s;
}

void sources_set_up(struct fetching *fetching)
{
    const struct config *config = fetching->role->config;
    struct source **at = &fetching->sources;

    for (struct source *source = fetching->sources; source; source = source->next)
        source->wanted = false;
    for (size_t i = 0; i < config->n_ca; i++)
        for (size_t k = 0; k < config->ca[i].crls.n; k++) {
            const char *word = config->ca[i].crls.at[k];
            struct source *source;

            if (!fetched_is_word(word) || strcmp(word, FETCHED_CDP) == 0)
                continue;
            source = add(fetching, config->ca[i].title, word, false);
            if (source)
                source->wanted = true;
        }
    store_each_cdp(fetching, keep_cdp);
    while (*at)
        if (is_wanted(*at))
            at = &(*at)->next;
        else
            drop(fetching, at);
    store_sweep(fetching);
    hurry_failed(fetching);
}

static size_t count_cdp(const struct fetching *fetching, const char *ca)
{
    size_t n = 0;

    for (const struct source *source = fetching->sources; source; source = source->next)
        n += source->cdp && strcmp(source->ca, ca) == 0;
    return n;
}

static void take_issuers(struct source *source, const STACK_OF(X509) * issuers)
{
    struct error err;

    if (source->issuers || !issuers)
        return;
    source->issuers = X509_chain_up_ref((STACK_OF(X509) *)issuers);
    if (!source->issuers)
        abort();
    if (source->facts.this_update_s > 0 && !store_write_issuers(source, &err))
        log_error("crl_not_kept", &err, "url=%s", log_quoted(bytes_of(source->url)));
}

static bool is_named(const STACK_OF(X509_NAME) * named, const X509_NAME *name)
{
    for (int i = 0; i < sk_X509_NAME_num(named); i++)
        if (X509_NAME_cmp(sk_X509_NAME_value(named, i), name) == 0)
            return true;
    return false;
}

/* A list that was refused, or not asked for, may be the right one now. */
static void take_named(struct source *source, const STACK_OF(X509_NAME) * named)
{
    if (!source->named)
        source->named = sk_X509_NAME_new_null();
    if (!source->named)
        abort();
    for (int i = 0; i < sk_X509_NAME_num(named); i++) {
        X509_NAME *name = sk_X509_NAME_value(named, i), *copy;

        if (is_named(source->named, name) || sk_X509_NAME_num(source->named) >= SOURCE_ISSUERS_MAX)
            continue;
        copy = X509_NAME_dup(name);
        if (!copy || sk_X509_NAME_push(source->named, copy) == 0)
            abort();
        if (source->facts.this_update_s == 0)
            source->due_s = clock_realtime_s();
    }
}

bool sources_add_cdp(struct fetching *fetching, const char *ca, const char *url,
                     const STACK_OF(X509) * issuers, const STACK_OF(X509_NAME) * named)
{
    char name[FETCHED_NAME_MAX];
    struct source *source;

    fetched_name(ca, url, name);
    source = find(fetching, name);
    if (!source && count_cdp(fetching, ca) >= FETCHED_CDP_MAX)
        return false;
    if (!source)
        source = add(fetching, ca, url, true);
    if (source)
        take_issuers(source, issuers);
    if (source && named)
        take_named(source, named);
    return source != NULL;
}

/* --- time ------------------------------------------------------------------------------------- */

void sources_tick(struct fetching *fetching)
{
    int64_t now_s = clock_realtime_s();

    for (struct source *source = fetching->sources; source; source = source->next) {
        source->due_s = plan_check(now_s, source->due_s);
        if (source->running || source->due_s > now_s || fetching->n_running >= TRANSFERS_MAX)
            continue;
        /* Without its authorities nothing could be said of a list. */
        if (authorities_find(fetching->authorities, bytes_of(source->ca)))
            transfer_begin(source);
    }
}

/* --- what comes ------------------------------------------------------------------------------- */

static bool is_near(const struct source *source, int64_t now_s)
{
    int64_t life_s = source->facts.next_update_s - source->facts.this_update_s;
    int64_t near_s = life_s / NEAR_PART > NEAR_LEAST_S ? life_s / NEAR_PART : NEAR_LEAST_S;

    return source->facts.next_update_s - now_s <= near_s;
}

static void failed(struct source *source, const struct error *why)
{
    int64_t now_s = clock_realtime_s();

    source->last = *why;
    source->failures++;
    source->due_s = plan_after_failure(now_s, source->failures, chance());
    log_error(is_near(source, now_s) ? "crl_alarm" : "crl_fetch_failed", why,
              "ca=%s url=%s failures=%u again_s=%lld left_s=%lld", source->ca,
              log_quoted(bytes_of(source->url)), source->failures,
              (long long)(source->due_s - now_s),
              (long long)(source->facts.next_update_s ? source->facts.next_update_s - now_s : 0));
}

static bool is_same(const struct list_facts *a, const struct list_facts *b)
{
    return a->this_update_s == b->this_update_s && a->next_update_s == b->next_update_s &&
           a->numbered == b->numbered && memcmp(a->number, b->number, sizeof(a->number)) == 0;
}

static bool keep(struct source *source, struct bytes octets, struct list_facts *facts,
                 struct error *err)
{
    const struct authority *authority =
        authorities_find(source->fetching->authorities, bytes_of(source->ca));
    struct list_against against = {.issuers = authority ? authority->issuers : NULL,
                                   .others = source->issuers,
                                   .before = &source->facts,
                                   .now_s = clock_realtime_s(),
                                   .of_certificate = source->cdp && !source->wanted,
                                   .named = source->named};
    AUTO(writer_clear) struct writer room = writer_new(FETCHED_CRL_MAX);
    struct bytes der;

    if (!list_to_der(octets, &room, &der, err) || !list_check(der, &against, facts, err))
        return false;
    return is_same(facts, &source->facts) || store_write(source, der, err);
}

void sources_took(struct source *source, struct bytes octets, const struct error *why)
{
    int64_t now_s = clock_realtime_s();
    struct list_facts facts = {0};
    struct error err;

    source->tried_s = now_s;
    if (!why && !keep(source, octets, &facts, &err))
        why = &err;
    if (why) {
        failed(source, why);
        return;
    }
    source->facts = facts;
    source->fetched_s = now_s;
    source->failures = 0;
    source->last = (struct error){.reason = REASON_OK};
    source->due_s = plan_after_list(now_s, facts.next_update_s, chance());
    log_event(LOG_LEVEL_INFO, "crl_fetched", "ca=%s url=%s octets=%zu left_s=%lld again_s=%lld",
              source->ca, log_quoted(bytes_of(source->url)), octets.len,
              (long long)(facts.next_update_s - now_s), (long long)(source->due_s - now_s));
}
