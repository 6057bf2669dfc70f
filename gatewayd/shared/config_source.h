#pragma once
/*
 * One file of the configuration while it is read: what the pre-scan and libconfuse know of it.
 * Inside of the configuration only.
 */
#include "common/prescan.h"
#include "gatewayd/shared/config_load.h"

#include <confuse.h>

/* One file while it is read. */
struct config_source {
    struct config_loading *loading;
    const char *name; /* in the configuration's memory */
    const struct prescan *scan;
    cfg_t *values; /* NULL: libconfuse could not be asked */
    const char *hostname;
};

/* Sections, options and values of one file into the load in progress. */
void config_read_text(struct config_loading *loading, const char *name, struct bytes text,
                      const char *hostname);
/* The value of one option, checked against its row. item: the option's number in the pre-scan. */
void config_read_option(struct config_source *source, size_t item,
                        const struct config_option *option, cfg_t *section, void *member);
/* The row of a name; n when there is none, and then an error with a suggestion is noted. */
size_t config_find_row(struct config_source *source, uint32_t line, const char *name);
size_t config_find_option(struct config_source *source, uint32_t line,
                          const struct config_section *row, const char *name);
