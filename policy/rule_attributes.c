/*
 * Fields of a rule that test nothing: one row each. Runs in load and in the tools; trusts nothing
 * of the text.
 */
#include "common/text.h"
#include "policy/source.h"

static bool read_effect(struct rule *rule, struct arena *arena, struct bytes text,
                        struct error *err)
{
    static const char *const words[EFFECT__COUNT] = {"allow", "deny", "require"};

    (void)arena;
    for (size_t i = 0; i < EFFECT__COUNT; i++) {
        if (!bytes_equal(text, bytes_of(words[i])))
            continue;
        rule->effect = (enum effect)i;
        return true;
    }
    return err_set(err, REASON_POLICY_VALUE,
                   "effect is \"allow\", \"deny\" or \"require\", not \"%.*s\"", (int)text.len,
                   (const char *)text.at);
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

static bool read_time(const char *field, int64_t *out, struct bytes text, struct error *err)
{
    if (!text_time_s(text, out) || *out < 0)
        return err_set(err, REASON_POLICY_VALUE,
                       "%s is \"2027-03-31\" or \"2027-03-31T18:00:00Z\", not \"%.*s\"", field,
                       (int)text.len, (const char *)text.at);
    return true;
}

static bool read_from(struct rule *rule, struct arena *arena, struct bytes text, struct error *err)
{
    (void)arena;
    return read_time("from", &rule->from_s, text, err);
}

static bool read_until(struct rule *rule, struct arena *arena, struct bytes text, struct error *err)
{
    (void)arena;
    return read_time("until", &rule->until_s, text, err);
}

static bool read_expires(struct rule *rule, struct arena *arena, struct bytes text,
                         struct error *err)
{
    (void)arena;
    return read_time("expires", &rule->expires_s, text, err);
}

/* One of two words. */
static bool read_choice(const char *field, const char *const words[2], bool *out, struct bytes text,
                        struct error *err)
{
    *out = bytes_equal(text, bytes_of(words[1]));
    if (!*out && !bytes_equal(text, bytes_of(words[0])))
        return err_set(err, REASON_POLICY_VALUE, "%s is \"%s\" or \"%s\", not \"%.*s\"", field,
                       words[0], words[1], (int)text.len, (const char *)text.at);
    return true;
}

static bool read_mode(struct rule *rule, struct arena *arena, struct bytes text, struct error *err)
{
    static const char *const words[] = {"enforce", "shadow"};

    (void)arena;
    return read_choice("mode", words, &rule->shadow, text, err);
}

static bool read_overridable(struct rule *rule, struct arena *arena, struct bytes text,
                             struct error *err)
{
    static const char *const words[] = {"false", "true"};

    (void)arena;
    return read_choice("overridable", words, &rule->overridable, text, err);
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
    {"effect", read_effect},   {"mode", read_mode},
    {"order", read_order},     {"from", read_from},
    {"until", read_until},     {"expires", read_expires},
    {"owner", read_owner},     {"ticket", read_ticket},
    {"message", read_message}, {"overridable", read_overridable},
};
const size_t n_rule_attributes = ARRAY_LEN(rule_attributes);
