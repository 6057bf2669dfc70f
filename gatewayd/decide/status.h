#pragma once
/*
 * What `gatewayctl status` shows of decide: its own members of the object, and the denials kept for
 * it. Decides nothing.
 */
#include "gatewayd/decide/session.h"

struct decide;

enum { DECIDE_DENIALS_KEPT = 20 }; /* last ones */

/* One of the last denials, for status. */
struct decide_denial {
    struct session_id id;
    int64_t at_ms;
    enum reason reason;
    char user[REGISTRY_USER_MAX + 1];
    char login[REGISTRY_USER_MAX + 1]; /* name that a login was refused for; "" no login */
    char service[64];
    char source[ADDRESS_TEXT_MAX];
};

/* The newest refused handshakes, which have neither an id nor a user. Apart from the denials:
 * strangers could push those out. */
struct decide_refusal {
    int64_t at_ms;
    enum reason reason;
    uint32_t count; /* of the same source prefix and reason within a second */
    char source[ADDRESS_TEXT_MAX];
    char detail[ERROR_DETAIL_MAX];
};

/* Keeps a denial for status. session: NULL where a login came through none. login: the name that
 * was refused at the login; empty otherwise. */
void denial_note(struct decide *decide, const struct session *session, enum reason reason,
                 struct bytes login);
/* The parent's JSON object with decide's members added; compact. False when it is too large. */
bool status_print(struct decide *decide, struct bytes parent, struct writer *out);
