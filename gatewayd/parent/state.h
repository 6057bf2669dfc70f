#pragma once
/*
 * What a parent leaves to the program that takes its place (gatewayctl upgrade): a sealed memfd of
 * JSON with the numbers of the descriptors that stay open. Older and newer programs read it:
 * STATE_VERSION and the formats beside it say whether they can.
 */
#include "gatewayd/parent/parent.h"

/* What a program says that has been asked and can. Another one that ends with 0 has not understood. */
#define STATE_CAN_TAKE_OVER "gatewayd: can take over\n"

enum {
    STATE_VERSION = 1,          /* of this layout; members may be added without a new one */
    STATE_OCTETS_MAX = 8 << 20, /* some 65,536 logins */
};

/* A sealed memfd, or -1 and err. */
int state_write(const struct parent *parent, struct error *err) MUST_CHECK;
/*
 * Whether this program, with this configuration, could take over what the memfd says. The
 * children's edges and this configuration's must have room beside each other.
 */
bool state_check(int fd, const struct config *config, uint32_t n_edges,
                 struct error *err) MUST_CHECK;
/* Fills parent with it: sockets, registry, children with their channels, logins. Takes fd. */
bool state_read(struct parent *parent, int fd, struct error *err) MUST_CHECK;
/* Sets or clears FD_CLOEXEC of every descriptor that the state names. */
bool state_keep_open(const struct parent *parent, bool open);
