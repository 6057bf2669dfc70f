/*
 * What LDAP servers are reached with: password, client key, anchors, directories of local sockets.
 * Runs in directory. Files come as descriptors from the parent, are read at once and kept in
 * memory; libldap, which only knows paths, finds them as numbers below /proc/self/fd.
 */
#include "gatewayd/directory/following.h"

#include "gatewayd/shared/file_read.h"
#include "gatewayd/shared/memfd.h"
#include "gatewayd/shared/xalloc.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CREDENTIAL_MAX = 1 << 20, /* octets of a file: anchors are the largest */
    PASSWORD_MAX = 1024,      /* octets of a password, as OpenLDAP's tools */
};

void credentials_init(struct credentials *credentials)
{
    *credentials =
        (struct credentials){.proc_fd = -1, .ca_fd = -1, .certificate_fd = -1, .key_fd = -1};
}

/* --- before the sandbox --- */

/* Others who could write there could put their own server in the socket's place. */
static bool local_dir_check(const char *path, int fd, struct error *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return err_set(err, REASON_FILE_UNREADABLE, "%s: %m", path);
    if ((st.st_mode & S_IWOTH) && !(st.st_mode & S_ISVTX))
        return err_set(err, REASON_FILE_UNSAFE, "%s may be written by everybody", path);
    return true;
}

static bool local_dir_add(struct credentials *credentials, const char *uri, struct error *err)
{
    AUTO(char_freep) char *path = directory_uri_path(uri);
    struct local_dir *dir = &credentials->local_dirs[credentials->n_local_dirs];
    char *slash = path ? strrchr(path, '/') : NULL;

    if (!path || credentials->n_local_dirs == DIRECTORY_URIS_MAX)
        return true;
    if (!slash)
        return err_set(err, REASON_CONFIG_VALUE, "%s: no absolute path", uri);
    *(slash == path ? slash + 1 : slash) = '\0';
    dir->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir->fd < 0)
        return err_set(err, REASON_FILE_UNREADABLE, "%s: %m", path);
    if (!local_dir_check(path, dir->fd, err)) {
        (void)close(dir->fd);
        return false;
    }
    dir->path = xstrdup(path);
    credentials->n_local_dirs++;
    return true;
}

bool credentials_prepare(struct credentials *credentials, const struct config_directory *directory,
                         struct error *err)
{
    credentials->proc_fd = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (credentials->proc_fd < 0)
        return err_set(err, REASON_SYSTEM, "/proc/self/fd: %m");
    for (size_t i = 0; directory && i < directory->uri.n; i++)
        if (!local_dir_add(credentials, directory->uri.at[i], err))
            return false;
    return true;
}

bool credentials_enter(const struct credentials *credentials, struct error *err)
{
    return fchdir(credentials->proc_fd) == 0 ||
           err_set(err, REASON_SYSTEM, "descriptors of this process: %m");
}

/* --- files --- */

static void password_set(struct credentials *credentials, struct bytes text)
{
    if (text.len > 0 && text.at[text.len - 1] == '\n')
        text.len--;
    if (credentials->password)
        explicit_bzero(credentials->password, credentials->password_len);
    free(credentials->password);
    credentials->password = xcalloc(text.len + 1, 1);
    if (text.len)
        memcpy(credentials->password, text.at, text.len);
    credentials->password_len = text.len;
}

static bool memfd_set(int *kept, char path[12], const char *name, struct bytes text,
                      struct error *err)
{
    int fd = memfd_new(name, text, err);

    if (fd < 0)
        return false;
    if (*kept >= 0)
        (void)close(*kept);
    *kept = fd;
    (void)snprintf(path, 12, "%d", fd);
    return true;
}

static bool take(struct credentials *credentials, enum file_kind kind, struct bytes text,
                 struct error *err)
{
    switch (kind) {
    case FILE_LDAP_PASSWORD:
        if (text.len == 0 || text.len > PASSWORD_MAX || memchr(text.at, '\0', text.len))
            return err_set(err, REASON_FILE_MALFORMED, "password of %zu octets", text.len);
        password_set(credentials, text);
        return true;
    case FILE_LDAP_CA:
        return memfd_set(&credentials->ca_fd, credentials->ca, "ldap-ca", text, err);
    case FILE_LDAP_CERTIFICATE:
        return memfd_set(&credentials->certificate_fd, credentials->certificate, "ldap-certificate",
                         text, err);
    case FILE_LDAP_KEY:
        return memfd_set(&credentials->key_fd, credentials->key, "ldap-key", text, err);
    default:
        return err_set(err, REASON_MSG_MALFORMED, "file of kind %d", (int)kind);
    }
}

bool credentials_take(struct credentials *credentials, enum file_kind kind, int fd,
                      struct error *err)
{
    AUTO(writer_clear) struct writer text = writer_new(CREDENTIAL_MAX);
    bool done = file_read(fd, CREDENTIAL_MAX, &text, err) &&
                take(credentials, kind, writer_bytes(&text), err);

    (void)close(fd);
    return done;
}

/* --- reaching a server from an empty root --- */

static int dial_local(const struct credentials *credentials, char *path, int64_t deadline_ms,
                      struct error *err)
{
    char *slash = strrchr(path, '/');
    int fd = -1;

    (void)err_set(err, REASON_CONFIG_VALUE, "a new local socket needs a restart");
    for (size_t i = 0; slash && i < credentials->n_local_dirs; i++) {
        const struct local_dir *dir = &credentials->local_dirs[i];
        size_t len = slash == path ? 1 : (size_t)(slash - path);
        if (strlen(dir->path) != len || memcmp(dir->path, path, len) != 0)
            continue;
        if (fchdir(dir->fd) == 0)
            fd = directory_dial_path(slash + 1, deadline_ms, err);
        else
            (void)err_set(err, REASON_SYSTEM, "%s: %m", dir->path);
        break;
    }
    if (fchdir(credentials->proc_fd) < 0 && fd >= 0) {
        (void)err_set(err, REASON_SYSTEM, "descriptors of this process: %m");
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

int credentials_dial(void *context, const char *uri, int64_t deadline_ms, struct error *err)
{
    AUTO(char_freep) char *path = directory_uri_path(uri);

    if (path)
        return dial_local(context, path, deadline_ms, err);
    return directory_dial(NULL, uri, deadline_ms, err);
}
