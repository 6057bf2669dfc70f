/*
 * The canonical octets of a set. Runs in load and in the tools; decode.c reads them again.
 */
#include "policy/encode.h"

static void put_text(struct writer *out, const char *text)
{
    writer_block16(out, bytes_of(text));
}

void encode_zone(struct writer *out, const struct zone *zone)
{
    put_text(out, zone_name(zone));
    writer_block32(out, zone_octets(zone));
}

void encode_window(struct writer *out, const struct window *window)
{
    put_text(out, window->name);
    put_text(out, zone_name(window->zone));
    writer_u8(out, window->days);
    writer_u16(out, (uint16_t)window->n_hours);
    for (size_t i = 0; i < window->n_hours; i++) {
        writer_u16(out, window->hours[i].start);
        writer_u16(out, window->hours[i].end);
    }
    writer_u16(out, (uint16_t)window->n_ranges);
    for (size_t i = 0; i < window->n_ranges; i++) {
        writer_u64(out, (uint64_t)window->ranges[i].start_s);
        writer_u64(out, (uint64_t)window->ranges[i].end_s);
    }
    writer_u16(out, (uint16_t)window->n_except);
    for (size_t i = 0; i < window->n_except; i++)
        writer_u32(out, (uint32_t)window->except[i]);
}

void encode_network(struct writer *out, const struct network_list *list)
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

static void put_tests(struct writer *out, const struct tests *tests)
{
    writer_u8(out, (uint8_t)tests->n);
    for (size_t i = 0; i < tests->n; i++)
        put_test(out, &tests->at[i]);
}

void encode_rule(struct writer *out, const struct rule *rule)
{
    put_text(out, rule->name);
    put_text(out, rule->file);
    writer_u32(out, rule->line);
    writer_u8(out, (uint8_t)rule->effect);
    writer_u8(out, (uint8_t)((rule->shadow ? ENCODE_SHADOW : 0) |
                             (rule->overridable ? ENCODE_OVERRIDABLE : 0)));
    writer_u32(out, rule->order);
    writer_u64(out, (uint64_t)rule->from_s);
    writer_u64(out, (uint64_t)rule->until_s);
    writer_u64(out, (uint64_t)rule->expires_s);
    writer_u16(out, (uint16_t)rule->n_overrides);
    for (size_t i = 0; i < rule->n_overrides; i++)
        put_text(out, rule->overrides[i]);
    put_text(out, rule->owner);
    put_text(out, rule->ticket);
    put_text(out, rule->message);
    put_tests(out, &rule->tests);
    put_tests(out, &rule->need);
}

void encode_services(struct writer *out, const struct policy_set *set)
{
    writer_u16(out, (uint16_t)set->n_services);
    for (size_t i = 0; i < set->n_services; i++) {
        put_text(out, set->services[i].name);
        writer_u8(out, set->services[i].confirmed);
    }
}

void policy_encode(const struct policy_set *set, struct writer *out)
{
    writer_u32(out, ENCODE_MAGIC);
    encode_services(out, set);
    writer_u32(out, (uint32_t)set->n_zones);
    for (size_t i = 0; i < set->n_zones; i++)
        encode_zone(out, set->zones[i]);
    writer_u32(out, (uint32_t)set->n_windows);
    for (size_t i = 0; i < set->n_windows; i++)
        encode_window(out, set->windows[i]);
    writer_u32(out, (uint32_t)set->n_networks);
    for (size_t i = 0; i < set->n_networks; i++)
        encode_network(out, set->networks[i]);
    writer_u32(out, (uint32_t)set->n_rules);
    for (size_t i = 0; i < set->n_rules; i++)
        encode_rule(out, set->rules[i]);
}
