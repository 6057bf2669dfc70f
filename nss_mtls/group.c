/*
 * Groups of the directory for getgrnam, getgrgid and initgroups. Runs inside of any process of the
 * host. Nesting was resolved by the writer; listing all groups is off.
 */
#include "common/macros.h"
#include "nss_mtls/mapping.h"
#include "nss_mtls/nss_mtls.h"
#include "nss_mtls/space.h"

#include <errno.h>
#include <limits.h>

static enum nss_status fill(const struct nss_snapshot *snapshot, const struct nss_group_row *row,
                            struct space space, struct group *ret_result)
{
    size_t n = nss_list_len(row->members);
    struct group result = {.gr_gid = row->gid};

    result.gr_mem = space_pointers(&space, n + 1);
    result.gr_name = space_text(&space, row->name);
    result.gr_passwd = space_text(&space, "*");
    for (size_t i = 0; i < n && !space.full; i++) {
        const char *member = nss_member_at(snapshot, row, i);

        if (!member)
            return NSS_STATUS_UNAVAIL;
        result.gr_mem[i] = space_text(&space, member);
    }
    if (space.full)
        return NSS_STATUS_TRYAGAIN;
    result.gr_mem[n] = NULL;
    *ret_result = result;
    return NSS_STATUS_SUCCESS;
}

static enum nss_status answer(const struct mapping *mapping, enum nss_answer found,
                              const struct nss_group_row *row, struct space space,
                              struct group *result, int saved, int *errnop)
{
    enum nss_status status = mapping_status(found);

    if (status == NSS_STATUS_SUCCESS)
        status = fill(&mapping->snapshot, row, space, result);
    if (status == NSS_STATUS_TRYAGAIN) {
        *errnop = ERANGE;
        return status;
    }
    return mapping_end(status, saved, errnop);
}

EXPORT enum nss_status _nss_mtls_getgrnam_r(const char *name, struct group *result, char *buffer,
                                            size_t buflen, int *errnop)
{
    AUTO(mapping_close) struct mapping mapping = {0};
    struct nss_group_row row;
    int saved = errno;
    enum nss_status status = mapping_open(&mapping);

    if (status != NSS_STATUS_SUCCESS)
        return mapping_end(status, saved, errnop);
    return answer(&mapping, nss_group_by_name(&mapping.snapshot, name, &row), &row,
                  (struct space){buffer, buflen, false}, result, saved, errnop);
}

EXPORT enum nss_status _nss_mtls_getgrgid_r(gid_t gid, struct group *result, char *buffer,
                                            size_t buflen, int *errnop)
{
    AUTO(mapping_close) struct mapping mapping = {0};
    struct nss_group_row row;
    int saved = errno;
    enum nss_status status = mapping_open(&mapping);

    if (status != NSS_STATUS_SUCCESS)
        return mapping_end(status, saved, errnop);
    return answer(&mapping, nss_group_by_gid(&mapping.snapshot, gid, &row), &row,
                  (struct space){buffer, buflen, false}, result, saved, errnop);
}

EXPORT enum nss_status _nss_mtls_setgrent(int stayopen)
{
    (void)stayopen;
    return NSS_STATUS_SUCCESS;
}

EXPORT enum nss_status _nss_mtls_getgrent_r(struct group *result, char *buffer, size_t buflen,
                                            int *errnop)
{
    (void)result;
    (void)buffer;
    (void)buflen;
    (void)errnop;
    return NSS_STATUS_NOTFOUND;
}

EXPORT enum nss_status _nss_mtls_endgrent(void)
{
    return NSS_STATUS_SUCCESS;
}

/* ---- initgroups ---- */

/* glibc's growing list of groups: `used` of `size` entries are filled; limit <= 0: no limit. */
struct gids {
    long *used, *size;
    gid_t **at;
    long limit;
};

static bool has(const struct gids *gids, gid_t gid)
{
    for (long i = 0; i < *gids->used; i++)
        if ((*gids->at)[i] == gid)
            return true;
    return false;
}

static bool grow(struct gids *gids)
{
    long size = *gids->size > 0 ? *gids->size : 16;
    gid_t *at;

    if (size > LONG_MAX / 2 / (long)sizeof(gid_t))
        return false;
    size *= 2;
    if (gids->limit > 0 && size > gids->limit)
        size = gids->limit;
    at = realloc(*gids->at, (size_t)size * sizeof(gid_t));
    if (!at)
        return false;
    *gids->at = at;
    *gids->size = size;
    return true;
}

/* The limit is a hard cap and reaching it no error: the kernel could take no more groups. */
static enum nss_status add_all(struct gids *gids, struct bytes list, gid_t primary)
{
    size_t n = nss_list_len(list);

    for (size_t i = 0; i < n; i++) {
        gid_t gid = nss_list_at(list, i);

        if (gid == 0 || gid == UINT32_MAX || gid == primary || has(gids, gid))
            continue;
        if (gids->limit > 0 && *gids->used >= gids->limit)
            return NSS_STATUS_SUCCESS;
        if (*gids->used >= *gids->size && !grow(gids))
            return NSS_STATUS_TRYAGAIN;
        (*gids->at)[(*gids->used)++] = gid;
    }
    return NSS_STATUS_SUCCESS;
}

EXPORT enum nss_status _nss_mtls_initgroups_dyn(const char *user, gid_t group, long *start,
                                                long *size, gid_t **groupsp, long limit,
                                                int *errnop)
{
    AUTO(mapping_close) struct mapping mapping = {0};
    struct gids gids = {.used = start, .size = size, .at = groupsp, .limit = limit};
    struct nss_passwd_row row;
    int saved = errno;
    enum nss_status status = mapping_open(&mapping);

    if (status == NSS_STATUS_SUCCESS)
        status = mapping_status(nss_user_by_name(&mapping.snapshot, user, &row));
    if (status == NSS_STATUS_SUCCESS)
        status = add_all(&gids, row.groups, group);
    return mapping_end(status, saved, errnop);
}
