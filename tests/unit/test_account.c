/* Accounts: names, ids, states, groups with nested closure; most of it is what must not pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "replica_of_ldif.h"

enum { DAY_S = 86400, NOW_S = 20000 * DAY_S + 3600 };

static struct account *account_of(struct filler *filler)
{
    const struct replica_entry *found[4];
    size_t n = replica_find(filler_replica(filler), bytes_of("sn"), bytes_of("it"), found, 4);

    if (n != 1)
        fail_msg("%zu entries are it", n);
    return replica_account(filler_replica(filler), found[0], NOW_S);
}

/* A filler for text in which the one user with "sn: it" is looked at. */
static struct account *account_in(const char *schema, const char *text)
{
    struct replica_options options = {.schema = schema};
    struct error err = {0};
    struct account *account;
    struct filler *filler;

    assert_true(replica_options_add_filter(&options, bytes_of("(sn=x)"), &err));
    filler = filler_of_ldif(&options, text);
    account = account_of(filler);
    (void)filler_free(filler);
    return account;
}

#define IT(lines) "dn: uid=alice,ou=people,dc=x\nobjectClass: posixAccount\nsn: it\n" lines
#define FINE      "uid: alice\nuidNumber: 10001\ngidNumber: 5000\n"

/* --- names and ids --- */

static const struct {
    const char *name, *text;
    enum reason reason;
} entries[] = {
    {"plain", IT(FINE), REASON_OK},
    {"two names, one in the RDN", IT(FINE "uid: al\n"), REASON_OK},
    {"largest uid", IT("uid: alice\nuidNumber: 4294967294\ngidNumber: 5000\n"), REASON_OK},
    {"smallest uid", IT("uid: alice\nuidNumber: 1000\ngidNumber: 1000\n"), REASON_OK},
    {"another user", IT(FINE) "\n" USER("bob", "10002"), REASON_OK},

    {"no name", IT("uidNumber: 10001\ngidNumber: 5000\n"), REASON_ACCOUNT_INVALID},
    {"two names, none in the RDN", IT("uid: al\nuid: ali\nuidNumber: 10001\ngidNumber: 5000\n"),
     REASON_ACCOUNT_INVALID},
    {"name of 33 letters",
     IT("uid: abcdefghijklmnopqrstuvwxyz0123456\nuidNumber: 10001\n"
        "gidNumber: 5000\n"),
     REASON_ACCOUNT_INVALID},
    {"name with a leading -", IT("uid: -alice\nuidNumber: 10001\ngidNumber: 5000\n"),
     REASON_ACCOUNT_INVALID},
    {"name with a space", IT("uid: ali ce\nuidNumber: 10001\ngidNumber: 5000\n"),
     REASON_ACCOUNT_INVALID},
    {"name with a colon", IT("uid: alice:x\nuidNumber: 10001\ngidNumber: 5000\n"),
     REASON_ACCOUNT_INVALID},
    {"name with a slash", IT("uid: ../alice\nuidNumber: 10001\ngidNumber: 5000\n"),
     REASON_ACCOUNT_INVALID},
    {"name of a newline", IT("uid:: YWwKaWNl\nuidNumber: 10001\ngidNumber: 5000\n"),
     REASON_ACCOUNT_INVALID},
    {"name with a NUL", IT("uid:: YWwAaWNl\nuidNumber: 10001\ngidNumber: 5000\n"),
     REASON_ACCOUNT_INVALID},
    {"name of two dots", IT("uid: ..\nuidNumber: 10001\ngidNumber: 5000\n"),
     REASON_ACCOUNT_INVALID},
    {"name in UTF-8", IT("uid: m\xc3\xbcller\nuidNumber: 10001\ngidNumber: 5000\n"),
     REASON_ACCOUNT_INVALID},
    {"uid 0", IT("uid: alice\nuidNumber: 0\ngidNumber: 5000\n"), REASON_ACCOUNT_INVALID},
    {"uid 999", IT("uid: alice\nuidNumber: 999\ngidNumber: 5000\n"), REASON_ACCOUNT_INVALID},
    {"uid -1", IT("uid: alice\nuidNumber: -1\ngidNumber: 5000\n"), REASON_ACCOUNT_INVALID},
    {"uid 2^32-1", IT("uid: alice\nuidNumber: 4294967295\ngidNumber: 5000\n"),
     REASON_ACCOUNT_INVALID},
    {"uid 2^32+1000", IT("uid: alice\nuidNumber: 4294968296\ngidNumber: 5000\n"),
     REASON_ACCOUNT_INVALID},
    {"uid with a leading 0", IT("uid: alice\nuidNumber: 010001\ngidNumber: 5000\n"),
     REASON_ACCOUNT_INVALID},
    {"uid with letters", IT("uid: alice\nuidNumber: 10001x\ngidNumber: 5000\n"),
     REASON_ACCOUNT_INVALID},
    {"two uids", IT("uid: alice\nuidNumber: 10001\nuidNumber: 10002\ngidNumber: 5000\n"),
     REASON_ACCOUNT_INVALID},
    {"no uid", IT("uid: alice\ngidNumber: 5000\n"), REASON_ACCOUNT_INVALID},
    {"gid 0", IT("uid: alice\nuidNumber: 10001\ngidNumber: 0\n"), REASON_ACCOUNT_INVALID},
    {"gid 27", IT("uid: alice\nuidNumber: 10001\ngidNumber: 27\n"), REASON_ACCOUNT_INVALID},
    {"no gid", IT("uid: alice\nuidNumber: 10001\n"), REASON_ACCOUNT_INVALID},
    {"another user of the name",
     IT(FINE) "\ndn: cn=b,dc=x\nobjectClass: posixAccount\nuid: alice\nuidNumber: 10002\n",
     REASON_ACCOUNT_INVALID},
    {"another user of the name in other letters",
     IT(FINE) "\ndn: cn=b,dc=x\nobjectClass: posixAccount\nuid: ALICE\nuidNumber: 10002\n",
     REASON_ACCOUNT_INVALID},
    {"another user with the name beside its own",
     IT(FINE) "\ndn: uid=b,dc=x\nobjectClass: posixAccount\nuid: b\nuid: alice\nuidNumber: 2000\n",
     REASON_ACCOUNT_INVALID},
    {"another user of the uid", IT(FINE) "\n" USER("bob", "10001"), REASON_ACCOUNT_INVALID},
    {"another entry of the DN",
     IT(FINE
        "entryUUID: 01234567-89ab-cdef-0123-456789abcdef\n") "\n"
                                                             "dn: "
                                                             "UID=Alice,ou=people,dc="
                                                             "x\nobjectClass: posixAccount\nuid: "
                                                             "bob\nuidNumber: 10002\n",
     REASON_ACCOUNT_INVALID},
    {"two groups of the primary gid",
     IT(FINE) "\ndn: cn=a,dc=x\nobjectClass: posixGroup\ncn: a\ngidNumber: 5000\n\n"
              "dn: cn=b,dc=x\nobjectClass: posixGroup\ncn: b\ngidNumber: 5000\n",
     REASON_ACCOUNT_INVALID},
    {"two groups of one name, member of one",
     IT(FINE) "\ndn: cn=a,ou=1,dc=x\nobjectClass: posixGroup\ncn: a\ngidNumber: 5001\n"
              "memberUid: alice\n\ndn: cn=a,ou=2,dc=x\nobjectClass: posixGroup\ncn: A\n"
              "gidNumber: 5002\n",
     REASON_ACCOUNT_INVALID},
    {"two groups of one name, member of both",
     IT(FINE) "\ndn: cn=a,ou=1,dc=x\nobjectClass: posixGroup\ncn: a\ngidNumber: 5001\n"
              "memberUid: alice\n\ndn: cn=a,ou=2,dc=x\nobjectClass: posixGroup\ncn: A\n"
              "gidNumber: 5002\nmemberUid: alice\n",
     REASON_OK},
    {"a group without a name",
     IT(FINE) "\ndn: o=a,dc=x\nobjectClass: posixGroup\ngidNumber: 5001\nmemberUid: alice\n",
     REASON_ACCOUNT_INVALID},
    {"a group with a newline in its name",
     IT(FINE) "\ndn: o=a,dc=x\nobjectClass: posixGroup\ncn:: YQpi\nmemberUid: alice\n",
     REASON_ACCOUNT_INVALID},
};

static void entries_become_accounts_or_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
        AUTO(account_freep) struct account *account = account_in("rfc2307bis", entries[i].text);
        if (account->reason != entries[i].reason)
            fail_msg("%s: %s, %s", entries[i].name, reason_name(account->reason), account->detail);
        assert_int_equal(account->reason == REASON_OK, account->detail[0] == '\0');
        if (account->reason != REASON_OK)
            assert_int_equal(account->n_groups, 0);
    }
}

/* --- what the host has itself --- */

#define USERS_OF_HOST  "root:x:0:0::/root:/bin/sh\nlaptop:x:20001:20001::/home/laptop:/bin/sh\n"
#define GROUPS_OF_HOST "root:x:0:\nsudo:x:27:laptop\nlaptop:x:20001:\n"

static const struct {
    const char *name, *users, *groups; /* of the host; NULL: not known */
    const char *text, *detail;         /* "" the account may be used */
} hosts[] = {
    {"nobody of this host", USERS_OF_HOST, GROUPS_OF_HOST, IT(FINE), ""},
    {"name", USERS_OF_HOST, GROUPS_OF_HOST, IT("uid: laptop\nuidNumber: 10001\ngidNumber: 5000\n"),
     "laptop is an account of this host"},
    {"name in other letters", USERS_OF_HOST, GROUPS_OF_HOST,
     IT("uid: LapTop\nuidNumber: 10001\ngidNumber: 5000\n"), "LapTop is an account of this host"},
    {"root", USERS_OF_HOST, GROUPS_OF_HOST, IT("uid: root\nuidNumber: 10001\ngidNumber: 5000\n"),
     "root is an account of this host"},
    {"uid", USERS_OF_HOST, GROUPS_OF_HOST, IT("uid: alice\nuidNumber: 20001\ngidNumber: 5000\n"),
     "uid 20001 is an account of this host"},
    {"gid", USERS_OF_HOST, GROUPS_OF_HOST, IT("uid: alice\nuidNumber: 10001\ngidNumber: 20001\n"),
     "gid 20001 is a group of this host"},
    {"users not known", NULL, GROUPS_OF_HOST, IT(FINE), "the accounts of this host are not known"},
    {"groups not known", USERS_OF_HOST, NULL, IT(FINE), "the accounts of this host are not known"},
};

static void accounts_of_the_host_are_its_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        AUTO(local_names_freep) struct local_names *users = local_names_new();
        AUTO(local_names_freep) struct local_names *groups = local_names_new();
        struct replica_options options = {
            .schema = "rfc2307", .local_users = users, .local_groups = groups};
        AUTO(filler_freep) struct filler *filler = NULL;
        AUTO(account_freep) struct account *account = NULL;
        struct error err;
        bool changed;

        assert_true(replica_options_add_filter(&options, bytes_of("(sn=x)"), &err));
        filler = filler_of_ldif(&options, hosts[i].text);
        if (hosts[i].users)
            assert_true(local_names_set(users, bytes_of(hosts[i].users), &changed, &err));
        if (hosts[i].groups)
            assert_true(local_names_set(groups, bytes_of(hosts[i].groups), &changed, &err));
        account = account_of(filler);
        assert_int_equal(account->reason, hosts[i].detail[0] ? REASON_ACCOUNT_INVALID : REASON_OK);
        assert_string_equal(account->detail, hosts[i].detail);
    }
}

static void min_id_moves(void **state)
{
    struct replica_options options = {.schema = "rfc2307", .min_id = 10002};
    struct error err = {0};
    AUTO(filler_freep) struct filler *filler = NULL;
    AUTO(account_freep) struct account *account = NULL;

    (void)state;
    assert_true(replica_options_add_filter(&options, bytes_of("(sn=x)"), &err));
    filler = filler_of_ldif(&options, IT(FINE));
    account = account_of(filler);
    assert_int_equal(account->reason, REASON_ACCOUNT_INVALID);
}

/* --- what passwd(5) gets --- */

static const struct {
    const char *name, *lines, *home, *shell, *gecos;
} texts[] = {
    {"all there", "homeDirectory: /home/alice\nloginShell: /bin/bash\ngecos: Alice A\n",
     "/home/alice", "/bin/bash", "Alice A"},
    {"nothing there", "", "/nonexistent", "/bin/sh", ""},
    {"gecos from cn", "cn: Alice B\n", "/nonexistent", "/bin/sh", "Alice B"},
    {"relative", "homeDirectory: home\nloginShell: bash\n", "/nonexistent", "/usr/sbin/nologin",
     ""},
    {"colon", "homeDirectory: /a:b\nloginShell: /bin/sh:x\ngecos: a:b\n", "/nonexistent",
     "/usr/sbin/nologin", "a b"},
    {"parent", "homeDirectory: /home/../etc\nloginShell: /bin/..\n", "/nonexistent",
     "/usr/sbin/nologin", ""},
    {"dots in a name", "homeDirectory: /home/a..b\n", "/home/a..b", "/bin/sh", ""},
    {"newline", "homeDirectory:: L2EKYg==\nloginShell:: L2EKYg==\ngecos:: YQpi\n", "/nonexistent",
     "/usr/sbin/nologin", ""},
    {"shell with arguments", "loginShell: /bin/sh -c\n", "/nonexistent", "/usr/sbin/nologin", ""},
    {"two values", "homeDirectory: /a\nhomeDirectory: /b\nloginShell: /a\nloginShell: /b\n",
     "/nonexistent", "/usr/sbin/nologin", ""},
};

static void texts_are_sanitised(void **state)
{
    char text[1024];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        (void)snprintf(text, sizeof(text), "%s%s", IT(FINE), texts[i].lines);
        AUTO(account_freep) struct account *account = account_in("rfc2307bis", text);
        if (strcmp(account->home, texts[i].home) != 0 ||
            strcmp(account->shell, texts[i].shell) != 0 ||
            strcmp(account->gecos, texts[i].gecos) != 0)
            fail_msg("%s: %s %s %s", texts[i].name, account->home, account->shell, account->gecos);
    }
}

static void gecos_is_cut_between_characters(void **state)
{
    char text[1024];
    AUTO(account_freep) struct account *account = NULL;
    size_t len = (size_t)snprintf(text, sizeof(text), "%sgecos: a", IT(FINE));

    (void)state;
    for (size_t i = 0; i < 100; i++)
        memcpy(text + len + 2 * i, "\xc3\xbc", 2);
    memcpy(text + len + 200, "\n", 2);
    account = account_in("rfc2307bis", text);
    assert_int_equal(strlen(account->gecos), 127);
}

/* --- states --- */

static const struct {
    const char *lines;
    enum reason reason;
    int64_t until_s;
} states[] = {
    {"", REASON_OK, REPLICA_NEVER},
    {"shadowExpire: -1\n", REASON_OK, REPLICA_NEVER},
    {"shadowExpire: 20001\n", REASON_OK, 20001LL * DAY_S},
    {"nsAccountLock: FALSE\n", REASON_OK, REPLICA_NEVER},
    {"nsAccountLock: false\nshadowExpire: 30000\n", REASON_OK, 30000LL * DAY_S},
    {"shadowExpire: 20000\n", REASON_ACCOUNT_EXPIRED, REPLICA_NEVER},
    {"shadowExpire: 0\n", REASON_ACCOUNT_EXPIRED, REPLICA_NEVER},
    {"shadowExpire: 1\n", REASON_ACCOUNT_EXPIRED, REPLICA_NEVER},
    {"shadowExpire:\n", REASON_ACCOUNT_EXPIRED, REPLICA_NEVER},
    {"shadowExpire: never\n", REASON_ACCOUNT_EXPIRED, REPLICA_NEVER},
    {"shadowExpire: -2\n", REASON_ACCOUNT_EXPIRED, REPLICA_NEVER},
    {"shadowExpire: 20001 \n", REASON_ACCOUNT_EXPIRED, REPLICA_NEVER},
    {"shadowExpire: 99999999999999999999\n", REASON_ACCOUNT_EXPIRED, REPLICA_NEVER},
    {"shadowExpire: 18446744073709551615\n", REASON_ACCOUNT_EXPIRED, REPLICA_NEVER},
    {"shadowExpire: 30000\nshadowExpire: 30001\n", REASON_ACCOUNT_EXPIRED, REPLICA_NEVER},
    {"nsAccountLock: TRUE\n", REASON_ACCOUNT_LOCKED, REPLICA_NEVER},
    {"nsAccountLock: maybe\n", REASON_ACCOUNT_LOCKED, REPLICA_NEVER},
    {"nsAccountLock:\n", REASON_ACCOUNT_LOCKED, REPLICA_NEVER},
    {"pwdAccountLockedTime: 000001010000Z\n", REASON_ACCOUNT_LOCKED, REPLICA_NEVER},
    {"pwdAccountLockedTime: 20200101000000Z\n", REASON_ACCOUNT_LOCKED, REPLICA_NEVER},
    {"pwdAccountLockedTime: x\n", REASON_ACCOUNT_LOCKED, REPLICA_NEVER},
};

static void states_deny(void **state)
{
    char text[1024];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        (void)snprintf(text, sizeof(text), "%s%s", IT(FINE), states[i].lines);
        AUTO(account_freep) struct account *account = account_in("rfc2307", text);
        if (account->reason != states[i].reason || account->state_until_s != states[i].until_s)
            fail_msg("%s: %s until %lld", states[i].lines, reason_name(account->reason),
                     (long long)account->state_until_s);
    }
}

static void creation_is_known_or_not(void **state)
{
    AUTO(account_freep)
    struct account *known = account_in("rfc2307", IT(FINE "createTimestamp: 20200102030405Z\n"));
    AUTO(account_freep)
    struct account *garbage = account_in("rfc2307", IT(FINE "createTimestamp: long ago\n"));
    AUTO(account_freep) struct account *absent = account_in("rfc2307", IT(FINE));

    (void)state;
    assert_int_equal(known->created_s, 1577934245);
    assert_int_equal(garbage->created_s, -1);
    assert_int_equal(absent->created_s, -1);
}

/* --- groups --- */

#define ALICE "uid=alice,ou=people,dc=x"
#define G(name, lines)                                                                             \
    "\ndn: cn=" name ",dc=x\nobjectClass: posixGroup\nobjectClass: groupOfNames\ncn: " name        \
    "\n" lines

static const struct {
    const char *name, *schema, *text, *groups; /* in any order */
} closures[] = {
    {"none", "rfc2307bis", IT(FINE), ""},
    {"primary", "rfc2307bis", IT(FINE) G("p", "gidNumber: 5000\n"), "p=5000"},
    {"by name", "rfc2307", IT(FINE) G("a", "gidNumber: 5001\nmemberUid: alice\n"), "a=5001"},
    {"by DN", "rfc2307bis", IT(FINE) G("a", "gidNumber: 5001\nmember: " ALICE "\n"), "a=5001"},
    {"DN in other letters", "rfc2307bis",
     IT(FINE) G("a", "gidNumber: 5001\nmember: UID=Alice, ou=PEOPLE,dc=X\n"), "a=5001"},
    {"uniqueMember with a bit string", "rfc2307bis",
     IT(FINE) "\ndn: cn=u,dc=x\nobjectClass: groupOfUniqueNames\ncn: u\nuniqueMember: " ALICE
              "#'01'B\n",
     "u=0"},
    {"both kinds in one group", "rfc2307bis",
     IT(FINE) G("a", "gidNumber: 5001\nmemberUid: alice\nmember: " ALICE "\n"), "a=5001"},
    {"nested", "rfc2307bis",
     IT(FINE) G("a", "gidNumber: 5001\nmember: " ALICE "\n")
         G("b", "gidNumber: 5002\nmember: CN=A,dc=x\n")
             G("c", "gidNumber: 5003\nmember: cn=b,dc=x\n"),
     "a=5001 b=5002 c=5003"},
    {"parents of the primary group", "rfc2307bis",
     IT(FINE) G("p", "gidNumber: 5000\n") G("b", "gidNumber: 5002\nmember: cn=p,dc=x\n"),
     "b=5002 p=5000"},
    {"loop", "rfc2307bis",
     IT(FINE) G("a", "gidNumber: 5001\nmember: " ALICE "\nmember: cn=b,dc=x\n")
         G("b", "gidNumber: 5002\nmember: cn=a,dc=x\n"),
     "a=5001 b=5002"},
    {"group in itself", "rfc2307bis",
     IT(FINE) G("a", "gidNumber: 5001\nmember: " ALICE "\nmember: cn=a,dc=x\n"), "a=5001"},
    {"gid below the least has no number", "rfc2307bis",
     IT(FINE) G("sudo", "gidNumber: 27\nmember: " ALICE "\n"), "sudo=0"},
    {"gid 0 has no number", "rfc2307bis", IT(FINE) G("wheel", "gidNumber: 0\nmemberUid: alice\n"),
     "wheel=0"},
    {"rfc2307 knows no member", "rfc2307", IT(FINE) G("a", "gidNumber: 5001\nmember: " ALICE "\n"),
     ""},
    {"memberUid in other letters", "rfc2307", IT(FINE) G("a", "memberUid: Alice\n"), ""},
    {"memberUid of a second name", "rfc2307", IT(FINE "uid: al\n") G("a", "memberUid: al\n"), ""},
    {"another DN", "rfc2307bis", IT(FINE) G("a", "member: uid=alice,ou=other,dc=x\n"), ""},
    {"malformed member", "rfc2307bis", IT(FINE) G("a", "member: alice\n"), ""},
};

static int text_compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void closures_are_complete(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(closures); i++) {
        AUTO(account_freep)
        struct account *account = account_in(closures[i].schema, closures[i].text);
        char names[8][32], text[sizeof(names) + 8] = "";
        assert_int_equal(account->reason, REASON_OK);
        assert_true(account->n_groups <= 8);
        for (size_t g = 0; g < account->n_groups; g++)
            (void)snprintf(names[g], sizeof(names[g]), "%s=%u", account->groups[g].name,
                           account->groups[g].gid);
        qsort(names, account->n_groups, sizeof(names[0]), text_compare);
        for (size_t g = 0, at = 0; g < account->n_groups; g++)
            at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%.31s", g ? " " : "", names[g]);
        if (strcmp(text, closures[i].groups) != 0)
            fail_msg("%s: %s", closures[i].name, text);
    }
}

/* A chain of n groups above alice. */
static struct account *chain(size_t n)
{
    AUTO(char_freep) char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    struct account *account;

    fprintf(out, "%s", IT(FINE));
    for (size_t i = 0; i < n; i++) {
        fprintf(out, "\ndn: cn=g%zu,dc=x\nobjectClass: groupOfNames\ncn: g%zu\n", i, i);
        if (i == 0)
            fprintf(out, "member: " ALICE "\n");
        else
            fprintf(out, "member: cn=g%zu,dc=x\n", i - 1);
    }
    fclose(out);
    account = account_in("rfc2307bis", text);
    return account;
}

/* Policies see the names; the host sees no gid, and so no group. */
static void groups_of_the_host_are_names_only(void **state)
{
    AUTO(local_names_freep) struct local_names *groups = local_names_new();
    struct replica_options options = {.schema = "rfc2307", .local_groups = groups};
    AUTO(filler_freep) struct filler *filler = NULL;
    AUTO(account_freep) struct account *account = NULL;
    struct error err;
    bool changed;

    (void)state;
    assert_true(replica_options_add_filter(&options, bytes_of("(sn=x)"), &err));
    filler =
        filler_of_ldif(&options, IT(FINE) G("ops", "gidNumber: 5001\nmemberUid: alice\n")
                                     G("Adm", "gidNumber: 5002\nmemberUid: alice\n")
                                         G("mine", "gidNumber: 20001\nmemberUid: alice\n")
                                             G("Wheel", "gidNumber: 5003\nmemberUid: alice\n"));
    assert_true(local_names_set(groups, bytes_of("root:x:0:\nadm:x:4:\nlaptop:x:20001:\n"),
                                &changed, &err));
    account = account_of(filler);
    assert_int_equal(account->reason, REASON_OK);
    assert_int_equal(account->n_groups, 4);
    for (size_t i = 0; i < account->n_groups; i++)
        assert_int_equal(account->groups[i].gid,
                         strcmp(account->groups[i].name, "ops") == 0 ? 5001 : 0);
}

static void depth_is_limited(void **state)
{
    AUTO(account_freep) struct account *most = chain(REPLICA_GROUP_DEPTH_MAX);
    AUTO(account_freep) struct account *more = chain(REPLICA_GROUP_DEPTH_MAX + 1);

    (void)state;
    assert_int_equal(most->reason, REASON_OK);
    assert_int_equal(most->n_groups, REPLICA_GROUP_DEPTH_MAX);
    assert_int_equal(more->reason, REASON_GROUP_LIMIT);
    assert_int_equal(more->n_groups, 0);
}

static void number_is_limited(void **state)
{
    AUTO(char_freep) char *text = NULL;
    AUTO(account_freep) struct account *account = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    (void)state;
    fprintf(out, "%s", IT(FINE));
    for (size_t i = 0; i <= REPLICA_GROUPS_MAX; i++)
        fprintf(out, "\ndn: cn=g%zu,dc=x\nobjectClass: posixGroup\ncn: g%zu\nmemberUid: alice\n", i,
                i);
    fclose(out);
    account = account_in("rfc2307", text);
    assert_int_equal(account->reason, REASON_GROUP_LIMIT);
    assert_int_equal(account->n_groups, 0);
}

static void states_keep_the_groups(void **state)
{
    AUTO(account_freep)
    struct account *account = account_in(
        "rfc2307", IT(FINE "nsAccountLock: TRUE\n") G("a", "gidNumber: 5001\nmemberUid: alice\n"));

    (void)state;
    assert_int_equal(account->reason, REASON_ACCOUNT_LOCKED);
    assert_string_equal(account->detail, "nsAccountLock");
    assert_true(account_in_group(account, bytes_of("A")));
    assert_false(account_in_group(account, bytes_of("b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_become_accounts_or_not),
        cmocka_unit_test(min_id_moves),
        cmocka_unit_test(accounts_of_the_host_are_its_own),
        cmocka_unit_test(groups_of_the_host_are_names_only),
        cmocka_unit_test(texts_are_sanitised),
        cmocka_unit_test(gecos_is_cut_between_characters),
        cmocka_unit_test(states_deny),
        cmocka_unit_test(creation_is_known_or_not),
        cmocka_unit_test(closures_are_complete),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(number_is_limited),
        cmocka_unit_test(states_keep_the_groups),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
