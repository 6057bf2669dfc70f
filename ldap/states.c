/*
 * The table of account states. A row sees the values of its attribute and says whether they deny
 * and until when; several values, or one that cannot be read, deny. No attribute: the row does not
 * apply.
 */
#include "ldap/states.h"

#include "common/text.h"

enum { DAY_S = 86400 };
enum verdict { VERDICT_FINE, VERDICT_DENY };

/* shadowExpire (RFC 2307): days since 1970; from that day on the account is expired. -1: never. */
static enum verdict expire_days(struct bytes value, int64_t now_s, int64_t *ret_until_s)
{
    uint64_t days;

    if (bytes_equal(value, bytes_of("-1")))
        return VERDICT_FINE;
    if (!text_u64(value, &days) || days > INT64_MAX / DAY_S)
        return VERDICT_DENY;
    if (now_s >= (int64_t)days * DAY_S)
        return VERDICT_DENY;
    *ret_until_s = (int64_t)days * DAY_S;
    return VERDICT_FINE;
}

/*
 * pwdAccountLockedTime (draft-behera-ldap-password-policy 5.3.3): set means locked. When the lock
 * runs out by itself is in the server's policy, which we do not see: it holds until the server
 * removes the value.
 */
static enum verdict locked_time(struct bytes value, int64_t now_s, int64_t *ret_until_s)
{
    (void)value;
    (void)now_s;
    (void)ret_until_s;
    return VERDICT_DENY;
}

/* nsAccountLock (389-DS): TRUE or FALSE. */
static enum verdict lock_flag(struct bytes value, int64_t now_s, int64_t *ret_until_s)
{
    (void)now_s;
    (void)ret_until_s;
    return text_equal_nocase(value, bytes_of("FALSE")) ? VERDICT_FINE : VERDICT_DENY;
}

static const struct {
    enum attribute_role role;
    enum reason reason;
    enum verdict (*judge)(struct bytes value, int64_t now_s, int64_t *ret_until_s);
    const char *name;
} rows[] = {
    {ROLE_EXPIRE_DAYS, REASON_ACCOUNT_EXPIRED, expire_days, "shadowExpire"},
    {ROLE_LOCKED_TIME, REASON_ACCOUNT_LOCKED, locked_time, "pwdAccountLockedTime"},
    {ROLE_LOCK_FLAG, REASON_ACCOUNT_LOCKED, lock_flag, "nsAccountLock"},
};

struct state state_of(const struct attributes *attributes, const struct replica_entry *entry,
                      int64_t now_s)
{
    struct state state = {REASON_OK, "", REPLICA_NEVER};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct entry_values values = entry_role(attributes, entry, rows[i].role);
        int64_t until_s = REPLICA_NEVER;

        if (values.n == 0)
            continue;
        if (values.n > 1 || rows[i].judge(values_get(values, 0), now_s, &until_s) == VERDICT_DENY)
            return (struct state){rows[i].reason, rows[i].name, until_s};
        if (until_s < state.until_s)
            state.until_s = until_s;
    }
    return state;
}
