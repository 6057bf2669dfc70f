/*
 * The control socket as gatewayctl uses it. Trusts the daemon only after local_socket.c has checked
 * whose socket it is.
 */
#include "cli/ask.h"
#include "cli/files.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RUN_DIR "/run/gatewayd"

enum { CONFIG_FILE_MAX = 16 << 20 };

static void ignore(void *context, const char *file, uint32_t line, const struct error *err)
{
    (void)context;
    (void)file;
    (void)line;
    (void)err;
}

/* run_dir = "..." at the beginning of a line, in a file that has errors elsewhere. */
static bool find_run_dir(const char *text, char out[FILES_PATH_MAX])
{
    for (const char *line = text; line; line = strchr(line, '\n')) {
        char value[FILES_PATH_MAX];

        line += *line == '\n';
        if (sscanf(line, " run_dir = \"%4095[^\"\n]\"", value) != 1)
            continue;
        (void)snprintf(out, FILES_PATH_MAX, "%s", value);
        return true;
    }
    return false;
}

/* The daemon must be reachable when the file has just been broken: that is when it is asked. */
static void run_dir_of(const struct ctl *ctl, char out[FILES_PATH_MAX])
{
    const struct config_errors errors = {ignore, NULL};
    AUTO(octets_freep) unsigned char *octets = NULL;
    struct config *config;
    struct error err;
    size_t len;

    (void)snprintf(out, FILES_PATH_MAX, "%s", RUN_DIR);
    if (config_load(ctl->config_path, &errors, &config)) {
        (void)snprintf(out, FILES_PATH_MAX, "%s", config->gateway[0].run_dir);
        config_free(config);
        return;
    }
    if (files_read(ctl->config_path, CONFIG_FILE_MAX, &octets, &len, &err))
        (void)find_run_dir((const char *)octets, out);
}

/* Texts of the daemon may have lines: errors of a reload, one each. */
static void print_lines(struct bytes text, FILE *to)
{
    char line[4096];

    while (text.len > 0) {
        const uint8_t *end = memchr(text.at, '\n', text.len);
        size_t len = end ? (size_t)(end - text.at) : text.len;

        (void)snprintf(line, sizeof(line), "%.*s", (int)(len < 4095 ? len : 4095),
                       (const char *)text.at);
        (void)fprintf(to, "%s\n", ctl_text(line));
        len += end != NULL;
        text = (struct bytes){text.at + len, text.len - len};
    }
}

static void print_rows(const struct protocol_rows *rows, FILE *to)
{
    for (size_t i = 0; i < rows->n; i++)
        print_lines(rows->at[i], to);
}

static int refused(const struct protocol_message *reply)
{
    enum reason reason;

    if (reason_from_name(reply->reason, &reason)) {
        (void)fprintf(stderr, "gatewayctl: %s\n", reason_text(reason));
        if (reply->text.len == 0 && reason_hint(reason)[0])
            (void)fprintf(stderr, "  see: %s\n", reason_hint(reason));
    } else {
        (void)fprintf(stderr, "gatewayctl: the daemon refuses\n");
    }
    if (!reason_from_name(reply->reason, &reason) ||
        !bytes_equal(reply->text, bytes_of(reason_text(reason))))
        print_lines(reply->text, stderr);
    print_rows(&reply->row, stderr);
    return reply->kind == PROTOCOL_DENY ? CTL_NO : CTL_ERROR;
}

static bool ask_any(const struct ctl *ctl, struct protocol_message *request,
                    struct local_reply *ret_reply, struct error *err)
{
    enum local_trust trust = geteuid() == 0 ? LOCAL_TRUST_ROOT : LOCAL_TRUST_OWN;
    char dir[FILES_PATH_MAX], path[FILES_PATH_MAX];

    run_dir_of(ctl, dir);
    return files_path(dir, "control.sock", path, err) &&
           local_socket_ask(path, trust, request, local_socket_deadline_ms(request->kind),
                            ret_reply, err);
}

bool ask_quietly(const struct ctl *ctl, struct protocol_message *request,
                 struct local_reply *ret_reply, struct error *err)
{
    if (!ask_any(ctl, request, ret_reply, err))
        return false;
    if (ret_reply->message.kind == PROTOCOL_OK)
        return true;
    local_reply_clear(ret_reply);
    return err_set(err, REASON_DAEMON_AWAY, "the request was refused");
}

bool ask(const struct ctl *ctl, struct protocol_message *request, struct local_reply *ret_reply,
         int *ret_exit)
{
    struct error err;

    *ret_exit = CTL_ERROR;
    if (!ask_any(ctl, request, ret_reply, &err)) {
        (void)ctl_error(&err);
        return false;
    }
    if (ret_reply->message.kind == PROTOCOL_OK)
        return true;
    *ret_exit = refused(&ret_reply->message);
    local_reply_clear(ret_reply);
    return false;
}

json_t *ask_json(const struct local_reply *reply)
{
    struct bytes text = reply->message.json;

    return text.len > 0 ? json_loadb((const char *)text.at, text.len, JSON_DECODE_ANY, NULL) : NULL;
}

int ask_print(const struct ctl *ctl, const struct local_reply *reply)
{
    json_t *json;

    if (!ctl->json) {
        print_lines(reply->message.text, stdout);
        print_rows(&reply->message.row, stdout);
        if (reply->message.text.len == 0)
            (void)printf("ok\n");
        return CTL_YES;
    }
    json = ask_json(reply);
    if (!json)
        json = json_object();
    if (json_is_object(json)) {
        json_object_set_new(json, "ok", json_true());
        if (reply->message.text.len > 0)
            json_object_set_new(
                json, "text",
                json_stringn((const char *)reply->message.text.at, reply->message.text.len));
        if (reply->message.count != PROTOCOL_NO_NUMBER)
            json_object_set_new(json, "count", json_integer((json_int_t)reply->message.count));
    }
    ctl_print_json(json);
    return CTL_YES;
}
