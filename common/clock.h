#pragma once
/*
 * The two clocks. Time of day is CLOCK_REALTIME and only for dates; deadlines are CLOCK_MONOTONIC.
 * Both go through libc, so that a faked clock works in tests.
 */
#include <stdint.h>

/* Milliseconds since 1970-01-01 UTC. */
int64_t clock_realtime_ms(void);
/* Seconds since 1970-01-01 UTC. */
int64_t clock_realtime_s(void);
/* Milliseconds since some moment in the past; never steps back. */
int64_t clock_monotonic_ms(void);
/* The same in microseconds, for durations that are logged or measured. */
int64_t clock_monotonic_us(void);
