/*
 * Every field of an audit record, one row each: from these rows come the struct, the encoding between
 * decide and audit, the JSON (keys sorted, dots are nesting) and the list in docs/audit.md. Included
 * several times, so it has no include guard. Rows stand in the order of their keys, since the stored
 * octets are sorted (RFC 8785); the tests check it.
 *
 * AUDIT_FIELD(key, kind, member, help)
 *   TEXT  struct bytes        left out when empty; clean UTF-8
 *   NUMBER int64_t            left out when AUDIT_NO_NUMBER
 *   HASH  struct hash         lower hex; left out when all zero
 *   ID    struct session_id   lower hex; left out when all zero
 *   TEXTS struct audit_texts  array of strings; left out when empty
 *   RAW   struct bytes        JSON made by the sender's audit_facts/audit_misses; left out when empty
 *   STAMP -                   filled in by the audit process itself
 */
AUDIT_FIELD("boot", STAMP, boot, "boot id of the machine")
AUDIT_FIELD("bytes_in", NUMBER, bytes_in, "octets from the client to the service")
AUDIT_FIELD("bytes_out", NUMBER, bytes_out, "octets from the service to the client")
AUDIT_FIELD("cert.ca", TEXT, cert_ca, "ca section that the chain ends in")
AUDIT_FIELD("cert.issuer", TEXT, cert_issuer, "RFC 4514")
AUDIT_FIELD("cert.not_after", NUMBER, cert_not_after, "earliest end of the chain, seconds since 1970")
AUDIT_FIELD("cert.revocation", TEXT, cert_revocation, "good, unknown or not_checked")
AUDIT_FIELD("cert.san", TEXTS, cert_san, "subject alternative names, kind:value")
AUDIT_FIELD("cert.serial", TEXT, cert_serial, "lower hex")
AUDIT_FIELD("cert.sha256", HASH, cert_sha256, "of the DER certificate")
AUDIT_FIELD("cert.subject", TEXT, cert_subject, "RFC 4514")
AUDIT_FIELD("confirms", TEXT, confirms, "login name that pam_mtls confirmed")
AUDIT_FIELD("count", NUMBER, count, "how many equal events this record stands for")
AUDIT_FIELD("data_age.crl_s", NUMBER, crl_age, "age of the oldest revocation list used")
AUDIT_FIELD("data_age.directory_s", NUMBER, directory_age, "age of the directory's answer")
AUDIT_FIELD("decision", TEXT, decision, "allow, provisional or deny")
AUDIT_FIELD("detail", TEXT, detail, "which check failed on what")
AUDIT_FIELD("dst", TEXT, dst, "address and port that the client reached")
AUDIT_FIELD("dur_ms", NUMBER, dur_ms, "length of the session")
AUDIT_FIELD("ev", TEXT, ev, "open, deny, close, reeval, kill, pam, admin, cfg, whoami, start, gap, full")
AUDIT_FIELD("facts", RAW, facts, "every fact tested: name, state, values, source, age_s")
AUDIT_FIELD("file.prev", TEXT, file_prev, "file that this one continues; on the first line of a file")
AUDIT_FIELD("file.torn", TEXT, file_torn, "file that the unfinished last line of the one before was moved to")
AUDIT_FIELD("file.valid", NUMBER, file_valid, "octets of the file before that count: what follows was never acknowledged")
AUDIT_FIELD("groups", TEXTS, groups, "groups of the account that a rule named")
AUDIT_FIELD("host", STAMP, host, "name of the machine")
AUDIT_FIELD("id.candidates", TEXTS, id_candidates, "DNs of the entries that all fit: why it is ambiguous_user. Never shown to the client")
AUDIT_FIELD("id.mapping", TEXT, id_mapping, "mapping that found the account")
AUDIT_FIELD("id.uid", NUMBER, id_uid, "uid of the account")
AUDIT_FIELD("id.user", TEXT, id_user, "name of the account")
AUDIT_FIELD("key", STAMP, key, "epoch.counter of the sender: drops duplicates")
AUDIT_FIELD("listener", TEXT, listener, "")
AUDIT_FIELD("log", STAMP, log, "random name of this log")
AUDIT_FIELD("misses", RAW, misses, "the rules that came nearest: rule, file, line, detail")
AUDIT_FIELD("peer.via_proxy", TEXT, via_proxy, "address and port of the trusted proxy that named src and dst")
AUDIT_FIELD("policy.file", TEXT, policy_file, "file of the rule")
AUDIT_FIELD("policy.line", NUMBER, policy_line, "line of the rule")
AUDIT_FIELD("policy.rule", TEXT, policy_rule, "rule that allowed or denied")
AUDIT_FIELD("policy.version", HASH, policy_version, "version of the policy set")
AUDIT_FIELD("prev", STAMP, prev, "SHA-256 of the line before, without its newline")
AUDIT_FIELD("producer", STAMP, producer, "process that sent the record")
AUDIT_FIELD("reason_code", TEXT, reason_code, "name of the reason")
AUDIT_FIELD("reason_text", TEXT, reason_text, "the reason in words")
AUDIT_FIELD("seq", STAMP, seq, "number of the record in this log, from 1")
AUDIT_FIELD("service", TEXT, service, "")
AUDIT_FIELD("shadow.decision", TEXT, shadow_decision, "what the verdict would be if the rules in shadow were enforced; only where that differs")
AUDIT_FIELD("shadow.rule", TEXT, shadow_rule, "the rule that would decide then")
AUDIT_FIELD("sid", ID, sid, "session and decision id")
AUDIT_FIELD("sid_part", NUMBER, sid_part, "n of the re-judgement ID.n")
AUDIT_FIELD("src", TEXT, src, "address and port of the client")
AUDIT_FIELD("tls.alpn", TEXT, tls_alpn, "")
AUDIT_FIELD("tls.cipher", TEXT, tls_cipher, "")
AUDIT_FIELD("tls.sni", TEXT, tls_sni, "")
AUDIT_FIELD("tls.ver", TEXT, tls_version, "")
AUDIT_FIELD("ts", STAMP, ts, "time of day when the record was written")
AUDIT_FIELD("upstream", TEXT, upstream, "`open`: all places that the connection may go to, since the record is written before it is made; `close`: the one that it went to, none when it was never made")
AUDIT_FIELD("v", STAMP, v, "version of this format: 1")
AUDIT_FIELD("valid_until", NUMBER, valid_until, "judged again then, seconds since 1970")
AUDIT_FIELD("who", TEXT, who, "operator behind an admin, kill or cfg event")
