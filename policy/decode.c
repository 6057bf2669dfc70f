/*
 * A set out of its octets. Runs in decide and in the tools, in slices; trusts nothing. Canonical by
 * construction: each part that was decoded is encoded again and must give the octets that it was
 * read from, and names must ascend, so that no check of order or form can be forgotten.
 */
#include "common/reader.h"
#include "common/text.h"
#include "policy/conditions.h"
#include "policy/encode.h"

/* Each function breaks the reader at the first thing that no set has. */

/* A text of at most `max` octets; "" and a broken reader when it is none. */
static const char *take_text(struct reader *r, struct arena *arena, size_t max)
{
    struct bytes text = reader_block16(r);

    if (text.len > max || !text_is_clean(text))
        reader_break(r);
    return reader_ok(r) ? arena_text(arena, text) : "";
}

static const char *take_name(struct reader *r, struct arena *arena)
{
    const char *name = take_text(r, arena, POLICY_NAME_MAX);

    if (name[0] == '\0')
        reader_break(r);
    return name;
}

/* A count of things of at least `least` octets each: no more than can be there. */
static size_t take_count(struct reader *r, size_t count, size_t least)
{
    if (count <= reader_left(r) / least)
        return count;
    reader_break(r);
    return 0;
}

static struct policy_set *take_services(struct reader *r)
{
    size_t n = take_count(r, reader_u16(r), 4);
    struct arena names = {.last = NULL};
    const char **name = arena_take(&names, n, sizeof(*name));
    bool *confirmed = arena_take(&names, n, sizeof(*confirmed));
    struct policy_set *set;

    for (size_t i = 0; i < n; i++) {
        name[i] = take_text(r, &names, UINT16_MAX); /* as long as the configuration lets it be */
        confirmed[i] = reader_u8(r) == 1;
    }
    set = set_new(name, confirmed, n);
    arena_clear(&names);
    return set;
}

static void take_zone(struct reader *r, struct policy_set *set)
{
    const char *name = take_name(r, &set->arena);
    struct bytes octets = reader_block32(r);
    const struct zone *zone;

    if (!reader_ok(r) || strlen(name) > POLICY_ZONE_NAME_MAX ||
        !zone_read(&set->arena, bytes_of(name), octets, &zone, NULL))
        reader_break(r);
    else
        set_add_zone(set, zone);
}

static void take_hours(struct reader *r, struct policy_set *set, struct window *window)
{
    struct window_hours *hours;

    window->n_hours = take_count(r, reader_u16(r), 4);
    hours = arena_take(&set->arena, window->n_hours, sizeof(*hours));
    for (size_t i = 0; i < window->n_hours; i++) {
        hours[i].start = reader_u16(r);
        hours[i].end = reader_u16(r);
    }
    window->hours = hours;
}

static void take_ranges(struct reader *r, struct policy_set *set, struct window *window)
{
    struct window_range *ranges;

    window->n_ranges = take_count(r, reader_u16(r), 16);
    ranges = arena_take(&set->arena, window->n_ranges, sizeof(*ranges));
    for (size_t i = 0; i < window->n_ranges; i++) {
        ranges[i].start_s = (int64_t)reader_u64(r);
        ranges[i].end_s = (int64_t)reader_u64(r);
        if (ranges[i].start_s < 0 || ranges[i].end_s > INT64_MAX / 1000)
            reader_break(r);
    }
    window->ranges = ranges;
}

static void take_window(struct reader *r, struct policy_set *set)
{
    struct window *window = arena_take(&set->arena, 1, sizeof(*window));
    int32_t *except;

    window->name = take_name(r, &set->arena);
    window->zone = set_find_zone(set, reader_block16(r));
    window->days = reader_u8(r);
    take_hours(r, set, window);
    take_ranges(r, set, window);
    window->n_except = take_count(r, reader_u16(r), 4);
    except = arena_take(&set->arena, window->n_except, sizeof(*except));
    for (size_t i = 0; i < window->n_except; i++)
        except[i] = (int32_t)reader_u32(r);
    window->except = except;
    if (!reader_ok(r) || !window->zone || !window_check(window, NULL))
        reader_break(r);
    else
        set_add_window(set, window);
}

static void take_network(struct reader *r, struct policy_set *set)
{
    struct network_list *list = arena_take(&set->arena, 1, sizeof(*list));
    struct network *at;

    list->name = take_name(r, &set->arena);
    list->n = take_count(r, reader_u16(r), 17);
    at = arena_take(&set->arena, list->n, sizeof(*at));
    for (size_t i = 0; i < list->n; i++) {
        reader_copy(r, at[i].octets, sizeof(at[i].octets));
        at[i].bits = reader_u8(r);
        if (at[i].bits > 128)
            reader_break(r);
    }
    list->at = at;
    set_add_network(set, list);
}

/* What a NETWORK, CIDR or WINDOW value means. */
static void resolve(struct reader *r, struct policy_set *set, struct value *value)
{
    struct bytes text = {(const uint8_t *)value->text, value->len};
    struct network_list *literal;
    struct network network;

    if (value->kind == VALUE_WINDOW) {
        value->window = set_find_window(set, text);
        if (!value->window)
            reader_break(r);
        return;
    }
    if (value->kind == VALUE_NETWORK) {
        value->networks = set_find_network(set, text);
        if (!value->networks)
            reader_break(r);
        return;
    }
    if (!network_parse(text, &network, NULL)) {
        reader_break(r);
        return;
    }
    literal = arena_take(&set->arena, 1, sizeof(*literal));
    literal->at = memcpy(arena_take(&set->arena, 1, sizeof(network)), &network, sizeof(network));
    literal->n = 1;
    value->networks = literal;
}

static void take_value(struct reader *r, struct policy_set *set, struct value *value)
{
    uint8_t kind = reader_u8(r);

    value->text = take_text(r, &set->arena, POLICY_NAME_MAX);
    value->len = strlen(value->text);
    if (kind >= VALUE__COUNT || (kind <= VALUE_SELF) != (value->len == 0))
        reader_break(r);
    if (!reader_ok(r))
        return;
    value->kind = (enum value_kind)kind;
    if (kind >= VALUE_NETWORK)
        resolve(r, set, value);
}

static void take_test(struct reader *r, struct policy_set *set, struct test *test)
{
    uint8_t fact = reader_u8(r);

    test->negative = reader_u8(r) == 1;
    test->n_values = take_count(r, reader_u16(r), 3);
    test->values = arena_take(&set->arena, test->n_values, sizeof(*test->values));
    for (size_t i = 0; i < test->n_values; i++)
        take_value(r, set, &test->values[i]);
    if (fact >= POLICY_FACT__COUNT)
        reader_break(r);
    if (!reader_ok(r))
        return;
    test->fact = (enum policy_fact_id)fact;
    set_finish_test(test);
    if (!condition_check(test, NULL))
        reader_break(r);
}

/* Each field at most once, in the order in which load makes them. */
static bool in_order(const struct tests *tests)
{
    for (size_t i = 1; i < tests->n; i++) {
        const struct test *before = &tests->at[i - 1], *test = &tests->at[i];

        if (2 * before->fact + before->negative >= 2 * test->fact + test->negative)
            return false;
    }
    return true;
}

static void take_tests(struct reader *r, struct policy_set *set, struct tests *tests)
{
    tests->n = take_count(r, reader_u8(r), 4);
    tests->at = arena_take(&set->arena, tests->n, sizeof(*tests->at));
    for (size_t i = 0; i < tests->n; i++)
        take_test(r, set, &tests->at[i]);
    if (reader_ok(r) && !in_order(tests))
        reader_break(r);
}

static void take_overrides(struct reader *r, struct policy_set *set, struct rule *rule)
{
    rule->n_overrides = take_count(r, reader_u16(r), 3);
    if (rule->n_overrides > SET_OVERRIDES_MAX)
        reader_break(r);
    if (!reader_ok(r))
        return;
    rule->overrides = arena_take(&set->arena, rule->n_overrides, sizeof(*rule->overrides));
    for (size_t i = 0; i < rule->n_overrides; i++) {
        rule->overrides[i] = take_name(r, &set->arena);
        if (i > 0 && strcmp(rule->overrides[i - 1], rule->overrides[i]) >= 0)
            reader_break(r);
    }
}

/* INT64_MAX is never; other times are shown in milliseconds. */
static bool is_time(int64_t s)
{
    return s == INT64_MAX || (s >= 0 && s <= INT64_MAX / 1000);
}

static void take_rule(struct reader *r, struct policy_set *set)
{
    struct rule *rule = arena_take(&set->arena, 1, sizeof(*rule));
    uint8_t effect, flags;

    rule->name = take_name(r, &set->arena);
    rule->file = take_name(r, &set->arena);
    rule->line = reader_u32(r);
    effect = reader_u8(r);
    flags = reader_u8(r);
    rule->shadow = flags & ENCODE_SHADOW;
    rule->overridable = flags & ENCODE_OVERRIDABLE;
    rule->order = reader_u32(r);
    rule->from_s = (int64_t)reader_u64(r);
    rule->until_s = (int64_t)reader_u64(r);
    rule->expires_s = (int64_t)reader_u64(r);
    take_overrides(r, set, rule);
    rule->owner = take_text(r, &set->arena, POLICY_MESSAGE_MAX);
    rule->ticket = take_text(r, &set->arena, POLICY_MESSAGE_MAX);
    rule->message = take_text(r, &set->arena, POLICY_MESSAGE_MAX);
    take_tests(r, set, &rule->tests);
    take_tests(r, set, &rule->need);
    if (effect >= EFFECT__COUNT || rule->order > SET_ORDER_MAX ||
        (rule->from_s != INT64_MIN && !is_time(rule->from_s)) || !is_time(rule->until_s) ||
        !is_time(rule->expires_s))
        reader_break(r);
    if (!reader_ok(r))
        return;
    rule->effect = (enum effect)effect;
    if (!rule_check(rule, NULL))
        reader_break(r);
    set_add_rule(set, rule);
}

/* --- all of it ------------------------------------------------------------------------------- */

enum step { STEP_BEGIN, STEP_RULES, STEP_FINISH, STEP_DONE, STEP_BROKEN };

struct policy_decoder {
    struct bytes in;
    struct reader reader;
    enum step step;
    struct policy_set *set;
    struct set_finisher *finisher;
    struct writer again; /* a part, encoded anew */
    size_t rules_left;
};

/* Whether the octets from `begin` to where the reader stands are those that were encoded anew. */
static bool is_canonical(const struct policy_decoder *decoder, const uint8_t *begin)
{
    struct bytes read = {begin, (size_t)(decoder->reader.at - begin)};

    return writer_ok(&decoder->again) && bytes_equal(writer_bytes(&decoder->again), read);
}

/* set_new sorts them: octets in another order are not what it encodes. */
static void take_all_services(struct policy_decoder *decoder)
{
    const uint8_t *begin = decoder->reader.at;

    decoder->set = take_services(&decoder->reader);
    encode_services(&decoder->again, decoder->set);
    for (size_t i = 1; i < decoder->set->n_services; i++)
        if (strcmp(decoder->set->services[i - 1].name, decoder->set->services[i].name) == 0)
            reader_break(&decoder->reader);
    if (!is_canonical(decoder, begin))
        reader_break(&decoder->reader);
}

/* --- definitions: each in order of names ------------------------------------------------------ */

static const char *again_zone(const struct policy_set *set, size_t i, struct writer *out)
{
    encode_zone(out, set->zones[i]);
    return zone_name(set->zones[i]);
}

static const char *again_window(const struct policy_set *set, size_t i, struct writer *out)
{
    encode_window(out, set->windows[i]);
    return set->windows[i]->name;
}

static const char *again_network(const struct policy_set *set, size_t i, struct writer *out)
{
    encode_network(out, set->networks[i]);
    return set->networks[i]->name;
}

/* In this order: windows name zones. */
static const struct {
    void (*take)(struct reader *r, struct policy_set *set);
    /* Encodes the i-th anew and gives its name. */
    const char *(*again)(const struct policy_set *set, size_t i, struct writer *out);
} definitions[] = {
    {take_zone, again_zone}, {take_window, again_window}, {take_network, again_network}};

static void take_definitions(struct policy_decoder *decoder, size_t kind)
{
    struct reader *r = &decoder->reader;
    size_t n = take_count(r, reader_u32(r), 4);
    const char *before = NULL;

    for (size_t i = 0; i < n; i++) {
        const uint8_t *begin = r->at;
        const char *name;

        definitions[kind].take(r, decoder->set);
        if (!reader_ok(r))
            return;
        writer_reset(&decoder->again);
        name = definitions[kind].again(decoder->set, i, &decoder->again);
        if (!is_canonical(decoder, begin) || (before && strcmp(before, name) >= 0))
            reader_break(r);
        before = name;
    }
}

static void take_rules(struct policy_decoder *decoder, size_t n)
{
    struct reader *r = &decoder->reader;

    for (; n > 0 && decoder->rules_left > 0 && reader_ok(r); n--, decoder->rules_left--) {
        const uint8_t *begin = r->at;
        struct rule *const *at;

        take_rule(r, decoder->set);
        if (!reader_ok(r))
            return;
        at = &decoder->set->rules[decoder->set->n_rules - 1];
        writer_reset(&decoder->again);
        encode_rule(&decoder->again, *at);
        if (!is_canonical(decoder, begin) ||
            (decoder->set->n_rules > 1 && strcmp(at[-1]->name, at[0]->name) >= 0))
            reader_break(r);
    }
}

/* --- one slice -------------------------------------------------------------------------------- */

static bool broken(struct policy_decoder *decoder, struct error *err)
{
    decoder->step = STEP_BROKEN;
    return err_set(err, REASON_MSG_MALFORMED, "policy set of %zu octets", decoder->in.len);
}

static bool step_begin(struct policy_decoder *decoder, struct error *err)
{
    if (reader_u32(&decoder->reader) != ENCODE_MAGIC) {
        decoder->step = STEP_BROKEN;
        return err_set(err, REASON_MSG_VERSION, "policy set of %zu octets", decoder->in.len);
    }
    take_all_services(decoder);
    for (size_t i = 0; i < ARRAY_LEN(definitions); i++)
        take_definitions(decoder, i);
    decoder->rules_left = take_count(&decoder->reader, reader_u32(&decoder->reader), 32);
    decoder->step = STEP_RULES;
    return reader_ok(&decoder->reader) || broken(decoder, err);
}

static bool step_rules(struct policy_decoder *decoder, size_t n_rules, struct error *err)
{
    take_rules(decoder, n_rules);
    if (!reader_ok(&decoder->reader))
        return broken(decoder, err);
    if (decoder->rules_left > 0)
        return true;
    if (!reader_done(&decoder->reader))
        return broken(decoder, err);
    decoder->finisher = set_finisher_new(decoder->set);
    decoder->step = STEP_FINISH;
    return true;
}

bool policy_decoder_step(struct policy_decoder *decoder, size_t n_rules, bool *ret_done,
                         struct error *err)
{
    bool good = true;

    switch (decoder->step) {
    case STEP_BEGIN:
        good = step_begin(decoder, err);
        break;
    case STEP_RULES:
        good = step_rules(decoder, n_rules, err);
        break;
    case STEP_FINISH:
        if (set_finisher_step(decoder->finisher, n_rules))
            decoder->step = STEP_DONE;
        break;
    case STEP_DONE:
        break;
    case STEP_BROKEN:
        return broken(decoder, err);
    }
    if (good)
        *ret_done = decoder->step == STEP_DONE;
    return good;
}

/* --- life ------------------------------------------------------------------------------------- */

struct policy_decoder *policy_decoder_new(struct bytes in)
{
    struct policy_decoder *decoder = calloc(1, sizeof(*decoder));

    if (!decoder)
        abort();
    decoder->in = in;
    decoder->reader = reader_over(in);
    decoder->again = writer_new(in.len);
    return decoder;
}

struct policy_set *policy_decoder_take(struct policy_decoder *decoder)
{
    return STEAL(decoder->set);
}

struct policy_decoder *policy_decoder_free(struct policy_decoder *decoder)
{
    if (!decoder)
        return NULL;
    (void)set_finisher_free(decoder->finisher);
    (void)policy_free(decoder->set);
    writer_clear(&decoder->again);
    free(decoder);
    return NULL;
}

bool policy_decode(struct bytes in, struct policy_set **ret_set, struct error *err)
{
    AUTO(policy_decoder_freep) struct policy_decoder *decoder = policy_decoder_new(in);
    bool done = false;

    while (!done)
        if (!policy_decoder_step(decoder, SIZE_MAX, &done, err))
            return false;
    *ret_set = policy_decoder_take(decoder);
    return true;
}
