#pragma once
/*
 * The forms that values of gatewayd.conf have beyond their kind: upstreams, server names, section
 * titles. Pure.
 */
#include "common/address.h"

enum config_upstream_kind { CONFIG_UPSTREAM_TCP, CONFIG_UPSTREAM_UNIX, CONFIG_UPSTREAM_SPAWN };

struct config_upstream {
    enum config_upstream_kind kind;
    struct address address; /* TCP */
    const char *rest;       /* UNIX: the path; SPAWN: the row. Points into the text */
};

/* "127.0.0.1:22", "[::1]:22", "unix:/run/x.sock", "spawn:sshd". */
bool config_upstream_parse(const char *text, struct config_upstream *ret_upstream,
                           struct error *err) MUST_CHECK;
/* Letters, digits, "-", "_" and ".", at most 64: titles become file names and labels. */
bool config_title_is_good(const char *title);
/* A host name in lower case, or "*." and one; no address. */
bool config_server_name_is_good(const char *name);
/* A name of a user or group. */
bool config_user_is_good(const char *name);
/* "ldap", "ldaps", "ldapi" or "file" of a directory uri; NULL for others. */
const char *config_uri_scheme(const char *uri);
/* ldap:// to a host that is not this machine. */
bool config_uri_leaves_host(const char *uri);

/* run_dir/spawn/ROW must fit into an AF_UNIX address (sun_path of unix(7)). */
enum { CONFIG_UNIX_PATH_MAX = 107 };
