/* The application and the tunnels. Test code: asserts instead of handling errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/pam_application.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

char said[SAID_MAX];

static int converse(int n, const struct pam_message **msg, struct pam_response **ret_resp,
                    void *data)
{
    (void)data;
    for (int i = 0; i < n; i++) {
        if (msg[i]->msg_style != PAM_ERROR_MSG)
            return PAM_CONV_ERR;
        (void)snprintf(said + strlen(said), SAID_MAX - strlen(said), "%s\n", msg[i]->msg);
    }
    *ret_resp = calloc((size_t)n, sizeof(**ret_resp));
    return PAM_SUCCESS;
}

pam_handle_t *begin(const char *user)
{
    static const struct pam_conv conv = {converse, NULL};
    pam_handle_t *pamh = NULL;

    said[0] = '\0';
    assert_int_equal(pam_start("mtls-test", user, &conv, &pamh), PAM_SUCCESS);
    assert_int_equal(pam_set_item(pamh, PAM_RHOST, "198.51.100.1"), PAM_SUCCESS);
    assert_int_equal(pam_set_item(pamh, PAM_TTY, "ssh"), PAM_SUCCESS);
    return pamh;
}

/* ---- the tunnel ---- */

static int unix_socket(const char *name, size_t len, struct sockaddr_un *ret_at, socklen_t *ret_len)
{
    *ret_at = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(ret_at->sun_path, name, len);
    *ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static void connect_named(int listener, int client, const char *name, size_t len)
{
    struct sockaddr_un at;
    socklen_t at_len = sizeof(at);
    int unused = unix_socket(name, len, &at, &at_len);

    (void)close(unused);
    if (len > 0)
        assert_int_equal(bind(client, (struct sockaddr *)&at, at_len), 0);
    at_len = sizeof(at);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &at_len), 0);
    assert_int_equal(connect(client, (struct sockaddr *)&at, at_len), 0);
}

struct tunnel tunnel_named(const char *name, size_t len, uid_t uid)
{
    static unsigned number;
    char where[64];
    struct sockaddr_un at;
    socklen_t at_len;
    int where_len = snprintf(where, sizeof(where), "%csshd-test/%d/%u", '\0', getpid(), number++);
    int listener = unix_socket(where, (size_t)where_len, &at, &at_len);
    struct tunnel tunnel = {.client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};

    assert_int_equal(bind(listener, (struct sockaddr *)&at, at_len), 0);
    assert_int_equal(listen(listener, 1), 0);
    if (uid) {
        /* The credentials are those of the process that calls connect(). */
        assert_int_equal(seteuid(uid), 0);
        connect_named(listener, tunnel.client, name, len);
        assert_int_equal(seteuid(0), 0);
    } else {
        connect_named(listener, tunnel.client, name, len);
    }
    tunnel.server = accept(listener, NULL, NULL);
    assert_true(tunnel.server >= 0);
    (void)close(listener);
    return tunnel;
}

void tunnel_close(struct tunnel *tunnel)
{
    (void)close(tunnel->client);
    (void)close(tunnel->server);
}
