#pragma once
/*
 * The audit record: what decide says and audit writes. A pure codec and a JSON printer made from
 * audit_fields.h. Borrowed octets everywhere: a record lives only as long as what it was filled
 * from.
 */
#include "gatewayd/shared/messages.h"

#define AUDIT_NO_NUMBER INT64_MIN
enum { AUDIT_TEXTS_MAX = 128, AUDIT_LINE_MAX = 64 * 1024 };

struct audit_texts {
    struct bytes at[AUDIT_TEXTS_MAX];
    size_t n;
};

#define AUDIT_TYPE_TEXT(member)   struct bytes member;
#define AUDIT_TYPE_NUMBER(member) int64_t member;
#define AUDIT_TYPE_HASH(member)   struct hash member;
#define AUDIT_TYPE_ID(member)     struct session_id member;
#define AUDIT_TYPE_TEXTS(member)  struct audit_texts member;
#define AUDIT_TYPE_RAW(member)    struct bytes member;
#define AUDIT_TYPE_STAMP(member)

struct audit_record {
#define AUDIT_FIELD(key, kind, member, help) AUDIT_TYPE_##kind(member)
#include "gatewayd/shared/audit_fields.h"
#undef AUDIT_FIELD
};

/* What the audit process itself adds. */
struct audit_stamps {
    struct bytes boot, host, key, log, producer;
    struct hash prev;
    uint64_t seq;
    int64_t ts_ms;
};

/* All numbers AUDIT_NO_NUMBER, all else empty. */
void audit_record_init(struct audit_record *record);
void audit_record_encode(const struct audit_record *record, struct writer *out);
/* Borrows from `in`; refuses unknown fields, unclean text and RAW that is not one JSON value. */
bool audit_record_decode(struct bytes in, struct audit_record *ret_record,
                         struct error *err) MUST_CHECK;
/* One line without newline: keys sorted, strings escaped as RFC 8785, integers only. */
void audit_record_print(const struct audit_record *record, const struct audit_stamps *stamps,
                        struct writer *out);
/* Appends a JSON string, quotes included. For senders that build RAW fields. */
void audit_json_text(struct bytes text, struct writer *out);
