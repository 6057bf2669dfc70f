#pragma once
/*
 * The files that gatewayd.conf names, read and parsed with the daemon's own code, but here in one
 * process: for check, verify, identity map and policy check.
 */
#include "cli/findings.h"
#include "gatewayd/shared/verify.h"
#include "ldap/filler.h"

struct config_text {
    char *name;
    unsigned char *octets; /* owned */
    size_t len;
};

struct config_files {
    const struct config *config; /* borrowed */
    struct findings *findings;
    struct trust_errors trust_errors;
    struct trust_build *build;
    struct config_text *policies;
    size_t n_policies;
    size_t n_tls;
    struct config_text *certificates, *keys; /* one per tls section; octets NULL: unreadable */
    struct config_text ldif;                 /* of the first file: directory */
    struct writer octets;                    /* of the trust data */
    struct trust *trust;                     /* NULL: not usable */
    struct verify *verify;
};

/* Opens everything with the checks of the daemon. Errors go to findings; true when there was none.
 */
bool config_files_read(const struct config *config, struct findings *findings,
                       struct config_files *ret_files);
void config_files_clear(struct config_files *files);
/* The trust data of a few files, with one ca section; for `verify` without a configuration. */
bool config_files_trust(struct config_files *files);
/* The policy of these texts under the configuration; the caller owns *ret_set. */
bool config_files_policy(const struct config *config, const struct config_text *texts, size_t n,
                         struct findings *findings, struct policy_set **ret_set);
/* The directory out of an LDIF text, with what the mappings look for. The caller owns *ret_filler.
 */
bool config_files_directory(const struct config *config, struct bytes text,
                            struct filler **ret_filler, struct error *err) MUST_CHECK;
/* A PEM file of certificates, the leaf first. The caller frees the stack with its certificates. */
bool config_files_chain(const char *path, STACK_OF(X509) * *ret_chain,
                        struct error *err) MUST_CHECK;
