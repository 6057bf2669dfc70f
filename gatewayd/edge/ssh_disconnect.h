#pragma once
/*
 * What an SSH client understands before any keys are exchanged: an identification line and a
 * cleartext SSH_MSG_DISCONNECT (RFC 4253 sections 4.2, 6 and 11.1). Pure.
 */
#include "common/session_id.h"
#include "common/writer.h"

enum { SSH_DISCONNECT_TEXT_MAX = 1024 }; /* octets; OpenSSH shows 400 */

/* "SSH-2.0-gatewayd" and the packet; text is cut at SSH_DISCONNECT_TEXT_MAX. */
void ssh_disconnect(struct bytes text, struct writer *out);
