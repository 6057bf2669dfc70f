/*
 * STATUS_ASK and STATUS. Runs in fetch; an edge may be taken, so that an answer is about a chain
 * whose signatures lead to an anchor, and a responder is one that the configuration or such a
 * certificate names.
 */
#include "gatewayd/fetch/asks.h"

#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/fetch/fetching.h"
#include "gatewayd/fetch/ocsp.h"
#include "gatewayd/shared/fetch_url.h"
#include "gatewayd/shared/hash.h"
#include "gatewayd/shared/ocsp_known.h"
#include "gatewayd/shared/x509_facts.h"
#include "gatewayd/shared/xalloc.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <uthash.h>

enum {
    ANSWERS_MAX = 16384, /* remembered: about 4 MiB */
    QUESTIONS_MAX = 256, /* at the same time, to all responders */
    WAITERS_MAX = 64,    /* edges that wait for the same answer, or one again and again */
    QUESTION_MS = 2500,  /* the stage `status` of an edge waits 3 s */
    KEEP_BAD_S = 60,     /* how long nobody is asked again after no answer */
};

struct waiter {
    uint32_t slot;
    uint64_t cookie;
};

struct answer {
    struct hash key; /* of section, issuer's key and serial number */
    UT_hash_handle hh;
    struct asks *asks;
    enum reason reason;
    int64_t this_update_s, until_s;
    char *detail; /* NULL: none */
    struct ocsp_known known;
    /* while it is asked for */
    struct web *web;
    char *ca;
    X509 *leaf, *issuer;
    struct waiter *waiters;
    size_t n_waiters;
};

struct asks {
    struct fetching *fetching;
    struct answer *answers; /* uthash; in the order in which they were first asked for */
    struct asks_counts counts;
};

struct asks *asks_new(struct fetching *fetching)
{
    struct asks *asks = xcalloc(1, sizeof(*asks));

    asks->fetching = fetching;
    return asks;
}

struct asks_counts asks_count(const struct asks *asks)
{
    struct asks_counts counts = asks->counts;

    counts.remembered = HASH_COUNT(asks->answers);
    return counts;
}

/* --- answers to edges ------------------------------------------------------------------------- */

static void send_status(struct asks *asks, const struct waiter *to,
                        const struct message_status *what)
{
    struct channel *edge = role_channel(asks->fetching->role, PROCESS_EDGE, to->slot);
    struct message_status msg = *what;

    msg.cookie = to->cookie;
    if (edge && !channel_send(edge, MESSAGE_STATUS, &msg, -1))
        log_event(LOG_LEVEL_WARNING, "status_lost", "edge=%u", to->slot);
}

static void send_answer(struct answer *answer, const struct waiter *to)
{
    struct message_status msg = {.reason = answer->reason,
                                 .this_update_s = answer->this_update_s,
                                 .until_s = answer->until_s,
                                 .detail = bytes_of(answer->detail ? answer->detail : "")};

    send_status(answer->asks, to, &msg);
}

static void refuse(struct asks *asks, const struct waiter *to, const struct error *why)
{
    struct message_status msg = {.reason = REASON_OCSP_UNAVAILABLE,
                                 .until_s = clock_realtime_s() + KEEP_BAD_S,
                                 .detail = bytes_of(why->detail)};

    asks->counts.no_answer++;
    send_status(asks, to, &msg);
}

/* --- memory ----------------------------------------------------------------------------------- */

static void end_question(struct answer *answer)
{
    if (answer->leaf)
        answer->asks->counts.running--;
    X509_free(answer->leaf);
    X509_free(answer->issuer);
    free(answer->ca);
    free(answer->waiters);
    answer->waiters = NULL;
    answer->leaf = answer->issuer = NULL;
    answer->ca = NULL;
    answer->n_waiters = 0;
}

static void forget(struct asks *asks, struct answer *answer)
{
    HASH_DEL(asks->answers, answer);
    free(answer->detail);
    free(answer);
}

void asks_forget(struct asks *asks)
{
    struct answer *answer, *next;

    HASH_ITER(hh, asks->answers, answer, next)
    if (answer->known.this_update_s > 0)
        answer->until_s = 0; /* asked again; what its CA has signed stays true */
    else if (!answer->leaf)
        forget(asks, answer);
}

/* The oldest; a revocation only where nothing else can go. */

static void make_room(struct asks *asks)
{
    struct answer *answer, *next, *last_resort = NULL;

    if (HASH_COUNT(asks->answers) < ANSWERS_MAX)
        return;
    HASH_ITER(hh, asks->answers, answer, next)
    if (!answer->leaf && answer->known.reason != REASON_CERT_REVOKED) {
        forget(asks, answer);
        return;
    } else if (!answer->leaf && !last_resort) {
        last_resort = answer;
    }
    if (last_resort)
        forget(asks, last_resort);
}

static struct hash key_of(const char *ca, X509 *leaf, X509 *issuer)
{
    AUTO(writer_clear) struct writer out = writer_new(4096);
    struct hash issuer_key = x509_key_hash(issuer);
    const ASN1_INTEGER *serial = X509_get0_serialNumber(leaf);

    writer_block16(&out, bytes_of(ca));
    writer_put(&out, (struct bytes){issuer_key.octets, HASH_LEN});
    writer_block16(
        &out, (struct bytes){ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial)});
    return hash_of(writer_bytes(&out));
}

/* --- a question to a responder ---------------------------------------------------------------- */

/* A list of the section names it: only for a responder without ocsp-nocheck. */
static bool is_revoked(void *context, const X509 *responder)
{
    const struct answer *answer = context;
    const struct authority *authority =
        authorities_find(answer->asks->fetching->authorities, bytes_of(answer->ca));
    unsigned char *der = NULL;
    int len = i2d_X509_NAME(X509_get_issuer_name(responder), &der);
    struct bytes issuer = {der, len > 0 ? (size_t)len : 0}, serial;
    bool found = !authority || !x509_serial(X509_get0_serialNumber(responder), &serial);

    for (size_t i = 0; !found && i < authority->trust->n_crls; i++)
        for (size_t k = 0; !found && k < authority->trust->crls[i].n_revoked; k++) {
            const struct trust_revoked *revoked = &authority->trust->crls[i].revoked[k];

            found = bytes_equal(revoked->issuer, issuer) && trust_revoked_has(revoked, serial);
        }
    OPENSSL_free(der);
    return found;
}

static struct ocsp_about about_of(struct answer *answer)
{
    return (struct ocsp_about){.leaf = answer->leaf,
                               .issuer = answer->issuer,
                               .now_s = clock_realtime_s(),
                               .is_revoked = is_revoked,
                               .context = answer};
}

static void answered(struct answer *answer, const struct ocsp_result *result,
                     const struct error *why)
{
    struct error old;

    answer->reason = ocsp_known_take(&answer->known, why ? REASON_OCSP_UNAVAILABLE : result->reason,
                                     why ? 0 : result->this_update_s);
    if (!why && answer->reason != result->reason) {
        (void)err_set(&old, REASON_OCSP_UNAVAILABLE, "%s",
                      result->this_update_s < answer->known.this_update_s
                          ? "the answer is older than one before it"
                          : "nothing newer says that it is good again");
        why = &old;
    }
    free(answer->detail);
    answer->detail = why && answer->reason == REASON_OCSP_UNAVAILABLE ? xstrdup(why->detail) : NULL;
    answer->this_update_s =
        answer->reason == REASON_OCSP_UNAVAILABLE ? 0 : answer->known.this_update_s;
    answer->until_s = why ? clock_realtime_s() + KEEP_BAD_S : result->until_s;
    /* Who nobody knows today may be known in a minute. */
    if (answer->reason == REASON_OCSP_UNKNOWN)
        answer->until_s = clock_realtime_s() + KEEP_BAD_S;
    if (why) {
        answer->asks->counts.no_answer++;
        log_error("ocsp_no_answer", why, "ca=%s", answer->ca);
    }
    for (size_t i = 0; i < answer->n_waiters; i++)
        send_answer(answer, &answer->waiters[i]);
    end_question(answer);
}

static void came(void *context, struct bytes body, const struct error *why)
{
    struct answer *answer = context;
    struct ocsp_about about = about_of(answer);
    struct ocsp_result result = {.reason = REASON_OCSP_UNKNOWN};
    struct error err;

    answer->web = NULL; /* it frees itself */
    if (why)
        err = *why;
    if (why || !ocsp_answer(body, &about, &result, &err))
        answered(answer, NULL, &err);
    else
        answered(answer, &result, NULL);
}

/* The section's responder, or the first http address of the certificate. The caller frees it. */
static char *responder_of(const struct config_ca *ca, X509 *leaf)
{
    STACK_OF(OPENSSL_STRING) * all;
    char *found = NULL;

    if (ca->ocsp_responder)
        return xstrdup(ca->ocsp_responder);
    all = X509_get1_ocsp(leaf);
    for (int i = 0; !found && all && i < sk_OPENSSL_STRING_num(all); i++) {
        const char *url = sk_OPENSSL_STRING_value(all, i);
        struct fetch_url parsed;

        if (fetch_url_parse(url, &parsed, NULL) && parsed.scheme == FETCH_HTTP)
            found = xstrdup(url);
    }
    X509_email_free(all);
    return found;
}

static bool begin(struct answer *answer, const struct config_ca *ca, struct error *err)
{
    struct fetching *fetching = answer->asks->fetching;
    AUTO(writer_clear) struct writer question = writer_new(4096);
    AUTO(char_freep) char *url = responder_of(ca, answer->leaf);
    struct ocsp_about about = about_of(answer);
    struct web_request request = {.url = url,
                                  .content_type = "application/ocsp-request",
                                  .max = OCSP_ANSWER_MAX,
                                  .limit_ms = QUESTION_MS,
                                  .held = &fetching->held,
                                  .done = came,
                                  .context = answer};

    if (!url)
        return err_set(err, REASON_OCSP_UNAVAILABLE,
                       "neither the certificate nor its ca section names a responder");
    if (!ocsp_question(&about, &question, err))
        return false;
    request.body = writer_bytes(&question);
    answer->asks->counts.questions++;
    answer->web = web_begin(fetching->role->loop, fetching->names, &request);
    return true;
}

/* --- a question of an edge -------------------------------------------------------------------- */

static struct answer *add(struct asks *asks, const struct hash *key)
{
    struct answer *answer = xcalloc(1, sizeof(*answer));

    make_room(asks);
    answer->key = *key;
    answer->asks = asks;
    HASH_ADD(hh, asks->answers, key, sizeof(answer->key), answer);
    return answer;
}

static bool wait_for(struct answer *answer, const struct waiter *who, struct error *err)
{
    if (answer->n_waiters == WAITERS_MAX)
        return err_set(err, REASON_OCSP_UNAVAILABLE, "too many wait for this answer");
    answer->waiters = xrealloc(answer->waiters, answer->n_waiters + 1, sizeof(*answer->waiters));
    answer->waiters[answer->n_waiters++] = *who;
    return true;
}

static bool ask_about(struct asks *asks, const struct config_ca *ca, const STACK_OF(X509) * path,
                      const struct waiter *who, struct error *err)
{
    X509 *leaf = sk_X509_value(path, 0), *issuer = sk_X509_value(path, 1);
    struct hash key = key_of(ca->title, leaf, issuer);
    struct answer *answer;

    HASH_FIND(hh, asks->answers, &key, sizeof(key), answer);
    if (answer && answer->leaf)
        return wait_for(answer, who, err);
    if (answer && clock_realtime_s() < answer->until_s) {
        asks->counts.answered_from_memory++;
        send_answer(answer, who);
        return true;
    }
    if (asks->counts.running >= QUESTIONS_MAX)
        return err_set(err, REASON_OCSP_UNAVAILABLE, "too many questions at once");
    if (!answer)
        answer = add(asks, &key);
    answer->leaf = leaf;
    answer->issuer = issuer;
    if (!X509_up_ref(leaf) || !X509_up_ref(issuer))
        abort();
    answer->ca = xstrdup(ca->title);
    asks->counts.running++;
    (void)!wait_for(answer, who, err); /* the first one has room */
    if (!begin(answer, ca, err))
        answered(answer, NULL, err);
    return true;
}

static bool ask(struct asks *asks, const struct message_status_ask *msg, const struct waiter *who,
                struct error *err)
{
    AUTO(char_freep) char *title = xtext(msg->ca_name);
    const struct config_ca *ca = config_find_ca(asks->fetching->role->config, title);
    const struct authority *authority = authorities_find(asks->fetching->authorities, msg->ca_name);
    STACK_OF(X509) *path = NULL;
    bool good;

    if (!ca || !authority || ca->ocsp == CONFIG_OCSP_OFF)
        return err_set(err, REASON_OCSP_UNAVAILABLE, "no ca section with ocsp");
    if (!authority_path(authority, msg->chain, clock_realtime_s(), &path, err))
        return false;
    good = sk_X509_num(path) >= 2 ? ask_about(asks, ca, path, who, err)
                                  : err_set(err, REASON_OCSP_UNAVAILABLE, "no issuer");
    sk_X509_pop_free(path, X509_free);
    return good;
}

void asks_ask(struct asks *asks, uint32_t edge_slot, const struct message_status_ask *msg)
{
    struct waiter who = {.slot = edge_slot, .cookie = msg->cookie};
    struct error err;

    asks->counts.asked++;
    if (!ask(asks, msg, &who, &err))
        refuse(asks, &who, &err);
}
