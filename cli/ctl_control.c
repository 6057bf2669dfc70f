/*
 * gatewayctl status, reload, drain: one request to the daemon each.
 */
#include "cli/ask.h"
#include "cli/ctl_commands.h"
#include "cli/json_text.h"

#include <stdio.h>

static int simple(struct ctl *ctl, int argc, char **argv, enum protocol_kind kind)
{
    AUTO(local_reply_clear) struct local_reply reply = {.octets = NULL};
    struct protocol_message request;
    struct option_arguments rest;
    int code;

    if (!ctl_options(ctl, NO_OPTIONS(0, 0), argc, argv, &rest, &code))
        return code;
    protocol_message_init(&request, kind);
    if (!ask(ctl, &request, &reply, &code))
        return code;
    return ask_print(ctl, &reply);
}

int ctl_reload(struct ctl *ctl, int argc, char **argv)
{
    return simple(ctl, argc, argv, PROTOCOL_CTL_RELOAD);
}

int ctl_drain(struct ctl *ctl, int argc, char **argv)
{
    return simple(ctl, argc, argv, PROTOCOL_CTL_DRAIN);
}

int ctl_status(struct ctl *ctl, int argc, char **argv)
{
    static const char *const first[] = {"role", "slot",    "pid",    "state", "uptime_s",
                                        "ts",   "session", "reason", "user",  NULL};
    AUTO(local_reply_clear) struct local_reply reply = {.octets = NULL};
    AUTO(ctl_json_clear) json_t *json = NULL;
    struct protocol_message request;
    struct option_arguments rest;
    int code;

    if (!ctl_options(ctl, NO_OPTIONS(0, 0), argc, argv, &rest, &code))
        return code;
    protocol_message_init(&request, PROTOCOL_CTL_STATUS);
    if (!ask(ctl, &request, &reply, &code))
        return code;
    json = ask_json(&reply);
    if (!json)
        return ask_print(ctl, &reply);
    if (ctl->json)
        ctl_print_json(json_incref(json));
    else
        json_text_print(ctl, json, first);
    return CTL_YES;
}
