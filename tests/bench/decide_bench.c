/* The world around decide, for benches. Test code: asserts instead of handling errors. */
#include "decide_bench.h"

#include "common/clock.h"
#include "gatewayd/decide/setup.h"
#include "gatewayd/shared/memfd.h"
#include "gatewayd/shared/xalloc.h"
#include "tests/unit/certs.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    OPEN_AT_ONCE = 400, /* connections that wait for a verdict */
    QUIET_TURNS = 20,   /* nothing happens any more after so many without work */
};

static const char config_head[] =
    "run_dir = \"%s\"\nstate_dir = \"%s\"\n"
    "tls \"t\" { certificate = \"/c\" key = \"/k\" }\n"
    "ca \"users\" { anchors = \"/a\" revocation = \"off\" }\n"
    "listener \"main\" { address = {\"127.0.0.1:1\"} tls = {\"t\"} ca = {\"users\"} }\n"
    "directory \"d\" { uri = {\"file:/x.ldif\"} max_stale = \"15m\" max_stale_live = \"4h\" }\n"
    "mapping \"m\" { ca = {\"users\"} find = \"(mail={san.email})\" strength = \"weak-allowed\" }\n"
    "control { read = \"root\" lock = \"root\" admin = \"root\" }\n";

static void config_error(void *context, const char *file, uint32_t line, const struct error *err)
{
    (void)context;
    fprintf(stderr, "%s:%u: %s: %s\n", file, line, reason_text(err->reason), err->detail);
    abort();
}

static const struct config_errors errors = {.found = config_error};

/* --- the others ------------------------------------------------------------------------------- */

static void to_decide(void *context, struct channel *channel, enum message_id id,
                      const union message *msg, int fd)
{
    struct bench *bench = context;

    for (size_t i = 0; i < decide_role.n_handlers; i++)
        if (decide_role.handlers[i].id == id) {
            decide_role.handlers[i].handle(&bench->role, channel, msg, fd);
            return;
        }
    abort();
}

/* decide keeps a duplicate of each upstream socket: so many of them we may not have. */
static void drop_upstream(struct bench *bench, uint64_t connection, int fd)
{
    struct session *session = sessions_find_connection(bench->decide->sessions, 0, connection);

    if (fd >= 0)
        (void)close(fd);
    bench_must(session);
    if (session->upstream >= 0)
        (void)close(session->upstream);
    session->upstream = -1;
}

static void end(struct bench *bench, const struct message_end *msg)
{
    struct message_close close_msg = {
        .connection = msg->connection, .session = msg->session, .reason = msg->reason};

    bench->n_ended++;
    if (!bench->keep_ends)
        bench_must(channel_send(bench->edge, MESSAGE_CLOSE, &close_msg, -1));
}

static void to_us(void *context, struct channel *channel, enum message_id id,
                  const union message *msg, int fd)
{
    struct bench *bench = context;

    if (channel == bench->audit) {
        struct message_ack ack = {.epoch = msg->record.epoch, .counter = msg->record.counter};

        bench->n_records++;
        bench_must(channel_send(bench->audit, MESSAGE_ACK, &ack, -1));
    } else if (id == MESSAGE_VERDICT && msg->verdict.reason == REASON_OK) {
        bench->n_allowed++;
        bench->last_connection = msg->verdict.connection;
        drop_upstream(bench, msg->verdict.connection, fd);
    } else if (id == MESSAGE_VERDICT) {
        bench->n_denied++;
    } else if (id == MESSAGE_END) {
        end(bench, &msg->end);
    }
}

static void lost(void *context, struct channel *channel, const struct error *why)
{
    (void)context;
    (void)channel;
    fprintf(stderr, "channel: %s\n", why->detail);
    abort();
}

static const struct channel_calls decide_calls = {.message = to_decide, .down = lost};
static const struct channel_calls our_calls = {.message = to_us, .down = lost};

static struct channel *pair(struct bench *bench, enum process_role peer, struct channel **ret_ours)
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
        abort();
    *ret_ours = channel_new(bench->others_loop, fds[1], peer, PROCESS_DECIDE, 0, &our_calls, bench);
    return channel_new(bench->loop, fds[0], PROCESS_DECIDE, peer, 0, &decide_calls, bench);
}

static void on_accept(struct ev_loop *loop, ev_io *io, int events)
{
    int fd;

    (void)loop;
    (void)events;
    while ((fd = accept(io->fd, NULL, NULL)) >= 0)
        (void)close(fd);
}

/* --- beginning and end ------------------------------------------------------------------------ */

static int listen_at(struct bench *bench, const char *name, int type)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    (void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/%s", bench->dir, name);
    if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 ||
        (type == SOCK_STREAM && listen(fd, 4096) != 0))
        abort();
    return fd;
}

static void give(struct bench *bench, enum file_kind kind, const char *name, int fd)
{
    struct message_file file = {.kind = (uint8_t)kind, .name = bytes_of(name)};
    struct error err;

    if (fd < 0 || !decide_file(&bench->role, &file, fd, &err))
        abort();
}

int bench_memfd(struct bytes octets)
{
    struct error err;
    int fd = memfd_new("bench", octets, &err);

    bench_must(fd >= 0);
    return fd;
}

static void start_decide(struct bench *bench)
{
    char path[128];
    struct error err;

    bench->role.parent = pair(bench, PROCESS_PARENT, &bench->parent);
    bench->role.state = bench->decide = decide_create(&bench->role);
    (void)snprintf(path, sizeof(path), "%s/locks", bench->dir);
    give(bench, FILE_REGISTRY, "registry", fcntl(bench->registry, F_DUPFD_CLOEXEC, 0));
    give(bench, FILE_LOCKS, "locks", open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
    give(bench, FILE_UPSTREAM_DIR, bench->dir, open(bench->dir, O_PATH | O_CLOEXEC));
    give(bench, FILE_LOCAL_USERS, "u", bench_memfd(bytes_of("root:x:0:0:root:/root:/bin/bash\n")));
    give(bench, FILE_LOCAL_GROUPS, "g", bench_memfd(bytes_of("root:x:0:\n")));
    if (!decide_prepare(&bench->role, &err) || !decide_start(&bench->role, &err))
        abort();
    bench->to_edge = pair(bench, PROCESS_EDGE, &bench->edge);
    bench->to_audit = pair(bench, PROCESS_AUDIT, &bench->audit);
    bench->to_directory = pair(bench, PROCESS_DIRECTORY, &bench->directory);
    decide_channel_up(&bench->role, bench->to_edge);
    decide_channel_up(&bench->role, bench->to_audit);
    decide_channel_up(&bench->role, bench->to_directory);
}

static void read_config(struct bench *bench)
{
    AUTO(writer_clear) struct writer text = writer_new(1 << 16);
    char head[4096];

    (void)snprintf(head, sizeof(head), config_head, bench->dir, bench->dir);
    writer_text(&text, head);
    for (int i = 0; i < BENCH_SERVICES; i++)
        writer_printf(&text,
                      "service \"s%d\" { listener = {\"main\"} sni = {\"s%d.x\"} "
                      "upstream = \"unix:%s/echo\" }\n",
                      i, i, bench->dir);
    if (!config_parse("bench.conf", writer_bytes(&text), &errors, &bench->config))
        abort();
}

/* --- running ---------------------------------------------------------------------------------- */

void bench_must(bool holds)
{
    if (!holds)
        abort();
}

double bench_cpu_s(void)
{
    struct timespec at;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

size_t bench_rss_kib(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    unsigned long size, resident;

    if (!f || fscanf(f, "%lu %lu", &size, &resident) != 2)
        abort();
    (void)fclose(f);
    return resident * (size_t)sysconf(_SC_PAGESIZE) / 1024;
}

void bench_clear(struct bench *bench)
{
    bench->cpu_s = bench->longest_ms = 0;
    bench->n_turns = bench->n_allowed = bench->n_denied = bench->n_ended = bench->n_records = 0;
}

void bench_step(struct bench *bench)
{
    double begin_s = bench_cpu_s(), took_s;

    ev_run(bench->loop, EVRUN_NOWAIT);
    took_s = bench_cpu_s() - begin_s;
    bench->cpu_s += took_s;
    bench->n_turns++;
    if (took_s * 1000 > bench->longest_ms)
        bench->longest_ms = took_s * 1000;
    ev_run(bench->others_loop, EVRUN_NOWAIT);
}

/* A turn without work takes a few microseconds. */
void bench_settle(struct bench *bench)
{
    int quiet = 0;

    while (quiet < QUIET_TURNS) {
        double before_s = bench->cpu_s;

        bench_step(bench);
        if (bench->cpu_s - before_s > 30e-6 || reevaluate_is_busy(bench->decide) ||
            ledger_waiting(bench->decide->ledger) > 0) {
            quiet = 0;
            continue;
        }
        quiet++;
        (void)usleep(200);
    }
}

/* --- connections ------------------------------------------------------------------------------ */

static struct bytes leaf_of(struct bench *bench, size_t user)
{
    char san[64];
    struct cert_spec spec = {
        .subject = {{"CN", .value = "Somebody"}}, .san = san, .serial = (long)user + 1};

    if (!bench->leaves[user].at) {
        (void)snprintf(san, sizeof(san), "email:u%zu@corp.example", user);
        bench->leaves[user] = cert_make(&spec);
    }
    return bench->leaves[user];
}

static void send_open(struct bench *bench, uint64_t connection)
{
    size_t user = connection % bench->n_connecting;
    uint32_t service = (uint32_t)(connection / bench->n_connecting % BENCH_SERVICES);
    char name[8], sni[16];
    struct message_open open = {.connection = connection + 1,
                                .accepted_ms = clock_realtime_ms(),
                                .service = service,
                                .listener_name = bytes_of("main"),
                                .ca_name = bytes_of("users"),
                                .cipher = bytes_of("TLS_AES_128_GCM_SHA256"),
                                .not_after_s = clock_realtime_s() + 3600,
                                .revocation = REVOCATION_GOOD,
                                .crl_this_update_s = clock_realtime_s() - 60,
                                .crl_valid_until_s = clock_realtime_s() + 7200,
                                .leaf = leaf_of(bench, user)};

    (void)snprintf(name, sizeof(name), "s%u", service);
    (void)snprintf(sni, sizeof(sni), "s%u.x", service);
    open.service_name = bytes_of(name);
    open.sni = bytes_of(sni);
    open.source = (struct address){.known = true, .port = (uint16_t)(1024 + connection % 60000)};
    bench_must(address_parse_port(bytes_of("192.0.2.1:8443"), &open.destination, NULL));
    bench_must(address_parse_port(bytes_of("10.1.2.3:4711"), &open.source, NULL));
    open.source.octets[14] = (uint8_t)(user >> 8);
    open.source.octets[15] = (uint8_t)user;
    bench_must(channel_send(bench->edge, MESSAGE_OPEN, &open, -1));
}

void bench_open(struct bench *bench, uint64_t first, size_t n)
{
    size_t done = bench->n_allowed + bench->n_denied, sent = 0;

    for (size_t i = 0; i < n; i++)
        (void)leaf_of(bench, (first + i) % bench->n_connecting);
    while (bench->n_allowed + bench->n_denied < done + n) {
        while (sent < n && sent - (bench->n_allowed + bench->n_denied - done) < OPEN_AT_ONCE)
            send_open(bench, first + sent++);
        bench_step(bench);
    }
    bench_settle(bench);
}

void bench_close(struct bench *bench, uint64_t first, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct session *session =
            sessions_find_connection(bench->decide->sessions, 0, first + i + 1);
        struct message_close msg = {.connection = first + i + 1, .reason = REASON_CLIENT_CLOSED};

        if (!session)
            continue;
        msg.session = session->id;
        bench_must(channel_send(bench->edge, MESSAGE_CLOSE, &msg, -1));
        if (i % OPEN_AT_ONCE == 0)
            bench_step(bench);
    }
    bench_settle(bench);
}

void bench_revoke(struct bench *bench, uint64_t connection)
{
    struct session *session = sessions_find_connection(bench->decide->sessions, 0, connection + 1);
    struct message_chains msg = {.connection = connection + 1,
                                 .session = session->id,
                                 .generation = 2,
                                 .reason = REASON_CERT_REVOKED,
                                 .detail = bytes_of("its issuer's revocation list names it"),
                                 .not_after_s = session->open.not_after_s,
                                 .crl_valid_until_s = INT64_MAX};

    bench_must(channel_send(bench->edge, MESSAGE_CHAINS, &msg, -1));
}

void bench_renew(struct bench *bench, size_t n)
{
    struct message_chains msg = {.generation = 3,
                                 .ca_name = bytes_of("users"),
                                 .revocation = REVOCATION_GOOD,
                                 .crl_this_update_s = clock_realtime_s(),
                                 .crl_valid_until_s = clock_realtime_s() + 9000};

    for (uint64_t i = 1; i <= n; i++) {
        const struct session *session = sessions_find_connection(bench->decide->sessions, 0, i);

        if (!session)
            continue;
        msg.connection = i;
        msg.session = session->id;
        msg.not_after_s = session->open.not_after_s;
        bench_must(channel_send(bench->edge, MESSAGE_CHAINS, &msg, -1));
        while (channel_queued(bench->edge) > OPEN_AT_ONCE)
            bench_step(bench);
    }
}

struct bench *bench_new(size_t n_users, size_t n_groups)
{
    struct bench *bench = xcalloc(1, sizeof(*bench));

    bench->n_users = bench->n_connecting = n_users;
    bench->n_groups = n_groups;
    bench->leaves = xcalloc(n_users, sizeof(*bench->leaves));
    (void)snprintf(bench->dir, sizeof(bench->dir), "/tmp/bench_decide.XXXXXX");
    if (!mkdtemp(bench->dir))
        abort();
    read_config(bench);
    bench->loop = ev_loop_new(EVFLAG_NOTIMERFD | EVFLAG_NOENV);
    bench->others_loop = ev_loop_new(EVFLAG_NOTIMERFD | EVFLAG_NOENV);
    bench->registry = memfd_create("registry", MFD_CLOEXEC);
    if (ftruncate(bench->registry, (off_t)REGISTRY_LEN) != 0)
        abort();
    bench->service = listen_at(bench, "echo", SOCK_STREAM);
    ev_io_init(&bench->accepting, on_accept, bench->service, EV_READ);
    ev_io_start(bench->others_loop, &bench->accepting);
    bench->role = (struct role){
        .loop = bench->loop, .id = PROCESS_DECIDE, .generation = 1, .config = bench->config};
    start_decide(bench);
    bench_make_people(bench);
    bench_policy(bench, BENCH_SERVICES, "");
    bench_snapshot(bench);
    while (!bench->decide->replica || !bench->decide->policy)
        bench_step(bench);
    bench_settle(bench);
    return bench;
}

void bench_free(struct bench *bench)
{
    static const char *const names[] = {"echo", "locks"};
    char path[128];

    ev_io_stop(bench->others_loop, &bench->accepting);
    (void)channel_free(bench->to_edge);
    (void)channel_free(bench->to_audit);
    (void)channel_free(bench->to_directory);
    (void)channel_free(bench->edge);
    (void)channel_free(bench->audit);
    (void)channel_free(bench->directory);
    decide_destroy(bench->decide);
    (void)channel_free(bench->role.parent);
    (void)channel_free(bench->parent);
    for (size_t i = 0; i < bench->n_users; i++)
        OPENSSL_free((void *)bench->leaves[i].at);
    free(bench->leaves);
    (void)replica_free(bench->people);
    (void)config_free(bench->config);
    (void)close(bench->registry);
    (void)close(bench->service);
    ev_loop_destroy(bench->loop);
    ev_loop_destroy(bench->others_loop);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", bench->dir, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(bench->dir);
    free(bench);
}
