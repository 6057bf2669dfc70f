/*
 * Bench of the audit log: `bench_audit DIR` commits records of about 700 octets in batches of
 * several sizes and prints records/s and the time of a commit, then the speed of the check.
 * `bench_audit DIR N` only writes N records of made-up sessions, for trying the tools.
 */
#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/audit/commit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEGMENT = 256 << 20, RUN_MS = 2000, COMMITS_MAX = 100000 };

static void acked(void *context, uint64_t epoch, uint64_t counter)
{
    (void)epoch;
    *(uint64_t *)context = counter;
}

static void state(void *context, const struct error *now, bool low)
{
    (void)context;
    (void)now;
    (void)low;
}

static const struct commit_calls calls = {acked, state};

static void fill(struct audit_record *record, uint64_t number)
{
    static const char *const users[] = {"alice", "bob", "carol", "dora"};

    audit_record_init(record);
    record->sid.octets[0] = 1;
    for (size_t i = 0; i < 8; i++)
        record->sid.octets[SESSION_ID_LEN - 1 - i] = (uint8_t)(number >> (8 * i));
    record->ev = bytes_of(number % 4 == 3 ? "deny" : "open");
    record->decision = bytes_of(number % 4 == 3 ? "deny" : "allow");
    record->reason_code = bytes_of(number % 4 == 3 ? "default_deny" : "ok");
    record->reason_text = bytes_of(number % 4 == 3 ? "no rule allows this connection" : "ok");
    record->src = bytes_of("192.0.2.7:51234");
    record->dst = bytes_of("192.0.2.1:8443");
    record->id_user = bytes_of(users[number % 4]);
    record->id_uid = 20001;
    record->cert_subject = bytes_of("CN=somebody,O=Example");
    record->cert_issuer = bytes_of("CN=Example Users CA");
    record->cert_serial = bytes_of("54a35acdd4569d759504211fad80ac0b");
    record->service = bytes_of("ssh");
    record->policy_rule = bytes_of("ops");
    record->policy_file = bytes_of("10-house.conf");
    record->policy_line = 12;
    record->facts = bytes_of("[{\"age_s\":2,\"name\":\"groups\",\"source\":\"directory\",\"state\":"
                             "\"present\",\"values\":[\"staff\",\"users\"]}]");
}

static void put(struct commit *commit, uint64_t number)
{
    AUTO(writer_clear) struct writer out = writer_new(8192);
    struct audit_record record;

    fill(&record, number);
    audit_record_encode(&record, &out);
    commit_take(commit, 1, number, writer_bytes(&out));
}

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void run(struct commit *commit, uint64_t *number, size_t batch)
{
    static int64_t times[COMMITS_MAX];
    int64_t begun_us = clock_monotonic_us(), end_us = begun_us + RUN_MS * 1000, now_us = begun_us;
    size_t n = 0;

    while (now_us < end_us && n < COMMITS_MAX) {
        int64_t before_us = now_us;

        for (size_t i = 0; i < batch; i++)
            put(commit, ++*number);
        commit_flush(commit, SEGMENT);
        now_us = clock_monotonic_us();
        times[n++] = now_us - before_us;
    }
    qsort(times, n, sizeof(times[0]), by_time);
    (void)printf("figure audit.batch%zu.records_per_s %.0f 1/s %s\n", batch,
                 (double)(n * batch) * 1e6 / (double)(now_us - begun_us),
                 batch == 512 ? ">=100000" : "-");
    (void)printf("figure audit.batch%zu.commit_p50 %.2f ms %s\n", batch,
                 (double)times[n / 2] / 1000, batch == 32 ? "<=6" : "-");
    (void)printf("figure audit.batch%zu.commit_p99 %.2f ms %s\n", batch,
                 (double)times[n * 99 / 100] / 1000, batch == 512 ? "<=25" : "-");
}

static double check_file(const char *path, struct audit_verify *verify)
{
    struct audit_file file;
    const char *name = strrchr(path, '/') + 1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    void *at;

    if (fd < 0 || fstat(fd, &st) != 0 || strlen(name) != AUDIT_NAME_LEN)
        exit(2);
    at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (at == MAP_FAILED)
        exit(2);
    memcpy(file.name, name, sizeof(file.name));
    file.content = (struct bytes){at, (size_t)st.st_size};
    if (!audit_verify_file(verify, &file, NULL))
        (void)fprintf(stderr, "%s:%llu: %s\n", path, (unsigned long long)verify->line,
                      verify->detail);
    (void)munmap(at, (size_t)st.st_size);
    (void)close(fd);
    return (double)st.st_size;
}

static void check(const char *dir)
{
    char path[4096];
    struct audit_verify verify = {.hasher = audit_hasher_new()};
    int64_t begun_us = clock_monotonic_us(), took_us;
    double octets;

    (void)snprintf(path, sizeof(path), "%s/audit-%020d.jsonl", dir, 1);
    octets = check_file(path, &verify);
    took_us = clock_monotonic_us() - begun_us;
    (void)printf("figure audit.verify %.0f MB/s -\n", octets / (double)took_us);
    (void)audit_hasher_free(verify.hasher);
}

int main(int argc, char **argv)
{
    static const size_t batches[] = {1, 32, 128, 512};
    int dir_fd = argc > 1 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    uint64_t last = 0, number = 0;
    struct commit *commit;

    if (dir_fd < 0) {
        (void)fprintf(stderr, "usage: bench_audit DIR [RECORDS]\n");
        return 2;
    }
    log_open("bench", LOG_LEVEL_WARNING);
    commit = commit_new(dir_fd, &segment_real_disk, &calls, &last);
    commit_start(commit, SEGMENT);
    if (argc > 2) {
        for (uint64_t n = strtoull(argv[2], NULL, 10); number < n;)
            put(commit, ++number);
        commit_flush(commit, SEGMENT);
    } else {
        for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++)
            run(commit, &number, batches[i]);
        check(argv[1]);
    }
    commit_free(commit);
    return last == number ? 0 : 1;
}
