/*
 * Time zone files. Runs in the parent, in load and in gatewayctl; names come from an operator's
 * policy, and none of them leads out of tzdata's directory.
 */
#include "gatewayd/shared/zone_files.h"

#include "common/prescan.h"
#include "gatewayd/shared/file_read.h"
#include "gatewayd/shared/files.h"
#include "gatewayd/shared/xalloc.h"
#include "policy/policy.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char zone_dir[] = "/usr/share/zoneinfo/";

static void ignore(void *context, const char *file, uint32_t line, const struct error *err)
{
    (void)context;
    (void)file;
    (void)line;
    (void)err;
}

/* The pre-scan alone: the file may have errors, which load reports. */
void zone_files_each(struct bytes policy, void (*each)(void *context, const char *name),
                     void *context)
{
    const struct prescan_errors errors = {ignore, NULL};
    AUTO(prescan_freep)
    struct prescan *scan = prescan_new("policy", policy, REASON_POLICY_SYNTAX, &errors);
    size_t n = prescan_complete(scan) ? prescan_n_items(scan) : 0;

    for (size_t i = 1; i <= n; i++) {
        const struct prescan_item *item = prescan_item(scan, i);
        const struct prescan_item *parent = prescan_item(scan, item->parent);
        const char *name = prescan_value(scan, i, 0);

        if (!item->is_section && parent && strcmp(parent->name, "window") == 0 &&
            strcmp(item->name, "tz") == 0 && name)
            each(context, name);
    }
}

/* "America/Argentina/Salta": parts of letters, digits, "_", "+", "-". */
static bool is_zone_name(const char *name)
{
    size_t len = strlen(name);
    char before = '/';

    if (len == 0 || len > POLICY_ZONE_NAME_MAX || name[len - 1] == '/')
        return false;
    for (; *name; before = *name++) {
        bool letter = (*name >= 'A' && *name <= 'Z') || (*name >= 'a' && *name <= 'z');
        bool other = (*name >= '0' && *name <= '9') || strchr("_+-", *name);

        if (!letter && !other && (*name != '/' || before == '/'))
            return false;
    }
    return true;
}

/* Many names are links to others: where they end must lie below the directory, too. */
int zone_files_open(const char *name, struct error *err)
{
    char path[sizeof(zone_dir) + POLICY_ZONE_NAME_MAX], real[PATH_MAX];

    if (!is_zone_name(name)) {
        (void)err_set(err, REASON_POLICY_REFERENCE, "no time zone is called \"%s\"", name);
        return -1;
    }
    (void)snprintf(path, sizeof(path), "%s%s", zone_dir, name);
    if (!realpath(path, real) || strncmp(real, zone_dir, strlen(zone_dir)) != 0) {
        (void)err_set(err, REASON_POLICY_REFERENCE, "no time zone is called \"%s\"", name);
        return -1;
    }
    return file_open(real, FILE_GUARD_TRUSTED, err);
}

static struct zone_text *find(struct zone_files *files, const char *name)
{
    for (size_t i = 0; i < files->n; i++)
        if (strcmp(files->at[i].name, name) == 0)
            return &files->at[i];
    return NULL;
}

void zone_files_add(struct zone_files *files, const char *name, struct writer *octets)
{
    if (files->n == ZONE_FILES_MAX || find(files, name))
        return;
    files->at = xrealloc(files->at, files->n + 1, sizeof(*files->at));
    files->at[files->n++] = (struct zone_text){.name = xstrdup(name), .octets = *octets};
    *octets = writer_new(0);
}

bool zone_files_known(void *context, const char *name, struct bytes *ret_tzif)
{
    const struct zone_text *text = find(context, name);

    if (text)
        *ret_tzif = writer_bytes(&text->octets);
    return text != NULL;
}

bool zone_files_find(void *context, const char *name, struct bytes *ret_tzif)
{
    struct writer octets = writer_new(POLICY_ZONE_MAX);
    int fd;

    if (zone_files_known(context, name, ret_tzif))
        return true;
    fd = zone_files_open(name, NULL);
    if (fd >= 0 && file_read(fd, POLICY_ZONE_MAX, &octets, NULL))
        zone_files_add(context, name, &octets);
    if (fd >= 0)
        (void)close(fd);
    writer_clear(&octets);
    return zone_files_known(context, name, ret_tzif);
}

void zone_files_clear(struct zone_files *files)
{
    for (size_t i = 0; i < files->n; i++) {
        free(files->at[i].name);
        writer_clear(&files->at[i].octets);
    }
    free(files->at);
    *files = (struct zone_files){.n = 0};
}
