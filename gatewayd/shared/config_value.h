#pragma once
/*
 * The forms that values of gatewayd.conf have beyond their kind: upstreams, server names, section
 * titles. Pure.
 */
#include "common/address.h"

enum { CONFIG_SERVER_NAME_MAX = 253 /* octets (RFC 1035 2.3.4, as text) */ };

enum config_upstream_kind {
    CONFIG_UPSTREAM_TCP,
    CONFIG_UPSTREAM_UNIX,
    CONFIG_UPSTREAM_SPAWN,
    CONFIG_UPSTREAM_NAME, /* resolved by the directory process */
    CONFIG_UPSTREAM_HOST, /* an entry of the directory's host registry, named by the SNI */
};
enum { CONFIG_HOST_PORT = 22 /* of host:{sni.1} without a port: most of such hosts speak SSH */ };

struct config_upstream {
    enum config_upstream_kind kind;
    struct address address; /* TCP; of NAME and HOST the port alone */
    const char *rest;       /* UNIX: the path; SPAWN: the row. Points into the text */
    struct bytes name;      /* NAME: the host. Points into the text */
};

/* "127.0.0.1:22", "[::1]:22", "db.example.org:5432", "unix:/run/x.sock", "spawn:sshd",
 * "host:{sni.1}", "host:{sni.1}:22". */
bool config_upstream_parse(const char *text, struct config_upstream *ret_upstream,
                           struct error *err) MUST_CHECK;
/* Letters, digits, "-", "_" and ".", at most 64: titles become file names and labels. */
bool config_title_is_good(const char *title);
/* A host name in lower case, or "*." and one; no address. */
bool config_server_name_is_good(const char *name);
/* "*.ssh.example.org" and "web1.ssh.example.org": "web1". False when the pattern is no wildcard or
 * does not fit; upper and lower case are the same. */
bool config_wildcard_label(const char *pattern, struct bytes name, struct bytes *ret_label);
/* A name of a user or group. */
bool config_user_is_good(const char *name);
/* "ldap", "ldaps", "ldapi" or "file" of a directory uri; NULL for others. */
const char *config_uri_scheme(const char *uri);
/* ldap:// to a host that is not this machine. */
bool config_uri_leaves_host(const char *uri);

/* run_dir/spawn/ROW must fit into an AF_UNIX address (sun_path of unix(7)). */
enum { CONFIG_UNIX_PATH_MAX = 107 };
