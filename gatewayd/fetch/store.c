/*
 * Lists on disk, in state_dir/crl: TITLE~DIGEST.crl the list, .pem the certificates above it, .url
 * the address when a certificate named it. Runs in fetch; load reads the first two through the
 * parent. What lies there from an earlier run is looked at again like what comes from outside.
 */
#include "gatewayd/fetch/fetching.h"

#include "common/log.h"
#include "common/text.h"
#include "gatewayd/shared/fetch_url.h"
#include "gatewayd/shared/file_read.h"
#include "gatewayd/shared/files.h"
#include "gatewayd/shared/write_aside.h"
#include "gatewayd/shared/x509_facts.h"
#include "gatewayd/shared/xalloc.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_NAME_MAX = FETCHED_NAME_MAX + 8,
    URL_FILE_MAX = FETCH_URL_MAX + 1,
    ISSUERS_FILE_MAX = 512 * 1024,
};

static const char *const suffixes[] = {".crl", ".pem", ".url"};

static int open_file(const struct fetching *fetching, const char *name)
{
    return openat(fetching->dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
}

void store_read(struct source *source)
{
    AUTO(writer_clear) struct writer octets = writer_new(FETCHED_CRL_MAX + 1);
    char name[FILE_NAME_MAX];
    struct stat st;
    struct error err;
    int fd;

    (void)snprintf(name, sizeof(name), "%s.crl", source->name);
    fd = open_file(source->fetching, name);
    if (fd < 0)
        return;
    if (fstat(fd, &st) < 0 || !file_read(fd, FETCHED_CRL_MAX, &octets, &err) ||
        !list_read(writer_bytes(&octets), &source->facts, &err))
        log_error("crl_unreadable", &err, "file=%s", name);
    else
        source->fetched_s = st.st_mtim.tv_sec;
    (void)close(fd);
}

static bool write_file(const struct source *source, const char *suffix, struct bytes octets,
                       struct error *err)
{
    char name[FILE_NAME_MAX];

    (void)snprintf(name, sizeof(name), "%s%s", source->name, suffix);
    return write_aside(source->fetching->dir, name, 0644, WRITE_ASIDE_DURABLE, octets, err);
}

bool store_write_issuers(const struct source *source, struct error *err)
{
    AUTO(bio_freep) BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    long len;

    if (!bio)
        abort();
    for (int i = 0; i < sk_X509_num(source->issuers); i++)
        if (PEM_write_bio_X509(bio, sk_X509_value(source->issuers, i)) != 1)
            return err_set(err, REASON_CRYPTO, "certificates above a list");
    len = BIO_get_mem_data(bio, &text);
    if (len <= 0 || len > ISSUERS_FILE_MAX)
        return err_set(err, REASON_FILE_TOO_LARGE, "certificates above a list");
    return write_file(source, ".pem", (struct bytes){(uint8_t *)text, (size_t)len}, err);
}

/* The list comes last: with it the rest is there. */
bool store_write(const struct source *source, struct bytes octets, struct error *err)
{
    if (source->issuers && !store_write_issuers(source, err))
        return false;
    if (source->cdp && !write_file(source, ".url", bytes_of(source->url), err))
        return false;
    return write_file(source, ".crl", octets, err);
}

/* --- addresses of certificates ---------------------------------------------------------------- */

/* The name vouches for the pair: it is made of both. */
static void read_cdp(struct fetching *fetching, const char *name,
                     void (*found)(struct fetching *fetching, const char *ca, const char *url))
{
    AUTO(writer_clear) struct writer text = writer_new(URL_FILE_MAX);
    AUTO(char_freep) char *ca = xstrdup(name);
    AUTO(char_freep) char *url = NULL;
    char *end = strchr(ca, '~'), expected[FETCHED_NAME_MAX];
    struct error err;
    int fd = open_file(fetching, name);

    if (fd < 0)
        return;
    if (file_read(fd, FETCH_URL_MAX, &text, &err) && text_is_clean(writer_bytes(&text)) && end) {
        *end = '\0';
        url = xtext(writer_bytes(&text));
        fetched_name(ca, url, expected);
        if (strlen(name) == strlen(expected) + strlen(".url") &&
            strncmp(name, expected, strlen(expected)) == 0)
            found(fetching, ca, url);
    }
    (void)close(fd);
}

void store_each_cdp(struct fetching *fetching,
                    void (*found)(struct fetching *fetching, const char *ca, const char *url))
{
    char **names = file_names_in(fetching->dir, ".url", NULL);

    for (size_t i = 0; names && names[i]; i++)
        read_cdp(fetching, names[i], found);
    file_names_free(names);
}

/* --- what is no longer wanted ----------------------------------------------------------------- */

static bool has_source(const struct fetching *fetching, const char *file, const char *suffix)
{
    size_t len = strlen(file) - strlen(suffix);

    for (const struct source *source = fetching->sources; source; source = source->next)
        if (strlen(source->name) == len && strncmp(source->name, file, len) == 0)
            return true;
    return false;
}

void store_sweep(struct fetching *fetching)
{
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        char **names = file_names_in(fetching->dir, suffixes[i], NULL);

        for (size_t k = 0; names && names[k]; k++)
            if (!has_source(fetching, names[k], suffixes[i]))
                (void)unlinkat(fetching->dir, names[k], 0);
        file_names_free(names);
    }
}
