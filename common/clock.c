/*
 * The two clocks. clock_gettime cannot fail for these two ids.
 */
#include "common/clock.h"

#include <time.h>

static int64_t microseconds(clockid_t id)
{
    struct timespec now = {0};

    (void)clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_realtime_ms(void)
{
    return microseconds(CLOCK_REALTIME) / 1000;
}

int64_t clock_realtime_s(void)
{
    return microseconds(CLOCK_REALTIME) / 1000000;
}

int64_t clock_monotonic_ms(void)
{
    return microseconds(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_monotonic_us(void)
{
    return microseconds(CLOCK_MONOTONIC);
}
