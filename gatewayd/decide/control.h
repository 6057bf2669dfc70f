#pragma once
/*
 * What the handlers of control.sock share: who asked, its record, the answer. Knows nothing of the
 * single requests; their table is in control_requests.c.
 */
#include "gatewayd/decide/decide.h"

#include <jansson.h>

enum {
    CONTROL_JSON_MAX = 58000, /* of the reply's 60,000 */
    CONTROL_WHO_MAX = 96,
};

void control_who(const struct local_request *request, char out[CONTROL_WHO_MAX]);
/* The record of what an operator did. */
void control_record(struct decide *decide, const struct local_request *request, const char *detail,
                    enum reason reason);
void control_reply_count(struct local_request *request, size_t count);
/* Takes the JSON. */
void control_reply_json(struct local_request *request, json_t *json,
                        struct protocol_message *reply);

/* --- control_locks.c -------------------------------------------------------------------------- */
void control_add_lock(struct decide *decide, struct local_request *request);
void control_list_locks(struct decide *decide, struct local_request *request);
void control_remove_lock(struct decide *decide, struct local_request *request);
