/*
 * Audit records from what decide knows. Runs in decide. Every text is made clean here, because
 * audit refuses a record with any other, and a refused record would stop the log.
 */
#include "gatewayd/decide/decide.h"

#include "common/clock.h"
#include "common/text.h"
#include "gatewayd/decide/der.h"

#include <stdio.h>

enum {
    JSON_MAX = 24 * 1024,
    TEXT_MAX = 1024,
    SCRATCH = 16,
    STRANGER_TEXT_MAX = 256, /* octets of a text that a client without identity has chosen */
};

/* A record in the making, with the memory that its fields point into. */
struct draft {
    struct audit_record record;
    struct writer facts, misses;
    char source[ADDRESS_TEXT_MAX], destination[ADDRESS_TEXT_MAX], via_proxy[ADDRESS_TEXT_MAX];
    char upstream[TEXT_MAX];
    char scratch[SCRATCH][TEXT_MAX];
    size_t n_scratch;
    char sans[AUDIT_TEXTS_MAX][IDENTITY_VALUE_MAX + 16];
};

static const struct {
    const char *name;
    bool decides; /* carries a decision, its rule and the facts */
} events[] = {
    [RECORD_OPEN] = {"open", true},      [RECORD_DENY] = {"deny", true},
    [RECORD_CLOSE] = {"close", false},   [RECORD_REEVAL] = {"reeval", true},
    [RECORD_KILL] = {"kill", false},     [RECORD_PAM] = {"pam", true},
    [RECORD_WHOAMI] = {"whoami", false}, [RECORD_ADMIN] = {"admin", false},
};

static struct draft *new_draft(void)
{
    static struct draft draft; /* one record is written at a time */

    audit_record_init(&draft.record);
    draft.facts = writer_new(JSON_MAX);
    draft.misses = writer_new(JSON_MAX);
    draft.n_scratch = 0;
    return &draft;
}

static void clear_draft(struct draft *draft)
{
    writer_clear(&draft->facts);
    writer_clear(&draft->misses);
}

/* The text, or a copy in which everything that is not printable ASCII is a "?". */
static struct bytes clean(struct draft *draft, struct bytes text)
{
    char *copy;

    if (text.len <= TEXT_MAX && text_is_clean(text))
        return text;
    if (draft->n_scratch == SCRATCH)
        return bytes_of("?");
    copy = draft->scratch[draft->n_scratch++];
    text.len = text.len < TEXT_MAX ? text.len : TEXT_MAX;
    for (size_t i = 0; i < text.len; i++)
        copy[i] = text.at[i] >= ' ' && text.at[i] < 0x7f ? (char)text.at[i] : '?';
    return (struct bytes){(const uint8_t *)copy, text.len};
}

static struct bytes clean_text(struct draft *draft, const char *text)
{
    return clean(draft, bytes_of(text));
}

static void set_reason(struct draft *draft, enum reason reason, const char *detail)
{
    draft->record.reason_code = bytes_of(reason_name(reason));
    draft->record.reason_text = bytes_of(reason_text(reason));
    draft->record.detail = clean_text(draft, detail ? detail : "");
}

/* "other.1.2.3:text"; "?" instead of a text that may not be used or does not fit. */
static size_t put_san(const struct identity_value *value, char *out, size_t room)
{
    const char *name = value->attribute->name + strlen("san.");
    char oid[DER_OID_TEXT_MAX] = "";
    int len;

    if (value->oid_len > 0 && !der_oid_text((struct bytes){value->oid, value->oid_len}, oid))
        (void)snprintf(oid, sizeof(oid), "?");
    len = snprintf(out, room, "%s%s:%.*s", name, oid, value->text.len ? (int)value->text.len : 1,
                   value->text.len ? (const char *)value->text.at : "?");
    if (len < 0 || (size_t)len >= room)
        len = snprintf(out, room, "%s%s:?", name, oid);
    return (size_t)len;
}

/* "email:alice@corp.example"; values that may not be used are named without content. */
static void set_sans(struct draft *draft, const struct identity *identity)
{
    struct audit_texts *texts = &draft->record.cert_san;

    for (size_t i = 0; i < identity->n_values && texts->n < AUDIT_TEXTS_MAX; i++) {
        const struct identity_value *value = &identity->values[i];
        char *text = draft->sans[texts->n];
        size_t len;

        if (strncmp(value->attribute->name, "san.", 4) != 0)
            continue;
        len = put_san(value, text, sizeof(draft->sans[0]));
        texts->at[texts->n++] = (struct bytes){(const uint8_t *)text, len};
    }
}

static void set_certificate(struct draft *draft, const struct identity *identity)
{
    struct audit_record *record = &draft->record;

    record->cert_sha256 = identity->sha256;
    record->cert_subject = clean(draft, identity_text(identity, "subject"));
    record->cert_issuer = clean(draft, identity_text(identity, "issuer"));
    record->cert_serial = identity_text(identity, "serial");
    record->cert_not_after = identity->not_after_s;
    set_sans(draft, identity);
}

static const char *revocation_word(uint8_t state)
{
    return state == REVOCATION_GOOD          ? "good"
           : state == REVOCATION_NOT_CHECKED ? "not_checked"
                                             : "unknown";
}

static const char *tls_version_word(uint32_t version)
{
    switch (version) {
    case 0x0303:
        return "1.2";
    case 0x0304:
        return "1.3";
    default:
        return "unknown";
    }
}

static void set_connection(struct draft *draft, const struct session *session)
{
    const struct message_open *open = &session->open;
    struct audit_record *record = &draft->record;

    address_format_port(&open->source, draft->source);
    address_format_port(&open->destination, draft->destination);
    record->sid = session->id;
    record->src = bytes_of(draft->source);
    record->dst = bytes_of(draft->destination);
    if (open->via_proxy.known) {
        address_format_port(&open->via_proxy, draft->via_proxy);
        record->via_proxy = bytes_of(draft->via_proxy);
    }
    record->listener = clean(draft, open->listener_name);
    record->service = clean(draft, open->service_name);
    record->tls_version = bytes_of(tls_version_word(open->tls_version));
    record->tls_sni = clean(draft, open->sni);
    record->tls_alpn = clean(draft, open->alpn);
    record->tls_cipher = clean(draft, open->cipher);
    record->cert_ca = clean(draft, open->ca_name);
    record->cert_revocation = bytes_of(revocation_word(open->revocation));
    if (open->crl_this_update_s > 0)
        record->crl_age = clock_realtime_s() - open->crl_this_update_s;
}

/* One a line. */
static void set_candidates(struct draft *draft, const char *lines)
{
    struct audit_texts *texts = &draft->record.id_candidates;

    while (*lines && texts->n < AUDIT_TEXTS_MAX) {
        size_t len = strcspn(lines, "\n");

        texts->at[texts->n++] = clean(draft, (struct bytes){(const uint8_t *)lines, len});
        lines += len + (lines[len] == '\n');
    }
}

static void set_person(struct draft *draft, const struct session *session)
{
    struct audit_record *record = &draft->record;

    if (session->identity)
        set_certificate(draft, session->identity);
    if (session->open.not_after_s > 0)
        record->cert_not_after = session->open.not_after_s;
    record->id_mapping = clean_text(draft, session->mapping);
    if (session->reason == REASON_AMBIGUOUS_USER)
        set_candidates(draft, session->candidates);
    record->id_user = clean_text(draft, session->user);
    if (session->account)
        record->id_uid = session->account->uid;
    record->directory_age = session->directory_age_s;
}

static const char *decision_word(const struct session *session, enum record_event event,
                                 enum reason reason)
{
    if (event == RECORD_DENY || reason != REASON_OK)
        return "deny";
    return session->provisional && session->pam < SESSION_PAM_CONFIRMED ? "provisional" : "allow";
}

static void set_groups(struct draft *draft, const struct session *session)
{
    struct audit_texts *texts = &draft->record.groups;

    if (!session->account || session->decide->judged != session ||
        !(session->decide->decision.tested & POLICY_FACT_BIT(POLICY_FACT_GROUPS)))
        return;
    for (size_t i = 0; i < session->account->n_groups && texts->n < AUDIT_TEXTS_MAX; i++)
        texts->at[texts->n++] = clean_text(draft, session->groups[i]);
}

/* Its place; before there is one all of the service (NULL: none) that may become it. */
static void set_upstream(struct draft *draft, const struct session *session,
                         const struct config_service *service)
{
    size_t len = 0;

    draft->upstream[0] = '\0';
    if (session->target)
        (void)snprintf(draft->upstream, sizeof(draft->upstream), "%s", session->target->where);
    for (size_t i = 0; !session->target && service && i < service->upstream.n &&
                       len + strlen(service->upstream.at[i]) + 2 < sizeof(draft->upstream);
         i++)
        len += (size_t)snprintf(draft->upstream + len, sizeof(draft->upstream) - len, "%s%s",
                                i ? " " : "", service->upstream.at[i]);
    draft->record.upstream = clean_text(draft, draft->upstream);
}

static void set_shadow(struct draft *draft, const struct policy_decision *decision)
{
    static const char *const words[] = {"deny", "allow", "provisional"};

    if (decision->shadow_verdict == decision->verdict)
        return;
    draft->record.shadow_decision = bytes_of(words[decision->shadow_verdict]);
    draft->record.shadow_rule = clean_text(draft, decision->shadow_rule);
}

static void set_decision(struct draft *draft, const struct session *session,
                         enum record_event event, enum reason reason)
{
    struct audit_record *record = &draft->record;
    const struct config_service *service = session_service(session);

    record->decision = bytes_of(decision_word(session, event, reason));
    record->policy_version = session->decide->policy_version;
    record->policy_rule = clean_text(draft, session->rule);
    record->policy_file = clean_text(draft, session->file);
    if (session->line > 0)
        record->policy_line = session->line;
    if (session->valid_until_s != INT64_MAX)
        record->valid_until = session->valid_until_s;
    set_upstream(draft, session, service);
    set_groups(draft, session);
    if (session->decide->judged != session || session->decide->decision.tested == 0)
        return; /* nothing of this session's own judgement is at hand */
    set_shadow(draft, &session->decide->decision);
    facts_json(session->decide, &draft->facts);
    record->facts = writer_bytes(&draft->facts);
    if (session->decide->decision.n_misses == 0)
        return;
    misses_json(session->decide, &draft->misses);
    record->misses = writer_bytes(&draft->misses);
}

static void set_end(struct draft *draft, const struct session *session)
{
    struct audit_record *record = &draft->record;

    if (session->bytes_known) {
        record->bytes_in = (int64_t)session->bytes_in;
        record->bytes_out = (int64_t)session->bytes_out;
    }
    record->dur_ms = session->closed_ms - session->open.accepted_ms;
    record->confirms =
        clean_text(draft, session->pam >= SESSION_PAM_CONFIRMED ? session->login : "");
}

bool record_session(struct session *session, enum record_event event,
                    const struct record_extra *extra)
{
    struct draft *draft = new_draft();
    bool written;

    draft->record.ev = bytes_of(events[event].name);
    set_connection(draft, session);
    set_person(draft, session);
    if (events[event].decides)
        set_decision(draft, session, event, extra->reason);
    if (event == RECORD_CLOSE) {
        set_upstream(draft, session, NULL);
        set_end(draft, session);
    }
    if (event == RECORD_REEVAL || event == RECORD_PAM)
        draft->record.sid_part = ++session->parts;
    set_reason(draft, extra->reason, extra->detail);
    draft->record.who = clean_text(draft, extra->who ? extra->who : "");
    if (extra->confirms)
        draft->record.confirms = clean_text(draft, extra->confirms);
    written = ledger_write(session->decide->ledger, &draft->record, extra->urgent, extra->wait);
    clear_draft(draft);
    return written;
}

bool record_event(struct decide *decide, enum record_event event, const struct record_extra *extra)
{
    struct draft *draft = new_draft();
    bool written;

    draft->record.ev = bytes_of(events[event].name);
    set_reason(draft, extra->reason, extra->detail);
    draft->record.who = clean_text(draft, extra->who ? extra->who : "");
    if (extra->confirms)
        draft->record.confirms = clean_text(draft, extra->confirms);
    written = ledger_write(decide->ledger, &draft->record, extra->urgent, extra->wait);
    clear_draft(draft);
    return written;
}

/* --- clients without identity ----------------------------------------------------------------- */

/* At most STRANGER_TEXT_MAX octets of a text, whole characters. */
static struct bytes clean_start(struct draft *draft, struct bytes text)
{
    if (text.len > STRANGER_TEXT_MAX) {
        text.len = STRANGER_TEXT_MAX;
        while (text.len > 0 && (text.at[text.len] & 0xc0) == 0x80)
            text.len--;
    }
    return clean(draft, text);
}

/* Nobody vouches for what it says: enough to find the certificate, and not more. */
static void set_unverified(struct draft *draft, const struct identity *identity)
{
    draft->record.cert_sha256 = identity->sha256;
    draft->record.cert_subject = clean_start(draft, identity_text(identity, "subject"));
    draft->record.cert_issuer = clean_start(draft, identity_text(identity, "issuer"));
}

static enum reason known_reason(uint32_t reason)
{
    return reason < REASON__COUNT ? (enum reason)reason : REASON_MSG_MALFORMED;
}

static void set_denied(struct draft *draft, enum reason reason, const struct address *source)
{
    draft->record.ev = bytes_of("deny");
    draft->record.decision = bytes_of("deny");
    set_reason(draft, reason, "");
    if (!source->known)
        return;
    if (source->port)
        address_format_port(source, draft->source);
    else
        address_format(source, draft->source);
    draft->record.src = bytes_of(draft->source);
}

void record_preauth(struct decide *decide, const struct message_preauth_denied *msg)
{
    AUTO(identity_unrefp) struct identity *identity = NULL;
    enum reason reason = known_reason(msg->reason);
    struct draft *draft;
    struct error err;

    if (!strangers_may_record(decide->strangers, clock_monotonic_ms(), reason, &msg->source,
                              msg->count))
        return;
    draft = new_draft();
    set_denied(draft, reason, &msg->source);
    draft->record.detail = clean_start(draft, msg->detail);
    draft->record.tls_sni = clean_start(draft, msg->sni);
    draft->record.listener = clean(draft, msg->listener_name);
    draft->record.count = msg->count;
    /* Not through the cache: strangers would push out those who may come in. */
    if (msg->leaf.len > 0 && identity_extract(msg->leaf, &identity, &err))
        set_unverified(draft, identity);
    (void)ledger_write(decide->ledger, &draft->record, false, NULL); /* a loss is counted there */
    clear_draft(draft);
}

void record_preauth_counts(struct decide *decide)
{
    struct strangers_count count;

    while (strangers_next(decide->strangers, &count)) {
        struct draft *draft = new_draft();

        set_denied(draft, count.reason, &count.network);
        draft->record.detail =
            bytes_of(count.network.known ? "clients of this network, counted"
                                         : "clients of several networks, counted");
        draft->record.count = count.n;
        (void)ledger_write(decide->ledger, &draft->record, false, NULL); /* as above */
        clear_draft(draft);
    }
}

bool record_lost(struct decide *decide, const struct registry_record *record, enum reason reason,
                 struct ledger_wait *wait)
{
    struct draft *draft = new_draft();
    bool written;

    draft->record.ev = bytes_of("close");
    draft->record.sid = record->id;
    address_format_port(&record->source, draft->source);
    draft->record.src = bytes_of(draft->source);
    draft->record.service = clean_text(draft, record->service);
    draft->record.id_user = clean_text(draft, record->user);
    draft->record.confirms = clean_text(draft, record->login);
    draft->record.cert_sha256 = record->leaf;
    set_reason(draft, reason, "");
    draft->record.dur_ms =
        (record->closed_ms ? record->closed_ms : clock_realtime_ms()) - record->opened_ms;
    if (record->state == REGISTRY_CLOSED) {
        draft->record.bytes_in = (int64_t)record->bytes_in;
        draft->record.bytes_out = (int64_t)record->bytes_out;
    }
    written = ledger_write(decide->ledger, &draft->record, false, wait);
    clear_draft(draft);
    return written;
}
