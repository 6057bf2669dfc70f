#pragma once
/*
 * What trust data that is not in force would say of the live chains: told to decide, connection by
 * connection where it differs, without any consequence here.
 */
#include "gatewayd/shared/messages.h"

struct connection;
struct edge;
struct forecast;

struct forecast *forecast_new(struct edge *edge);
/* PREVIEW_TRUST; takes fd. A newer one takes the place of one under way. */
void forecast_trust(struct edge *edge, const struct message_preview_trust *msg, int fd);
/* A connection goes away. */
void forecast_forget(struct edge *edge, struct connection *c);
