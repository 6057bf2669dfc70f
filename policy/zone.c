/*
 * Reads TZif (RFC 8536): the 64-bit transitions, and behind the last one the POSIX TZ string of the
 * footer. Runs where sets are made and in decide; the octets are tzdata's, and refused at the first
 * thing that they should not say.
 */
#include "policy/zone.h"

#include "common/reader.h"

enum {
    HEADER = 44,
    HOUR_S = 3600,
    DAY_S = 86400,
    OFFSET_MAX_S = 26 * HOUR_S,     /* RFC 8536 3.2, utoff */
    RULE_TIME_MAX_S = 167 * HOUR_S, /* RFC 8536 3.3.1 */
    YEAR_MAX = 1000000,             /* instants beyond are answered by the last offset known */
    TYPES_MAX = 256,
};

/* "M3.5.0/2": when a year's daylight saving begins or ends, by the clock that runs until then. */
struct change {
    enum { CHANGE_MONTH, CHANGE_JULIAN, CHANGE_DAY } form;
    unsigned month, week, day;
    int32_t time_s;
};

struct footer {
    bool known, saves; /* saves: two offsets, changing each year */
    int32_t standard_s, saving_s;
    struct change begin, end;
};

struct zone {
    const char *name;
    struct bytes octets;
    const uint8_t *times, *kinds; /* n_times transitions, and the type behind each */
    size_t n_times;
    int32_t offsets[TYPES_MAX];
    struct footer footer;
};

/* --- the calendar ------------------------------------------------------------------------------
 */

/* Years begin in March, so that the leap day is their last one. */
int64_t zone_days(int64_t year, unsigned month, unsigned day)
{
    int64_t shifted = year - (month <= 2);
    int64_t era = (shifted >= 0 ? shifted : shifted - 399) / 400;
    int64_t of_era = shifted - era * 400;
    int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

int64_t zone_year(int64_t days)
{
    int64_t year = 1970 + days / 366; /* never later than the year sought for days >= 0 */

    if (days < 0)
        year = 1970 + (days - 364) / 365;
    while (zone_days(year + 1, 1, 1) <= days)
        year++;
    return year;
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* --- the footer --------------------------------------------------------------------------------
 */

struct text {
    const char *at, *end;
    bool broken;
};

static char peek(const struct text *text)
{
    return text->at < text->end ? *text->at : '\0';
}

static bool skip(struct text *text, char c)
{
    if (peek(text) != c || text->at == text->end)
        return false;
    text->at++;
    return true;
}

static unsigned number(struct text *text, unsigned max)
{
    unsigned value = 0;
    const char *begin = text->at;

    for (; peek(text) >= '0' && peek(text) <= '9' && value <= max; text->at++)
        value = value * 10 + (unsigned)(*text->at - '0');
    text->broken |= text->at == begin || value > max;
    return value;
}

/* "CET", "<+03>": only the form counts. */
static void name(struct text *text)
{
    bool quoted = skip(text, '<');
    const char *begin = text->at;

    for (; text->at < text->end; text->at++) {
        char c = *text->at;
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

        if (!letter && !(quoted && ((c >= '0' && c <= '9') || c == '+' || c == '-')))
            break;
    }
    text->broken |= text->at - begin < 3 || (quoted && !skip(text, '>'));
}

/* [+-]hh[:mm[:ss]] */
static int32_t clock_time(struct text *text, unsigned hours_max)
{
    bool negative = skip(text, '-');
    int32_t time_s;

    if (!negative)
        (void)skip(text, '+');
    time_s = (int32_t)number(text, hours_max) * HOUR_S;
    if (skip(text, ':'))
        time_s += (int32_t)number(text, 59) * 60;
    if (skip(text, ':'))
        time_s += (int32_t)number(text, 59);
    return negative ? -time_s : time_s;
}

static struct change change(struct text *text)
{
    struct change change = {.form = CHANGE_DAY, .time_s = 2 * HOUR_S};

    text->broken |= !skip(text, ',');
    if (skip(text, 'M')) {
        change.form = CHANGE_MONTH;
        change.month = number(text, 12);
        text->broken |= !skip(text, '.');
        change.week = number(text, 5);
        text->broken |= !skip(text, '.');
        change.day = number(text, 6);
        text->broken |= change.month == 0 || change.week == 0;
    } else {
        change.form = skip(text, 'J') ? CHANGE_JULIAN : CHANGE_DAY;
        change.day = number(text, 365);
        text->broken |= change.form == CHANGE_JULIAN && change.day == 0;
    }
    if (skip(text, '/'))
        change.time_s = clock_time(text, RULE_TIME_MAX_S / HOUR_S);
    return change;
}

/* std offset [dst [offset] , change , change]; "" says that nothing is known. */
static bool read_footer(struct bytes octets, struct footer *ret_footer)
{
    struct text text = {(const char *)octets.at, (const char *)octets.at + octets.len, false};

    *ret_footer = (struct footer){.known = octets.len > 0};
    if (octets.len == 0)
        return true;
    name(&text);
    ret_footer->standard_s = -clock_time(&text, 24);
    if (text.at == text.end)
        return !text.broken;
    name(&text);
    ret_footer->saves = true;
    ret_footer->saving_s = ret_footer->standard_s + HOUR_S;
    if (peek(&text) != ',')
        ret_footer->saving_s = -clock_time(&text, 24);
    ret_footer->begin = change(&text);
    ret_footer->end = change(&text);
    return !text.broken && text.at == text.end;
}

/* Day of the change in that year, since 1970. */
static int64_t change_day(const struct change *change, int64_t year)
{
    int64_t first, weekday, day;

    switch (change->form) {
    case CHANGE_DAY:
        return zone_days(year, 1, 1) + change->day;
    case CHANGE_JULIAN: /* February 29 is never counted */
        return zone_days(year, 1, 1) + change->day - 1 + (is_leap(year) && change->day >= 60);
    case CHANGE_MONTH:
        break;
    }
    first = zone_days(year, change->month, 1);
    weekday = ((first + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday; Sunday is 0 */
    day = first + (change->day + 7 - weekday) % 7 + 7 * (int64_t)(change->week - 1);
    /* Week 5 is the last one. */
    while (day >= (change->month == 12 ? zone_days(year + 1, 1, 1)
                                       : zone_days(year, change->month + 1, 1)))
        day -= 7;
    return day;
}

static struct zone_span footer_at(const struct footer *footer, int64_t utc_s)
{
    struct zone_span span = {footer->standard_s, INT64_MIN, INT64_MAX};
    int64_t days = utc_s / DAY_S, year;

    if (!footer->saves || days > (int64_t)YEAR_MAX * 365 || days < 0)
        return span;
    year = zone_year(days);
    for (int64_t y = year - 1; y <= year + 1; y++) {
        const struct {
            int64_t at_s;
            int32_t offset_s;
        } changes[] = {
            {change_day(&footer->begin, y) * DAY_S + footer->begin.time_s - footer->standard_s,
             footer->saving_s},
            {change_day(&footer->end, y) * DAY_S + footer->end.time_s - footer->saving_s,
             footer->standard_s},
        };

        for (size_t i = 0; i < 2; i++) {
            if (changes[i].at_s <= utc_s && changes[i].at_s >= span.from_s) {
                span.from_s = changes[i].at_s;
                span.offset_s = changes[i].offset_s;
            }
            if (changes[i].at_s > utc_s && changes[i].at_s < span.until_s)
                span.until_s = changes[i].at_s;
        }
    }
    return span;
}

/* --- the file ----------------------------------------------------------------------------------
 */

struct counts {
    uint32_t is_utc, is_standard, leap, time, type, chars;
};

static bool take_header(struct reader *r, struct counts *ret_counts)
{
    struct bytes magic = reader_take(r, 4);
    uint8_t version = reader_u8(r);

    (void)reader_take(r, 15);
    ret_counts->is_utc = reader_u32(r);
    ret_counts->is_standard = reader_u32(r);
    ret_counts->leap = reader_u32(r);
    ret_counts->time = reader_u32(r);
    ret_counts->type = reader_u32(r);
    ret_counts->chars = reader_u32(r);
    return reader_ok(r) && bytes_equal(magic, bytes_of("TZif")) && version >= '2';
}

/* The 32-bit block is there for old readers. */
static void skip_first(struct reader *r, const struct counts *counts)
{
    uint64_t len = (uint64_t)counts->time * 5 + (uint64_t)counts->type * 6 + counts->chars +
                   (uint64_t)counts->leap * 8 + counts->is_standard + counts->is_utc;

    if (len > reader_left(r))
        reader_break(r);
    else
        (void)reader_take(r, (size_t)len);
}

static int64_t time_of(const struct zone *zone, size_t i)
{
    uint64_t value = 0;

    for (size_t k = 0; k < 8; k++)
        value = value << 8 | zone->times[8 * i + k];
    return (int64_t)value;
}

static void take_types(struct reader *r, struct zone *zone, const struct counts *counts)
{
    for (uint32_t i = 0; i < counts->type; i++) {
        int64_t offset_s = (int32_t)reader_u32(r);

        (void)reader_take(r, 2); /* whether it saves, its abbreviation */
        if (offset_s < -OFFSET_MAX_S || offset_s > OFFSET_MAX_S)
            reader_break(r);
        zone->offsets[i] = (int32_t)offset_s;
    }
}

static void take_second(struct reader *r, struct zone *zone)
{
    struct counts counts;
    struct bytes footer;

    if (!take_header(r, &counts) || counts.type == 0 || counts.type > TYPES_MAX ||
        counts.leap != 0 || counts.time > reader_left(r) / 9) {
        reader_break(r);
        return;
    }
    zone->n_times = counts.time;
    zone->times = reader_take(r, 8 * zone->n_times).at;
    zone->kinds = reader_take(r, zone->n_times).at;
    take_types(r, zone, &counts);
    (void)reader_take(r, (size_t)counts.chars);
    (void)reader_take(r, (size_t)counts.is_standard);
    (void)reader_take(r, (size_t)counts.is_utc);
    for (size_t i = 0; reader_ok(r) && i < zone->n_times; i++)
        if (zone->kinds[i] >= counts.type || (i > 0 && time_of(zone, i - 1) >= time_of(zone, i)))
            reader_break(r);
    if (reader_u8(r) != '\n' || reader_left(r) == 0)
        reader_break(r);
    footer = reader_take(r, reader_left(r) ? reader_left(r) - 1 : 0);
    if (reader_u8(r) != '\n' || !reader_ok(r) || !read_footer(footer, &zone->footer))
        reader_break(r);
}

bool zone_read(struct arena *arena, struct bytes zone_name, struct bytes tzif,
               const struct zone **ret_zone, struct error *err)
{
    struct zone *zone = arena_take(arena, 1, sizeof(*zone));
    struct counts counts;
    struct reader r;

    if (tzif.len < 2 * (size_t)HEADER || tzif.len > POLICY_ZONE_MAX)
        return err_set(err, REASON_POLICY_VALUE, "%.*s: a time zone file of %zu octets",
                       (int)zone_name.len, (const char *)zone_name.at, tzif.len);
    zone->name = arena_text(arena, zone_name);
    zone->octets = (struct bytes){(const uint8_t *)arena_text(arena, tzif), tzif.len};
    r = reader_over(zone->octets);
    if (take_header(&r, &counts)) {
        skip_first(&r, &counts);
        take_second(&r, zone);
    } else {
        reader_break(&r);
    }
    if (!reader_done(&r))
        return err_set(err, REASON_POLICY_VALUE,
                       "%s: no time zone file of version 2 without leap seconds", zone->name);
    *ret_zone = zone;
    return true;
}

const char *zone_name(const struct zone *zone)
{
    return zone->name;
}

struct bytes zone_octets(const struct zone *zone)
{
    return zone->octets;
}

/* Before the first transition the first type counts (RFC 8536 3.2). */
struct zone_span zone_at(const struct zone *zone, int64_t utc_s)
{
    size_t low = 0, high = zone->n_times;
    struct zone_span span;

    while (low < high) { /* how many transitions lie at or before it */
        size_t middle = low + (high - low) / 2;

        if (time_of(zone, middle) <= utc_s)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == zone->n_times && zone->footer.known) {
        span = footer_at(&zone->footer, utc_s);
        if (low > 0 && span.from_s < time_of(zone, low - 1))
            span.from_s = time_of(zone, low - 1);
        return span;
    }
    span.from_s = low == 0 ? INT64_MIN : time_of(zone, low - 1);
    span.until_s = low == zone->n_times ? INT64_MAX : time_of(zone, low);
    span.offset_s = zone->offsets[low == 0 ? 0 : zone->kinds[low - 1]];
    return span;
}
