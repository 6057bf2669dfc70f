/*
 * The chain of the audit log: each line names the SHA-256 of the one before it. Runs in gatewayctl
 * (the check) and in audit (the hash); what is checked may have been made by anybody.
 */
#include "gatewayd/shared/audit_chain.h"

#include "gatewayd/shared/xalloc.h"

#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>

struct audit_hasher {
    EVP_MD *sha256;
    EVP_MD_CTX *context;
};

struct audit_hasher *audit_hasher_new(void)
{
    struct audit_hasher *hasher = xcalloc(1, sizeof(*hasher));

    hasher->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    hasher->context = EVP_MD_CTX_new();
    if (!hasher->sha256 || !hasher->context)
        abort();
    return hasher;
}

struct audit_hasher *audit_hasher_free(struct audit_hasher *hasher)
{
    if (hasher) {
        EVP_MD_CTX_free(hasher->context);
        EVP_MD_free(hasher->sha256);
        free(hasher);
    }
    return NULL;
}

struct hash audit_hash(struct audit_hasher *hasher, struct bytes line)
{
    struct hash hash;

    if (EVP_DigestInit_ex2(hasher->context, hasher->sha256, NULL) != 1 ||
        EVP_DigestUpdate(hasher->context, line.at, line.len) != 1 ||
        EVP_DigestFinal_ex(hasher->context, hash.octets, NULL) != 1)
        abort();
    return hash;
}

/* --- the check -------------------------------------------------------------------------------- */

/* One file under check: where its lines stand. */
struct place {
    const struct audit_file *file;
    struct bytes rest; /* behind the current line */
    uint64_t line;     /* number of the current line, from 1 */
};

static bool PRINTF(5, 6) found(struct audit_verify *verify, enum audit_finding finding,
                               const char *file, uint64_t line, const char *fmt, ...)
{
    va_list args;

    verify->finding = finding;
    (void)snprintf(verify->file, sizeof(verify->file), "%s", file);
    verify->line = line;
    va_start(args, fmt);
    (void)vsnprintf(verify->detail, sizeof(verify->detail), fmt, args);
    va_end(args);
    return false;
}

static bool same_hash(const struct hash *a, const struct hash *b)
{
    return memcmp(a->octets, b->octets, HASH_LEN) == 0;
}

/* Whether the line behind the current one exists, and whether it names the current one's hash. */
static bool follower(struct audit_verify *verify, const struct place *at, struct bytes line,
                     bool *ret_agrees)
{
    struct bytes rest = at->rest, next;
    struct audit_line parsed;
    struct hash hash = audit_hash(verify->hasher, line);

    if (!audit_next_line(&rest, &next))
        return false;
    *ret_agrees = audit_line_parse(next, &parsed, NULL) && same_hash(&parsed.prev, &hash);
    return true;
}

/* The current line has the right number but names another line before it: one of the two lies. */
static bool blame(struct audit_verify *verify, const struct place *at, struct bytes line)
{
    bool agrees = false;

    if (verify->seq == 0)
        return found(verify, AUDIT_FINDING_EDIT, at->file->name, at->line,
                     "the first line of a log names a line before it");
    if (follower(verify, at, line, &agrees) && !agrees)
        return found(verify, AUDIT_FINDING_EDIT, at->file->name, at->line,
                     "this line was changed: neither neighbour fits it");
    return found(verify, AUDIT_FINDING_EDIT, verify->last_file, verify->last_line,
                 "this line was changed: its hash is not the one that the next line names");
}

static bool check_link(struct audit_verify *verify, const struct place *at, struct bytes line,
                       const struct audit_line *parsed)
{
    bool links = same_hash(&parsed->prev, &verify->hash);
    unsigned long long expected = verify->seq + 1, seq = parsed->seq;

    if (links && seq == expected)
        return true;
    if (links && verify->seq > 0)
        return found(verify, AUDIT_FINDING_EDIT, at->file->name, at->line,
                     "the record has number %llu instead of %llu", seq, expected);
    if (seq == expected)
        return blame(verify, at, line);
    if (seq > expected)
        return found(verify, AUDIT_FINDING_GAP, at->file->name, at->line,
                     "records %llu to %llu are missing before this line", expected, seq - 1);
    return found(verify, AUDIT_FINDING_EDIT, at->file->name, at->line,
                 "record %llu stands here again", seq);
}

static bool check_log(struct audit_verify *verify, const struct place *at,
                      const struct audit_line *parsed)
{
    if (parsed->log.len != AUDIT_LOG_NAME_LEN)
        return found(verify, AUDIT_FINDING_EDIT, at->file->name, at->line,
                     "the record does not say which log it belongs to");
    if (verify->seq == 0)
        memcpy(verify->log, parsed->log.at, AUDIT_LOG_NAME_LEN);
    if (memcmp(verify->log, parsed->log.at, AUDIT_LOG_NAME_LEN) != 0)
        return found(verify, AUDIT_FINDING_EDIT, at->file->name, at->line,
                     "the record belongs to another log");
    return true;
}

/* The first line of a file stands for the file's name and for the file before it. */
static bool check_head(struct audit_verify *verify, const struct place *at,
                       const struct audit_line *parsed)
{
    uint64_t seq = 0;

    if (!audit_name_parse(bytes_of(at->file->name), &seq) || seq != parsed->seq)
        return found(verify, AUDIT_FINDING_EDIT, at->file->name, at->line,
                     "the file's name does not fit its first record, number %llu",
                     (unsigned long long)parsed->seq);
    if (verify->last_file[0] && !bytes_equal(parsed->file_prev, bytes_of(verify->last_file)))
        return found(verify, AUDIT_FINDING_GAP, at->file->name, at->line,
                     "the file continues %.*s, which is not here", (int)parsed->file_prev.len,
                     (const char *)parsed->file_prev.at);
    return true;
}

static bool check_line(struct audit_verify *verify, const struct place *at, struct bytes line)
{
    struct audit_line parsed;
    struct error err;

    if (!audit_line_parse(line, &parsed, &err))
        return found(verify, AUDIT_FINDING_EDIT, at->file->name, at->line, "%s", err.detail);
    if (!check_link(verify, at, line, &parsed) || !check_log(verify, at, &parsed))
        return false;
    if (at->line == 1 && !check_head(verify, at, &parsed))
        return false;
    verify->seq = parsed.seq;
    verify->hash = audit_hash(verify->hasher, line);
    verify->lines++;
    verify->gap_events += bytes_equal(parsed.ev, bytes_of("gap"));
    if (at->line == 1)
        memcpy(verify->last_file, at->file->name, sizeof(verify->last_file));
    verify->last_line = at->line;
    return true;
}

/* The octets that count: a file whose last write failed is cut where its successor says. */
static struct bytes counted(const struct audit_file *file, const struct audit_file *next)
{
    struct bytes rest = next ? next->content : (struct bytes){NULL, 0}, line;
    struct audit_line head;

    if (audit_next_line(&rest, &line) && audit_line_parse(line, &head, NULL) &&
        bytes_equal(head.file_prev, bytes_of(file->name)) && head.file_valid < file->content.len)
        return (struct bytes){file->content.at, (size_t)head.file_valid};
    return file->content;
}

bool audit_verify_file(struct audit_verify *verify, const struct audit_file *file,
                       const struct audit_file *next)
{
    struct place at = {.file = file, .rest = counted(file, next)};
    struct bytes line;

    while (audit_next_line(&at.rest, &line)) {
        at.line++;
        if (!check_line(verify, &at, line))
            return false;
    }
    if (at.rest.len > 0 && next)
        return found(verify, AUDIT_FINDING_GAP, file->name, at.line + 1,
                     "the file ends inside of a line");
    if (at.rest.len > 0)
        return found(verify, AUDIT_FINDING_TORN, file->name, at.line + 1,
                     "the last line is not finished");
    if (at.line == 0 && next)
        return found(verify, AUDIT_FINDING_GAP, file->name, 1, "the file is empty");
    return true;
}
