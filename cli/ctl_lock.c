/*
 * gatewayctl lock: add, list, remove. A lock ends live sessions and denies new ones at once.
 */
#include "cli/ask.h"
#include "cli/config_files.h"
#include "cli/ctl_commands.h"
#include "cli/json_text.h"

#include "common/text.h"

#include <stdio.h>
#include <string.h>

static const char *const kinds[] = {"user", "group", "certificate", "issuer", "service", "session"};

static bool check_kind(const char *kind, struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(kind, kinds[i]) == 0)
            return true;
    return err_set(err, REASON_USAGE, "%s: user, group, certificate, issuer, service or session",
                   kind);
}

/* A certificate may be named by its file; everything else stands for itself. */
static bool lock_value(const char *kind, const char *value, char hex[2 * HASH_LEN + 1],
                       const char **ret_value, struct error *err)
{
    STACK_OF(X509) *chain = NULL;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    bool good;

    *ret_value = value;
    if (strcmp(kind, "certificate") != 0 ||
        (strlen(value) == 2 * HASH_LEN && strspn(value, "0123456789abcdef") == 2 * HASH_LEN))
        return true;
    if (!config_files_chain(value, &chain, err))
        return false;
    good = X509_digest(sk_X509_value(chain, 0), EVP_sha256(), digest, &len) == 1 && len == HASH_LEN;
    sk_X509_pop_free(chain, X509_free);
    if (!good)
        return err_set(err, REASON_CRYPTO, "%s", value);
    text_hex((struct bytes){digest, len}, hex);
    *ret_value = hex;
    return true;
}

int ctl_lock_add(struct ctl *ctl, int argc, char **argv)
{
    const char *message = NULL, *value;
    int64_t expires_s = -1;
    const struct option_row rows[] = {
        {"message", OPTION_TEXT, &message, "TEXT", "what the user is told", 0},
        {"expires", OPTION_TIME, &expires_s, "TIME", "a date, a time, or +4h", 0},
    };
    AUTO(local_reply_clear) struct local_reply reply = {.octets = NULL};
    struct protocol_message request;
    struct option_arguments rest;
    char hex[2 * HASH_LEN + 1];
    struct error err;
    int code;

    if (!ctl_options(ctl, OPTION_SET(rows, 2, 2), argc, argv, &rest, &code))
        return code;
    if (!check_kind(rest.at[0], &err) || !lock_value(rest.at[0], rest.at[1], hex, &value, &err))
        return ctl_error(&err);
    protocol_message_init(&request, PROTOCOL_CTL_LOCK_ADD);
    request.lock_kind = bytes_of(rest.at[0]);
    request.lock_value = bytes_of(value);
    request.text = bytes_of(message);
    if (expires_s >= 0)
        request.expires_s = (uint64_t)expires_s;
    if (!ask(ctl, &request, &reply, &code))
        return code;
    if (!ctl->json && reply.message.lock_id.len > 0) {
        (void)printf("lock %.*s: %s end%s\n", (int)reply.message.lock_id.len,
                     (const char *)reply.message.lock_id.at,
                     ctl_count(reply.message.count, "session"),
                     reply.message.count == 1 ? "s" : "");
        if (reply.message.text.len > 0)
            (void)fprintf(stderr, "warning: %.*s\n", (int)reply.message.text.len,
                          (const char *)reply.message.text.at);
        return CTL_YES;
    }
    return ask_print(ctl, &reply);
}

static json_t *rows_of(json_t *answer)
{
    return json_is_array(answer) ? answer : json_object_get(answer, "locks");
}

/* All locks. The caller owns *ret_locks. */
static bool list(const struct ctl *ctl, json_t **ret_locks, int *ret_exit)
{
    AUTO(local_reply_clear) struct local_reply reply = {.octets = NULL};
    struct protocol_message request;
    json_t *answer, *locks;

    protocol_message_init(&request, PROTOCOL_CTL_LOCK_LIST);
    if (!ask(ctl, &request, &reply, ret_exit))
        return false;
    answer = ask_json(&reply);
    locks = rows_of(answer);
    *ret_locks = locks ? json_incref(locks) : json_array();
    json_decref(answer);
    return true;
}

int ctl_lock_list(struct ctl *ctl, int argc, char **argv)
{
    static const char *const first[] = {"id", "kind", "value", "message", "expires", NULL};
    AUTO(ctl_json_clear) json_t *locks = NULL;
    struct option_arguments rest;
    int code;

    if (!ctl_options(ctl, NO_OPTIONS(0, 0), argc, argv, &rest, &code))
        return code;
    if (!list(ctl, &locks, &code))
        return code;
    if (ctl->json)
        ctl_print_json(json_incref(locks));
    else
        json_text_print(ctl, locks, first);
    return CTL_YES;
}

static const char *text_of(json_t *lock, const char *name)
{
    const char *text = json_string_value(json_object_get(lock, name));

    return text ? text : "";
}

static int remove_one(const struct ctl *ctl, const char *id, struct local_reply *reply)
{
    struct protocol_message request;
    int code;

    protocol_message_init(&request, PROTOCOL_CTL_LOCK_REMOVE);
    request.lock_id = bytes_of(id);
    local_reply_clear(reply);
    return ask(ctl, &request, reply, &code) ? CTL_YES : code;
}

/* Every lock of that kind and value. */
static int remove_by_value(const struct ctl *ctl, const char *kind, const char *value,
                           struct local_reply *reply)
{
    AUTO(ctl_json_clear) json_t *locks = NULL;
    size_t index, n = 0;
    struct error err;
    json_t *lock;
    int code;

    if (!list(ctl, &locks, &code))
        return code;
    json_array_foreach(locks, index, lock)
    {
        if (strcmp(text_of(lock, "kind"), kind) != 0 || strcmp(text_of(lock, "value"), value) != 0)
            continue;
        code = remove_one(ctl, text_of(lock, "id"), reply);
        if (code != CTL_YES)
            return code;
        n++;
    }
    if (n > 0)
        return CTL_YES;
    return err_set(&err, REASON_NOT_FOUND, "no lock of %s %s", kind, value), ctl_refusal(&err);
}

int ctl_lock_remove(struct ctl *ctl, int argc, char **argv)
{
    AUTO(local_reply_clear) struct local_reply reply = {.octets = NULL};
    struct option_arguments rest;
    char hex[2 * HASH_LEN + 1];
    const char *value;
    struct error err;
    int code;

    if (!ctl_options(ctl, NO_OPTIONS(1, 2), argc, argv, &rest, &code))
        return code;
    if (rest.n == 1)
        code = remove_one(ctl, rest.at[0], &reply);
    else if (!check_kind(rest.at[0], &err) ||
             !lock_value(rest.at[0], rest.at[1], hex, &value, &err))
        code = ctl_error(&err);
    else
        code = remove_by_value(ctl, rest.at[0], value, &reply);
    return code == CTL_YES ? ask_print(ctl, &reply) : code;
}
