#pragma once
/*
 * The stages of pipeline.c that an edge runs; the argument is a struct connection of this folder.
 */
#include "gatewayd/pipeline.h"

enum stage_result edge_prelude(void *connection);
enum stage_result edge_handshake(void *connection);
enum stage_result edge_route(void *connection);
enum stage_result edge_status(void *connection);
enum stage_result edge_ask(void *connection);
enum stage_result edge_renew(void *connection);
enum stage_result edge_upstream(void *connection);
enum stage_result edge_relay(void *connection);
