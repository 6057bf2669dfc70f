/*
 * decide as a whole: what a connection, a change and a login lead to, seen from the other ends of
 * its channels.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/clock.h"
#include "decide_world.h"
#include "people.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static const char allow_admins[] = "rule \"admins\" { groups = {\"admins\"} }\n";
static const char allow_staff[] =
    "rule \"staff\" { groups = {\"staff\"} services = {\"any\"} }\n"
    "rule \"work\" { ca = {\"users\"} services = {\"echo\"} users = {\"none\"} }\n";
static const char allow_nobody[] = "rule \"nobody\" { users = {\"nobody\"} }\n";
#define ALICE "alice@corp.example"
#define BOB   "bob@corp.example"

/* --- verdicts --------------------------------------------------------------------------------- */

static void test_allowed(void **state)
{
    struct world *world = world_new(allow_staff);
    struct world_verdict *verdict = world_connect(world, 1, ALICE, "echo");
    const struct world_record *open = world_last(world, "open");
    struct sockaddr_un peer;
    socklen_t len = sizeof(peer);
    char id[SESSION_ID_TEXT_LEN + 1], octet;
    int fd;

    (void)state;
    assert_int_equal(verdict->reason, REASON_OK);
    assert_true(verdict->fd >= 0);
    assert_string_equal(open->user, "alice");
    assert_string_equal(open->decision, "allow");
    assert_string_equal(open->rule, "staff");
    assert_non_null(strstr(open->facts, "\"admins\""));
    session_id_format(&verdict->session, id);
    assert_string_equal(open->sid, id);
    fd = accept(world->service, NULL, NULL);
    assert_true(fd >= 0);
    assert_int_equal(getpeername(fd, (struct sockaddr *)&peer, &len), 0);
    assert_memory_equal(peer.sun_path, "\0gatewayd/session/", 18);
    assert_memory_equal(peer.sun_path + 18, id, SESSION_ID_TEXT_LEN);
    assert_int_equal(len, offsetof(struct sockaddr_un, sun_path) + 18 + SESSION_ID_TEXT_LEN);
    assert_int_equal(write(verdict->fd, "x", 1), 1);
    assert_int_equal(read(fd, &octet, 1), 1);
    (void)close(fd);
    world_close(world, 1, 10, 20);
    world_wait(world, 30);
    assert_int_equal(world_last(world, "close")->bytes_in, 10);
    assert_int_equal(world_last(world, "close")->bytes_out, 20);
    assert_string_equal(world_last(world, "close")->reason, "client_closed");
    assert_int_equal(sessions_count(world->decide->sessions), 0);
    world_free(world);
}

static void test_denied(void **state)
{
    struct world *world = world_new(allow_staff);
    struct world_verdict *verdict = world_connect(world, 1, BOB, "echo");
    const struct world_record *deny = world_last(world, "deny");

    (void)state;
    assert_int_equal(verdict->reason, REASON_DEFAULT_DENY);
    assert_int_equal(verdict->fd, -1);
    assert_string_equal(verdict->text, reason_text(REASON_DEFAULT_DENY));
    assert_string_equal(deny->reason, "default_deny");
    assert_non_null(strstr(deny->misses, "\"rule\":\"staff\""));
    assert_int_equal(world_count(world, "open"), 0);
    assert_int_equal(sessions_count(world->decide->sessions), 0);
    world_free(world);
}

static const struct {
    const char *name, *policy, *mail, *service;
    int64_t stale_s; /* age of the directory */
    enum reason reason;
} refusals[] = {
    {"no such service", allow_staff, ALICE, "nothing", 0, REASON_NO_SERVICE},
    {"no service named", allow_staff, ALICE, "", 0, REASON_NO_SERVICE_NAMED},
    {"no mapping", allow_staff, "alice@other.example", "echo", 0, REASON_NO_RULE},
    {"nobody of that address", allow_staff, "carol@corp.example", "echo", 0, REASON_NO_USER},
    {"two of that address, no login will follow", allow_staff, "ops@corp.example", "echo", 0,
     REASON_AMBIGUOUS_USER},
    {"account younger than the certificate", allow_staff, "new@corp.example", "echo", 0,
     REASON_CERT_OLDER_THAN_ACCOUNT},
    {"directory too old", allow_staff, ALICE, "echo", 1000, REASON_DIRECTORY_STALE},
    {"a deny rule",
     "rule \"d\" { effect = \"deny\" users = {\"alice\"} }\n"
     "rule \"a\" { users = {\"any\"} }\n",
     ALICE, "echo", 0, REASON_RULE_DENY},
    {"upstream is not there", allow_staff, ALICE, "dead", 0, REASON_UPSTREAM_UNREACHABLE},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        struct world *world = world_new_empty(world_config);
        struct world_verdict *verdict;

        world_policy(world, refusals[i].policy);
        world_people(world, clock_realtime_ms() - refusals[i].stale_s * 1000);
        world_wait(world, 10);
        verdict = world_connect(world, 1, refusals[i].mail, refusals[i].service);
        if (verdict->reason != refusals[i].reason || verdict->fd >= 0)
            fail_msg("%s: %s", refusals[i].name, reason_name(verdict->reason));
        world_wait(world, 10);
        assert_int_equal(sessions_count(world->decide->sessions), 0);
        world_free(world);
    }
}

static void test_nothing_has_come(void **state)
{
    struct world *world = world_new_empty(world_config);

    (void)state;
    assert_int_equal(world_connect(world, 1, ALICE, "echo")->reason, REASON_DIRECTORY_STALE);
    world_people(world, clock_realtime_ms());
    world_wait(world, 10);
    assert_int_equal(world_connect(world, 2, ALICE, "echo")->reason, REASON_POLICY_MISSING);
    world_free(world);
}

static void test_workload(void **state)
{
    struct world *world = world_new(allow_staff);
    struct world_verdict *verdict = world_connect(world, 1, "job@work.example", "echo");

    (void)state;
    assert_int_equal(verdict->reason, REASON_OK);
    assert_string_equal(world_last(world, "open")->user, "");
    world_free(world);
}

static void test_open_waits_for_its_record(void **state)
{
    struct world *world = world_new(allow_staff);
    struct message_ack ack;

    (void)state;
    world->audit_silent = true;
    world_open(world, 1, ALICE, "echo");
    world_wait(world, 100);
    assert_int_equal(world_count(world, "open"), 1);
    assert_int_equal(world->n_verdicts, 0);
    ack = (struct message_ack){.epoch = world->decide->epoch, .counter = world->acked};
    assert_true(channel_send(world->audit, MESSAGE_ACK, &ack, -1));
    world_wait(world, 20);
    assert_int_equal(world->n_verdicts, 1);
    assert_int_equal(world->verdicts[0].reason, REASON_OK);
    world_free(world);
}

static void test_no_acknowledgement(void **state)
{
    struct world *world = world_new(allow_staff);

    (void)state;
    world->audit_silent = true;
    world_open(world, 1, ALICE, "echo");
    world_wait(world, 3200);
    assert_int_equal(world->n_verdicts, 1);
    assert_int_equal(world->verdicts[0].reason, REASON_AUDIT_UNAVAILABLE);
    assert_int_equal(world_count(world, "close"), 1);
    world_free(world);
}

static void test_audit_unavailable(void **state)
{
    struct world *world = world_new(allow_staff);
    struct message_audit_state msg = {.reason = REASON_AUDIT_UNAVAILABLE};

    (void)state;
    assert_int_equal(world_connect(world, 1, ALICE, "echo")->reason, REASON_OK);
    assert_true(channel_send(world->audit, MESSAGE_AUDIT_STATE, &msg, -1));
    world->audit_silent = true;
    world_wait(world, 10);
    assert_int_equal(world_connect(world, 2, ALICE, "echo")->reason, REASON_AUDIT_UNAVAILABLE);
    assert_int_equal(world->n_ends, 0); /* audit.on_loss = "continue" */
    world_free(world);
}

/* What was not acknowledged is sent once more, and the connection goes on. */
static void test_audit_restarts(void **state)
{
    struct world *world = world_new(allow_staff);

    (void)state;
    world->audit_silent = true;
    world_open(world, 1, ALICE, "echo");
    world_wait(world, 20);
    assert_int_equal(world_count(world, "open"), 1);
    world->audit_silent = false;
    world_restart_audit(world);
    world_wait(world, 20);
    assert_int_equal(world_count(world, "open"), 2);
    assert_string_equal(world->records[0].sid, world->records[1].sid);
    assert_int_equal(world->verdicts[0].reason, REASON_OK);
    world_free(world);
}

/* CLIENT_CERT with one whole DER sequence in it. */
static bool has_certificate(const uint8_t *at, size_t len)
{
    for (size_t i = 0; i + 7 < len; i++)
        if (at[i] == 0x28 && at[i + 3] == 0x30 && at[i + 4] == 0x82 &&
            (at[i + 1] << 8 | at[i + 2]) == (at[i + 5] << 8 | at[i + 6]) + 4)
            return true;
    return false;
}

static void test_proxy_header(void **state)
{
    static const uint8_t begin[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11";
    struct world *world = world_new(allow_staff);
    struct world_verdict *verdict = world_connect(world, 1, ALICE, "proxied");
    uint8_t octets[1024];
    ssize_t n;
    int fd;

    (void)state;
    assert_int_equal(verdict->reason, REASON_OK);
    fd = accept(world->service, NULL, NULL);
    n = read(fd, octets, sizeof(octets));
    assert_true(n > 28);
    assert_memory_equal(octets, begin, 14);
    assert_memory_equal(octets + 16, "\xc0\x00\x02\x07\xc0\x00\x02\x01", 8);
    assert_non_null(memmem(octets, (size_t)n, verdict->session.octets, SESSION_ID_LEN));
    assert_true(has_certificate(octets, (size_t)n));
    assert_non_null(memmem(octets, (size_t)n, "\xe0\0\5alice", 8));
    assert_non_null(memmem(octets, (size_t)n, "\xe1\0\6admins", 9));
    assert_non_null(memmem(octets, (size_t)n, "\xe1\0\5staff", 8)); /* nested too */
    assert_null(world_session(world, 1)->open.leaf.at);             /* not kept any longer */
    (void)close(fd);
    world_free(world);
}

static void test_old_trust_is_verified_again(void **state)
{
    struct world *world = world_new(allow_staff);
    struct message_trust trust = {.generation = 2};
    struct message_chains chains = {.connection = 1,
                                    .generation = 2,
                                    .reason = REASON_CERT_REVOKED,
                                    .not_after_s = INT64_MAX,
                                    .crl_valid_until_s = INT64_MAX};

    (void)state;
    assert_true(channel_send(world->parent, MESSAGE_TRUST, &trust, -1));
    world_wait(world, 10);
    world_open(world, 1, ALICE, "echo");
    world_wait(world, 20);
    assert_int_equal(world->n_verify, 1);
    assert_int_equal(world->n_verdicts, 0);
    assert_true(channel_send(world->edge, MESSAGE_CHAINS, &chains, -1));
    world_wait(world, 20);
    assert_int_equal(world->verdicts[0].reason, REASON_CERT_REVOKED);
    world_free(world);
}

static void test_whoami(void **state)
{
    struct world *world = world_new(allow_staff);
    struct world_verdict *verdict = world_connect(world, 1, ALICE, NULL);

    (void)state;
    assert_int_equal(verdict->reason, REASON_OK);
    assert_int_equal(verdict->fd, -1);
    assert_non_null(strstr(verdict->text, "alice (uid 2001)"));
    assert_non_null(strstr(verdict->text, "echo"));
    assert_int_equal(world_count(world, "whoami"), 1);
    verdict = world_connect(world, 2, BOB, NULL);
    assert_non_null(strstr(verdict->text, "bob"));
    if (strstr(verdict->text, "echo"))
        fail_msg("%s", verdict->text);
    verdict = world_connect(world, 3, "carol@corp.example", NULL);
    assert_non_null(strstr(verdict->text, reason_text(REASON_NO_USER)));
    world_wait(world, 10);
    assert_int_equal(sessions_count(world->decide->sessions), 0);
    world_free(world);
}

static void test_refused_handshake(void **state)
{
    struct world *world = world_new(allow_staff);
    struct message_preauth_denied msg = {.listener_name = bytes_of("main"),
                                         .sni = bytes_of("x"),
                                         .reason = REASON_CERT_EXPIRED,
                                         .detail = bytes_of("CN=x has expired"),
                                         .count = 3};

    (void)state;
    assert_true(channel_send(world->edge, MESSAGE_PREAUTH_DENIED, &msg, -1));
    world_wait(world, 20);
    assert_int_equal(world->decide->n_refusals, 1);
    assert_int_equal(world->decide->refusals[0].reason, msg.reason);
    assert_int_equal(world->decide->n_denials, 0);
    world_wait(world, 20);
    assert_string_equal(world_last(world, "deny")->reason, "cert_expired");
    assert_int_equal(world_last(world, "deny")->count, 3);
    world_free(world);
}

/* What nobody vouches for is short in the log, and a flood of it is counted. */
static void test_strangers(void **state)
{
    struct world *world = world_new(allow_staff);
    struct message_preauth_denied msg = {.listener_name = bytes_of("main"),
                                         .sni = bytes_of("x"),
                                         .reason = REASON_CERT_UNKNOWN_CA,
                                         .count = 1};
    struct message_audit_state low = {.reason = REASON_OK, .low = true};
    struct error err;
    size_t before = world_count(world, "deny");

    (void)state;
    assert_true(address_parse(bytes_of("192.0.2.77"), &msg.source, &err));
    assert_true(channel_send(world->audit, MESSAGE_AUDIT_STATE, &low, -1));
    world_wait(world, 20);
    for (int i = 0; i < 300; i++)
        assert_true(channel_send(world->edge, MESSAGE_PREAUTH_DENIED, &msg, -1));
    world_wait(world, 1200);
    assert_int_equal(world_count(world, "deny"), before);
    assert_int_equal(world_connect(world, 1, ALICE, "echo")->reason, REASON_OK);
    low.low = false;
    assert_true(channel_send(world->audit, MESSAGE_AUDIT_STATE, &low, -1));
    world_wait(world, 1200);
    assert_int_equal(world_count(world, "deny"), before + 1);
    assert_int_equal(world_last(world, "deny")->count, 300);
    world_free(world);
}

/* --- judged again ----------------------------------------------------------------------------- */

static bool ended(struct world *world)
{
    return world->n_ends > 0;
}

static void expect_end(struct world *world, enum reason reason)
{
    char octet;

    world_run(world, ended);
    assert_int_equal(world->ends[0].reason, reason);
    assert_int_equal(read(world->verdicts[0].fd, &octet, 1), 0); /* shut down whoever holds it */
    assert_string_equal(world_last(world, "reeval")->reason, reason_name(reason));
    world_close(world, world->ends[0].connection, 1, 2);
    world_wait(world, 20);
    assert_string_equal(world_last(world, "close")->reason, reason_name(reason));
    assert_int_equal(sessions_count(world->decide->sessions), 0);
    world_free(world);
}

static struct world *alice_is_in(void)
{
    struct world *world = world_new(allow_admins);

    assert_int_equal(world_connect(world, 1, ALICE, "echo")->reason, REASON_OK);
    return world;
}

static void change(struct world *world, void (*make)(struct replica *replica, struct writer *out))
{
    struct replica_options options = {.schema = "rfc2307bis"};
    struct writer octets = writer_new(65536);
    struct message_change msg = {.as_of_ms = clock_realtime_ms()};
    struct replica *replica;
    struct error err;

    assert_true(mapping_replica_options(world->config, &options, &err));
    replica = people_new(&options);
    make(replica, &octets);
    msg.change = writer_bytes(&octets);
    assert_true(channel_send(world->directory, MESSAGE_CHANGE, &msg, -1));
    writer_clear(&octets);
    (void)replica_free(replica);
}

static void without_alice(struct replica *replica, struct writer *out)
{
    const struct replica_uuid uuid = {{[15] = 10}};

    people_group(replica, 10, "cn=admins,ou=groups,dc=corp,dc=example", "admins", "5001",
                 PEOPLE_DN("bob"), NULL);
    replica_encode_put(replica, replica_find_uuid(replica, &uuid), out);
}

static void alice_is_gone(struct replica *replica, struct writer *out)
{
    const struct replica_uuid uuid = {{[15] = 1}};

    (void)replica;
    replica_encode_remove(&uuid, out);
}

static void test_group_change(void **state)
{
    struct world *world = alice_is_in();

    (void)state;
    change(world, without_alice);
    expect_end(world, REASON_GROUPS_CHANGED);
}

static void test_user_removed(void **state)
{
    struct world *world = alice_is_in();

    (void)state;
    change(world, alice_is_gone);
    expect_end(world, REASON_NO_USER);
}

static void test_policy_change(void **state)
{
    struct world *world = alice_is_in();

    (void)state;
    world_policy(world, allow_nobody);
    expect_end(world, REASON_POLICY_CHANGED);
}

static void test_revocation(void **state)
{
    struct world *world = alice_is_in();
    struct message_chains chains = {.connection = 1,
                                    .session = world->verdicts[0].session,
                                    .reason = REASON_CERT_REVOKED,
                                    .not_after_s = INT64_MAX,
                                    .crl_valid_until_s = INT64_MAX};

    (void)state;
    assert_true(channel_send(world->edge, MESSAGE_CHAINS, &chains, -1));
    expect_end(world, REASON_CERT_REVOKED);
}

/* The anchors moved to another section: what the old one allowed is allowed no longer. */
static void test_chain_ends_in_another_ca(void **state)
{
    struct world *world = alice_is_in();
    struct message_chains chains = {.connection = 1,
                                    .session = world->verdicts[0].session,
                                    .ca_name = bytes_of("partners"),
                                    .not_after_s = INT64_MAX,
                                    .crl_valid_until_s = INT64_MAX};

    (void)state;
    assert_true(channel_send(world->edge, MESSAGE_CHAINS, &chains, -1));
    expect_end(world, REASON_NO_RULE);
}

/* Whatever the edge says: what the service accepts is the configuration's word. */
static void test_ca_that_the_service_does_not_accept(void **state)
{
    struct world *world = alice_is_in();
    struct message_chains chains = {.connection = 1,
                                    .session = world->verdicts[0].session,
                                    .ca_name = bytes_of("strangers"),
                                    .not_after_s = INT64_MAX,
                                    .crl_valid_until_s = INT64_MAX};

    (void)state;
    assert_true(channel_send(world->edge, MESSAGE_CHAINS, &chains, -1));
    expect_end(world, REASON_SERVICE_CA);
}

static void test_ca_of_each_service(void **state)
{
    static const struct {
        const char *service, *ca;
        enum reason reason;
    } opens[] = {
        {"echo", "users", REASON_OK},
        {"echo", "partners", REASON_NO_RULE},
        {"echo", "strangers", REASON_SERVICE_CA},
        {"echo", "", REASON_SERVICE_CA},
        {"echo", "userz", REASON_SERVICE_CA},
        {"own", "users", REASON_SERVICE_CA},
        {"own", "strangers", REASON_NO_RULE},
        {"own", "partners", REASON_SERVICE_CA},
    };
    struct world *world = world_new(allow_admins);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(opens); i++) {
        struct message_open open = world_open_message(i + 1, ALICE, opens[i].service);

        open.ca_name = bytes_of(opens[i].ca);
        assert_true(channel_send(world->edge, MESSAGE_OPEN, &open, -1));
        free((void *)open.leaf.at);
        world_wait(world, 20);
        assert_int_equal(world->n_verdicts, i + 1);
        if (world->verdicts[i].reason != opens[i].reason)
            fail_msg("%s by %s: %s", opens[i].service, opens[i].ca,
                     reason_name((enum reason)world->verdicts[i].reason));
    }
    world_free(world);
}

static void test_stale_while_live(void **state)
{
    struct world *world = alice_is_in();

    (void)state;
    world_people(world, clock_realtime_ms() - 5 * 3600 * 1000);
    expect_end(world, REASON_DIRECTORY_STALE);
}

static void lock(struct world *world, const char *kind, const char *value,
                 struct protocol_message *ret_reply)
{
    struct protocol_message request;

    protocol_message_init(&request, PROTOCOL_CTL_LOCK_ADD);
    request.lock_kind = bytes_of(kind);
    request.lock_value = bytes_of(value);
    request.text = bytes_of("for the test");
    world_ask(world, "control.sock", &request, ret_reply);
}

static void test_lock_of_the_unknown(void **state)
{
    static const struct {
        const char *kind, *value;
        bool known;
    } cases[] = {{"user", "alice", true},   {"user", "alcie", false},  {"group", "STAFF", true},
                 {"group", "stuff", false}, {"service", "echo", true}, {"service", "eco", false},
                 {"issuer", "CN=any", true}};
    struct world *world = alice_is_in();
    struct protocol_message reply;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        lock(world, cases[i].kind, cases[i].value, &reply);
        assert_int_equal(reply.kind, PROTOCOL_OK);
        if ((reply.text.len == 0) != cases[i].known)
            fail_msg("%s %s: %.*s", cases[i].kind, cases[i].value, (int)reply.text.len,
                     (const char *)reply.text.at);
    }
    world_free(world);
}

static void test_lock(void **state)
{
    struct world *world = alice_is_in();
    struct protocol_message reply;

    (void)state;
    lock(world, "group", "staff", &reply);
    assert_int_equal(reply.kind, PROTOCOL_OK);
    assert_int_equal(reply.count, 1);
    assert_int_equal(reply.lock_id.len, LOCK_ID_LEN);
    world_wait(world, 10);
    assert_int_equal(world_count(world, "admin"), 1);
    expect_end(world, REASON_LOCKED);
}

static void test_lock_refuses_new_ones(void **state)
{
    static const struct {
        const char *kind, *value;
    } locks[] = {{"user", "alice"}, {"service", "echo"}, {"issuer", "CN=Users CA,O=Test"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(locks); i++) {
        struct world *world = world_new(allow_staff);
        struct protocol_message reply, request;

        lock(world, locks[i].kind, locks[i].value, &reply);
        assert_int_equal(reply.kind, PROTOCOL_OK);
        assert_int_equal(world_connect(world, 1, ALICE, "echo")->reason, REASON_LOCKED);
        assert_string_equal(world->verdicts[0].text, "for the test");
        protocol_message_init(&request, PROTOCOL_CTL_LOCK_REMOVE);
        request.lock_id = bytes_of(locks_at(world->decide->locks, 0)->id);
        world_ask(world, "control.sock", &request, &reply);
        assert_int_equal(reply.kind, PROTOCOL_OK);
        assert_int_equal(world_connect(world, 2, ALICE, "echo")->reason, REASON_OK);
        world_free(world);
    }
}

/* A rule that ends, ends what it has allowed. */
static void test_time_ends(void **state)
{
    struct world *world = world_new_empty(world_config);
    char policy[128], until[32];
    time_t end = time(NULL) + 2;
    struct tm tm;

    (void)state;
    (void)strftime(until, sizeof(until), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&end, &tm));
    (void)snprintf(policy, sizeof(policy), "rule \"r\" { users = {\"alice\"} until = \"%s\" }\n",
                   until);
    world_policy(world, policy);
    world_people(world, clock_realtime_ms());
    world_wait(world, 10);
    assert_int_equal(world_connect(world, 1, ALICE, "echo")->reason, REASON_OK);
    world_wait(world, 1500);
    expect_end(world, REASON_TIME_ENDED);
}

static void test_certificate_ends(void **state)
{
    struct world *world = world_new(allow_admins);
    struct message_open open = world_open_message(1, ALICE, "echo");

    (void)state;
    open.not_after_s = clock_realtime_s();
    assert_true(channel_send(world->edge, MESSAGE_OPEN, &open, -1));
    free((void *)open.leaf.at);
    world_wait(world, 600);
    assert_int_equal(world->n_verdicts, 1);
    if (world->verdicts[0].reason == REASON_OK)
        expect_end(world, REASON_CERT_EXPIRED);
    else
        world_free(world); /* the second was over before the verdict */
}

/* By accept, so that neither a judgement nor a restart gives it more time. */
static void test_too_long(void **state)
{
    struct world *world = world_new(allow_staff);

    (void)state;
    assert_int_equal(world_connect(world, 1, ALICE, "short")->reason, REASON_OK);
    assert_true(world_session(world, 1)->valid_until_s <= clock_realtime_s() + 3);
    world_wait(world, 800);
    world_policy(world, allow_staff); /* judges it again */
    world_wait(world, 20);
    assert_int_equal(world->n_ends, 0);
    world_wait(world, 2300);
    expect_end(world, REASON_SESSION_TOO_LONG);
}

/* A list that has ended is asked for once more before its sessions end. */
static void test_revocation_list_ends(void **state)
{
    struct world *world = world_new(allow_admins);
    struct message_open open = world_open_message(1, ALICE, "echo");
    struct message_chains chains = {.connection = 1,
                                    .ca_name = bytes_of("users"),
                                    .not_after_s = INT64_MAX,
                                    .crl_valid_until_s = INT64_MAX};

    (void)state;
    open.crl_valid_until_s = clock_realtime_s() + 2;
    assert_true(channel_send(world->edge, MESSAGE_OPEN, &open, -1));
    free((void *)open.leaf.at);
    world_wait(world, 2300);
    assert_int_equal(world->n_verify, 1);
    assert_int_equal(world->n_ends, 0);
    assert_true(channel_send(world->edge, MESSAGE_CHAINS, &chains, -1));
    world_wait(world, 2500);
    assert_int_equal(world->n_ends, 0);
    world_free(world);
}

static void test_edge_lost(void **state)
{
    struct world *world = alice_is_in();

    (void)state;
    world->edge = channel_free(world->edge);
    world_wait(world, 30);
    assert_string_equal(world_last(world, "close")->reason, "edge_lost");
    assert_int_equal(world_last(world, "close")->bytes_in, AUDIT_NO_NUMBER);
    assert_int_equal(sessions_count(world->decide->sessions), 0);
    world_free(world);
}

static void test_change_while_waiting(void **state)
{
    struct world *world = world_new(allow_admins);
    struct message_ack ack;

    (void)state;
    world->audit_silent = true;
    world_open(world, 1, ALICE, "echo");
    world_wait(world, 20);
    world_policy(world, allow_nobody);
    world_wait(world, 20);
    world->audit_silent = false;
    ack = (struct message_ack){.epoch = world->decide->epoch, .counter = world->acked};
    assert_true(channel_send(world->audit, MESSAGE_ACK, &ack, -1));
    world_wait(world, 20);
    assert_int_equal(world->n_verdicts, 1);
    assert_int_equal(world->verdicts[0].reason, REASON_DEFAULT_DENY);
    assert_int_equal(world_count(world, "close"), 1); /* its open record is out */
    world_free(world);
}

static void test_mass_end_guard(void **state)
{
    struct world *world = world_new(allow_admins);
    struct protocol_message request, reply;

    (void)state;
    for (uint64_t i = 1; i <= 25; i++)
        assert_int_equal(world_connect(world, i, ALICE, "echo")->reason, REASON_OK);
    world_policy(world, allow_nobody);
    world_wait(world, 50);
    assert_int_equal(world->n_ends, 0);
    assert_string_equal(world_last(world, "reeval")->reason, "mass_end_guard");
    assert_int_equal(reevaluate_count_pending(world->decide), 25);
    assert_int_equal(world_connect(world, 30, ALICE, "echo")->reason, REASON_DEFAULT_DENY);
    /* A lock is never held back. */
    lock(world, "user", "alice", &reply);
    world_wait(world, 30);
    assert_int_equal(world->n_ends, 25);
    assert_int_equal(world->ends[0].reason, REASON_LOCKED);
    world_free(world);

    world = world_new(allow_admins);
    for (uint64_t i = 1; i <= 25; i++)
        assert_int_equal(world_connect(world, i, ALICE, "echo")->reason, REASON_OK);
    world_policy(world, allow_nobody);
    world_wait(world, 50);
    protocol_message_init(&request, PROTOCOL_CTL_SESSIONS_END_PENDING);
    world_ask(world, "control.sock", &request, &reply);
    assert_int_equal(reply.count, 25);
    world_wait(world, 20);
    assert_int_equal(world->n_ends, 25);
    assert_int_equal(world->ends[0].reason, REASON_POLICY_CHANGED);
    world_free(world);
}

/* The guard is for accidents: an account that is taken away is no accident, whatever it holds. */
static void test_many_sessions_shield_nobody(void **state)
{
    struct world *world = world_new(allow_admins);

    (void)state;
    for (uint64_t i = 1; i <= 25; i++)
        assert_int_equal(world_connect(world, i, ALICE, "echo")->reason, REASON_OK);
    change(world, alice_is_gone);
    world_wait(world, 50);
    assert_int_equal(world->n_ends, 25);
    assert_int_equal(world->ends[0].reason, REASON_NO_USER);
    world_free(world);
}

static void test_guard_lets_go_after_rollback(void **state)
{
    struct world *world = world_new(allow_admins);

    (void)state;
    for (uint64_t i = 1; i <= 25; i++)
        assert_int_equal(world_connect(world, i, ALICE, "echo")->reason, REASON_OK);
    world_policy(world, allow_nobody);
    world_wait(world, 50);
    assert_int_equal(reevaluate_count_pending(world->decide), 25);
    world_policy(world, allow_admins);
    world_wait(world, 50);
    assert_int_equal(reevaluate_count_pending(world->decide), 0);
    assert_string_equal(world->decide->alarm, "");
    assert_int_equal(world->n_ends, 0);
    world_free(world);
}

/* --- logins ----------------------------------------------------------------------------------- */

static void pam(struct world *world, enum protocol_kind kind, const char *user,
                const struct session_id *session, struct protocol_message *ret_reply)
{
    struct protocol_message request;

    protocol_message_init(&request, kind);
    request.user = bytes_of(user);
    request.service = bytes_of("sshd-gw");
    request.session = *session;
    world_ask(world, "pam.sock", &request, ret_reply);
}

static void expect_reply(const struct protocol_message *reply, enum protocol_kind kind,
                         enum reason reason)
{
    if (reply->kind != kind ||
        (reason != REASON_OK && !bytes_equal(reply->reason, bytes_of(reason_name(reason)))))
        fail_msg("%s %.*s", protocol_kind_name(reply->kind), (int)reply->reason.len,
                 (const char *)reply->reason.at);
}

static void test_login(void **state)
{
    struct world *world = world_new(allow_admins);
    struct world_verdict *verdict = world_connect(world, 1, ALICE, "ssh");
    struct protocol_message reply;

    (void)state;
    assert_int_equal(verdict->reason, REASON_OK);
    assert_string_equal(world_last(world, "open")->decision, "provisional");
    pam(world, PROTOCOL_ACCOUNT, "alice", &verdict->session, &reply);
    expect_reply(&reply, PROTOCOL_DENY, REASON_NOT_CONFIRMED);
    pam(world, PROTOCOL_AUTH_TUNNEL, "bob", &verdict->session, &reply);
    expect_reply(&reply, PROTOCOL_DENY, REASON_WRONG_LOGIN);
    pam(world, PROTOCOL_AUTH_TUNNEL, "root", &verdict->session, &reply);
    expect_reply(&reply, PROTOCOL_DENY, REASON_WRONG_LOGIN);
    world_wait(world, 10);
    assert_int_equal(world->n_ends, 0);
    pam(world, PROTOCOL_AUTH_TUNNEL, "alice", &verdict->session, &reply);
    expect_reply(&reply, PROTOCOL_ALLOW, REASON_OK);
    assert_true(bytes_equal(reply.real_rhost, bytes_of("192.0.2.7")));
    assert_true(bytes_equal(reply.login, bytes_of("alice")));
    assert_true(reply.grant != PROTOCOL_NO_NUMBER);
    assert_string_equal(world_last(world, "pam")->confirms, "alice");
    pam(world, PROTOCOL_AUTH_TUNNEL, "alice", &verdict->session, &reply);
    expect_reply(&reply, PROTOCOL_DENY, REASON_ALREADY_CONFIRMED);
    pam(world, PROTOCOL_SESSION_OPEN, "alice", &verdict->session, &reply);
    expect_reply(&reply, PROTOCOL_DENY, REASON_NOT_CONFIRMED);
    pam(world, PROTOCOL_ACCOUNT, "bob", &verdict->session, &reply);
    expect_reply(&reply, PROTOCOL_DENY, REASON_NOT_CONFIRMED);
    pam(world, PROTOCOL_ACCOUNT, "alice", &verdict->session, &reply);
    expect_reply(&reply, PROTOCOL_ALLOW, REASON_OK);
    pam(world, PROTOCOL_ACCOUNT, "alice", &verdict->session, &reply);
    expect_reply(&reply, PROTOCOL_DENY, REASON_NOT_CONFIRMED);
    pam(world, PROTOCOL_SESSION_OPEN, "alice", &verdict->session, &reply);
    expect_reply(&reply, PROTOCOL_OK, REASON_OK);
    world_wait(world, 10);
    assert_int_equal(world->n_logins, 1);
    /* A lock ends the processes too. */
    lock(world, "user", "alice", &reply);
    world_wait(world, 30);
    assert_int_equal(world->n_ends, 1);
    assert_int_equal(world->n_kills, 1);
    world_free(world);
}

static void test_not_confirmed(void **state)
{
    struct world *world = world_new(allow_admins);

    (void)state;
    assert_int_equal(world_connect(world, 1, ALICE, "ssh")->reason, REASON_OK);
    world_session(world, 1)->confirm_deadline_ms = clock_monotonic_ms();
    session_watch(world_session(world, 1));
    world_run(world, ended);
    assert_int_equal(world->ends[0].reason, REASON_NOT_CONFIRMED);
    world_free(world);
}

/* Without a durable record there is no ALLOW, and the grant is not given a second time. */
static void test_login_needs_its_record(void **state)
{
    struct world *world = world_new(allow_admins);
    struct world_verdict *verdict = world_connect(world, 1, ALICE, "ssh");
    struct protocol_message reply;

    (void)state;
    world->audit_silent = true;
    pam(world, PROTOCOL_AUTH_TUNNEL, "alice", &verdict->session, &reply);
    expect_reply(&reply, PROTOCOL_ERROR, REASON_DECISION_TIMEOUT);
    pam(world, PROTOCOL_AUTH_TUNNEL, "alice", &verdict->session, &reply);
    expect_reply(&reply, PROTOCOL_DENY, REASON_ALREADY_CONFIRMED);
    world->audit_silent = false;
    world_restart_audit(world); /* too late: nobody waits any more */
    world_wait(world, 20);
    world_free(world);
}

static void test_grant_ends(void **state)
{
    struct world *world = world_new(allow_admins);
    struct world_verdict *verdict = world_connect(world, 1, ALICE, "ssh");
    struct protocol_message reply;

    (void)state;
    pam(world, PROTOCOL_AUTH_TUNNEL, "alice", &verdict->session, &reply);
    expect_reply(&reply, PROTOCOL_ALLOW, REASON_OK);
    world_session(world, 1)->grant_deadline_ms = clock_monotonic_ms() - 1;
    pam(world, PROTOCOL_ACCOUNT, "alice", &verdict->session, &reply);
    expect_reply(&reply, PROTOCOL_DENY, REASON_NOT_CONFIRMED);
    session_watch(world_session(world, 1));
    world_run(world, ended);
    assert_int_equal(world->ends[0].reason, REASON_NOT_CONFIRMED);
    world_free(world);
}

/* The account phase judges anew: what has changed since auth counts. */
static void test_change_between_phases(void **state)
{
    struct world *world = world_new(allow_admins);
    struct world_verdict *verdict = world_connect(world, 1, ALICE, "ssh");
    struct protocol_message reply;

    (void)state;
    pam(world, PROTOCOL_AUTH_TUNNEL, "alice", &verdict->session, &reply);
    expect_reply(&reply, PROTOCOL_ALLOW, REASON_OK);
    world_policy(world, allow_nobody);
    pam(world, PROTOCOL_ACCOUNT, "alice", &verdict->session, &reply);
    assert_int_equal(reply.kind, PROTOCOL_DENY);
    world_run(world, ended);
    assert_int_equal(world->ends[0].reason, REASON_POLICY_CHANGED);
    world_free(world);
}

static void test_no_tunnel(void **state)
{
    struct world *world = world_new(allow_staff);
    struct world_verdict *verdict = world_connect(world, 1, ALICE, "echo");
    struct session_id other = {{1, 2, 3}};
    struct protocol_message reply;

    (void)state;
    pam(world, PROTOCOL_AUTH_TUNNEL, "alice", &other, &reply);
    expect_reply(&reply, PROTOCOL_DENY, REASON_NOT_A_TUNNEL);
    pam(world, PROTOCOL_AUTH_TUNNEL, "alice", &verdict->session, &reply); /* asks for no login */
    expect_reply(&reply, PROTOCOL_DENY, REASON_NOT_A_TUNNEL);
    world->foreign = true;
    pam(world, PROTOCOL_AUTH_TUNNEL, "alice", &verdict->session, &reply);
    expect_reply(&reply, PROTOCOL_ERROR, REASON_NOT_PERMITTED);
    world_free(world);
}

static void test_login_name_by_rule(void **state)
{
    struct world *world = world_new("rule \"root\" { groups = {\"admins\"} services = {\"ssh\"}\n"
                                    "  login_as = {\"root\"} }\n");
    struct world_verdict *verdict = world_connect(world, 1, ALICE, "ssh");
    struct protocol_message reply;

    (void)state;
    assert_int_equal(verdict->reason, REASON_OK);
    pam(world, PROTOCOL_AUTH_TUNNEL, "alice", &verdict->session, &reply);
    expect_reply(&reply, PROTOCOL_DENY, REASON_DEFAULT_DENY);
    pam(world, PROTOCOL_AUTH_TUNNEL, "root", &verdict->session, &reply);
    expect_reply(&reply, PROTOCOL_ALLOW, REASON_OK);
    world_free(world);
}

static void test_login_name_chooses(void **state)
{
    struct world *world =
        world_new("rule \"ops\" { users = {\"op1\", \"op2\"} services = {\"ssh\"} }\n");
    struct world_verdict *verdict = world_connect(world, 1, "ops@corp.example", "ssh");
    struct protocol_message reply;

    (void)state;
    assert_int_equal(verdict->reason, REASON_OK);
    pam(world, PROTOCOL_AUTH_TUNNEL, "alice", &verdict->session, &reply);
    expect_reply(&reply, PROTOCOL_DENY, REASON_WRONG_LOGIN);
    pam(world, PROTOCOL_AUTH_TUNNEL, "op2", &verdict->session, &reply);
    expect_reply(&reply, PROTOCOL_ALLOW, REASON_OK);
    assert_string_equal(world_session(world, 1)->user, "op2");
    pam(world, PROTOCOL_ACCOUNT, "op2", &verdict->session, &reply);
    expect_reply(&reply, PROTOCOL_ALLOW, REASON_OK);
    world_wait(world, 20);
    assert_int_equal(world->n_ends, 0);
    world_free(world);
}

/* --- a new decide ----------------------------------------------------------------------------- */

static void resume(struct world *world, uint64_t connection, const struct world_verdict *verdict,
                   const struct message_open *open)
{
    struct writer octets = writer_new(MESSAGE_MAX);
    struct message_resume msg = {.session = verdict->session};

    (void)connection;
    message_encode(MESSAGE_OPEN, open, &octets);
    msg.open = writer_bytes(&octets);
    assert_true(channel_send(world->edge, MESSAGE_RESUME, &msg, verdict->fd));
    writer_clear(&octets);
}

static void test_restart(void **state)
{
    struct world *world = world_new(allow_admins);
    struct message_open open = world_open_message(1, ALICE, "echo");
    struct message_open other = world_open_message(2, ALICE, "echo");
    struct message_resume_done done = {.count = 1};
    struct world_verdict kept, forged;
    char octet;

    (void)state;
    assert_true(channel_send(world->edge, MESSAGE_OPEN, &open, -1));
    assert_true(channel_send(world->edge, MESSAGE_OPEN, &other, -1));
    world_wait(world, 50);
    assert_int_equal(world->n_verdicts, 2);
    kept = world->verdicts[0];
    forged = world->verdicts[1];
    world_restart(world);
    assert_false(world->decide->ready);
    world_open(world, 3, ALICE, "echo"); /* waits until all is taken over */
    world_wait(world, 20);
    assert_int_equal(world->n_verdicts, 2);
    resume(world, 1, &kept, &open);
    other.service_name = bytes_of("ssh"); /* the edge may not change what a session is */
    resume(world, 2, &forged, &other);
    world_policy(world, allow_admins);
    world_people(world, clock_realtime_ms());
    assert_true(channel_send(world->edge, MESSAGE_RESUME_DONE, &done, -1));
    world_wait(world, 50);
    assert_true(world->decide->ready);
    assert_int_equal(world->n_ends, 1);
    assert_int_equal(world->ends[0].connection, 2);
    assert_int_equal(world->n_verdicts, 3);
    assert_int_equal(world->verdicts[2].reason, REASON_OK);
    assert_string_equal(world_last(world, "close")->reason, "edge_lost");
    assert_string_equal(world_session(world, 1)->user, "alice");
    assert_int_equal(world_session(world, 1)->state, SESSION_LIVE);
    /* It is judged like any other, and its socket is ours again. */
    world->n_ends = 0;
    world_policy(world, allow_nobody);
    world_run(world, ended);
    assert_int_equal(read(kept.fd, &octet, 1), 0);
    free((void *)open.leaf.at);
    free((void *)other.leaf.at);
    world_free(world);
}

static void test_restart_without_edge(void **state)
{
    struct world *world = alice_is_in();

    (void)state;
    world_restart(world);
    world_wait(world, 1100);
    assert_true(world->decide->ready);
    assert_string_equal(world_last(world, "close")->reason, "edge_lost");
    assert_int_equal(sessions_count(world->decide->sessions), 0);
    assert_int_equal(world->n_downs, 0); /* a close that the old decide had not read may be all */
    world_free(world);
}

static void test_restart_before_replica(void **state)
{
    struct world *world = world_new(allow_admins);
    struct message_open open = world_open_message(1, ALICE, "ssh");
    struct message_resume_done done = {.count = 1};
    struct world_verdict kept;
    struct protocol_message reply;

    (void)state;
    assert_true(channel_send(world->edge, MESSAGE_OPEN, &open, -1));
    world_wait(world, 50);
    kept = world->verdicts[0];
    pam(world, PROTOCOL_AUTH_TUNNEL, "alice", &kept.session, &reply);
    expect_reply(&reply, PROTOCOL_ALLOW, REASON_OK);
    world_restart(world);
    pam(world, PROTOCOL_ACCOUNT, "alice", &kept.session, &reply);
    expect_reply(&reply, PROTOCOL_ERROR, REASON_DECIDE_LOST);
    resume(world, 1, &kept, &open);
    assert_true(channel_send(world->edge, MESSAGE_RESUME_DONE, &done, -1));
    world_wait(world, 5);
    assert_int_equal(world->n_downs, 0);
    /* The one confirmation stays used, and the grant was of the decide before. */
    pam(world, PROTOCOL_AUTH_TUNNEL, "alice", &kept.session, &reply);
    assert_true(reply.kind == PROTOCOL_DENY);
    world_wait(world, 50);
    assert_int_equal(world->n_ends, 1);
    assert_int_equal(world->ends[0].reason, REASON_NOT_CONFIRMED);
    free((void *)open.leaf.at);
    world_free(world);
}

/* --- operators -------------------------------------------------------------------------------- */

static void test_control(void **state)
{
    struct world *world = alice_is_in();
    struct protocol_message request, reply;

    (void)state;
    protocol_message_init(&request, PROTOCOL_CTL_SESSIONS);
    request.user = bytes_of("alice");
    world_ask(world, "control.sock", &request, &reply);
    assert_int_equal(reply.count, 1);
    assert_non_null(memmem(reply.json.at, reply.json.len, "\"rule\":\"admins\"", 15));
    request.user = bytes_of("bob");
    world_ask(world, "control.sock", &request, &reply);
    assert_int_equal(reply.count, 0);
    protocol_message_init(&request, PROTOCOL_CTL_SESSION_KILL);
    world_ask(world, "control.sock", &request, &reply); /* all of them is never meant */
    expect_reply(&reply, PROTOCOL_ERROR, REASON_USAGE);
    request.service = bytes_of("echo");
    request.why = bytes_of("leaves today");
    request.dry_run = 1;
    world_ask(world, "control.sock", &request, &reply);
    assert_int_equal(reply.count, 1);
    assert_int_equal(world->n_ends, 0);
    request.dry_run = PROTOCOL_NO_NUMBER;
    world_ask(world, "control.sock", &request, &reply);
    assert_int_equal(reply.count, 1);
    world_run(world, ended);
    assert_int_equal(world->ends[0].reason, REASON_KILLED);
    assert_string_equal(world_last(world, "kill")->detail, "leaves today");
    assert_true(world_last(world, "kill")->who[0] != '\0');
    protocol_message_init(&request, PROTOCOL_AUTH_TUNNEL);
    world_ask(world, "control.sock", &request, &reply); /* asked of the wrong socket */
    expect_reply(&reply, PROTOCOL_ERROR, REASON_NOT_PERMITTED);
    protocol_message_init(&request, PROTOCOL_CTL_LOCK_ADD);
    request.lock_kind = bytes_of("certificate");
    request.lock_value = bytes_of("abc");
    world_ask(world, "control.sock", &request, &reply);
    expect_reply(&reply, PROTOCOL_ERROR, REASON_USAGE);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allowed),
        cmocka_unit_test(test_denied),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_nothing_has_come),
        cmocka_unit_test(test_workload),
        cmocka_unit_test(test_open_waits_for_its_record),
        cmocka_unit_test(test_no_acknowledgement),
        cmocka_unit_test(test_audit_unavailable),
        cmocka_unit_test(test_audit_restarts),
        cmocka_unit_test(test_proxy_header),
        cmocka_unit_test(test_old_trust_is_verified_again),
        cmocka_unit_test(test_whoami),
        cmocka_unit_test(test_refused_handshake),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_group_change),
        cmocka_unit_test(test_user_removed),
        cmocka_unit_test(test_policy_change),
        cmocka_unit_test(test_revocation),
        cmocka_unit_test(test_chain_ends_in_another_ca),
        cmocka_unit_test(test_ca_that_the_service_does_not_accept),
        cmocka_unit_test(test_ca_of_each_service),
        cmocka_unit_test(test_stale_while_live),
        cmocka_unit_test(test_lock_of_the_unknown),
        cmocka_unit_test(test_lock),
        cmocka_unit_test(test_lock_refuses_new_ones),
        cmocka_unit_test(test_time_ends),
        cmocka_unit_test(test_certificate_ends),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_revocation_list_ends),
        cmocka_unit_test(test_edge_lost),
        cmocka_unit_test(test_change_while_waiting),
        cmocka_unit_test(test_mass_end_guard),
        cmocka_unit_test(test_many_sessions_shield_nobody),
        cmocka_unit_test(test_guard_lets_go_after_rollback),
        cmocka_unit_test(test_login),
        cmocka_unit_test(test_not_confirmed),
        cmocka_unit_test(test_login_needs_its_record),
        cmocka_unit_test(test_grant_ends),
        cmocka_unit_test(test_change_between_phases),
        cmocka_unit_test(test_no_tunnel),
        cmocka_unit_test(test_login_name_by_rule),
        cmocka_unit_test(test_login_name_chooses),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_restart_without_edge),
        cmocka_unit_test(test_restart_before_replica),
        cmocka_unit_test(test_control),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
