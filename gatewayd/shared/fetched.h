#pragma once
/*
 * What the process fetch is for, and where what it fetches lies: state_dir/crl. The names tell the
 * parent, which hands the files to load, which ca section each is for.
 */
#include "gatewayd/shared/config.h"

enum {
    FETCHED_NAME_MAX = 96,      /* "TITLE~0123456789abcdef.crl" with a title of 64 */
    FETCHED_CDP_MAX = 64,       /* addresses out of the certificates of one ca section */
    FETCHED_CRL_MAX = 64 << 20, /* octets of one list: 1.5 million entries */
};

#define FETCHED_CDP "cdp" /* the word of `crls` that means the certificates' own addresses */

/* A word of `crls` that is no path. */
bool fetched_is_word(const char *word);
/* Whether a ca section has lists to fetch; with "cdp"; and whether anything needs the process. */
bool fetched_ca_has_lists(const struct config_ca *ca);
bool fetched_ca_has_cdp(const struct config_ca *ca);
bool fetched_is_needed(const struct config *config);
/* "users~0123456789abcdef": the name, without suffix, of what comes from there. */
void fetched_name(const char *title, const char *url, char out[FETCHED_NAME_MAX]);
/* Whether such a name, with a suffix, is of this ca section. */
bool fetched_is_of(const char *name, const char *title);
/* Whether this path lies in state_dir/crl: a fault there stops no load. */
bool fetched_is_file(const struct config *config, const char *path);
