#pragma once
/*
 * The configuration as structs made from config_options.h. A section that refers to another keeps
 * its title; config_check has made sure that it exists. Immutable after load. Knows libconfuse
 * (config_load.c only); never opens a file but gatewayd.conf and conf.d.
 */
#include "common/error.h"
#include "common/writer.h"

struct config_list {
    const char *const *at;
    size_t n;
};

struct config_place {
    const char *file;
    uint32_t line;
};

/* CHOICE options: indexes into the words of their rows. */
enum config_direct_keys { CONFIG_DIRECT_KEYS_ON, CONFIG_DIRECT_KEYS_OFF };
enum config_revocation {
    CONFIG_REVOCATION_OFF,
    CONFIG_REVOCATION_IF_PRESENT,
    CONFIG_REVOCATION_REQUIRE
};
enum config_resumption { CONFIG_RESUMPTION_OFF, CONFIG_RESUMPTION_STATEFUL };
enum config_tls_version { CONFIG_TLS_1_2, CONFIG_TLS_1_3 };
enum config_ocsp { CONFIG_OCSP_OFF, CONFIG_OCSP_SOFT, CONFIG_OCSP_REQUIRE };
enum config_proxy { CONFIG_PROXY_OFF, CONFIG_PROXY_V2 };
enum config_accept_proxy { CONFIG_ACCEPT_PROXY_OFF, CONFIG_ACCEPT_PROXY_V1, CONFIG_ACCEPT_PROXY_V2 };
enum config_protocol {
    CONFIG_PROTOCOL_TCP,
    CONFIG_PROTOCOL_SSH,
    CONFIG_PROTOCOL_HTTP,
    CONFIG_PROTOCOL_POSTGRES
};
enum config_confirm { CONFIG_CONFIRM_OFF, CONFIG_CONFIRM_PAM };
enum config_schema { CONFIG_SCHEMA_RFC2307, CONFIG_SCHEMA_RFC2307BIS };
enum config_bind { CONFIG_BIND_ANONYMOUS, CONFIG_BIND_SIMPLE, CONFIG_BIND_EXTERNAL };
enum config_account { CONFIG_ACCOUNT_REQUIRED, CONFIG_ACCOUNT_OPTIONAL };
enum config_subject { CONFIG_SUBJECT_HUMAN, CONFIG_SUBJECT_SERVICE, CONFIG_SUBJECT_DEVICE };
enum config_multi { CONFIG_MULTI_NO, CONFIG_MULTI_BY_REQUESTED_NAME };
enum config_else { CONFIG_ELSE_STOP, CONFIG_ELSE_CONTINUE };
enum config_strength { CONFIG_STRENGTH_STRONG, CONFIG_STRENGTH_WEAK_ALLOWED };
enum config_allow_substring { CONFIG_ALLOW_SUBSTRING_NO, CONFIG_ALLOW_SUBSTRING_YES };
enum config_ski { CONFIG_SKI_CHOSEN, CONFIG_SKI_COMPUTED };
enum config_san { CONFIG_SAN_REQUESTED, CONFIG_SAN_AUTHORITATIVE };
enum config_on_loss { CONFIG_ON_LOSS_CONTINUE, CONFIG_ON_LOSS_KILL };

#define CONFIG_TYPE_TEXT     const char *
#define CONFIG_TYPE_NEEDED   const char *
#define CONFIG_TYPE_LIST     struct config_list
#define CONFIG_TYPE_COUNT    int64_t
#define CONFIG_TYPE_DURATION int64_t
#define CONFIG_TYPE_PERCENT  int64_t
#define CONFIG_TYPE_CHOICE   int64_t

/* struct config_tls { title, place, certificate, key }, struct config_ca { ... }, ... */
#define SECTION(name, form)                                                                        \
    struct config_##name {                                                                         \
        const char *title; /* "" in SINGLE sections */                                             \
        struct config_place place;
#define OPTION(section, name, kind, def, min, max, unit, when, help) CONFIG_TYPE_##kind name;
/* `else` is a word of C: its member is else_. */
#define else else_
#define END_SECTION(name)                                                                          \
    }                                                                                              \
    ;
#include "gatewayd/shared/config_options.h"
#undef SECTION
#undef OPTION
#undef END_SECTION
#undef else

struct config_memory; /* what all the pointers below point into */

/* SINGLE sections are always there once: n_gateway == 1 and so on. TITLED ones in order of the
 * file. */
struct config {
    struct config_memory *memory;
#define SECTION(name, form)                                                                        \
    struct config_##name *name;                                                                    \
    size_t n_##name;
#define OPTION(section, name, kind, def, min, max, unit, when, help)
#define END_SECTION(name)
#include "gatewayd/shared/config_options.h"
#undef SECTION
#undef OPTION
#undef END_SECTION
};

/* Receives each error, in order of files and lines. */
struct config_errors {
    void (*found)(void *context, const char *file, uint32_t line, const struct error *err);
    void *context;
};

/*
 * Reads path and conf.d/ *.conf beside it, checks everything that can be said without other files.
 * All errors go to errors->found; false when there was one. The caller owns *ret_config.
 */
bool config_load(const char *path, const struct config_errors *errors,
                 struct config **ret_config) MUST_CHECK;
/* The same from text, for tests and the fuzz target. */
bool config_parse(const char *name, struct bytes text, const struct config_errors *errors,
                  struct config **ret_config) MUST_CHECK;
struct config *config_free(struct config *config); /* accepts NULL, returns NULL */
/* Between processes: table-driven, bounded; decode refuses what encode does not write. */
void config_encode(const struct config *config, struct writer *out);
bool config_decode(struct bytes in, struct config **ret_config, struct error *err) MUST_CHECK;
/* Titles and values of the sections of one kind, without their places: for a hash. */
void config_encode_values(const struct config *config, const char *section, struct writer *out);
/* gatewayd --print-config: every option with its value, readable by config_load again. */
void config_print(const struct config *config, struct writer *out);
/* The rows as text for people, and as mdoc(7) for the man page. */
void config_describe(struct writer *out);
void config_describe_mdoc(struct writer *out);
/*
 * Names of UPGRADE and RESTART options that differ, for the refusal of a reload; false when there are
 * none.
 */
bool config_needs_restart(const struct config *before, const struct config *after,
                          struct error *ret_what);

bool config_list_has(const struct config_list *list, const char *text);

/* Look-ups by title; NULL when there is none. Borrowed from the config. */
const struct config_tls *config_find_tls(const struct config *config, const char *title);
const struct config_ca *config_find_ca(const struct config *config, const char *title);
const struct config_listener *config_find_listener(const struct config *config, const char *title);
const struct config_service *config_find_service(const struct config *config, const char *title);
const struct config_spawn *config_find_spawn(const struct config *config, const char *title);
/* By the title of the service that it stands in. */
const struct config_upstream_tls *config_find_upstream_tls(const struct config *config,
                                                           const char *title);
/* Titles of the ca sections whose certificates are accepted; service may be NULL: none is meant. */
const struct config_list *config_accepted_cas(const struct config_listener *listener,
                                              const struct config_service *service);

DEFINE_AUTO(struct config *, config_freep, config_free)
