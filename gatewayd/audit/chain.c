/*
 * Prints lines and links them. Runs in the audit process, on records that audit_record_decode has
 * checked.
 */
#include "gatewayd/audit/chain.h"

#include "common/clock.h"
#include "common/text.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

enum { LOG_NAME_OCTETS = AUDIT_LOG_NAME_LEN / 2 };

static void read_boot_id(char *out, size_t room)
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, out, room - 1) : 0;

    if (fd >= 0)
        (void)close(fd);
    out[n > 0 ? n : 0] = '\0';
}

void chain_origin_init(struct chain_origin *origin)
{
    uint8_t name[LOG_NAME_OCTETS];

    memset(origin, 0, sizeof(*origin));
    if (getrandom(name, sizeof(name), 0) != (ssize_t)sizeof(name))
        abort();
    text_hex((struct bytes){name, sizeof(name)}, origin->log);
    if (gethostname(origin->host, sizeof(origin->host) - 1) != 0 ||
        !text_is_clean(bytes_of(origin->host)))
        origin->host[0] = '\0';
    read_boot_id(origin->boot, sizeof(origin->boot));
}

bool chain_print(struct chain_point *point, const struct chain_origin *origin,
                 struct audit_hasher *hasher, const struct audit_record *record, struct bytes key,
                 struct writer *out)
{
    struct bytes line;
    size_t begin = writer_bytes(out).len;
    struct audit_stamps stamps = {
        .boot = bytes_of(origin->boot),
        .host = bytes_of(origin->host),
        .key = key,
        .log = bytes_of(origin->log),
        .producer = bytes_of(key.len > 0 ? "decide" : "audit"),
        .prev = point->hash,
        .seq = point->seq + 1,
        .ts_ms = clock_realtime_ms(),
    };

    audit_record_print(record, &stamps, out);
    writer_u8(out, '\n');
    line = writer_bytes(out);
    if (!writer_ok(out) || line.len - begin > AUDIT_LINE_MAX + 1) {
        writer_truncate(out, begin);
        return false;
    }
    line = (struct bytes){line.at + begin, line.len - begin - 1};
    point->seq++;
    point->hash = audit_hash(hasher, line);
    return true;
}
