#pragma once
/*
 * Between load.c and what loads the definitions. For these files only.
 */
#include "policy/conditions.h"
#include "policy/source.h"

/* Where a name was defined, to find the same name in another file. */
struct named {
    const char *kind, *name;
    size_t file;
    uint32_t line;
};

struct loader {
    struct scope scope;
    struct problems problems;
    const struct policy_file *files;
    struct source *sources;
    size_t n_sources;
    struct named *named;
    size_t n_named, room_named;
    const struct calendar **calendars; /* malloc'd array */
    size_t n_calendars, room_calendars;
};

/* Dates on which windows do not begin; part of the windows that name it. */
struct calendar {
    const char *name;
    int32_t *dates;
    size_t n;
};

/* Each name may be defined once over all files; name lives as long as the loader. */
void loader_remember(struct loader *loader, const struct source *source, const char *kind,
                     const char *name, uint32_t line);
/* The definitions of one file; errors go to loader->problems. Calendars of all files come before
 * windows. */
void load_networks(struct loader *loader, const struct source *source);
void load_calendars(struct loader *loader, const struct source *source);
void load_windows(struct loader *loader, const struct source *source);
