#pragma once
/*
 * A load in progress: the sections found so far, the line of each option, the errors. Inside of the
 * configuration only: config_load.c fills it, config_check.c judges it.
 */
#include "gatewayd/shared/config_table.h"

struct config_instance {
    struct config_any *section;
    struct config_place options[CONFIG_OPTIONS_MAX]; /* line 0: not given */
};

struct config_kind_loading {
    struct config_instance *at;
    size_t n;
};

struct config_finding {
    size_t file; /* the order of files */
    struct config_place place;
    struct error err;
};

struct config_loading {
    struct config *config;
    struct config_kind_loading *kinds; /* one per row of config_sections */
    const char **files;
    size_t n_files;
    struct config_finding *findings;
    size_t n_findings;
};

/* Notes an error; all are reported at the end in the order of files and lines. */
void config_found(struct config_loading *loading, struct config_place place, enum reason reason,
                  const char *fmt, ...) PRINTF(4, 5);
/* One more section of a kind. Valid until the next one is added. */
struct config_instance *config_add_instance(struct config_loading *loading, size_t kind,
                                            struct config_any *section);
/* Where the option of the i-th section of a kind stands, or else that section. */
struct config_place config_option_place(const struct config_loading *loading, const char *section,
                                        size_t i, const char *option);
/* Checks what one option alone cannot show: references, combinations, forms of values. */
void config_check(struct config_loading *loading);
/* Of the i-th service; config_check calls it. */
void config_check_upstreams(struct config_loading *loading, size_t i);
/* Its part for the sections ca. */
void config_check_cas(struct config_loading *loading);
