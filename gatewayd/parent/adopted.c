/*
 * Children of the program before this one. Runs in the parent after an upgrade.
 */
#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/parent/children.h"

#include <stdlib.h>

void child_adopt(struct parent *parent, const struct adopted *adopted)
{
    struct message_version version = {.table = message_table()};
    struct child *child = children_add(parent, adopted->role, adopted->slot);

    if (!child)
        abort(); /* the state was checked */
    child->pid = adopted->pid;
    child->fd = adopted->fd;
    child->started_ms = child->ready_ms = adopted->started_ms;
    child->state = CHILD_READY;
    child->restarts = adopted->restarts;
    child->program = adopted->program;
    child->old = true;
    child->retired = adopted->retired;
    child->retired_ms = adopted->retired_ms;
    child->wanted = !adopted->retired;
    child->channel = channel_new(parent->loop, adopted->fd, PROCESS_PARENT, adopted->role,
                                 adopted->slot, &children_calls, child);
    channel_set_table(child->channel, adopted->table);
    if (!channel_send(child->channel, MESSAGE_VERSION, &version, -1))
        log_event(LOG_LEVEL_ERROR, "message_not_sent", "message=VERSION");
}

void child_retire(struct child *child)
{
    struct message_retire retire = {.limit_ms = 0};

    child->wanted = false;
    child->retired = true;
    child->retired_ms = clock_realtime_ms();
    if (child->role == PROCESS_EDGE && child->channel &&
        !channel_send(child->channel, MESSAGE_RETIRE, &retire, -1))
        log_event(LOG_LEVEL_ERROR, "message_not_sent", "message=RETIRE");
}

static bool is_first_of_program(const struct parent *parent, size_t number)
{
    const struct child *child = &parent->children[number];

    for (size_t i = 0; i < number; i++)
        if (parent->children[i].role == PROCESS_EDGE && parent->children[i].pid != 0 &&
            parent->children[i].program == child->program)
            return false;
    return child->role == PROCESS_EDGE && child->pid != 0 && child->program != parent->program;
}

size_t children_count_programs(const struct parent *parent)
{
    size_t n = 0;

    for (size_t i = 0; i < parent->n_children; i++)
        n += is_first_of_program(parent, i);
    return n;
}
