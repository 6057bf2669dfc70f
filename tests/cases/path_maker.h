#pragma once
/*
 * Makes the certificates and revocation lists that a path case describes, the malformed ones too.
 * Knows the words of a line and OpenSSL's extension syntax; nothing of verdicts (run_path_cases.c).
 */
#include "common/bytes.h"

#include <openssl/conf.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

enum {
    PATH_WORDS_MAX = 48,   /* words of one line */
    PATH_OBJECTS_MAX = 48, /* certificates and lists of one case */
    PATH_KEY_KINDS_MAX = 32,
};

/* One line: "KIND NAME [< ISSUER] [NAME=VALUE]..."; the words point into the line. */
struct path_line {
    char *words[PATH_WORDS_MAX];
    size_t n;
};

struct path_object {
    const char *kind, *name; /* "ca", "leaf" or "crl" */
    bool is_root;
    EVP_PKEY *key; /* borrowed from the pool; NULL of a list */
    X509 *x509;    /* as it was before octets of it were changed; NULL of a list */
    uint8_t *der;  /* owned */
    size_t der_len;
};

struct path_world {
    struct path_object objects[PATH_OBJECTS_MAX];
    size_t n;
    CONF *sections; /* of the case's "section" lines, for extensions that need them */
    uint64_t serial;
    size_t n_keys[PATH_KEY_KINDS_MAX]; /* how many of each kind of key the case has used */
};

/* Ends the program with a sentence: a case that says something wrong is no case. */
_Noreturn void path_stop(const char *what, const char *word);
/* Splits text, which is changed, at spaces; double quotes keep them and are dropped. */
void path_split(char *text, struct path_line *ret_line);
/* For a look at them: DIRECTORY/NUMBER.NAME.KIND in DER. */
void path_keep(const struct path_world *world, const char *directory, unsigned number);
/* The value of NAME=VALUE; fallback where the line has none. "" where it is left empty. */
const char *path_value(const struct path_line *line, const char *name, const char *fallback);
/* The nth of them; NULL behind the last. */
const char *path_value_at(const struct path_line *line, const char *name, size_t nth);
/* NULL: there is none of that name. */
struct path_object *path_find(struct path_world *world, const char *name);
void path_make_certificate(struct path_world *world, const struct path_line *line);
void path_make_list(struct path_world *world, const struct path_line *line);
/* Seconds since 1970 of YYYY-MM-DD. */
int64_t path_day(const char *text);
void path_clear(struct path_world *world);

/* --- shared by the two makers (path_certificate.c, path_list.c; keys in path_keys.c) -------- */

/* A key of that kind, another one for each call of a case; kept for the next case. */
EVP_PKEY *path_key(struct path_world *world, const char *kind);
X509_NAME *path_name(const char *text, int type);
void path_set_time(ASN1_TIME *time, const char *text);
/* NULL for an empty value. The caller frees the extension. */
X509_EXTENSION *path_extension(const struct path_world *world, X509 *issuer, X509 *subject,
                               const char *name, const char *value);
const EVP_MD *path_digest(const EVP_PKEY *key, const char *name);
void path_octets(struct path_object *object, const uint8_t *der, size_t len);
struct path_object *path_new(struct path_world *world, const struct path_line *line);
