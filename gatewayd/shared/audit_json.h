#pragma once
/*
 * A check that octets are one JSON value in the compact form that audit records carry: no spaces,
 * integers only, bounded depth. It builds nothing.
 */
#include "common/bytes.h"

enum { AUDIT_JSON_DEPTH_MAX = 6 };

bool audit_json_is_value(struct bytes text);
