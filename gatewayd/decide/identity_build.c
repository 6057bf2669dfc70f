/*
 * Collects the values of one certificate. decide and gatewayctl run it; every text is checked here
 * once for length, NUL, control characters and UTF-8, whatever its form let through.
 */
#include "gatewayd/decide/identity_build.h"

#include "common/text.h"
#include "gatewayd/decide/attribute_forms.h"
#include "gatewayd/shared/xalloc.h"

enum { TEXTS_MAX = 256 * 1024, SCRATCH_MAX = 2 * IDENTITY_NAME_MAX, VALUES_FIRST = 64 };

struct build build_over(struct identity *identity)
{
    return (struct build){
        .identity = identity, .texts = writer_new(TEXTS_MAX), .scratch = writer_new(SCRATCH_MAX)};
}

void build_clear(struct build *build)
{
    writer_clear(&build->texts);
    writer_clear(&build->scratch);
    free(build->text_at);
}

static struct identity_value *add(struct build *build, const struct attribute *attribute,
                                  struct der element)
{
    struct identity *identity = build->identity;

    if (identity->n_values >= IDENTITY_VALUES_MAX) {
        build->overflow = true;
        return NULL;
    }
    if (identity->n_values == build->room) {
        build->room = build->room ? 2 * build->room : VALUES_FIRST;
        identity->values = xrealloc(identity->values, build->room, sizeof(*identity->values));
        build->text_at = xrealloc(build->text_at, build->room, sizeof(*build->text_at));
    }
    build->text_at[identity->n_values] = build->texts.len;
    identity->values[identity->n_values] = (struct identity_value){
        .attribute = attribute,
        .raw = element.content,
        .tag = element.tag,
        .header_len = (uint8_t)(element.whole.len - element.content.len),
    };
    return &identity->values[identity->n_values++];
}

struct identity_value *build_fault(struct build *build, const struct attribute *attribute,
                                   struct der element, const char *why)
{
    struct identity_value *value = add(build, attribute, element);

    if (value) {
        value->fault = REASON_BAD_ENCODING;
        value->why = why;
    }
    return value;
}

void build_faults(struct build *build, enum attribute_source source, struct bytes content,
                  const char *why)
{
    size_t n;
    const struct attribute *rows = attributes_of(source, &n);

    for (size_t i = 0; i < n; i++)
        (void)build_fault(build, &rows[i], (struct der){.content = content, .whole = content}, why);
}

/* What is wrong with the form in scratch, or NULL. */
static const char *check_form(const struct build *build, const struct attribute *attribute)
{
    struct bytes text = writer_bytes(&build->scratch);
    size_t max = attribute->max ? attribute->max : IDENTITY_VALUE_MAX;

    if (!writer_ok(&build->scratch) || text.len > max)
        return "too long";
    if (text.len == 0)
        return "empty";
    return text_is_clean(text) ? NULL : "a NUL, a control character or malformed UTF-8";
}

static struct identity_value *add_scratch(struct build *build, const struct attribute *attribute,
                                          struct der element)
{
    struct identity_value *value = add(build, attribute, element);

    if (!value)
        return NULL;
    value->text.len = build->scratch.len;
    writer_put(&build->texts, writer_bytes(&build->scratch));
    writer_u8(&build->texts, '\0');
    return value;
}

struct identity_value *build_value(struct build *build, const struct attribute *attribute,
                                   struct der element)
{
    const char *why;

    if (attribute->binary)
        return add(build, attribute, element);
    writer_reset(&build->scratch);
    why = attribute->form(element.content, element.tag, &build->scratch);
    if (why == attribute_none)
        return NULL;
    if (!why)
        why = check_form(build, attribute);
    return why ? build_fault(build, attribute, element, why)
               : add_scratch(build, attribute, element);
}

void build_word(struct build *build, const struct attribute *attribute, struct der element,
                const char *text)
{
    writer_reset(&build->scratch);
    writer_text(&build->scratch, text);
    (void)add_scratch(build, attribute, element);
}

static void spoil(struct identity_value *value, enum reason fault, const char *why)
{
    if (value->fault != REASON_OK)
        return;
    value->fault = fault;
    value->why = why;
    value->text.len = 0;
}

/* X509-SVID 2 and 5.2: the only URI, in a certificate that signs no others. */
static void check_spiffe(const struct build *build, struct identity_value *value)
{
    if (build->n_uris != 1)
        spoil(value, REASON_MULTI_VALUE, "beside another URI");
    else if (build->malformed)
        spoil(value, REASON_BAD_ENCODING, "beside malformed constraints or key usages");
    else if (build->signs)
        spoil(value, REASON_BAD_ENCODING, "in a certificate that may sign others");
}

static void check_single(struct identity *identity, size_t at)
{
    struct identity_value *value = &identity->values[at];

    for (size_t i = at + 1; i < identity->n_values; i++) {
        if (identity->values[i].attribute != value->attribute)
            continue;
        spoil(&identity->values[i], REASON_MULTI_VALUE, "there is more than one");
        spoil(value, REASON_MULTI_VALUE, "there is more than one");
    }
}

/* A shared component is no value by itself: "CN=alice+UID=a1" names neither alice nor a1. */
static void check_together(struct build *build)
{
    struct identity *identity = build->identity;

    for (size_t i = 0; i < identity->n_values; i++) {
        struct identity_value *value = &identity->values[i];

        if (value->attribute->form == form_spiffe)
            check_spiffe(build, value);
        if (value->attribute->single)
            check_single(identity, i);
        if (value->shared)
            spoil(value, REASON_MULTI_VALUE, "one of several in a relative name");
    }
}

void build_settle(struct build *build)
{
    struct identity *identity = build->identity;
    size_t len;

    check_together(build);
    identity->values = xrealloc(identity->values, identity->n_values, sizeof(*identity->values));
    identity->texts = writer_take(&build->texts, &len);
    for (size_t i = 0; i < identity->n_values; i++)
        if (identity->values[i].text.len > 0)
            identity->values[i].text.at = identity->texts + build->text_at[i];
}
