/*
 * A revocation list out of an LDAP server. Runs in fetch. No bind, no referrals, no aliases, no
 * ldap.conf.
 */
#include "ldap/entry_get.h"

#include "ldap/connection.h"
#include "ldap/memory.h"

#include <openldap.h>
#include <unistd.h>

enum { ENTRIES_MAX = 1 };

static char default_attribute[] = "certificateRevocationList;binary";

struct entry_get {
    LDAP *ld;
    int msgid;
    struct berval **values;
};

struct entry_get *entry_get_free(struct entry_get *get)
{
    if (!get)
        return NULL;
    if (get->values)
        ldap_value_free_len(get->values);
    connection_close(get->ld);
    free(get);
    return NULL;
}

DEFINE_AUTO(struct entry_get *, entry_get_freep, entry_get_free)
DEFINE_AUTO(LDAPURLDesc *, urldesc_freep, ldap_free_urldesc)

static bool ldap_failed(struct error *err, const char *what, int code)
{
    return err_set(err, REASON_FETCH_FAILED, "%s: %s", what, ldap_err2string(code));
}

static bool set_options(LDAP *ld, size_t max, struct error *err)
{
    static const int version = LDAP_VERSION3, never = LDAP_DEREF_NEVER;
    ber_len_t most = (ber_len_t)max;
    Sockbuf *sb = NULL;

    if (ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version) != LDAP_OPT_SUCCESS ||
        ldap_set_option(ld, LDAP_OPT_DEREF, &never) != LDAP_OPT_SUCCESS ||
        ldap_set_option(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) != LDAP_OPT_SUCCESS ||
        ldap_get_option(ld, LDAP_OPT_SOCKBUF, &sb) != LDAP_OPT_SUCCESS ||
        ber_sockbuf_ctrl(sb, LBER_SB_OPT_SET_MAX_INCOMING, &most) != 1)
        return err_set(err, REASON_SYSTEM, "options of libldap");
    return true;
}

static bool ask(struct entry_get *get, const LDAPURLDesc *url, struct error *err)
{
    char *attributes[2] = {default_attribute, NULL};
    int scope = url->lud_scope == LDAP_SCOPE_DEFAULT ? LDAP_SCOPE_BASE : url->lud_scope;
    int code;

    if (url->lud_attrs && url->lud_attrs[0])
        attributes[0] = url->lud_attrs[0];
    code = ldap_search_ext(get->ld, url->lud_dn, scope, url->lud_filter, attributes, 0, NULL, NULL,
                           NULL, ENTRIES_MAX, &get->msgid);
    return code == LDAP_SUCCESS || ldap_failed(err, "search", code);
}

bool entry_get_begin(int fd, const char *url, size_t max, struct entry_get **ret_get,
                     struct error *err)
{
    AUTO(entry_get_freep) struct entry_get *get = calloc(1, sizeof(*get));
    AUTO(urldesc_freep) LDAPURLDesc *parsed = NULL;
    int code = get ? ldap_init_fd(fd, LDAP_PROTO_TCP, NULL, &get->ld) : LDAP_NO_MEMORY;

    if (code != LDAP_SUCCESS) {
        (void)close(fd);
        return ldap_failed(err, "ldap", code);
    }
    if (ldap_url_parse(url, &parsed) != LDAP_URL_SUCCESS || !parsed->lud_dn || !*parsed->lud_dn)
        return err_set(err, REASON_FETCH_FAILED, "no LDAP URL with a DN");
    if (!set_options(get->ld, max, err) || !ask(get, parsed, err))
        return false;
    *ret_get = STEAL(get);
    return true;
}

/* The first value of the first attribute: one was asked for. */
static bool take_value(struct entry_get *get, LDAPMessage *all, struct error *err)
{
    LDAPMessage *entry = ldap_first_entry(get->ld, all);
    BerElement *at = NULL;
    char *name = entry ? ldap_first_attribute(get->ld, entry, &at) : NULL;

    get->values = name ? ldap_get_values_len(get->ld, entry, name) : NULL;
    ldap_memfree(name);
    ber_free(at, 0);
    if (!entry)
        return err_set(err, REASON_FETCH_FAILED, "no such entry");
    return (get->values && get->values[0]) ||
           err_set(err, REASON_FETCH_FAILED, "the entry has no list");
}

static enum entry_get_state finish(struct entry_get *get, LDAPMessage *all, struct bytes *ret_value,
                                   struct error *err)
{
    int code = LDAP_OTHER;

    (void)ldap_parse_result(get->ld, all, &code, NULL, NULL, NULL, NULL, 0);
    if (code != LDAP_SUCCESS && code != LDAP_SIZELIMIT_EXCEEDED) {
        (void)ldap_failed(err, "search", code);
        return ENTRY_GET_FAILED;
    }
    if (!take_value(get, all, err))
        return ENTRY_GET_FAILED;
    *ret_value = (struct bytes){(const uint8_t *)get->values[0]->bv_val, get->values[0]->bv_len};
    return ENTRY_GET_DONE;
}

enum entry_get_state entry_get_step(struct entry_get *get, struct bytes *ret_value,
                                    struct error *err)
{
    struct timeval now = {0};
    LDAPMessage *all = NULL;
    int kind = ldap_result(get->ld, get->msgid, LDAP_MSG_ALL, &now, &all);
    enum entry_get_state state = ENTRY_GET_FAILED;

    if (kind == 0)
        return ENTRY_GET_WAIT;
    if (kind == LDAP_RES_SEARCH_RESULT)
        state = finish(get, all, ret_value, err);
    else
        (void)err_set(err, REASON_FETCH_FAILED,
                      "the LDAP connection broke, or an answer is larger "
                      "than allowed");
    (void)ldap_msgfree(all);
    return state;
}
