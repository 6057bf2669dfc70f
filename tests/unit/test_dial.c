/*
 * One connection and several places: sockets of this test, some of which listen, some do not, one
 * of which never answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/clock.h"
#include "gatewayd/decide/dial.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PLACES = 3 };

struct result {
    bool told;
    int fd;
    struct target *target;
    char why[DIAL_WHY_MAX + 1];
};

struct scene {
    struct ev_loop *loop;
    struct targets *targets;
    struct upstreams *upstreams;
    struct target *at[PLACES];
    int listening[PLACES]; /* -1: nobody listens there */
    int full[8];           /* connections that fill a backlog */
    struct result result;
    struct dial *dial;
};

static void done(void *context, int fd, struct target *target, const char *why)
{
    struct result *result = context;

    assert_false(result->told);
    *result = (struct result){.told = true, .fd = fd, .target = target};
    if (why)
        (void)snprintf(result->why, sizeof(result->why), "%s", why);
}

static int listen_tcp(int backlog, struct sockaddr_in *ret_sa)
{
    socklen_t len = sizeof(*ret_sa);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *ret_sa =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)ret_sa, sizeof(*ret_sa)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)ret_sa, &len), 0);
    if (backlog >= 0)
        assert_int_equal(listen(fd, backlog), 0);
    return fd;
}

/* Connections until the kernel answers no more: a service that hangs. */
static void fill(struct scene *scene, const struct sockaddr_in *sa)
{
    for (size_t i = 0; i < ARRAY_LEN(scene->full); i++) {
        scene->full[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(scene->full[i], (const struct sockaddr *)sa, sizeof(*sa));
    }
    (void)usleep(20000);
}

/* kinds: 'l' listens, 'd' dead (bound, nobody listens), 'h' hangs. */
static void begin(struct scene *scene, const char *kinds)
{
    *scene = (struct scene){.result = {.fd = -1}};
    scene->loop = ev_loop_new(EVFLAG_NOENV | EVFLAG_NOTIMERFD);
    scene->targets = targets_new();
    scene->upstreams = upstreams_new();
    for (size_t i = 0; i < ARRAY_LEN(scene->full); i++)
        scene->full[i] = -1;
    for (size_t i = 0; i < PLACES; i++) {
        struct sockaddr_in sa;
        char where[64];

        scene->listening[i] = listen_tcp(kinds[i] == 'd' ? -1 : kinds[i] == 'h' ? 0 : 8, &sa);
        if (kinds[i] == 'h')
            fill(scene, &sa);
        (void)snprintf(where, sizeof(where), "127.0.0.1:%u", ntohs(sa.sin_port));
        scene->at[i] = targets_get(scene->targets, where);
    }
}

static void end(struct scene *scene)
{
    scene->dial = dial_free(scene->dial);
    if (scene->result.target) {
        scene->result.target->n_sessions--;
        target_unref(scene->result.target);
    }
    if (scene->result.fd >= 0)
        (void)close(scene->result.fd);
    for (size_t i = 0; i < PLACES; i++) {
        assert_int_equal(scene->at[i]->n_sessions, 0);
        target_unref(scene->at[i]);
        (void)close(scene->listening[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(scene->full); i++)
        if (scene->full[i] >= 0)
            (void)close(scene->full[i]);
    (void)upstreams_free(scene->upstreams);
    (void)targets_free(scene->targets);
    ev_loop_destroy(scene->loop);
}

static void turn(struct scene *scene, int ms)
{
    int64_t until = clock_monotonic_ms() + ms;

    do {
        ev_run(scene->loop, EVRUN_NOWAIT);
        (void)usleep(1000);
    } while (!scene->result.told && clock_monotonic_ms() < until);
}

/* Dials and waits for at most ms. */
static void dial(struct scene *scene, struct bytes header, int ms)
{
    struct dial_request request = {.loop = scene->loop,
                                   .targets = scene->targets,
                                   .upstreams = scene->upstreams,
                                   .run_dir = "/nowhere",
                                   .at = scene->at,
                                   .n = PLACES,
                                   .header = header,
                                   .done = done,
                                   .context = &scene->result};

    scene->dial = dial_begin(&request, scene->result.why);
    if (!scene->dial) {
        scene->result.told = true;
        return;
    }
    assert_false(scene->result.told); /* never from inside */
    turn(scene, ms);
}

static const struct {
    const char *name, *kinds;
    int where; /* the place that it must end at; -1: none */
    int least_ms, most_ms;
} cases[] = {
    {"the first of three", "lll", 0, 0, 200},
    {"the second when the first refuses", "dll", 1, 0, 200},
    {"the third when two refuse", "ddl", 2, 0, 200},
    {"the next one when the first hangs", "hll", 1, DIAL_SHARE_MS - 50, DIAL_SHARE_MS + 500},
    {"nobody when all refuse", "ddd", -1, 0, 200},
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct scene scene;
        int64_t began = clock_monotonic_ms(), took;

        begin(&scene, cases[i].kinds);
        began = clock_monotonic_ms();
        dial(&scene, (struct bytes){NULL, 0}, 3000);
        took = clock_monotonic_ms() - began;
        if (!scene.result.told || (scene.result.fd >= 0) != (cases[i].where >= 0) ||
            (cases[i].where >= 0 && scene.result.target != scene.at[cases[i].where]))
            fail_msg("%s: %s", cases[i].name, scene.result.why);
        if (took < cases[i].least_ms || took > cases[i].most_ms)
            fail_msg("%s: after %lld ms", cases[i].name, (long long)took);
        for (size_t k = 0; k < PLACES; k++)
            if (scene.at[k]->down != (cases[i].kinds[k] != 'l'))
                fail_msg("%s: place %zu", cases[i].name, k);
        end(&scene);
    }
}

/* Who looks for the fault reads of each place what it said. */
static void test_all_are_named(void **state)
{
    struct scene scene;

    (void)state;
    begin(&scene, "ddd");
    dial(&scene, (struct bytes){NULL, 0}, 1000);
    for (size_t i = 0; i < PLACES; i++) {
        char said[96];

        (void)snprintf(said, sizeof(said), "%s: Connection refused", scene.at[i]->where);
        if (!strstr(scene.result.why, said))
            fail_msg("%s is not in \"%s\"", said, scene.result.why);
    }
    end(&scene);
}

/* A place that hangs while nobody else is left: the stage's deadline says when that ends. */
static void test_late(void **state)
{
    struct scene scene;
    const char *why;

    (void)state;
    begin(&scene, "ddh");
    dial(&scene, (struct bytes){NULL, 0}, DIAL_SHARE_MS + 300);
    assert_false(scene.result.told);
    why = dial_late(scene.dial);
    assert_non_null(strstr(why, "Connection refused"));
    assert_non_null(strstr(why, "no answer in time"));
    assert_true(scene.at[2]->down);
    end(&scene);
}

/* More octets than a socket takes at once: the service gets all of them before it counts. */
static void test_header(void **state)
{
    enum { LEN = 8 << 20 };
    uint8_t *header = malloc(LEN), *got = malloc(LEN);
    struct scene scene;
    size_t have = 0;
    int fd;

    (void)state;
    for (size_t i = 0; i < LEN; i++)
        header[i] = (uint8_t)(i * 31 >> 5);
    begin(&scene, "lll");
    dial(&scene, (struct bytes){header, LEN}, 50);
    assert_false(scene.result.told);
    fd = accept4(scene.listening[0], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(fd >= 0);
    while (have < LEN) {
        ssize_t n = read(fd, got + have, LEN - have);

        have += n > 0 ? (size_t)n : 0;
        ev_run(scene.loop, EVRUN_NOWAIT);
    }
    turn(&scene, 1000);
    assert_true(scene.result.fd >= 0);
    assert_memory_equal(got, header, LEN);
    (void)close(fd);
    end(&scene);
    free(header);
    free(got);
}

/* The service hangs up in the middle of the header: another one is there. */
static void test_header_refused(void **state)
{
    enum { LEN = 8 << 20 };
    uint8_t *header = calloc(LEN, 1);
    struct scene scene;

    (void)state;
    begin(&scene, "ldd");
    dial(&scene, (struct bytes){header, LEN}, 50);
    (void)close(accept(scene.listening[0], NULL, NULL));
    turn(&scene, 1000);
    assert_true(scene.result.told);
    assert_int_equal(scene.result.fd, -1);
    assert_non_null(strstr(scene.result.why, "PROXY header: "));
    assert_true(scene.at[0]->down);
    end(&scene);
    free(header);
}

static void test_given_up(void **state)
{
    struct scene scene;

    (void)state;
    begin(&scene, "hll");
    dial(&scene, (struct bytes){NULL, 0}, 10);
    assert_int_equal(scene.at[0]->n_sessions, 1);
    scene.dial = dial_free(scene.dial);
    turn(&scene, 20);
    assert_false(scene.result.told);
    assert_false(scene.at[0]->down); /* nobody has waited for it */
    end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),          cmocka_unit_test(test_all_are_named),
        cmocka_unit_test(test_late),           cmocka_unit_test(test_header),
        cmocka_unit_test(test_header_refused), cmocka_unit_test(test_given_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
