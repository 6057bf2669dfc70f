/*
 * Files in, sealed memfds out. Runs in load, a short-lived sandboxed process: what malformed files
 * do to the parsers costs this load only. Nothing that it writes is trusted by those who map it.
 */
#include "gatewayd/load/load.h"

#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/shared/file_read.h"
#include "gatewayd/shared/memfd.h"
#include "gatewayd/shared/trust_build.h"
#include "gatewayd/shared/x509_facts.h"
#include "gatewayd/shared/xalloc.h"
#include "gatewayd/shared/zone_files.h"
#include "policy/policy.h"

#include <openssl/sha.h>
#include <unistd.h>

enum {
    CERTIFICATES_FILE_MAX = 16 << 20, /* octets of a file of anchors or intermediates */
    CRL_FILE_MAX = 256 << 20,         /* octets of a revocation list: five million entries */
    LIST_ISSUER_MAX = 128,            /* octets of an issuer's name in status */
    LISTS_MAX = 256,                  /* lists that status hears of */
    POLICY_FILES_MAX = 1024,
    POLICY_SET_MAX = 256 << 20, /* octets of an encoded set */
};

struct policy_text {
    char *name;
    struct writer text;
};

struct load {
    struct role *role;
    struct trust_build *trust;
    struct trust_errors trust_errors;
    struct writer in_force_octets;
    struct trust *in_force; /* NULL: nothing was handed over, or it cannot be read */
    struct policy_text *policies;
    size_t n_policies;
    struct zone_files zones;
    ev_timer end;
};

/* --- errors ----------------------------------------------------------------------------------- */

static void tell(struct load *load, uint8_t kind, const char *file, uint32_t line,
                 const struct error *err)
{
    struct message_load_error msg = {.kind = kind,
                                     .file = bytes_of(file),
                                     .line = line,
                                     .reason = err->reason,
                                     .detail = bytes_of(err->detail)};

    if (!channel_send(load->role->parent, MESSAGE_LOAD_ERROR, &msg, -1))
        log_error("load_error_lost", err, "file=%s", log_quoted(bytes_of(file)));
}

static void trust_found(void *context, const char *file, bool stops, const struct error *err)
{
    tell(context, stops ? LOADED_TRUST : LOADED_WARNING, file, 0, err);
}

static void policy_found(void *context, const char *file, uint32_t line, const struct error *err)
{
    tell(context, LOADED_POLICY, file ? file : "", line, err);
}

/* --- files ------------------------------------------------------------------------------------ */

struct load *load_new(struct role *role)
{
    struct load *load = xcalloc(1, sizeof(*load));

    load->role = role;
    load->in_force_octets = writer_new(TRUST_MAX);
    load->trust_errors = (struct trust_errors){.found = trust_found, .context = load};
    load->trust = trust_build_new(role->config, &load->trust_errors);
    return load;
}

static bool find_ca(const struct config *config, struct bytes title, size_t *ret_index)
{
    for (size_t i = 0; i < config->n_ca; i++) {
        if (!bytes_equal(bytes_of(config->ca[i].title), title))
            continue;
        *ret_index = i;
        return true;
    }
    return false;
}

static void take_policy(struct load *load, const char *name, struct writer *text)
{
    load->policies = xrealloc(load->policies, load->n_policies + 1, sizeof(*load->policies));
    load->policies[load->n_policies++] = (struct policy_text){.name = xstrdup(name), .text = *text};
    *text = writer_new(0);
}

static bool take_trust(struct load *load, const struct message_file *file, const char *name,
                       struct bytes octets, struct error *err)
{
    const struct config *config = load->role->config;
    size_t ca = file->index;

    if (file->kind == FILE_CRL) {
        if (ca >= config->n_ca)
            return err_set(err, REASON_MSG_MALFORMED, "FILE of ca %zu", ca);
        trust_build_crl(load->trust, ca, name, octets);
        return true;
    }
    if (file->kind == FILE_CRL_ISSUERS) {
        if (ca >= config->n_ca)
            return err_set(err, REASON_MSG_MALFORMED, "FILE of ca %zu", ca);
        trust_build_intermediates(load->trust, ca, name, octets);
        return true;
    }
    if (!find_ca(config, file->name, &ca))
        return err_set(err, REASON_MSG_MALFORMED, "FILE of an unknown ca section");
    if (file->kind == FILE_ANCHORS)
        trust_build_anchors(load->trust, ca, config->ca[ca].anchors, octets);
    else
        trust_build_intermediates(load->trust, ca, config->ca[ca].intermediates, octets);
    return true;
}

static size_t largest(uint8_t kind)
{
    switch (kind) {
    case FILE_ANCHORS:
    case FILE_INTERMEDIATES:
    case FILE_CRL_ISSUERS:
        return CERTIFICATES_FILE_MAX;
    case FILE_CRL:
        return CRL_FILE_MAX;
    case FILE_POLICY:
        return POLICY_FILE_MAX;
    case FILE_ZONE:
        return POLICY_ZONE_MAX;
    default:
        return 0;
    }
}

static uint8_t kind_it_stops(uint8_t file_kind)
{
    return file_kind == FILE_POLICY || file_kind == FILE_ZONE ? LOADED_POLICY : LOADED_TRUST;
}

/* What cannot be read any more, of an older version say, remembers nothing. */
static void take_in_force(struct load *load, int fd)
{
    struct error err;

    if (!load->in_force && file_read(fd, TRUST_MAX, &load->in_force_octets, &err) &&
        trust_decode(writer_bytes(&load->in_force_octets), &load->in_force, &err))
        trust_build_in_force(load->trust, load->in_force);
    else
        log_event(LOG_LEVEL_WARNING, "trust_in_force", "%s",
                  "detail=\"nothing is known of the lists before\"");
}

/* A file that cannot be read stops what it belongs to, not the other kind. */
bool load_file(struct load *load, const struct message_file *file, int fd, struct error *err)
{
    size_t max = largest(file->kind);
    struct writer octets = writer_new(max + 1);
    AUTO(char_freep) char *name = xtext(file->name);
    struct error unreadable;
    bool good = true;

    if (file->kind == FILE_TRUST_IN_FORCE)
        take_in_force(load, fd);
    else if (max == 0)
        good = err_set(err, REASON_MSG_MALFORMED, "FILE without use");
    else if (!file_read(fd, max, &octets, &unreadable))
        tell(load, kind_it_stops(file->kind), name, 0, &unreadable);
    else if (file->kind == FILE_ZONE)
        zone_files_add(&load->zones, name, &octets);
    else if (file->kind != FILE_POLICY)
        good = take_trust(load, file, name, writer_bytes(&octets), err);
    else if (load->n_policies == POLICY_FILES_MAX)
        good = err_set(err, REASON_FILE_TOO_LARGE, "more than %d policy files", POLICY_FILES_MAX);
    else
        take_policy(load, name, &octets);
    writer_clear(&octets);
    (void)close(fd);
    return good;
}

/* --- results ---------------------------------------------------------------------------------- */

static void emit(struct load *load, enum loaded_kind kind, const char *name, struct bytes octets,
                 size_t count)
{
    struct message_loaded msg = {.kind = (uint8_t)kind, .count = (uint32_t)count};
    struct error err;
    int fd = memfd_new(name, octets, &err);

    if (fd < 0) {
        tell(load, (uint8_t)kind, "", 0, &err);
        return;
    }
    (void)SHA256(octets.at, octets.len, msg.version.octets);
    if (!channel_send(load->role->parent, MESSAGE_LOADED, &msg, fd))
        log_event(LOG_LEVEL_ERROR, "loaded_lost", "kind=%s", name);
    (void)close(fd);
}

static void tell_list(struct load *load, const struct trust_ca *ca, const struct trust_crl *crl)
{
    struct message_load_list msg = {.ca_name = ca->name,
                                    .this_update_s = crl->this_update_s,
                                    .next_update_s = crl->next_update_s};
    const unsigned char *at = crl->issuer.at;
    X509_NAME *name = d2i_X509_NAME(NULL, &at, (long)crl->issuer.len);
    char text[LIST_ISSUER_MAX] = "";

    if (name)
        x509_name_text(name, text, sizeof(text));
    X509_NAME_free(name);
    msg.issuer = bytes_of(text);
    if (!channel_send(load->role->parent, MESSAGE_LOAD_LIST, &msg, -1))
        log_event(LOG_LEVEL_WARNING, "load_list_lost", "issuer=%s", log_quoted(bytes_of(text)));
}

/* Which lists the set has, for status and alarms. */
static void tell_lists(struct load *load, struct bytes octets)
{
    AUTO(trust_freep) struct trust *trust = NULL;
    size_t n = 0;

    if (!trust_decode(octets, &trust, NULL))
        return; /* who maps it says so */
    for (size_t i = 0; i < trust->n_cas; i++)
        for (size_t k = 0; k < trust->cas[i].n_crls && n < LISTS_MAX; k++, n++)
            tell_list(load, &trust->cas[i], &trust->cas[i].crls[k]);
}

static void make_trust(struct load *load)
{
    struct writer out = writer_new(TRUST_MAX);

    if (trust_build_finish(load->trust, clock_realtime_s(), &out)) {
        tell_lists(load, writer_bytes(&out));
        emit(load, LOADED_TRUST, "trust", writer_bytes(&out), trust_build_n_anchors(load->trust));
    }
    writer_clear(&out);
    load->trust = trust_build_free(load->trust);
    load->in_force = trust_free(load->in_force);
    writer_clear(&load->in_force_octets);
}

static struct policy_world world_of(struct load *load, const char **services, bool *confirmed,
                                    const char **cas)
{
    const struct config *config = load->role->config;

    for (size_t i = 0; i < config->n_service; i++) {
        services[i] = config->service[i].title;
        confirmed[i] = config->service[i].confirm == CONFIG_CONFIRM_PAM;
    }
    for (size_t i = 0; i < config->n_ca; i++)
        cas[i] = config->ca[i].title;
    return (struct policy_world){.services = services,
                                 .confirmed = confirmed,
                                 .n_services = config->n_service,
                                 .cas = cas,
                                 .n_cas = config->n_ca,
                                 .zone = zone_files_known,
                                 .context = &load->zones};
}

static void make_policy(struct load *load)
{
    const struct config *config = load->role->config;
    const char **services = xcalloc(config->n_service, sizeof(*services));
    const char **cas = xcalloc(config->n_ca, sizeof(*cas));
    bool *confirmed = xcalloc(config->n_service, sizeof(*confirmed));
    struct policy_file *files = xcalloc(load->n_policies, sizeof(*files));
    struct policy_world world = world_of(load, services, confirmed, cas);
    struct policy_errors errors = {.found = policy_found, .context = load};
    AUTO(policy_freep) struct policy_set *set = NULL;
    struct writer out = writer_new(POLICY_SET_MAX);

    for (size_t i = 0; i < load->n_policies; i++)
        files[i] = (struct policy_file){.name = load->policies[i].name,
                                        .text = writer_bytes(&load->policies[i].text)};
    if (policy_load(files, load->n_policies, &world, &errors, &set)) {
        policy_encode(set, &out);
        emit(load, LOADED_POLICY, "policy", writer_bytes(&out), policy_n_rules(set));
    }
    writer_clear(&out);
    free(files);
    free(confirmed);
    free(cas);
    free(services);
}

/* Everything has left for the parent: the process has done its work. */
static void end_when_sent(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct load *load = timer->data;

    (void)events;
    if (channel_queued(load->role->parent) == 0)
        ev_break(loop, EVBREAK_ALL);
}

void load_run(struct load *load)
{
    make_trust(load);
    make_policy(load);
    ev_timer_init(&load->end, end_when_sent, 0.001, 0.01);
    load->end.data = load;
    ev_timer_start(load->role->loop, &load->end);
}
