#pragma once
/*
 * When a source is asked again. Pure: time and chance are given. All times are seconds since 1970.
 */
#include <stdint.h>

enum {
    PLAN_HORIZON_S = 24 * 3600, /* a list is asked for at least once a day, whatever it promises */
    PLAN_FIRST_PAUSE_S = 30,    /* after a failure; doubles ... */
    PLAN_LONGEST_PAUSE_S = 30 * 60, /* ... up to this */
};

/* Chance: 0..UINT32_MAX, evenly. */
/* After a list has come at now_s: 5 to 25 per cent of the time before its nextUpdate, or a day. */
int64_t plan_after_list(int64_t now_s, int64_t next_update_s, uint32_t chance);
/* After the n-th failure in a row (n >= 1): 30 s, 60 s ... 30 min, each 25 per cent up or down. */
int64_t plan_after_failure(int64_t now_s, unsigned failures, uint32_t chance);
/* At a start: at once for what is missing or past its nextUpdate; a list that came at fetched_s is
 * asked for as if the process had lived on, but not by all gateways of a site in the same second.
 */
int64_t plan_at_start(int64_t now_s, int64_t fetched_s, int64_t next_update_s, uint32_t chance);
/* A clock that stepped back must not put it off beyond any plan. */
int64_t plan_check(int64_t now_s, int64_t due_s);
