/*
 * The path of the snapshot in the installed module: fixed by the build. Tests link another file.
 */
#include "nss_mtls/mapping.h"

#ifndef MTLS_NSS_SNAPSHOT
#error "the build gives the path"
#endif

const char *mapping_path(void)
{
    return MTLS_NSS_SNAPSHOT;
}
