#pragma once
/*
 * What the writer and the reader of the NSS snapshot share and nobody else needs: lengths of the
 * layout and which names may stand in it. nss_snapshot.c describes the layout.
 */
#include "common/bytes.h"

#define NSS_MAGIC UINT64_C(0x4d544c534e535331) /* "MTLSNSS1" */
enum {
    NSS_VERSION = 1,
    NSS_HEADER_LEN = 64,
    NSS_USER_LEN = 32,
    NSS_GROUP_LEN = 16,
};

/* [A-Za-z0-9._-], not '-' or '.' first, '$' only last, at most NSS_NAME_MAX octets, not "root". */
bool nss_name_is_valid(struct bytes name);
