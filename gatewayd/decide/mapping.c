/*
 * The mapping rules: compiled from the configuration, applied to one identity at a time by decide
 * and gatewayctl. The first rule that matches decides; nothing that is missing makes a rule match.
 */
#include "gatewayd/decide/mapping.h"

#include "gatewayd/decide/mapping_rule.h"
#include "gatewayd/shared/xalloc.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    CANDIDATES_LEN_MAX = 24 * 1024, /* octets of all names together: a record takes 64 KiB */
};

static void trace(const struct mapping_request *request, const char *fmt, ...) PRINTF(2, 3);

static void trace(const struct mapping_request *request, const char *fmt, ...)
{
    char text[1024]; /* longer values are cut: this is for people */
    va_list args;

    if (!request->trace)
        return;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    request->trace->line(request->trace->context, text);
}

static void decide_for(struct mapping_result *result, enum reason reason, const char *detail)
{
    result->reason = reason;
    (void)snprintf(result->detail, sizeof(result->detail), "%s", detail);
}

static bool has_ca(const struct mapping_rule *rule, const char *ca)
{
    for (size_t i = 0; i < rule->n_cas; i++)
        if (strcmp(rule->cas[i].title, ca) == 0)
            return true;
    return false;
}

static bool all_match(const struct mapping_rule *rule, const struct mapping_request *request,
                      bool *ret_match, struct error *err)
{
    for (size_t i = 0; i < rule->n_matches; i++) {
        bool match;

        if (!mapping_match_holds(rule->matches[i], request->identity, &match, err)) {
            trace(request, "  match %s: %s: %s", mapping_match_text(rule->matches[i]),
                  reason_text(err->reason), err->detail);
            return false;
        }
        trace(request, "  match %s: %s", mapping_match_text(rule->matches[i]),
              match ? "yes" : "no");
        *ret_match = match;
        if (!match)
            return true;
    }
    *ret_match = true;
    return true;
}

static void trace_find(const struct mapping_rule *rule, const struct mapping_request *request)
{
    AUTO(writer_clear) struct writer out = writer_new((size_t)1 << 20);

    if (!request->trace || !mapping_find_print(rule->find, request->identity, &out, NULL))
        return;
    writer_u8(&out, '\0');
    if (writer_ok(&out))
        trace(request, "  find %s", (const char *)writer_bytes(&out).at);
}

/* All names for the record, a line each; the client never sees them. */
static void name_entries(const struct mapping_found *found, struct mapping_result *result)
{
    AUTO(writer_clear) struct writer out = writer_new(CANDIDATES_LEN_MAX);

    for (size_t i = 0; i < found->n; i++) {
        writer_text(&out, i ? "\n" : "");
        writer_put(&out, replica_entry_dn(found->at[i]));
    }
    if (writer_ok(&out) && found->n)
        result->candidates = xtext(writer_bytes(&out));
    (void)snprintf(result->detail, sizeof(result->detail), "%zu%s entries", found->n,
                   found->more ? " and more" : "");
}

/* The one of several accounts that was asked for by name. */
static const struct replica_entry *requested_entry(const struct mapping_request *request,
                                                   const struct mapping_found *found)
{
    const struct replica_entry *entry =
        replica_find_user(request->replica, bytes_of(request->requested));

    for (size_t i = 0; entry && i < found->n; i++)
        if (found->at[i] == entry)
            return entry;
    return NULL;
}

static const struct replica_entry *choose(const struct mapping_rule *rule,
                                          const struct mapping_request *request,
                                          const struct mapping_found *found,
                                          struct mapping_result *result)
{
    const struct replica_entry *entry;

    if (found->n == 1 && !found->more)
        return found->at[0];
    if (rule->multi == CONFIG_MULTI_NO || found->more) {
        result->reason = REASON_AMBIGUOUS_USER;
        name_entries(found, result);
        return NULL;
    }
    if (!request->requested) {
        result->by_name = true;
        return NULL;
    }
    entry = requested_entry(request, found);
    if (!entry)
        decide_for(result, REASON_WRONG_LOGIN, request->requested);
    return entry;
}

static void take_account(const struct mapping_rule *rule, const struct mapping_request *request,
                         const struct replica_entry *entry, struct mapping_result *result)
{
    result->strong = mapping_is_strong_for(rule, request);
    result->account = replica_account(request->replica, entry, request->now_s);
    trace(request, "  account %s (%s)", result->account->name, result->account->dn);
    result->reason = mapping_check_entry(rule, request, entry, result->detail);
    if (result->reason == REASON_OK && result->account->reason != REASON_OK)
        decide_for(result, result->account->reason, result->account->detail);
    if (result->reason == REASON_OK && !result->strong)
        result->reason = mapping_check_age(request, result->account, result->detail);
}

/* True when the rule has decided, false when the next one may. */
static bool find_account(const struct mapping_rule *rule, const struct mapping_request *request,
                         struct mapping_result *result)
{
    struct mapping_found found = {.n = 0};
    const struct replica_entry *entry;
    struct error err;

    trace_find(rule, request);
    result->asked = true;
    if (request->replica &&
        !mapping_find_run(rule->find, request->identity, request->replica, &found, &err)) {
        trace(request, "  %s: %s", reason_text(err.reason), err.detail);
        decide_for(result, err.reason, err.detail);
        return err.reason != REASON_NO_VALUE || rule->else_ == CONFIG_ELSE_STOP;
    }
    trace(request, "  %zu%s entries", found.n, found.more ? " and more" : "");
    if (found.n == 0 && !found.more) {
        if (rule->else_ == CONFIG_ELSE_CONTINUE || rule->account == CONFIG_ACCOUNT_REQUIRED)
            decide_for(result, REASON_NO_USER, rule->title);
        return rule->else_ == CONFIG_ELSE_STOP;
    }
    entry = choose(rule, request, &found, result);
    if (entry)
        take_account(rule, request, entry, result);
    return true;
}

/* A rule before this one may have asked the directory and found nobody. */
static struct mapping_result begin(const struct mapping_rule *rule,
                                   const struct mapping_result *before)
{
    return (struct mapping_result){
        .mapping = rule->title, .subject = rule->subject, .asked = before->asked};
}

/* True when the rule has decided. */
static bool apply(const struct mapping_rule *rule, const struct mapping_request *request,
                  struct mapping_result *result)
{
    struct error err;
    bool match;

    trace(request, "mapping %s", rule->title);
    if (!has_ca(rule, request->ca)) {
        trace(request, "  is not for ca %s", request->ca);
        return false;
    }
    if (!all_match(rule, request, &match, &err)) {
        *result = begin(rule, result);
        decide_for(result, err.reason, err.detail);
        return true;
    }
    if (!match)
        return false;
    *result = begin(rule, result);
    if (rule->find)
        return find_account(rule, request, result);
    result->strong = mapping_is_strong_for(rule, request);
    return true;
}

void mapping_apply(const struct mapping_set *set, const struct mapping_request *request,
                   struct mapping_result *ret_result)
{
    *ret_result = (struct mapping_result){.reason = REASON_NO_RULE, .mapping = ""};
    for (size_t i = 0; set && i < set->n_rules; i++)
        if (apply(&set->rules[i], request, ret_result))
            break;
    trace(request, "%s%s%s", reason_text(ret_result->reason), ret_result->detail[0] ? ": " : "",
          ret_result->detail);
}

/* Rules whose conditions fit, up to the first that lets no other follow. Values that may not be
 * used ask for nothing: mapping_apply says why. */
void mapping_questions(const struct mapping_set *set, const struct mapping_request *request,
                       void (*each)(void *context, struct bytes attribute, struct bytes value),
                       void *context)
{
    for (size_t i = 0; set && i < set->n_rules; i++) {
        const struct mapping_rule *rule = &set->rules[i];
        struct error err;
        bool match;

        if (!has_ca(rule, request->ca))
            continue;
        if (!all_match(rule, request, &match, &err))
            return;
        if (!match)
            continue;
        if (rule->find)
            (void)!mapping_find_questions(rule->find, request->identity, each, context, &err);
        if (rule->else_ == CONFIG_ELSE_STOP)
            return;
    }
}

void mapping_result_clear(struct mapping_result *result)
{
    result->account = account_free(result->account);
    free(result->candidates);
    result->candidates = NULL;
}
