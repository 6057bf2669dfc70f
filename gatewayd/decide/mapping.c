/*
 * The mapping rules: compiled from the configuration, applied to one identity at a time by decide
 * and gatewayctl. The first rule that matches decides; nothing that is missing makes a rule match.
 */
#include "gatewayd/decide/mapping.h"

#include "gatewayd/decide/mapping_find.h"
#include "gatewayd/decide/mapping_match.h"
#include "gatewayd/shared/xalloc.h"

#include <stdarg.h>
#include <stdio.h>

struct rule {
    char *title;
    char **cas;
    size_t n_cas;
    struct mapping_match **matches;
    size_t n_matches;
    struct mapping_find *find; /* NULL: there is no account */
    enum config_account account;
    enum config_subject subject;
    enum config_multi multi;
    enum config_else else_;
    bool weak_allowed;
    bool strong;
};

struct mapping_set {
    struct rule *rules;
    size_t n_rules;
};

static void rule_clear(struct rule *rule)
{
    free(rule->title);
    for (size_t i = 0; i < rule->n_cas; i++)
        free(rule->cas[i]);
    free(rule->cas);
    for (size_t i = 0; i < rule->n_matches; i++)
        (void)mapping_match_free(rule->matches[i]);
    free(rule->matches);
    (void)mapping_find_free(rule->find);
}

struct mapping_set *mapping_free(struct mapping_set *set)
{
    if (!set)
        return NULL;
    for (size_t i = 0; i < set->n_rules; i++)
        rule_clear(&set->rules[i]);
    free(set->rules);
    free(set);
    return NULL;
}

/* --- compiling -------------------------------------------------------------------------------- */

struct compile {
    const struct config_mapping *section;
    const struct config_errors *errors;
    bool failed;
};

static void complain(struct compile *c, struct error *err)
{
    (void)err_in(err, "mapping \"%s\"", c->section->title);
    c->errors->found(c->errors->context, c->section->place.file, c->section->place.line, err);
    c->failed = true;
}

static void compile_cas(struct compile *c, struct rule *rule)
{
    const struct config_list *list = &c->section->ca;
    struct error err;

    if (list->n == 0) {
        (void)err_set(&err, REASON_CONFIG_MISSING, "ca: every name is only as good as its ca");
        complain(c, &err);
    }
    rule->cas = xcalloc(list->n, sizeof(*rule->cas));
    for (size_t i = 0; i < list->n; i++)
        rule->cas[rule->n_cas++] = xstrdup(list->at[i]);
}

static void compile_matches(struct compile *c, struct rule *rule)
{
    const struct config_list *list = &c->section->match;
    struct error err;

    rule->matches = xcalloc(list->n, sizeof(struct mapping_match *));
    for (size_t i = 0; i < list->n; i++) {
        if (mapping_match_compile(bytes_of(list->at[i]), &rule->matches[rule->n_matches], &err))
            rule->n_matches++;
        else
            complain(c, &err);
    }
}

static void compile_find(struct compile *c, struct rule *rule)
{
    struct error err;

    if (c->section->find) {
        if (!mapping_find_compile(bytes_of(c->section->find), &rule->find, &err))
            complain(c, &err);
    } else if (rule->account == CONFIG_ACCOUNT_REQUIRED) {
        (void)err_set(&err, REASON_CONFIG_MISSING, "find, or account = \"optional\"");
        complain(c, &err);
    }
}

/* Strong when the find is, or when the match conditions name the one certificate or its key. */
static bool is_strong(const struct rule *rule)
{
    bool issuer = false, serial = false;

    if (rule->find && mapping_find_strength(rule->find) == ATTRIBUTE_STRONG)
        return true;
    for (size_t i = 0; i < rule->n_matches; i++) {
        const struct attribute *attribute = mapping_match_pins(rule->matches[i]);

        if (attribute && attribute->strength == ATTRIBUTE_STRONG)
            return true;
        issuer = issuer || (attribute && attribute->field == ATTRIBUTE_FIELD_ISSUER);
        serial = serial || (attribute && attribute->field == ATTRIBUTE_FIELD_SERIAL);
    }
    return issuer && serial;
}

static void compile_rule(struct compile *c, struct rule *rule)
{
    const struct config_mapping *section = c->section;

    *rule = (struct rule){.title = xstrdup(section->title),
                          .account = (enum config_account)section->account,
                          .subject = (enum config_subject)section->subject,
                          .multi = (enum config_multi)section->multi,
                          .else_ = (enum config_else)section->else_,
                          .weak_allowed = section->strength == CONFIG_STRENGTH_WEAK_ALLOWED};
    compile_cas(c, rule);
    compile_matches(c, rule);
    compile_find(c, rule);
    rule->strong = is_strong(rule);
}

bool mapping_compile(const struct config *config, const struct config_errors *errors,
                     struct mapping_set **ret_set)
{
    AUTO(mapping_freep) struct mapping_set *set = xcalloc(1, sizeof(*set));
    struct compile c = {.errors = errors};

    set->rules = xcalloc(config->n_mapping, sizeof(*set->rules));
    for (size_t i = 0; i < config->n_mapping; i++) {
        c.section = &config->mapping[i];
        compile_rule(&c, &set->rules[set->n_rules++]);
    }
    if (c.failed)
        return false;
    *ret_set = STEAL(set);
    return true;
}

bool mapping_is_too_weak(const struct mapping_set *set, size_t i)
{
    const struct rule *rule = &set->rules[i];

    return rule->find && !rule->strong && !rule->weak_allowed;
}

bool mapping_replica_options(const struct config *config, struct replica_options *options,
                             struct error *err)
{
    for (size_t i = 0; i < config->n_mapping; i++)
        if (config->mapping[i].find &&
            !replica_options_add_filter(options, bytes_of(config->mapping[i].find), err))
            return err_in(err, "mapping \"%s\"", config->mapping[i].title);
    return true;
}

/* --- applying --------------------------------------------------------------------------------- */

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

static bool has_ca(const struct rule *rule, const char *ca)
{
    for (size_t i = 0; i < rule->n_cas; i++)
        if (strcmp(rule->cas[i], ca) == 0)
            return true;
    return false;
}

static bool all_match(const struct rule *rule, const struct mapping_request *request,
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

static void trace_find(const struct rule *rule, const struct mapping_request *request)
{
    AUTO(writer_clear) struct writer out = writer_new((size_t)1 << 20);

    if (!request->trace || !mapping_find_print(rule->find, request->identity, &out, NULL))
        return;
    writer_u8(&out, '\0');
    if (writer_ok(&out))
        trace(request, "  find %s", (const char *)writer_bytes(&out).at);
}

/* All DNs for the record; the client never sees them. */
static void name_entries(const struct mapping_found *found, struct mapping_result *result)
{
    AUTO(writer_clear) struct writer out = writer_new(16 * REPLICA_DN_MAX);

    for (size_t i = 0; i < found->n; i++) {
        struct bytes dn = replica_entry_dn(found->at[i]);

        writer_text(&out, i ? "; " : "");
        writer_put(&out, dn);
    }
    writer_text(&out, found->more ? "; ..." : "");
    (void)snprintf(result->detail, sizeof(result->detail), "%.*s", (int)writer_bytes(&out).len,
                   (const char *)writer_bytes(&out).at);
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

static const struct replica_entry *choose(const struct rule *rule,
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

/* A name proves nothing about an account that was made after the certificate (KB5014754, 40). */
static void check_age(const struct mapping_request *request, struct mapping_result *result)
{
    const struct account *account = result->account;

    if (account->created_s < 0)
        decide_for(result, REASON_WEAK_MAPPING,
                   "the age of the account (createTimestamp) is unknown");
    else if (request->identity->not_before_s < account->created_s)
        decide_for(result, REASON_CERT_OLDER_THAN_ACCOUNT, account->dn);
}

static void take_account(const struct rule *rule, const struct mapping_request *request,
                         const struct replica_entry *entry, struct mapping_result *result)
{
    result->strong = rule->strong;
    result->account = replica_account(request->replica, entry, request->now_s);
    trace(request, "  account %s (%s)", result->account->name, result->account->dn);
    if (!rule->strong && !rule->weak_allowed)
        decide_for(result, REASON_WEAK_MAPPING, "found by a name");
    else if (result->account->reason != REASON_OK)
        decide_for(result, result->account->reason, result->account->detail);
    else if (!rule->strong)
        check_age(request, result);
}

/* True when the rule has decided, false when the next one may. */
static bool find_account(const struct rule *rule, const struct mapping_request *request,
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
static struct mapping_result begin(const struct rule *rule, const struct mapping_result *before)
{
    return (struct mapping_result){
        .mapping = rule->title, .subject = rule->subject, .asked = before->asked};
}

/* True when the rule has decided. */
static bool apply(const struct rule *rule, const struct mapping_request *request,
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
    return rule->find ? find_account(rule, request, result) : true;
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

void mapping_result_clear(struct mapping_result *result)
{
    result->account = account_free(result->account);
}
