/*
 * For tests: follows a directory and writes what it sees, a line per event, to stdout. Ends with
 * the standard input. The accounts of all users follow after each change.
 *
 * directory_follow BASE BIND_DN|- PASSWORD|- CA|- CERTIFICATE|- KEY|- URI...
 * DIRECTORY_NAME in the environment: the name that certificates must bear.
 */
#include "common/clock.h"
#include "ldap/directory.h"
#include "ldap/filler.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { FOLLOW_ARGUMENTS = 7, TICK_MS = 500 };

struct follow {
    struct filler *filler;
    bool changed;
    char last[512]; /* the last line about the connection */
};

static void on_put(void *context, const struct replica_entry *entry)
{
    struct bytes dn = replica_entry_dn(entry);

    printf("put %.*s\n", (int)dn.len, dn.at);
    ((struct follow *)context)->changed = true;
}

static void on_removed(void *context, const struct replica_uuid *uuid)
{
    printf("removed %02x%02x\n", uuid->octets[0], uuid->octets[1]);
    ((struct follow *)context)->changed = true;
}

static void on_swapped(void *context)
{
    printf("swapped\n");
    ((struct follow *)context)->changed = true;
}

static struct bytes cookie(void *context)
{
    return filler_cookie(((struct follow *)context)->filler);
}

static bool user_print(void *context, const struct replica_entry *entry)
{
    struct follow *follow = context;
    AUTO(account_freep)
    struct account *account =
        replica_account(filler_replica(follow->filler), entry, clock_realtime_s());

    printf("user %s %u %s created=%lld groups", account->name, account->uid,
           reason_name(account->reason), (long long)account->created_s);
    for (size_t i = 0; i < account->n_groups; i++)
        printf(" %s=%u", account->groups[i].name, account->groups[i].gid);
    printf("\n");
    return true;
}

static void report(struct follow *follow, const struct directory *directory)
{
    struct replica *replica = filler_replica(follow->filler);
    const struct error *state = directory_state(directory);
    int64_t age_ms = replica_age_ms(replica, clock_realtime_ms());
    char line[sizeof(follow->last)];

    if (follow->changed) {
        replica_each(replica, REPLICA_USER, user_print, follow);
        printf("end users=%zu groups=%zu\n", replica_count(replica, REPLICA_USER),
               replica_count(replica, REPLICA_GROUP));
    }
    follow->changed = false;
    (void)snprintf(line, sizeof(line), "state %s server=%s %s", reason_name(state->reason),
                   directory_server(directory), state->reason == REASON_OK ? "" : state->detail);
    if (strcmp(line, follow->last) != 0)
        printf("%s\n", line);
    memcpy(follow->last, line, sizeof(line));
    printf("age %lld\n", age_ms == INT64_MAX ? -1LL : (long long)age_ms);
    (void)fflush(stdout);
}

static void run(struct follow *follow, struct directory *directory)
{
    for (;;) {
        int64_t wait_ms = directory_step(directory) - clock_monotonic_ms();
        struct pollfd at[] = {{.fd = 0, .events = POLLIN},
                              {.fd = directory_fd(directory), .events = POLLIN}};

        report(follow, directory);
        if (wait_ms > TICK_MS)
            wait_ms = TICK_MS;
        (void)poll(at, 2, wait_ms > 0 ? (int)wait_ms : 0);
        if (at[0].revents)
            return;
    }
}

static const char *argument(const char *text)
{
    return strcmp(text, "-") == 0 ? NULL : text;
}

int main(int argc, char **argv)
{
    struct replica_options options = {.schema = "rfc2307bis"};
    struct follow follow = {NULL};
    struct filler_calls calls = {on_put, on_removed, on_swapped, &follow};
    struct directory_calls directory_calls = {.cookie = cookie, .context = &follow};
    struct directory_config config = {0};
    const char *attributes[64];
    struct directory *directory = NULL;
    struct error err = {0};
    struct feed feed;

    if (argc <= FOLLOW_ARGUMENTS || !filler_new(&options, &calls, &follow.filler, &err))
        return 2;
    (void)signal(SIGPIPE, SIG_IGN);
    directory_prepare();
    feed = filler_feed(follow.filler);
    while (config.n_attributes < ARRAY_LEN(attributes) &&
           (attributes[config.n_attributes] =
                replica_attribute(filler_replica(follow.filler), config.n_attributes)))
        config.n_attributes++;
    config.attributes = attributes;
    config.filter = replica_filter(filler_replica(follow.filler));
    config.base = argv[1];
    config.bind_dn = argument(argv[2]);
    config.password = bytes_of(argument(argv[3]));
    config.ca_file = argument(argv[4]);
    config.certificate_file = argument(argv[5]);
    config.key_file = argument(argv[6]);
    config.name = getenv("DIRECTORY_NAME");
    config.bind = config.bind_dn            ? DIRECTORY_SIMPLE
                  : config.certificate_file ? DIRECTORY_EXTERNAL
                                            : DIRECTORY_ANONYMOUS;
    config.uris = (const char *const *)&argv[FOLLOW_ARGUMENTS];
    config.n_uris = (size_t)(argc - FOLLOW_ARGUMENTS);
    if (!directory_new(&config, &feed, &directory_calls, &directory, &err)) {
        printf("refused %s %s\n", reason_name(err.reason), err.detail);
        return 1;
    }
    run(&follow, directory);
    (void)directory_free(directory);
    (void)filler_free(follow.filler);
    return 0;
}
