/*
 * gatewayctl status, reload, drain, upgrade: one request to the daemon each; the last two wait for
 * what comes of it.
 */
#include "cli/ask.h"
#include "cli/ctl_commands.h"
#include "cli/json_text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static void print_preview(struct ctl *ctl, const json_t *json)
{
    static const char *const columns[] = {"user", "service", "reason", "id", "detail", NULL};
    json_t *sessions = json_object_get(json, "sessions");
    json_int_t n = json_integer_value(json_object_get(json, "would_end"));

    if (json_array_size(sessions) > 0)
        json_text_table(ctl, sessions, columns);
    if ((size_t)n > json_array_size(sessions))
        (void)printf("and %zu more\n", (size_t)n - json_array_size(sessions));
    (void)printf("%s of %lld would end\n", ctl_count((uint64_t)n, "session"),
                 (long long)json_integer_value(json_object_get(json, "live")));
    if (json_is_true(json_object_get(json, "held")))
        (void)printf("mass_end_guard would hold %lld of them\n",
                     (long long)json_integer_value(json_object_get(json, "would_be_held")));
    if (json_is_true(json_object_get(json, "incomplete")))
        (void)fprintf(stderr,
                      "gatewayctl: an edge did not answer: its certificates are not judged\n");
}

int ctl_reload(struct ctl *ctl, int argc, char **argv)
{
    bool dry_run = false;
    const struct option_row rows[] = {
        {"dry-run", OPTION_FLAG, &dry_run, NULL, "only say which sessions would end", 0},
    };
    AUTO(local_reply_clear) struct local_reply reply = {.octets = NULL};
    AUTO(ctl_json_clear) json_t *json = NULL;
    struct protocol_message request;
    struct option_arguments rest;
    int code;

    if (!ctl_options(ctl, OPTION_SET(rows, 0, 0), argc, argv, &rest, &code))
        return code;
    protocol_message_init(&request, PROTOCOL_CTL_RELOAD);
    if (dry_run)
        request.dry_run = 1;
    if (!ask(ctl, &request, &reply, &code))
        return code;
    json = dry_run ? ask_json(&reply) : NULL;
    if (!json)
        return ask_print(ctl, &reply);
    if (ctl->json)
        ctl_print_json(json_incref(json));
    else
        print_preview(ctl, json);
    return CTL_YES;
}

/* --- waiting for the daemon ------------------------------------------------------------------- */

enum {
    LOOK_MS = 200,            /* between two looks at the status */
    UPGRADE_WAIT_MS = 120000, /* an upgrade that takes longer goes on without us */
    AWAY_MS = 10000,          /* decide changes: nobody answers for a moment */
};

static void pause_ms(long ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

    (void)nanosleep(&pause, NULL);
}

/* The status, without a word when there is none. The caller owns it; NULL: no answer. */
static json_t *status_now(const struct ctl *ctl)
{
    AUTO(local_reply_clear) struct local_reply reply = {.octets = NULL};
    struct protocol_message request;
    struct error err;

    protocol_message_init(&request, PROTOCOL_CTL_STATUS);
    return ask_quietly(ctl, &request, &reply, &err) ? ask_json(&reply) : NULL;
}

/* One line per change on stderr, while a person looks on. */
static void show_sessions_left(const struct ctl *ctl, const json_t *status, json_int_t *last)
{
    json_int_t live =
        json_integer_value(json_object_get(json_object_get(status, "sessions"), "live"));

    if (!ctl->json && live != *last)
        (void)fprintf(stderr, "%s left\n", ctl_count((uint64_t)live, "session"));
    *last = live;
}

static int wait_for_end(const struct ctl *ctl)
{
    json_int_t last = -1;
    int away_ms = 0;

    while (away_ms < 1000) { /* the sockets have gone with the daemon */
        json_t *status = status_now(ctl);

        if (status)
            show_sessions_left(ctl, status, &last);
        away_ms = status ? 0 : away_ms + LOOK_MS;
        json_decref(status);
        pause_ms(LOOK_MS);
    }
    if (!ctl->json)
        (void)puts("drained");
    return CTL_YES;
}

int ctl_drain(struct ctl *ctl, int argc, char **argv)
{
    int64_t limit_s = -1;
    bool now = false, no_wait = false;
    const struct option_row rows[] = {
        {"timeout", OPTION_DURATION, &limit_s, "DURATION", "end the sessions that last longer", 0},
        {"now", OPTION_FLAG, &now, NULL, "end them at once", 0},
        {"no-wait", OPTION_FLAG, &no_wait, NULL, "do not wait until the gateway has ended", 0},
    };
    AUTO(local_reply_clear) struct local_reply reply = {.octets = NULL};
    struct protocol_message request;
    struct option_arguments rest;
    int code;

    if (!ctl_options(ctl, OPTION_SET(rows, 0, 0), argc, argv, &rest, &code))
        return code;
    protocol_message_init(&request, PROTOCOL_CTL_DRAIN);
    if (limit_s >= 0)
        request.limit_s = (uint64_t)limit_s;
    if (now || limit_s == 0)
        request.now = 1;
    if (!ask(ctl, &request, &reply, &code))
        return code;
    return no_wait ? CTL_YES : wait_for_end(ctl);
}

/* How far an upgrade is: "done", "failed", the name of a step; NULL when nobody answers. */
static const char *upgrade_step(const json_t *status, json_int_t *ret_program)
{
    const json_t *upgrade = json_object_get(status, "upgrade");

    *ret_program = json_integer_value(json_object_get(upgrade, "program"));
    return json_string_value(json_object_get(upgrade, "step"));
}

static int upgrade_failed(const json_t *status)
{
    const char *why =
        json_string_value(json_object_get(json_object_get(status, "upgrade"), "failure"));
    struct error err;

    return err_set(&err, REASON_UPGRADE_REFUSED, "%s; the old processes go on", why ? why : ""),
           ctl_refusal(&err);
}

/* Until the new program says that it is done, or this one that it could not. */
static int wait_for_upgrade(const struct ctl *ctl, json_int_t before)
{
    struct error err;

    for (int waited_ms = 0, away_ms = 0; waited_ms < UPGRADE_WAIT_MS && away_ms < AWAY_MS;
         waited_ms += LOOK_MS) {
        AUTO(ctl_json_clear) json_t *status = status_now(ctl);
        json_int_t program = 0;
        const char *step = status ? upgrade_step(status, &program) : NULL;

        away_ms = step ? 0 : away_ms + LOOK_MS;
        if (step && program > before && strcmp(step, "done") == 0) {
            (void)puts(ctl->json ? "{}" : "upgraded");
            return CTL_YES;
        }
        if (step && strcmp(step, "failed") == 0 && program > before)
            return upgrade_failed(status);
        if (step && program == before && strcmp(step, "check") != 0 && waited_ms > 5000)
            break; /* it was not even begun: the log says why */
        pause_ms(LOOK_MS);
    }
    return err_set(&err, REASON_UPGRADE_REFUSED, "see gatewayctl status and the daemon's log"),
           ctl_error(&err);
}

int ctl_upgrade(struct ctl *ctl, int argc, char **argv)
{
    const char *path = NULL;
    const struct option_row rows[] = {
        {"binary", OPTION_TEXT, &path, "PATH", "another program than the one that was started", 0},
    };
    AUTO(local_reply_clear) struct local_reply reply = {.octets = NULL};
    AUTO(ctl_json_clear) json_t *status = NULL;
    struct protocol_message request;
    struct option_arguments rest;
    json_int_t program = 0;
    int code;

    if (!ctl_options(ctl, OPTION_SET(rows, 0, 0), argc, argv, &rest, &code))
        return code;
    status = status_now(ctl);
    if (status)
        (void)upgrade_step(status, &program);
    protocol_message_init(&request, PROTOCOL_CTL_UPGRADE);
    request.path = bytes_of(path);
    if (!ask(ctl, &request, &reply, &code))
        return code;
    return wait_for_upgrade(ctl, program);
}

/* --- status ----------------------------------------------------------------------------------- */

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
