#pragma once
/*
 * The rows of config_options.h as data, for the files that load, check, encode and print a
 * configuration. Knows no option by name.
 */
#include "gatewayd/shared/config.h"

enum config_kind {
    CONFIG_KIND_TEXT,
    CONFIG_KIND_NEEDED,
    CONFIG_KIND_LIST,
    CONFIG_KIND_COUNT,
    CONFIG_KIND_DURATION,
    CONFIG_KIND_PERCENT,
    CONFIG_KIND_CHOICE,
};

/* What takes a changed value. */
enum config_when { CONFIG_BY_RELOAD, CONFIG_BY_UPGRADE, CONFIG_BY_RESTART };

struct config_option {
    const char *name;
    enum config_kind kind;
    const char *text; /* default of TEXT and LIST; NULL: left out */
    int64_t number;   /* default of the others */
    int64_t min, max;
    const char *unit; /* words of a CHOICE: "a|b|c" */
    enum config_when when;
    const char *help;
    size_t at; /* offset in the section's struct */
};

struct config_section {
    const char *name;
    bool titled;
    const char *inside; /* name of the section that it stands in; NULL: none */
    const struct config_option *options;
    size_t n_options;
    size_t size;           /* of its struct */
    size_t array_at, n_at; /* offsets in struct config */
};

/* What all sections' structs begin with. */
struct config_any {
    const char *title;
    struct config_place place;
};

enum { CONFIG_OPTIONS_MAX = 16 }; /* most options of one section */

/* The rows in order; the first is the section of the options outside of any section. ret_n may be
 * NULL. */
const struct config_section *config_sections(size_t *ret_n);
/* The i-th section of one kind, and how many there are. */
struct config_any *config_at(const struct config *config, const struct config_section *section,
                             size_t i);
size_t config_count(const struct config *config, const struct config_section *section);
/* Member of a section. */
void *config_member(const void *section, const struct config_option *option);

/* Memory that lives as long as the configuration. */
void *config_take(struct config_memory *memory, size_t size); /* zeroed */
const char *config_take_text(struct config_memory *memory, struct bytes text);
struct config_memory *config_memory_new(void);

/* A configuration without titled sections; its single ones have their defaults. */
struct config *config_new(void);
/* Sets every option of a section's struct to its default. */
void config_set_defaults(const struct config_section *row, void *section,
                         struct config_memory *memory);
/* Gives config an array of n zeroed structs of this kind. */
void config_set_count(struct config *config, const struct config_section *row, size_t n);

/* Which word of "a|b|c" it is; -1 none. And the word of a number; "?" none. */
int64_t config_choice(const char *words, struct bytes text);
struct bytes config_choice_word(const char *words, int64_t number);
