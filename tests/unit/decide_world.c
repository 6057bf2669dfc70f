/* The world around decide. Test code: asserts instead of handling errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "decide_world.h"

#include "common/clock.h"
#include "common/text.h"
#include "gatewayd/decide/setup.h"
#include "gatewayd/shared/memfd.h"
#include "gatewayd/shared/xalloc.h"
#include "people.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

const char world_config[] =
    "run_dir = \"%s\"\n"
    "state_dir = \"%s\"\n"
    "tls \"t\" { certificate = \"/c\" key = \"/k\" }\n"
    "ca \"users\" { anchors = \"/a\" revocation = \"off\" }\n"
    "ca \"partners\" { anchors = \"/b\" revocation = \"off\" }\n"
    "ca \"strangers\" { anchors = \"/d\" revocation = \"off\" }\n"
    "listener \"main\" { address = {\"127.0.0.1:1\"} tls = {\"t\"} ca = {\"users\", \"partners\"} "
    "}\n"
    "service \"echo\" { listener = {\"main\"} sni = {\"echo.x\"} upstream = \"unix:%s/echo\" }\n"
    "service \"proxied\" { listener = {\"main\"} sni = {\"p.x\"} upstream = \"unix:%s/echo\"\n"
    "  send_proxy = \"v2\" }\n"
    "service \"own\" { listener = {\"main\"} sni = {\"own.x\"} upstream = \"127.0.0.1:9\"\n"
    "  ca = {\"strangers\"} }\n"
    "service \"dead\" { listener = {\"main\"} sni = {\"d.x\"} upstream = \"unix:%s/dead\" }\n"
    "service \"ssh\" { listener = {\"main\"} sni = {\"ssh.x\"} upstream = \"unix:%s/echo\"\n"
    "  confirm = \"pam\" protocol = \"ssh\" }\n"
    "service \"short\" { listener = {\"main\"} sni = {\"s.x\"} upstream = \"unix:%s/echo\"\n"
    "  max_duration = \"2s\" }\n"
    "service \"many\" { listener = {\"main\"} sni = {\"m.x\"}\n"
    "  upstream = {\"unix:%s/dead\", \"unix:%s/echo\", \"unix:%s/two\"} health_interval = \"0s\" "
    "}\n"
    "service \"checked\" { listener = {\"main\"} sni = {\"c.x\"}\n"
    "  upstream = {\"unix:%s/three\", \"unix:%s/four\"} health_interval = \"1s\" }\n"
    "service \"named\" { listener = {\"main\"} sni = {\"n.x\"} upstream = \"db.example:7\" }\n"
    "service \"hosts\" { listener = {\"main\"} sni = {\"*.hosts.x\"} upstream = "
    "\"host:{sni.1}:20007\"\n"
    "  host_networks = {\"127.0.0.0/8\"} }\n"
    "service \"hosts22\" { listener = {\"main\"} sni = {\"*.h22.x\"} upstream = \"host:{sni.1}\" "
    "}\n"
    "service \"web\" { listener = {\"main\"} sni = {\"w.x\"} upstream = \"unix:%s/echo\"\n"
    "  protocol = \"http\" }\n"
    "directory \"d\" { uri = {\"file:/x.ldif\"} max_stale = \"15m\" max_stale_live = \"4h\" }\n"
    "mapping \"m\" { ca = {\"users\"} find = \"(mail={san.email})\" strength = \"weak-allowed\"\n"
    "  multi = \"by-requested-name\" match = {\"san.email ~ *@corp.example\"} }\n"
    "mapping \"w\" { ca = {\"users\"} match = {\"san.email ~ *@work.example\"}\n"
    "  account = \"optional\" subject = \"service\" }\n"
    "control { read = \"root\" lock = \"root\" admin = \"root\" }\n";

static void config_error(void *context, const char *file, uint32_t line, const struct error *err)
{
    (void)context;
    fail_msg("%s:%u: %s: %s", file, line, reason_text(err->reason), err->detail);
}

static const struct config_errors errors = {.found = config_error};

/* --- channels --------------------------------------------------------------------------------- */

/* decide's side: what role.c does. */
static void to_decide(void *context, struct channel *channel, enum message_id id,
                      const union message *msg, int fd)
{
    struct world *world = context;

    for (size_t i = 0; i < decide_role.n_handlers; i++) {
        if (decide_role.handlers[i].id != id)
            continue;
        decide_role.handlers[i].handle(&world->role, channel, msg, fd);
        return;
    }
    fail_msg("no handler for %s", message_name(id));
}

static void decide_lost(void *context, struct channel *channel, const struct error *why)
{
    struct world *world = context;

    decide_channel_down(&world->role, channel, why);
    if (channel == world->to_edge)
        world->to_edge = NULL;
    if (channel == world->to_audit)
        world->to_audit = NULL;
    if (channel == world->to_directory)
        world->to_directory = NULL;
    channel_free(channel);
}

static void copy(char *out, size_t room, struct bytes text)
{
    (void)snprintf(out, room, "%.*s", (int)text.len, (const char *)text.at);
}

/* Everything that decide writes must be what audit takes and can print as JSON. */
static void keep_record(struct world *world, struct bytes octets)
{
    struct world_record *kept = &world->records[world->n_records++];
    struct writer line = writer_new(AUDIT_LINE_MAX);
    struct audit_stamps stamps = {.seq = 1};
    struct audit_record record;
    struct error err;
    json_t *json;

    assert_true(world->n_records < WORLD_RECORDS_MAX);
    if (!audit_record_decode(octets, &record, &err))
        fail_msg("record refused: %s", err.detail);
    audit_record_print(&record, &stamps, &line);
    assert_true(writer_ok(&line));
    json = json_loadb((const char *)line.at, line.len, 0, NULL);
    assert_non_null(json);
    json_decref(json);
    writer_clear(&line);
    copy(kept->ev, sizeof(kept->ev), record.ev);
    copy(kept->reason, sizeof(kept->reason), record.reason_code);
    copy(kept->user, sizeof(kept->user), record.id_user);
    copy(kept->decision, sizeof(kept->decision), record.decision);
    copy(kept->detail, sizeof(kept->detail), record.detail);
    copy(kept->confirms, sizeof(kept->confirms), record.confirms);
    copy(kept->rule, sizeof(kept->rule), record.policy_rule);
    copy(kept->who, sizeof(kept->who), record.who);
    copy(kept->upstream, sizeof(kept->upstream), record.upstream);
    copy(kept->facts, sizeof(kept->facts), record.facts);
    copy(kept->misses, sizeof(kept->misses), record.misses);
    session_id_format(&record.sid, kept->sid);
    kept->bytes_in = record.bytes_in;
    kept->bytes_out = record.bytes_out;
    kept->sid_part = record.sid_part;
    kept->count = record.count;
}

static void to_audit(struct world *world, const struct message_record *msg)
{
    struct message_ack ack = {.epoch = msg->epoch, .counter = msg->counter};

    if (msg->counter > world->acked) {
        keep_record(world, msg->record);
        world->acked = msg->counter;
    }
    if (!world->audit_silent)
        assert_true(channel_send(world->audit, MESSAGE_ACK, &ack, -1));
}

static void to_edge(struct world *world, enum message_id id, const union message *msg, int fd)
{
    if (id == MESSAGE_VERDICT) {
        struct world_verdict *verdict = &world->verdicts[world->n_verdicts++];

        verdict->connection = msg->verdict.connection;
        verdict->session = msg->verdict.session;
        verdict->reason = (enum reason)msg->verdict.reason;
        copy(verdict->text, sizeof(verdict->text), msg->verdict.text);
        verdict->fd = fd;
    } else if (id == MESSAGE_IDENTITY) {
        struct world_identity *identity = &world->identities[world->n_identities++];

        assert_true(world->n_identities < WORLD_NAMES_MAX);
        identity->connection = msg->identity.connection;
        identity->verdicts = world->n_verdicts;
        copy(identity->user, sizeof(identity->user), msg->identity.user);
        copy(identity->rule, sizeof(identity->rule), msg->identity.rule);
        identity->groups_len = msg->identity.groups.len;
        assert_true(identity->groups_len <= sizeof(identity->groups));
        memcpy(identity->groups, msg->identity.groups.at, identity->groups_len);
    } else if (id == MESSAGE_RENEWED) {
        struct world_renewed *renewed = &world->renewed[world->n_renewed++];

        assert_true(world->n_renewed < WORLD_NAMES_MAX);
        renewed->connection = msg->renewed.connection;
        renewed->reason = (enum reason)msg->renewed.reason;
        copy(renewed->detail, sizeof(renewed->detail), msg->renewed.detail);
        renewed->fd = fd;
    } else if (id == MESSAGE_END) {
        world->ends[world->n_ends++] = msg->end;
    } else {
        assert_int_equal(id, MESSAGE_VERIFY);
        world->n_verify++;
    }
}

static void to_parent(struct world *world, enum message_id id, const union message *msg)
{
    struct message_peer peer = {.same_namespaces = !world->foreign,
                                .start_time = 77,
                                .audit_session = 5,
                                .login_uid = UINT32_MAX};

    switch (id) {
    case MESSAGE_WHOIS:
        peer.cookie = msg->whois.cookie;
        assert_true(channel_send(world->parent, MESSAGE_PEER, &peer, -1));
        break;
    case MESSAGE_KILL:
        world->n_kills++;
        break;
    case MESSAGE_CHANNEL_DOWN:
        world->n_downs++;
        world->down = msg->channel_down;
        world->down.detail = (struct bytes){NULL, 0};
        break;
    case MESSAGE_LOGIN_OPENED:
        world->n_logins++;
        break;
    case MESSAGE_ASK:
        world->n_asks++;
        world->ask_cookie = msg->ask.cookie;
        if (world->on_ask)
            world->on_ask(world);
        break;
    default:
        break;
    }
}

static void to_us(void *context, struct channel *channel, enum message_id id,
                  const union message *msg, int fd)
{
    struct world *world = context;

    if (channel == world->audit)
        to_audit(world, &msg->record);
    else if (channel == world->edge)
        to_edge(world, id, msg, fd);
    else if (channel == world->parent)
        to_parent(world, id, msg);
    else if (id == MESSAGE_RESOLVE)
        copy(world->asked_name[world->n_resolves++ % WORLD_NAMES_MAX], sizeof(world->asked_name[0]),
             msg->resolve.name);
}

static void we_lost(void *context, struct channel *channel, const struct error *why)
{
    struct world *world = context;

    (void)why;
    if (channel == world->edge)
        world->edge = NULL;
    if (channel == world->audit)
        world->audit = NULL;
    if (channel == world->directory)
        world->directory = NULL;
    channel_free(channel);
}

static const struct channel_calls decide_calls = {.message = to_decide, .down = decide_lost};
static const struct channel_calls our_calls = {.message = to_us, .down = we_lost};

static struct channel *pair(struct world *world, enum process_role peer, struct channel **ret_ours)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    *ret_ours = channel_new(world->loop, fds[1], peer, PROCESS_DECIDE, 0, &our_calls, world);
    return channel_new(world->loop, fds[0], PROCESS_DECIDE, peer, 0, &decide_calls, world);
}

/* --- beginning and end ------------------------------------------------------------------------ */

static int listen_at(struct world *world, const char *name, int type)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    (void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/%s", world->dir, name);
    (void)unlink(sa.sun_path);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 64), 0);
    return fd;
}

static void give(struct world *world, enum file_kind kind, const char *name, int fd)
{
    struct message_file file = {.kind = (uint8_t)kind, .name = bytes_of(name)};
    struct error err;

    if (!decide_file(&world->role, &file, fd, &err))
        fail_msg("%s: %s", name, err.detail);
}

void world_local_names(struct world *world, enum file_kind kind, const char *text)
{
    struct error err;

    give(world, kind, "local", memfd_new("local", bytes_of(text), &err));
}

static void start_decide(struct world *world)
{
    char path[128];
    struct error err;

    world->acked = 0;
    world->role.parent = pair(world, PROCESS_PARENT, &world->parent);
    world->decide = decide_create(&world->role);
    world->role.state = world->decide;
    (void)snprintf(path, sizeof(path), "%s/locks", world->dir);
    give(world, FILE_REGISTRY, "registry", fcntl(world->registry, F_DUPFD_CLOEXEC, 0));
    give(world, FILE_LOCKS, "locks", open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
    give(world, FILE_UPSTREAM_DIR, world->dir, open(world->dir, O_PATH | O_CLOEXEC));
    world_local_names(world, FILE_LOCAL_USERS, "root:x:0:0:root:/root:/bin/bash\n");
    world_local_names(world, FILE_LOCAL_GROUPS, "root:x:0:\nsudo:x:27:\n");
    give(world, FILE_PAM_SOCKET, "pam.sock", listen_at(world, "pam.sock", SOCK_SEQPACKET));
    give(world, FILE_CONTROL_SOCKET, "control.sock",
         listen_at(world, "control.sock", SOCK_SEQPACKET));
    if (!decide_prepare(&world->role, &err) || !decide_start(&world->role, &err))
        fail_msg("%s", err.detail);
    world->to_edge = pair(world, PROCESS_EDGE, &world->edge);
    world->to_audit = pair(world, PROCESS_AUDIT, &world->audit);
    world->to_directory = pair(world, PROCESS_DIRECTORY, &world->directory);
    decide_channel_up(&world->role, world->to_edge);
    decide_channel_up(&world->role, world->to_audit);
    decide_channel_up(&world->role, world->to_directory);
}

static void stop_decide(struct world *world)
{
    world->to_edge = channel_free(world->to_edge);
    world->to_audit = channel_free(world->to_audit);
    world->to_directory = channel_free(world->to_directory);
    world->edge = channel_free(world->edge);
    world->audit = channel_free(world->audit);
    world->directory = channel_free(world->directory);
    decide_destroy(world->decide);
    world->role.parent = channel_free(world->role.parent);
    world->parent = channel_free(world->parent);
}

struct world *world_new_empty(const char *config)
{
    struct world *world = xcalloc(1, sizeof(*world));
    char text[8192];

    (void)snprintf(world->dir, sizeof(world->dir), "/tmp/decide_world.XXXXXX");
    assert_non_null(mkdtemp(world->dir));
    (void)snprintf(text, sizeof(text), config, world->dir, world->dir, world->dir, world->dir,
                   world->dir, world->dir, world->dir, world->dir, world->dir, world->dir,
                   world->dir, world->dir, world->dir, world->dir, world->dir);
    assert_true(config_parse("test.conf", bytes_of(text), &errors, &world->config));
    world->loop = ev_loop_new(EVFLAG_NOTIMERFD | EVFLAG_NOENV);
    world->registry = memfd_create("registry", MFD_CLOEXEC);
    assert_int_equal(ftruncate(world->registry, (off_t)REGISTRY_LEN), 0);
    world->service = listen_at(world, "echo", SOCK_STREAM);
    world->role = (struct role){
        .loop = world->loop, .id = PROCESS_DECIDE, .generation = 1, .config = world->config};
    start_decide(world);
    return world;
}

struct world *world_new(const char *policy)
{
    struct world *world = world_new_empty(world_config);

    world_policy(world, policy);
    world_people(world, clock_realtime_ms());
    world_wait(world, 20);
    return world;
}

static void remove_dir(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;

    while ((entry = readdir(dir)))
        (void)unlinkat(dirfd(dir), entry->d_name, 0);
    (void)closedir(dir);
    (void)rmdir(path);
}

void world_free(struct world *world)
{
    stop_decide(world);
    for (size_t i = 0; i < world->n_verdicts; i++)
        if (world->verdicts[i].fd >= 0)
            (void)close(world->verdicts[i].fd);
    (void)close(world->service);
    (void)close(world->registry);
    (void)config_free(world->config);
    ev_loop_destroy(world->loop);
    remove_dir(world->dir);
    free(world);
}

void world_restart_audit(struct world *world)
{
    world->audit = channel_free(world->audit);
    while (world->to_audit)
        world_step(world);
    world->acked = 0;
    world->to_audit = pair(world, PROCESS_AUDIT, &world->audit);
    decide_channel_up(&world->role, world->to_audit);
}

void world_restart(struct world *world)
{
    /* What dies does not tidy up: the registry is kept as it was. */
    int before = memfd_create("before", MFD_CLOEXEC);
    uint8_t *octets = mmap(NULL, REGISTRY_LEN, PROT_READ, MAP_SHARED, world->registry, 0);
    size_t len = REGISTRY_HEADER_LEN + 64 * REGISTRY_RECORD_LEN;

    assert_int_equal(ftruncate(before, (off_t)REGISTRY_LEN), 0);
    assert_int_equal(write(before, octets, len), (ssize_t)len);
    (void)munmap(octets, REGISTRY_LEN);
    stop_decide(world);
    (void)close(world->registry);
    world->registry = before;
    start_decide(world);
}

/* --- what the others bring -------------------------------------------------------------------- */

static int memfd_of(struct writer *octets)
{
    struct error err;
    int fd = memfd_new("test", writer_bytes(octets), &err);

    assert_true(fd >= 0);
    writer_clear(octets);
    return fd;
}

static void policy_error(void *context, const char *file, uint32_t line, const struct error *err)
{
    (void)context;
    fail_msg("%s:%u: %s", file, line, err->detail);
}

static void encode_policy(struct world *world, const char *policy, struct writer *octets)
{
    static const char *const services[] = {"echo",  "proxied", "dead",    "ssh",
                                           "short", "many",    "checked", "named",
                                           "hosts", "hosts22", "web"};
    bool confirmed[ARRAY_LEN(services)];
    static const char *const cas[] = {"users"};
    struct policy_world known = {services, confirmed, ARRAY_LEN(services), cas, 1};
    struct policy_file file = {"test.policy", bytes_of(policy)};
    struct policy_errors found = {.found = policy_error};
    struct policy_set *set;

    for (size_t i = 0; i < ARRAY_LEN(services); i++)
        confirmed[i] =
            config_find_service(world->config, services[i])->confirm == CONFIG_CONFIRM_PAM;
    assert_true(policy_load(&file, 1, &known, &found, &set));
    policy_encode(set, octets);
    (void)policy_free(set);
}

void world_policy(struct world *world, const char *policy)
{
    struct message_policy msg = {.version = {{1, 2, 3}}};
    struct writer octets = writer_new(1 << 20);
    int fd;

    encode_policy(world, policy, &octets);
    fd = memfd_of(&octets);
    assert_true(channel_send(world->parent, MESSAGE_POLICY, &msg, fd));
    (void)close(fd);
}

void world_decode_policy(struct world *world, const char *policy)
{
    struct writer octets = writer_new(1 << 20);
    struct policy_set *set;
    struct error err;

    encode_policy(world, policy, &octets);
    assert_true(policy_decode(writer_bytes(&octets), &set, &err));
    writer_clear(&octets);
    decide_forget_evaluation(world->decide);
    (void)policy_free(world->decide->policy);
    world->decide->policy = set;
}

void world_people(struct world *world, int64_t as_of_ms)
{
    struct replica_options options = {.schema = "rfc2307bis"};
    struct writer octets = writer_new(1 << 20);
    struct replica *replica;
    struct message_snapshot msg = {.as_of_ms = as_of_ms};
    struct error err;
    int fd;

    assert_true(mapping_replica_options(world->config, &options, &err));
    replica = people_new(&options);
    replica_encode(replica, &octets);
    (void)replica_free(replica);
    msg.length = octets.len;
    fd = memfd_of(&octets);
    assert_true(channel_send(world->directory, MESSAGE_SNAPSHOT, &msg, fd));
    (void)close(fd);
}

/* --- running ---------------------------------------------------------------------------------- */

void world_step(struct world *world)
{
    ev_run(world->loop, EVRUN_NOWAIT);
}

void world_wait(struct world *world, int ms)
{
    int64_t end = clock_monotonic_ms() + ms;

    /* Some turns in any case: on a busy machine time passes without any. */
    for (int turn = 0; turn < 40 || clock_monotonic_ms() < end; turn++) {
        world_step(world);
        (void)usleep(500);
    }
}

void world_run(struct world *world, bool (*done)(struct world *world))
{
    int64_t end = clock_monotonic_ms() + 1000;

    while (!done(world)) {
        if (clock_monotonic_ms() > end)
            fail_msg("nothing happened");
        world_step(world);
        (void)usleep(200);
    }
}

/* --- connections ------------------------------------------------------------------------------ */

struct message_open world_open_message(uint64_t connection, const char *mail, const char *service)
{
    char san[128];
    struct cert_spec spec = {.subject = {{"CN", .value = "Somebody"}}, .san = san};
    struct message_open open = {.connection = connection,
                                .accepted_ms = clock_realtime_ms(),
                                .service = !service     ? OPEN_WHOAMI
                                           : service[0] ? 0
                                                        : OPEN_UNKNOWN,
                                .listener_name = bytes_of("main"),
                                .service_name = bytes_of(service),
                                .ca_name = bytes_of("users"),
                                .sni = bytes_of("echo.x"),
                                .cipher = bytes_of("TLS_AES_128_GCM_SHA256"),
                                .tls_version = 0x0304,
                                .not_after_s = clock_realtime_s() + 3600,
                                .revocation = REVOCATION_NOT_CHECKED,
                                .crl_valid_until_s = INT64_MAX};

    (void)snprintf(san, sizeof(san), "email:%s", mail);
    assert_true(address_parse_port(bytes_of("192.0.2.7:4711"), &open.source, NULL));
    assert_true(address_parse_port(bytes_of("192.0.2.1:8443"), &open.destination, NULL));
    open.leaf = cert_make(&spec);
    return open;
}

void world_open(struct world *world, uint64_t connection, const char *mail, const char *service)
{
    struct message_open open = world_open_message(connection, mail, service);

    assert_true(channel_send(world->edge, MESSAGE_OPEN, &open, -1));
    free((void *)open.leaf.at);
}

struct world_verdict *world_connect(struct world *world, uint64_t connection, const char *mail,
                                    const char *service)
{
    size_t before = world->n_verdicts;
    int64_t end = clock_monotonic_ms() + 1000;

    world_open(world, connection, mail, service);
    while (world->n_verdicts == before) {
        if (clock_monotonic_ms() > end)
            fail_msg("no verdict");
        world_step(world);
    }
    assert_int_equal(world->verdicts[before].connection, connection);
    return &world->verdicts[before];
}

struct session *world_session(struct world *world, uint64_t connection)
{
    return sessions_find_connection(world->decide->sessions, 0, connection);
}

void world_close(struct world *world, uint64_t connection, uint64_t in, uint64_t out)
{
    struct message_close msg = {.connection = connection,
                                .session = world_session(world, connection)->id,
                                .reason = REASON_CLIENT_CLOSED,
                                .bytes_in = in,
                                .bytes_out = out};

    assert_true(channel_send(world->edge, MESSAGE_CLOSE, &msg, -1));
}

const struct world_record *world_last(const struct world *world, const char *ev)
{
    for (size_t i = world->n_records; i-- > 0;)
        if (strcmp(world->records[i].ev, ev) == 0)
            return &world->records[i];
    return NULL;
}

size_t world_count(const struct world *world, const char *ev)
{
    size_t n = 0;

    for (size_t i = 0; i < world->n_records; i++)
        n += strcmp(world->records[i].ev, ev) == 0;
    return n;
}

/* --- local sockets ---------------------------------------------------------------------------- */

void world_ask(struct world *world, const char *socket_name, const struct protocol_message *request,
               struct protocol_message *ret_reply)
{
    static uint8_t in[PROTOCOL_REPLY_MAX];
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    struct writer out = writer_new(PROTOCOL_REQUEST_MAX);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int64_t end = clock_monotonic_ms() + 3000;
    struct error err;
    ssize_t n;

    (void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/%s", world->dir, socket_name);
    while (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0) {
        assert_int_equal(errno, EAGAIN); /* others stand in the queue */
        world_step(world);
    }
    protocol_encode(request, &out);
    assert_true(writer_ok(&out));
    assert_int_equal(send(fd, out.at, out.len, 0), (ssize_t)out.len);
    writer_clear(&out);
    while ((n = recv(fd, in, sizeof(in), 0)) < 0 && errno == EAGAIN) {
        if (clock_monotonic_ms() > end)
            fail_msg("no reply");
        world_step(world);
    }
    (void)close(fd);
    assert_true(n > 0);
    if (!protocol_decode_reply((struct bytes){in, (size_t)n}, ret_reply, &err))
        fail_msg("reply: %s", err.detail);
}
