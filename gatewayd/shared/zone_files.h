#pragma once
/*
 * Time zones that policies name: which files, and their octets for a load. The parent opens them
 * for load, which opens nothing; gatewayctl reads them itself.
 */
#include "common/error.h"
#include "common/writer.h"

struct zone_text {
    char *name;
    struct writer octets;
};

struct zone_files {
    struct zone_text *at;
    size_t n;
};

enum { ZONE_FILES_MAX = 256 }; /* zones of all policy files together */

/* Each name behind `tz =` in the window sections of a policy file, as far as its form can be read.
 */
void zone_files_each(struct bytes policy, void (*each)(void *context, const char *name),
                     void *context);
/* A descriptor of tzdata's file, the caller's; -1: no such zone, or no file that is trusted. */
int zone_files_open(const char *name, struct error *err) MUST_CHECK;

/* Takes the octets out of *octets. A second one of the same name is dropped. */
void zone_files_add(struct zone_files *files, const char *name, struct writer *octets);
/* For policy_world.zone: context is a struct zone_files; what was added. */
bool zone_files_known(void *context, const char *name, struct bytes *ret_tzif);
/* The same; what was not added is read. */
bool zone_files_find(void *context, const char *name, struct bytes *ret_tzif);
void zone_files_clear(struct zone_files *files); /* fits AUTO */
