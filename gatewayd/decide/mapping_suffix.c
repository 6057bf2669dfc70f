/*
 * Ends of names, for the exception of weak rules. decide and gatewayctl run it on values of a
 * certificate; without a value nothing holds.
 */
#include "gatewayd/decide/mapping_suffix.h"

#include "common/text.h"
#include "gatewayd/decide/mapping_find_tree.h"

static const char *const domained[] = {"san.email", "san.email8", "san.upn",
                                       "san.krb5",  "san.dns",    "subject.mail"};

static bool is_domained(const struct find_part *part)
{
    const char *name = part->is_reference ? mapping_reference_name(&part->reference) : "";

    for (size_t i = 0; i < ARRAY_LEN(domained); i++)
        if (strcmp(domained[i], name) == 0)
            return true;
    return strcmp(name, "ad.rfc822") == 0;
}

bool mapping_suffix_applies(const struct mapping_find *find)
{
    for (size_t i = 0; i < find->n_nodes; i++)
        for (size_t k = 0; k < find->nodes[i].n_parts; k++)
            if (is_domained(&find->nodes[i].parts[k]))
                return true;
    return false;
}

static bool ends_in(struct bytes value, char *const *suffixes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct bytes suffix = bytes_of(suffixes[i]);

        if (value.len > suffix.len &&
            text_equal_nocase((struct bytes){value.at + value.len - suffix.len, suffix.len},
                              suffix))
            return true;
    }
    return false;
}

static bool part_holds(const struct find_part *part, const struct identity *identity,
                       char *const *suffixes, size_t n_suffixes, struct bytes *ret_name)
{
    struct mapping_values values;
    struct error err;
    bool good = true;

    *ret_name = bytes_of("");
    if (!mapping_values_of(&part->reference, identity, &values, &err))
        return false;
    for (size_t i = 0; good && i < values.n; i++) {
        good = ends_in(values.at[i], suffixes, n_suffixes);
        *ret_name = values.own.n ? bytes_of("") : values.at[i];
    }
    good = good && values.n > 0;
    mapping_values_clear(&values);
    return good;
}

bool mapping_suffix_holds(const struct mapping_find *find, const struct identity *identity,
                          char *const *suffixes, size_t n_suffixes, struct bytes *ret_name)
{
    bool some = false;

    *ret_name = bytes_of("");
    for (size_t i = 0; i < find->n_nodes; i++) {
        for (size_t k = 0; k < find->nodes[i].n_parts; k++) {
            const struct find_part *part = &find->nodes[i].parts[k];

            if (!is_domained(part))
                continue;
            if (!part_holds(part, identity, suffixes, n_suffixes, ret_name))
                return false;
            some = true;
        }
    }
    return some;
}
