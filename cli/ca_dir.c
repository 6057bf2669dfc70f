/*
 * The directory of the private CA. Runs in gatewayctl as its owner. Everything is written aside and
 * renamed, the index under a lock, so that two callers or a crash never leave a half.
 */
#include "cli/ca.h"
#include "cli/files.h"

#include "common/clock.h"
#include "common/text.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    KEY_MODE = 0600,
    PUBLIC_MODE = 0644,
    DIR_MODE = 0700,
    PEM_MAX = 64 * 1024,  /* one key, certificate or request */
    INDEX_MAX = 64 << 20, /* CA_ENTRIES_MAX lines of usual length */
};

/* --- PEM -------------------------------------------------------------------------------------- */

static struct bytes bio_bytes(BIO *bio)
{
    char *at = NULL;
    long len = BIO_get_mem_data(bio, &at);

    return (struct bytes){(const uint8_t *)at, len > 0 ? (size_t)len : 0};
}

static bool write_key(const char *path, EVP_PKEY *key, struct error *err)
{
    AUTO(bio_freep) BIO *bio = BIO_new(BIO_s_secmem());

    if (!bio || PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
        return ca_openssl_error(err, path);
    return files_write(path, bio_bytes(bio), KEY_MODE, FILES_KEEP, err);
}

static bool write_certificate(const char *path, X509 *certificate, struct error *err)
{
    AUTO(bio_freep) BIO *bio = BIO_new(BIO_s_mem());

    if (!bio || PEM_write_bio_X509(bio, certificate) != 1)
        return ca_openssl_error(err, path);
    return files_write(path, bio_bytes(bio), PUBLIC_MODE, FILES_KEEP, err);
}

/* A file's content as a BIO that borrows *ret_octets. */
static bool read_bio(const char *path, unsigned char **ret_octets, BIO **ret_bio, struct error *err)
{
    size_t len;

    if (!files_read(path, PEM_MAX, ret_octets, &len, err))
        return false;
    *ret_bio = BIO_new_mem_buf(*ret_octets, (int)len);
    return *ret_bio || err_set(err, REASON_NO_MEMORY, "%s", path);
}

static bool read_certificate(const char *path, X509 **ret_certificate, struct error *err)
{
    AUTO(octets_freep) unsigned char *octets = NULL;
    AUTO(bio_freep) BIO *bio = NULL;

    if (!read_bio(path, &octets, &bio, err))
        return false;
    *ret_certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    return *ret_certificate || ca_openssl_error(err, path);
}

static bool read_key(const char *path, EVP_PKEY **ret_key, struct error *err)
{
    AUTO(octets_freep) unsigned char *octets = NULL;
    AUTO(bio_freep) BIO *bio = NULL;
    size_t len;

    if (!files_read(path, PEM_MAX, &octets, &len, err))
        return false;
    bio = BIO_new_mem_buf(octets, (int)len);
    *ret_key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    OPENSSL_cleanse(octets, len);
    return *ret_key || ca_openssl_error(err, path);
}

/* The key of a request that proves to hold it; the names in it are not used. */
static bool read_csr(const char *path, EVP_PKEY **ret_key, struct error *err)
{
    AUTO(octets_freep) unsigned char *octets = NULL;
    AUTO(bio_freep) BIO *bio = NULL;
    AUTO(x509_req_freep) X509_REQ *csr = NULL;

    if (!read_bio(path, &octets, &bio, err))
        return false;
    csr = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
    if (!csr || X509_REQ_verify(csr, X509_REQ_get0_pubkey(csr)) != 1)
        return ca_openssl_error(err, path);
    *ret_key = X509_REQ_get_pubkey(csr);
    return *ret_key || ca_openssl_error(err, path);
}

/* --- the index -------------------------------------------------------------------------------- */

static bool save_index(const struct ca *ca, struct error *err)
{
    AUTO(writer_clear) struct writer out = writer_new(INDEX_MAX);
    char path[FILES_PATH_MAX];

    ca_index_print(&ca->index, &out);
    if (!writer_ok(&out))
        return err_set(err, REASON_FILE_TOO_LARGE, "index");
    return files_path(ca->dir, "index", path, err) &&
           files_write(path, writer_bytes(&out), KEY_MODE, FILES_REPLACE, err);
}

static bool load_index(struct ca *ca, struct error *err)
{
    AUTO(octets_freep) unsigned char *octets = NULL;
    char path[FILES_PATH_MAX];
    size_t len;

    return files_path(ca->dir, "index", path, err) &&
           files_read(path, INDEX_MAX, &octets, &len, err) &&
           (ca_index_parse((struct bytes){octets, len}, &ca->index, err) ||
            err_in(err, "%s", path));
}

/* --- opening ---------------------------------------------------------------------------------- */

void ca_close(struct ca *ca)
{
    EVP_PKEY_free(ca->key);
    X509_free(ca->certificate);
    ca_index_clear(&ca->index);
    if (ca->lock_fd >= 0)
        (void)close(ca->lock_fd);
    *ca = (struct ca){.lock_fd = -1};
}

static bool lock(struct ca *ca, struct error *err)
{
    ca->lock_fd = open(ca->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (ca->lock_fd < 0 || flock(ca->lock_fd, LOCK_EX) != 0)
        return err_set(err, REASON_FILE_UNREADABLE, "%s: %m", ca->dir);
    return true;
}

bool ca_open(const char *dir, struct ca *ret_ca, struct error *err)
{
    struct ca ca = {.dir = dir, .lock_fd = -1};
    char key[FILES_PATH_MAX], certificate[FILES_PATH_MAX];

    if (lock(&ca, err) && files_path(dir, "ca.key", key, err) &&
        files_path(dir, "ca.pem", certificate, err) && read_key(key, &ca.key, err) &&
        read_certificate(certificate, &ca.certificate, err) && load_index(&ca, err)) {
        if (X509_check_private_key(ca.certificate, ca.key) == 1) {
            *ret_ca = ca;
            return true;
        }
        (void)ca_openssl_error(err, "ca.key and ca.pem");
    }
    ca_close(&ca);
    return false;
}

static bool make_directories(const char *dir, struct error *err)
{
    char certs[FILES_PATH_MAX];

    if (!files_path(dir, "certs", certs, err))
        return false;
    if ((mkdir(dir, DIR_MODE) != 0 && errno != EEXIST) ||
        (mkdir(certs, DIR_MODE) != 0 && errno != EEXIST))
        return err_set(err, REASON_FILE_WRITE, "%s: %m", dir);
    return true;
}

bool ca_init(const char *dir, const char *name, const char *key_type, int64_t days,
             struct error *err)
{
    AUTO(ca_close) struct ca ca = {.dir = dir, .lock_fd = -1};
    char key[FILES_PATH_MAX], certificate[FILES_PATH_MAX];

    return files_path(dir, "ca.key", key, err) && files_path(dir, "ca.pem", certificate, err) &&
           ca_key_make(key_type, &ca.key, err) &&
           ca_build_root(ca.key, name, days, &ca.certificate, err) && make_directories(dir, err) &&
           lock(&ca, err) && write_key(key, ca.key, err) &&
           write_certificate(certificate, ca.certificate, err) && save_index(&ca, err);
}

/* --- issuing ---------------------------------------------------------------------------------- */

static bool subject_text(const X509 *certificate, char out[CA_SUBJECT_MAX], struct error *err)
{
    AUTO(bio_freep) BIO *bio = BIO_new(BIO_s_mem());
    struct bytes text;

    /* RFC 2253 escapes with UTF-8 kept as it is, as the gateway prints subjects. */
    if (!bio || X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0,
                                   XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) < 0)
        return ca_openssl_error(err, "subject");
    text = bio_bytes(bio);
    if (text.len == 0 || text.len >= CA_SUBJECT_MAX || !text_is_clean(text))
        return err_set(err, REASON_USAGE, "the subject cannot be written to the index");
    memcpy(out, text.at, text.len);
    out[text.len] = '\0';
    return true;
}

static bool paths_of(const struct ca *ca, const struct ca_request *request,
                     struct ca_issued *issued, struct error *err)
{
    char prefix[FILES_PATH_MAX];
    int a, b;

    if (request->out)
        (void)snprintf(prefix, sizeof(prefix), "%s", request->out);
    else
        (void)snprintf(prefix, sizeof(prefix), "%s/certs/%s", ca->dir, issued->serial);
    a = snprintf(issued->certificate, sizeof(issued->certificate), "%s.pem", prefix);
    b = snprintf(issued->key, sizeof(issued->key), "%s.key", prefix);
    if (a < 0 || b < 0 || (size_t)a >= sizeof(issued->certificate) ||
        (size_t)b >= sizeof(issued->key))
        return err_set(err, REASON_USAGE, "--out: the path is too long");
    if (request->csr)
        issued->key[0] = '\0';
    return true;
}

/* A copy stays with the CA, so that `list` and `revoke` never lack it. */
static bool keep_copy(const struct ca *ca, const struct ca_issued *issued, X509 *leaf,
                      struct error *err)
{
    char name[64], path[FILES_PATH_MAX];

    (void)snprintf(name, sizeof(name), "certs/%s.pem", issued->serial);
    return files_path(ca->dir, name, path, err) &&
           (strcmp(path, issued->certificate) == 0 || write_certificate(path, leaf, err));
}

/* First the index, then the files: a certificate that nobody knows of must not exist. */
static bool record_and_write(struct ca *ca, const struct ca_request *request, EVP_PKEY *key,
                             X509 *leaf, struct ca_issued *issued, struct error *err)
{
    struct ca_entry entry = {.not_after_s = request->not_after_s};

    memcpy(entry.serial, issued->serial, sizeof(entry.serial));
    if (!subject_text(leaf, entry.subject, err) || !ca_index_add(&ca->index, &entry, err) ||
        !save_index(ca, err))
        return false;
    if (!request->csr && !write_key(issued->key, key, err))
        return false;
    return keep_copy(ca, issued, leaf, err) && write_certificate(issued->certificate, leaf, err);
}

static bool check_times(const struct ca *ca, const struct ca_request *request, struct error *err)
{
    const ASN1_TIME *end = X509_get0_notAfter(ca->certificate);
    time_t not_after = (time_t)request->not_after_s;

    if (request->not_after_s <= request->not_before_s)
        return err_set(err, REASON_USAGE, "the certificate would end before it begins");
    if (ASN1_TIME_cmp_time_t(end, not_after) < 0)
        return err_set(err, REASON_USAGE, "the certificate would outlive the CA");
    return true;
}

bool ca_issue(struct ca *ca, const struct ca_request *request, struct ca_issued *ret_issued,
              struct error *err)
{
    AUTO(pkey_freep) EVP_PKEY *key = NULL;
    AUTO(x509_freep) X509 *leaf = NULL;
    struct ca_issued issued = {.serial = ""};

    if (!check_times(ca, request, err))
        return false;
    if (request->csr ? !read_csr(request->csr, &key, err)
                     : !ca_key_make(request->key_type, &key, err))
        return false;
    if (!ca_build_leaf(ca, request, key, &leaf, err) || !ca_serial_text(leaf, issued.serial, err) ||
        !paths_of(ca, request, &issued, err))
        return false;
    if (access(issued.certificate, F_OK) == 0 || (issued.key[0] && access(issued.key, F_OK) == 0))
        return err_set(err, REASON_FILE_EXISTS, "%s or its key", issued.certificate);
    if (!record_and_write(ca, request, key, leaf, &issued, err))
        return false;
    *ret_issued = issued;
    return true;
}

/* --- revoking --------------------------------------------------------------------------------- */

static bool looks_like_serial(const char *text)
{
    size_t len = strlen(text);

    return len > 0 && len <= CA_SERIAL_TEXT_MAX && strspn(text, "0123456789abcdefABCDEF") == len &&
           access(text, F_OK) != 0;
}

/* The serial number of a certificate that this CA has signed. */
static bool serial_of_file(const struct ca *ca, const char *path, char out[CA_SERIAL_TEXT_MAX + 1],
                           struct error *err)
{
    AUTO(x509_freep) X509 *certificate = NULL;

    if (!read_certificate(path, &certificate, err))
        return false;
    if (X509_verify(certificate, X509_get0_pubkey(ca->certificate)) != 1) {
        (void)ca_openssl_error(err, path);
        return err_set(err, REASON_NOT_FOUND, "%s is not from this CA", path);
    }
    return ca_serial_text(certificate, out, err);
}

bool ca_revoke(struct ca *ca, const char *what, const struct ca_entry **ret_entry,
               struct error *err)
{
    char serial[CA_SERIAL_TEXT_MAX + 1];
    struct ca_entry *entry;

    if (looks_like_serial(what))
        (void)snprintf(serial, sizeof(serial), "%s", what);
    else if (!serial_of_file(ca, what, serial, err))
        return false;
    entry = ca_index_find(&ca->index, serial);
    if (!entry)
        return err_set(err, REASON_NOT_FOUND, "no certificate with serial number %s", serial);
    if (entry->revoked_s > 0)
        return err_set(err, REASON_CERT_REVOKED, "%s, already", entry->serial);
    entry->revoked_s = clock_realtime_s();
    if (!save_index(ca, err))
        return false;
    *ret_entry = entry;
    return true;
}

bool ca_crl(struct ca *ca, int64_t days, bool der, const char *out, struct error *err)
{
    AUTO(x509_crl_freep) X509_CRL *crl = NULL;
    AUTO(bio_freep) BIO *bio = BIO_new(BIO_s_mem());

    ca->index.crl_number++;
    if (!ca_build_crl(ca, days, &crl, err) || !save_index(ca, err))
        return false;
    if (!bio || (der ? i2d_X509_CRL_bio(bio, crl) : PEM_write_bio_X509_CRL(bio, crl)) != 1)
        return ca_openssl_error(err, out);
    return files_write(out, bio_bytes(bio), PUBLIC_MODE, FILES_REPLACE, err);
}
