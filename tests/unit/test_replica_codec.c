/* A replica as octets: what goes out comes back, and nothing else is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "replica_of_ldif.h"

static const char text[] = USER("alice", "10001") "mail: alice@example.org\n\n" USER(
    "bob", "10002") "\ndn: cn=admins,dc=x\nobjectClass: posixGroup\ncn: admins\ngidNumber: 5001\n"
                    "memberUid: alice\n";

static struct filler *people(void)
{
    struct replica_options options = RFC2307;
    struct error err = {0};

    assert_true(replica_options_add_filter(&options, bytes_of("(mail=x)"), &err));
    return filler_of_ldif(&options, text);
}

static void everything_comes_back(void **state)
{
    AUTO(filler_freep) struct filler *filler = people();
    AUTO(writer_clear) struct writer out = writer_new(1 << 20);
    AUTO(writer_clear) struct writer again = writer_new(1 << 20);
    AUTO(replica_freep) struct replica *back = NULL;
    struct replica_options plain = RFC2307;
    const struct replica_entry *alice;
    struct error err = {0};

    (void)state;
    replica_encode(filler_replica(filler), &out);
    assert_true(replica_decode(&plain, writer_bytes(&out), &back, &err));
    assert_int_equal(replica_as_of_ms(back), 1000);
    assert_int_equal(replica_count(back, REPLICA_USER), 2);
    assert_int_equal(replica_find(back, bytes_of("mail"), bytes_of("alice@example.org"), &alice, 1),
                     1);
    AUTO(account_freep) struct account *account = replica_account(back, alice, 0);
    assert_int_equal(account->reason, REASON_OK);
    assert_string_equal(account->groups[0].name, "admins");
    replica_encode(back, &again);
    assert_int_equal(writer_bytes(&again).len, writer_bytes(&out).len);
}

static void every_shorter_snapshot_is_refused(void **state)
{
    AUTO(filler_freep) struct filler *filler = people();
    AUTO(writer_clear) struct writer out = writer_new(1 << 20);
    struct replica_options plain = RFC2307;
    struct replica *back = NULL;
    struct error err = {0};

    (void)state;
    replica_encode(filler_replica(filler), &out);
    for (size_t len = 0; len < writer_bytes(&out).len; len++)
        assert_false(replica_decode(&plain, (struct bytes){out.at, len}, &back, &err));
    writer_u8(&out, 0);
    assert_false(replica_decode(&plain, writer_bytes(&out), &back, &err));
    assert_int_equal(err.reason, REASON_MSG_MALFORMED);
}

static void the_receiver_sets_schema_and_least_id(void **state)
{
    AUTO(filler_freep) struct filler *filler = people();
    AUTO(writer_clear) struct writer out = writer_new(1 << 20);
    AUTO(replica_freep) struct replica *back = NULL;
    struct replica_options other = RFC2307BIS, strict = RFC2307;
    struct error err = {0};

    (void)state;
    replica_encode(filler_replica(filler), &out);
    assert_false(replica_decode(&other, writer_bytes(&out), &back, &err));
    strict.min_id = 10002;
    assert_true(replica_decode(&strict, writer_bytes(&out), &back, &err));
    AUTO(account_freep)
    struct account *alice = replica_account(back, replica_find_user(back, bytes_of("alice")), 0);
    assert_int_equal(alice->reason, REASON_ACCOUNT_INVALID);
}

static void slices_come_to_the_same(void **state)
{
    AUTO(filler_freep) struct filler *filler = people();
    AUTO(writer_clear) struct writer out = writer_new(1 << 20);
    AUTO(replica_decoder_freep) struct replica_decoder *decoder = NULL;
    AUTO(replica_freep) struct replica *back = NULL;
    struct replica_options plain = RFC2307;
    struct error err = {0};
    bool done = false;
    size_t steps = 0;

    (void)state;
    replica_encode(filler_replica(filler), &out);
    assert_true(replica_decoder_new(&plain, writer_bytes(&out), &decoder, &err));
    for (; !done; steps++)
        assert_true(replica_decoder_step(decoder, 1, &done, &err));
    assert_int_equal(steps, 3);
    back = replica_decoder_take(decoder);
    assert_int_equal(replica_count(back, REPLICA_USER), 2);
}

static void changes_are_applied(void **state)
{
    AUTO(filler_freep) struct filler *from = people();
    AUTO(writer_clear) struct writer put = writer_new(1 << 20);
    AUTO(writer_clear) struct writer removal = writer_new(64);
    AUTO(replica_freep) struct replica *to = NULL;
    struct replica_options options = RFC2307;
    const struct replica_entry *bob = replica_find_user(filler_replica(from), bytes_of("bob"));
    struct error err = {0};

    (void)state;
    assert_true(replica_new(&options, &to, &err));
    replica_encode_put(filler_replica(from), bob, &put);
    assert_true(replica_apply(to, writer_bytes(&put), NULL, &err));
    assert_non_null(replica_find_user(to, bytes_of("bob")));
    replica_encode_remove(replica_entry_uuid(bob), &removal);
    assert_true(replica_apply(to, writer_bytes(&removal), NULL, &err));
    assert_null(replica_find_user(to, bytes_of("bob")));
}

static void broken_changes_are_refused(void **state)
{
    AUTO(filler_freep) struct filler *from = people();
    AUTO(writer_clear) struct writer put = writer_new(1 << 20);
    const struct replica_entry *bob = replica_find_user(filler_replica(from), bytes_of("bob"));
    static const uint8_t unknown[] = {3}, short_removal[] = {2, 0, 0}, none[] = {0};
    struct error err = {0};

    (void)state;
    replica_encode_put(filler_replica(from), bob, &put);
    for (size_t len = 0; len < writer_bytes(&put).len; len++)
        assert_false(replica_apply(filler_replica(from), (struct bytes){put.at, len}, NULL, &err));
    assert_false(replica_apply(filler_replica(from), (struct bytes){unknown, 1}, NULL, &err));
    assert_false(replica_apply(filler_replica(from), (struct bytes){short_removal, 3}, NULL, &err));
    assert_false(replica_apply(filler_replica(from), (struct bytes){none, 1}, NULL, &err));
    assert_int_equal(replica_count(filler_replica(from), REPLICA_USER), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_comes_back),
        cmocka_unit_test(every_shorter_snapshot_is_refused),
        cmocka_unit_test(the_receiver_sets_schema_and_least_id),
        cmocka_unit_test(slices_come_to_the_same),
        cmocka_unit_test(changes_are_applied),
        cmocka_unit_test(broken_changes_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
