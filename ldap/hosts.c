/*
 * The host registry: entries of class ipHost and their addresses. Used by decide; pure. Trusts
 * nothing in an entry: a name or an address that is not plainly one makes the host unusable.
 */
#include "ldap/hosts.h"

#include "ldap/replica_state.h"

bool replica_host_name_is_good(struct bytes name)
{
    if (name.len == 0 || name.len > REPLICA_HOST_NAME_MAX || name.at[0] == '-' ||
        name.at[name.len - 1] == '-')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.at[i];

        if (!((c | 32) >= 'a' && (c | 32) <= 'z') && !(c >= '0' && c <= '9') && c != '-')
            return false;
    }
    return true;
}

bool replica_host(const struct replica *replica, struct bytes name, struct replica_host *ret_host,
                  struct error *err)
{
    struct replica_host host = {.n = 0};
    struct index_list list;
    struct entry_values values;

    if (!replica_host_name_is_good(name))
        return err_set(err, REASON_NO_HOST, "no name of a host");
    list = replica_list(replica, INDEX_HOST_NAME, role_match(ROLE_HOST_NAME), name);
    if (list.n != 1)
        return err_set(err, REASON_NO_HOST, list.n ? "%.*s: %zu entries" : "%.*s", (int)name.len,
                       (const char *)name.at, list.n);
    values = entry_role(&replica->attributes, list.at[0], ROLE_HOST_ADDRESS);
    if (values.n == 0 || values.n > REPLICA_HOST_ADDRESSES_MAX)
        return err_set(err, REASON_HOST_ADDRESS, "%.*s has %zu addresses", (int)name.len,
                       (const char *)name.at, values.n);
    for (; host.n < values.n; host.n++)
        if (!address_parse(values_get(values, host.n), &host.addresses[host.n], NULL))
            return err_set(err, REASON_HOST_ADDRESS, "%.*s: a value that is no address",
                           (int)name.len, (const char *)name.at);
    *ret_host = host;
    return true;
}
