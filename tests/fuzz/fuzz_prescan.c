/*
 * The pre-scan over any octets: it ends, stays inside of its memory and keeps its own promises.
 */
#include "common/prescan.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count(void *context, const char *file, uint32_t line, const struct error *err)
{
    size_t *n = context;

    (void)file;
    if (line == 0 || err->reason != REASON_POLICY_SYNTAX)
        abort();
    ++*n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t n = 0;
    const struct prescan_errors errors = {count, &n};
    AUTO(prescan_freep)
    struct prescan *scan =
        prescan_new("fuzz", (struct bytes){data, size}, REASON_POLICY_SYNTAX, &errors);

    if (prescan_ok(scan) != (n == 0) || n > PRESCAN_ERRORS_MAX ||
        (prescan_ok(scan) && !prescan_complete(scan)))
        abort();
    for (size_t i = 1; i <= prescan_n_items(scan); i++) {
        const struct prescan_item *item = prescan_item(scan, i);
        size_t found = prescan_find(scan, item->parent, item->name, item->title);

        if (found == 0 || found > i || item->parent >= i)
            abort();
        if (prescan_ok(scan) && found != i)
            abort();
        if (prescan_value_line(scan, i, item->n_values ? item->n_values - 1 : 0) < item->line)
            abort();
    }
    return 0;
}
