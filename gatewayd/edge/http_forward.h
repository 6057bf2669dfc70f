#pragma once
/*
 * The request as the upstream gets it: built anew from what was read, with what the gateway itself
 * says of the client. Which headers are ours stands in one table (docs/protocol.md, "HTTP
 * services"); whatever a client sends under such a name, in any spelling, is dropped first.
 */
#include "common/address.h"
#include "common/session_id.h"
#include "common/writer.h"
#include "gatewayd/edge/http_request.h"

enum {
    HTTP_CHAIN_LEN_MAX =
        12 * 1024,      /* octets of DER in Client-Cert-Chain; a longer one is left out */
    HTTP_CHAIN_MAX = 8, /* certificates in it */
    HTTP_OURS_LEN_MAX = 192 * 1024, /* octets of all our headers: bounded by what goes into them */
};

/* Who the client is. Borrows. */
struct http_client {
    struct session_id session;
    struct bytes user;                  /* account; empty: none */
    struct bytes groups;                /* u16 length and name, repeated: as in message IDENTITY */
    struct bytes rule;                  /* of the policy; empty: none */
    struct bytes leaf;                  /* DER */
    struct bytes chain[HTTP_CHAIN_MAX]; /* DER, without the leaf */
    size_t n_chain;
    struct address source;
    uint16_t port; /* that the client reached */
};

/*
 * Whether a header of this name is ours, or one that speaks for us: case is ignored, and what is no
 * letter or digit is the same as `-`.
 */
bool http_is_ours(struct bytes name);
/* Writes the head for the upstream. */
void http_forward(const struct http_request *request, const struct http_client *client,
                  struct writer *out);
