/*
 * The canonical octets of a set, and back. Encoding runs in load and in the tools, decoding in
 * decide; a decoder trusts nothing. Canonical by construction: what was decoded is encoded again
 * and must give the same octets, so that no check of order or form can be forgotten.
 */
#include "common/reader.h"
#include "common/text.h"
#include "policy/conditions.h"

/*
 * set     := u32 magic, u16 n, service*, u32 n, network*, u32 n, rule*; each sorted by name
 * service := text, u8 confirmed
 * network := text name, u16 n, {16 octets, u8 bits}*
 * rule    := text name, text file, u32 line, u8 effect, u32 order, u64 until, text owner,
 *            text ticket, text message, u8 n, test*
 * test    := u8 fact, u8 negative, u16 n, value*
 * value   := u8 kind, text ("" for any, none, self)
 * text    := u16 length, octets
 */
enum { MAGIC = 0x4d475031 }; /* "MGP1": changes with the layout */

static void put_text(struct writer *out, const char *text)
{
    writer_block16(out, bytes_of(text));
}

static void put_network(struct writer *out, const struct network_list *list)
{
    put_text(out, list->name);
    writer_u16(out, (uint16_t)list->n);
    for (size_t i = 0; i < list->n; i++) {
        writer_put(out, (struct bytes){list->at[i].octets, sizeof(list->at[i].octets)});
        writer_u8(out, list->at[i].bits);
    }
}

static void put_test(struct writer *out, const struct test *test)
{
    writer_u8(out, (uint8_t)test->fact);
    writer_u8(out, test->negative);
    writer_u16(out, (uint16_t)test->n_values);
    for (size_t i = 0; i < test->n_values; i++) {
        writer_u8(out, (uint8_t)test->values[i].kind);
        put_text(out, test->values[i].text);
    }
}

static void put_rule(struct writer *out, const struct rule *rule)
{
    put_text(out, rule->name);
    put_text(out, rule->file);
    writer_u32(out, rule->line);
    writer_u8(out, (uint8_t)rule->effect);
    writer_u32(out, rule->order);
    writer_u64(out, (uint64_t)rule->until_s);
    put_text(out, rule->owner);
    put_text(out, rule->ticket);
    put_text(out, rule->message);
    writer_u8(out, (uint8_t)rule->n_tests);
    for (size_t i = 0; i < rule->n_tests; i++)
        put_test(out, &rule->tests[i]);
}

void policy_encode(const struct policy_set *set, struct writer *out)
{
    writer_u32(out, MAGIC);
    writer_u16(out, (uint16_t)set->n_services);
    for (size_t i = 0; i < set->n_services; i++) {
        put_text(out, set->services[i].name);
        writer_u8(out, set->services[i].confirmed);
    }
    writer_u32(out, (uint32_t)set->n_networks);
    for (size_t i = 0; i < set->n_networks; i++)
        put_network(out, set->networks[i]);
    writer_u32(out, (uint32_t)set->n_rules);
    for (size_t i = 0; i < set->n_rules; i++)
        put_rule(out, set->rules[i]);
}

/* Decoding. Each function breaks the reader at the first thing that no set has. */

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

/* What a NETWORK or CIDR value means. */
static void resolve(struct reader *r, struct policy_set *set, struct value *value)
{
    struct bytes text = {(const uint8_t *)value->text, value->len};
    struct network_list *literal;
    struct network network;

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
static bool in_order(const struct rule *rule)
{
    for (size_t i = 1; i < rule->n_tests; i++) {
        const struct test *before = &rule->tests[i - 1], *test = &rule->tests[i];

        if (2 * before->fact + before->negative >= 2 * test->fact + test->negative)
            return false;
    }
    return rule->n_tests > 0;
}

/* INT64_MAX is never; other times are shown in milliseconds. */
static bool is_time(int64_t s)
{
    return s == INT64_MAX || (s >= 0 && s <= INT64_MAX / 1000);
}

static void take_rule(struct reader *r, struct policy_set *set)
{
    struct rule *rule = arena_take(&set->arena, 1, sizeof(*rule));
    uint8_t effect;

    rule->name = take_name(r, &set->arena);
    rule->file = take_name(r, &set->arena);
    rule->line = reader_u32(r);
    effect = reader_u8(r);
    rule->order = reader_u32(r);
    rule->until_s = (int64_t)reader_u64(r);
    rule->owner = take_text(r, &set->arena, POLICY_MESSAGE_MAX);
    rule->ticket = take_text(r, &set->arena, POLICY_MESSAGE_MAX);
    rule->message = take_text(r, &set->arena, POLICY_MESSAGE_MAX);
    rule->n_tests = take_count(r, reader_u8(r), 4);
    rule->tests = arena_take(&set->arena, rule->n_tests, sizeof(*rule->tests));
    for (size_t i = 0; i < rule->n_tests; i++)
        take_test(r, set, &rule->tests[i]);
    if (effect >= EFFECT__COUNT || rule->order > SET_ORDER_MAX || !is_time(rule->until_s))
        reader_break(r);
    if (!reader_ok(r))
        return;
    rule->effect = (enum effect)effect;
    if (!in_order(rule))
        reader_break(r);
    set_add_rule(set, rule);
}

/* Sorted by name and without repetitions, or a binary search could miss a name. */
static bool names_are_unique(const struct policy_set *set)
{
    for (size_t i = 1; i < set->n_services; i++)
        if (strcmp(set->services[i - 1].name, set->services[i].name) == 0)
            return false;
    for (size_t i = 1; i < set->n_networks; i++)
        if (strcmp(set->networks[i - 1]->name, set->networks[i]->name) == 0)
            return false;
    for (size_t i = 1; i < set->n_rules; i++)
        if (strcmp(set->rules[i - 1]->name, set->rules[i]->name) == 0)
            return false;
    return true;
}

static bool is_canonical(const struct policy_set *set, struct bytes in)
{
    AUTO(writer_clear) struct writer again = writer_new(in.len);

    policy_encode(set, &again);
    return writer_ok(&again) && bytes_equal(writer_bytes(&again), in);
}

bool policy_decode(struct bytes in, struct policy_set **ret_set, struct error *err)
{
    struct reader r = reader_over(in);
    AUTO(policy_freep) struct policy_set *set = NULL;
    size_t n;

    if (reader_u32(&r) != MAGIC)
        return err_set(err, REASON_MSG_VERSION, "policy set of %zu octets", in.len);
    set = take_services(&r);
    n = take_count(&r, reader_u32(&r), 4);
    for (size_t i = 0; i < n && reader_ok(&r); i++)
        take_network(&r, set);
    set_sort_networks(set);
    n = take_count(&r, reader_u32(&r), 32);
    for (size_t i = 0; i < n && reader_ok(&r); i++)
        take_rule(&r, set);
    if (!reader_done(&r))
        return err_set(err, REASON_MSG_MALFORMED, "policy set of %zu octets", in.len);
    set_finish(set);
    if (!names_are_unique(set) || !is_canonical(set, in))
        return err_set(err, REASON_MSG_MALFORMED, "policy set is not in canonical form");
    *ret_set = STEAL(set);
    return true;
}
