/*
 * The replica on disk: with it decisions go on after a start before any server has answered, with
 * the age that it really has. Runs in directory, below its own folder of state_dir; what it reads
 * there is decoded as strictly as what comes from another process.
 */
#include "gatewayd/directory/following.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/reader.h"
#include "gatewayd/shared/write_aside.h"
#include "gatewayd/shared/file_read.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
    SAVE_LEAST_MS = 2000, /* between two writes */
    SAVE_PART = 20,       /* of the time goes into writing at most */
    AGE_PART = 4,         /* of max_stale: then a newer age alone is worth writing */
};
#define DISK_MAGIC    0x47574431u /* "GWD1" */
#define DISK_FILE_MAX (REPLICA_SNAPSHOT_MAX + SOURCE_KEY_MAX + FILLER_COOKIE_MAX + 64)

static const char FILE_NAME[] = "replica";

/* --- reading --- */

/* file := u32 "GWD1", block32 source_key, block16 cookie, block32 replica */
static bool file_decode(const struct following *following, struct bytes in,
                        struct replica **ret_replica, struct bytes *ret_cookie, struct error *err)
{
    struct reader r = reader_over(in);
    uint32_t magic = reader_u32(&r);
    struct bytes key = reader_block32(&r);
    struct bytes cookie = reader_block16(&r);
    struct bytes octets = reader_block32(&r);

    if (!reader_done(&r) || magic != DISK_MAGIC || cookie.len > FILLER_COOKIE_MAX)
        return err_set(err, REASON_FILE_MALFORMED, "%s", FILE_NAME);
    if (!bytes_equal(key, writer_bytes(&following->key)))
        return err_set(err, REASON_NOT_FOUND, "%s belongs to another directory", FILE_NAME);
    *ret_cookie = cookie;
    return replica_decode(replica_options(filler_replica(following->filler)), octets, ret_replica,
                          err);
}

/* Other attributes, other searches: then everything has to come anew. */
static bool same_attributes(const struct replica_options *a, const struct replica_options *b)
{
    return a->n_extra == b->n_extra &&
           memcmp(a->extra, b->extra, a->n_extra * sizeof(a->extra[0])) == 0;
}

static bool file_adopt(struct following *following, struct bytes in, struct error *err)
{
    struct replica *replica = NULL;
    struct bytes cookie;

    if (!file_decode(following, in, &replica, &cookie, err))
        return false;
    if (!same_attributes(replica_options(replica),
                         replica_options(filler_replica(following->filler)))) {
        (void)replica_free(replica);
        return err_set(err, REASON_NOT_FOUND, "%s has other attributes", FILE_NAME);
    }
    /* A time that has not yet come is no age. */
    if (replica_as_of_ms(replica) > clock_realtime_ms()) {
        (void)replica_free(replica);
        return err_set(err, REASON_FILE_MALFORMED, "%s comes from the future", FILE_NAME);
    }
    following->disk_as_of_ms = replica_as_of_ms(replica);
    filler_adopt(following->filler, replica, cookie);
    following->disk_due = false;
    return true;
}

void disk_load(struct following *following)
{
    AUTO(writer_clear) struct writer in = writer_new(DISK_FILE_MAX);
    struct error err;
    int fd;

    if (following->state_dir < 0)
        return;
    fd = openat(following->state_dir, FILE_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        if (errno != ENOENT)
            log_event(LOG_LEVEL_WARNING, "replica_not_read", "errno=%d", errno);
        return;
    }
    if (file_read(fd, DISK_FILE_MAX, &in, &err) && file_adopt(following, writer_bytes(&in), &err))
        log_event(
            LOG_LEVEL_INFO, "replica_read", "users=%zu age_ms=%lld",
            replica_count(filler_replica(following->filler), REPLICA_USER),
            (long long)replica_age_ms(filler_replica(following->filler), clock_realtime_ms()));
    else
        log_error("replica_not_used", &err, "%s", "");
    (void)close(fd);
}

/* --- writing --- */

static bool file_encode(const struct following *following, struct writer *out)
{
    AUTO(writer_clear) struct writer replica = writer_new(REPLICA_SNAPSHOT_MAX);

    replica_encode(filler_replica(following->filler), &replica);
    writer_u32(out, DISK_MAGIC);
    writer_block32(out, writer_bytes(&following->key));
    writer_block16(out, filler_cookie(following->filler));
    writer_block32(out, writer_bytes(&replica));
    return writer_ok(&replica) && writer_ok(out);
}

void disk_save(struct following *following)
{
    AUTO(writer_clear) struct writer out = writer_new(DISK_FILE_MAX);
    int64_t as_of_ms = replica_as_of_ms(filler_replica(following->filler)), began_ms;
    struct error err;
    bool done;

    /* A file: directory comes again from its file. */
    if (following->state_dir < 0 || as_of_ms < 0 || !following->server)
        return;
    began_ms = clock_monotonic_ms();
    if (!file_encode(following, &out))
        return;
    done = write_aside(following->state_dir, FILE_NAME, 0600, WRITE_ASIDE_DURABLE,
                       writer_bytes(&out), &err);
    following->disk_at = clock_monotonic_ms();
    following->disk_pause_ms = (following->disk_at - began_ms) * SAVE_PART;
    if (!done) {
        log_error("replica_not_written", &err, "%s", "");
        return;
    }
    following->disk_due = false;
    following->disk_as_of_ms = as_of_ms;
}

void disk_tick(struct following *following)
{
    int64_t as_of_ms = replica_as_of_ms(filler_replica(following->filler));
    int64_t older_ms = following_config(following)->max_stale * 1000 / AGE_PART;
    bool first = following->disk_as_of_ms < 0;

    if (!first &&
        clock_monotonic_ms() - following->disk_at < SAVE_LEAST_MS + following->disk_pause_ms)
        return;
    if (first || following->disk_due || as_of_ms - following->disk_as_of_ms > older_ms)
        disk_save(following);
}
