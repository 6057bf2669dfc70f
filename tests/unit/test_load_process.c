/*
 * A load process as it is: files in, sealed sets out, every error told, and then it ends by itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gatewayd/shared/memfd.h"
#include "gatewayd/shared/trust.h"
#include "tests/unit/edge_world.h"

#include <openssl/sha.h>
#include <sys/wait.h>
#include <unistd.h>

static const char config_text[] =
    "tls \"default\" { certificate = \"/none/server.pem\"  key = \"/none/server.key\" }\n"
    "ca \"users\" { anchors = \"/none/ca.pem\"  crls = {\"/none/crl\"} }\n"
    "listener \"main\" { address = {\"127.0.0.1:8443\"}  tls = {\"default\"}  ca = {\"users\"}\n"
    "                  max_connections = 1000 }\n"
    "service \"echo\" { listener = {\"main\"}  upstream = \"127.0.0.1:9\" }\n";
static const char good_policy[] = "rule \"all\" { effect = \"allow\"  services = {\"echo\"} }\n";

struct world {
    EVP_PKEY *key;
    X509 *ca;
    pid_t pid;
    int parent_end;
};

static void begin(struct world *w)
{
    w->key = pki_key();
    w->ca = pki_ca("CA", w->key, NULL, w->key, 1);
    w->pid = edge_world_role(&load_role, &w->parent_end);
    edge_world_configure(w->parent_end, config_text, 1);
}

/* The process ends by itself and without an error. */
static void end(struct world *w)
{
    union message msg;
    int status;

    edge_world_expect(w->parent_end, MESSAGE_READY, &msg, NULL);
    assert_int_equal(waitpid(w->pid, &status, 0), w->pid);
    assert_int_equal(status, 0);
    (void)close(w->parent_end);
    X509_free(w->ca);
    EVP_PKEY_free(w->key);
}

static struct bytes text(const char *literal)
{
    size_t len = strlen(literal);
    uint8_t *at = malloc(len + 1);

    memcpy(at, literal, len + 1);
    return (struct bytes){at, len};
}

static struct bytes list(const struct world *w)
{
    static const uint64_t serials[] = {5, 6};
    X509_CRL *crl = pki_crl(w->ca, w->key, serials, 2, -60, 600);
    struct bytes octets = pki_crl_octets(crl, false);

    X509_CRL_free(crl);
    return octets;
}

static void expect_loaded(struct world *w, enum loaded_kind kind, struct bytes *ret_octets)
{
    union message msg;
    struct hash version;
    struct error err;
    int fd;

    edge_world_expect(w->parent_end, MESSAGE_LOADED, &msg, &fd);
    assert_int_equal(msg.loaded.kind, kind);
    assert_int_equal(msg.loaded.count, 1);
    assert_true(memfd_map(fd, TRUST_MAX, ret_octets, &err));
    (void)SHA256(ret_octets->at, ret_octets->len, version.octets);
    assert_memory_equal(version.octets, msg.loaded.version.octets, HASH_LEN);
    (void)close(fd);
}

static void expect_error(struct world *w, uint8_t kind, enum reason reason)
{
    union message msg;

    edge_world_expect(w->parent_end, MESSAGE_LOAD_ERROR, &msg, NULL);
    assert_int_equal(msg.load_error.kind, kind);
    assert_string_equal(reason_name((enum reason)msg.load_error.reason), reason_name(reason));
}

static void test_both(void **state)
{
    struct bytes octets;
    struct trust *trust;
    struct error err;
    union message msg;
    struct world w;

    (void)state;
    begin(&w);
    edge_world_file(w.parent_end, FILE_ANCHORS, "users", 0, pki_pem(&w.ca, 1));
    edge_world_file(w.parent_end, FILE_CRL, "/none/crl/a.crl", 0, list(&w));
    edge_world_file(w.parent_end, FILE_POLICY, "a.conf", 0, text(good_policy));
    edge_world_go(w.parent_end, 1, false);
    edge_world_expect(w.parent_end, MESSAGE_LOAD_LIST, &msg, NULL);
    assert_true(bytes_equal(msg.load_list.ca_name, bytes_of("users")));
    assert_true(bytes_equal(msg.load_list.issuer, bytes_of("CN=CA")));
    assert_true(msg.load_list.next_update_s > msg.load_list.this_update_s);
    expect_loaded(&w, LOADED_TRUST, &octets);
    assert_true(trust_decode(octets, &trust, &err));
    assert_int_equal(trust->n_cas, 1);
    assert_true(bytes_equal(trust->cas[0].name, bytes_of("users")));
    assert_int_equal(trust->cas[0].crls[0].revoked[0].n_serials, 2);
    trust_free(trust);
    memfd_unmap(octets);
    expect_loaded(&w, LOADED_POLICY, &octets);
    memfd_unmap(octets);
    end(&w);
}

/* One kind that cannot be made does not stop the other. */
static void test_bad_trust(void **state)
{
    struct bytes octets, crl;
    struct world w;

    (void)state;
    begin(&w);
    crl = list(&w);
    crl.len -= 3;
    edge_world_file(w.parent_end, FILE_ANCHORS, "users", 0, pki_pem(&w.ca, 1));
    edge_world_file(w.parent_end, FILE_CRL, "/none/crl/a.crl", 0, crl);
    edge_world_file(w.parent_end, FILE_POLICY, "a.conf", 0, text(good_policy));
    edge_world_go(w.parent_end, 1, false);
    expect_error(&w, LOADED_TRUST, REASON_FILE_MALFORMED);
    expect_loaded(&w, LOADED_POLICY, &octets);
    memfd_unmap(octets);
    end(&w);
}

static void test_bad_policy(void **state)
{
    struct bytes octets;
    union message msg;
    struct world w;

    (void)state;
    begin(&w);
    edge_world_file(w.parent_end, FILE_ANCHORS, "users", 0, pki_pem(&w.ca, 1));
    edge_world_file(w.parent_end, FILE_POLICY, "a.conf", 0,
                    text("rule \"x\" { effect = \"allow\"  services = {\"none\"} }\n"));
    edge_world_go(w.parent_end, 1, false);
    expect_loaded(&w, LOADED_TRUST, &octets);
    memfd_unmap(octets);
    edge_world_expect(w.parent_end, MESSAGE_LOAD_ERROR, &msg, NULL);
    assert_int_equal(msg.load_error.kind, LOADED_POLICY);
    assert_true(bytes_equal(msg.load_error.file, bytes_of("a.conf")));
    assert_true(msg.load_error.line >= 1);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both),
        cmocka_unit_test(test_bad_trust),
        cmocka_unit_test(test_bad_policy),
    };

    return cmocka_run_group_tests_name("load_process", tests, NULL, NULL);
}
