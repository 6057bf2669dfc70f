#pragma once
/*
 * Windows: spans of local time that rules test, "mon-fri 07:00-19:00 in Berlin but for holidays".
 * Reading by window_text.c, answers by window.c. For the files of policy/ and their tests.
 */
#include "policy/zone.h"

enum {
    WINDOW_LISTED_MAX = 366, /* days, hours, ranges or dates of one list */
    WINDOW_DAY_MIN = 1440,   /* minutes */
};

/* Minutes of the local day; end before start: over midnight, and the day is the one it starts on.
 */
struct window_hours {
    uint16_t start, end; /* 0 to 1440 */
};

/* By the local clock, as seconds since 1970-01-01T00:00 of that clock; half-open. */
struct window_range {
    int64_t start_s, end_s;
};

struct window_memo { /* the last answer; the set is read by one thread */
    int64_t from_s, until_s;
    bool inside;
};

/* All parts that are written must hold. */
struct window {
    const char *name;
    const struct zone *zone;
    uint8_t days;                     /* bit 0 Monday ... bit 6 Sunday; all when left out */
    const struct window_hours *hours; /* none: the whole day */
    size_t n_hours;
    const struct window_range *ranges; /* none: always */
    size_t n_ranges;
    const int32_t *except; /* local days since 1970, ascending: nothing begins on them */
    size_t n_except;
    struct window_memo *memo;
};

enum { WINDOW_ALL_DAYS = 0x7f };

/*
 * Whether now lies in it. *ret_until_s: no later than the next instant at which that changes
 * (INT64_MAX: never); may be earlier.
 */
bool window_has(const struct window *window, int64_t now_s, int64_t *ret_until_s);
/* What holds between its parts; used by load and decode. POLICY_VALUE. */
bool window_check(const struct window *window, struct error *err) MUST_CHECK;

/* "mon-fri", "sat": adds to *days. */
bool window_read_days(struct bytes text, uint8_t *days, struct error *err) MUST_CHECK;
/* "07:00-19:00"; 24:00 is the end of the day. */
bool window_read_hours(struct bytes text, struct window_hours *ret_hours,
                       struct error *err) MUST_CHECK;
/* "2026-12-20T00:00/2027-01-06T00:00" */
bool window_read_range(struct bytes text, struct window_range *ret_range,
                       struct error *err) MUST_CHECK;
/* "2026-12-25" */
bool window_read_date(struct bytes text, int32_t *ret_day, struct error *err) MUST_CHECK;
