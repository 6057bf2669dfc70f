/*
 * gatewayctl sessions: list, show, kill, end. Ids may be shortened as long as one session fits.
 */
#include "cli/ask.h"
#include "cli/ctl_commands.h"
#include "cli/json_text.h"

#include <stdio.h>
#include <string.h>

static const char *const list_columns[] = {"id",     "state", "user",      "login", "service",
                                           "source", "rule",  "opened_ms", NULL};

struct filters {
    const char *user, *service, *rule, *certificate, *reason;
    int64_t age_s;
    bool pending, would_die, dry_run;
};

enum { FILTER_ROWS = 5 };

static void filter_rows(struct filters *f, struct option_row rows[FILTER_ROWS])
{
    f->age_s = -1;
    rows[0] =
        (struct option_row){"user", OPTION_TEXT, &f->user, "NAME", "sessions of an account", 0};
    rows[1] = (struct option_row){"service", OPTION_TEXT, &f->service, "NAME", "of a service", 0};
    rows[2] = (struct option_row){"rule", OPTION_TEXT, &f->rule, "NAME", "allowed by a rule", 0};
    rows[3] = (struct option_row){"certificate", OPTION_TEXT,        &f->certificate,
                                  "SHA256",      "of a certificate", 0};
    rows[4] = (struct option_row){
        "age", OPTION_DURATION, &f->age_s, "DURATION", "at least so old: 90, 15m, 1h", 0};
}

static void set_filters(const struct filters *filters, struct protocol_message *request)
{
    request->user = bytes_of(filters->user);
    request->service = bytes_of(filters->service);
    request->rule = bytes_of(filters->rule);
    request->certificate = bytes_of(filters->certificate);
    request->why = bytes_of(filters->reason);
    if (filters->age_s >= 0)
        request->age_s = (uint64_t)filters->age_s;
    if (filters->pending)
        request->pending = 1;
    if (filters->would_die)
        request->would_die = 1;
    if (filters->dry_run)
        request->dry_run = 1;
}

static bool any_filter(const struct filters *filters)
{
    return filters->user || filters->service || filters->rule || filters->certificate ||
           filters->age_s >= 0;
}

/* --- asking ----------------------------------------------------------------------------------- */

/* The list in an answer: the answer itself, or its member. Borrowed. */
static json_t *rows_of(json_t *answer)
{
    return json_is_array(answer) ? answer : json_object_get(answer, "sessions");
}

static bool is_zero(const struct session_id *id)
{
    static const struct session_id zero;

    return session_id_equal(id, &zero);
}

/* All pages of a list. The caller owns *ret_sessions. */
static bool list(const struct ctl *ctl, struct protocol_message *request, json_t **ret_sessions,
                 int *ret_exit)
{
    json_t *sessions = json_array();

    for (;;) {
        AUTO(local_reply_clear) struct local_reply reply = {.octets = NULL};
        json_t *page;

        if (!ask(ctl, request, &reply, ret_exit)) {
            json_decref(sessions);
            return false;
        }
        page = ask_json(&reply);
        (void)json_array_extend(sessions, rows_of(page));
        json_decref(page);
        request->after = reply.message.next;
        if (is_zero(&request->after))
            break;
    }
    *ret_sessions = sessions;
    return true;
}

static const char *id_of(json_t *session)
{
    return json_string_value(json_object_get(session, "id"));
}

/* The live session whose id begins so. */
static bool find_by_prefix(const struct ctl *ctl, const char *prefix, struct session_id *ret_id,
                           int *ret_exit)
{
    AUTO(ctl_json_clear) json_t *sessions = NULL;
    struct protocol_message request;
    struct error err;
    json_t *session;
    size_t index, found = 0;

    protocol_message_init(&request, PROTOCOL_CTL_SESSIONS);
    if (!list(ctl, &request, &sessions, ret_exit))
        return false;
    json_array_foreach(sessions, index, session)
    {
        const char *id = id_of(session);

        if (id && strncmp(id, prefix, strlen(prefix)) == 0)
            found += session_id_parse(bytes_of(id), ret_id);
    }
    if (found == 1)
        return true;
    (void)err_set(&err, found == 0 ? REASON_NOT_FOUND : REASON_USAGE,
                  "%zu live sessions begin with %s", found, prefix);
    *ret_exit = found == 0 ? ctl_refusal(&err) : ctl_error(&err);
    return false;
}

static bool find_session(const struct ctl *ctl, const char *text, struct session_id *ret_id,
                         int *ret_exit)
{
    struct error err;

    if (session_id_parse(bytes_of(text), ret_id))
        return true;
    if (strlen(text) >= 4 && strlen(text) < SESSION_ID_TEXT_LEN &&
        strspn(text, "0123456789abcdef") == strlen(text))
        return find_by_prefix(ctl, text, ret_id, ret_exit);
    (void)err_set(&err, REASON_USAGE, "\"%s\" is no session id: 4 to 32 hex digits", text);
    *ret_exit = ctl_error(&err);
    return false;
}

/* --- commands --------------------------------------------------------------------------------- */

int ctl_sessions_list(struct ctl *ctl, int argc, char **argv)
{
    struct filters filters = {.user = NULL};
    struct option_row rows[FILTER_ROWS + 2];
    AUTO(ctl_json_clear) json_t *sessions = NULL;
    struct protocol_message request;
    struct option_arguments rest;
    int code;

    filter_rows(&filters, rows);
    rows[FILTER_ROWS] = (struct option_row){
        "pending", OPTION_FLAG, &filters.pending, NULL, "those that mass_end_guard holds back", 0};
    rows[FILTER_ROWS + 1] = (struct option_row){"would-die",
                                                OPTION_FLAG,
                                                &filters.would_die,
                                                NULL,
                                                "those that a judgement now would end",
                                                0};
    if (!ctl_options(ctl, OPTION_SET(rows, 0, 0), argc, argv, &rest, &code))
        return code;
    protocol_message_init(&request, PROTOCOL_CTL_SESSIONS);
    set_filters(&filters, &request);
    if (!list(ctl, &request, &sessions, &code))
        return code;
    if (ctl->json)
        ctl_print_json(json_incref(sessions));
    else
        json_text_table(ctl, sessions, list_columns);
    return CTL_YES;
}

int ctl_sessions_show(struct ctl *ctl, int argc, char **argv)
{
    AUTO(ctl_json_clear) json_t *sessions = NULL;
    struct protocol_message request;
    struct option_arguments rest;
    json_t *session;
    struct error err;
    int code;

    if (!ctl_options(ctl, NO_OPTIONS(1, 1), argc, argv, &rest, &code))
        return code;
    protocol_message_init(&request, PROTOCOL_CTL_SESSIONS);
    if (!find_session(ctl, rest.at[0], &request.session, &code) ||
        !list(ctl, &request, &sessions, &code))
        return code;
    session = json_array_get(sessions, 0);
    if (!session)
        return err_set(&err, REASON_NOT_FOUND, "no live session %s; see gatewayctl explain %s",
                       rest.at[0], rest.at[0]),
               ctl_refusal(&err);
    if (ctl->json)
        ctl_print_json(json_incref(session));
    else
        json_text_print(ctl, session, NULL);
    return CTL_YES;
}

static int print_count(const struct ctl *ctl, const struct local_reply *reply, const char *what)
{
    if (ctl->json || reply->message.count == PROTOCOL_NO_NUMBER)
        return ask_print(ctl, reply);
    (void)printf("%s %s\n", ctl_count(reply->message.count, "session"), what);
    return reply->message.count > 0 ? CTL_YES : CTL_NO;
}

int ctl_sessions_kill(struct ctl *ctl, int argc, char **argv)
{
    struct filters filters = {.user = NULL};
    struct option_row rows[FILTER_ROWS + 2];
    AUTO(local_reply_clear) struct local_reply reply = {.octets = NULL};
    struct protocol_message request;
    struct option_arguments rest;
    struct error err;
    int code;

    filter_rows(&filters, rows);
    rows[FILTER_ROWS] = (struct option_row){
        "reason", OPTION_TEXT, &filters.reason, "TEXT", "for the audit record", 0};
    rows[FILTER_ROWS + 1] = (struct option_row){
        "dry-run", OPTION_FLAG, &filters.dry_run, NULL, "only say how many it would be", 0};
    if (!ctl_options(ctl, OPTION_SET(rows, 0, 1), argc, argv, &rest, &code))
        return code;
    if (rest.n == 0 && !any_filter(&filters))
        return err_set(&err, REASON_USAGE, "an id or a filter is needed"), ctl_error(&err);
    protocol_message_init(&request, PROTOCOL_CTL_SESSION_KILL);
    set_filters(&filters, &request);
    if (rest.n > 0 && !find_session(ctl, rest.at[0], &request.session, &code))
        return code;
    if (!ask(ctl, &request, &reply, &code))
        return code;
    return print_count(ctl, &reply, filters.dry_run ? "would be ended" : "ended");
}

int ctl_sessions_end(struct ctl *ctl, int argc, char **argv)
{
    bool pending = false;
    const struct option_row rows[] = {
        {"pending", OPTION_FLAG, &pending, NULL, "those that mass_end_guard holds back (needed)",
         0},
    };
    AUTO(local_reply_clear) struct local_reply reply = {.octets = NULL};
    struct protocol_message request;
    struct option_arguments rest;
    struct error err;
    int code;

    if (!ctl_options(ctl, OPTION_SET(rows, 0, 0), argc, argv, &rest, &code))
        return code;
    if (!pending)
        return err_set(&err, REASON_USAGE, "--pending is needed"), ctl_error(&err);
    protocol_message_init(&request, PROTOCOL_CTL_SESSIONS_END_PENDING);
    if (!ask(ctl, &request, &reply, &code))
        return code;
    return print_count(ctl, &reply, "ended");
}
