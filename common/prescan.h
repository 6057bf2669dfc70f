#pragma once
/*
 * Pre-scan of libconfuse text: a strict reader of the same form. It refuses what libconfuse passes
 * over in silence (repeated options and titles, empty lists and texts, "+=", "${NAME}", include,
 * lost backslashes, sections that never end) and keeps the line of each section, option and value.
 * Knows neither libconfuse nor what the names mean: its users check both next.
 *
 *     file  := item*
 *     item  := name "=" value | name [text] "{" item* "}"
 *     value := text | "{" text ("," text)* [","] "}"
 *     text  := "..." with \\ and \" | '...' with \\ and \' | bare word of letters, digits, _ . : %
 * - Comments: # and // to the end of the line, and C comments.
 */
#include "common/error.h"

enum {
    PRESCAN_FILE = 0,          /* the parent of items outside of any section */
    PRESCAN_DEPTH_MAX = 8,     /* sections inside sections */
    PRESCAN_ITEMS_MAX = 65536, /* sections and options of one file */
    PRESCAN_ERRORS_MAX = 100,  /* errors reported for one file; the file is refused either way */
};

struct prescan_item {
    const char *name;  /* "rule", "groups" */
    const char *title; /* of a titled section, unescaped; else NULL */
    uint32_t line;
    size_t parent; /* the section that it stands in, or PRESCAN_FILE */
    bool is_section;
    bool is_list;    /* an option written with braces */
    size_t n_values; /* of an option: 1 without braces */
};

/* Receives each error, in order of lines. */
struct prescan_errors {
    void (*found)(void *context, const char *file, uint32_t line, const struct error *err);
    void *context;
};

struct prescan;

/*
 * Reads all of the text; never NULL, the caller owns it. Every error is given to errors->found with
 * this reason (REASON_CONFIG_SYNTAX, REASON_POLICY_SYNTAX); the scan goes on to find all of them.
 * file is borrowed during the call only. Out of memory aborts.
 */
struct prescan *prescan_new(const char *file, struct bytes text, enum reason reason,
                            const struct prescan_errors *errors);
struct prescan *prescan_free(struct prescan *scan); /* accepts NULL, returns NULL */

/* True when no error was found. */
bool prescan_ok(const struct prescan *scan);
/* True when the form held to the end, so that all items are known although there may be errors. */
bool prescan_complete(const struct prescan *scan);

/*
 * The text for cfg_parse_buf: a C string with comments blanked out, all lines where they were. Only
 * for libconfuse when prescan_complete; borrowed from the scan.
 */
const char *prescan_text(const struct prescan *scan);

/* Items are numbered from 1 in the order of the text. */
size_t prescan_n_items(const struct prescan *scan);
const struct prescan_item *prescan_item(const struct prescan *scan, size_t item);
/*
 * The item of this name (and title, NULL for options and untitled sections) in a section; the first
 * when it is repeated. 0 when there is none.
 */
size_t prescan_find(const struct prescan *scan, size_t parent, const char *name, const char *title);
/* Line of an item, and of one of its values; 1 for item 0, the item's line for values it lacks. */
uint32_t prescan_line(const struct prescan *scan, size_t item);
uint32_t prescan_value_line(const struct prescan *scan, size_t item, size_t value);
/* The value unescaped, for a check that libconfuse has read the same; NULL for those it lacks. */
const char *prescan_value(const struct prescan *scan, size_t item, size_t value);

DEFINE_AUTO(struct prescan *, prescan_freep, prescan_free)
