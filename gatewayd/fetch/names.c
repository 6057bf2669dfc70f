/*
 * Name resolution. Runs in fetch, on names of gatewayd.conf, of certificates under a trusted anchor
 * and of redirections. RES_OPTIONS bounds one look-up; the memory here bounds how many there are.
 */
#include "gatewayd/fetch/names.h"

#include "common/clock.h"
#include "gatewayd/shared/xalloc.h"

#include <netdb.h>
#include <uthash.h>

enum {
    KEEP_GOOD_MS = 60 * 1000, /* our choice: a responder that moves is found again after that */
    KEEP_BAD_MS = 15 * 1000,  /* a resolver that does not answer blocks us once in that time */
    ENTRIES_MAX = 256,
};

struct entry {
    char *host;
    UT_hash_handle hh;
    int64_t until_ms;
    struct address addresses[NAMES_ADDRESSES_MAX];
    size_t n;
    struct error err;
};

struct names {
    struct entry *entries; /* uthash by host */
};

struct names *names_new(void)
{
    return xcalloc(1, sizeof(struct names));
}

static void forget(struct names *names, struct entry *entry)
{
    HASH_DEL(names->entries, entry);
    free(entry->host);
    free(entry);
}

struct names *names_free(struct names *names)
{
    struct entry *entry, *next;

    if (!names)
        return NULL;
    HASH_ITER(hh, names->entries, entry, next)
    forget(names, entry);
    free(names);
    return NULL;
}

/* Two servers of resolv.conf that do not answer cost four seconds, not thirty. */
void names_prepare(void)
{
    struct addrinfo *list = NULL;

    (void)setenv("RES_OPTIONS", "timeout:2 attempts:1", 1);
    if (getaddrinfo("localhost", NULL, NULL, &list) == 0)
        freeaddrinfo(list);
}

static void look_up(struct entry *entry)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *list = NULL;
    int code = getaddrinfo(entry->host, NULL, &hints, &list);

    for (const struct addrinfo *at = list; at && entry->n < NAMES_ADDRESSES_MAX; at = at->ai_next) {
        struct address address = address_from_sockaddr(at->ai_addr, at->ai_addrlen);

        if (address.known)
            entry->addresses[entry->n++] = address;
    }
    if (list)
        freeaddrinfo(list);
    entry->until_ms = clock_monotonic_ms() + (entry->n > 0 ? KEEP_GOOD_MS : KEEP_BAD_MS);
    if (entry->n == 0)
        (void)err_set(&entry->err, REASON_FETCH_FAILED, "%.200s: %s", entry->host,
                      code == 0 || code == EAI_SYSTEM ? "no address" : gai_strerror(code));
}

static struct entry *ask(struct names *names, const char *host)
{
    struct entry *entry = xcalloc(1, sizeof(*entry));

    entry->host = xstrdup(host);
    look_up(entry);
    if (HASH_COUNT(names->entries) >= ENTRIES_MAX)
        forget(names, names->entries); /* the oldest: uthash keeps the order */
    HASH_ADD_KEYPTR(hh, names->entries, entry->host, strlen(entry->host), entry);
    return entry;
}

bool names_find(struct names *names, const char *host, uint16_t port,
                struct address ret_addresses[NAMES_ADDRESSES_MAX], size_t *ret_n, struct error *err)
{
    struct entry *entry;

    if (address_parse(bytes_of(host), &ret_addresses[0], NULL)) {
        ret_addresses[0].port = port;
        *ret_n = 1;
        return true;
    }
    HASH_FIND_STR(names->entries, host, entry);
    if (entry && clock_monotonic_ms() >= entry->until_ms) {
        forget(names, entry);
        entry = NULL;
    }
    if (!entry)
        entry = ask(names, host);
    if (entry->n == 0) {
        *err = entry->err;
        return false;
    }
    memcpy(ret_addresses, entry->addresses, entry->n * sizeof(entry->addresses[0]));
    for (size_t i = 0; i < entry->n; i++)
        ret_addresses[i].port = port;
    *ret_n = entry->n;
    return true;
}
