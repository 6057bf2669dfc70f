/*
 * Whole files. Runs in load, key and edges; the size of a file is not trusted while it is read. The
 * buffer on the way is wiped, since a file may hold a private key.
 */
#include "gatewayd/shared/file_read.h"

#include <errno.h>
#include <unistd.h>

enum { PIECE = 16 * 1024 };

bool file_read(int fd, size_t max, struct writer *out, struct error *err)
{
    uint8_t piece[PIECE];
    size_t total = 0;
    ssize_t n = lseek(fd, 0, SEEK_SET) < 0 ? -1 : 1;

    while (n > 0 && total <= max && writer_ok(out)) {
        n = read(fd, piece, sizeof(piece));
        if (n < 0 && errno == EINTR) {
            n = 1;
            continue;
        }
        if (n > 0) {
            writer_put(out, (struct bytes){piece, (size_t)n});
            total += (size_t)n;
        }
    }
    explicit_bzero(piece, sizeof(piece));
    if (n < 0)
        return err_set(err, REASON_FILE_UNREADABLE, "%m");
    if (total > max || !writer_ok(out))
        return err_set(err, REASON_FILE_TOO_LARGE, "more than %zu octets", max);
    return true;
}
