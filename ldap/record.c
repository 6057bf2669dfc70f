/*
 * Entries of LDAP servers as records of a feed. Runs in directory. The server is trusted for
 * content, never for sizes; what is no entry of the tree that was asked for is refused.
 */
#include "ldap/record.h"

#include "common/text.h"
#include "ldap/memory.h"

static bool values_add(struct record *record, struct berval attribute, struct berval *list)
{
    struct bytes name = {(const uint8_t *)attribute.bv_val, attribute.bv_len};

    if (record->n_lists == RECORD_ATTRIBUTES_MAX) {
        ber_memfree(list);
        return false;
    }
    record->lists[record->n_lists++] = list;
    for (size_t i = 0; list && list[i].bv_val; i++) {
        size_t n = record->record.n_values++;

        if (n == record->room) {
            record->room = record->room ? record->room * 2 : 64;
            record->values = memory_grow(record->values, record->room, sizeof(record->values[0]));
        }
        record->values[n] =
            (struct replica_value){name, {(const uint8_t *)list[i].bv_val, list[i].bv_len}};
    }
    return true;
}

static bool is_below(const struct dn *base, struct bytes text)
{
    struct dn dn;
    size_t more;

    if (!dn_normalise(text, &dn) || dn.len < base->len)
        return false;
    more = dn.len - base->len;
    return memcmp(dn.text + more, base->text, base->len) == 0 &&
           (more == 0 || base->len == 0 || dn.text[more - 1] == ',');
}

bool record_read(LDAP *ld, LDAPMessage *message, const struct dn *base, struct record *ret_record,
                 struct error *err)
{
    struct berval dn, attribute, *list = NULL;
    struct record *record = ret_record;

    *record = (struct record){.n_lists = 0};
    if (ldap_get_dn_ber(ld, message, &record->ber, &dn) != LDAP_SUCCESS)
        return err_set(err, REASON_DIRECTORY_BAD_ANSWER, "an entry without a DN");
    record->record.dn = (struct bytes){(const uint8_t *)dn.bv_val, dn.bv_len};
    if (!is_below(base, record->record.dn))
        return err_set(err, REASON_DIRECTORY_BAD_ANSWER, "an entry that is not below the base");
    for (;;) {
        if (ldap_get_attribute_ber(ld, message, record->ber, &attribute, &list) != LDAP_SUCCESS)
            return err_set(err, REASON_DIRECTORY_BAD_ANSWER, "a malformed entry");
        if (!attribute.bv_val)
            break;
        if (!values_add(record, attribute, list))
            return err_set(err, REASON_DIRECTORY_BAD_ANSWER, "an entry with too many attributes");
    }
    record->record.values = record->values;
    return true;
}

void record_clear(struct record *record)
{
    for (size_t i = 0; i < record->n_lists; i++)
        ber_memfree(record->lists[i]);
    free(record->values);
    ber_free(record->ber, 0);
    *record = (struct record){.n_lists = 0};
}

struct bytes record_value(const struct record *record, const char *attribute)
{
    for (size_t i = 0; i < record->record.n_values; i++)
        if (text_equal_nocase(record->values[i].attribute, bytes_of(attribute)))
            return record->values[i].value;
    return (struct bytes){NULL, 0};
}
