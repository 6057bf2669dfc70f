/*
 * The one reason table: id, class, text, hint. Audit records and tests use the id, the client sees
 * the text and the decision id, operators see the hint. Included several times, so it has no
 * include guard.
 *
 * Classes: ALLOW (the request is granted), DENY (the requester lacks a right), FAULT (we lack
 * something). REASON(id, class, text, hint)
 */
/* Outcomes */
REASON(OK, ALLOW, "ok", "")
REASON(DEFAULT_DENY, DENY, "no rule allows this connection", "gatewayctl explain ID")
REASON(RULE_DENY, DENY, "a rule denies this connection", "gatewayctl explain ID")
REASON(REQUIREMENT_UNMET, DENY, "a rule requires what this connection does not have", "gatewayctl explain ID")
REASON(LIMIT, DENY, "a limit of the policy is reached", "gatewayctl sessions list")
/* Handshake and certificate (RFC 5280, RFC 8446) */
REASON(TLS_FAILED, DENY, "the TLS handshake failed", "check the client's TLS version and ciphers")
REASON(TLS_NO_CERTIFICATE, DENY, "the client sent no certificate", "configure a client certificate")
REASON(TLS_UNKNOWN_NAME, DENY, "no service has this server name",
       "check the SNI against the service sections")
REASON(TLS_PROOF_FAILED, DENY, "the client does not hold the certificate's key",
       "the key and the certificate belong together?")
REASON(HANDSHAKE_TIMEOUT, DENY, "the handshake took too long", "listener option handshake_timeout")
REASON(TOO_MANY_HANDSHAKES, DENY, "too many handshakes in flight",
       "options max_handshakes and, of the listener, max_handshakes_per_source")
REASON(TOO_MANY_CONNECTIONS, DENY, "too many connections", "listener option max_connections")
REASON(PROXY_HEADER, DENY, "the PROXY header of a trusted proxy is missing or malformed",
       "listener options proxy_protocol and trusted_proxies")
REASON(POSTGRES_PLAIN, DENY, "TLS is required", "sslmode=verify-full in the connection string")
REASON(POSTGRES_PRELUDE, DENY, "the request for TLS is malformed or something follows it",
       "is it a PostgreSQL client?")
REASON(CERT_MALFORMED, DENY, "the certificate is malformed", "gatewayctl verify")
REASON(CERT_UNKNOWN_CA, DENY, "the certificate comes from no trusted authority",
       "the anchors of the listener's ca sections")
REASON(SERVICE_CA, DENY, "the service does not accept certificates of this authority",
       "service option ca")
REASON(CERT_EXPIRED, DENY, "the certificate has expired", "get a new certificate from the authority")
REASON(CERT_NOT_YET_VALID, DENY, "the certificate is not valid yet", "check the clocks")
REASON(CERT_REVOKED, DENY, "the certificate is revoked", "gatewayctl ca list")
REASON(CERT_EKU, DENY, "the certificate is not for client authentication",
       "ca option eku; gatewayctl verify")
REASON(CERT_SIGNATURE, DENY, "a signature in the certificate chain is wrong", "gatewayctl verify")
REASON(CERT_CHAIN_TOO_LONG, DENY, "the certificate chain is too long", "ca option max_depth")
REASON(CERT_PURPOSE, DENY, "a certificate of the chain may not be used this way",
       "gatewayctl verify")
REASON(CERT_WEAK_KEY, DENY, "a key or digest of the chain is too weak", "gatewayctl verify")
REASON(CERT_NAME_CONSTRAINT, DENY, "a name lies outside of what its authority may sign",
       "gatewayctl verify")
REASON(CERT_INVALID, DENY, "the certificate chain is not valid", "gatewayctl verify")
REASON(CERT_POLICY, DENY, "the certificate chain is not valid for a required policy",
       "ca option policies; gatewayctl verify")
REASON(CERT_ALGORITHM, DENY, "a key or signature algorithm of the chain is not accepted",
       "gatewayctl verify")
REASON(CERT_SERIAL, DENY, "a serial number in the chain is not allowed", "gatewayctl verify")
REASON(CERT_VERSION, DENY, "a certificate of the chain has a version without extensions",
       "gatewayctl verify")
REASON(CERT_EXTENSION, DENY, "an extension of the chain is unknown or malformed",
       "gatewayctl verify")
REASON(CERT_NOT_CA, DENY, "a certificate of the chain may not sign others", "gatewayctl verify")
REASON(CERT_IS_CA, DENY, "the certificate is one of an authority", "gatewayctl verify")
REASON(CERT_KEY_USAGE, DENY, "the key usage of a certificate does not allow this",
       "gatewayctl verify")
REASON(CERT_PATH_LENGTH, DENY, "an authority of the chain allows fewer below it",
       "gatewayctl verify")
REASON(CERT_NAME_FORM, DENY, "a name in the chain is empty or has a wrong form",
       "gatewayctl verify")
REASON(CRL_INCOMPLETE, DENY, "the revocation lists cover the certificate in part only",
       "ca options crls and revocation")
REASON(CRL_ROLLBACK, FAULT, "a revocation list is older than one that was in force",
       "put the newer one back; gatewayd.conf(5), crls")
REASON(CRL_MISSING, DENY, "no revocation list covers the certificate",
       "ca options crls and revocation")
REASON(CRL_EXPIRED, DENY, "the revocation list has expired", "ca option crl_grace")
REASON(OCSP_UNAVAILABLE, DENY, "nobody says whether the certificate is revoked",
       "gatewayctl status; ca options ocsp and ocsp_responder")
REASON(OCSP_UNKNOWN, DENY, "the responder does not know the certificate",
       "ca option ocsp_responder")
REASON(FETCH_FAILED, FAULT, "a revocation list cannot be fetched", "gatewayctl status")
REASON(FETCH_REFUSED, FAULT, "a fetched revocation list cannot be used", "gatewayctl status")
REASON(KEY_UNAVAILABLE, FAULT, "the key process does not answer", "gatewayctl status")
/* Identity and directory */
REASON(NO_RULE, DENY, "no mapping applies to the certificate",
       "gatewayctl identity map --cert C --explain")
REASON(NO_VALUE, DENY, "the certificate lacks a value that the mapping needs",
       "gatewayctl identity show C")
REASON(MULTI_VALUE, DENY, "the certificate has several values where one is needed",
       "gatewayctl identity show C")
REASON(BAD_ENCODING, DENY, "a name in the certificate is badly encoded",
       "gatewayctl identity show C")
REASON(NO_USER, DENY, "the directory has no such user",
       "gatewayctl identity map --cert C --explain")
REASON(AMBIGUOUS_USER, DENY, "several directory entries fit the certificate",
       "gatewayctl identity map --cert C --explain")
REASON(WEAK_MAPPING, DENY, "the mapping is too weak for this certificate",
       "mapping option strength")
REASON(CERT_OLDER_THAN_ACCOUNT, DENY, "the certificate is older than the account",
       "issue a new certificate")
REASON(SID_MISMATCH, DENY, "the certificate names another security identifier",
       "gatewayctl identity show C")
REASON(CONFIRM_MISMATCH, DENY, "the certificate and the account disagree",
       "mapping option confirm; gatewayctl identity map --cert C --explain")
REASON(ACCOUNT_EXPIRED, DENY, "the account has expired", "shadowExpire of the entry")
REASON(ACCOUNT_LOCKED, DENY, "the account is locked",
       "pwdAccountLockedTime or nsAccountLock of the entry")
REASON(ACCOUNT_DISABLED, DENY, "the account is disabled", "the account state of the entry")
REASON(ACCOUNT_INVALID, DENY, "the directory entry of the account is unusable",
       "gatewayctl identity map --cert C --explain")
REASON(OUTSIDE_HOURS, DENY, "the account may not log in at this time", "logonHours of the entry")
REASON(HOST_NOT_ALLOWED, DENY, "the account may not use this host",
       "host and authorizedService of the entry")
REASON(GROUP_LIMIT, DENY, "the groups of the account nest too deeply",
       "see the directory's groups for loops")
REASON(DIRECTORY_STALE, FAULT, "the directory has not been heard for too long", "gatewayctl status")
REASON(DIRECTORY_UNREACHABLE, FAULT, "the directory does not answer", "gatewayctl status")
REASON(DIRECTORY_BAD_ANSWER, FAULT, "the directory gave an unusable answer", "gatewayctl status")
/* Sessions */
REASON(LOCKED, DENY, "a lock applies", "gatewayctl lock list")
REASON(POLICY_CHANGED, DENY, "the policy no longer allows this session", "gatewayctl explain ID")
REASON(GROUPS_CHANGED, DENY, "the account's groups no longer allow this session",
       "gatewayctl explain ID")
REASON(TIME_ENDED, DENY, "the time of this session is over", "gatewayctl explain ID")
REASON(SESSION_TOO_LONG, DENY, "the session has lasted as long as its service allows",
       "service option max_duration")
REASON(IDLE, DENY, "no octet has moved for as long as the service allows",
       "service option idle_timeout")
REASON(NOT_CONFIRMED, DENY, "the login was not confirmed in time",
       "is pam_mtls in the PAM stack of the host?")
REASON(WRONG_LOGIN, DENY, "this identity may not use that login name", "gatewayctl explain ID")
REASON(ALREADY_CONFIRMED, DENY, "the session has been used for a login already",
       "open a new connection")
REASON(NOT_A_TUNNEL, DENY, "this login did not come through the gateway", "mtls connect")
REASON(KILLED, DENY, "an operator ended the session", "gatewayctl explain ID")
REASON(MASS_END_GUARD, DENY, "one change would end too many sessions; an operator must confirm it",
       "gatewayctl sessions end --pending")
REASON(CLIENT_CLOSED, ALLOW, "the client closed the connection", "")
REASON(UPSTREAM_CLOSED, ALLOW, "the service closed the connection", "")
REASON(RELAY_FAILED, FAULT, "the connection broke", "")
REASON(HTTP_MALFORMED, DENY, "the HTTP request is malformed", "event http_refused in the log")
REASON(HTTP_AMBIGUOUS, DENY, "the length of the HTTP request can be read in two ways",
       "event http_refused in the log")
REASON(HTTP_TOO_LARGE, DENY, "the HTTP request is too large",
       "man gatewayd.conf, HTTP SERVICES")
REASON(HTTP_SLOW, DENY, "the HTTP request took too long to come",
       "a slow network, or a client that holds connections")
REASON(HTTP_UNSUPPORTED, DENY, "the HTTP request asks for what is not served here",
       "event http_refused in the log")
REASON(HTTP_MISDIRECTED, DENY, "Host is no name of this service", "service option sni")
REASON(HTTP_BAD_RESPONSE, FAULT, "the service gave no proper HTTP response",
       "event http_refused in the log; the service's own log")
REASON(IDENTITY_TOO_LARGE, DENY, "the account has more groups than the service can be told",
       "fewer groups, or a service with neither protocol http nor send_proxy")
REASON(IDENTITY_MISSING, FAULT, "the identity of the client did not come with its verdict",
       "gatewayctl status")
REASON(EDGE_LOST, FAULT, "the process that carried the connection was lost", "see the log")
REASON(DECIDE_LOST, FAULT, "the process that decides was lost", "see the log")
REASON(DRAINED, ALLOW, "the gateway is shutting down", "")
REASON(NO_HOST, DENY, "the directory has no such host", "cn and ipHostNumber of the host's entry")
REASON(HOST_ADDRESS, DENY, "the address of the host may not be used",
       "ipHostNumber of the host's entry; service option host_networks")
REASON(HOST_CHANGED, DENY, "the host has another address now", "gatewayctl explain ID")
/* What we need and do not have */
REASON(AUDIT_UNAVAILABLE, FAULT, "no audit record can be written",
       "free disk space in the audit directory")
REASON(UPSTREAM_UNREACHABLE, FAULT, "the service does not answer", "the service's upstream option")
REASON(UPSTREAM_TLS_FAILED, FAULT, "the service did not prove who it is",
       "the service's upstream_tls section; the close record says which check failed")
REASON(UPSTREAM_UNSAFE, FAULT, "the service would not check its logins",
       "the PAM stack and sshd_config of the spawn row")
REASON(POLICY_MISSING, FAULT, "no valid policy is loaded", "gatewayctl check")
REASON(TRUST_MISSING, FAULT, "no valid trust data is loaded", "gatewayctl check")
REASON(NO_SERVICE, DENY, "there is no such service", "gatewayctl check")
REASON(NO_SERVICE_NAMED, DENY, "the request names no service, and there is no default",
       "mtls connect SERVICE; mtls whoami lists what is open to you")
REASON(DECISION_TIMEOUT, FAULT, "the decision took too long", "gatewayctl status")
REASON(OVERLOADED, FAULT, "the gateway is overloaded", "gatewayctl status")
/* Errors of files, configuration, messages, programs */
REASON(FILE_UNREADABLE, FAULT, "a file cannot be read", "check its path, owner and mode")
REASON(FILE_UNSAFE, FAULT, "a file may be changed or read by others", "check its owner and mode")
REASON(FILE_EMPTY, FAULT, "a file is empty", "")
REASON(FILE_TOO_LARGE, FAULT, "a file is too large", "")
REASON(FILE_WRITE, FAULT, "a file cannot be written",
       "check the disk and the directory's owner and mode")
REASON(FILE_EXISTS, FAULT, "a file exists; it is never replaced", "")
REASON(FILE_MALFORMED, FAULT, "a file has not the form that it should have", "")
REASON(KEY_MISMATCH, FAULT, "the key does not belong to the certificate", "")
REASON(CONFIG_SYNTAX, FAULT, "the configuration has a syntax error", "man gatewayd.conf")
REASON(CONFIG_VALUE, FAULT, "a configuration value is not allowed", "man gatewayd.conf")
REASON(CONFIG_MISSING, FAULT, "a configuration option is missing", "man gatewayd.conf")
REASON(CONFIG_REFERENCE, FAULT, "a configuration name refers to nothing", "man gatewayd.conf")
REASON(POLICY_SYNTAX, FAULT, "the policy has a syntax error", "docs/policy-guide.md")
REASON(POLICY_VALUE, FAULT, "a policy value is not allowed", "docs/policy-guide.md")
REASON(POLICY_REFERENCE, FAULT, "a policy name refers to nothing", "docs/policy-guide.md")
REASON(UPGRADE_STATE, FAULT, "the other program cannot take over what this one holds",
       "restart instead: sessions end")
REASON(UPGRADE_FULL, FAULT, "too many old edges have sessions left",
       "gatewayctl status; end their sessions or wait")
REASON(UPGRADE_REFUSED, FAULT, "the other program refuses this configuration",
       "run it with --check")
REASON(BUSY, FAULT, "another change is under way", "try again in a moment")
REASON(MSG_MALFORMED, FAULT, "a message is malformed", "")
REASON(MSG_VERSION, FAULT, "a message has an unknown version", "upgrade both programs")
REASON(NOT_PERMITTED, DENY, "you may not ask this", "the control section of gatewayd.conf")
REASON(NOT_FOUND, DENY, "there is no such thing", "")
REASON(DAEMON_AWAY, FAULT, "gatewayd does not answer", "is gatewayd running?")
REASON(DAEMON_UNTRUSTED, FAULT, "the socket does not belong to gatewayd",
       "check the owner of the run directory")
REASON(GATEWAY_UNREACHABLE, FAULT, "the gateway cannot be reached", "mtls connect --help")
REASON(GATEWAY_UNTRUSTED, FAULT, "the gateway does not prove its name",
       "the settings name and ca of mtls")
REASON(GATEWAY_REFUSED, DENY, "the gateway refused the certificate", "mtls whoami")
REASON(GATEWAY_LOST, FAULT, "the connection to the gateway broke", "")
REASON(GATEWAY_ENDED, DENY, "the gateway ended the session", "gatewayctl explain ID")
REASON(SYSTEM, FAULT, "a system call failed", "")
REASON(CRYPTO, FAULT, "a cryptographic operation failed", "")
REASON(NO_MEMORY, FAULT, "out of memory", "")
REASON(AUDIT_GAP, FAULT, "the audit log has a gap", "docs/audit.md")
REASON(AUDIT_EDITED, FAULT, "the audit log was changed", "docs/audit.md")
REASON(USAGE, FAULT, "the command line is not understood", "see the man page")
