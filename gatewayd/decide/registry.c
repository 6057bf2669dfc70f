/*
 * The session registry. Runs in decide; the memory was written by decides of the same program, but
 * the last of them may have died in the middle of a write, so each record carries a check.
 */
#include "gatewayd/decide/registry.h"

#include "gatewayd/shared/xalloc.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct header {
    uint64_t magic;
    uint64_t epoch; /* of the last decide */
    uint32_t used;  /* places below may be in use */
};

/* Another layout of the records is another REGISTRY_FORMAT. */
_Static_assert(sizeof(struct registry_record) == 312, "format 2");

struct registry {
    uint8_t *at;
    uint32_t *free; /* places below used that are free, a stack */
    uint32_t n_free, room_free;
};

static const uint64_t magic = 0x6777726567310a00 | REGISTRY_FORMAT; /* "gwreg1\n", version */

static struct header *header_of(const struct registry *registry)
{
    return (struct header *)registry->at;
}

static struct registry_record *record_at(const struct registry *registry, uint32_t place)
{
    size_t offset = REGISTRY_HEADER_LEN + (size_t)place * REGISTRY_RECORD_LEN;

    return (struct registry_record *)(registry->at + offset);
}

/* As FNV-1a, word by word: against half-written records, not against attackers. */
static uint64_t check_of(const struct registry_record *record)
{
    const uint64_t *at = (const uint64_t *)(const void *)record;
    uint64_t check = 0xcbf29ce484222325;

    for (size_t i = sizeof(record->check) / sizeof(*at); i < sizeof(*record) / sizeof(*at); i++) {
        check = (check ^ at[i]) * 0x100000001b3;
        check ^= check >> 32;
    }
    return check ? check : 1;
}

static void push_free(struct registry *registry, uint32_t place)
{
    if (registry->n_free == registry->room_free) {
        registry->room_free = registry->room_free ? 2 * registry->room_free : 256;
        registry->free = xrealloc(registry->free, registry->room_free, sizeof(*registry->free));
    }
    registry->free[registry->n_free++] = place;
}

static void prepare(struct registry *registry)
{
    struct header *header = header_of(registry);

    if (header->magic != magic || header->used > REGISTRY_MAX) {
        header->magic = magic;
        header->used = 0;
    }
    for (uint32_t place = 0; place < header->used; place++) {
        struct registry_record record;

        if (!registry_read(registry, place, &record))
            push_free(registry, place);
    }
}

bool registry_open(int fd, struct registry **ret_registry, struct error *err)
{
    struct registry *registry;
    struct stat info;
    void *at = MAP_FAILED;

    if (fstat(fd, &info) == 0 && info.st_size == (off_t)REGISTRY_LEN)
        at = mmap(NULL, REGISTRY_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (at == MAP_FAILED)
        return err_set(err, REASON_SYSTEM, "the session registry cannot be mapped");
    registry = xcalloc(1, sizeof(*registry));
    registry->at = at;
    prepare(registry);
    *ret_registry = registry;
    return true;
}

struct registry *registry_free(struct registry *registry)
{
    if (!registry)
        return NULL;
    (void)munmap(registry->at, REGISTRY_LEN);
    free(registry->free);
    free(registry);
    return NULL;
}

uint64_t registry_next_epoch(struct registry *registry, int64_t now_ms)
{
    struct header *header = header_of(registry);
    uint64_t now = now_ms > 0 ? (uint64_t)now_ms : 1;

    header->epoch = header->epoch < now ? now : header->epoch + 1;
    return header->epoch;
}

bool registry_take(struct registry *registry, uint32_t *ret_place)
{
    struct header *header = header_of(registry);

    if (registry->n_free > 0) {
        *ret_place = registry->free[--registry->n_free];
        return true;
    }
    if (header->used == REGISTRY_MAX)
        return false;
    *ret_place = header->used++;
    return true;
}

/* The check is cleared first and set last: a record is never half old and half new. */
void registry_write(struct registry *registry, uint32_t place, const struct registry_record *record)
{
    struct registry_record *at = record_at(registry, place);
    uint64_t check = check_of(record);

    at->check = 0;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    memcpy((uint8_t *)at + sizeof(at->check), (const uint8_t *)record + sizeof(at->check),
           sizeof(*at) - sizeof(at->check));
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (record->state == REGISTRY_FREE)
        push_free(registry, place);
    else
        at->check = check;
}

bool registry_read(const struct registry *registry, uint32_t place,
                   struct registry_record *ret_record)
{
    const struct registry_record *at = record_at(registry, place);

    if (at->check == 0 || at->state == REGISTRY_FREE || at->check != check_of(at))
        return false;
    *ret_record = *at;
    return true;
}

uint32_t registry_used(const struct registry *registry)
{
    return header_of(registry)->used;
}
