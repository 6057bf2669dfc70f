/*
 * Counts what glibc will make of an expression before glibc does. Used where the configuration is
 * loaded.
 */
#include "gatewayd/decide/expression.h"

#include <stdlib.h>

/* Nodes of each open group, and of the last atom, which a repetition multiplies. */
struct count {
    size_t nodes[EXPRESSION_DEPTH_MAX + 1];
    size_t depth;
    size_t atom;
};

/* "[...]": the end, or NULL. A "]" in the first place is an ordinary character. */
static const char *skip_brackets(const char *at)
{
    at += 1 + (at[1] == '^');
    for (at += *at == ']'; *at && *at != ']'; at++) {
        const char *end;

        if (at[0] != '[' || !at[1] || !strchr(".:=", at[1]))
            continue;
        for (end = at + 2; *end && !(end[0] == at[1] && end[1] == ']');)
            end++;
        if (!*end)
            return NULL;
        at = end + 1;
    }
    return *at ? at : NULL;
}

/* "{m}", "{m,}", "{m,n}": how often; 0 when it is no repetition. */
static size_t times(const char *at, const char **ret_end)
{
    char *end = NULL;
    unsigned long low, high;

    if (at[1] < '0' || at[1] > '9')
        return 0;
    low = strtoul(at + 1, &end, 10);
    high = low;
    if (*end == ',' && end[1] != '}')
        high = strtoul(end + 1, &end, 10);
    else if (*end == ',')
        end++;
    if (*end != '}')
        return 0;
    *ret_end = end;
    high = high > low ? high : low;
    return high < EXPRESSION_NODES_MAX ? (size_t)high + 1 : EXPRESSION_NODES_MAX + 1;
}

static bool multiply(struct count *c, size_t by)
{
    size_t *nodes = &c->nodes[c->depth];

    if (by > EXPRESSION_NODES_MAX || c->atom * by > EXPRESSION_NODES_MAX)
        return false;
    *nodes += c->atom * (by - 1);
    c->atom *= by;
    return *nodes <= EXPRESSION_NODES_MAX;
}

static bool add_atom(struct count *c, size_t nodes)
{
    c->atom = nodes;
    c->nodes[c->depth] += nodes;
    return c->nodes[c->depth] <= EXPRESSION_NODES_MAX;
}

static bool close_group(struct count *c)
{
    size_t inner = c->nodes[c->depth];

    if (c->depth == 0)
        return add_atom(c, 1);
    c->depth--;
    return add_atom(c, inner + 1);
}

/* One piece; moves *at to its last character. */
static bool count_piece(struct count *c, const char **at)
{
    const char *end = *at;
    size_t by;

    switch (**at) {
    case '(':
        if (c->depth == EXPRESSION_DEPTH_MAX)
            return false;
        c->nodes[++c->depth] = 0;
        c->atom = 0;
        return true;
    case ')':
        return close_group(c);
    case '*':
    case '+':
    case '?':
        return multiply(c, 2);
    case '{':
        by = times(*at, &end);
        *at = end;
        return by > 0 ? multiply(c, by) : add_atom(c, 1);
    case '[':
        end = skip_brackets(*at);
        *at = end ? end : *at;
        return add_atom(c, 1);
    case '\\':
        *at += (*at)[1] != '\0';
        return add_atom(c, 1);
    default:
        return add_atom(c, 1);
    }
}

const char *expression_risk(const char *text)
{
    struct count count = {.depth = 0};

    for (const char *at = text; *at; at++) {
        if (at[0] == '\\' && at[1] >= '1' && at[1] <= '9')
            return "a back reference, which may take exponential time";
        if (!count_piece(&count, &at))
            return "too costly: repetitions of repetitions";
    }
    return NULL;
}
