/*
 * The local protocol gw-pam/1 as two tables: what may be asked by whom, and what the fields are. From
 * these rows come the enums, struct protocol_message, the codec, the permissions that decide checks
 * and the deadlines that clients keep. Included several times, so it has no include guard.
 *
 * REQUEST(ID, number, socket, who may send it, client's deadline in ms)
 *   socket   PAM: run_dir/pam.sock, CONTROL: run_dir/control.sock
 *   who      sums of SENDER_*: ANY everybody, ROOT uid 0, OWNER the session's own uid for its own
 *            session, READ LOCK ADMIN the groups of the `control` section (root is in all of them)
 * REPLY(ID, number)
 * FIELD(tag, member, kind, max, critical, help)
 *   kind     TEXT struct bytes, clean UTF-8, at most max octets; left out when empty
 *            NUMBER uint64_t, at most max; left out when PROTOCOL_NO_NUMBER
 *            ID struct session_id; left out when all zero
 *            ROWS struct protocol_rows: the tag may come again, max octets each
 *   critical CRITICAL: a receiver that does not know the tag refuses the message (fields that narrow
 *            what is asked or granted); PLAIN: it skips the field
 *
 * Numbers and tags are never used again for something else. Left free for AUTH_TOKEN 3, OOB_START 4,
 * OOB_WAIT 5, AGENT_START 6, AGENT_PROOF 7, KEYS 11, NSS_GET 12.
 */
#ifndef REQUEST
#define REQUEST(ID, number, socket, who, deadline_ms)
#endif
#ifndef REPLY
#define REPLY(ID, number)
#endif
#ifndef FIELD
#define FIELD(tag, member, kind, max, critical, help)
#endif

/* Modules. */
REQUEST(PING, 1, PAM, SENDER_ANY, 1000)
REQUEST(AUTH_TUNNEL, 2, PAM, SENDER_ROOT, 2000)
REQUEST(ACCOUNT, 8, PAM, SENDER_ROOT, 3000)
REQUEST(SESSION_OPEN, 9, PAM, SENDER_ROOT, 2000)
REQUEST(SESSION_CLOSE, 10, PAM, SENDER_ROOT | SENDER_OWNER, 1000)
/* gatewayctl. */
REQUEST(CTL_STATUS, 32, CONTROL, SENDER_READ, 5000)
REQUEST(CTL_RELOAD, 33, CONTROL, SENDER_ADMIN, 60000)
REQUEST(CTL_DRAIN, 34, CONTROL, SENDER_ADMIN, 60000)
REQUEST(CTL_SESSIONS, 35, CONTROL, SENDER_READ, 5000)
REQUEST(CTL_SESSION_KILL, 36, CONTROL, SENDER_LOCK, 5000)
REQUEST(CTL_SESSIONS_END_PENDING, 37, CONTROL, SENDER_ADMIN, 5000)
REQUEST(CTL_LOCK_ADD, 38, CONTROL, SENDER_LOCK, 5000)
REQUEST(CTL_LOCK_LIST, 39, CONTROL, SENDER_READ, 5000)
REQUEST(CTL_LOCK_REMOVE, 40, CONTROL, SENDER_LOCK, 5000)
REQUEST(CTL_UPGRADE, 41, CONTROL, SENDER_ADMIN, 60000)

REPLY(ALLOW, 128)       /* AUTH_TUNNEL: grant, real_rhost, identity; ACCOUNT: uid, max_lifetime_s */
REPLY(DENY, 129)        /* reason, text, session */
REPLY(NONE, 130)        /* there is no proof of this kind: another method may be tried */
REPLY(EXPIRED, 131)     /* like DENY: certificate, account or time window are over */
REPLY(OK, 132)          /* PING, SESSION_*, CTL_* */
REPLY(ERROR, 133)       /* the question could not be answered: reason, text */
REPLY(ERR_VERSION, 134) /* version_min, version_max */

/* What PAM knows; decide adds pid, uid, start time and the rest from SO_PEERCRED. */
FIELD(1, service, TEXT, 64, PLAIN, "PAM service; in CTL_* the gateway's service to filter by")
FIELD(2, user, TEXT, 256, CRITICAL, "PAM_USER; in CTL_* the account to filter by")
FIELD(3, ruser, TEXT, 256, PLAIN, "PAM_RUSER")
FIELD(4, rhost, TEXT, 256, PLAIN, "PAM_RHOST as the application set it")
FIELD(5, tty, TEXT, 128, PLAIN, "PAM_TTY")
FIELD(6, phase, NUMBER, 4, CRITICAL, "1 auth, 2 account, 3 open_session, 4 close_session")
FIELD(7, boot_id, TEXT, 36, CRITICAL, "/proc/sys/kernel/random/boot_id: no answer to another machine")
FIELD(8, deadline_ms, NUMBER, 600000, PLAIN, "milliseconds that the client still waits")
FIELD(9, module_version, TEXT, 32, PLAIN, "version of the asking module or program")
FIELD(10, session, ID, 16, CRITICAL, "session id: of the tunnel; in replies the decision id")
FIELD(11, peer_uid, NUMBER, 4294967294, PLAIN, "uid that made the tunnel, as the module saw it")
/* Replies. */
FIELD(12, text, TEXT, 4096, PLAIN, "a sentence for the user, or an operator's message")
FIELD(13, reason, TEXT, 32, PLAIN, "name of the reason (common/reasons.h)")
FIELD(14, login, TEXT, 256, CRITICAL, "login name that the session was confirmed for")
FIELD(15, grant, NUMBER, UINT64_MAX - 1, CRITICAL, "number of the grant that ACCOUNT redeems")
FIELD(16, real_rhost, TEXT, 64, PLAIN, "address of the client of the gateway, without port")
FIELD(17, identity, TEXT, 1024, PLAIN, "who was proved, for the log")
FIELD(18, max_lifetime_s, NUMBER, 4294967295, PLAIN, "seconds until the session is judged or ended")
FIELD(19, json, TEXT, 60000, PLAIN, "one JSON value")
FIELD(20, row, ROWS, 8192, PLAIN, "further values, in order")
FIELD(21, version_min, NUMBER, 255, PLAIN, "oldest protocol version served")
FIELD(22, version_max, NUMBER, 255, PLAIN, "newest protocol version served")
FIELD(23, generation, NUMBER, UINT64_MAX - 1, PLAIN, "counts configurations of the daemon")
FIELD(24, count, NUMBER, UINT64_MAX - 1, PLAIN, "how many sessions or locks were meant or changed")
FIELD(25, observe, NUMBER, 1, PLAIN, "1: the module is in observe mode and will not follow the verdict")
FIELD(26, uid, NUMBER, 4294967294, CRITICAL, "uid that the login must have on the host; left out where the login is not the account")
/* Filters of CTL_SESSIONS and CTL_SESSION_KILL; all that are given must hold. */
FIELD(32, rule, TEXT, 256, CRITICAL, "policy rule that allowed the session")
FIELD(33, certificate, TEXT, 64, CRITICAL, "SHA-256 of the certificate, lower hex")
FIELD(34, age_s, NUMBER, UINT32_MAX, CRITICAL, "sessions that are at least so old")
FIELD(35, pending, NUMBER, 1, CRITICAL, "1: those that mass_end_guard holds back")
FIELD(36, would_die, NUMBER, 1, CRITICAL, "1: those that a judgement now would end")
FIELD(37, dry_run, NUMBER, 1, CRITICAL, "1: say what would be done, do nothing")
FIELD(38, after, ID, 16, CRITICAL, "continue a list behind this session")
FIELD(39, next, ID, 16, PLAIN, "the list goes on: ask again with after = this")
FIELD(40, why, TEXT, 256, PLAIN, "operator's reason, for the audit record")
/* Locks. */
FIELD(48, lock_kind, TEXT, 16, CRITICAL, "user, group, certificate, issuer, service, host, session")
FIELD(49, lock_value, TEXT, 1024, CRITICAL, "what is locked")
FIELD(50, lock_id, TEXT, 64, CRITICAL, "id of a lock: in the reply of add, in remove")
FIELD(51, expires_s, NUMBER, INT64_MAX, CRITICAL, "the lock ends then, seconds since 1970")
/* Drain and upgrade. */
FIELD(56, limit_s, NUMBER, 4294967295, CRITICAL, "drain: sessions that last longer are ended")
FIELD(57, now, NUMBER, 1, CRITICAL, "1: drain ends the sessions at once")
FIELD(58, path, TEXT, 4000, CRITICAL, "of the program that takes over; left out: the same path")

#undef REQUEST
#undef REPLY
#undef FIELD
