/*
 * The parent's state for its successor. Runs in the parent, the old program's and the new one's;
 * each trusts the other, which is root's, but not to be of the same version.
 */
#include "gatewayd/parent/state.h"

#include "common/text.h"
#include "gatewayd/parent/children.h"
#include "gatewayd/parent/logins.h"
#include "gatewayd/shared/files.h"
#include "gatewayd/shared/memfd.h"
#include "gatewayd/shared/registry_len.h"
#include "gatewayd/shared/trust.h"
#include "gatewayd/shared/xalloc.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

/* --- writing ---------------------------------------------------------------------------------- */

static json_t *listening_json(const struct parent *parent)
{
    json_t *list = json_array();

    for (size_t i = 0; i < parent->sockets.n_listening; i++) {
        const struct listening_socket *socket = &parent->sockets.listening[i];

        (void)json_array_append_new(list, json_pack("{s:s,s:i,s:i}", "address", socket->address,
                                                    "slot", (int)socket->slot, "fd", socket->fd));
    }
    return list;
}

static json_t *spawn_json(const struct parent *parent)
{
    json_t *list = json_array();

    for (size_t i = 0; i < parent->sockets.n_spawn; i++)
        (void)json_array_append_new(list,
                                    json_pack("{s:s,s:i}", "title", parent->sockets.spawn[i].title,
                                              "fd", parent->sockets.spawn[i].fd));
    return list;
}

/* What has no channel any more is on its way out: it is nobody's child of the next parent but by
 * its exit, which is waited for all the same. */
static json_t *children_json(const struct parent *parent)
{
    json_t *list = json_array();

    for (size_t i = 0; i < parent->n_children; i++) {
        const struct child *child = &parent->children[i];

        if (child->pid == 0 || !child->channel)
            continue;
        (void)json_array_append_new(
            list,
            json_pack("{s:s,s:i,s:i,s:i,s:I,s:I,s:b,s:I,s:I,s:I}", "role",
                      process_of(child->role)->name, "slot", (int)child->slot, "pid",
                      (int)child->pid, "fd", child->fd, "started_ms", (json_int_t)child->started_ms,
                      "table", (json_int_t)channel_table(child->channel), "retired", child->retired,
                      "retired_ms", (json_int_t)child->retired_ms, "restarts",
                      (json_int_t)child->restarts, "program", (json_int_t)child->program));
    }
    return list;
}

/* A successor with another of these has other files, users or formats than our children. */
static json_t *fixed_json(const struct config *config)
{
    const struct config_gateway *gateway = config->gateway;

    return json_pack("{s:s,s:s,s:s,s:s,s:i,s:i,s:i}", "user", gateway->user, "run_dir",
                     gateway->run_dir, "state_dir", gateway->state_dir, "audit_directory",
                     config->audit->directory, "role", (int)gateway->role, "registry_format",
                     (int)REGISTRY_FORMAT, "trust_format", (int)TRUST_FORMAT);
}

static json_t *state_json(const struct parent *parent)
{
    const struct loaded *loaded = parent->loaded;

    return json_pack(
        "{s:i,s:o,s:I,s:I,s:I,s:I,s:I,s:i,s:i,s:i,s:i,s:o,s:o,s:o,s:o}", "version", STATE_VERSION,
        "fixed", fixed_json(parent->config), "generation", (json_int_t)parent->generation,
        "program", (json_int_t)parent->program, "started_ms", (json_int_t)parent->started_ms,
        "trust_generation", (json_int_t)loaded[LOADED_TRUST].generation, "policy_generation",
        (json_int_t)loaded[LOADED_POLICY].generation, "registry", parent->registry, "pid_file",
        parent->pid_file, "pam", parent->sockets.pam, "control", parent->sockets.control,
        "listening", listening_json(parent), "spawn", spawn_json(parent), "children",
        children_json(parent), "logins", logins_json(parent));
}

int state_write(const struct parent *parent, struct error *err)
{
    json_t *json = state_json(parent);
    AUTO(char_freep) char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

    json_decref(json);
    if (!text || strlen(text) > STATE_OCTETS_MAX) {
        (void)err_set(err, REASON_SYSTEM, "the state is too large");
        return -1;
    }
    return memfd_new("state", bytes_of(text), err);
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool read_json(int fd, json_t **ret_json, struct error *err)
{
    struct bytes octets;
    json_t *json;
    int version = 0;

    if (!memfd_map(fd, STATE_OCTETS_MAX, &octets, err))
        return false;
    json = json_loadb((const char *)octets.at, octets.len, 0, NULL);
    memfd_unmap(octets);
    if (!json || json_unpack(json, "{s:i}", "version", &version) < 0 || version != STATE_VERSION) {
        json_decref(json);
        return err_set(err, REASON_UPGRADE_STATE, "version %d, this program knows %d", version,
                       (int)STATE_VERSION);
    }
    *ret_json = json;
    return true;
}

/* Members are compared as JSON: a value that only one of the two has is a difference too. */
static bool check_fixed(const json_t *state, const struct config *config, struct error *err)
{
    json_t *ours = fixed_json(config), *theirs = json_object_get(state, "fixed");
    const char *key, *differs = json_is_object(theirs) ? NULL : "fixed";
    json_t *value;

    json_object_foreach(ours, key,
                        value) if (!differs && !json_equal(value, json_object_get(theirs, key)))
        differs = key;
    if (differs)
        (void)err_set(err, REASON_UPGRADE_STATE, "%s is another one: this needs a restart",
                      differs);
    json_decref(ours);
    return !differs;
}

static size_t count_edges(const json_t *state)
{
    json_t *child, *list = json_object_get(state, "children");
    size_t i, n = 0;

    json_array_foreach(list, i, child)
    {
        const char *role = json_string_value(json_object_get(child, "role"));

        n += role && strcmp(role, process_of(PROCESS_EDGE)->name) == 0;
    }
    return n;
}

static uint32_t count_slots(const json_t *state, const char *address)
{
    json_t *socket, *list = json_object_get(state, "listening");
    uint32_t n = 0;
    size_t i;

    json_array_foreach(list, i, socket)
    {
        const char *text = json_string_value(json_object_get(socket, "address"));

        n += text && strcmp(text, address) == 0;
    }
    return n;
}

/* Sockets that nobody accepts from would drop the clients that wait in them. */
static bool check_edges(const json_t *state, const struct config *config, uint32_t n_edges,
                        struct error *err)
{
    size_t old = count_edges(state);

    for (size_t i = 0; i < config->n_listener; i++)
        for (size_t k = 0; k < config->listener[i].address.n; k++)
            if (count_slots(state, config->listener[i].address.at[k]) > n_edges)
                return err_set(err, REASON_UPGRADE_STATE, "fewer edges than before need a restart");
    if (old + n_edges > EDGES_MAX)
        return err_set(err, REASON_UPGRADE_FULL,
                       "%zu edges run, %u more would be started, %d at most", old, n_edges,
                       (int)EDGES_MAX);
    return true;
}

bool state_check(int fd, const struct config *config, uint32_t n_edges, struct error *err)
{
    json_t *json;
    bool good;

    if (!read_json(fd, &json, err))
        return false;
    good = check_fixed(json, config, err) && check_edges(json, config, n_edges, err);
    json_decref(json);
    return good;
}

/* Every descriptor is checked to be one: numbers that are none would be somebody else's later. */
static bool is_open(int fd)
{
    return fd > STDERR_FILENO && fcntl(fd, F_GETFD) >= 0;
}

static bool read_listening(struct parent *parent, const json_t *list)
{
    struct sockets *sockets = &parent->sockets;
    json_t *value;
    size_t i;

    json_array_foreach(list, i, value)
    {
        struct listening_socket socket = {.title = NULL};
        const char *address;
        int slot;

        if (json_unpack(value, "{s:s,s:i,s:i}", "address", &address, "slot", &slot, "fd",
                        &socket.fd) < 0 ||
            !is_open(socket.fd) || slot < 0 || slot >= EDGES_MAX)
            return false;
        socket.slot = (uint32_t)slot;
        socket.address = xstrdup(address);
        sockets->listening =
            xrealloc(sockets->listening, sockets->n_listening + 1, sizeof(*sockets->listening));
        sockets->listening[sockets->n_listening++] = socket;
    }
    return true;
}

static bool read_spawn(struct parent *parent, const json_t *list)
{
    struct sockets *sockets = &parent->sockets;
    json_t *value;
    size_t i;

    json_array_foreach(list, i, value)
    {
        const char *title;
        int fd;

        if (json_unpack(value, "{s:s,s:i}", "title", &title, "fd", &fd) < 0 || !is_open(fd))
            return false;
        sockets->spawn = xrealloc(sockets->spawn, sockets->n_spawn + 1, sizeof(*sockets->spawn));
        sockets->spawn[sockets->n_spawn++] =
            (struct spawn_socket){.title = xstrdup(title), .fd = fd};
    }
    return true;
}

static bool read_child(struct parent *parent, json_t *value)
{
    struct adopted adopted;
    json_int_t table, started_ms, retired_ms, restarts, program;
    const char *role;
    int slot, pid, retired;

    if (json_unpack(value, "{s:s,s:i,s:i,s:i,s:I,s:I,s:b,s:I,s:I,s:I}", "role", &role, "slot",
                    &slot, "pid", &pid, "fd", &adopted.fd, "started_ms", &started_ms, "table",
                    &table, "retired", &retired, "retired_ms", &retired_ms, "restarts", &restarts,
                    "program", &program) < 0 ||
        !process_from_name(bytes_of(role), &adopted.role) || slot < 0 || slot >= EDGES_MAX ||
        pid <= 1 || !is_open(adopted.fd) || parent->n_children == CHILDREN_MAX)
        return false;
    adopted.slot = (uint32_t)slot;
    adopted.pid = pid;
    adopted.table = (uint64_t)table;
    adopted.started_ms = started_ms;
    adopted.retired = retired;
    adopted.retired_ms = retired_ms;
    adopted.restarts = (uint32_t)restarts;
    adopted.program = (uint32_t)program;
    child_adopt(parent, &adopted);
    return true;
}

static bool read_children(struct parent *parent, const json_t *list)
{
    json_t *value;
    size_t i;

    json_array_foreach(list, i, value) if (!read_child(parent, value)) return false;
    return true;
}

static bool read_numbers(struct parent *parent, json_t *json)
{
    json_int_t generation, program, started_ms, trust, policy;

    if (json_unpack(json, "{s:I,s:I,s:I,s:I,s:I,s:i,s:i,s:i,s:i}", "generation", &generation,
                    "program", &program, "started_ms", &started_ms, "trust_generation", &trust,
                    "policy_generation", &policy, "registry", &parent->registry, "pid_file",
                    &parent->pid_file, "pam", &parent->sockets.pam, "control",
                    &parent->sockets.control) < 0)
        return false;
    parent->generation = (uint32_t)generation + 1;
    parent->program = (uint32_t)program + 1;
    parent->started_ms = started_ms;
    parent->loaded[LOADED_TRUST].generation = (uint32_t)trust;
    parent->loaded[LOADED_POLICY].generation = (uint32_t)policy;
    return is_open(parent->registry) && is_open(parent->pid_file) && is_open(parent->sockets.pam) &&
           is_open(parent->sockets.control);
}

bool state_read(struct parent *parent, int fd, struct error *err)
{
    json_t *json;
    bool good;

    if (!read_json(fd, &json, err))
        return false;
    good = read_numbers(parent, json) &&
           read_listening(parent, json_object_get(json, "listening")) &&
           read_spawn(parent, json_object_get(json, "spawn")) &&
           read_children(parent, json_object_get(json, "children")) &&
           logins_adopt(parent, json_object_get(json, "logins"));
    json_decref(json);
    (void)close(fd);
    return good || err_set(err, REASON_UPGRADE_STATE, "it does not fit together");
}

/* --- descriptors ------------------------------------------------------------------------------ */

static bool keep(int fd, bool open)
{
    return fd < 0 || fcntl(fd, F_SETFD, open ? 0 : FD_CLOEXEC) == 0;
}

bool state_keep_open(const struct parent *parent, bool open)
{
    const struct sockets *sockets = &parent->sockets;
    bool good = keep(parent->registry, open) && keep(parent->pid_file, open) &&
                keep(sockets->pam, open) && keep(sockets->control, open) &&
                logins_keep_open(parent, open);

    for (size_t i = 0; i < sockets->n_listening; i++)
        good = keep(sockets->listening[i].fd, open) && good;
    for (size_t i = 0; i < sockets->n_spawn; i++)
        good = keep(sockets->spawn[i].fd, open) && good;
    for (size_t i = 0; i < parent->n_children; i++)
        if (parent->children[i].channel)
            good = keep(parent->children[i].fd, open) && good;
    return good;
}
