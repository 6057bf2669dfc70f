#pragma once
/*
 * What stands around pam_mtls in its tests: an application with a PAM handle and a conversation,
 * and tunnels made as gatewayd makes them. Asserts on failure.
 */
#include "common/macros.h"

#include <security/pam_appl.h>
#include <sys/types.h>

enum { SAID_MAX = 1024 };

extern char said[SAID_MAX]; /* what PAM showed to the user since `begin` */

/* A handle as sshd makes it, but for the remote host: libpam's audit would ask DNS for "UNKNOWN".
 */
pam_handle_t *begin(const char *user);

struct tunnel {
    int client, server; /* gatewayd's end, sshd's end */
};

/* name: of the client's end, with its leading NUL. uid: who connects; 0 for the test itself. */
struct tunnel tunnel_named(const char *name, size_t len, uid_t uid);
#define TUNNEL(id) tunnel_named("\0gatewayd/session/" id, sizeof("\0gatewayd/session/" id) - 1, 0)
void tunnel_close(struct tunnel *tunnel);
