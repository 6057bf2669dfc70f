#pragma once
/*
 * What a fetched list must be before it is written to disk. Whether and for what it is used, load
 * says: this here keeps out what load would have to refuse, and what is older than what there is.
 */
#include "common/error.h"
#include "common/writer.h"
#include "gatewayd/fetch/list_kind.h"

#include <openssl/x509.h>
#include <stdint.h>

enum { LIST_NUMBER_MAX = 20 }; /* octets of a CRL number (RFC 5280 5.2.3) */

struct list_facts {
    int64_t this_update_s, next_update_s; /* 0: there is no list */
    uint8_t number[LIST_NUMBER_MAX];      /* big-endian, zeros in front */
    bool numbered;
    struct list_kind kind;
};

/*
 * What has come, DER or one list of PEM, as DER. *ret_der borrows from octets (DER, or what
 * list_check refuses) or from out (PEM). Refused: PEM of something else, or of several lists.
 */
bool list_to_der(struct bytes octets, struct writer *out, struct bytes *ret_der,
                 struct error *err) MUST_CHECK;
/* Form only: of one DER list, and nothing behind it. */
bool list_read(struct bytes octets, struct list_facts *ret_facts, struct error *err) MUST_CHECK;
/* What a list is checked against. */
struct list_against {
    const STACK_OF(X509) * issuers, *others; /* who may have signed it; others may be NULL */
    const struct list_facts *before;         /* of the one that is here */
    int64_t now_s;
    /* A certificate named the address: its first list is of one of these issuers, and complete. */
    bool of_certificate;
    const STACK_OF(X509_NAME) * named; /* NULL: none are known */
};

/* Form, signature, dates; of the kind of the one that is here, and not older. */
bool list_check(struct bytes octets, const struct list_against *against,
                struct list_facts *ret_facts, struct error *err) MUST_CHECK;
