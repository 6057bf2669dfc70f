/*
 * Connections to services: what is reached, under which name, and what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gatewayd/decide/upstream.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct result {
    bool told;
    int fd;
    enum reason reason;
};

static void done(void *context, int fd, const struct error *why)
{
    struct result *result = context;

    assert_false(result->told);
    *result = (struct result){.told = true, .fd = fd, .reason = why ? why->reason : REASON_OK};
}

struct place {
    struct ev_loop *loop;
    struct upstreams *upstreams;
    char dir[64];
    int listening;
};

static int listen_unix(const char *dir, const char *name, int backlog)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    (void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/%s", dir, name);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    assert_int_equal(listen(fd, backlog), 0);
    return fd;
}

static void begin(struct place *place)
{
    char spawn[96];

    place->loop = ev_loop_new(EVFLAG_NOENV | EVFLAG_NOTIMERFD);
    place->upstreams = upstreams_new();
    (void)snprintf(place->dir, sizeof(place->dir), "/tmp/test_upstream.XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    (void)snprintf(spawn, sizeof(spawn), "%s/spawn", place->dir);
    assert_int_equal(mkdir(spawn, 0700), 0);
    place->listening = listen_unix(spawn, "sshd", 1);
    upstreams_add(place->upstreams, bytes_of(spawn), open(spawn, O_PATH | O_CLOEXEC));
    upstreams_set_home(place->upstreams, open("/", O_PATH | O_CLOEXEC));
}

static void end(struct place *place)
{
    char path[128];

    (void)close(place->listening);
    (void)snprintf(path, sizeof(path), "%s/spawn/sshd", place->dir);
    (void)unlink(path);
    (void)snprintf(path, sizeof(path), "%s/spawn", place->dir);
    (void)rmdir(path);
    (void)rmdir(place->dir);
    (void)upstreams_free(place->upstreams);
    ev_loop_destroy(place->loop);
}

static struct result connect_to(struct place *place, const char *where, uint8_t number)
{
    struct session_id session = {{number}};
    struct result result = {.fd = -1};
    struct upstream_connect attempt = {
        .loop = place->loop, .upstreams = place->upstreams, .done = done, .context = &result};
    struct error err;

    if (!upstream_begin(&attempt, where, place->dir, &session, &err))
        return (struct result){.told = true, .fd = -1, .reason = err.reason};
    assert_false(result.told); /* never from inside */
    for (int i = 0; i < 100 && !result.told; i++) {
        ev_run(place->loop, EVRUN_NOWAIT);
        (void)usleep(1000);
    }
    upstream_cancel(&attempt);
    return result;
}

static void test_spawn(void **state)
{
    struct sockaddr_un peer;
    socklen_t len = sizeof(peer);
    struct place place;
    struct result result;
    char cwd[256];
    int fd;

    (void)state;
    begin(&place);
    result = connect_to(&place, "spawn:sshd", 0xab);
    assert_int_equal(result.reason, REASON_OK);
    fd = accept(place.listening, NULL, NULL);
    assert_int_equal(getpeername(fd, (struct sockaddr *)&peer, &len), 0);
    assert_memory_equal(peer.sun_path, "\0gatewayd/session/ab000000000000000000000000000000", 50);
    assert_int_equal(len, offsetof(struct sockaddr_un, sun_path) + 50);
    assert_string_equal(getcwd(cwd, sizeof(cwd)), "/"); /* back home */
    (void)close(fd);
    (void)close(result.fd);
    end(&place);
}

static const struct {
    const char *name, *where;
} refusals[] = {
    {"no such row", "spawn:other"},
    {"no such directory", "unix:/nowhere/x"},
    {"row that climbs", "spawn:../spawn/sshd"},
    {"no path", "unix:"},
    {"relative path", "unix:spawn/sshd"},
    {"directory as socket", "unix:/tmp/"},
    {"nobody listens", "127.0.0.1:1"},
    {"name instead of an address", "localhost:22"},
    {"no port", "127.0.0.1"},
};

static void test_refusals(void **state)
{
    struct place place;

    (void)state;
    begin(&place);
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        struct result result = connect_to(&place, refusals[i].where, (uint8_t)i);

        if (!result.told || result.fd >= 0 || result.reason == REASON_OK)
            fail_msg("%s", refusals[i].name);
    }
    end(&place);
}

static void test_tcp(void **state)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t len = sizeof(sa);
    struct place place;
    struct result result;
    char where[64];

    (void)state;
    begin(&place);
    assert_int_equal(bind(listening, (struct sockaddr *)&sa, sizeof(sa)), 0);
    assert_int_equal(listen(listening, 1), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&sa, &len), 0);
    (void)snprintf(where, sizeof(where), "127.0.0.1:%u", ntohs(sa.sin_port));
    result = connect_to(&place, where, 1);
    assert_int_equal(result.reason, REASON_OK);
    (void)close(result.fd);
    (void)close(listening);
    end(&place);
}

/* A full backlog is waited for: it is no refusal before the deadline of the stage. */
static void test_full_backlog(void **state)
{
    struct place place;
    struct result results[4] = {{.fd = -1}, {.fd = -1}, {.fd = -1}, {.fd = -1}};
    struct upstream_connect attempts[4];
    struct error err;
    size_t told = 0;

    (void)state;
    begin(&place);
    for (uint8_t i = 0; i < 4; i++) {
        struct session_id session = {{i}};

        attempts[i] = (struct upstream_connect){
            .loop = place.loop, .upstreams = place.upstreams, .done = done, .context = &results[i]};
        assert_true(upstream_begin(&attempts[i], "spawn:sshd", place.dir, &session, &err));
    }
    for (int i = 0; i < 30; i++) {
        ev_run(place.loop, EVRUN_NOWAIT);
        (void)usleep(1000);
    }
    for (size_t i = 0; i < 4; i++)
        told += results[i].told;
    assert_true(told < 4);
    for (size_t i = 0; i < 4; i++)
        (void)close(accept(place.listening, NULL, NULL));
    for (int i = 0; i < 50; i++) {
        ev_run(place.loop, EVRUN_NOWAIT);
        (void)usleep(1000);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_true(results[i].told);
        assert_int_equal(results[i].reason, REASON_OK);
        (void)close(results[i].fd);
        upstream_cancel(&attempts[i]);
    }
    end(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spawn),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_tcp),
        cmocka_unit_test(test_full_backlog),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
