#pragma once
/*
 * Descriptors that travel with datagrams of a unix socket (SCM_RIGHTS). Knows no messages.
 */
#include "common/bytes.h"

#include <stdbool.h>
#include <sys/socket.h>

/* Sends one datagram, with a duplicate of fd unless it is -1. Never blocks; false: see errno. */
bool passing_send(int socket, struct bytes octets, int fd);
/*
 * The one descriptor of a received datagram, which the caller then owns, or -1. False when there
 * are more, which are closed, or other things.
 */
bool passing_take(struct msghdr *msg, int *ret_fd);
