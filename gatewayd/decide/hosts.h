#pragma once
/*
 * Services whose upstream is host:{sni.1}: the first label of the server name, which the service's
 * wildcard has matched, names an entry of the directory's host registry, and that entry holds the
 * addresses. Never DNS, and never an address that the client has chosen.
 */
#include "gatewayd/decide/session.h"
#include "ldap/hosts.h"

/* Whether the service leads to hosts of the registry; the port is then in *ret_port (may be NULL).
 */
bool hosts_are_meant(const struct config_service *service, uint16_t *ret_port);
/* Which host the session asks for and where it is now. Needs a replica. */
bool hosts_find(const struct session *session, struct replica_host *ret_host,
                struct error *err) MUST_CHECK;
/* A host entry has changed: sessions to it are judged again, in the next turn of the loop. */
void hosts_changed(struct decide *decide, const char *name);
struct hosts *hosts_new(struct decide *decide);
struct hosts *hosts_free(struct hosts *hosts); /* accepts NULL, returns NULL */
