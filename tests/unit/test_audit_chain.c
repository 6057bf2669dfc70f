/*
 * Lines of the audit log, the check of the chain, and what a hand on the files looks like to it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gatewayd/audit/chain.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define LOG   "0123456789abcdef0123456789abcdef"

/* --- single lines ----------------------------------------------------------------------------- */

static const struct {
    const char *name, *line;
    bool good;
} lines[] = {
    {"the least", "{\"seq\":1}", true},
    {"with all that is read",
     "{\"ev\":\"open\",\"file\":{\"prev\":\"a\",\"torn\":\"b\",\"valid\":7},"
     "\"key\":\"1.2\",\"log\":\"" LOG "\",\"prev\":\"" ZEROS "\",\"seq\":7,\"sid\":\"00\"}",
     true},
    {"nested values in any order", "{\"facts\":[{\"b\":1,\"a\":[true,null,-3]}],\"seq\":1}", true},
    {"escapes", "{\"detail\":\"a\\\"b\\\\\",\"seq\":1}", true},
    {"empty object and list", "{\"a\":{},\"b\":[],\"seq\":1}", true},
    {"nothing", "", false},
    {"no object", "1", false},
    {"no number", "{\"ev\":\"open\"}", false},
    {"number zero", "{\"seq\":0}", false},
    {"number as text", "{\"seq\":\"1\"}", false},
    {"negative number", "{\"seq\":-1}", false},
    {"number too large", "{\"seq\":99999999999999999999}", false},
    {"fraction", "{\"seq\":1.5}", false},
    {"leading zero", "{\"seq\":01}", false},
    {"spaces", "{ \"seq\":1}", false},
    {"something behind", "{\"seq\":1}x", false},
    {"a second object", "{\"seq\":1}{\"seq\":2}", false},
    {"keys out of order", "{\"seq\":1,\"ev\":\"open\"}", false},
    {"a key twice", "{\"seq\":1,\"seq\":1}", false},
    {"keys out of order in file", "{\"file\":{\"valid\":1,\"prev\":\"a\"},\"seq\":1}", false},
    {"comma at the end", "{\"seq\":1,}", false},
    {"no colon", "{\"seq\"1}", false},
    {"unfinished", "{\"seq\":1", false},
    {"unfinished text", "{\"seq\":1,\"sid\":\"abc", false},
    {"backslash at the end", "{\"seq\":1,\"sid\":\"abc\\", false},
    {"control octet", "{\"detail\":\"a\tb\",\"seq\":1}", false},
    {"short hash", "{\"prev\":\"00\",\"seq\":1}", false},
    {"hash without hex", "{\"prev\":\"x" ZEROS "\",\"seq\":1}", false},
    {"unknown word", "{\"a\":nil,\"seq\":1}", false},
    {"only a minus", "{\"a\":-,\"seq\":1}", false},
    {"minus inside", "{\"a\":1-1,\"seq\":1}", false},
    {"too deep", "{\"a\":[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]],\"seq\":1}", false},
    {"file is no object", "{\"file\":\"a\",\"seq\":1}", false},
};

static void a_line_is_one_canonical_record(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct audit_line line;
        struct error err;

        if (audit_line_parse(bytes_of(lines[i].line), &line, &err) != lines[i].good)
            fail_msg("%s", lines[i].name);
        if (!lines[i].good)
            assert_int_equal(err.reason, REASON_AUDIT_EDITED);
    }
}

static void a_line_says_its_place(void **state)
{
    struct audit_line line;
    struct error err;

    (void)state;
    assert_true(audit_line_parse(bytes_of(lines[1].line), &line, &err));
    assert_int_equal(line.seq, 7);
    assert_int_equal(line.file_valid, 7);
    assert_true(bytes_equal(line.ev, bytes_of("open")));
    assert_true(bytes_equal(line.file_prev, bytes_of("a")));
    assert_true(bytes_equal(line.file_torn, bytes_of("b")));
    assert_true(bytes_equal(line.log, bytes_of(LOG)));
    assert_true(audit_line_parse(bytes_of(lines[0].line), &line, &err));
    assert_int_equal(line.file_valid, UINT64_MAX);
    assert_int_equal(line.ev.len, 0);
}

static void a_line_has_a_longest_length(void **state)
{
    char *text = malloc(AUDIT_LINE_MAX + 64);
    struct audit_line line;
    struct error err;

    (void)state;
    assert_non_null(text);
    memset(text, 'a', AUDIT_LINE_MAX + 64);
    memcpy(text, "{\"a\":\"", 6);
    memcpy(text + AUDIT_LINE_MAX - 10, "\",\"seq\":1}", 10);
    assert_true(audit_line_parse((struct bytes){(uint8_t *)text, AUDIT_LINE_MAX}, &line, &err));
    text[AUDIT_LINE_MAX - 10] = 'a';
    memcpy(text + AUDIT_LINE_MAX - 9, "\",\"seq\":1}", 10);
    assert_false(
        audit_line_parse((struct bytes){(uint8_t *)text, AUDIT_LINE_MAX + 1}, &line, &err));
    free(text);
}

static const struct {
    const char *text;
    bool good;
    uint64_t epoch, counter;
} keys[] = {
    {"1.2", true, 1, 2},    {"18446744073709551615.1", true, UINT64_MAX, 1},
    {"", false, 0, 0},      {".", false, 0, 0},
    {"1.", false, 0, 0},    {".1", false, 0, 0},
    {"1.2.3", false, 0, 0}, {"a.1", false, 0, 0},
    {"1.-1", false, 0, 0},  {"18446744073709551616.1", false, 0, 0},
    {"1 .2", false, 0, 0},
};

static void keys_are_two_numbers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        uint64_t epoch = 0, counter = 0;

        if (audit_key_parse(bytes_of(keys[i].text), &epoch, &counter) != keys[i].good)
            fail_msg("%s", keys[i].text);
        assert_int_equal(epoch, keys[i].epoch);
        assert_int_equal(counter, keys[i].counter);
    }
}

static const struct {
    const char *name;
    bool good;
    uint64_t seq;
} names[] = {
    {"audit-00000000000000000001.jsonl", true, 1},
    {"audit-18446744073709551615.jsonl", true, UINT64_MAX},
    {"audit-00000000000000000000.jsonl", true, 0},
    {"audit-18446744073709551616.jsonl", false, 0},
    {"audit-0000000000000000001.jsonl", false, 0},
    {"audit-0000000000000000000x.jsonl", false, 0},
    {"audit-00000000000000000001.jsonl.torn", false, 0},
    {"Audit-00000000000000000001.jsonl", false, 0},
    {"reserve", false, 0},
    {"", false, 0},
};

static void names_carry_the_first_number(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char again[AUDIT_NAME_LEN + 1];
        uint64_t seq = 0;

        if (audit_name_parse(bytes_of(names[i].name), &seq) != names[i].good)
            fail_msg("%s", names[i].name);
        assert_int_equal(seq, names[i].seq);
        audit_name_format(seq, again);
        if (names[i].good)
            assert_string_equal(again, names[i].name);
    }
}

/* --- a whole log ------------------------------------------------------------------------------ */

enum { FILES = 3, LINES = 5 /* of each file, the first one included */ };

struct log {
    struct audit_hasher *hasher;
    struct chain_origin origin;
    struct writer out[FILES];
    struct audit_file files[FILES];
};

static void print(struct log *log, size_t file, struct chain_point *point, const char *ev,
                  const char *file_prev, const char *key)
{
    struct audit_record record;

    audit_record_init(&record);
    record.ev = bytes_of(ev);
    record.detail = bytes_of("h\xc3\xa9 \"quoted\" \\ and / and \xe2\x82\xac");
    record.file_prev = bytes_of(file_prev);
    record.cert_san.at[0] = bytes_of("email:alice@example.test");
    record.cert_san.n = 1;
    record.id_uid = 20001;
    record.facts = bytes_of("[{\"name\":\"groups\",\"age_s\":2}]");
    assert_true(
        chain_print(point, &log->origin, log->hasher, &record, bytes_of(key), &log->out[file]));
}

static struct bytes content(const struct writer *out)
{
    struct bytes octets = writer_bytes(out);
    uint8_t *copy = malloc(octets.len + 1);

    assert_non_null(copy);
    memcpy(copy, octets.at, octets.len);
    return (struct bytes){copy, octets.len};
}

static int set_up(void **state)
{
    struct log *log = calloc(1, sizeof(*log));
    struct chain_point point = {.seq = 0};
    const char *before = "";

    assert_non_null(log);
    log->hasher = audit_hasher_new();
    chain_origin_init(&log->origin);
    for (size_t i = 0; i < FILES; i++) {
        log->out[i] = writer_new(1 << 20);
        audit_name_format(point.seq + 1, log->files[i].name);
        print(log, i, &point, "start", before, "");
        for (int k = 1; k < LINES; k++)
            print(log, i, &point, "open", "", "7.1");
        log->files[i].content = content(&log->out[i]);
        before = log->files[i].name;
    }
    *state = log;
    return 0;
}

static int tear_down(void **state)
{
    struct log *log = *state;

    for (size_t i = 0; i < FILES; i++) {
        writer_clear(&log->out[i]);
        free((void *)log->files[i].content.at);
    }
    audit_hasher_free(log->hasher);
    free(log);
    return 0;
}

/* Where a line of a file begins; LINES + 1 is the end. */
static size_t begin_of(const struct audit_file *file, int line)
{
    struct bytes rest = file->content, one;

    for (int i = 1; i < line; i++)
        assert_true(audit_next_line(&rest, &one));
    return file->content.len - rest.len;
}

static void remove_octets(struct audit_file *file, size_t from, size_t to)
{
    uint8_t *at = (uint8_t *)file->content.at;

    memmove(at + from, at + to, file->content.len - to);
    file->content.len -= to - from;
}

static void change(struct log *log, size_t file, int line, const char *from, const char *to)
{
    size_t begin = begin_of(&log->files[file], line);
    uint8_t *at = memmem(log->files[file].content.at + begin, log->files[file].content.len - begin,
                         from, strlen(from));

    assert_non_null(at);
    assert_int_equal(strlen(from), strlen(to));
    memcpy(at, to, strlen(to));
}

static void no_change(struct log *log)
{
    (void)log;
}

static void edit_value(struct log *log)
{
    change(log, 1, 3, "\"uid\":20001", "\"uid\":20009");
}

static void edit_time(struct log *log)
{
    change(log, 0, 2, "\"ts\":\"2", "\"ts\":\"3");
}

static void edit_last_of_file(struct log *log)
{
    change(log, 0, LINES, "\"uid\":20001", "\"uid\":20009");
}

static void edit_number(struct log *log)
{
    change(log, 1, 3, "\"seq\":8", "\"seq\":9");
}

static void edit_prev(struct log *log)
{
    change(log, 1, 3, "\"prev\":\"", "\"prev\":\"");
    /* the first digit of the hash */
    struct audit_file *file = &log->files[1];
    size_t begin = begin_of(file, 3);
    uint8_t *at = memmem(file->content.at + begin, file->content.len - begin, "\"prev\":\"", 8);

    at[8] = at[8] == 'a' ? 'b' : 'a';
}

static void edit_form(struct log *log)
{
    change(log, 1, 3, "\"ev\":", "\"ev\";");
}

static void edit_log(struct log *log)
{
    struct audit_file *file = &log->files[0];
    uint8_t *at = memmem(file->content.at, file->content.len, "\"log\":\"", 7);

    /* All neighbours agree: only the name of the log differs from the next line's. */
    at[7] = at[7] == 'a' ? 'b' : 'a';
}

static void take_line(struct log *log)
{
    struct audit_file *file = &log->files[1];

    remove_octets(file, begin_of(file, 3), begin_of(file, 4));
}

static void take_first_line(struct log *log)
{
    struct audit_file *file = &log->files[0];

    remove_octets(file, 0, begin_of(file, 2));
}

static void take_end_of_first(struct log *log)
{
    struct audit_file *file = &log->files[0];

    remove_octets(file, begin_of(file, LINES), file->content.len);
}

static void cut_inside_of_first(struct log *log)
{
    log->files[0].content.len -= 5;
}

static void cut_last(struct log *log)
{
    log->files[FILES - 1].content.len -= 5;
}

static void empty_middle(struct log *log)
{
    log->files[1].content.len = 0;
}

static void repeat_line(struct log *log)
{
    struct audit_file *file = &log->files[2];
    size_t begin = begin_of(file, 3), end = begin_of(file, 4), len = end - begin;
    uint8_t *more = malloc(file->content.len + len);

    assert_non_null(more);
    memcpy(more, file->content.at, end);
    memcpy(more + end, file->content.at + begin, len);
    memcpy(more + end + len, file->content.at + end, file->content.len - end);
    free((void *)file->content.at);
    file->content = (struct bytes){more, file->content.len + len};
}

static void swap_files(struct log *log)
{
    struct bytes first = log->files[1].content;

    log->files[1].content = log->files[2].content;
    log->files[2].content = first;
}

static void rename_file(struct log *log)
{
    audit_name_format(7, log->files[1].name);
}

static const struct {
    const char *name;
    void (*hurt)(struct log *log);
    enum audit_finding finding;
    size_t file;
    uint64_t line;
} hurts[] = {
    {"untouched", no_change, AUDIT_FINDING_OK, 0, 0},
    {"a value edited: the line itself is named", edit_value, AUDIT_FINDING_EDIT, 1, 3},
    {"a time edited", edit_time, AUDIT_FINDING_EDIT, 0, 2},
    {"the last line of a file edited", edit_last_of_file, AUDIT_FINDING_EDIT, 0, LINES},
    {"the number edited", edit_number, AUDIT_FINDING_EDIT, 1, 3},
    {"the hash edited", edit_prev, AUDIT_FINDING_EDIT, 1, 3},
    {"the form broken", edit_form, AUDIT_FINDING_EDIT, 1, 3},
    {"the log's name edited", edit_log, AUDIT_FINDING_EDIT, 0, 1},
    {"a line taken out", take_line, AUDIT_FINDING_GAP, 1, 3},
    {"the first line taken", take_first_line, AUDIT_FINDING_GAP, 0, 1},
    {"the end of an older file taken", take_end_of_first, AUDIT_FINDING_GAP, 1, 1},
    {"an older file cut", cut_inside_of_first, AUDIT_FINDING_GAP, 0, LINES},
    {"the end torn", cut_last, AUDIT_FINDING_TORN, FILES - 1, LINES},
    {"an older file emptied", empty_middle, AUDIT_FINDING_GAP, 1, 1},
    {"a line twice", repeat_line, AUDIT_FINDING_EDIT, 2, 4},
    {"two files swapped", swap_files, AUDIT_FINDING_GAP, 1, 1},
    {"a file under another name", rename_file, AUDIT_FINDING_EDIT, 1, 1},
};

static void verify(const struct log *log, const size_t *order, size_t n, struct audit_verify *ret)
{
    *ret = (struct audit_verify){.hasher = log->hasher};
    for (size_t i = 0; i < n; i++)
        if (!audit_verify_file(ret, &log->files[order[i]],
                               i + 1 < n ? &log->files[order[i + 1]] : NULL))
            return;
}

static void the_check_names_the_first_bad_place(void **state)
{
    static const size_t all[] = {0, 1, 2};

    (void)state;
    for (size_t i = 0; i < sizeof(hurts) / sizeof(hurts[0]); i++) {
        struct audit_verify result;
        void *context = NULL;
        struct log *log;

        assert_int_equal(set_up(&context), 0);
        log = context;
        hurts[i].hurt(log);
        verify(log, all, FILES, &result);
        if (result.finding != hurts[i].finding || result.line != hurts[i].line ||
            (hurts[i].finding != AUDIT_FINDING_OK &&
             strcmp(result.file, log->files[hurts[i].file].name) != 0))
            fail_msg("%s: %d at %s:%llu: %s", hurts[i].name, (int)result.finding, result.file,
                     (unsigned long long)result.line, result.detail);
        tear_down(&context);
    }
}

static void missing_files_are_a_gap(void **state)
{
    static const size_t no_first[] = {1, 2}, no_middle[] = {0, 2}, no_last[] = {0, 1};
    struct audit_verify result;

    verify(*state, no_first, 2, &result);
    assert_int_equal(result.finding, AUDIT_FINDING_GAP);
    verify(*state, no_middle, 2, &result);
    assert_int_equal(result.finding, AUDIT_FINDING_GAP);
    assert_string_equal(result.file, ((struct log *)*state)->files[2].name);
    /* Nothing in the files themselves tells that more was written: that takes a checkpoint. */
    verify(*state, no_last, 2, &result);
    assert_int_equal(result.finding, AUDIT_FINDING_OK);
}

/* JCS (RFC 8785): jansson sorts the keys of the line and writes the same octets. */
static void lines_are_canonical_json(void **state)
{
    struct log *log = *state;
    struct bytes rest = log->files[0].content, line;
    int n = 0;

    while (audit_next_line(&rest, &line)) {
        json_t *json = json_loadb((const char *)line.at, line.len, JSON_REJECT_DUPLICATES, NULL);
        char *again;

        assert_non_null(json);
        json_object_del(json, "facts"); /* made by decide, which sorts it itself */
        again = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
        assert_non_null(again);
        {
            static const char facts[] = "\"facts\":[{\"name\":\"groups\",\"age_s\":2}],";
            const uint8_t *at = memmem(line.at, line.len, facts, sizeof(facts) - 1);
            size_t before;

            assert_non_null(at);
            before = (size_t)(at - line.at);
            assert_memory_equal(line.at, again, before);
            assert_memory_equal(at + sizeof(facts) - 1, again + before,
                                line.len - before - (sizeof(facts) - 1));
            assert_int_equal(strlen(again), line.len - (sizeof(facts) - 1));
        }
        free(again);
        json_decref(json);
        n++;
    }
    assert_int_equal(n, LINES);
}

static void what_was_never_acknowledged_does_not_count(void **state)
{
    struct log *log = *state;
    struct chain_point point = {.seq = 0};
    struct audit_record head;
    struct audit_verify result;
    static const size_t both[] = {0, 1};
    size_t valid = begin_of(&log->files[0], 4);
    struct bytes rest = log->files[0].content, line;

    /* The second file continues behind line 3 of the first and says so. */
    for (int i = 0; i < 3; i++)
        assert_true(audit_next_line(&rest, &line));
    point = (struct chain_point){3, audit_hash(log->hasher, line)};
    audit_record_init(&head);
    head.ev = bytes_of("start");
    head.file_prev = bytes_of(log->files[0].name);
    head.file_valid = (int64_t)valid;
    writer_reset(&log->out[1]);
    audit_name_format(4, log->files[1].name);
    assert_true(chain_print(&point, &log->origin, log->hasher, &head, bytes_of(""), &log->out[1]));
    free((void *)log->files[1].content.at);
    log->files[1].content = content(&log->out[1]);
    verify(log, both, 2, &result);
    assert_int_equal(result.finding, AUDIT_FINDING_OK);
    assert_int_equal(result.lines, 4);
}

static void a_record_that_is_too_long_is_not_printed(void **state)
{
    struct log *log = *state;
    struct chain_point point = {.seq = 4};
    char *text = malloc(AUDIT_LINE_MAX);
    struct audit_record record;

    assert_non_null(text);
    memset(text, 'a', AUDIT_LINE_MAX);
    audit_record_init(&record);
    record.detail = (struct bytes){(uint8_t *)text, AUDIT_LINE_MAX};
    writer_reset(&log->out[0]);
    assert_false(
        chain_print(&point, &log->origin, log->hasher, &record, bytes_of(""), &log->out[0]));
    assert_int_equal(point.seq, 4);
    assert_int_equal(writer_bytes(&log->out[0]).len, 0);
    free(text);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_one_canonical_record),
        cmocka_unit_test(a_line_says_its_place),
        cmocka_unit_test(a_line_has_a_longest_length),
        cmocka_unit_test(keys_are_two_numbers),
        cmocka_unit_test(names_carry_the_first_number),
        cmocka_unit_test(the_check_names_the_first_bad_place),
        cmocka_unit_test_setup_teardown(missing_files_are_a_gap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lines_are_canonical_json, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_never_acknowledged_does_not_count, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_record_that_is_too_long_is_not_printed, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
