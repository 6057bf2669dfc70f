#pragma once
/*
 * OCSP (RFC 6960) about one certificate: the question, and whether an answer may be believed. Pure;
 * asks nobody.
 */
#include "common/error.h"
#include "common/writer.h"

#include <openssl/x509.h>
#include <stdint.h>

enum {
    OCSP_ANSWER_MAX = 64 * 1024, /* octets: an answer with a chain of responders has 6 KiB */
    OCSP_SKEW_S = 300,           /* how much clocks may differ */
    OCSP_AGE_MAX_S = 24 * 3600,  /* of an answer without nextUpdate, and before we ask again */
};

struct ocsp_about {
    X509 *leaf, *issuer; /* the issuer's signatures have been checked */
    int64_t now_s;
    /* Whether a list names a delegated responder that has no ocsp-nocheck (RFC 6960 4.2.2.2.1). */
    bool (*is_revoked)(void *context, const X509 *responder);
    void *context;
};

struct ocsp_result {
    enum reason reason; /* OK, CERT_REVOKED, OCSP_UNKNOWN */
    int64_t this_update_s, until_s;
};

bool ocsp_question(const struct ocsp_about *about, struct writer *out,
                   struct error *err) MUST_CHECK;
/* False: OCSP_UNAVAILABLE and why the answer says nothing. */
bool ocsp_answer(struct bytes octets, const struct ocsp_about *about,
                 struct ocsp_result *ret_result, struct error *err) MUST_CHECK;
