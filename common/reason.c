/*
 * The reason table and its look-ups. Every process, module and program uses it.
 */
#include "common/reason.h"

#include "common/macros.h"

struct row {
    enum reason_class class;
    const char *name, *text, *hint;
};

static const struct row rows[] = {
#define REASON(id, class, text, hint) {REASON_##class, #id, text, hint},
#include "common/reasons.h"
#undef REASON
};
_Static_assert(ARRAY_LEN(rows) == REASON__COUNT, "one row per reason");

enum { NAME_MAX_LEN = 32 }; /* longest identifier of reasons.h, with its terminator */

static const struct row *row_of(enum reason reason)
{
    return (unsigned)reason < REASON__COUNT ? &rows[reason] : &rows[REASON_SYSTEM];
}

enum reason_class reason_class(enum reason reason)
{
    return row_of(reason)->class;
}

const char *reason_text(enum reason reason)
{
    return row_of(reason)->text;
}

const char *reason_hint(enum reason reason)
{
    return row_of(reason)->hint;
}

/* The table writes identifiers in capitals; they are shown in small letters. */
static char small(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

const char *reason_name(enum reason reason)
{
    static char names[REASON__COUNT]
                     [NAME_MAX_LEN]; /* filled once each, always with the same octets */
    const struct row *row = row_of(reason);
    char *name = names[row - rows];

    for (size_t i = 0; i + 1 < NAME_MAX_LEN && row->name[i]; i++)
        name[i] = small(row->name[i]);
    return name;
}

bool reason_from_name(struct bytes name, enum reason *ret_reason)
{
    for (enum reason reason = 0; reason < REASON__COUNT; reason++) {
        if (name.len == 0 || small(rows[reason].name[0]) != (char)name.at[0] ||
            !bytes_equal(bytes_of(reason_name(reason)), name))
            continue;
        *ret_reason = reason;
        return true;
    }
    return false;
}
