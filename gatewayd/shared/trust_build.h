#pragma once
/*
 * Builds trust data out of files: certificates in PEM, revocation lists in PEM or DER. Everything
 * that needs no time of a connection is checked here, once: form, CA rights, dates, and the
 * signature of each revocation list. Used by load and by gatewayctl check and verify; opens no
 * file.
 */
#include "gatewayd/shared/config.h"
#include "gatewayd/shared/trust.h"

struct trust_build;

/* Receives everything found; stops: an error that makes the set unusable, else a warning. */
struct trust_errors {
    void (*found)(void *context, const char *file, bool stops, const struct error *err);
    void *context;
};

/* One ca section per section of config, with their options. errors must outlive the build. */
struct trust_build *trust_build_new(const struct config *config, const struct trust_errors *errors);
struct trust_build *trust_build_free(struct trust_build *build); /* accepts NULL, returns NULL */
/* Octets of one file; ca: index of the section. Errors go to errors->found. */
void trust_build_anchors(struct trust_build *build, size_t ca, const char *file,
                         struct bytes octets);
void trust_build_intermediates(struct trust_build *build, size_t ca, const char *file,
                               struct bytes octets);
void trust_build_crl(struct trust_build *build, size_t ca, const char *file, struct bytes octets);
/*
 * The trust data in force: no revocation list becomes older than it is there. Borrowed until
 * finish; left out: nothing is known of lists before.
 */
void trust_build_in_force(struct trust_build *build, const struct trust *in_force);
/*
 * Checks revocation lists against their issuers and writes the set. now_s: for warnings about
 * dates. False when an error was found, here or before.
 */
bool trust_build_finish(struct trust_build *build, int64_t now_s, struct writer *out) MUST_CHECK;
size_t trust_build_n_anchors(const struct trust_build *build);

DEFINE_AUTO(struct trust_build *, trust_build_freep, trust_build_free)
