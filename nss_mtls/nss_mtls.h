#pragma once
/*
 * The entry points that glibc looks up by name in libnss_mtls.so.2. glibc ships no header for them.
 */
#include <grp.h>
#include <nss.h>
#include <pwd.h>

enum nss_status _nss_mtls_getpwnam_r(const char *name, struct passwd *result, char *buffer,
                                     size_t buflen, int *errnop);
enum nss_status _nss_mtls_getpwuid_r(uid_t uid, struct passwd *result, char *buffer, size_t buflen,
                                     int *errnop);
enum nss_status _nss_mtls_setpwent(int stayopen);
enum nss_status _nss_mtls_getpwent_r(struct passwd *result, char *buffer, size_t buflen,
                                     int *errnop);
enum nss_status _nss_mtls_endpwent(void);
enum nss_status _nss_mtls_getgrnam_r(const char *name, struct group *result, char *buffer,
                                     size_t buflen, int *errnop);
enum nss_status _nss_mtls_getgrgid_r(gid_t gid, struct group *result, char *buffer, size_t buflen,
                                     int *errnop);
enum nss_status _nss_mtls_setgrent(int stayopen);
enum nss_status _nss_mtls_getgrent_r(struct group *result, char *buffer, size_t buflen,
                                     int *errnop);
enum nss_status _nss_mtls_endgrent(void);
enum nss_status _nss_mtls_initgroups_dyn(const char *user, gid_t group, long *start, long *size,
                                         gid_t **groupsp, long limit, int *errnop);
