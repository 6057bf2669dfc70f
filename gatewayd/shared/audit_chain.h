#pragma once
/*
 * The form of the audit log on disk: names of its files, what a line says about its place, the hash
 * that links lines, and the check of the whole chain. Used by the audit process to go on where it
 * stopped and by `gatewayctl audit verify`. Pure: octets in, findings out; opens no file.
 */
#include "gatewayd/shared/audit_record.h"

enum {
    AUDIT_NAME_LEN = 32,     /* "audit-" 20 digits ".jsonl" */
    AUDIT_LINE_DEPTH = 16,   /* objects and arrays inside each other */
    AUDIT_DETAIL_MAX = 200,  /* octets of a finding in words */
    AUDIT_LOG_NAME_LEN = 32, /* hex digits of the random name of a log */
};

/* Name of the file whose first record has this number, and back. */
void audit_name_format(uint64_t seq, char out[AUDIT_NAME_LEN + 1]);
bool audit_name_parse(struct bytes name, uint64_t *ret_seq);

/* SHA-256, fetched once. Aborts when OpenSSL has none. */
struct audit_hasher;
struct audit_hasher *audit_hasher_new(void);
struct audit_hasher *audit_hasher_free(struct audit_hasher *hasher); /* accepts NULL */
struct hash audit_hash(struct audit_hasher *hasher, struct bytes line);

/* What one line says about its place; texts are borrowed from it and empty where it has none. */
struct audit_line {
    uint64_t seq;
    struct hash prev; /* zero on the first line of a log */
    struct bytes ev, key, log, sid;
    struct bytes file_prev, file_torn;
    uint64_t file_valid; /* UINT64_MAX: none */
};

/*
 * Reads one line without its newline. Refuses (AUDIT_EDITED) what is not one JSON object with its
 * keys in order, without spaces, with a number, and with texts where texts belong.
 */
bool audit_line_parse(struct bytes line, struct audit_line *ret_line, struct error *err) MUST_CHECK;
/* "epoch.counter" of the sender. */
bool audit_key_parse(struct bytes key, uint64_t *ret_epoch, uint64_t *ret_counter);
/* The next line of *rest without its newline, and moves behind it; false when none is complete. */
bool audit_next_line(struct bytes *rest, struct bytes *ret_line);

/* Results of the check; the numbers are the exit codes of `gatewayctl audit verify`. */
enum audit_finding {
    AUDIT_FINDING_OK = 0,
    AUDIT_FINDING_TORN = 3, /* all lines hold; the last one has not been finished */
    AUDIT_FINDING_GAP = 4,  /* lines or files are missing */
    AUDIT_FINDING_EDIT = 5, /* a line is not the one that was written */
};

struct audit_file {
    char name[AUDIT_NAME_LEN + 1];
    struct bytes content;
};

/* The state of a check, and its result. Zero it and set hasher before the first file. */
struct audit_verify {
    struct audit_hasher *hasher;
    uint64_t seq, lines; /* of the last line that held; lines checked in all */
    struct hash hash;    /* of that line */
    char log[AUDIT_LOG_NAME_LEN + 1];
    char last_file[AUDIT_NAME_LEN + 1]; /* file and number of that line */
    uint64_t last_line;
    uint64_t gap_events; /* lines in which the writer itself notes damage that it saw */
    enum audit_finding finding;
    char file[AUDIT_NAME_LEN + 1]; /* the first bad place */
    uint64_t line;
    char detail[AUDIT_DETAIL_MAX];
};

/*
 * Checks the next file of the log, in order of names; next: the file behind it, NULL for the last.
 * False at the first bad place: finding, file, line and detail say what and where.
 */
bool audit_verify_file(struct audit_verify *verify, const struct audit_file *file,
                       const struct audit_file *next) MUST_CHECK;

DEFINE_AUTO(struct audit_hasher *, audit_hasher_freep, audit_hasher_free)
