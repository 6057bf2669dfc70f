/*
 * Reads the texts of windows and calendars. Runs in load and in the tools; trusts nothing of them.
 */
#include "common/text.h"
#include "policy/window.h"

enum { YEAR_MIN = 1970, YEAR_MAX = 9999, DAY_S = 86400 };

static const char *const day_names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

/* Exactly n digits; false moves nothing. */
static bool digits(struct bytes *text, size_t n, unsigned *ret_value)
{
    unsigned value = 0;

    if (text->len < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (text->at[i] < '0' || text->at[i] > '9')
            return false;
        value = value * 10 + (unsigned)(text->at[i] - '0');
    }
    *text = (struct bytes){text->at + n, text->len - n};
    *ret_value = value;
    return true;
}

static bool sign(struct bytes *text, char c)
{
    if (text->len == 0 || text->at[0] != (uint8_t)c)
        return false;
    *text = (struct bytes){text->at + 1, text->len - 1};
    return true;
}

static bool day_name(struct bytes *text, unsigned *ret_day)
{
    for (unsigned i = 0; i < ARRAY_LEN(day_names); i++) {
        if (text->len < 3 || memcmp(text->at, day_names[i], 3) != 0)
            continue;
        *text = (struct bytes){text->at + 3, text->len - 3};
        *ret_day = i;
        return true;
    }
    return false;
}

bool window_read_days(struct bytes text, uint8_t *days, struct error *err)
{
    struct bytes rest = text;
    unsigned first, last;
    bool good = day_name(&rest, &first);

    last = first;
    if (good && rest.len > 0)
        good = sign(&rest, '-') && day_name(&rest, &last) && rest.len == 0;
    if (!good)
        return err_set(err, REASON_POLICY_VALUE,
                       "days are \"mon\" to \"sun\" or a span \"mon-fri\", not \"%.*s\"",
                       (int)text.len, (const char *)text.at);
    for (unsigned day = first;; day = (day + 1) % 7) { /* "sat-mon" goes over the week's end */
        *days |= (uint8_t)(1u << day);
        if (day == last)
            return true;
    }
}

/* "07:00" */
static bool minute_of(struct bytes *text, unsigned *ret_minute)
{
    unsigned hour, minute;

    if (!digits(text, 2, &hour) || !sign(text, ':') || !digits(text, 2, &minute) || hour > 24 ||
        minute > 59)
        return false;
    *ret_minute = hour * 60 + minute;
    return *ret_minute <= WINDOW_DAY_MIN;
}

bool window_read_hours(struct bytes text, struct window_hours *ret_hours, struct error *err)
{
    struct bytes rest = text;
    unsigned start, end;

    if (!minute_of(&rest, &start) || !sign(&rest, '-') || !minute_of(&rest, &end) || rest.len > 0 ||
        start == end || start == WINDOW_DAY_MIN)
        return err_set(err, REASON_POLICY_VALUE,
                       "hours are \"07:00-19:00\" (\"22:00-06:00\": over midnight), not \"%.*s\"",
                       (int)text.len, (const char *)text.at);
    *ret_hours = (struct window_hours){(uint16_t)start, (uint16_t)end};
    return true;
}

static bool date_of(struct bytes *text, int64_t *ret_day)
{
    unsigned year, month, day;
    int64_t days;

    if (!digits(text, 4, &year) || !sign(text, '-') || !digits(text, 2, &month) ||
        !sign(text, '-') || !digits(text, 2, &day) || year < YEAR_MIN || year > YEAR_MAX ||
        month < 1 || month > 12 || day < 1)
        return false;
    days = zone_days(year, month, day);
    if (days >= (month == 12 ? zone_days(year + 1, 1, 1) : zone_days(year, month + 1, 1)))
        return false;
    *ret_day = days;
    return true;
}

static bool local_time_of(struct bytes *text, int64_t *ret_local_s)
{
    unsigned minute;
    int64_t day;

    if (!date_of(text, &day) || !sign(text, 'T') || !minute_of(text, &minute))
        return false;
    *ret_local_s = day * DAY_S + (int64_t)minute * 60;
    return true;
}

bool window_read_range(struct bytes text, struct window_range *ret_range, struct error *err)
{
    struct bytes rest = text;

    if (!local_time_of(&rest, &ret_range->start_s) || !sign(&rest, '/') ||
        !local_time_of(&rest, &ret_range->end_s) || rest.len > 0 ||
        ret_range->start_s >= ret_range->end_s)
        return err_set(err, REASON_POLICY_VALUE,
                       "a range is \"2026-12-20T00:00/2027-01-06T00:00\", not \"%.*s\"",
                       (int)text.len, (const char *)text.at);
    return true;
}

bool window_read_date(struct bytes text, int32_t *ret_day, struct error *err)
{
    struct bytes rest = text;
    int64_t day;

    if (!date_of(&rest, &day) || rest.len > 0)
        return err_set(err, REASON_POLICY_VALUE, "a date is \"2026-12-25\", not \"%.*s\"",
                       (int)text.len, (const char *)text.at);
    *ret_day = (int32_t)day;
    return true;
}
