/*
 * Compiles policy files to one set. Runs in load and in the tools; trusts nothing of the text. Any
 * error stops the load, never an evaluation; all errors of all files are told at once.
 */
#include "policy/load.h"
#include "common/text.h"
#include "policy/suggest.h"

#include <stdio.h>

/* Names that may be defined once over all files */

void loader_remember(struct loader *loader, const struct source *source, const char *kind,
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
                            const struct rule *rule, const struct tests *tests)
{
    const struct policy_set *set = loader->scope.set;
    struct error err;

    for (size_t i = 0; i < tests->n; i++) {
        const char *name = condition_field(&tests->at[i]);

        if (tests->at[i].fact != POLICY_FACT_LOGIN_AS)
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

/* The tests that stand in a section: a rule, or `for` or `need` within it; 0: none. */
static void compile_tests(struct loader *loader, const struct source *source, size_t section,
                          struct tests *ret_tests)
{
    struct test tests[2 * POLICY_FACT__COUNT];
    size_t n_tests = 0;

    for (size_t i = 0; section && i < ARRAY_LEN(tests); i++) {
        struct test *test = &tests[n_tests];
        size_t n, field;

        *test = (struct test){.fact = (enum policy_fact_id)(i / 2), .negative = i % 2};
        field = source_field(source, section, condition_field(test), &n);
        if (!field)
            continue;
        compile_test(loader, source, field, n, test);
        n_tests++;
    }
    ret_tests->at = arena_take(&loader->scope.set->arena, n_tests, sizeof(*ret_tests->at));
    ret_tests->n = n_tests;
    if (n_tests > 0)
        memcpy(ret_tests->at, tests, n_tests * sizeof(*tests));
}

static void compile_overrides(struct loader *loader, const struct source *source, size_t section,
                              struct rule *rule)
{
    size_t n, field = source_field(source, section, "overrides", &n);
    struct error err;

    if (n > SET_OVERRIDES_MAX) {
        (void)err_set(&err, REASON_POLICY_VALUE, "overrides has %zu values; %d are possible", n,
                      SET_OVERRIDES_MAX);
        source_blame(source, field, &err);
        return;
    }
    rule->overrides = arena_take(&loader->scope.set->arena, n, sizeof(*rule->overrides));
    for (size_t i = 0; i < n; i++)
        rule->overrides[i] = arena_text(&loader->scope.set->arena, source_value(source, field, i));
    rule->n_overrides = n;
    if (n > 0)
        qsort(rule->overrides, n, sizeof(*rule->overrides), name_compare);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(rule->overrides[i - 1], rule->overrides[i]) != 0)
            continue;
        (void)err_set(&err, REASON_POLICY_VALUE, "\"%s\" is listed twice", rule->overrides[i]);
        source_blame(source, field, &err);
    }
}

/* A require tests in its two sections, the others in the rule itself. */
static void compile_parts(struct loader *loader, const struct source *source, size_t section,
                          struct rule *rule)
{
    size_t whom = source_part(source, section, "for"), need = source_part(source, section, "need");
    bool require = rule->effect == EFFECT_REQUIRE;
    size_t before = loader->problems.found;
    struct tests outside;
    struct error err;

    compile_tests(loader, source, section, &outside);
    compile_tests(loader, source, whom, &rule->tests);
    compile_tests(loader, source, need, &rule->need);
    if (before != loader->problems.found)
        return;
    if (require && outside.n > 0) {
        (void)err_set(&err, REASON_POLICY_VALUE, "a require rule tests in for { } and need { }: %s",
                      condition_field(&outside.at[0]));
        source_blame(source, section, &err);
    }
    if (!require && whom) {
        (void)err_set(&err, REASON_POLICY_VALUE, "for { } is for effect = \"require\"");
        source_blame(source, whom, &err);
    }
    if (!require)
        rule->tests = outside;
    check_confirmed(loader, source, require ? whom : section, rule, &rule->tests);
    check_confirmed(loader, source, need, rule, &rule->need);
}

/* Whether a test is written without values, which the pre-scan has reported. */
static bool mentions_empty(const struct source *source, size_t section)
{
    size_t n;

    for (size_t i = 0; i < POLICY_FACT__COUNT; i++) {
        const struct condition *row = condition_of((enum policy_fact_id)i);

        if ((source_mentions(source, section, row->name) &&
             !source_field(source, section, row->name, &n)) ||
            (source_mentions(source, section, row->not_name) &&
             !source_field(source, section, row->not_name, &n)))
            return true;
    }
    return false;
}

static void compile_rules(struct loader *loader, const struct source *source)
{
    struct policy_set *set = loader->scope.set;

    for (size_t item = source_next(source, "rule", 0); item;
         item = source_next(source, "rule", item)) {
        struct rule *rule = arena_take(&set->arena, 1, sizeof(*rule));
        size_t before = loader->problems.found;
        struct error err;

        *rule = (struct rule){.name = arena_text(&set->arena, source_title(source, item)),
                              .file = arena_text(&set->arena, bytes_of(source->text->name)),
                              .line = prescan_line(source->scan, item),
                              .order = SET_ORDER_DEFAULT,
                              .from_s = INT64_MIN,
                              .until_s = INT64_MAX,
                              .expires_s = INT64_MAX,
                              .owner = "",
                              .ticket = "",
                              .message = ""};
        loader_remember(loader, source, "rule", rule->name, rule->line);
        compile_attributes(loader, source, item, rule);
        compile_overrides(loader, source, item, rule);
        compile_parts(loader, source, item, rule);
        if (loader->problems.found == before && !mentions_empty(source, item) &&
            !rule_check(rule, &err))
            source_blame(source, item, &err);
        set_add_rule(set, rule);
    }
}

static const struct rule *find_rule(const struct policy_set *set, const char *name)
{
    for (size_t i = 0; i < set->n_rules; i++)
        if (strcmp(set->rules[i]->name, name) == 0)
            return set->rules[i];
    return NULL;
}

/* That what a rule overrides is there and may be overridden. Rules of other files count. */
static void check_override(struct loader *loader, const struct source *source, size_t field,
                           size_t i)
{
    struct bytes text = source_value(source, field, i);
    const char *name = (const char *)text.at;
    const struct rule *rule = find_rule(loader->scope.set, name);
    const char *meant = rule ? NULL : suggest_rule(loader->scope.set, name);
    struct error err;

    if (rule && rule->overridable)
        return;
    if (rule)
        (void)err_set(&err, REASON_POLICY_REFERENCE,
                      "rule \"%s\" does not say overridable = true: nothing passes it", name);
    else
        (void)err_set(&err, REASON_POLICY_REFERENCE, "no rule is called \"%s\"%s%s%s", name,
                      meant ? "; did you mean \"" : "", meant ? meant : "", meant ? "\"?" : "");
    source_blame_value(source, field, i, &err);
}

static void check_overrides(struct loader *loader, const struct source *source)
{
    for (size_t item = source_next(source, "rule", 0); item;
         item = source_next(source, "rule", item)) {
        size_t n, field = source_field(source, item, "overrides", &n);

        for (size_t i = 0; i < n && i < SET_OVERRIDES_MAX; i++)
            check_override(loader, source, field, i);
    }
}

/* Definitions of all files come first: a rule may name one of another file. */
static void compile(struct loader *loader)
{
    for (size_t i = 0; i < loader->n_sources; i++)
        source_open(&loader->sources[i], i, &loader->files[i], &loader->problems);
    for (size_t i = 0; i < loader->n_sources; i++)
        load_networks(loader, &loader->sources[i]);
    for (size_t i = 0; i < loader->n_sources; i++)
        load_calendars(loader, &loader->sources[i]);
    for (size_t i = 0; i < loader->n_sources; i++)
        load_windows(loader, &loader->sources[i]);
    set_sort_definitions(loader->scope.set);
    for (size_t i = 0; i < loader->n_sources; i++)
        compile_rules(loader, &loader->sources[i]);
    for (size_t i = 0; i < loader->n_sources; i++)
        check_overrides(loader, &loader->sources[i]);
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
    free(loader.calendars);
    problems_clear(&loader.problems);
    (void)policy_free(loader.scope.set);
    return loaded;
}
