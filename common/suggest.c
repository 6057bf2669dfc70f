/*
 * Edit distance between short names. Runs where a load has found an error; trusts nothing, changes
 * nothing.
 */
#include "common/suggest.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { LONGEST = 64 }; /* longer names are not compared: a person sees the difference */

static size_t least(size_t a, size_t b, size_t c)
{
    size_t d = a < b ? a : b;

    return d < c ? d : c;
}

/*
 * Edits from one text to the other: a letter more, less or changed, two neighbours swapped (optimal
 * string alignment), by three rows. SIZE_MAX for texts that are too long.
 */
static size_t distance(const char *a, const char *b)
{
    size_t a_len = strlen(a), b_len = strlen(b);
    size_t rows[3][LONGEST + 1] = {{0}};

    if (a_len > LONGEST || b_len > LONGEST)
        return SIZE_MAX;
    for (size_t k = 0; k <= b_len; k++)
        rows[0][k] = k;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];

        row[0] = i;
        for (size_t k = 1; k <= b_len; k++) {
            row[k] = least(above[k] + 1, row[k - 1] + 1, above[k - 1] + (a[i - 1] != b[k - 1]));
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
                row[k] = least(row[k], two_above[k - 2] + 1, SIZE_MAX);
        }
    }
    return rows[a_len % 3][b_len];
}

/* One edit in three letters, at most three. */
static bool is_near(size_t edits, const char *wrong)
{
    size_t len = strlen(wrong);

    return edits <= (len >= 9 ? 3 : len / 3);
}

const char *suggest(const char *wrong, const char *const *names, size_t n)
{
    const char *best = NULL;
    size_t best_edits = SIZE_MAX;

    for (size_t i = 0; i < n; i++) {
        size_t edits = distance(wrong, names[i]);

        if (edits >= best_edits || !is_near(edits, wrong))
            continue;
        best = names[i];
        best_edits = edits;
    }
    return best;
}
