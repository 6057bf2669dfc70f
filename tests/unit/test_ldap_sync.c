/* The octets of RFC 4533: what servers send, and what none may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ldap/directory.h"
#include "ldap/sync.h"

#define B(lit)                                                                                     \
    {                                                                                              \
        (const uint8_t *)(lit), sizeof(lit) - 1                                                    \
    }
#define UUID "\4\20ABCDEFGHIJKLMNOP"

static const struct {
    const char *name;
    struct bytes in;
    int state; /* -1: refused */
    const char *cookie;
} states[] = {
    {"present", B("\x30\x15\x0a\1\0" UUID), SYNC_PRESENT, ""},
    {"add with a cookie", B("\x30\x19\x0a\1\1" UUID "\4\2c1"), SYNC_ADD, "c1"},
    {"delete", B("\x30\x15\x0a\1\3" UUID), SYNC_DELETE, ""},
    {"long form of a length", B("\x30\x81\x15\x0a\1\2" UUID), SYNC_MODIFY, ""},
    {"state 4", B("\x30\x15\x0a\1\4" UUID), -1, ""},
    {"state of two octets", B("\x30\x16\x0a\2\0\1" UUID), -1, ""},
    {"short uuid",
     B("\x30\x14\x0a\1\1\4\17"
       "ABCDEFGHIJKLMNO"),
     -1, ""},
    {"no uuid", B("\x30\3\x0a\1\1"), -1, ""},
    {"length runs past the end", B("\x30\x16\x0a\1\1" UUID), -1, ""},
    {"octets left over", B("\x30\x15\x0a\1\1" UUID "x"), -1, ""},
    {"octets left over inside", B("\x30\x17\x0a\1\1" UUID "\5\0"), -1, ""},
    {"indefinite length", B("\x30\x80\x0a\1\1" UUID "\0\0"), -1, ""},
    {"another tag", B("\x31\x15\x0a\1\1" UUID), -1, ""},
    {"nothing", {NULL, 0}, -1, ""},
};

static void states_decode(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        struct sync_entry entry;
        struct error err = {0};
        bool taken = sync_state_decode(states[i].in, &entry, &err);
        if (taken != (states[i].state >= 0))
            fail_msg("%s", states[i].name);
        if (!taken)
            continue;
        assert_int_equal(entry.state, states[i].state);
        assert_memory_equal(entry.uuid.octets, "ABCDEFGHIJKLMNOP", 16);
        assert_true(bytes_equal(entry.cookie, bytes_of(states[i].cookie)));
    }
}

static const struct {
    const char *name;
    struct bytes in;
    int kind; /* -1: refused */
    bool done, deletes;
    size_t uuids;
} infos[] = {
    {"new cookie", B("\x80\2c1"), SYNC_NEW_COOKIE, false, false, 0},
    {"refresh by deletes is over", B("\xa1\0"), SYNC_REFRESH_DELETE, true, false, 0},
    {"with a cookie", B("\xa1\4\4\2c1"), SYNC_REFRESH_DELETE, true, false, 0},
    {"presents are over, deletes follow", B("\xa2\3\1\1\0"), SYNC_REFRESH_PRESENT, false, false, 0},
    {"present ids", B("\xa3\x14\x31\x12" UUID), SYNC_ID_SET, false, false, 1},
    {"deleted ids", B("\xa3\x29\1\1\xff\x31\x24" UUID UUID), SYNC_ID_SET, false, true, 2},
    {"no ids", B("\xa3\2\x31\0"), SYNC_ID_SET, false, false, 0},
    {"unknown kind", B("\xa4\0"), -1, false, false, 0},
    {"set missing", B("\xa3\0"), -1, false, false, 0},
    {"short uuid in the set", B("\xa3\4\x31\2\4\0"), -1, false, false, 0},
    {"octets behind the set", B("\xa3\4\x31\0\5\0"), -1, false, false, 0},
    {"half a uuid at the end", B("\xa3\x16\x31\x14" UUID "\4\20"), -1, false, false, 0},
    {"flag of two octets", B("\xa1\4\1\2\0\0"), -1, false, false, 0},
    {"octets left over", B("\xa1\0x"), -1, false, false, 0},
    {"nothing", {NULL, 0}, -1, false, false, 0},
};

static void infos_decode(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(infos); i++) {
        struct sync_info info;
        struct error err = {0};
        bool taken = sync_info_decode(infos[i].in, &info, &err);
        if (taken != (infos[i].kind >= 0))
            fail_msg("%s", infos[i].name);
        if (!taken)
            continue;
        if ((int)info.kind != infos[i].kind || info.refresh_done != infos[i].done ||
            info.refresh_deletes != infos[i].deletes || info.n_uuids != infos[i].uuids)
            fail_msg("%s: kind %d, %zu ids", infos[i].name, (int)info.kind, info.n_uuids);
        free(info.uuids);
    }
}

static void requests_carry_the_cookie(void **state)
{
    struct berval *whole = sync_request_encode((struct bytes){NULL, 0});
    struct berval *more = sync_request_encode(bytes_of("c1"));

    (void)state;
    assert_int_equal(whole->bv_len, 5);
    assert_memory_equal(whole->bv_val, "\x30\3\x0a\1\3", 5);
    assert_int_equal(more->bv_len, 9);
    assert_memory_equal(more->bv_val, "\x30\7\x0a\1\3\4\2c1", 9);
    ber_bvfree(whole);
    ber_bvfree(more);
}

static const struct {
    const char *name, *uri, *ca, *certificate, *bind_dn, *password;
    enum directory_bind bind;
    enum reason reason;
} configs[] = {
    {"anonymous", "ldap://h", NULL, NULL, NULL, NULL, DIRECTORY_ANONYMOUS, REASON_OK},
    {"ldapi with EXTERNAL", "ldapi://%2Frun%2Fl", NULL, NULL, NULL, NULL, DIRECTORY_EXTERNAL,
     REASON_OK},
    {"simple", "ldaps://h", "ca", NULL, "cn=a", "secret", DIRECTORY_SIMPLE, REASON_OK},
    {"no scheme", "h", NULL, NULL, NULL, NULL, DIRECTORY_ANONYMOUS, REASON_CONFIG_VALUE},
    {"another scheme", "http://h", NULL, NULL, NULL, NULL, DIRECTORY_ANONYMOUS,
     REASON_CONFIG_VALUE},
    {"no host", "ldap://", NULL, NULL, NULL, NULL, DIRECTORY_ANONYMOUS, REASON_CONFIG_VALUE},
    {"ldaps without anchors", "ldaps://h", NULL, NULL, NULL, NULL, DIRECTORY_ANONYMOUS,
     REASON_CONFIG_MISSING},
    {"simple without a password", "ldap://h", NULL, NULL, "cn=a", NULL, DIRECTORY_SIMPLE,
     REASON_CONFIG_MISSING},
    {"simple without a DN", "ldap://h", NULL, NULL, NULL, "secret", DIRECTORY_SIMPLE,
     REASON_CONFIG_MISSING},
    {"EXTERNAL in clear text", "ldap://h", NULL, "c", NULL, NULL, DIRECTORY_EXTERNAL,
     REASON_CONFIG_MISSING},
    {"EXTERNAL without a certificate", "ldaps://h", "ca", NULL, NULL, NULL, DIRECTORY_EXTERNAL,
     REASON_CONFIG_MISSING},
};

static void configurations_are_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(configs); i++) {
        struct directory_config config = {.uris = &configs[i].uri,
                                          .n_uris = 1,
                                          .base = "dc=x",
                                          .bind = configs[i].bind,
                                          .bind_dn = configs[i].bind_dn,
                                          .password = bytes_of(configs[i].password),
                                          .ca_file = configs[i].ca,
                                          .certificate_file = configs[i].certificate,
                                          .key_file = configs[i].certificate};
        struct directory_calls calls = {NULL};
        struct directory *directory = NULL;
        struct error err = {.reason = REASON_OK};
        struct feed feed = {NULL};
        bool taken = directory_new(&config, &feed, &calls, &directory, &err);
        if (taken != (configs[i].reason == REASON_OK) || err.reason != configs[i].reason)
            fail_msg("%s: %s", configs[i].name, reason_name(err.reason));
        (void)directory_free(directory);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_decode),
        cmocka_unit_test(infos_decode),
        cmocka_unit_test(requests_carry_the_cookie),
        cmocka_unit_test(configurations_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
