/*
 * Grammar and table of the pre-scan. Runs where configuration or policy text is loaded and in the
 * tools; trusts nothing of the text. After an error of form it goes on at the next line, so that
 * one run shows as many errors as possible; such a scan is never complete.
 */
#include "common/prescan.h"

#include "common/prescan_token.h"

#include <stdio.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

struct node {
    struct prescan_item item;
    size_t number;      /* as prescan_item counts */
    size_t first_value; /* its place in values */
    UT_hash_handle hh;
    char key[]; /* parent, name, NUL, title */
};

struct value {
    const char *text;
    uint32_t line;
};

struct prescan {
    struct prescan_report report;
    struct lexer lexer;
    struct token token; /* the next one, not consumed yet */
    struct node **nodes;
    size_t n_nodes, room_nodes;
    struct node *by_key; /* the first of each key */
    struct value *values;
    size_t n_values, room_values;
    size_t open[PRESCAN_DEPTH_MAX + 1]; /* sections around the current place; open[0] is the file */
    size_t depth;
    bool broken;
};

static void *must(void *at)
{
    if (!at)
        abort();
    return at;
}

/* Makes room for one more element. */
static void *grown(void *at, size_t n, size_t *room, size_t size)
{
    if (n < *room)
        return at;
    *room = *room ? 2 * *room : 16;
    return must(reallocarray(at, *room, size));
}

static void advance(struct prescan *scan)
{
    scan->token = lexer_next(&scan->lexer);
}

static size_t key_len(const char *name, const char *title)
{
    return sizeof(size_t) + strlen(name) + 1 + (title ? strlen(title) + 1 : 0);
}

static void key_write(char *key, size_t parent, const char *name, const char *title)
{
    size_t name_len = strlen(name) + 1;

    memcpy(key, &parent, sizeof(parent));
    memcpy(key + sizeof(parent), name, name_len);
    if (title)
        memcpy(key + sizeof(parent) + name_len, title, strlen(title) + 1);
}

/* Says which text is repeated; the table keeps the first under its key. */
static void index_node(struct prescan *scan, struct node *node, size_t len)
{
    const struct prescan_item *item = &node->item;
    struct node *first = NULL;

    HASH_FIND(hh, scan->by_key, node->key, len, first);
    if (!first) {
        HASH_ADD(hh, scan->by_key, key, len, node);
        return;
    }
    prescan_report(&scan->report, item->line, "%s%s%s%s is given twice; the first is on line %u",
                   item->name, item->title ? " \"" : "", item->title ? item->title : "",
                   item->title ? "\"" : "", (unsigned)first->item.line);
}

/* Number of the new item; 0 when there are too many. */
static size_t add_item(struct prescan *scan, const struct token *name, const char *title)
{
    size_t len = key_len(name->text, title);
    struct node *node;

    if (scan->n_nodes == PRESCAN_ITEMS_MAX) {
        if (!scan->broken)
            prescan_report(&scan->report, name->line, "more than %d sections and options",
                           PRESCAN_ITEMS_MAX);
        scan->broken = true;
        return 0;
    }
    scan->nodes = grown(scan->nodes, scan->n_nodes, &scan->room_nodes, sizeof(struct node *));
    node = must(calloc(1, sizeof(*node) + len));
    node->item.name = name->text;
    node->item.title = title;
    node->item.line = name->line;
    node->item.parent = scan->open[scan->depth];
    node->number = scan->n_nodes + 1;
    node->first_value = scan->n_values;
    key_write(node->key, node->item.parent, name->text, title);
    scan->nodes[scan->n_nodes++] = node;
    index_node(scan, node, len);
    return scan->n_nodes;
}

static void open_section(struct prescan *scan, uint32_t line, size_t item)
{
    if (scan->depth == PRESCAN_DEPTH_MAX) {
        prescan_report(&scan->report, line, "sections nest deeper than %d", PRESCAN_DEPTH_MAX);
        scan->broken = true;
        scan->lexer.unsure = true; /* the rest would be read one level off */
        return;
    }
    scan->open[++scan->depth] = item;
}

/* Goes on at the next line; braces on the way still count. */
static void recover(struct prescan *scan)
{
    uint32_t line = scan->token.line;

    scan->broken = true;
    scan->lexer.quiet_line = line;
    while (scan->token.kind != TOKEN_END && scan->token.line == line) {
        if (scan->token.kind == TOKEN_OPEN)
            open_section(scan, line, scan->open[scan->depth]);
        else if (scan->token.kind == TOKEN_CLOSE && scan->depth > 0)
            scan->depth--;
        advance(scan);
    }
}

static void unexpected(struct prescan *scan, const char *wanted)
{
    if (scan->token.kind == TOKEN_END)
        scan->broken = true; /* the section around it is reported at the end */
    else if (scan->token.kind != TOKEN_BAD)
        prescan_report(&scan->report, scan->token.line, "%s expected before \"%s\"", wanted,
                       scan->token.text);
    recover(scan);
}

static bool at_text(const struct prescan *scan)
{
    return scan->token.kind == TOKEN_TEXT || scan->token.kind == TOKEN_WORD;
}

static bool add_value(struct prescan *scan, size_t item)
{
    if (!at_text(scan)) {
        unexpected(scan, "a value");
        return false;
    }
    if (scan->token.text[0] == '\0')
        prescan_report(&scan->report, scan->token.line, "an empty text: leave the value out");
    if (item) {
        scan->values =
            grown(scan->values, scan->n_values, &scan->room_values, sizeof(struct value));
        scan->values[scan->n_values++] = (struct value){scan->token.text, scan->token.line};
        scan->nodes[item - 1]->item.n_values++;
    }
    advance(scan);
    return true;
}

/* After "{" of a list. */
static void list(struct prescan *scan, size_t item, const struct token *name)
{
    if (item)
        scan->nodes[item - 1]->item.is_list = true;
    if (scan->token.kind == TOKEN_CLOSE)
        prescan_report(&scan->report, scan->token.line, "%s is an empty list: leave it out",
                       name->text);
    while (scan->token.kind != TOKEN_CLOSE) {
        bool value = at_text(scan) && add_value(scan, item);

        if (value && scan->token.kind == TOKEN_COMMA)
            advance(scan);
        else if (!value || scan->token.kind != TOKEN_CLOSE) {
            /* The brace of the list is still open. */
            open_section(scan, scan->token.line, scan->open[scan->depth]);
            unexpected(scan, value ? "a comma or }" : "a value");
            return;
        }
    }
    advance(scan);
}

static void option(struct prescan *scan, const struct token *name)
{
    size_t item = add_item(scan, name, NULL);

    advance(scan);
    if (scan->token.kind != TOKEN_OPEN) {
        (void)add_value(scan, item);
        return;
    }
    advance(scan);
    list(scan, item, name);
}

static void section(struct prescan *scan, const struct token *name)
{
    const char *title = NULL;
    size_t item;

    if (at_text(scan)) {
        title = scan->token.text;
        if (title[0] == '\0')
            prescan_report(&scan->report, scan->token.line, "%s has an empty title", name->text);
        advance(scan);
    }
    if (scan->token.kind != TOKEN_OPEN) {
        unexpected(scan, title ? "{" : "= or {");
        return;
    }
    item = add_item(scan, name, title);
    if (item)
        scan->nodes[item - 1]->item.is_section = true;
    open_section(scan, name->line, item);
    advance(scan);
}

static bool is_name(const char *text)
{
    return (text[0] >= 'a' && text[0] <= 'z') &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-") == strlen(text);
}

static void item(struct prescan *scan)
{
    struct token name = scan->token;

    if (name.kind == TOKEN_CLOSE && scan->depth > 0) {
        scan->depth--;
        advance(scan);
        return;
    }
    if (name.kind != TOKEN_WORD || !is_name(name.text)) {
        unexpected(scan, "the name of an option or section");
        return;
    }
    if (strcmp(name.text, "include") == 0) {
        prescan_report(&scan->report, name.line, "include is not allowed");
        recover(scan);
        return;
    }
    advance(scan);
    if (scan->token.kind == TOKEN_ASSIGN)
        option(scan, &name);
    else
        section(scan, &name);
}

/* Reported where the file ends, so that errors stay in order. */
static void check_end(struct prescan *scan)
{
    const struct prescan_item *left = prescan_item(scan, scan->open[scan->depth]);

    if (left && !scan->lexer.unsure)
        prescan_report(&scan->report, scan->lexer.line,
                       "the file ends inside of section %s%s%s of line %u", left->name,
                       left->title ? " " : "", left->title ? left->title : "",
                       (unsigned)left->line);
    scan->broken |= scan->depth > 0 || scan->lexer.unsure;
}

struct prescan *prescan_new(const char *file, struct bytes text, enum reason reason,
                            const struct prescan_errors *errors)
{
    struct prescan *scan = must(calloc(1, sizeof(*scan)));

    scan->report = (struct prescan_report){.file = file, .reason = reason, .errors = errors};
    scan->lexer = lexer_new(text, &scan->report);
    advance(scan);
    while (scan->token.kind != TOKEN_END)
        item(scan);
    check_end(scan);
    /* An incomplete scan has always said why. */
    if (scan->broken && scan->report.n == 0)
        prescan_report(&scan->report, scan->lexer.line, "the file ends too early");
    return scan;
}

struct prescan *prescan_free(struct prescan *scan)
{
    if (!scan)
        return NULL;
    HASH_CLEAR(hh, scan->by_key);
    for (size_t i = 0; i < scan->n_nodes; i++)
        free(scan->nodes[i]);
    free(scan->nodes);
    free(scan->values);
    lexer_clear(&scan->lexer);
    free(scan);
    return NULL;
}

bool prescan_ok(const struct prescan *scan)
{
    return scan->report.n == 0;
}

bool prescan_complete(const struct prescan *scan)
{
    return !scan->broken;
}

const char *prescan_text(const struct prescan *scan)
{
    return scan->lexer.text;
}

size_t prescan_n_items(const struct prescan *scan)
{
    return scan->n_nodes;
}

const struct prescan_item *prescan_item(const struct prescan *scan, size_t number)
{
    return number > 0 && number <= scan->n_nodes ? &scan->nodes[number - 1]->item : NULL;
}

size_t prescan_find(const struct prescan *scan, size_t parent, const char *name, const char *title)
{
    size_t len = key_len(name, title);
    AUTO(char_freep) char *key = must(malloc(len));
    const struct node *node = NULL;

    key_write(key, parent, name, title);
    HASH_FIND(hh, scan->by_key, key, len, node);
    return node ? node->number : 0;
}

uint32_t prescan_line(const struct prescan *scan, size_t number)
{
    const struct prescan_item *found = prescan_item(scan, number);

    return found ? found->line : 1;
}

uint32_t prescan_value_line(const struct prescan *scan, size_t number, size_t value)
{
    const struct prescan_item *found = prescan_item(scan, number);

    if (!found || value >= found->n_values)
        return prescan_line(scan, number);
    return scan->values[scan->nodes[number - 1]->first_value + value].line;
}

const char *prescan_value(const struct prescan *scan, size_t number, size_t value)
{
    const struct prescan_item *found = prescan_item(scan, number);

    if (!found || value >= found->n_values)
        return NULL;
    return scan->values[scan->nodes[number - 1]->first_value + value].text;
}
