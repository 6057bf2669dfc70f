/*
 * The octets of a set: the same for equal sets, refused when anything in them was changed.
 */
#include "policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

static const char *const services[] = {"web", "ssh"}, *const cas[] = {"users"};
static const bool confirmed[] = {false, true};
static const struct policy_world world = {services, confirmed, 2, cas, 1};

static const char nets[] = "network \"corp\" { cidr = {\"10.0.0.0/8\", \"2001:db8::/32\"} }\n"
                           "network \"lab\" { cidr = {\"192.0.2.0/24\"} }\n";
static const char rules[] =
    "rule \"b\" { services = {\"ssh\"} groups = {\"x\", \"y-*\"} login_as = {\"self\", \"root\"} "
    "}\n"
    "rule \"a\" { effect = \"deny\" not_networks = {\"corp\", \"198.51.100.0/24\"} order = 3\n"
    "  until = \"2027-03-31\" owner = \"o\" ticket = \"t\" message = \"m\" }\n"
    "rule \"c\" { users = {\"none\", \"*-bot\"} ca = {\"users\"} }\n";
/* The same, written in another order. */
static const char shuffled[] =
    "rule \"c\" { ca = {\"users\"} users = {\"*-bot\", \"none\"} }\n"
    "\n"
    "rule \"a\" { message = \"m\" not_networks = {\"198.51.100.0/24\", \"corp\"} order = 3\n"
    "  until = \"2027-03-31\" owner = \"o\" ticket = \"t\" effect = \"deny\" }\n"
    "rule \"b\" { login_as = {\"root\", \"self\"} services = {\"ssh\"} groups = {\"y-*\", \"x\"} "
    "}\n";

static struct policy_set *load(const struct policy_file *files, size_t n)
{
    struct policy_set *set = NULL;

    assert_true(policy_load(files, n, &world, NULL, &set));
    return set;
}

static void encode(const struct policy_file *files, size_t n, struct writer *out)
{
    AUTO(policy_freep) struct policy_set *set = load(files, n);

    policy_encode(set, out);
    assert_true(writer_ok(out));
}

static void test_order_of_files_does_not_matter(void **state)
{
    const struct policy_file one[] = {{"n", bytes_of(nets)}, {"r", bytes_of(rules)}};
    const struct policy_file other[] = {{"r", bytes_of(rules)}, {"n", bytes_of(nets)}};
    AUTO(writer_clear) struct writer a = writer_new(65536);
    AUTO(writer_clear) struct writer b = writer_new(65536);

    (void)state;
    encode(one, 2, &a);
    encode(other, 2, &b);
    assert_true(bytes_equal(writer_bytes(&a), writer_bytes(&b)));
}

/* But for the lines of two rules, which the octets hold for explanations. */
static void test_order_of_values_does_not_matter(void **state)
{
    const struct policy_file one[] = {{"n", bytes_of(nets)}, {"r", bytes_of(rules)}};
    const struct policy_file other[] = {{"n", bytes_of(nets)}, {"r", bytes_of(shuffled)}};
    AUTO(writer_clear) struct writer a = writer_new(65536);
    AUTO(writer_clear) struct writer b = writer_new(65536);
    size_t differences = 0;

    (void)state;
    encode(one, 2, &a);
    encode(other, 2, &b);
    assert_int_equal(a.len, b.len);
    for (size_t i = 0; i < a.len; i++)
        differences += a.at[i] != b.at[i];
    assert_int_equal(differences, 3);
}

static void test_round_trip(void **state)
{
    const struct policy_file files[] = {{"n", bytes_of(nets)}, {"r", bytes_of(rules)}};
    AUTO(writer_clear) struct writer a = writer_new(65536);
    AUTO(writer_clear) struct writer b = writer_new(65536);
    AUTO(policy_freep) struct policy_set *set = NULL;
    struct error err;

    (void)state;
    encode(files, 2, &a);
    assert_true(policy_decode(writer_bytes(&a), &set, &err));
    assert_int_equal(policy_n_rules(set), 3);
    policy_encode(set, &b);
    assert_true(bytes_equal(writer_bytes(&a), writer_bytes(&b)));
}

/* In slices of any size: the same set, with the same lists. */
static void test_slices(void **state)
{
    const struct policy_file files[] = {{"n", bytes_of(nets)}, {"r", bytes_of(rules)}};
    AUTO(writer_clear) struct writer a = writer_new(65536);

    (void)state;
    encode(files, 2, &a);
    for (size_t n = 0; n < 5; n++) {
        AUTO(policy_decoder_freep)
        struct policy_decoder *decoder = policy_decoder_new(writer_bytes(&a));
        AUTO(writer_clear) struct writer b = writer_new(65536);
        AUTO(policy_freep) struct policy_set *set = NULL;
        bool done = false;
        struct error err;
        size_t steps = 0;

        for (; !done && steps < 1000; steps++)
            assert_true(policy_decoder_step(decoder, n, &done, &err));
        assert_int_equal(done, n > 0); /* by nothing at a time it comes nowhere */
        if (!done)
            continue;
        assert_true(steps > 3);
        assert_true(policy_decoder_step(decoder, n, &done, &err) && done);
        set = policy_decoder_take(decoder);
        policy_encode(set, &b);
        assert_true(bytes_equal(writer_bytes(&a), writer_bytes(&b)));
    }
}

static void test_broken_stays_broken(void **state)
{
    AUTO(policy_decoder_freep)
    struct policy_decoder *decoder = policy_decoder_new(bytes_of("no policy set"));
    struct error err;
    bool done;

    (void)state;
    assert_false(policy_decoder_step(decoder, 1, &done, &err));
    assert_int_equal(err.reason, REASON_MSG_VERSION);
    assert_false(policy_decoder_step(decoder, 1, &done, &err));
    assert_int_equal(err.reason, REASON_MSG_MALFORMED);
}

static void test_empty_set(void **state)
{
    AUTO(writer_clear) struct writer a = writer_new(65536);
    AUTO(policy_freep) struct policy_set *set = NULL;
    struct error err;

    (void)state;
    encode(NULL, 0, &a);
    assert_true(policy_decode(writer_bytes(&a), &set, &err));
    assert_int_equal(policy_n_rules(set), 0);
}

static bool refuses(struct bytes in)
{
    AUTO(policy_freep) struct policy_set *set = NULL;
    struct error err = {.reason = REASON_OK};

    if (policy_decode(in, &set, &err))
        return false;
    assert_null(set);
    return err.reason == REASON_MSG_MALFORMED || err.reason == REASON_MSG_VERSION;
}

static void test_refuses_shorter_and_longer(void **state)
{
    const struct policy_file files[] = {{"n", bytes_of(nets)}, {"r", bytes_of(rules)}};
    AUTO(writer_clear) struct writer a = writer_new(65536);

    (void)state;
    encode(files, 2, &a);
    for (size_t len = 0; len < a.len; len++)
        assert_true(refuses((struct bytes){a.at, len}));
    writer_u8(&a, 0);
    assert_true(refuses(writer_bytes(&a)));
}

/* Changed octets either are refused or are what that other set encodes to. */
static void test_changed_octets_stay_canonical(void **state)
{
    const struct policy_file files[] = {{"n", bytes_of(nets)}, {"r", bytes_of(rules)}};
    AUTO(writer_clear) struct writer a = writer_new(65536);
    size_t refused = 0;

    (void)state;
    encode(files, 2, &a);
    for (size_t bit = 0; bit < 8 * a.len; bit++) {
        AUTO(policy_freep) struct policy_set *set = NULL;
        AUTO(writer_clear) struct writer b = writer_new(65536);
        struct error err;

        a.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (policy_decode(writer_bytes(&a), &set, &err)) {
            policy_encode(set, &b);
            assert_true(bytes_equal(writer_bytes(&a), writer_bytes(&b)));
        } else
            refused++;
        a.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(refused > a.len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_of_files_does_not_matter),
        cmocka_unit_test(test_order_of_values_does_not_matter),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_slices),
        cmocka_unit_test(test_broken_stays_broken),
        cmocka_unit_test(test_empty_set),
        cmocka_unit_test(test_refuses_shorter_and_longer),
        cmocka_unit_test(test_changed_octets_stay_canonical),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
