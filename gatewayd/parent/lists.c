/*
 * Old revocation lists are told of in time. Runs in the parent, which has the times from load.
 */
#include "gatewayd/parent/lists.h"

#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/shared/xalloc.h"

enum {
    LISTS_MAX = 256,   /* as load tells */
    LOOK_S = 10,       /* between two looks */
    SAY_AGAIN_S = 3600 /* an alarm stands in the log once an hour */
};

void lists_clear(struct crl_lists *lists)
{
    for (size_t i = 0; i < lists->n; i++) {
        free(lists->at[i].ca);
        free(lists->at[i].issuer);
    }
    free(lists->at);
    *lists = (struct crl_lists){NULL, 0};
}

void lists_add(struct crl_lists *lists, const struct message_load_list *msg)
{
    if (lists->n == LISTS_MAX)
        return;
    lists->at = xrealloc(lists->at, lists->n + 1, sizeof(*lists->at));
    lists->at[lists->n++] = (struct crl_list){.ca = xtext(msg->ca_name),
                                              .issuer = xtext(msg->issuer),
                                              .this_update_s = msg->this_update_s,
                                              .next_update_s = msg->next_update_s};
}

bool lists_is_old(const struct parent *parent, const struct crl_list *list, int64_t now_s)
{
    const struct config_ca *ca = config_find_ca(parent->config, list->ca);

    return now_s - list->next_update_s >= (ca ? ca->crl_grace / 2 : 0);
}

static void look(struct parent *parent)
{
    int64_t now_s = clock_realtime_s();
    bool found = false;

    if (now_s - parent->lists_said_s < SAY_AGAIN_S && now_s >= parent->lists_said_s)
        return;
    for (size_t i = 0; i < parent->lists.n; i++) {
        const struct crl_list *list = &parent->lists.at[i];

        if (!lists_is_old(parent, list, now_s))
            continue;
        found = true;
        log_event(LOG_LEVEL_ERROR, "crl_alarm", "ca=%s issuer=%s past_next_update_s=%lld", list->ca,
                  log_quoted(bytes_of(list->issuer)), (long long)(now_s - list->next_update_s));
    }
    if (found)
        parent->lists_said_s = now_s;
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    look(timer->data);
}

void lists_use(struct parent *parent)
{
    lists_clear(&parent->lists);
    parent->lists = parent->loading.lists;
    parent->loading.lists = (struct crl_lists){NULL, 0};
    parent->lists_said_s = 0; /* other lists: other news */
    look(parent);
}

void lists_init(struct parent *parent)
{
    ev_timer_init(&parent->lists_timer, on_timer, LOOK_S, LOOK_S);
    parent->lists_timer.data = parent;
    ev_timer_start(parent->loop, &parent->lists_timer);
}
