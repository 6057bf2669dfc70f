/*
 * Compiles the mapping sections. Runs in decide, in the command line and wherever a configuration
 * is checked; the configuration is trusted. Every error is told, and one refuses the whole set.
 */
#include "gatewayd/decide/mapping_rule.h"

#include "gatewayd/decide/mapping_suffix.h"
#include "gatewayd/shared/xalloc.h"

struct compile {
    const struct config *config;
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

/* --- life ------------------------------------------------------------------------------------- */

static void free_texts(char **texts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(texts[i]);
    free(texts);
}

static void rule_clear(struct mapping_rule *rule)
{
    free(rule->title);
    for (size_t i = 0; i < rule->n_cas; i++) {
        free(rule->cas[i].title);
        free(rule->cas[i].trust_domain);
    }
    free(rule->cas);
    for (size_t i = 0; i < rule->n_matches; i++)
        (void)mapping_match_free(rule->matches[i]);
    free(rule->matches);
    (void)mapping_find_free(rule->find);
    for (size_t i = 0; i < rule->n_confirms; i++)
        (void)mapping_find_free(rule->confirms[i]);
    free(rule->confirms);
    free_texts(rule->weak_policies, rule->n_weak_policies);
    free_texts(rule->weak_suffixes, rule->n_weak_suffixes);
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

/* --- parts of a rule -------------------------------------------------------------------------- */

static char **copy_texts(const struct config_list *list, size_t *ret_n)
{
    char **texts = xcalloc(list->n, sizeof(char *));

    for (size_t i = 0; i < list->n; i++)
        texts[i] = xstrdup(list->at[i]);
    *ret_n = list->n;
    return texts;
}

static void compile_cas(struct compile *c, struct mapping_rule *rule,
                        struct mapping_promises *ret_promises)
{
    const struct config_list *list = &c->section->ca;
    struct error err;

    *ret_promises = (struct mapping_promises){list->n > 0, list->n > 0, list->n > 0};
    if (list->n == 0) {
        (void)err_set(&err, REASON_CONFIG_MISSING, "ca: every name is only as good as its ca");
        complain(c, &err);
    }
    rule->cas = xcalloc(list->n, sizeof(*rule->cas));
    for (size_t i = 0; i < list->n; i++) {
        const struct config_ca *ca = config_find_ca(c->config, list->at[i]);
        struct mapping_ca *one = &rule->cas[rule->n_cas++];

        one->title = xstrdup(list->at[i]);
        if (ca && ca->trust_domain)
            one->trust_domain = xstrdup(ca->trust_domain);
        ret_promises->ski_computed &= ca && ca->ski == CONFIG_SKI_COMPUTED;
        ret_promises->san_authoritative &= ca && ca->san == CONFIG_SAN_AUTHORITATIVE;
        ret_promises->trust_domain &= one->trust_domain != NULL;
    }
}

static void compile_matches(struct compile *c, struct mapping_rule *rule)
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

static unsigned find_flags(const struct compile *c)
{
    return c->section->allow_substring == CONFIG_ALLOW_SUBSTRING_YES ? MAPPING_FIND_SUBSTRING : 0;
}

static void compile_find(struct compile *c, struct mapping_rule *rule)
{
    struct error err;

    if (c->section->find) {
        if (!mapping_find_compile(bytes_of(c->section->find), find_flags(c), &rule->find, &err))
            complain(c, &err);
    } else if (rule->account == CONFIG_ACCOUNT_REQUIRED) {
        (void)err_set(&err, REASON_CONFIG_MISSING, "find, or account = \"optional\"");
        complain(c, &err);
    }
}

static void compile_confirms(struct compile *c, struct mapping_rule *rule)
{
    const struct config_list *list = &c->section->confirm;
    struct error err;

    rule->confirms = xcalloc(list->n, sizeof(struct mapping_find *));
    for (size_t i = 0; i < list->n; i++) {
        if (mapping_find_compile(bytes_of(list->at[i]), find_flags(c) | MAPPING_FIND_CONDITION,
                                 &rule->confirms[rule->n_confirms], &err)) {
            rule->n_confirms++;
            continue;
        }
        (void)err_in(&err, "confirm");
        complain(c, &err);
    }
    if (list->n > 0 && !c->section->find) {
        (void)err_set(&err, REASON_CONFIG_VALUE, "confirm without find: there is no account");
        complain(c, &err);
    }
}

/* --- what makes a weak rule acceptable -------------------------------------------------------- */

static bool check_exceptions(const struct compile *c, const struct mapping_rule *rule,
                             struct error *err)
{
    const struct config_list *suffixes = &c->section->weak_suffixes;

    if ((suffixes->n || c->section->weak_policies.n) && !rule->weak_allowed)
        return err_set(err, REASON_CONFIG_VALUE,
                       "weak_policies and weak_suffixes need strength = \"weak-allowed\"");
    for (size_t i = 0; i < suffixes->n; i++)
        if (suffixes->at[i][0] != '@' && suffixes->at[i][0] != '.')
            return err_set(err, REASON_CONFIG_VALUE,
                           "weak_suffixes: \"%s\" also fits \"evil%s\"; write \"@%s\"",
                           suffixes->at[i], suffixes->at[i], suffixes->at[i]);
    if (suffixes->n && rule->find && !mapping_suffix_applies(rule->find))
        return err_set(err, REASON_CONFIG_VALUE,
                       "weak_suffixes: find reads no name with a domain (san.email, san.upn, ...)");
    return true;
}

static bool check_policies(const struct compile *c, struct error *err)
{
    const struct config_list *policies = &c->section->weak_policies;

    for (size_t i = 0; i < policies->n; i++) {
        const char *text = policies->at[i];

        if (strspn(text, "0123456789.") != strlen(text) || !strchr(text, '.'))
            return err_set(err, REASON_CONFIG_VALUE, "weak_policies: no dotted OID: %s", text);
    }
    return true;
}

static void compile_exceptions(struct compile *c, struct mapping_rule *rule)
{
    struct error err;

    rule->weak_policies = copy_texts(&c->section->weak_policies, &rule->n_weak_policies);
    rule->weak_suffixes = copy_texts(&c->section->weak_suffixes, &rule->n_weak_suffixes);
    if (!check_exceptions(c, rule, &err))
        complain(c, &err);
    if (!check_policies(c, &err))
        complain(c, &err);
}

/* Strong when the find is; or when conditions pin the certificate and no name chooses the account.
 */
static bool is_strong(const struct mapping_rule *rule, const struct mapping_promises *promises)
{
    if (rule->find && mapping_find_is_strong(rule->find, promises))
        return true;
    return mapping_matches_are_strong(rule->matches, rule->n_matches, promises) &&
           (!rule->find || mapping_find_is_fixed(rule->find, promises));
}

static void compile_strength(struct mapping_rule *rule, struct mapping_promises promises)
{
    rule->strong = is_strong(rule, &promises);
    promises.trust_domain = false;
    rule->by_spiffe = rule->strong && !is_strong(rule, &promises);
}

static void compile_rule(struct compile *c, struct mapping_rule *rule)
{
    const struct config_mapping *section = c->section;
    struct mapping_promises promises;

    *rule =
        (struct mapping_rule){.title = xstrdup(section->title),
                              .account = (enum config_account)section->account,
                              .subject = (enum config_subject)section->subject,
                              .multi = (enum config_multi)section->multi,
                              .else_ = (enum config_else)section->else_,
                              .weak_allowed = section->strength == CONFIG_STRENGTH_WEAK_ALLOWED};
    compile_cas(c, rule, &promises);
    compile_matches(c, rule);
    compile_find(c, rule);
    compile_confirms(c, rule);
    compile_exceptions(c, rule);
    compile_strength(rule, promises);
}

/* --- the set ---------------------------------------------------------------------------------- */

bool mapping_compile(const struct config *config, const struct config_errors *errors,
                     struct mapping_set **ret_set)
{
    AUTO(mapping_freep) struct mapping_set *set = xcalloc(1, sizeof(*set));
    struct compile c = {.config = config, .errors = errors};

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
    const struct mapping_rule *rule = &set->rules[i];

    return rule->find && !rule->strong && !rule->weak_allowed;
}

bool mapping_is_wide(const struct mapping_set *set, size_t i)
{
    const struct mapping_rule *rule = &set->rules[i];

    return rule->find && !rule->strong && rule->weak_allowed && rule->n_matches == 0 &&
           rule->n_weak_policies == 0 && rule->n_weak_suffixes == 0;
}

static bool add_filters(const struct config_mapping *section, struct replica_options *options,
                        struct error *err)
{
    if (!section->find)
        return true;
    if (!replica_options_add_filter(options, bytes_of(section->find), err))
        return false;
    for (size_t i = 0; i < section->confirm.n; i++)
        if (!replica_options_add_filter(options, bytes_of(section->confirm.at[i]), err))
            return false;
    /* What a certificate's security identifier is compared with, whichever rule found the entry. */
    return replica_options_add_filter(options, bytes_of("(objectSid=*)"), err);
}

bool mapping_replica_options(const struct config *config, struct replica_options *options,
                             struct error *err)
{
    for (size_t i = 0; i < config->n_mapping; i++)
        if (!add_filters(&config->mapping[i], options, err))
            return err_in(err, "mapping \"%s\"", config->mapping[i].title);
    return true;
}
