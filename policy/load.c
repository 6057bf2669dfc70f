/*
 * Compiles policy files to one set. Runs in load and in the tools; trusts nothing of the text. Any
 * error stops the load, never an evaluation; all errors of all files are told at once.
 */
#include "common/text.h"
#include "policy/conditions.h"
#include "policy/source.h"

#include <stdio.h>

/* Where a name was defined, to find the same name in another file. */
struct named {
    const char *kind, *name;
    size_t file;
    uint32_t line;
};

struct loader {
    struct scope scope;
    struct problems problems;
    const struct policy_file *files;
    struct source *sources;
    size_t n_sources;
    struct named *named;
    size_t n_named, room_named;
};

/* Attributes of a rule */

static bool read_effect(struct rule *rule, struct arena *arena, struct bytes text,
                        struct error *err)
{
    static const char *const words[EFFECT__COUNT] = {"allow", "deny"};

    (void)arena;
    for (size_t i = 0; i < EFFECT__COUNT; i++) {
        if (!bytes_equal(text, bytes_of(words[i])))
            continue;
        rule->effect = (enum effect)i;
        return true;
    }
    return err_set(err, REASON_POLICY_VALUE, "effect is \"allow\" or \"deny\", not \"%.*s\"",
                   (int)text.len, (const char *)text.at);
}

static bool read_order(struct rule *rule, struct arena *arena, struct bytes text, struct error *err)
{
    uint64_t order;

    (void)arena;
    if (!text_u64(text, &order) || order > SET_ORDER_MAX)
        return err_set(err, REASON_POLICY_VALUE, "order is a number up to %d, not \"%.*s\"",
                       SET_ORDER_MAX, (int)text.len, (const char *)text.at);
    rule->order = (uint32_t)order;
    return true;
}

static bool read_until(struct rule *rule, struct arena *arena, struct bytes text, struct error *err)
{
    (void)arena;
    if (!text_time_s(text, &rule->until_s) || rule->until_s < 0)
        return err_set(err, REASON_POLICY_VALUE,
                       "until is \"2027-03-31\" or \"2027-03-31T18:00:00Z\", not \"%.*s\"",
                       (int)text.len, (const char *)text.at);
    return true;
}

static bool read_text(const char **out, struct arena *arena, struct bytes text, struct error *err)
{
    if (text.len > POLICY_MESSAGE_MAX)
        return err_set(err, REASON_POLICY_VALUE, "the text has %zu octets; %d are possible",
                       text.len, POLICY_MESSAGE_MAX);
    *out = arena_text(arena, text);
    return true;
}

static bool read_owner(struct rule *rule, struct arena *arena, struct bytes text, struct error *err)
{
    return read_text(&rule->owner, arena, text, err);
}

static bool read_ticket(struct rule *rule, struct arena *arena, struct bytes text,
                        struct error *err)
{
    return read_text(&rule->ticket, arena, text, err);
}

static bool read_message(struct rule *rule, struct arena *arena, struct bytes text,
                         struct error *err)
{
    return read_text(&rule->message, arena, text, err);
}

const struct attribute rule_attributes[] = {
    {"effect", read_effect}, {"order", read_order},   {"until", read_until},
    {"owner", read_owner},   {"ticket", read_ticket}, {"message", read_message},
};
const size_t n_rule_attributes = ARRAY_LEN(rule_attributes);

/* Names that may be defined once over all files */

static void remember(struct loader *loader, const struct source *source, const char *kind,
                     const char *name, uint32_t line)
{
    if (loader->n_named == loader->room_named) {
        loader->room_named = loader->room_named ? 2 * loader->room_named : 64;
        loader->named = reallocarray(loader->named, loader->room_named, sizeof(*loader->named));
        if (!loader->named)
            abort();
    }
    loader->named[loader->n_named++] = (struct named){kind, name, source->file, line};
}

static int compare_named(const void *a, const void *b)
{
    const struct named *left = a, *right = b;
    int order = strcmp(left->kind, right->kind);

    if (order == 0)
        order = strcmp(left->name, right->name);
    if (order != 0)
        return order;
    return left->file < right->file ? -1 : left->file > right->file;
}

/* The pre-scan has reported repetitions within one file. */
static void check_repeated(struct loader *loader)
{
    const struct named *first = loader->named;

    if (loader->n_named > 0)
        qsort(loader->named, loader->n_named, sizeof(*loader->named), compare_named);
    for (size_t i = 1; i < loader->n_named; i++) {
        const struct named *named = &loader->named[i];

        if (strcmp(named->kind, first->kind) != 0 || strcmp(named->name, first->name) != 0)
            first = named;
        else if (named->file != first->file)
            problems_say(&loader->problems, named->file, named->line, REASON_POLICY_SYNTAX,
                         "%s \"%s\" is given twice; the first is in %s, line %u", named->kind,
                         named->name, loader->files[first->file].name, (unsigned)first->line);
    }
}

/* Networks */

static int compare_cidrs(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct network));
}

static void compile_cidrs(struct loader *loader, const struct source *source, size_t section,
                          struct network_list *list)
{
    size_t n, field = source_field(source, section, "cidr", &n);
    struct network *at = arena_take(&loader->scope.set->arena, n, sizeof(*at));
    struct error err;

    if (n > SET_VALUES_MAX || (n == 0 && !source_mentions(source, section, "cidr"))) {
        (void)err_set(&err, REASON_POLICY_VALUE, "cidr has %zu values; 1 to %d are possible", n,
                      SET_VALUES_MAX);
        source_blame(source, section, &err);
    }
    for (size_t i = 0; i < n; i++) {
        if (network_parse(source_value(source, field, i), &at[i], &err))
            continue;
        err.reason = REASON_POLICY_VALUE;
        source_blame_value(source, field, i, &err);
    }
    if (n > 0)
        qsort(at, n, sizeof(*at), compare_cidrs);
    (void)err_set(&err, REASON_POLICY_VALUE, "the same CIDR is listed twice");
    /* What could not be read is all zero. */
    for (size_t i = 1; i < n; i++)
        if (at[i].bits > 0 && compare_cidrs(&at[i - 1], &at[i]) == 0)
            source_blame(source, field, &err);
    list->at = at;
    list->n = n;
}

static void check_network_name(struct loader *loader, const struct source *source, size_t item,
                               const char *name)
{
    static const char *const words[] = {"any", "none", "self"};
    bool taken = strchr(name, '*') || strchr(name, '/') || strchr(name, ':');
    struct address address;

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        taken |= text_equal_nocase(bytes_of(name), bytes_of(words[i]));
    if (taken || address_parse(bytes_of(name), &address, NULL))
        problems_say(&loader->problems, source->file, prescan_line(source->scan, item),
                     REASON_POLICY_VALUE, "a network cannot be called \"%s\"", name);
}

static void compile_networks(struct loader *loader, const struct source *source)
{
    struct policy_set *set = loader->scope.set;

    for (size_t item = source_next(source, "network", 0); item;
         item = source_next(source, "network", item)) {
        struct network_list *list = arena_take(&set->arena, 1, sizeof(*list));

        list->name = arena_text(&set->arena, source_title(source, item));
        remember(loader, source, "network", list->name, prescan_line(source->scan, item));
        check_network_name(loader, source, item, list->name);
        compile_cidrs(loader, source, item, list);
        set_add_network(set, list);
    }
}

/* Rules */

static void compile_attributes(struct loader *loader, const struct source *source, size_t section,
                               struct rule *rule)
{
    for (size_t i = 0; i < n_rule_attributes; i++) {
        const struct attribute *row = &rule_attributes[i];
        size_t n, field = source_field(source, section, row->name, &n);
        struct error err;

        if (field &&
            !row->read(rule, &loader->scope.set->arena, source_value(source, field, 0), &err))
            source_blame(source, field, &err);
    }
}

/* The values of one field. The pre-scan has reported empty ones. */
static void compile_test(struct loader *loader, const struct source *source, size_t field, size_t n,
                         struct test *test)
{
    struct error err;

    test->values = arena_take(&loader->scope.set->arena, n, sizeof(*test->values));
    for (size_t i = 0; i < n; i++) {
        struct value *value = &test->values[test->n_values];
        struct bytes text = source_value(source, field, i);

        if (text.len > 0 && condition_parse(&loader->scope, test, text, value, &err))
            test->n_values++;
        else if (text.len > 0)
            source_blame_value(source, field, i, &err);
    }
    set_finish_test(test);
    if (test->n_values > 0 && !condition_check(test, &err))
        source_blame(source, field, &err);
}

/* On a service that nobody confirms, a test on login_as would stay open for ever. */
static void check_confirmed(struct loader *loader, const struct source *source, size_t section,
                            const struct rule *rule)
{
    const struct policy_set *set = loader->scope.set;
    struct error err;

    for (size_t i = 0; i < rule->n_tests; i++) {
        const char *name = condition_field(&rule->tests[i]);

        if (rule->tests[i].fact != POLICY_FACT_LOGIN_AS)
            continue;
        for (size_t s = 0; s < set->n_services; s++) {
            if (set->services[s].confirmed || !rule_covers(rule, &set->services[s]))
                continue;
            (void)err_set(&err, REASON_POLICY_REFERENCE,
                          "%s needs services with confirm = \"pam\"; \"%s\" has it not", name,
                          set->services[s].name);
            source_blame(source, prescan_find(source->scan, section, name, NULL), &err);
            return;
        }
    }
}

static void compile_tests(struct loader *loader, const struct source *source, size_t section,
                          struct rule *rule)
{
    size_t before = loader->problems.found;
    bool mentioned = false;
    struct error err;

    rule->tests =
        arena_take(&loader->scope.set->arena, 2 * POLICY_FACT__COUNT, sizeof(*rule->tests));
    for (size_t i = 0; i < 2 * POLICY_FACT__COUNT; i++) {
        struct test test = {.fact = (enum policy_fact_id)(i / 2), .negative = i % 2};
        size_t n, field = source_field(source, section, condition_field(&test), &n);

        mentioned |= source_mentions(source, section, condition_field(&test));
        if (!field)
            continue;
        compile_test(loader, source, field, n, &test);
        rule->tests[rule->n_tests++] = test;
    }
    if (before != loader->problems.found)
        return;
    (void)err_set(&err, REASON_POLICY_VALUE,
                  "rule \"%s\" tests nothing: write users = {\"any\"} if that is meant",
                  rule->name);
    if (!mentioned)
        source_blame(source, section, &err);
    check_confirmed(loader, source, section, rule);
}

static void compile_rules(struct loader *loader, const struct source *source)
{
    struct policy_set *set = loader->scope.set;

    for (size_t item = source_next(source, "rule", 0); item;
         item = source_next(source, "rule", item)) {
        struct rule *rule = arena_take(&set->arena, 1, sizeof(*rule));

        *rule = (struct rule){.name = arena_text(&set->arena, source_title(source, item)),
                              .file = arena_text(&set->arena, bytes_of(source->text->name)),
                              .line = prescan_line(source->scan, item),
                              .order = SET_ORDER_DEFAULT,
                              .until_s = INT64_MAX,
                              .owner = "",
                              .ticket = "",
                              .message = ""};
        remember(loader, source, "rule", rule->name, rule->line);
        compile_attributes(loader, source, item, rule);
        compile_tests(loader, source, item, rule);
        set_add_rule(set, rule);
    }
}

/* Networks of all files come first: a rule may name one of another file. */
static void compile(struct loader *loader)
{
    for (size_t i = 0; i < loader->n_sources; i++)
        source_open(&loader->sources[i], i, &loader->files[i], &loader->problems);
    for (size_t i = 0; i < loader->n_sources; i++)
        compile_networks(loader, &loader->sources[i]);
    set_sort_networks(loader->scope.set);
    for (size_t i = 0; i < loader->n_sources; i++)
        compile_rules(loader, &loader->sources[i]);
    check_repeated(loader);
}

bool policy_load(const struct policy_file *files, size_t n_files, const struct policy_world *world,
                 const struct policy_errors *errors, struct policy_set **ret_set)
{
    struct loader loader = {.scope.world = world, .files = files, .n_sources = n_files};
    bool loaded;

    loader.scope.set = set_new(world->services, world->confirmed, world->n_services);
    loader.sources = calloc(n_files ? n_files : 1, sizeof(*loader.sources));
    if (!loader.sources)
        abort();
    compile(&loader);
    loaded = loader.problems.found == 0;
    if (loaded) {
        set_finish(loader.scope.set);
        *ret_set = STEAL(loader.scope.set);
    }
    problems_tell(&loader.problems, files, errors);
    for (size_t i = 0; i < n_files; i++)
        source_close(&loader.sources[i]);
    free(loader.sources);
    free(loader.named);
    problems_clear(&loader.problems);
    (void)policy_free(loader.scope.set);
    return loaded;
}
