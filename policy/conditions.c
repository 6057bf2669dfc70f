/*
 * The table of conditions and the one place where a test is answered. Runs in decide for every
 * connection and re-judgement, in load and in the tools. Facts may be anything; missing ones never
 * help the requester.
 */
#include "policy/conditions.h"

#include "common/text.h"
#include "policy/suggest.h"

#define KIND(kind) (1u << VALUE_##kind)
#define NAMES      (KIND(ANY) | KIND(NONE) | KIND(EXACT) | KIND(PREFIX) | KIND(SUFFIX))

static bool refer_service(const struct scope *scope, const struct value *value, struct error *err);
static bool refer_ca(const struct scope *scope, const struct value *value, struct error *err);

#define CONDITION(name) name, "not_" name

/* A new condition is a row here and in enum policy_fact_id, and a case file. */
static const struct condition conditions[POLICY_FACT__COUNT] = {
    [POLICY_FACT_USERS] = {CONDITION("users"), NAMES, NULL},
    [POLICY_FACT_GROUPS] = {CONDITION("groups"), NAMES, NULL},
    [POLICY_FACT_SERVICES] = {CONDITION("services"), NAMES & ~KIND(NONE), refer_service},
    [POLICY_FACT_NETWORKS] = {CONDITION("networks"),
                              KIND(ANY) | KIND(NONE) | KIND(NETWORK) | KIND(CIDR), NULL},
    [POLICY_FACT_CA] = {CONDITION("ca"), NAMES, refer_ca},
    [POLICY_FACT_LOGIN_AS] = {CONDITION("login_as"), NAMES | KIND(SELF), NULL},
    [POLICY_FACT_WINDOWS] = {CONDITION("windows"), KIND(WINDOW), NULL},
};

static const char *const reserved[] = {
    [VALUE_ANY] = "any", [VALUE_NONE] = "none", [VALUE_SELF] = "self"};

const struct condition *condition_of(enum policy_fact_id fact)
{
    return &conditions[fact];
}

const char *policy_fact_name(enum policy_fact_id id)
{
    return (unsigned)id < POLICY_FACT__COUNT ? conditions[id].name : "?";
}

const char *policy_fact_state_name(enum policy_fact_state state)
{
    static const char *const names[] = {[POLICY_UNKNOWN] = "unknown",
                                        [POLICY_ABSENT] = "absent",
                                        [POLICY_PRESENT] = "present",
                                        [POLICY_LATER] = "later"};

    return (unsigned)state < ARRAY_LEN(names) ? names[state] : "?";
}

bool condition_find(const char *field, enum policy_fact_id *ret_fact, bool *ret_negative)
{
    for (size_t i = 0; i < ARRAY_LEN(conditions); i++) {
        bool negative = strcmp(field, conditions[i].not_name) == 0;

        if (!negative && strcmp(field, conditions[i].name) != 0)
            continue;
        *ret_fact = (enum policy_fact_id)i;
        *ret_negative = negative;
        return true;
    }
    return false;
}

const char *condition_field(const struct test *test)
{
    const struct condition *row = condition_of(test->fact);

    return test->negative ? row->not_name : row->name;
}

/* For references: says that nothing is called so, and what may have been meant. */
static bool unknown_name(struct error *err, const char *what, const struct value *value,
                         const char *const *names, size_t n)
{
    const char *meant = value->kind == VALUE_EXACT ? suggest(value->text, names, n) : NULL;

    if (value->kind != VALUE_EXACT)
        return err_set(err, REASON_POLICY_REFERENCE, "no %s matches \"%s%s%s\"", what,
                       value->kind == VALUE_SUFFIX ? "*" : "", value->text,
                       value->kind == VALUE_PREFIX ? "*" : "");
    return err_set(err, REASON_POLICY_REFERENCE, "no %s is called \"%s\"%s%s%s", what, value->text,
                   meant ? "; did you mean \"" : "", meant ? meant : "", meant ? "\"?" : "");
}

static bool refer(const char *what, const struct value *value, const char *const *names, size_t n,
                  struct error *err)
{
    for (size_t i = 0; i < n; i++)
        if (value_fits(value, names[i]))
            return true;
    return unknown_name(err, what, value, names, n);
}

static bool refer_service(const struct scope *scope, const struct value *value, struct error *err)
{
    return refer("service", value, scope->world->services, scope->world->n_services, err);
}

static bool refer_ca(const struct scope *scope, const struct value *value, struct error *err)
{
    return refer("ca", value, scope->world->cas, scope->world->n_cas, err);
}

/* "any", "none", "self"; other cases of the same letters are refused as likely mistakes. */
static bool parse_reserved(struct bytes text, struct value *ret_value, struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(reserved); i++) {
        if (!text_equal_nocase(text, bytes_of(reserved[i])))
            continue;
        if (!bytes_equal(text, bytes_of(reserved[i])))
            return err_set(err, REASON_POLICY_VALUE, "write \"%s\" in small letters", reserved[i]);
        ret_value->kind = (enum value_kind)i;
        return true;
    }
    return true;
}

/* "name", "prefix*", "*suffix". */
static bool parse_pattern(struct arena *arena, struct bytes text, struct value *ret_value,
                          struct error *err)
{
    bool prefix = text.at[text.len - 1] == '*', suffix = text.at[0] == '*';
    struct bytes name = {text.at + suffix, text.len - (prefix || suffix)};

    if (text.len == 1 && prefix)
        return err_set(err, REASON_POLICY_VALUE, "\"*\": write \"any\", as the only value");
    if ((prefix && suffix) || memchr(name.at, '*', name.len))
        return err_set(err, REASON_POLICY_VALUE,
                       "\"%.*s\": a star stands at the start or at the end, once", (int)text.len,
                       (const char *)text.at);
    ret_value->kind = prefix ? VALUE_PREFIX : suffix ? VALUE_SUFFIX : VALUE_EXACT;
    ret_value->text = arena_text(arena, name);
    ret_value->len = name.len;
    return true;
}

static bool unknown_network(const struct policy_set *set, struct bytes text, struct error *err)
{
    const char *meant = suggest_network(set, (const char *)text.at);

    return err_set(err, REASON_POLICY_REFERENCE,
                   "no network is called \"%.*s\", and it is no CIDR%s%s%s", (int)text.len,
                   (const char *)text.at, meant ? "; did you mean \"" : "", meant ? meant : "",
                   meant ? "\"?" : "");
}

/* The name of a network section, else a CIDR: the names cannot look like one. */
static bool parse_network(struct policy_set *set, struct bytes text, struct value *ret_value,
                          struct error *err)
{
    const struct network_list *list = set_find_network(set, text);
    struct network_list *literal;
    struct network network;

    ret_value->text = arena_text(&set->arena, text);
    ret_value->len = text.len;
    ret_value->kind = list ? VALUE_NETWORK : VALUE_CIDR;
    ret_value->networks = list;
    if (list)
        return true;
    if (!network_parse(text, &network, err)) {
        bool address_like = memchr(text.at, '/', text.len) || memchr(text.at, ':', text.len);

        if (!address_like)
            return unknown_network(set, text, err);
        err->reason = REASON_POLICY_VALUE;
        return false;
    }
    literal = arena_take(&set->arena, 1, sizeof(*literal));
    literal->at = memcpy(arena_take(&set->arena, 1, sizeof(network)), &network, sizeof(network));
    literal->n = 1;
    ret_value->networks = literal;
    return true;
}

static bool parse_window(struct policy_set *set, struct bytes text, struct value *ret_value,
                         struct error *err)
{
    const char *meant;

    ret_value->text = arena_text(&set->arena, text);
    ret_value->len = text.len;
    ret_value->kind = VALUE_WINDOW;
    ret_value->window = set_find_window(set, text);
    if (ret_value->window)
        return true;
    meant = suggest_window(set, ret_value->text);
    return err_set(err, REASON_POLICY_REFERENCE, "no window is called \"%s\"%s%s%s",
                   ret_value->text, meant ? "; did you mean \"" : "", meant ? meant : "",
                   meant ? "\"?" : "");
}

static bool is_kind(const struct condition *row, enum value_kind kind)
{
    return row->kinds & 1u << kind;
}

bool condition_parse(const struct scope *scope, const struct test *test, struct bytes text,
                     struct value *ret_value, struct error *err)
{
    const struct condition *row = condition_of(test->fact);
    struct value value = {.kind = VALUE__COUNT, .text = ""};

    if (text.len == 0 || text.len > POLICY_NAME_MAX)
        return err_set(err, REASON_POLICY_VALUE, "a value has 1 to %d octets, not %zu",
                       POLICY_NAME_MAX, text.len);
    if (!parse_reserved(text, &value, err))
        return false;
    if (value.kind == VALUE__COUNT) {
        bool parsed = is_kind(row, VALUE_CIDR) ? parse_network(scope->set, text, &value, err)
                      : is_kind(row, VALUE_WINDOW)
                          ? parse_window(scope->set, text, &value, err)
                          : parse_pattern(&scope->set->arena, text, &value, err);

        if (!parsed || (row->refer && !row->refer(scope, &value, err)))
            return false;
    }
    *ret_value = value;
    return true;
}

/* Of a reserved value. */
static bool check_reserved(const struct test *test, enum value_kind kind, struct error *err)
{
    const struct condition *row = condition_of(test->fact);

    if (!is_kind(row, kind))
        return err_set(err, REASON_POLICY_VALUE, "%s does not take \"%s\"", condition_field(test),
                       reserved[kind]);
    if (test->negative && kind != VALUE_SELF)
        return err_set(err, REASON_POLICY_VALUE, "%s does not take \"%s\": write %s = {\"%s\"}",
                       row->not_name, reserved[kind], row->name,
                       kind == VALUE_ANY ? "none" : "any");
    if (kind == VALUE_ANY && test->n_values > 1)
        return err_set(err, REASON_POLICY_VALUE, "\"any\" stands alone");
    return true;
}

bool condition_check(const struct test *test, struct error *err)
{
    const struct condition *row = condition_of(test->fact);

    if (test->n_values == 0 || test->n_values > SET_VALUES_MAX)
        return err_set(err, REASON_POLICY_VALUE, "%s has %zu values; 1 to %d are possible",
                       condition_field(test), test->n_values, SET_VALUES_MAX);
    for (size_t i = 0; i < test->n_values; i++) {
        const struct value *value = &test->values[i];

        if (value->kind < ARRAY_LEN(reserved) && !check_reserved(test, value->kind, err))
            return false;
        if (!is_kind(row, value->kind))
            return err_set(err, REASON_POLICY_VALUE, "%s does not take \"%s\"",
                           condition_field(test), value->text);
        if (i > 0 && value_compare(value - 1, value) == 0)
            return err_set(err, REASON_POLICY_VALUE, "\"%s\" is listed twice",
                           value->kind < ARRAY_LEN(reserved) ? reserved[value->kind] : value->text);
    }
    return true;
}

enum policy_fact_state condition_state(const struct query *query, enum policy_fact_id id)
{
    const struct policy_fact *fact = &query->request->facts[id];
    bool is_address = id == POLICY_FACT_NETWORKS;

    if (id == POLICY_FACT_WINDOWS)
        return query->request->clock_unsure ? POLICY_UNKNOWN : POLICY_PRESENT;
    if (fact->state == POLICY_LATER)
        return query->confirmed ? POLICY_LATER : POLICY_UNKNOWN;
    if (fact->state != POLICY_PRESENT)
        return fact->state == POLICY_ABSENT ? POLICY_ABSENT : POLICY_UNKNOWN;
    if (is_address ? !query->request->source.known : fact->n_values == 0)
        return POLICY_ABSENT;
    return POLICY_PRESENT;
}

bool value_fits(const struct value *value, const char *name)
{
    size_t len = strlen(name);

    switch (value->kind) {
    case VALUE_ANY:
        return true;
    case VALUE_EXACT:
        return len == value->len && memcmp(name, value->text, len) == 0;
    case VALUE_PREFIX:
        return len >= value->len && memcmp(name, value->text, value->len) == 0;
    case VALUE_SUFFIX:
        return len >= value->len && memcmp(name + len - value->len, value->text, value->len) == 0;
    default:
        return false;
    }
}

static bool fits_exact(const struct test *test, const char *name)
{
    const struct value key = {.kind = VALUE_EXACT, .text = name};

    return test->n_exact > 0 && bsearch(&key, test->values + test->first_exact, test->n_exact,
                                        sizeof(key), value_compare) != NULL;
}

static bool fits_some(const struct value *value, const struct policy_fact *fact)
{
    for (size_t i = 0; i < fact->n_values; i++)
        if (value_fits(value, fact->values[i]))
            return true;
    return false;
}

static bool fits_network(const struct value *value, const struct address *source)
{
    for (size_t i = 0; i < value->networks->n; i++)
        if (network_has(&value->networks->at[i], source))
            return true;
    return false;
}

/* "self": some value of the fact is the account's name. */
static enum truth is_self(const struct query *query, const struct policy_fact *fact)
{
    const struct policy_fact *users = &query->request->facts[POLICY_FACT_USERS];

    switch (condition_state(query, POLICY_FACT_USERS)) {
    case POLICY_UNKNOWN:
        return TRUTH_UNSURE;
    case POLICY_LATER:
        return TRUTH_POSTPONED;
    case POLICY_ABSENT:
        return TRUTH_MISSING;
    case POLICY_PRESENT:
        break;
    }
    for (size_t i = 0; i < fact->n_values; i++)
        for (size_t k = 0; k < users->n_values; k++)
            if (strcmp(fact->values[i], users->values[k]) == 0)
                return TRUTH_YES;
    return TRUTH_NO;
}

static enum truth one_value(const struct query *query, const struct test *test,
                            const struct value *value)
{
    const struct policy_fact *fact = &query->request->facts[test->fact];
    int64_t until_s;

    switch (value->kind) {
    case VALUE_ANY:
        return TRUTH_YES;
    case VALUE_SELF:
        return is_self(query, fact);
    case VALUE_NETWORK:
    case VALUE_CIDR:
        return fits_network(value, &query->request->source) ? TRUTH_YES : TRUTH_NO;
    case VALUE_WINDOW:
        return window_has(value->window, query->request->now_s, &until_s) ? TRUTH_YES : TRUTH_NO;
    default:
        return fits_some(value, fact) ? TRUTH_YES : TRUTH_NO;
    }
}

/* Kleene OR over the values of a PRESENT fact; MISSING stays only where nothing is better known. */
static enum truth some_value(const struct query *query, const struct test *test)
{
    const struct policy_fact *fact = &query->request->facts[test->fact];
    enum truth all = TRUTH_NO;

    for (size_t i = 0; test->n_exact > 0 && i < fact->n_values; i++)
        if (fits_exact(test, fact->values[i]))
            return TRUTH_YES;
    for (size_t i = 0; i < test->n_values; i++) {
        enum truth one;

        if (test->values[i].kind == VALUE_EXACT)
            continue;
        one = one_value(query, test, &test->values[i]);
        if (one == TRUTH_YES)
            return one;
        if (all == TRUTH_NO)
            all = one;
    }
    return all;
}

static bool lists_none(const struct test *test)
{
    return test->values[0].kind == VALUE_NONE;
}

enum truth condition_test(const struct query *query, const struct test *test, enum side side)
{
    enum truth truth = TRUTH_UNSURE;

    switch (condition_state(query, test->fact)) {
    case POLICY_UNKNOWN:
        return TRUTH_UNSURE;
    case POLICY_LATER:
        return TRUTH_POSTPONED;
    case POLICY_ABSENT:
        truth = lists_none(test) ? TRUTH_YES : TRUTH_MISSING;
        break;
    case POLICY_PRESENT:
        truth = some_value(query, test);
        break;
    }
    /* What is missing never helps: it fails an allow and does not save from a deny. */
    if (truth == TRUTH_MISSING)
        return test->negative && side == SIDE_STOPS ? TRUTH_YES : TRUTH_NO;
    if (!test->negative || truth == TRUTH_UNSURE || truth == TRUTH_POSTPONED)
        return truth;
    return truth == TRUTH_YES ? TRUTH_NO : TRUTH_YES;
}
