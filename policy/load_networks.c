/*
 * network sections. Runs in load and in the tools; trusts nothing of the text.
 */
#include "common/text.h"
#include "policy/load.h"

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

void load_networks(struct loader *loader, const struct source *source)
{
    struct policy_set *set = loader->scope.set;

    for (size_t item = source_next(source, "network", 0); item;
         item = source_next(source, "network", item)) {
        struct network_list *list = arena_take(&set->arena, 1, sizeof(*list));

        list->name = arena_text(&set->arena, source_title(source, item));
        loader_remember(loader, source, "network", list->name, prescan_line(source->scan, item));
        check_network_name(loader, source, item, list->name);
        compile_cidrs(loader, source, item, list);
        set_add_network(set, list);
    }
}
