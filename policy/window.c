/*
 * Whether an instant lies in a window. Runs in decide for every test of one. A window is a question
 * to the local clock: where the clock jumps ahead, a start inside of the gap is the first instant
 * behind it; where it goes back, both passes count.
 */
#include "policy/window.h"

enum {
    DAY_S = 86400,
    STEPS_MAX = 64, /* boundaries looked at for the next change: some weeks; then asked again */
};

static int64_t floor_day(int64_t local_s)
{
    return local_s >= 0 ? local_s / DAY_S : -((DAY_S - 1 - local_s) / DAY_S);
}

static bool is_excepted(const struct window *window, int64_t day)
{
    size_t low = 0, high = window->n_except;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (window->except[middle] == day)
            return true;
        if (window->except[middle] < day)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* Whether something may begin on that local day. 1970-01-01 was a Thursday. */
static bool day_counts(const struct window *window, int64_t day)
{
    int64_t weekday = ((day + 3) % 7 + 7) % 7;

    return (window->days >> weekday & 1) != 0 && !is_excepted(window, day);
}

static bool hours_have(const struct window *window, int64_t local_s)
{
    int64_t day = floor_day(local_s), minute = (local_s - day * DAY_S) / 60;

    if (window->n_hours == 0)
        return day_counts(window, day);
    for (size_t i = 0; i < window->n_hours; i++) {
        const struct window_hours *hours = &window->hours[i];
        bool over = hours->end < hours->start;

        if (minute >= hours->start && (over || minute < hours->end) && day_counts(window, day))
            return true;
        if (over && minute < hours->end && day_counts(window, day - 1))
            return true;
    }
    return false;
}

static bool ranges_have(const struct window *window, int64_t local_s)
{
    for (size_t i = 0; i < window->n_ranges; i++)
        if (local_s >= window->ranges[i].start_s && local_s < window->ranges[i].end_s)
            return true;
    return window->n_ranges == 0;
}

static bool has(const struct window *window, int64_t local_s)
{
    return ranges_have(window, local_s) && hours_have(window, local_s);
}

static void earlier(int64_t *first_s, int64_t local_s, int64_t candidate_s)
{
    if (candidate_s > local_s && candidate_s < *first_s)
        *first_s = candidate_s;
}

/* The next local time at which anything may change; INT64_MAX: none. */
static int64_t next_boundary(const struct window *window, int64_t local_s)
{
    int64_t day_s = floor_day(local_s) * DAY_S, next_s = INT64_MAX;
    bool daily = window->n_hours > 0 || window->days != WINDOW_ALL_DAYS || window->n_except > 0;

    if (daily)
        next_s = day_s + DAY_S;
    for (size_t i = 0; i < window->n_hours; i++) {
        earlier(&next_s, local_s, day_s + window->hours[i].start * 60);
        earlier(&next_s, local_s, day_s + window->hours[i].end * 60);
    }
    for (size_t i = 0; i < window->n_ranges; i++) {
        earlier(&next_s, local_s, window->ranges[i].start_s);
        earlier(&next_s, local_s, window->ranges[i].end_s);
    }
    return next_s;
}

/* The same in UTC: where the offset changes the local clock jumps. */
static int64_t next_change_s(const struct window *window, int64_t now_s)
{
    struct zone_span span = zone_at(window->zone, now_s);
    int64_t next_s = next_boundary(window, now_s + span.offset_s);

    if (next_s == INT64_MAX)
        return INT64_MAX;
    next_s -= span.offset_s;
    return next_s < span.until_s ? next_s : span.until_s;
}

static bool at(const struct window *window, int64_t now_s)
{
    return has(window, now_s + zone_at(window->zone, now_s).offset_s);
}

static struct window_memo answer(const struct window *window, int64_t now_s)
{
    struct window_memo memo = {.from_s = now_s, .until_s = now_s, .inside = at(window, now_s)};

    for (size_t i = 0; i < STEPS_MAX; i++) {
        memo.until_s = next_change_s(window, memo.until_s);
        if (memo.until_s == INT64_MAX || at(window, memo.until_s) != memo.inside)
            break;
    }
    return memo;
}

bool window_has(const struct window *window, int64_t now_s, int64_t *ret_until_s)
{
    struct window_memo *memo = window->memo;

    if (now_s < memo->from_s || now_s >= memo->until_s)
        *memo = answer(window, now_s);
    *ret_until_s = memo->until_s;
    return memo->inside;
}

bool window_check(const struct window *window, struct error *err)
{
    if (window->days == 0 || window->days > WINDOW_ALL_DAYS)
        return err_set(err, REASON_POLICY_VALUE, "days names no day");
    for (size_t i = 0; i < window->n_hours; i++)
        if (window->hours[i].start == window->hours[i].end ||
            window->hours[i].start >= WINDOW_DAY_MIN || window->hours[i].end > WINDOW_DAY_MIN)
            return err_set(err, REASON_POLICY_VALUE,
                           "hours begin and end at different times of a day");
    for (size_t i = 0; i < window->n_ranges; i++)
        if (window->ranges[i].start_s >= window->ranges[i].end_s)
            return err_set(err, REASON_POLICY_VALUE, "a range ends after it begins");
    for (size_t i = 1; i < window->n_except; i++)
        if (window->except[i - 1] >= window->except[i])
            return err_set(err, REASON_POLICY_VALUE, "a date of the calendars is listed twice");
    if (window->n_hours == 0 && window->n_ranges == 0 && window->days == WINDOW_ALL_DAYS)
        return err_set(err, REASON_POLICY_VALUE, "a window has days, hours or ranges");
    return true;
}
