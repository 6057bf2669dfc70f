/*
 * Group commit. Runs in the audit process. Records come from decide, which may have been taken: a
 * record that is none is replaced by a line that says so, never dropped in silence.
 */
#include "gatewayd/audit/commit.h"

#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/audit/recover.h"
#include "gatewayd/shared/xalloc.h"

#include <assert.h>
#include <stdio.h>

enum {
    KEY_MAX = 48,          /* two numbers of 64 bits and a dot */
    OWN_RECORD_MAX = 4096, /* octets of a record that we make: two short texts */
};

struct pending {
    uint64_t epoch, counter; /* counter 0: our own record */
    struct bytes record;     /* owned */
};

struct commit {
    struct segment segment;
    const struct commit_calls *calls;
    void *context;
    struct audit_hasher *hasher;
    struct chain_origin origin;
    struct chain_point point; /* of the last durable line */
    struct recovered before;  /* what the first line of the next file says of the one before */
    const char *begins;       /* why the next file is begun; static */
    uint64_t valid;           /* octets of it that count; UINT64_MAX: all */
    struct pending *pending;
    size_t n_pending, room, pending_octets;
    uint64_t taken_epoch, taken_counter, durable_epoch, durable_counter;
    struct writer lines;
    struct error state;
    bool recovered, distrust; /* distrust: a part of the log could not be made durable */
    bool reserve, waits, tell_ack, overflow;
    bool low, low_told; /* little room is left */
    uint64_t n_records, n_batches;
    int64_t longest_us;
};

struct commit *commit_new(int dir_fd, const struct segment_disk *disk,
                          const struct commit_calls *calls, void *context)
{
    struct commit *commit = xcalloc(1, sizeof(*commit));

    segment_init(&commit->segment, dir_fd, disk);
    commit->calls = calls;
    commit->context = context;
    commit->hasher = audit_hasher_new();
    commit->valid = UINT64_MAX;
    commit->begins = "start";
    commit->lines = writer_new(COMMIT_BATCH_MAX + 2 * AUDIT_LINE_MAX);
    (void)err_set(&commit->state, REASON_AUDIT_UNAVAILABLE, "not started");
    chain_origin_init(&commit->origin);
    return commit;
}

static void drop_pending(struct commit *commit, size_t n)
{
    assert(n <= commit->n_pending);
    for (size_t i = 0; i < n; i++) {
        commit->pending_octets -= commit->pending[i].record.len;
        free((void *)commit->pending[i].record.at);
    }
    if (n < commit->n_pending)
        memmove(commit->pending, commit->pending + n,
                (commit->n_pending - n) * sizeof(*commit->pending));
    commit->n_pending -= n;
}

struct commit *commit_free(struct commit *commit)
{
    if (commit) {
        drop_pending(commit, commit->n_pending);
        free(commit->pending);
        segment_clear(&commit->segment);
        writer_clear(&commit->lines);
        (void)audit_hasher_free(commit->hasher);
        free(commit);
    }
    return NULL;
}

/* --- what is to be written -------------------------------------------------------------------- */

static void add(struct commit *commit, uint64_t epoch, uint64_t counter, struct bytes record)
{
    if (commit->n_pending == commit->room) {
        commit->room = commit->room ? 2 * commit->room : 256;
        commit->pending = xrealloc(commit->pending, commit->room, sizeof(*commit->pending));
    }
    commit->pending[commit->n_pending++] = (struct pending){epoch, counter, xbytes(record)};
    commit->pending_octets += record.len;
}

static struct audit_record own_record(const char *event, enum reason reason, struct bytes detail)
{
    struct audit_record record;

    audit_record_init(&record);
    record.ev = bytes_of(event);
    record.detail = detail;
    record.reason_code = bytes_of(reason_name(reason));
    record.reason_text = bytes_of(reason_text(reason));
    return record;
}

/* An event that the audit process itself reports; it waits like the others. */
static void report(struct commit *commit, const char *event, enum reason reason, const char *detail)
{
    AUTO(writer_clear) struct writer out = writer_new(OWN_RECORD_MAX);
    struct audit_record record = own_record(event, reason, bytes_of(detail));

    log_event(LOG_LEVEL_WARNING, "audit_log", "kind=%s detail=%s", event,
              log_quoted(bytes_of(detail)));
    audit_record_encode(&record, &out);
    add(commit, 0, 0, writer_bytes(&out));
}

/* False for a repeated record. */
static bool is_new(struct commit *commit, uint64_t epoch, uint64_t counter)
{
    char detail[128];

    if (epoch != commit->taken_epoch)
        return true;
    if (counter <= commit->taken_counter)
        return false;
    if (counter - commit->taken_counter > 1) {
        (void)snprintf(detail, sizeof(detail), "records %llu.%llu to %llu.%llu never came",
                       (unsigned long long)epoch, (unsigned long long)commit->taken_counter + 1,
                       (unsigned long long)epoch, (unsigned long long)counter - 1);
        report(commit, "gap", REASON_AUDIT_GAP, detail);
    }
    return true;
}

void commit_take(struct commit *commit, uint64_t epoch, uint64_t counter, struct bytes record)
{
    if (commit->overflow || counter == 0)
        return;
    if (!is_new(commit, epoch, counter)) {
        commit->tell_ack = true;
        return;
    }
    if (commit->pending_octets + record.len > COMMIT_PENDING_MAX) {
        commit->overflow = true;
        return;
    }
    add(commit, epoch, counter, record);
    commit->taken_epoch = epoch;
    commit->taken_counter = counter;
}

/* --- lines ------------------------------------------------------------------------------------ */

/* The first line of a file names the file before it and says why there is a new one. */
static void print_head(struct commit *commit, struct chain_point *point)
{
    struct audit_record record = own_record("start", REASON_OK, bytes_of(commit->begins));

    record.file_prev = bytes_of(commit->before.file);
    record.file_torn = bytes_of(commit->before.torn);
    if (commit->valid != UINT64_MAX)
        record.file_valid = (int64_t)commit->valid;
    if (!chain_print(point, &commit->origin, commit->hasher, &record, (struct bytes){NULL, 0},
                     &commit->lines))
        abort(); /* our own short texts fit */
}

static void print_substitute(struct commit *commit, struct chain_point *point, struct bytes key,
                             const struct error *why)
{
    struct audit_record record = own_record("gap", why->reason, bytes_of(why->detail));

    if (!chain_print(point, &commit->origin, commit->hasher, &record, key, &commit->lines))
        abort(); /* as above */
}

static void print_pending(struct commit *commit, struct chain_point *point,
                          const struct pending *pending)
{
    char key[KEY_MAX] = "";
    struct audit_record record;
    struct error why;

    if (pending->counter > 0)
        (void)snprintf(key, sizeof(key), "%llu.%llu", (unsigned long long)pending->epoch,
                       (unsigned long long)pending->counter);
    if (audit_record_decode(pending->record, &record, &why)) {
        if (chain_print(point, &commit->origin, commit->hasher, &record, bytes_of(key),
                        &commit->lines))
            return;
        (void)err_set(&why, REASON_MSG_MALFORMED, "a record that is too long for a line");
    }
    log_error("audit_record", &why, "key=%s", key);
    print_substitute(commit, point, bytes_of(key), &why);
}

/* --- the disk --------------------------------------------------------------------------------- */

static bool continue_log(struct commit *commit, struct error *err)
{
    struct recovered *before = &commit->before;

    if (commit->recovered)
        return true;
    if (!recover(commit->segment.dir_fd, before, err)) {
        commit->distrust = true;
        return false;
    }
    commit->recovered = true;
    commit->point = before->point;
    if (before->log[0])
        memcpy(commit->origin.log, before->log, sizeof(before->log));
    if (!commit->distrust && commit->taken_counter == 0) {
        commit->taken_epoch = commit->durable_epoch = before->epoch;
        commit->taken_counter = commit->durable_counter = before->counter;
    }
    return true;
}

/* Remembers the current file as the one before the next. */
static void leave_file(struct commit *commit, const char *why, uint64_t valid)
{
    commit->begins = why;
    commit->valid = valid;
}

static void look_for_damage(struct commit *commit)
{
    const char *damage = commit->segment.fd >= 0 ? segment_damage(&commit->segment) : NULL;
    char detail[160];

    if (!damage)
        return;
    (void)snprintf(detail, sizeof(detail), "%s: %s", commit->segment.name, damage);
    segment_close(&commit->segment);
    leave_file(commit, damage, UINT64_MAX);
    report(commit, "gap", REASON_AUDIT_GAP, detail);
}

static void batch_done(struct commit *commit, const struct chain_point *point, size_t n)
{
    commit->point = *point;
    memcpy(commit->before.file, commit->segment.name, sizeof(commit->before.file));
    commit->before.torn[0] = '\0';
    commit->begins = "size";
    commit->valid = UINT64_MAX;
    for (size_t i = 0; i < n; i++) {
        if (commit->pending[i].counter == 0)
            continue;
        commit->durable_epoch = commit->pending[i].epoch;
        commit->durable_counter = commit->pending[i].counter;
        commit->tell_ack = true;
    }
    commit->n_records += n;
    commit->n_batches++;
    drop_pending(commit, n);
}

/* Writes the next batch, in a new file where one is due. *ret_full: the disk was full. */
static bool write_batch(struct commit *commit, uint64_t segment_size, bool *ret_full,
                        struct error *err)
{
    struct chain_point point = commit->point;
    int64_t begun_us = clock_monotonic_us(), took_us;
    size_t n = 0;

    *ret_full = false;
    writer_reset(&commit->lines);
    if (commit->segment.fd < 0 || commit->segment.size >= segment_size) {
        if (!segment_begin(&commit->segment, point.seq + 1, ret_full, err))
            return false;
        print_head(commit, &point);
    }
    while (n < commit->n_pending && writer_bytes(&commit->lines).len < COMMIT_BATCH_MAX)
        print_pending(commit, &point, &commit->pending[n++]);
    if (!segment_append(&commit->segment, writer_bytes(&commit->lines), ret_full, err)) {
        if (commit->segment.size > 0)
            leave_file(commit, "write error", commit->segment.size);
        return false;
    }
    took_us = clock_monotonic_us() - begun_us;
    commit->longest_us = took_us > commit->longest_us ? took_us : commit->longest_us;
    batch_done(commit, &point, n);
    return true;
}

/* One attempt, and a second one in a new file; the reserve makes room for it on a full disk. */
static bool write_batch_twice(struct commit *commit, uint64_t segment_size, struct error *err)
{
    bool full;

    if (write_batch(commit, segment_size, &full, err))
        return true;
    log_error("audit_write", err, "%s", "");
    if (full && commit->reserve) {
        commit->reserve = !segment_reserve_release(&commit->segment);
        report(commit, "full", REASON_AUDIT_UNAVAILABLE, err->detail);
    }
    return write_batch(commit, segment_size, &full, err);
}

static void set_state(struct commit *commit, const struct error *state)
{
    bool changed = commit->state.reason != state->reason;

    commit->state = *state;
    if (!changed && commit->low == commit->low_told)
        return;
    commit->low_told = commit->low;
    if (!changed)
        log_event(LOG_LEVEL_WARNING, "audit_room", "low=%s", commit->low ? "true" : "false");
    else if (state->reason == REASON_OK)
        log_event(LOG_LEVEL_INFO, "audit_available", "file=%s", commit->segment.name);
    else
        log_error("audit_unavailable", state, "%s", "");
    commit->calls->state(commit->context, state, commit->low);
}

static void tell_ack(struct commit *commit)
{
    if (commit->tell_ack && commit->durable_counter > 0)
        commit->calls->acked(commit->context, commit->durable_epoch, commit->durable_counter);
    commit->tell_ack = false;
}

static void flush(struct commit *commit, uint64_t segment_size, bool even_empty)
{
    struct error err = {.reason = REASON_OK};
    bool good = continue_log(commit, &err);

    if (good)
        look_for_damage(commit);
    while (good && (commit->n_pending > 0 || even_empty)) {
        good = write_batch_twice(commit, segment_size, &err);
        even_empty = false;
    }
    commit->waits = !good;
    if (good && !commit->reserve)
        (void)err_set(&err, REASON_AUDIT_UNAVAILABLE, "no room for the reserve");
    else if (good)
        err = (struct error){.reason = REASON_OK};
    tell_ack(commit);
    set_state(commit, &err);
}

/* --- calls ------------------------------------------------------------------------------------ */

static void look_for_room(struct commit *commit)
{
    commit->low =
        segment_room_below(&commit->segment, commit->low ? COMMIT_LOW_OVER : COMMIT_LOW_WATER);
}

void commit_start(struct commit *commit, uint64_t segment_size)
{
    commit->reserve = segment_reserve_make(&commit->segment);
    look_for_room(commit);
    flush(commit, segment_size, true);
}

void commit_flush(struct commit *commit, uint64_t segment_size)
{
    if (commit->n_pending > 0 && !commit->waits)
        flush(commit, segment_size, false);
    tell_ack(commit);
}

void commit_tick(struct commit *commit, uint64_t segment_size)
{
    if (!commit->reserve) {
        commit->reserve = segment_reserve_make(&commit->segment);
        if (commit->reserve)
            report(commit, "full", REASON_OK, "there is room again");
    }
    look_for_room(commit);
    if (commit->waits || commit->n_pending > 0)
        flush(commit, segment_size, commit->segment.fd < 0);
    else if (commit->low != commit->low_told) {
        struct error same = commit->state;

        set_state(commit, &same);
    }
}

void commit_tell(struct commit *commit)
{
    commit->calls->state(commit->context, &commit->state, commit->low);
    commit->tell_ack = true;
    tell_ack(commit);
}

bool commit_must_end(const struct commit *commit)
{
    return commit->overflow && commit->n_pending == 0;
}

struct commit_counters commit_counters(struct commit *commit)
{
    struct commit_counters counters = {
        .records = commit->n_records,
        .batches = commit->n_batches,
        .pending = commit->n_pending,
        .longest_us = commit->longest_us,
        .available = commit->state.reason == REASON_OK,
        .low = commit->low,
        .file = commit->segment.name,
    };

    commit->longest_us = 0;
    return counters;
}
