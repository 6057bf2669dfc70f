/*
 * Local sockets: who is let in, how long anybody may be silent, what a broken request gets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/clock.h"
#include "gatewayd/decide/local_server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct place {
    struct ev_loop *loop;
    struct local_server *server;
    char dir[64];
    struct sockaddr_un sa;
    size_t n_requests, n_whois;
    struct local_peer peer;
    bool foreign;
    bool keep; /* the handler answers later, if at all */
    size_t n_abandoned;
};

static void abandoned(struct local_request *request)
{
    struct place *place = request->context;

    place->n_abandoned++;
}

static void on_request(void *context, struct local_request *request)
{
    struct place *place = context;
    struct protocol_message reply;

    place->n_requests++;
    place->peer = request->peer;
    if (place->keep) {
        request->abandoned = abandoned;
        request->context = place;
        return;
    }
    protocol_message_init(&reply, PROTOCOL_OK);
    local_reply(request, &reply);
}

static void on_whois(void *context, uint64_t cookie, uint32_t pid, uint32_t uid)
{
    struct place *place = context;
    struct message_peer peer = {
        .cookie = cookie, .same_namespaces = !place->foreign, .start_time = 9};

    (void)pid;
    (void)uid;
    place->n_whois++;
    assert_true(local_server_peer(place->server, &peer));
}

static void begin(struct place *place, enum protocol_socket which, uint32_t own_uid)
{
    struct local_calls calls = {.request = on_request, .whois = on_whois, .context = place};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct error err;

    *place = (struct place){.loop = ev_loop_new(EVFLAG_NOENV | EVFLAG_NOTIMERFD),
                            .sa = {.sun_family = AF_UNIX}};
    (void)snprintf(place->dir, sizeof(place->dir), "/tmp/test_local.XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    assert_int_equal(chmod(place->dir, 0755), 0);
    (void)snprintf(place->sa.sun_path, sizeof(place->sa.sun_path), "%s/sock", place->dir);
    assert_int_equal(bind(fd, (struct sockaddr *)&place->sa, sizeof(place->sa)), 0);
    assert_int_equal(chmod(place->sa.sun_path, 0666), 0);
    assert_true(local_server_new(place->loop, fd, which, own_uid, &calls, &place->server, &err));
}

static void end(struct place *place)
{
    (void)local_server_free(place->server);
    ev_loop_destroy(place->loop);
    (void)unlink(place->sa.sun_path);
    (void)rmdir(place->dir);
}

static int connect_to(const struct place *place)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (const struct sockaddr *)&place->sa, sizeof(place->sa)), 0);
    return fd;
}

/* Runs the loop until the other end has something or has closed. */
static ssize_t receive(struct place *place, int fd, uint8_t *in, size_t room, int wait_ms)
{
    int64_t end_ms = clock_monotonic_ms() + wait_ms;

    for (;;) {
        ssize_t n = recv(fd, in, room, MSG_DONTWAIT);

        if (n >= 0 || errno == ECONNRESET)
            return n < 0 ? 0 : n;
        if (clock_monotonic_ms() > end_ms)
            return -1;
        ev_run(place->loop, EVRUN_NOWAIT);
        (void)usleep(500);
    }
}

static void ask(struct place *place, struct bytes octets, enum protocol_kind kind,
                const char *reason)
{
    static uint8_t in[PROTOCOL_REPLY_MAX];
    struct protocol_message reply;
    int fd = connect_to(place);
    struct error err;
    ssize_t n;

    assert_int_equal(send(fd, octets.at, octets.len, 0), (ssize_t)octets.len);
    n = receive(place, fd, in, sizeof(in), 3000);
    assert_true(n > 0);
    assert_true(protocol_decode_reply((struct bytes){in, (size_t)n}, &reply, &err));
    assert_int_equal(reply.kind, kind);
    if (reason)
        assert_true(bytes_equal(reply.reason, bytes_of(reason)));
    (void)close(fd);
}

static struct writer request_of(enum protocol_kind kind)
{
    struct writer out = writer_new(PROTOCOL_REQUEST_MAX);
    struct protocol_message request;

    protocol_message_init(&request, kind);
    protocol_encode(&request, &out);
    return out;
}

static void test_answers(void **state)
{
    struct writer ping = request_of(PROTOCOL_PING), status = request_of(PROTOCOL_CTL_STATUS);
    struct place place;

    (void)state;
    begin(&place, SOCKET_PAM, geteuid());
    ask(&place, writer_bytes(&ping), PROTOCOL_OK, NULL);
    assert_int_equal(place.peer.pid, getpid());
    assert_int_equal(place.peer.start_time, 9);
    assert_true(place.peer.is_root);
    ask(&place, writer_bytes(&status), PROTOCOL_ERROR, "not_permitted"); /* the other socket's */
    place.foreign = true;
    ask(&place, writer_bytes(&ping), PROTOCOL_ERROR, "not_permitted");
    assert_int_equal(place.n_requests, 1);
    end(&place);
    writer_clear(&ping);
    writer_clear(&status);
}

static void test_broken_requests(void **state)
{
    static const uint8_t other_version[] = "GWP1\x63\x01\0";
    static uint8_t large[PROTOCOL_REQUEST_MAX + 100];
    struct place place;

    (void)state;
    begin(&place, SOCKET_PAM, geteuid());
    ask(&place, bytes_of("GET / HTTP/1.1"), PROTOCOL_ERROR, "msg_malformed");
    ask(&place, (struct bytes){other_version, 8}, PROTOCOL_ERR_VERSION, NULL);
    ask(&place, (struct bytes){large, sizeof(large)}, PROTOCOL_ERROR, "msg_malformed");
    assert_int_equal(place.n_requests, 0);
    assert_int_equal(place.n_whois, 0);
    assert_int_equal(local_server_count(place.server), 0);
    end(&place);
}

/* Silent ones are sent away in time, and a handler that says nothing is answered for. */
static void test_silence(void **state)
{
    struct writer ping = request_of(PROTOCOL_PING);
    struct place place;
    uint8_t in[16];
    int fd;

    (void)state;
    begin(&place, SOCKET_PAM, geteuid());
    fd = connect_to(&place);
    assert_int_equal(receive(&place, fd, in, sizeof(in), 1000), -1);
    assert_int_equal(receive(&place, fd, in, sizeof(in), 1500), 0);
    (void)close(fd);
    place.keep = true;
    ask(&place, writer_bytes(&ping), PROTOCOL_ERROR, "decision_timeout");
    assert_int_equal(place.n_abandoned, 1);
    assert_int_equal(local_server_count(place.server), 0);
    end(&place);
    writer_clear(&ping);
}

/* In a process of an ordinary user: how many of `n` silent connections stay, then a question. */
static void crowd(const struct place *place, size_t n, int report)
{
    uint8_t stay = 0;
    int *fds = calloc(n, sizeof(*fds));

    if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)
        _exit(1);
    for (size_t i = 0; i < n; i++)
        fds[i] = connect_to(place);
    (void)usleep(300000);
    for (size_t i = 0; i < n; i++) {
        char octet;

        if (recv(fds[i], &octet, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN)
            stay++;
    }
    (void)!write(report, &stay, 1);
    (void)usleep(700000);
    _exit(0);
}

static void test_crowd_of_one_user(void **state)
{
    struct writer ping = request_of(PROTOCOL_PING);
    struct place place;
    uint8_t stay = 0;
    int report[2];
    pid_t child;

    (void)state;
    if (geteuid() != 0) {
        skip();
        return;
    }
    begin(&place, SOCKET_PAM, 0);
    assert_int_equal(pipe2(report, O_NONBLOCK), 0);
    child = fork();
    if (child == 0)
        crowd(&place, 200, report[1]);
    for (int i = 0; i < 2000 && read(report[0], &stay, 1) != 1; i++) {
        ev_run(place.loop, EVRUN_NOWAIT);
        (void)usleep(500);
    }
    assert_int_equal(stay, LOCAL_PER_UID_MAX);
    ask(&place, writer_bytes(&ping), PROTOCOL_OK, NULL); /* root is served meanwhile */
    assert_int_equal(waitpid(child, NULL, 0), child);
    (void)close(report[0]);
    (void)close(report[1]);
    end(&place);
    writer_clear(&ping);
}

static const struct {
    const char *name;
    enum protocol_socket socket;
    enum protocol_kind kind;
    gid_t gid;
    bool allowed;
} rights[] = {
    {"anybody may ping", SOCKET_PAM, PROTOCOL_PING, 65534, true},
    {"the owner of a session may close it: the handler checks", SOCKET_PAM, PROTOCOL_SESSION_CLOSE,
     65534, true},
    {"auth is root's", SOCKET_PAM, PROTOCOL_AUTH_TUNNEL, 65534, false},
    {"account is root's", SOCKET_PAM, PROTOCOL_ACCOUNT, 65534, false},
    {"status for its group", SOCKET_CONTROL, PROTOCOL_CTL_STATUS, 3001, true},
    {"status for nobody else", SOCKET_CONTROL, PROTOCOL_CTL_STATUS, 65534, false},
    {"locks are not for readers", SOCKET_CONTROL, PROTOCOL_CTL_LOCK_ADD, 3001, false},
    {"locks for their group", SOCKET_CONTROL, PROTOCOL_CTL_LOCK_ADD, 3002, true},
    {"kill for the group of locks", SOCKET_CONTROL, PROTOCOL_CTL_SESSION_KILL, 3002, true},
    {"reload is not for them", SOCKET_CONTROL, PROTOCOL_CTL_RELOAD, 3002, false},
    {"reload for its group", SOCKET_CONTROL, PROTOCOL_CTL_RELOAD, 3003, true},
    {"end of what the guard holds is the administrator's", SOCKET_CONTROL,
     PROTOCOL_CTL_SESSIONS_END_PENDING, 3002, false},
};

static void test_rights(void **state)
{
    struct local_groups groups = {.read = 3001, .lock = 3002, .admin = 3003};

    (void)state;
    if (geteuid() != 0) {
        skip();
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(rights); i++) {
        struct writer request = request_of(rights[i].kind);
        struct place place;
        pid_t child;

        begin(&place, rights[i].socket, 0);
        local_server_set_groups(place.server, &groups);
        child = fork();
        if (child == 0) {
            int fd;

            if (setresgid(rights[i].gid, rights[i].gid, rights[i].gid) != 0 ||
                setresuid(65534, 65534, 65534) != 0)
                _exit(1);
            fd = connect_to(&place);
            (void)!send(fd, request.at, request.len, 0);
            (void)usleep(100000);
            _exit(0);
        }
        for (int k = 0; k < 300; k++) {
            ev_run(place.loop, EVRUN_NOWAIT);
            (void)usleep(500);
        }
        assert_int_equal(waitpid(child, NULL, 0), child);
        if (place.n_requests != rights[i].allowed)
            fail_msg("%s", rights[i].name);
        end(&place);
        writer_clear(&request);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers), cmocka_unit_test(test_broken_requests),
        cmocka_unit_test(test_silence), cmocka_unit_test(test_crowd_of_one_user),
        cmocka_unit_test(test_rights),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
