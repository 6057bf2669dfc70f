#pragma once
/*
 * Accepting. One socket per address of a listener section and edge; the parent has bound it.
 */
#include "common/error.h"
#include "gatewayd/shared/messages.h"

struct connection;
struct edge;

/* Takes fd; replaces an older socket of the same address. */
bool listener_add(struct edge *edge, const struct message_file *file, int fd,
                  struct error *err) MUST_CHECK;
/* Starts or stops accepting as edge->paused and the configuration say. */
void listener_update(struct edge *edge);
/* Closes our descriptors of all sockets; others may still listen on them. */
void listener_close_all(struct edge *edge);
/* Sets a PAUSE_ bit; it goes away by itself when its cause is gone, but for PAUSE_DRAIN. */
void listener_pause(struct edge *edge, unsigned why);
void listener_init(struct edge *edge);
/* A proxy has said where the client comes from: OK, or which limit is reached for that address. */
enum reason listener_admit(struct connection *c);
/* Index of the section in the configuration in force; false when there is none of that title. */
bool listener_index(const struct edge *edge, const char *title, uint32_t *ret_index);
