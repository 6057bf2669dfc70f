/*
 * The path of the snapshot in the installed module: fixed by the build. Tests link another file.
 */
#include "nss_mtls/mapping.h"

const char *mapping_path(void)
{
    return MTLS_NSS_SNAPSHOT;
}
