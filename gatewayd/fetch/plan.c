/*
 * The times of fetching. Runs in fetch.
 */
#include "gatewayd/fetch/plan.h"

enum { SPREAD_S = 30 /* over which a site that starts anew asks for lists that it still has */ };

/* A share of span_s between low and high per cent. */
static int64_t share(int64_t span_s, unsigned low, unsigned high, uint32_t chance)
{
    double part = (double)low + (double)(high - low) * ((double)chance / (double)UINT32_MAX);

    return (int64_t)((double)span_s * part / 100.0);
}

int64_t plan_after_list(int64_t now_s, int64_t next_update_s, uint32_t chance)
{
    int64_t end_s = now_s + PLAN_HORIZON_S;

    if (next_update_s <= now_s) /* an old list: there will be a new one soon, or not */
        return plan_after_failure(now_s, 3, chance);
    if (next_update_s < end_s)
        end_s = next_update_s;
    return end_s - share(end_s - now_s, 5, 25, chance);
}

int64_t plan_after_failure(int64_t now_s, unsigned failures, uint32_t chance)
{
    unsigned doublings = failures > 0 ? failures - 1 : 0;
    int64_t pause_s = (int64_t)PLAN_FIRST_PAUSE_S << (doublings < 10 ? doublings : 10);

    if (pause_s > PLAN_LONGEST_PAUSE_S)
        pause_s = PLAN_LONGEST_PAUSE_S;
    return now_s + share(pause_s, 75, 125, chance);
}

int64_t plan_at_start(int64_t now_s, int64_t fetched_s, int64_t next_update_s, uint32_t chance)
{
    int64_t due_s;

    if (next_update_s <= now_s || fetched_s > now_s)
        return now_s;
    due_s = plan_after_list(fetched_s, next_update_s, chance);
    return due_s > now_s ? due_s : now_s + share(SPREAD_S, 0, 100, chance);
}

int64_t plan_check(int64_t now_s, int64_t due_s)
{
    int64_t latest_s = now_s + PLAN_HORIZON_S;

    return due_s > latest_s ? latest_s : due_s;
}
