#pragma once
/*
 * One policy file on its way into a set: scanned, checked against the known sections and fields,
 * read by libconfuse. For the files of policy/ that load text only.
 */
#include "common/prescan.h"
#include "policy/problems.h"
#include "policy/set.h"

#include <confuse.h>

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
    struct prescan *scan;
    cfg_t *cfg; /* NULL when the form of the file is broken */
    struct problems *problems;
};

/* All that can be said without other files. Errors go to problems. */
void source_open(struct source *source, size_t file, const struct policy_file *text,
                 struct problems *problems);
void source_close(struct source *source);

size_t source_n_sections(const struct source *source, const char *name);
/* The i-th section of this name; *ret_item is its place in the scan. */
cfg_t *source_section(const struct source *source, const char *name, size_t i, size_t *ret_item);
/* Number of values of a field; 0 when it is left out. *ret_item is its place in the scan. */
size_t source_field(const struct source *source, cfg_t *section, size_t section_item,
                    const char *name, size_t *ret_item);
/* Borrowed C string without NULs. */
struct bytes source_value(cfg_t *section, const char *name, size_t i);
