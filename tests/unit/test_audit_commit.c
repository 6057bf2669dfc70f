/*
 * Commit, segment and recovery in a private directory: what a crash, a full disk, a failed fsync,
 * a repeated record and a hand on the files leave behind, judged by the same check as
 * `gatewayctl audit verify`.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/log.h"
#include "gatewayd/audit/commit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIZE = 64 << 20, FILES_MAX = 64 };

/* --- a disk that can be full or broken -------------------------------------------------------- */

static struct {
    int write_errors; /* so many writes fail */
    int write_errno;
    int short_writes; /* so many writes take only the first octets */
    int sync_errors;
    uint64_t room; /* octets free; 0: plenty */
} disk_plan;

static ssize_t plan_write(int fd, const void *at, size_t len)
{
    if (disk_plan.write_errors > 0) {
        disk_plan.write_errors--;
        if (write(fd, at, len / 2) < 0)
            return -1;
        errno = disk_plan.write_errno;
        return -1;
    }
    if (disk_plan.short_writes > 0 && len > 1) {
        disk_plan.short_writes--;
        return write(fd, at, len / 2);
    }
    return write(fd, at, len);
}

static int plan_sync(int fd)
{
    if (disk_plan.sync_errors > 0) {
        disk_plan.sync_errors--;
        errno = EIO;
        return -1;
    }
    return fdatasync(fd);
}

static bool plan_room(int dir_fd, uint64_t *ret_octets)
{
    (void)dir_fd;
    *ret_octets = disk_plan.room;
    return disk_plan.room != 0;
}

static const struct segment_disk disk = {plan_write, plan_sync, plan_room};

/* --- a house for one log ---------------------------------------------------------------------- */

struct house {
    char path[64];
    int dir_fd;
    struct commit *commit;
    uint64_t acked_epoch, acked;
    enum reason state;
    bool low;
    unsigned states;
};

static void acked(void *context, uint64_t epoch, uint64_t counter)
{
    struct house *house = context;

    assert_true(epoch != house->acked_epoch || counter >= house->acked);
    house->acked_epoch = epoch;
    house->acked = counter;
}

static void state(void *context, const struct error *now, bool low)
{
    struct house *house = context;

    house->state = now->reason;
    house->low = low;
    house->states++;
}

static const struct commit_calls calls = {acked, state};

static void open_commit(struct house *house)
{
    house->commit = commit_new(dup(house->dir_fd), &disk, &calls, house);
    commit_start(house->commit, SIZE);
}

static int set_up(void **context)
{
    struct house *house = calloc(1, sizeof(*house));

    assert_non_null(house);
    memset(&disk_plan, 0, sizeof(disk_plan));
    log_open("test", LOG_LEVEL_ERROR);
    (void)snprintf(house->path, sizeof(house->path), "/tmp/test_audit_XXXXXX");
    assert_non_null(mkdtemp(house->path));
    house->dir_fd = open(house->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(house->dir_fd >= 0);
    open_commit(house);
    *context = house;
    return 0;
}

static int each_name(const struct house *house, char names[FILES_MAX][64])
{
    DIR *dir = opendir(house->path);
    struct dirent *entry;
    int n = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.' && n < FILES_MAX)
            (void)snprintf(names[n++], 64, "%.63s", entry->d_name);
    closedir(dir);
    return n;
}

static int tear_down(void **context)
{
    struct house *house = *context;
    char names[FILES_MAX][64];
    int n = each_name(house, names);

    commit_free(house->commit);
    for (int i = 0; i < n; i++)
        (void)unlinkat(house->dir_fd, names[i], 0);
    (void)close(house->dir_fd);
    assert_int_equal(rmdir(house->path), 0);
    free(house);
    return 0;
}

static void restart(struct house *house)
{
    commit_free(house->commit);
    house->acked_epoch = house->acked = 0;
    open_commit(house);
}

static void put(struct house *house, uint64_t epoch, uint64_t counter)
{
    struct writer out = writer_new(4096);
    struct audit_record record;

    audit_record_init(&record);
    record.ev = bytes_of("open");
    record.detail = bytes_of("a detail of the record, with \"quotes\" and \\ in it");
    audit_record_encode(&record, &out);
    commit_take(house->commit, epoch, counter, writer_bytes(&out));
    writer_clear(&out);
}

static void put_and_flush(struct house *house, uint64_t epoch, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i <= to; i++)
        put(house, epoch, i);
    commit_flush(house->commit, SIZE);
}

/* --- reading it back -------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static struct bytes slurp(const struct house *house, const char *name)
{
    int fd = openat(house->dir_fd, name, O_RDONLY);
    struct stat st;
    uint8_t *at;

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    at = malloc((size_t)st.st_size + 1);
    assert_non_null(at);
    assert_int_equal(read(fd, at, (size_t)st.st_size), st.st_size);
    close(fd);
    return (struct bytes){at, (size_t)st.st_size};
}

static size_t read_log(const struct house *house, struct audit_file files[FILES_MAX])
{
    char names[FILES_MAX][64];
    int n = each_name(house, names);
    size_t n_files = 0;
    uint64_t seq;

    qsort(names, (size_t)n, sizeof(names[0]), by_name);
    for (int i = 0; i < n; i++) {
        if (!audit_name_parse(bytes_of(names[i]), &seq))
            continue;
        memcpy(files[n_files].name, names[i], sizeof(files[0].name));
        files[n_files++].content = slurp(house, names[i]);
    }
    return n_files;
}

static void free_log(struct audit_file *files, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free((void *)files[i].content.at);
}

static enum audit_finding verify(const struct house *house, struct audit_verify *ret_verify)
{
    struct audit_file files[FILES_MAX];
    size_t n = read_log(house, files);
    struct audit_verify check = {.hasher = audit_hasher_new()};

    for (size_t i = 0; i < n; i++)
        if (!audit_verify_file(&check, &files[i], i + 1 < n ? &files[i + 1] : NULL))
            break;
    free_log(files, n);
    audit_hasher_free(check.hasher);
    check.hasher = NULL;
    *ret_verify = check;
    return check.finding;
}

/* How often a line with this text stands in the log. */
static unsigned count(const struct house *house, const char *text)
{
    struct audit_file files[FILES_MAX];
    size_t n = read_log(house, files);
    unsigned found = 0;

    for (size_t i = 0; i < n; i++) {
        struct bytes rest = files[i].content, line;

        while (audit_next_line(&rest, &line))
            found += memmem(line.at, line.len, text, strlen(text)) != NULL;
    }
    free_log(files, n);
    return found;
}

static unsigned files(const struct house *house)
{
    struct audit_file all[FILES_MAX];
    size_t n = read_log(house, all);

    free_log(all, n);
    return (unsigned)n;
}

static void last_file(const struct house *house, char out[64])
{
    struct audit_file all[FILES_MAX];
    size_t n = read_log(house, all);

    assert_true(n > 0);
    (void)snprintf(out, 64, "%s", all[n - 1].name);
    free_log(all, n);
}

static void assert_good(const struct house *house, uint64_t lines)
{
    struct audit_verify result;

    if (verify(house, &result) != AUDIT_FINDING_OK)
        fail_msg("%s:%llu: %s", result.file, (unsigned long long)result.line, result.detail);
    assert_int_equal(result.lines, lines);
}

/* --- the tests -------------------------------------------------------------------------------- */

static void records_are_acknowledged_once_durable(void **context)
{
    struct house *house = *context;

    assert_int_equal(house->state, REASON_OK);
    put(house, 7, 1);
    put(house, 7, 2);
    assert_int_equal(house->acked, 0);
    commit_flush(house->commit, SIZE);
    assert_int_equal(house->acked, 2);
    assert_int_equal(house->acked_epoch, 7);
    assert_good(house, 3);
    assert_int_equal(commit_counters(house->commit).batches, 2);
}

static void a_restart_continues_the_chain_in_a_new_file(void **context)
{
    struct house *house = *context;

    put_and_flush(house, 7, 1, 5);
    restart(house);
    put_and_flush(house, 7, 6, 8);
    assert_int_equal(files(house), 2);
    assert_good(house, 10);
}

static void repeated_records_are_dropped_and_acknowledged(void **context)
{
    struct house *house = *context;

    put_and_flush(house, 7, 1, 5);
    put_and_flush(house, 7, 3, 5);
    restart(house);
    restart(house);
    put_and_flush(house, 7, 2, 5);
    assert_int_equal(house->acked, 5);
    put_and_flush(house, 7, 5, 6);
    assert_int_equal(house->acked, 6);
    assert_int_equal(count(house, "\"key\":\"7.5\""), 1);
    assert_good(house, 9);
}

static void another_epoch_begins_again(void **context)
{
    struct house *house = *context;

    put_and_flush(house, 7, 1, 5);
    put_and_flush(house, 8, 1, 2);
    assert_int_equal(house->acked_epoch, 8);
    assert_int_equal(house->acked, 2);
    assert_good(house, 8);
}

static void records_that_never_came_are_noted(void **context)
{
    struct house *house = *context;
    struct audit_verify result;

    put_and_flush(house, 7, 1, 2);
    put_and_flush(house, 7, 5, 5);
    assert_int_equal(count(house, "records 7.3 to 7.4 never came"), 1);
    assert_int_equal(verify(house, &result), AUDIT_FINDING_OK);
    assert_int_equal(result.gap_events, 1);
}

static void what_is_no_record_leaves_a_line(void **context)
{
    struct house *house = *context;

    commit_take(house->commit, 7, 1, bytes_of("\1garbage"));
    commit_take(house->commit, 7, 2, (struct bytes){NULL, 0});
    commit_flush(house->commit, SIZE);
    assert_int_equal(house->acked, 2);
    assert_int_equal(count(house, "msg_malformed"), 2);
    assert_good(house, 3);
}

static void append_to_last(const struct house *house, const char *text)
{
    char name[64];
    int fd;

    last_file(house, name);
    fd = openat(house->dir_fd, name, O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void little_room_is_told(void **context)
{
    static const struct {
        uint64_t room;
        bool low, told;
    } steps[] = {
        {COMMIT_LOW_WATER, false, false},
        {COMMIT_LOW_WATER - 1, true, true},
        {COMMIT_LOW_WATER - 2, true, false},
        {COMMIT_LOW_OVER - 1, true, false}, /* not back and forth */
        {COMMIT_LOW_OVER, false, true},
    };
    struct house *house = *context;

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        unsigned states = house->states;

        disk_plan.room = steps[i].room;
        commit_tick(house->commit, SIZE);
        assert_int_equal(house->low, steps[i].low);
        assert_int_equal(house->states - states, steps[i].told ? 1 : 0);
        assert_int_equal(house->state, REASON_OK);
    }
    disk_plan.room = 1;
    put(house, 7, 1); /* a record that comes all the same is written */
    commit_tick(house->commit, SIZE);
    assert_true(house->low);
    assert_int_equal(house->acked, 1);
    restart(house);
    assert_true(house->low);
}

static void a_torn_line_is_set_aside(void **context)
{
    struct house *house = *context;
    struct audit_verify result;

    put_and_flush(house, 7, 1, 3);
    append_to_last(house, "{\"boot\":\"half a li");
    assert_int_equal(verify(house, &result), AUDIT_FINDING_TORN);
    assert_int_equal(result.line, 5);
    restart(house);
    assert_good(house, 5);
    assert_int_equal(count(house, ".jsonl.torn\""), 1);
    put_and_flush(house, 7, 4, 4);
    assert_good(house, 6);
}

static void a_file_without_a_line_is_removed(void **context)
{
    struct house *house = *context;
    char name[AUDIT_NAME_LEN + 1];
    int fd;

    put_and_flush(house, 7, 1, 3);
    audit_name_format(5, name);
    fd = openat(house->dir_fd, name, O_WRONLY | O_CREAT, 0640);
    assert_int_equal(write(fd, "{\"bo", 4), 4);
    close(fd);
    restart(house);
    put_and_flush(house, 7, 4, 4);
    assert_int_equal(files(house), 2);
    assert_good(house, 6);
}

static void a_large_file_is_followed_by_another(void **context)
{
    struct house *house = *context;

    for (uint64_t i = 1; i <= 6; i++) {
        put(house, 7, i);
        commit_flush(house->commit, 1000);
    }
    assert_true(files(house) > 2);
    assert_true(count(house, "\"detail\":\"size\"") > 1);
    put_and_flush(house, 7, 7, 7);
    assert_int_equal(house->acked, 7);
    assert_int_equal(count(house, "\"ev\":\"open\""), 7);
    assert_int_equal(files(house), count(house, "\"ev\":\"start\""));
    assert_good(house, 7 + count(house, "\"ev\":\"start\""));
}

static void a_short_write_is_continued(void **context)
{
    struct house *house = *context;

    disk_plan.short_writes = 3;
    put_and_flush(house, 7, 1, 3);
    assert_int_equal(files(house), 1);
    assert_good(house, 4);
}

static void a_failed_sync_ends_the_file_and_repeats_the_records(void **context)
{
    struct house *house = *context;

    put_and_flush(house, 7, 1, 2);
    disk_plan.sync_errors = 1;
    put_and_flush(house, 7, 3, 4);
    assert_int_equal(house->acked, 4);
    assert_int_equal(house->state, REASON_OK);
    assert_int_equal(files(house), 2);
    assert_int_equal(count(house, "\"key\":\"7.3\""), 1);
    assert_int_equal(count(house, "\"detail\":\"write error\""), 1);
    assert_good(house, 6);
}

static void nothing_is_acknowledged_while_the_disk_fails(void **context)
{
    struct house *house = *context;

    put_and_flush(house, 7, 1, 2);
    disk_plan.sync_errors = 5;
    put_and_flush(house, 7, 3, 4);
    assert_int_equal(house->acked, 2);
    assert_int_equal(house->state, REASON_AUDIT_UNAVAILABLE);
    put_and_flush(house, 7, 5, 5); /* waits for the next tick */
    assert_int_equal(disk_plan.sync_errors, 3);
    commit_tick(house->commit, SIZE);
    assert_int_equal(house->acked, 2);
    commit_tick(house->commit, SIZE);
    assert_int_equal(house->acked, 5);
    assert_int_equal(house->state, REASON_OK);
    assert_int_equal(count(house, "\"ev\":\"open\""), 5);
    assert_good(house, 7);
}

static void a_full_disk_is_recorded_from_the_reserve(void **context)
{
    struct house *house = *context;
    struct stat st;

    assert_int_equal(fstatat(house->dir_fd, "reserve", &st, 0), 0);
    assert_int_equal(st.st_size, SEGMENT_RESERVE);
    disk_plan.write_errors = 1;
    disk_plan.write_errno = ENOSPC;
    put_and_flush(house, 7, 1, 2);
    assert_int_equal(fstatat(house->dir_fd, "reserve", &st, 0), -1);
    assert_int_equal(house->acked, 2);
    assert_int_equal(house->state, REASON_AUDIT_UNAVAILABLE);
    assert_int_equal(count(house, "\"ev\":\"full\""), 1);
    commit_tick(house->commit, SIZE);
    assert_int_equal(house->state, REASON_OK);
    assert_int_equal(fstatat(house->dir_fd, "reserve", &st, 0), 0);
    assert_int_equal(count(house, "there is room again"), 1);
    assert_good(house, 6);
}

static void damage_is_noted(void **context, void (*hurt)(const struct house *, const char *),
                            enum audit_finding finding, const char *what)
{
    struct house *house = *context;
    struct audit_verify result;
    char name[64];

    put_and_flush(house, 7, 1, 3);
    last_file(house, name);
    hurt(house, name);
    put_and_flush(house, 7, 4, 4);
    assert_int_equal(house->acked, 4);
    assert_int_equal(house->state, REASON_OK);
    assert_int_equal(count(house, "\"ev\":\"gap\""), 1);
    assert_true(count(house, what) > 0);
    assert_int_equal(verify(house, &result), finding);
}

static void hurt_delete(const struct house *house, const char *name)
{
    assert_int_equal(unlinkat(house->dir_fd, name, 0), 0);
}

static void hurt_cut(const struct house *house, const char *name)
{
    int fd = openat(house->dir_fd, name, O_WRONLY);

    assert_int_equal(ftruncate(fd, 100), 0);
    close(fd);
}

static void hurt_replace(const struct house *house, const char *name)
{
    struct bytes content = slurp(house, name);
    int fd;

    assert_int_equal(unlinkat(house->dir_fd, name, 0), 0);
    fd = openat(house->dir_fd, name, O_WRONLY | O_CREAT, 0640);
    assert_int_equal(write(fd, content.at, content.len), (ssize_t)content.len);
    close(fd);
    free((void *)content.at);
}

static void hurt_append(const struct house *house, const char *name)
{
    (void)name;
    append_to_last(house, "more\n");
}

static void a_deleted_file_is_noted(void **context)
{
    damage_is_noted(context, hurt_delete, AUDIT_FINDING_GAP, "the file was deleted");
}

static void a_cut_file_is_noted(void **context)
{
    damage_is_noted(context, hurt_cut, AUDIT_FINDING_GAP, "the file was cut");
}

static void a_copied_file_is_noted(void **context)
{
    damage_is_noted(context, hurt_replace, AUDIT_FINDING_OK, "the file was deleted");
}

static void a_foreign_line_is_noted(void **context)
{
    damage_is_noted(context, hurt_append, AUDIT_FINDING_EDIT, "somebody else wrote to the file");
}

static void an_unusable_directory_is_a_state(void **context)
{
    struct house *house = *context;

    commit_free(house->commit);
    house->commit = commit_new(open("/dev/null", O_RDONLY), &disk, &calls, house);
    house->acked = house->acked_epoch = 0;
    commit_start(house->commit, SIZE);
    put_and_flush(house, 7, 1, 1);
    commit_tick(house->commit, SIZE);
    assert_int_equal(house->acked, 0);
    commit_tell(house->commit);
    assert_int_equal(house->state, REASON_AUDIT_UNAVAILABLE);
    assert_false(commit_must_end(house->commit));
}

static void too_many_waiting_records_end_the_process_later(void **context)
{
    struct house *house = *context;
    struct writer out = writer_new(1 << 20);
    struct audit_record record;
    char *detail = calloc(1, 60001);
    uint64_t i = 0;

    assert_non_null(detail);
    memset(detail, 'a', 60000);
    audit_record_init(&record);
    record.ev = bytes_of("open");
    record.detail = bytes_of(detail);
    audit_record_encode(&record, &out);
    disk_plan.sync_errors = 2;
    while (!commit_must_end(house->commit) && i < 2000) {
        commit_take(house->commit, 7, ++i, writer_bytes(&out));
        if (i == 1)
            commit_flush(house->commit, SIZE);
        if (i == 1500)
            commit_tick(house->commit, SIZE);
    }
    free(detail);
    writer_clear(&out);
    assert_int_equal(i, 1500);
    assert_true(house->acked > 1000 && house->acked < 1500);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(records_are_acknowledged_once_durable),
        TEST(a_restart_continues_the_chain_in_a_new_file),
        TEST(repeated_records_are_dropped_and_acknowledged),
        TEST(another_epoch_begins_again),
        TEST(records_that_never_came_are_noted),
        TEST(what_is_no_record_leaves_a_line),
        TEST(little_room_is_told),
        TEST(a_torn_line_is_set_aside),
        TEST(a_file_without_a_line_is_removed),
        TEST(a_large_file_is_followed_by_another),
        TEST(a_short_write_is_continued),
        TEST(a_failed_sync_ends_the_file_and_repeats_the_records),
        TEST(nothing_is_acknowledged_while_the_disk_fails),
        TEST(a_full_disk_is_recorded_from_the_reserve),
        TEST(a_deleted_file_is_noted),
        TEST(a_cut_file_is_noted),
        TEST(a_copied_file_is_noted),
        TEST(a_foreign_line_is_noted),
        TEST(an_unusable_directory_is_a_state),
        TEST(too_many_waiting_records_end_the_process_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
