/*
 * calendar and window sections. Runs in load and in the tools; trusts nothing of the text, nor of
 * the time zones that it is given.
 */
#include "policy/load.h"

/* How many values the field has; too many are a problem and count as none. *ret_field: 0 without.
 */
static size_t count_values(struct loader *loader, const struct source *source, size_t section,
                           const char *name, size_t *ret_field)
{
    size_t n;

    *ret_field = source_field(source, section, name, &n);
    if (n <= WINDOW_LISTED_MAX)
        return n;
    problems_say(&loader->problems, source->file, prescan_line(source->scan, *ret_field),
                 REASON_POLICY_VALUE, "%s has %zu values; 1 to %d are possible", name, n,
                 WINDOW_LISTED_MAX);
    return 0;
}

/* --- calendars ---------------------------------------------------------------------------------
 */

static int compare_dates(const void *a, const void *b)
{
    int32_t left, right;

    memcpy(&left, a, sizeof(left));
    memcpy(&right, b, sizeof(right));
    return left < right ? -1 : left > right;
}

static void add_calendar(struct loader *loader, const struct calendar *calendar)
{
    if (loader->n_calendars == loader->room_calendars) {
        loader->room_calendars = loader->room_calendars ? 2 * loader->room_calendars : 16;
        loader->calendars =
            reallocarray(loader->calendars, loader->room_calendars, sizeof(*loader->calendars));
        if (!loader->calendars)
            abort();
    }
    loader->calendars[loader->n_calendars++] = calendar;
}

static void read_dates(struct loader *loader, const struct source *source, size_t section,
                       struct calendar *calendar)
{
    size_t field, n = count_values(loader, source, section, "dates", &field);
    struct error err;

    calendar->dates = arena_take(&loader->scope.set->arena, n, sizeof(*calendar->dates));
    for (size_t i = 0; i < n; i++) {
        if (window_read_date(source_value(source, field, i), &calendar->dates[calendar->n], &err))
            calendar->n++;
        else
            source_blame_value(source, field, i, &err);
    }
    if (calendar->n > 0)
        qsort(calendar->dates, calendar->n, sizeof(*calendar->dates), compare_dates);
    for (size_t i = 1; i < calendar->n; i++)
        if (calendar->dates[i - 1] == calendar->dates[i])
            problems_say(&loader->problems, source->file, prescan_line(source->scan, field),
                         REASON_POLICY_VALUE, "a date is listed twice");
    if (!source_mentions(source, section, "dates"))
        problems_say(&loader->problems, source->file, prescan_line(source->scan, section),
                     REASON_POLICY_VALUE, "a calendar has dates");
}

void load_calendars(struct loader *loader, const struct source *source)
{
    for (size_t item = source_next(source, "calendar", 0); item;
         item = source_next(source, "calendar", item)) {
        struct calendar *calendar = arena_take(&loader->scope.set->arena, 1, sizeof(*calendar));

        calendar->name = arena_text(&loader->scope.set->arena, source_title(source, item));
        loader_remember(loader, source, "calendar", calendar->name,
                        prescan_line(source->scan, item));
        read_dates(loader, source, item, calendar);
        add_calendar(loader, calendar);
    }
}

static const struct calendar *find_calendar(const struct loader *loader, struct bytes name)
{
    for (size_t i = 0; i < loader->n_calendars; i++)
        if (bytes_equal(name, bytes_of(loader->calendars[i]->name)))
            return loader->calendars[i];
    return NULL;
}

/* --- windows -----------------------------------------------------------------------------------
 */

/* Each zone is read once, whoever names it. */
static const struct zone *zone_of(struct loader *loader, struct bytes name, struct error *err)
{
    const struct policy_world *world = loader->scope.world;
    const struct zone *zone = set_find_zone(loader->scope.set, name);
    struct bytes tzif;

    if (zone)
        return zone;
    if (name.len > POLICY_ZONE_NAME_MAX || !world->zone ||
        !world->zone(world->context, (const char *)name.at, &tzif)) {
        (void)err_set(err, REASON_POLICY_REFERENCE, "no time zone is called \"%.*s\"",
                      (int)name.len, (const char *)name.at);
        return NULL;
    }
    if (!zone_read(&loader->scope.set->arena, name, tzif, &zone, err))
        return NULL;
    set_add_zone(loader->scope.set, zone);
    return zone;
}

static void read_zone(struct loader *loader, const struct source *source, size_t section,
                      struct window *window)
{
    size_t n, field = source_field(source, section, "tz", &n);
    struct error err;

    if (n == 1) {
        window->zone = zone_of(loader, source_value(source, field, 0), &err);
        if (!window->zone)
            source_blame_value(source, field, 0, &err);
    } else if (n > 1 || !source_mentions(source, section, "tz")) {
        problems_say(&loader->problems, source->file, prescan_line(source->scan, section),
                     REASON_POLICY_VALUE,
                     "a window has one tz, such as \"Europe/Berlin\" or \"UTC\"");
    }
}

static void read_days(struct loader *loader, const struct source *source, size_t section,
                      struct window *window)
{
    size_t field, n = count_values(loader, source, section, "days", &field);
    struct error err;

    window->days = n > 0 ? 0 : WINDOW_ALL_DAYS;
    for (size_t i = 0; i < n; i++)
        if (!window_read_days(source_value(source, field, i), &window->days, &err))
            source_blame_value(source, field, i, &err);
}

static void read_hours(struct loader *loader, const struct source *source, size_t section,
                       struct window *window)
{
    size_t field, n = count_values(loader, source, section, "hours", &field);
    struct window_hours *hours = arena_take(&loader->scope.set->arena, n, sizeof(*hours));
    struct error err;

    for (size_t i = 0; i < n; i++) {
        if (window_read_hours(source_value(source, field, i), &hours[window->n_hours], &err))
            window->n_hours++;
        else
            source_blame_value(source, field, i, &err);
    }
    window->hours = hours;
}

static void read_ranges(struct loader *loader, const struct source *source, size_t section,
                        struct window *window)
{
    size_t field, n = count_values(loader, source, section, "ranges", &field);
    struct window_range *ranges = arena_take(&loader->scope.set->arena, n, sizeof(*ranges));
    struct error err;

    for (size_t i = 0; i < n; i++) {
        if (window_read_range(source_value(source, field, i), &ranges[window->n_ranges], &err))
            window->n_ranges++;
        else
            source_blame_value(source, field, i, &err);
    }
    window->ranges = ranges;
}

/* The dates of all calendars named, each once. */
static void read_except(struct loader *loader, const struct source *source, size_t section,
                        struct window *window)
{
    size_t field, n = count_values(loader, source, section, "except", &field), room = 0;
    int32_t *except;

    for (size_t i = 0; i < n; i++) {
        struct bytes name = source_value(source, field, i);
        const struct calendar *calendar = find_calendar(loader, name);

        room += calendar ? calendar->n : 0;
        if (!calendar)
            problems_say(&loader->problems, source->file,
                         prescan_value_line(source->scan, field, i), REASON_POLICY_REFERENCE,
                         "no calendar is called \"%s\"", (const char *)name.at);
    }
    except = arena_take(&loader->scope.set->arena, room, sizeof(*except));
    for (size_t i = 0; i < n; i++) {
        const struct calendar *calendar = find_calendar(loader, source_value(source, field, i));

        for (size_t k = 0; calendar && k < calendar->n; k++)
            except[window->n_except++] = calendar->dates[k];
    }
    if (window->n_except > 0)
        qsort(except, window->n_except, sizeof(*except), compare_dates);
    room = window->n_except;
    window->n_except = 0;
    for (size_t i = 0; i < room; i++)
        if (i == 0 || except[i] != except[window->n_except - 1])
            except[window->n_except++] = except[i];
    window->except = except;
}

void load_windows(struct loader *loader, const struct source *source)
{
    for (size_t item = source_next(source, "window", 0); item;
         item = source_next(source, "window", item)) {
        struct window *window = arena_take(&loader->scope.set->arena, 1, sizeof(*window));
        size_t before = loader->problems.found;
        struct error err;

        window->name = arena_text(&loader->scope.set->arena, source_title(source, item));
        loader_remember(loader, source, "window", window->name, prescan_line(source->scan, item));
        read_zone(loader, source, item, window);
        read_days(loader, source, item, window);
        read_hours(loader, source, item, window);
        read_ranges(loader, source, item, window);
        read_except(loader, source, item, window);
        if (loader->problems.found == before && !window_check(window, &err))
            source_blame(source, item, &err);
        set_add_window(loader->scope.set, window);
    }
}
