#pragma once
/*
 * Where a web server may send us: to another path of its own host, and nowhere else. Pure.
 */
#include "common/address.h"

/* FETCH_REFUSED unless to is http:// of the host of from, at its port or at 80. */
bool redirect_check(const char *from, const char *to, struct error *err) MUST_CHECK;
/* Of this machine or its link: loopback, link-local, unspecified; also one that is not known. */
bool redirect_address_is_local(const struct address *address);
/* A URL whose host is such an address, or "localhost", by its own words. */
bool redirect_url_is_local(const char *url);
