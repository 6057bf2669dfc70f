/*
 * Users of the directory for getpwnam and getpwuid. Runs inside of any process of the host. Listing
 * all users is off: getpwent finds none.
 */
#include "common/macros.h"
#include "nss_mtls/mapping.h"
#include "nss_mtls/nss_mtls.h"
#include "nss_mtls/space.h"

#include <errno.h>

/* "*" and not "x": there is no password and no shadow entry either. */
static bool fill(const struct nss_passwd_row *row, struct space space, struct passwd *ret_result)
{
    struct passwd result = {.pw_name = space_text(&space, row->name),
                            .pw_passwd = space_text(&space, "*"),
                            .pw_uid = row->uid,
                            .pw_gid = row->gid,
                            .pw_gecos = space_text(&space, row->gecos),
                            .pw_dir = space_text(&space, row->home),
                            .pw_shell = space_text(&space, row->shell)};

    if (space.full)
        return false;
    *ret_result = result;
    return true;
}

static enum nss_status answer(enum nss_status status, const struct nss_passwd_row *row,
                              struct space space, struct passwd *result, int saved, int *errnop)
{
    if (status != NSS_STATUS_SUCCESS)
        return mapping_end(status, saved, errnop);
    if (!fill(row, space, result)) {
        *errnop = ERANGE;
        return NSS_STATUS_TRYAGAIN;
    }
    return mapping_end(NSS_STATUS_SUCCESS, saved, errnop);
}

EXPORT enum nss_status _nss_mtls_getpwnam_r(const char *name, struct passwd *result, char *buffer,
                                            size_t buflen, int *errnop)
{
    AUTO(mapping_close) struct mapping mapping = {0};
    struct nss_passwd_row row;
    int saved = errno;
    enum nss_status status = mapping_open(&mapping);

    if (status == NSS_STATUS_SUCCESS)
        status = mapping_status(nss_user_by_name(&mapping.snapshot, name, &row));
    return answer(status, &row, (struct space){buffer, buflen, false}, result, saved, errnop);
}

EXPORT enum nss_status _nss_mtls_getpwuid_r(uid_t uid, struct passwd *result, char *buffer,
                                            size_t buflen, int *errnop)
{
    AUTO(mapping_close) struct mapping mapping = {0};
    struct nss_passwd_row row;
    int saved = errno;
    enum nss_status status = mapping_open(&mapping);

    if (status == NSS_STATUS_SUCCESS)
        status = mapping_status(nss_user_by_uid(&mapping.snapshot, uid, &row));
    return answer(status, &row, (struct space){buffer, buflen, false}, result, saved, errnop);
}

EXPORT enum nss_status _nss_mtls_setpwent(int stayopen)
{
    (void)stayopen;
    return NSS_STATUS_SUCCESS;
}

EXPORT enum nss_status _nss_mtls_getpwent_r(struct passwd *result, char *buffer, size_t buflen,
                                            int *errnop)
{
    (void)result;
    (void)buffer;
    (void)buflen;
    (void)errnop;
    return NSS_STATUS_NOTFOUND;
}

EXPORT enum nss_status _nss_mtls_endpwent(void)
{
    return NSS_STATUS_SUCCESS;
}
