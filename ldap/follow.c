/*
 * What is asked of an LDAP server that is followed, and what its messages mean for the feed:
 * content synchronisation (RFC 4533) and a heartbeat beside it. Runs in directory. The server is
 * trusted for content; whatever breaks the protocol ends the connection.
 */
#include "common/clock.h"
#include "ldap/directory_state.h"
#include "ldap/record.h"

/* --- asking --- */

static bool asked(int code, struct error *err)
{
    return code == LDAP_SUCCESS ||
           err_set(err, REASON_DIRECTORY_UNREACHABLE, "%s", ldap_err2string(code));
}

bool follow_start(struct directory *directory, struct bytes cookie, struct error *err)
{
    const struct directory_config *config = &directory->config;
    struct berval *value = sync_request_encode(cookie);
    LDAPControl control = {
        .ldctl_oid = (char *)LDAP_CONTROL_SYNC, .ldctl_value = *value, .ldctl_iscritical = 1};
    LDAPControl *controls[] = {&control, NULL};
    int code = ldap_search_ext(directory->ld, config->base, LDAP_SCOPE_SUBTREE, config->filter,
                               (char **)config->attributes, 0, controls, NULL, NULL, LDAP_NO_LIMIT,
                               &directory->sync_id);

    ber_bvfree(value);
    if (!asked(code, err))
        return false;
    directory->asked_ms = clock_realtime_ms();
    directory->refreshing = true;
    directory->presents = false;
    directory->behind_at = 0;
    directory->feed.refresh(directory->feed.context, cookie.len == 0);
    return true;
}

struct bytes follow_cookie(const struct directory *directory)
{
    return directory->calls.cookie ? directory->calls.cookie(directory->calls.context)
                                   : (struct bytes){NULL, 0};
}

bool follow_heartbeat(struct directory *directory, struct error *err)
{
    static char context_csn[] = "contextCSN";
    static char *attributes[] = {context_csn, NULL};
    int code =
        ldap_search_ext(directory->ld, directory->config.base, LDAP_SCOPE_BASE, "(objectClass=*)",
                        attributes, 0, NULL, NULL, NULL, LDAP_NO_LIMIT, &directory->heartbeat_id);

    if (!asked(code, err))
        return false;
    directory->heartbeat_ms = clock_realtime_ms();
    directory->sent_at = clock_monotonic_ms();
    directory->sent_us = clock_monotonic_us();
    return true;
}

/* --- what the sync search says --- */

static void cookie_came(struct directory *directory, struct bytes cookie)
{
    if (cookie.len && !directory->refreshing)
        directory->feed.cookie(directory->feed.context, cookie);
}

static bool refresh_done(struct directory *directory, struct bytes cookie, struct error *err)
{
    enum feed_absent absent = directory->presents ? FEED_ABSENT_GONE : FEED_ABSENT_STAY;

    directory->refreshing = false;
    if (!directory->feed.consistent(directory->feed.context, directory->asked_ms, cookie, absent,
                                    err))
        return false;
    directory->state = (struct error){.reason = REASON_OK};
    return true;
}

static bool entry_put(struct directory *directory, LDAPMessage *message,
                      const struct sync_entry *sync, struct error *err)
{
    struct record record;
    bool done = record_read(directory->ld, message, &directory->base, &record, err);

    record.record.uuid = sync->uuid;
    done = done && directory->feed.put(directory->feed.context, &record.record, err);
    record_clear(&record);
    return done;
}

/* The Sync State control of an entry, which must have one. */
static bool state_of(struct directory *directory, LDAPMessage *message, LDAPControl ***ret_controls,
                     struct sync_entry *ret_sync, struct error *err)
{
    LDAPControl *control;

    if (ldap_get_entry_controls(directory->ld, message, ret_controls) != LDAP_SUCCESS)
        return err_set(err, REASON_DIRECTORY_BAD_ANSWER, "malformed controls of an entry");
    control = ldap_control_find(LDAP_CONTROL_SYNC_STATE, *ret_controls, NULL);
    if (!control)
        return err_set(err, REASON_DIRECTORY_BAD_ANSWER,
                       "an entry without a Sync State control: is syncprov loaded?");
    return sync_state_decode(
        (struct bytes){(const uint8_t *)control->ldctl_value.bv_val, control->ldctl_value.bv_len},
        ret_sync, err);
}

static bool entry_act(struct directory *directory, LDAPMessage *message,
                      const struct sync_entry *sync, struct error *err)
{
    switch (sync->state) {
    case SYNC_PRESENT:
        directory->presents = true;
        directory->feed.present(directory->feed.context, &sync->uuid);
        return true;
    case SYNC_DELETE:
        directory->feed.remove(directory->feed.context, &sync->uuid);
        return true;
    case SYNC_ADD:
    case SYNC_MODIFY:
        return entry_put(directory, message, sync, err);
    }
    return false;
}

static bool entry_came(struct directory *directory, LDAPMessage *message, struct error *err)
{
    LDAPControl **controls = NULL;
    struct sync_entry sync;
    bool done = state_of(directory, message, &controls, &sync, err) &&
                entry_act(directory, message, &sync, err);

    if (done) {
        cookie_came(directory, sync.cookie);
        directory->behind_at = 0;
    }
    ldap_controls_free(controls);
    return done;
}

static void id_set_came(struct directory *directory, const struct sync_info *info)
{
    for (size_t i = 0; i < info->n_uuids; i++)
        if (info->refresh_deletes)
            directory->feed.remove(directory->feed.context, &info->uuids[i]);
        else
            directory->feed.present(directory->feed.context, &info->uuids[i]);
    if (!info->refresh_deletes)
        directory->presents = true;
}

static bool info_act(struct directory *directory, const struct sync_info *info, struct error *err)
{
    if (info->kind == SYNC_ID_SET)
        id_set_came(directory, info);
    if (info->kind == SYNC_REFRESH_PRESENT)
        directory->presents = true;
    if ((info->kind == SYNC_REFRESH_PRESENT || info->kind == SYNC_REFRESH_DELETE) &&
        info->refresh_done && directory->refreshing)
        return refresh_done(directory, info->cookie, err);
    cookie_came(directory, info->cookie);
    return true;
}

static bool intermediate_came(struct directory *directory, LDAPMessage *message, struct error *err)
{
    struct berval *value = NULL;
    char *oid = NULL;
    struct sync_info info = {.uuids = NULL};
    int code = ldap_parse_intermediate(directory->ld, message, &oid, &value, NULL, 0);
    bool done = code == LDAP_SUCCESS && oid && value;

    if (!done)
        (void)err_set(err, REASON_DIRECTORY_BAD_ANSWER, "a malformed intermediate message");
    else if (strcmp(oid, LDAP_SYNC_INFO) == 0)
        done = sync_info_decode((struct bytes){(const uint8_t *)value->bv_val, value->bv_len},
                                &info, err) &&
               info_act(directory, &info, err);
    free(info.uuids);
    ldap_memfree(oid);
    ber_bvfree(value);
    return done;
}

/* The sync search has ended: it never does so by itself, so something is wrong with the cookie or
 * the server. */
static bool sync_ended(struct directory *directory, int code, struct error *err)
{
    directory->sync_id = -1;
    if (code == LDAP_SYNC_REFRESH_REQUIRED) {
        if (directory->refreshing)
            directory->feed.abandon(directory->feed.context);
        directory->refreshing = false;
        return follow_start(directory, (struct bytes){NULL, 0}, err);
    }
    return err_set(err, REASON_DIRECTORY_BAD_ANSWER, "synchronisation ended: %s",
                   ldap_err2string(code));
}

/* --- what the heartbeat says --- */

/* Whether each contextCSN of the server is in our cookie. */
static bool is_ahead(struct directory *directory, LDAPMessage *message)
{
    struct bytes cookie = follow_cookie(directory);
    struct berval **values = ldap_get_values_len(directory->ld, message, "contextCSN");
    bool ahead = false;

    for (size_t i = 0; values && values[i]; i++)
        ahead = ahead || !memmem(cookie.at, cookie.len, values[i]->bv_val, values[i]->bv_len);
    ldap_value_free_len(values);
    return ahead && cookie.len > 0;
}

static void heartbeat_entry(struct directory *directory, LDAPMessage *message)
{
    if (!is_ahead(directory, message))
        directory->behind_at = 0;
    else if (directory->behind_at == 0)
        directory->behind_at = clock_monotonic_ms();
}

/*
 * A server that stays ahead of us has either changed what does not concern us, or forgotten to tell
 * us: asking again from the cookie settles both.
 */
static bool resync(struct directory *directory, struct error *err)
{
    if (directory->refreshing || directory->behind_at == 0 ||
        clock_monotonic_ms() - directory->behind_at < DIRECTORY_RESYNC_MS)
        return true;
    if (!asked(ldap_abandon_ext(directory->ld, directory->sync_id, NULL, NULL), err))
        return false;
    return follow_start(directory, follow_cookie(directory), err);
}

static bool heartbeat_ended(struct directory *directory, int code, struct error *err)
{
    directory->heartbeat_id = -1;
    if (code != LDAP_SUCCESS)
        return err_set(err, REASON_DIRECTORY_BAD_ANSWER, "base of the directory: %s",
                       ldap_err2string(code));
    servers_heard(&directory->servers, directory->server,
                  clock_monotonic_us() - directory->sent_us);
    if (!directory->refreshing)
        directory->feed.alive(directory->feed.context, directory->heartbeat_ms);
    return resync(directory, err);
}

/* --- messages --- */

static bool result_came(struct directory *directory, LDAPMessage *message, int id,
                        struct error *err)
{
    int code = LDAP_OTHER;

    if (ldap_parse_result(directory->ld, message, &code, NULL, NULL, NULL, NULL, 0) != LDAP_SUCCESS)
        return err_set(err, REASON_DIRECTORY_BAD_ANSWER, "a malformed result");
    if (id == directory->sync_id)
        return sync_ended(directory, code, err);
    if (id == directory->heartbeat_id)
        return heartbeat_ended(directory, code, err);
    return true;
}

bool follow_message(struct directory *directory, LDAPMessage *message, struct error *err)
{
    int id = ldap_msgid(message);

    switch (ldap_msgtype(message)) {
    case LDAP_RES_SEARCH_ENTRY:
        if (id == directory->heartbeat_id)
            heartbeat_entry(directory, message);
        return id != directory->sync_id || entry_came(directory, message, err);
    case LDAP_RES_INTERMEDIATE:
        return id != directory->sync_id || intermediate_came(directory, message, err);
    case LDAP_RES_SEARCH_RESULT:
        return result_came(directory, message, id, err);
    case LDAP_RES_SEARCH_REFERENCE:
        return true;
    default:
        return err_set(err, REASON_DIRECTORY_BAD_ANSWER, "the server ends the connection");
    }
}
