/*
 * Zones against libc's, and windows against a count by minutes. TZif octets that nobody should
 * write are refused.
 */
#include "policy/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { DAY_S = 86400, FIRST_S = 0, YEARS = 90, STEP_S = 5 * 3600 + 1711 };

static const char *const zones[] = {
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "America/St_Johns",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Europe/Dublin",
    "Antarctica/Troll",
    "America/Sao_Paulo",
    "Asia/Gaza",
    "Pacific/Kiritimati",
    "America/Godthab",
};

static struct bytes read_zone(const char *name)
{
    static uint8_t octets[POLICY_ZONE_MAX];
    char path[128];
    FILE *file;
    size_t len;

    (void)snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
    file = fopen(path, "re");
    if (!file)
        fail_msg("%s: is tzdata installed?", path);
    len = fread(octets, 1, sizeof(octets), file);
    fclose(file);
    return (struct bytes){octets, len};
}

static const struct zone *zone_named(struct arena *arena, const char *name)
{
    const struct zone *zone;
    struct error err = {.detail = ""};

    if (!zone_read(arena, bytes_of(name), read_zone(name), &zone, &err))
        fail_msg("%s: %s", name, err.detail);
    return zone;
}

/* Ninety years from 1970: transitions in the file, and those that its footer gives. */
static void test_as_libc(void **state)
{
    struct arena arena = {.last = NULL};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
        const struct zone *zone = zone_named(&arena, zones[i]);

        setenv("TZ", zones[i], 1);
        tzset();
        for (int64_t t = FIRST_S; t < (int64_t)YEARS * 365 * DAY_S; t += STEP_S) {
            struct zone_span span = zone_at(zone, t);
            time_t when = (time_t)t, edge = (time_t)span.until_s;
            struct tm tm;

            localtime_r(&when, &tm);
            if (tm.tm_gmtoff != span.offset_s)
                fail_msg("%s at %lld: %ld, not %d", zones[i], (long long)t, tm.tm_gmtoff,
                         span.offset_s);
            assert_true(span.from_s <= t && t < span.until_s);
            if (span.until_s == INT64_MAX)
                continue;
            edge--;
            localtime_r(&edge, &tm);
            if (tm.tm_gmtoff != span.offset_s)
                fail_msg("%s at %lld: until %lld is too late", zones[i], (long long)t,
                         (long long)span.until_s);
        }
    }
    unsetenv("TZ");
    arena_clear(&arena);
}

static void test_calendar(void **state)
{
    (void)state;
    assert_int_equal(zone_days(1970, 1, 1), 0);
    assert_int_equal(zone_days(2000, 2, 29), 11016);
    assert_int_equal(zone_days(2026, 11, 24), 20781);
    for (int64_t day = -200000; day < 200000; day += 13) {
        int64_t year = zone_year(day);

        assert_true(zone_days(year, 1, 1) <= day && day < zone_days(year + 1, 1, 1));
    }
}

/* --- refusals -----------------------------------------------------------------------------------
 */

static const struct {
    const char *name, *footer;
    bool good;
} footers[] = {
    {"no rule", "", true},
    {"one offset", "JST-9", true},
    {"quoted", "<+0330>-3:30", true},
    {"two offsets", "CET-1CEST,M3.5.0,M10.5.0/3", true},
    {"negative and large times", "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", true},
    {"julian days", "WGT3WGST4,0/0,J365/23", true},
    {"no name", "-9", false},
    {"short name", "CE-1", false},
    {"no offset", "CET", false},
    {"not closed", "<+03-3", false},
    {"saving without rules", "CET-1CEST", false},
    {"one rule", "CET-1CEST,M3.5.0", false},
    {"month 13", "CET-1CEST,M13.5.0,M10.5.0", false},
    {"month 0", "CET-1CEST,M0.5.0,M10.5.0", false},
    {"week 6", "CET-1CEST,M3.6.0,M10.5.0", false},
    {"day 7", "CET-1CEST,M3.5.7,M10.5.0", false},
    {"168 hours", "CET-1CEST,M3.5.0/168,M10.5.0", false},
    {"julian day 0", "CET-1CEST,J0,J100", false},
    {"day 366", "CET-1CEST,366,J100", false},
    {"more behind", "CET-1CEST,M3.5.0,M10.5.0,", false},
    {"25 hours", "CET-25", false},
};

static size_t put(uint8_t *out, const char *head, uint32_t types, const char *footer)
{
    size_t len = 0;

    for (size_t block = 0; block < 2; block++) {
        memset(out + len, 0, 44);
        memcpy(out + len, head, 5);
        out[len + 39] = (uint8_t)types; /* of typecnt */
        out[len + 43] = 4;              /* of charcnt */
        len += 44;
        memset(out + len, 0, 6 * (size_t)types);
        len += 6 * (size_t)types;
        memcpy(out + len, "UTC", 4);
        len += 4;
    }
    out[len++] = '\n';
    memcpy(out + len, footer, strlen(footer));
    len += strlen(footer);
    out[len++] = '\n';
    return len;
}

static bool reads(const uint8_t *octets, size_t len)
{
    struct arena arena = {.last = NULL};
    const struct zone *zone = NULL;
    struct error err;
    bool good = zone_read(&arena, bytes_of("Made/Up"), (struct bytes){octets, len}, &zone, &err);

    if (good)
        for (int64_t t = -1000; t < (int64_t)YEARS * 365 * DAY_S; t += 7 * DAY_S)
            assert_true(zone_at(zone, t).until_s > t);
    arena_clear(&arena);
    return good;
}

static void test_refusals(void **state)
{
    uint8_t octets[256];
    size_t len;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(footers); i++) {
        len = put(octets, "TZif2", 1, footers[i].footer);
        if (reads(octets, len) != footers[i].good)
            fail_msg("%s: %s", footers[i].name, footers[i].footer);
    }
    len = put(octets, "TZif2", 1, "UTC0");
    for (size_t cut = 0; cut < len; cut++)
        assert_false(reads(octets, cut));
    octets[len] = '\n';
    assert_false(reads(octets, len + 1));
    assert_false(reads(octets, put(octets, "TZif1", 1, "UTC0")));
    assert_false(reads(octets, put(octets, "TZig2", 1, "UTC0")));
    assert_false(reads(octets, put(octets, "TZif2", 0, "UTC0")));
    len = put(octets, "TZif2", 1, "UTC0");
    octets[44 + 10 + 31] = 1; /* leapcnt */
    assert_false(reads(octets, len));
}

/* --- windows ------------------------------------------------------------------------------------
 */

static const struct window_hours office[] = {{420, 1140}}, night[] = {{1320, 360}},
                                 gap[] = {{150, 240}}, lunch[] = {{0, 720}, {780, 1440}};
static const struct window_range summer[] = {{1780272000, 1785542400}};
static const int32_t christmas[] = {20812, 20819};

static const struct window windows[] = {
    {.name = "office",
     .days = 0x1f,
     .hours = office,
     .n_hours = 1,
     .except = christmas,
     .n_except = 2},
    {.name = "Friday night", .days = 0x10, .hours = night, .n_hours = 1},
    {.name = "gap", .days = WINDOW_ALL_DAYS, .hours = gap, .n_hours = 1},
    {.name = "not at lunch", .days = WINDOW_ALL_DAYS, .hours = lunch, .n_hours = 2},
    {.name = "weekends", .days = 0x60},
    {.name = "a span", .days = WINDOW_ALL_DAYS, .ranges = summer, .n_ranges = 1},
    {.name = "office hours of it",
     .days = 0x1f,
     .hours = office,
     .n_hours = 1,
     .ranges = summer,
     .n_ranges = 1},
};

/* The definition, read as it is written: minute by minute of the local clock. */
static bool by_definition(const struct window *window, time_t now_s)
{
    struct tm tm;
    int64_t local_s, day;
    int minute, weekday;
    bool in_hours = window->n_hours == 0, in_ranges = window->n_ranges == 0;

    localtime_r(&now_s, &tm);
    local_s = (int64_t)now_s + tm.tm_gmtoff;
    day = zone_days(tm.tm_year + 1900, (unsigned)tm.tm_mon + 1, (unsigned)tm.tm_mday);
    minute = tm.tm_hour * 60 + tm.tm_min;
    for (size_t i = 0; i < window->n_hours; i++) {
        if (window->hours[i].start < window->hours[i].end)
            in_hours |= minute >= window->hours[i].start && minute < window->hours[i].end;
        else if (minute >= window->hours[i].start)
            in_hours = true;
        else if (minute < window->hours[i].end) {
            in_hours = true;
            day--;
        }
    }
    weekday = (int)((day + 3) % 7);
    for (size_t i = 0; i < window->n_except; i++)
        in_hours &= window->except[i] != day;
    for (size_t i = 0; i < window->n_ranges; i++)
        in_ranges |= local_s >= window->ranges[i].start_s && local_s < window->ranges[i].end_s;
    return in_hours && in_ranges && (window->days >> weekday & 1);
}

static void test_windows(void **state)
{
    static const char *const places[] = {"Europe/Berlin", "Australia/Lord_Howe", "UTC"};
    const int64_t begin_s = 1774224000, end_s = begin_s + (int64_t)420 * DAY_S; /* March 2026 */
    struct arena arena = {.last = NULL};

    (void)state;
    for (size_t place = 0; place < ARRAY_LEN(places); place++) {
        setenv("TZ", places[place], 1);
        tzset();
        for (size_t i = 0; i < ARRAY_LEN(windows); i++) {
            struct window_memo memo = {0};
            struct window window = windows[i];
            int64_t until_s = 0;
            bool before = false;

            window.zone = zone_named(&arena, places[place]);
            window.memo = &memo;
            assert_true(window_check(&window, NULL));
            for (int64_t t = begin_s; t < end_s; t += 600) {
                bool inside = by_definition(&window, (time_t)t);

                if (t > begin_s && inside != before && t < until_s)
                    fail_msg("%s in %s: changes at %lld, said %lld", window.name, places[place],
                             (long long)t, (long long)until_s);
                if (window_has(&window, t, &until_s) != inside)
                    fail_msg("%s in %s at %lld", window.name, places[place], (long long)t);
                assert_true(until_s > t);
                before = inside;
            }
        }
    }
    unsetenv("TZ");
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_libc),
        cmocka_unit_test(test_calendar),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_windows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
