#pragma once
/*
 * One policy file on its way into a set: scanned, checked against the known sections and fields,
 * read by libconfuse. For the files of policy/ that load text only.
 */
#include "common/prescan.h"
#include "policy/problems.h"
#include "policy/set.h"

/* Fields of a rule that are no conditions, and of a network. */
struct attribute {
    const char *name;
    bool (*read)(struct rule *rule, struct arena *arena, struct bytes text, struct error *err);
};

extern const struct attribute rule_attributes[];
extern const size_t n_rule_attributes;

struct source {
    size_t file; /* its index */
    const struct policy_file *text;
    struct prescan *scan; /* NULL when the file is too large */
    bool readable;        /* its form held to the end, so that its sections can be looked at */
    struct problems *problems;
};

/*
 * All that can be said without other files; libconfuse must read the same values from it. Errors go
 * to problems.
 */
void source_open(struct source *source, size_t file, const struct policy_file *text,
                 struct problems *problems);
void source_close(struct source *source);

/* The next item after `item` that is a section of this name; 0 when there is none. */
size_t source_next(const struct source *source, const char *name, size_t item);
/* Borrowed until source_close. */
struct bytes source_title(const struct source *source, size_t section);
/* The field of a section and its number of values; 0 when it is left out. */
size_t source_field(const struct source *source, size_t section, const char *name,
                    size_t *ret_n_values);
/* Whether the field is written at all, be it without values (the pre-scan has reported those). */
bool source_mentions(const struct source *source, size_t section, const char *name);
/* The section of this name within a rule; 0 when there is none. */
size_t source_part(const struct source *source, size_t section, const char *name);
struct bytes source_value(const struct source *source, size_t field, size_t i);
/* Adds a problem at a value, or at the item itself. */
void source_blame(const struct source *source, size_t item, const struct error *err);
void source_blame_value(const struct source *source, size_t field, size_t i,
                        const struct error *err);
