/* The directory of the benches of decide. Test code: asserts instead of handling errors. */
#include "decide_bench.h"

#include "common/clock.h"
#include "gatewayd/shared/xalloc.h"

#include <stdio.h>
#include <unistd.h>

/* --- people ----------------------------------------------------------------------------------- */

bool bench_is_member(const struct bench *bench, size_t user, size_t group)
{
    for (size_t i = 0; i < BENCH_GROUPS_OF_USER; i++)
        if ((user * 7 + i * 13) % bench->n_groups == group)
            return true;
    return false;
}

struct draft {
    char texts[4096][64];
    struct replica_value values[4096];
    struct replica_record record;
};

static void add(struct draft *draft, const char *attribute, const char *value)
{
    size_t n = draft->record.n_values++;

    bench_must(n < 4096);
    (void)snprintf(draft->texts[n], sizeof(draft->texts[n]), "%s", value);
    draft->values[n] = (struct replica_value){bytes_of(attribute), bytes_of(draft->texts[n])};
}

static void add_number(struct draft *draft, const char *attribute, const char *format,
                       size_t number)
{
    char text[64];

    (void)snprintf(text, sizeof(text), format, number); /* NOLINT: formats of this file */
    add(draft, attribute, text);
}

static void begin(struct draft *draft, uint8_t kind, size_t number)
{
    draft->record = (struct replica_record){.values = draft->values};
    draft->record.uuid.octets[0] = kind;
    memcpy(draft->record.uuid.octets + 8, &number, sizeof(number));
}

static const char user_dn[] = "uid=u%zu,ou=people,dc=corp,dc=example";

static void make_user(struct draft *draft, size_t number)
{
    char dn[128];

    begin(draft, 1, number);
    (void)snprintf(dn, sizeof(dn), "uid=u%zu,ou=people,dc=corp,dc=example", number);
    add(draft, "objectClass", "inetOrgPerson");
    add(draft, "objectClass", "posixAccount");
    add_number(draft, "uid", "u%zu", number);
    add_number(draft, "cn", "Somebody %zu", number);
    add_number(draft, "uidNumber", "%zu", 10000 + number);
    add(draft, "gidNumber", "5000");
    add_number(draft, "homeDirectory", "/home/u%zu", number);
    add(draft, "loginShell", "/bin/bash");
    add_number(draft, "mail", "u%zu@corp.example", number);
    add(draft, "createTimestamp", "20200101000000Z");
    draft->record.dn = xbytes(bytes_of(dn));
}

/* joining: one more member; SIZE_MAX none. */
static void make_group(const struct bench *bench, struct draft *draft, size_t number,
                       size_t joining)
{
    char dn[128];

    begin(draft, 2, number);
    (void)snprintf(dn, sizeof(dn), "cn=g%zu,ou=groups,dc=corp,dc=example", number);
    add(draft, "objectClass", "groupOfNames");
    add(draft, "objectClass", "posixGroup");
    add_number(draft, "cn", "g%zu", number);
    add_number(draft, "gidNumber", "%zu", 2000000 + number);
    for (size_t user = 0; user < bench->n_users; user++)
        if (bench_is_member(bench, user, number))
            add_number(draft, "member", user_dn, user);
    if (joining != SIZE_MAX)
        add_number(draft, "member", user_dn, joining);
    draft->record.dn = xbytes(bytes_of(dn));
}

static void put(struct bench *bench, struct draft *draft)
{
    struct error err;

    if (!replica_put(bench->people, &draft->record, NULL, &err)) {
        fprintf(stderr, "%s\n", err.detail);
        abort();
    }
    free((void *)draft->record.dn.at);
}

/* Members by inverting bench_is_member: a scan of all users per group would take minutes. */
static void put_groups(struct bench *bench, struct draft *draft)
{
    uint32_t *first = xcalloc(bench->n_groups + 1, sizeof(*first));
    uint32_t *next = xcalloc(bench->n_users * BENCH_GROUPS_OF_USER + 1, sizeof(*next));

    for (size_t user = bench->n_users; user-- > 0;)
        for (size_t i = 0; i < BENCH_GROUPS_OF_USER; i++) {
            size_t group = (user * 7 + i * 13) % bench->n_groups;
            size_t slot = user * BENCH_GROUPS_OF_USER + i + 1;

            next[slot] = first[group];
            first[group] = (uint32_t)slot;
        }
    for (size_t group = 0; group < bench->n_groups; group++) {
        char dn[128];

        begin(draft, 2, group);
        (void)snprintf(dn, sizeof(dn), "cn=g%zu,ou=groups,dc=corp,dc=example", group);
        add(draft, "objectClass", "groupOfNames");
        add(draft, "objectClass", "posixGroup");
        add_number(draft, "cn", "g%zu", group);
        add_number(draft, "gidNumber", "%zu", 2000000 + group);
        for (size_t slot = first[group]; slot; slot = next[slot])
            add_number(draft, "member", user_dn, (slot - 1) / BENCH_GROUPS_OF_USER);
        draft->record.dn = xbytes(bytes_of(dn));
        put(bench, draft);
    }
    free(first);
    free(next);
}

void bench_make_people(struct bench *bench)
{
    struct replica_options options = {.schema = "rfc2307bis"};
    struct draft *draft = xcalloc(1, sizeof(*draft));
    struct error err;

    if (!mapping_replica_options(bench->config, &options, &err) ||
        !replica_new(&options, &bench->people, &err))
        abort();
    for (size_t i = 0; i < bench->n_users; i++) {
        make_user(draft, i);
        put(bench, draft);
    }
    put_groups(bench, draft);
    begin(draft, 3, 0);
    add(draft, "objectClass", "posixGroup");
    add(draft, "cn", "staff");
    add(draft, "gidNumber", "5000");
    draft->record.dn = xbytes(bytes_of("cn=staff,ou=groups,dc=corp,dc=example"));
    put(bench, draft);
    free(draft);
}

void bench_snapshot(struct bench *bench)
{
    struct writer octets = writer_new(REPLICA_SNAPSHOT_MAX);
    struct message_snapshot msg = {.as_of_ms = clock_realtime_ms()};
    int fd;

    replica_encode(bench->people, &octets);
    msg.length = octets.len;
    fd = bench_memfd(writer_bytes(&octets));
    writer_clear(&octets);
    bench_must(channel_send(bench->directory, MESSAGE_SNAPSHOT, &msg, fd));
    if (bench->sent_fd > 0)
        (void)close(bench->sent_fd);
    bench->sent_fd = fd;
}

static void change(struct bench *bench, struct writer *octets)
{
    struct message_change msg = {.change = writer_bytes(octets), .as_of_ms = clock_realtime_ms()};
    struct message_change_memfd large = {.length = octets->len, .as_of_ms = msg.as_of_ms};
    int fd;

    if (octets->len < MESSAGE_MAX - 1024) {
        bench_must(channel_send(bench->directory, MESSAGE_CHANGE, &msg, -1));
    } else {
        fd = bench_memfd(writer_bytes(octets));
        bench_must(channel_send(bench->directory, MESSAGE_CHANGE_MEMFD, &large, fd));
        (void)close(fd);
    }
    writer_clear(octets);
}

void bench_join(struct bench *bench, size_t user, size_t group)
{
    struct draft *draft = xcalloc(1, sizeof(*draft));
    struct writer octets = writer_new(REPLICA_ENTRY_MAX);
    struct replica_uuid uuid;

    make_group(bench, draft, group, user);
    uuid = draft->record.uuid;
    put(bench, draft);
    replica_encode_put(bench->people, replica_find_uuid(bench->people, &uuid), &octets);
    change(bench, &octets);
    free(draft);
}

void bench_remove_user(struct bench *bench, size_t user)
{
    struct draft *draft = xcalloc(1, sizeof(*draft));
    struct writer octets = writer_new(REPLICA_ENTRY_MAX);

    begin(draft, 1, user);
    replica_encode_remove(&draft->record.uuid, &octets);
    change(bench, &octets);
    free(draft);
}
