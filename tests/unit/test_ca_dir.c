/*
 * The private CA in a private directory: what it issues is judged by OpenSSL's own verification,
 * with purposes, names and revocation.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/ca.h"
#include "common/clock.h"

#include <dirent.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DAY_S = 86400 };

static char dir[64], file[3][128];

static int set_up(void **state)
{
    struct error err;

    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/test_ca_XXXXXX");
    assert_non_null(mkdtemp(dir));
    for (size_t i = 0; i < 3; i++)
        (void)snprintf(file[i], sizeof(file[i]), "%s/out%zu", dir, i);
    if (!ca_init(dir, "Test CA", "ec-p256", 3650, &err))
        fail_msg("%s", err.detail);
    return 0;
}

static void remove_all(const char *path)
{
    DIR *open_dir = opendir(path);
    struct dirent *entry;
    char name[512];

    assert_non_null(open_dir);
    while ((entry = readdir(open_dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        (void)snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        if (entry->d_type == DT_DIR)
            remove_all(name);
        else
            (void)unlink(name);
    }
    closedir(open_dir);
    (void)rmdir(path);
}

static int tear_down(void **state)
{
    (void)state;
    remove_all(dir);
    return 0;
}

static struct ca_request request(const char *cn, enum ca_use use, const char *out)
{
    int64_t now_s = clock_realtime_s();

    return (struct ca_request){.cn = cn,
                               .use = use,
                               .key_type = "ec-p256",
                               .out = out,
                               .not_before_s = now_s,
                               .not_after_s = now_s + 30 * DAY_S};
}

static bool issue(const struct ca_request *request, struct ca_issued *issued, struct error *err)
{
    struct ca ca;
    bool good;

    if (!ca_open(dir, &ca, err))
        return false;
    good = ca_issue(&ca, request, issued, err);
    ca_close(&ca);
    return good;
}

static X509 *read_certificate(const char *path)
{
    FILE *f = fopen(path, "re");
    X509 *certificate = f ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;

    assert_non_null(certificate);
    fclose(f);
    return certificate;
}

static X509_CRL *read_crl(const char *path)
{
    FILE *f = fopen(path, "re");
    X509_CRL *crl = f ? PEM_read_X509_CRL(f, NULL, NULL, NULL) : NULL;

    assert_non_null(crl);
    fclose(f);
    return crl;
}

struct check {
    int purpose;
    const char *host;
    const char *crl;
};

/* OpenSSL's verdict, in strict mode. */
static int verdict(const char *path, const struct check *check)
{
    char root_path[128];
    X509 *leaf = read_certificate(path), *root;
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    int code;

    (void)snprintf(root_path, sizeof(root_path), "%s/ca.pem", dir);
    root = read_certificate(root_path);
    assert_int_equal(X509_STORE_add_cert(store, root), 1);
    if (check->crl) {
        X509_CRL *crl = read_crl(check->crl);

        assert_int_equal(X509_STORE_add_crl(store, crl), 1);
        X509_CRL_free(crl);
        X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
    }
    X509_STORE_set_flags(store, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
    assert_int_equal(X509_STORE_CTX_init(ctx, store, leaf, NULL), 1);
    assert_int_equal(X509_STORE_CTX_set_purpose(ctx, check->purpose), 1);
    if (check->host)
        assert_int_equal(
            X509_VERIFY_PARAM_set1_host(X509_STORE_CTX_get0_param(ctx), check->host, 0), 1);
    code = X509_verify_cert(ctx) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(ctx);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    X509_free(leaf);
    X509_free(root);
    return code;
}

/* --- the tests -------------------------------------------------------------------------------- */

static void a_client_certificate_is_one(void **state)
{
    struct ca_request r = request("alice", CA_CLIENT, file[0]);
    struct check client = {.purpose = X509_PURPOSE_SSL_CLIENT},
                 server = {.purpose = X509_PURPOSE_SSL_SERVER};
    struct ca_issued issued;
    struct error err;
    struct stat st;

    (void)state;
    r.email.at[r.email.n++] = "alice@example.test";
    r.upn.at[r.upn.n++] = "alice@EXAMPLE.TEST";
    r.uri.at[r.uri.n++] = "spiffe://example.test/alice";
    if (!issue(&r, &issued, &err))
        fail_msg("%s", err.detail);
    assert_int_equal(verdict(issued.certificate, &client), X509_V_OK);
    assert_int_equal(verdict(issued.certificate, &server), X509_V_ERR_INVALID_PURPOSE);
    assert_int_equal(strlen(issued.serial), 2 * CA_SERIAL_LEN);
    assert_int_equal(stat(issued.key, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(stat(issued.certificate, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
}

static void a_server_certificate_names_its_hosts(void **state)
{
    struct ca_request r = request("gateway", CA_SERVER, file[0]);
    struct check right = {.purpose = X509_PURPOSE_SSL_SERVER, .host = "ssh.example.test"},
                 wrong = {.purpose = X509_PURPOSE_SSL_SERVER, .host = "www.example.test"};
    struct ca_issued issued;
    struct error err;

    (void)state;
    r.dns.at[r.dns.n++] = "gateway.example.test";
    r.dns.at[r.dns.n++] = "ssh.example.test";
    r.ip.at[r.ip.n++] = "127.0.0.1";
    r.ip.at[r.ip.n++] = "2001:db8::1";
    assert_true(issue(&r, &issued, &err));
    assert_int_equal(verdict(issued.certificate, &right), X509_V_OK);
    assert_int_equal(verdict(issued.certificate, &wrong), X509_V_ERR_HOSTNAME_MISMATCH);
}

static void a_certificate_without_eku_has_none(void **state)
{
    struct ca_request r = request("any", CA_NO_EKU, file[0]);
    struct ca_issued issued;
    struct error err;
    X509 *leaf;

    (void)state;
    assert_true(issue(&r, &issued, &err));
    leaf = read_certificate(issued.certificate);
    assert_int_equal(X509_get_extended_key_usage(leaf), UINT32_MAX);
    assert_int_equal(X509_get_key_usage(leaf), KU_DIGITAL_SIGNATURE);
    assert_int_equal(X509_check_ca(leaf), 0);
    X509_free(leaf);
}

static void dates_are_as_asked(void **state)
{
    struct ca_request r = request("old", CA_CLIENT, file[0]);
    struct check client = {.purpose = X509_PURPOSE_SSL_CLIENT};
    struct ca_issued issued;
    struct error err;

    (void)state;
    r.not_before_s -= 2 * DAY_S;
    r.not_after_s = r.not_before_s + DAY_S;
    assert_true(issue(&r, &issued, &err));
    assert_int_equal(verdict(issued.certificate, &client), X509_V_ERR_CERT_HAS_EXPIRED);
    r = request("later", CA_CLIENT, file[1]);
    r.not_before_s += DAY_S;
    assert_true(issue(&r, &issued, &err));
    assert_int_equal(verdict(issued.certificate, &client), X509_V_ERR_CERT_NOT_YET_VALID);
}

static void revoke_one(const char *what, enum reason expected)
{
    const struct ca_entry *entry;
    struct error err;
    struct ca ca;

    assert_true(ca_open(dir, &ca, &err));
    if (ca_revoke(&ca, what, &entry, &err) != (expected == REASON_OK))
        fail_msg("revoke %s", what);
    if (expected != REASON_OK)
        assert_int_equal(err.reason, expected);
    ca_close(&ca);
}

static void publish(const char *path)
{
    struct error err;
    struct ca ca;

    assert_true(ca_open(dir, &ca, &err));
    if (!ca_crl(&ca, 7, false, path, &err))
        fail_msg("%s", err.detail);
    ca_close(&ca);
}

static void a_revoked_certificate_is_on_the_list(void **state)
{
    struct ca_request r = request("alice", CA_CLIENT, file[0]);
    struct check check = {.purpose = X509_PURPOSE_SSL_CLIENT, .crl = file[2]};
    struct ca_issued first, second;
    struct error err;
    X509_CRL *crl;

    (void)state;
    assert_true(issue(&r, &first, &err));
    r.out = file[1];
    assert_true(issue(&r, &second, &err));
    publish(file[2]);
    assert_int_equal(verdict(first.certificate, &check), X509_V_OK);
    revoke_one(first.certificate, REASON_OK);
    publish(file[2]);
    assert_int_equal(verdict(first.certificate, &check), X509_V_ERR_CERT_REVOKED);
    assert_int_equal(verdict(second.certificate, &check), X509_V_OK);
    revoke_one(second.serial, REASON_OK);
    publish(file[2]);
    assert_int_equal(verdict(second.certificate, &check), X509_V_ERR_CERT_REVOKED);
    revoke_one(second.serial, REASON_CERT_REVOKED);
    revoke_one("abcdef", REASON_NOT_FOUND);
    revoke_one("/nonexistent", REASON_FILE_UNREADABLE);
    crl = read_crl(file[2]);
    assert_int_equal(X509_CRL_get_version(crl), X509_CRL_VERSION_2);
    assert_true(X509_CRL_get_ext_by_NID(crl, NID_crl_number, -1) >= 0);
    assert_true(X509_CRL_get_ext_by_NID(crl, NID_authority_key_identifier, -1) >= 0);
    X509_CRL_free(crl);
}

static void every_key_type_signs(void **state)
{
    static const char *const types[] = {"ec-p256", "ec-p384", "rsa-3072", "ed25519"};
    struct check client = {.purpose = X509_PURPOSE_SSL_CLIENT};
    char before[sizeof(dir)];
    struct ca_issued issued;
    struct error err;

    (void)state;
    memcpy(before, dir, sizeof(dir));
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct ca_request r = request("alice", CA_CLIENT, NULL);

        (void)snprintf(dir, sizeof(dir), "%.40s/%s", before, types[i]);
        assert_true(ca_init(dir, "Another CA", types[i], 100, &err));
        r.key_type = types[i];
        if (!issue(&r, &issued, &err))
            fail_msg("%s: %s", types[i], err.detail);
        assert_int_equal(verdict(issued.certificate, &client), X509_V_OK);
        memcpy(dir, before, sizeof(dir));
    }
    assert_false(ca_init("/nonexistent/x", "x", "dsa", 100, &err));
    assert_int_equal(err.reason, REASON_USAGE);
}

static void a_request_gives_only_its_key(void **state)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    struct ca_request r = request("alice", CA_CLIENT, file[0]);
    X509_REQ *csr = X509_REQ_new();
    struct ca_issued issued;
    struct error err;
    X509 *leaf;
    FILE *f;

    (void)state;
    assert_int_equal(X509_REQ_set_pubkey(csr, key), 1);
    assert_int_equal(X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(csr), "CN", MBSTRING_ASC,
                                                (const uint8_t *)"root", -1, -1, 0),
                     1);
    assert_true(X509_REQ_sign(csr, key, EVP_sha256()) > 0);
    f = fopen(file[2], "we");
    assert_int_equal(PEM_write_X509_REQ(f, csr), 1);
    fclose(f);
    r.csr = file[2];
    assert_true(issue(&r, &issued, &err));
    assert_string_equal(issued.key, "");
    leaf = read_certificate(issued.certificate);
    assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(leaf), key), 1);
    {
        char cn[64];

        assert_true(X509_NAME_get_text_by_NID(X509_get_subject_name(leaf), NID_commonName, cn,
                                              sizeof(cn)) > 0);
        assert_string_equal(cn, "alice");
    }
    X509_free(leaf);
    X509_REQ_free(csr);
    EVP_PKEY_free(key);
    r.csr = "/dev/null";
    r.out = file[1];
    assert_false(issue(&r, &issued, &err));
}

static void bad_requests_are_refused(void **state)
{
    static const struct {
        const char *name, *cn, *email, *dns, *ip, *upn;
        int64_t days;
    } bad[] = {
        {"no name", "", NULL, NULL, NULL, NULL, 30},
        {"name too long", "0123456789012345678901234567890123456789012345678901234567890123x", NULL,
         NULL, NULL, NULL, 30},
        {"control octet", "a\nb", NULL, NULL, NULL, NULL, 30},
        {"no UTF-8", "a\xff", NULL, NULL, NULL, NULL, 30},
        {"mail with a blank", "a", "a b@x", NULL, NULL, NULL, 30},
        {"mail not ASCII", "a", "\xc3\xa9@x", NULL, NULL, NULL, 30},
        {"empty host", "a", NULL, "", NULL, NULL, 30},
        {"no address", "a", NULL, NULL, "127.0.0.300", NULL, 30},
        {"UPN not UTF-8", "a", NULL, NULL, NULL, "a\xff@x", 30},
        {"ends before it begins", "a", NULL, NULL, NULL, NULL, -1},
        {"outlives the CA", "a", NULL, NULL, NULL, NULL, 4000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct ca_request r = request(bad[i].cn, CA_CLIENT, file[0]);
        struct ca_issued issued;
        struct error err;

        r.not_after_s = r.not_before_s + bad[i].days * DAY_S;
        if (bad[i].email)
            r.email.at[r.email.n++] = bad[i].email;
        if (bad[i].dns)
            r.dns.at[r.dns.n++] = bad[i].dns;
        if (bad[i].ip)
            r.ip.at[r.ip.n++] = bad[i].ip;
        if (bad[i].upn)
            r.upn.at[r.upn.n++] = bad[i].upn;
        if (issue(&r, &issued, &err))
            fail_msg("%s", bad[i].name);
        assert_int_equal(err.reason, REASON_USAGE);
    }
}

static void nothing_is_overwritten(void **state)
{
    struct ca_request r = request("alice", CA_CLIENT, file[0]);
    struct ca_issued issued;
    struct error err;

    (void)state;
    assert_true(issue(&r, &issued, &err));
    assert_false(issue(&r, &issued, &err));
    assert_int_equal(err.reason, REASON_FILE_EXISTS);
    assert_false(ca_init(dir, "Again", "ec-p256", 10, &err));
    assert_int_equal(err.reason, REASON_FILE_EXISTS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_client_certificate_is_one),
        TEST(a_server_certificate_names_its_hosts),
        TEST(a_certificate_without_eku_has_none),
        TEST(dates_are_as_asked),
        TEST(a_revoked_certificate_is_on_the_list),
        TEST(every_key_type_signs),
        TEST(a_request_gives_only_its_key),
        TEST(bad_requests_are_refused),
        TEST(nothing_is_overwritten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
