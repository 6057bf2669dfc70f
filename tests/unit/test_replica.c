/* The replica: finding users, who is affected by a change, freshness. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "replica_of_ldif.h"

#define PEOPLE                                                                                     \
    USER("alice", "10001")                                                                         \
    "mail: Alice@Example.org\nmail: a@example.org\n\n" USER(                                       \
        "bob",                                                                                     \
        "10002") "mail: bob@example.org\nmail: shared@example.org\n\n" USER("carol",               \
                                                                            "10003") "mail: "      \
                                                                                     "shared@"     \
                                                                                     "example."    \
                                                                                     "org\n\n"
#define GROUP(name, gid)                                                                           \
    "dn: cn=" name ",ou=groups,dc=example,dc=org\nobjectClass: groupOfNames\n"                     \
    "objectClass: posixGroup\ncn: " name "\ngidNumber: " gid "\n"
#define MEMBER(name)       "member: UID=" name ", OU=People,dc=example,dc=org\n"
#define GROUP_MEMBER(name) "member: cn=" name ",ou=groups,dc=example,dc=org\n"

static struct filler *people(const char *more)
{
    char text[8192];
    struct replica_options options = RFC2307BIS;
    struct error err = {0};

    assert_true(replica_options_add_filter(&options, bytes_of("(mail={san.email!only})"), &err));
    assert_true(snprintf(text, sizeof(text), "%s%s", PEOPLE, more) < (int)sizeof(text));
    return filler_of_ldif(&options, text);
}

/* --- options --- */

static const struct {
    const char *filter, *extra; /* NULL: refused */
} filters[] = {
    {"(mail={san.email!only})", "mail,"},
    {"(&(mail={x})(|(employeeNumber={y})(MAIL={z})))", "mail,employeeNumber,"},
    {"(userCertificate;binary={cert!bin})", "userCertificate,"},
    {"", ""},
    {"mail=x", ""},
    {"(=x)", NULL},
    {"(ma il=x)", NULL},
    {"(*=x)", NULL},
};

static void filters_name_attributes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        struct replica_options options = RFC2307;
        struct error err = {0};
        char names[256] = "";
        bool done = replica_options_add_filter(&options, bytes_of(filters[i].filter), &err);
        for (size_t n = 0; n < options.n_extra; n++) {
            size_t len = strlen(names);
            (void)snprintf(names + len, sizeof(names) - len, "%s,", options.extra[n]);
        }
        if (done != (filters[i].extra != NULL) || (done && strcmp(names, filters[i].extra) != 0))
            fail_msg("%s: %s", filters[i].filter, names);
    }
}

static void an_unknown_schema_is_refused(void **state)
{
    struct replica_options options = {.schema = "rfc2308"};
    struct replica *replica = NULL;
    struct error err = {0};

    (void)state;
    assert_false(replica_new(&options, &replica, &err));
    assert_int_equal(err.reason, REASON_CONFIG_VALUE);
}

/* --- finding --- */

static const struct {
    const char *name, *attribute, *value;
    size_t found;
} finds[] = {
    {"by mail", "mail", "alice@example.org", 1},
    {"attribute and value in other letters", "MAIL", "ALICE@example.ORG", 1},
    {"second value", "mail", "a@example.org", 1},
    {"two users", "mail", "shared@example.org", 2},
    {"by uid", "uid", "bob", 1},
    {"by uidNumber", "uidNumber", "10003", 1},
    {"part of a value", "mail", "alice@example.or", 0},
    {"wildcard is a letter", "mail", "*", 0},
    {"nobody", "mail", "dave@example.org", 0},
    {"empty value", "mail", "", 0},
    {"attribute that is not indexed", "homeDirectory", "/home/bob", 0},
    {"attribute that is not kept", "employeeNumber", "1", 0},
    {"no attribute", "", "bob", 0},
    {"groups are not found", "cn", "admins", 0},
};

static void users_are_found(void **state)
{
    AUTO(filler_freep)
    struct filler *filler = people(GROUP("admins", "5001") "mail: alice@example.org\n");
    const struct replica_entry *found[1];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(finds); i++) {
        size_t n = replica_find(filler_replica(filler), bytes_of(finds[i].attribute),
                                bytes_of(finds[i].value), found, 1);
        if (n != finds[i].found)
            fail_msg("%s: %zu", finds[i].name, n);
        if (n && !replica_entry_has(filler_replica(filler), found[0], bytes_of(finds[i].attribute),
                                    bytes_of(finds[i].value)))
            fail_msg("%s: the entry does not have it", finds[i].name);
    }
}

static void login_names_are_exact(void **state)
{
    AUTO(filler_freep) struct filler *filler = people("");
    const struct replica *replica = filler_replica(filler);

    (void)state;
    assert_non_null(replica_find_user(replica, bytes_of("alice")));
    assert_null(replica_find_user(replica, bytes_of("Alice")));
    assert_null(replica_find_user(replica, bytes_of(" alice")));
    assert_null(replica_find_user(replica, bytes_of("")));
    assert_null(replica_find_user(replica, bytes_of("dave")));
}

static void only_what_is_asked_for_is_kept(void **state)
{
    AUTO(filler_freep)
    struct filler *filler = people(USER("dave", "10004") "userPassword: secret\n");
    const struct replica_entry *dave = replica_find_user(filler_replica(filler), bytes_of("dave"));

    (void)state;
    assert_non_null(dave);
    assert_null(replica_entry_value(filler_replica(filler), dave, bytes_of("userPassword"), 0).at);
    assert_true(replica_knows(filler_replica(filler), bytes_of("mail")));
    assert_false(replica_knows(filler_replica(filler), bytes_of("userPassword")));
}

static void entries_of_no_use_are_not_kept(void **state)
{
    AUTO(filler_freep)
    struct filler *filler = people("dn: ou=people,dc=example,dc=org\nobjectClass: "
                                   "organizationalUnit\nou: people\n");

    (void)state;
    assert_int_equal(replica_count(filler_replica(filler), REPLICA_USER), 3);
    assert_int_equal(replica_count(filler_replica(filler), REPLICA_GROUP), 0);
    assert_int_equal(replica_count(filler_replica(filler), REPLICA_OTHER), 0);
}

/* --- who is affected --- */

struct names {
    char text[256];
};

static void name_add(void *context, const char *name)
{
    struct names *names = context;
    size_t len = strlen(names->text);

    (void)snprintf(names->text + len, sizeof(names->text) - len, "%s ", name);
}

static int name_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "bob alice " -> "alice bob" */
static void names_sort(struct names *names)
{
    char copy[sizeof(names->text)], *at[32], *rest = copy;
    size_t n = 0;

    memcpy(copy, names->text, sizeof(copy));
    for (char *word = strsep(&rest, " "); word && n < 32; word = strsep(&rest, " "))
        if (*word)
            at[n++] = word;
    qsort(at, n, sizeof(at[0]), name_compare);
    names->text[0] = '\0';
    for (size_t i = 0; i < n; i++)
        (void)snprintf(names->text + strlen(names->text), sizeof(names->text) - strlen(names->text),
                       "%s%s", i ? " " : "", at[i]);
}

/* Applies an LDIF entry to a replica through put, outside of a refresh. */
struct one {
    struct replica *replica;
    struct replica_affected affected;
};

static bool one_put(void *context, const struct replica_record *record, struct error *err)
{
    struct one *one = context;

    return replica_put(one->replica, record, &one->affected, err);
}

static void one_refresh(void *context, bool whole)
{
    (void)context;
    (void)whole;
}

static bool one_consistent(void *context, int64_t as_of_ms, struct bytes cookie,
                           enum feed_absent absent, struct error *err)
{
    (void)context;
    (void)as_of_ms;
    (void)cookie;
    (void)absent;
    (void)err;
    return true;
}

static void put(struct replica *replica, const char *ldif, struct names *ret_names)
{
    struct one one = {replica, {name_add, ret_names}};
    struct feed feed = {
        .refresh = one_refresh, .put = one_put, .consistent = one_consistent, .context = &one};
    struct error err = {0};

    ret_names->text[0] = '\0';
    if (!ldif_feed(bytes_of(ldif), &feed, 0, &err))
        fail_msg("%s", err.detail);
    names_sort(ret_names);
}

#define ADMINS GROUP("admins", "5001") MEMBER("alice")
#define STAFF  GROUP("staff", "5002") GROUP_MEMBER("admins") MEMBER("bob")

static const struct {
    const char *name, *change, *affected;
} changes[] = {
    {"the same again", ADMINS, ""},
    {"a new user", USER("dave", "10004"), "dave"},
    {"an attribute of a user",
     USER("bob",
          "10002") "loginShell: /bin/bash\nmail: bob@example.org\nmail: shared@example.org\n",
     "bob"},
    {"a shared mail goes", USER("bob", "10002") "mail: bob@example.org\n", "bob carol"},
    {"a user takes another's uid", USER("dave", "10002"), "bob dave"},
    {"a user takes another's mail", USER("dave", "10004") "mail: BOB@example.org\n", "bob dave"},
    {"a user takes another's name",
     "dn: cn=x,dc=example,dc=org\nobjectClass: posixAccount\nuid: bob\nuidNumber: 10009\n", "bob"},
    {"a member comes", GROUP("admins", "5001") MEMBER("alice") MEMBER("carol"), "carol"},
    {"a member goes", GROUP("admins", "5001"), "alice"},
    {"a member is replaced", GROUP("admins", "5001") MEMBER("bob"), "alice bob"},
    {"the same members, written otherwise",
     GROUP("admins", "5001") "member: uid=ALICE,ou=people,DC=example,dc=org\n", ""},
    {"a nested group comes",
     GROUP("staff", "5002") MEMBER("bob") GROUP_MEMBER("admins") GROUP_MEMBER("guests"), "carol"},
    {"a nested group goes", GROUP("staff", "5002") MEMBER("bob"), "alice"},
    {"a nested group is renamed",
     "dn: cn=admins,ou=groups,dc=example,dc=org\nobjectClass: groupOfNames\ncn: admins\ncn: "
     "root\nmember: uid=alice,ou=people,dc=example,dc=org\n",
     "alice"},
    {"a group's gid", GROUP("staff", "5009") GROUP_MEMBER("admins") MEMBER("bob"), "alice bob"},
    {"another group of the same name",
     "dn: cn=staff,dc=example,dc=org\nobjectClass: "
     "groupOfNames\ncn: staff\nmember: uid=carol,ou=people,"
     "dc=example,dc=org\n",
     "alice bob carol"},
    {"a primary group", GROUP("people", "5000"), "alice bob carol"},
    {"member by name", GROUP("other", "5003") "memberUid: carol\nmemberUid: nobody\n", "carol"},
    {"a loop", GROUP("admins", "5001") MEMBER("alice") GROUP_MEMBER("staff"), "alice bob"},
    {"no longer a user",
     "dn: uid=bob,ou=people,dc=example,dc=org\nobjectClass: account\nuid: bob\n", "bob carol"},
};

static void changes_name_the_affected(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        AUTO(filler_freep)
        struct filler *filler =
            people(ADMINS "\n" STAFF "\n" GROUP("guests", "5004") MEMBER("carol"));
        struct names names;
        put(filler_replica(filler), changes[i].change, &names);
        if (strcmp(names.text, changes[i].affected) != 0)
            fail_msg("%s: \"%s\"", changes[i].name, names.text);
    }
}

static void a_removal_names_the_affected(void **state)
{
    AUTO(filler_freep) struct filler *filler = people(ADMINS "\n" STAFF);
    struct replica *replica = filler_replica(filler);
    const struct replica_entry *bob = replica_find_user(replica, bytes_of("bob"));
    struct replica_uuid uuid = *replica_entry_uuid(bob);
    struct names names = {""};
    struct replica_affected affected = {name_add, &names};

    (void)state;
    assert_true(replica_remove(replica, &uuid, &affected));
    assert_string_equal(names.text, "bob carol "); /* who shared a mail with him */
    assert_null(replica_find_user(replica, bytes_of("bob")));
    assert_false(replica_remove(replica, &uuid, &affected));
}

/* --- limits and freshness --- */

static void broken_records_are_refused(void **state)
{
    static uint8_t large[REPLICA_VALUE_MAX + 1];
    AUTO(filler_freep) struct filler *filler = people("");
    struct replica_value value = {bytes_of("cn"), {large, sizeof(large)}};
    struct replica_record record = {.dn = bytes_of("cn=a"), .values = &value, .n_values = 1};
    struct error err = {0};

    (void)state;
    assert_false(replica_put(filler_replica(filler), &record, NULL, &err));
    assert_int_equal(err.reason, REASON_DIRECTORY_BAD_ANSWER);
    value.value.len = 1;
    record.dn = bytes_of("cn=a,,");
    assert_false(replica_put(filler_replica(filler), &record, NULL, &err));
    record.dn = bytes_of("");
    assert_false(replica_put(filler_replica(filler), &record, NULL, &err));
    assert_int_equal(replica_count(filler_replica(filler), REPLICA_USER), 3);
}

static void age_is_honest(void **state)
{
    struct replica_options options = RFC2307;
    AUTO(replica_freep) struct replica *replica = NULL;
    struct error err = {0};

    (void)state;
    assert_true(replica_new(&options, &replica, &err));
    assert_true(replica_age_ms(replica, 5000) == INT64_MAX);
    replica_set_as_of_ms(replica, 4000);
    assert_int_equal(replica_age_ms(replica, 5000), 1000);
    replica_set_as_of_ms(replica, 3000);
    assert_int_equal(replica_as_of_ms(replica), 4000);
    assert_int_equal(replica_age_ms(replica, 3500), 0);
}

/* In pieces of any size; a leak checker finds nothing left. */
static void it_is_freed_in_pieces(void **state)
{
    struct filler *filler = people(GROUP("g", "5001") MEMBER("alice") MEMBER("bob"));
    AUTO(writer_clear) struct writer octets = writer_new(1 << 16);
    struct replica_options options = *replica_options(filler_replica(filler));

    (void)state;
    replica_encode(filler_replica(filler), &octets);
    for (size_t n = 1; n < 1000; n = n * 9 + 1) {
        struct replica *replica = NULL;
        struct error err;
        size_t steps = 0;

        assert_true(replica_decode(&options, writer_bytes(&octets), &replica, &err));
        while ((replica = replica_free_some(replica, n)))
            assert_true(++steps < 100);
        assert_int_equal(steps > 3, n == 1);
    }
    assert_null(replica_free_some(NULL, 1));
    filler_free(filler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_freed_in_pieces),
        cmocka_unit_test(filters_name_attributes),
        cmocka_unit_test(an_unknown_schema_is_refused),
        cmocka_unit_test(users_are_found),
        cmocka_unit_test(login_names_are_exact),
        cmocka_unit_test(only_what_is_asked_for_is_kept),
        cmocka_unit_test(entries_of_no_use_are_not_kept),
        cmocka_unit_test(changes_name_the_affected),
        cmocka_unit_test(a_removal_names_the_affected),
        cmocka_unit_test(broken_records_are_refused),
        cmocka_unit_test(age_is_honest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
