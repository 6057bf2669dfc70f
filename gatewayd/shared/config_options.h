/*
 * Every option of gatewayd.conf, one row each. From these rows come the structs, the defaults, the
 * libconfuse tables, the range checks, `gatewayd --print-config`, the encoding between processes and
 * the option list of gatewayd.conf(5). Included several times, so it has no include guard.
 *
 * SECTION(name, TITLED | SINGLE | IN_SERVICE)  followed by the OPTIONs of that section and END_SECTION(name)
 *   IN_SERVICE: stands inside of a service section, at most once in each, and bears its title
 * OPTION(section, name, kind, default, min, max, unit, when, help)
 *   kind      member type         default, min, max
 *   TEXT      const char *        text or NULL (left out), 1, longest length
 *   NEEDED    const char *        like TEXT, but must be given
 *   LIST      struct config_list  NULL (left out) or one text, least and most number of values
 *   COUNT     int64_t             a number in a range
 *   DURATION  int64_t, seconds    "10s" "15m" "4h" "30d" in a range
 *   PERCENT   int64_t             "20%"
 *   CHOICE    int64_t             default is an index; unit holds the words "a|b|c", the value is the index
 *   when      LIVE: a reload changes it; a changed value is refused by a reload and taken by
 *             UPGRADE: `gatewayctl upgrade` or a restart; RESTART: a restart alone
 */
SECTION(gateway, SINGLE) /* the options outside of any section */
OPTION(gateway, role, CHOICE, 0, 0, 0, "gateway", RESTART, "what this daemon is")
OPTION(gateway, user, TEXT, "gatewayd", 1, 24, "", RESTART, "prefix of the service users: gatewayd-edge, gatewayd-key, ...")
OPTION(gateway, run_dir, TEXT, "/run/gatewayd", 1, 80, "", RESTART, "sockets, pid file, NSS snapshot")
OPTION(gateway, state_dir, TEXT, "/var/lib/gatewayd", 1, 200, "", RESTART, "directory snapshot, trust data in force, fetched revocation lists, locks")
OPTION(gateway, edges, COUNT, 0, 0, 64, "", UPGRADE, "edge processes; 0 is one per core. Fewer leave cores to the services on the same machine. More of them need an upgrade, fewer a restart")
OPTION(gateway, direct_keys, CHOICE, 0, 0, 1, "on|off", UPGRADE, "read public keys of certificates without the slow decoders of OpenSSL before 3.2, which cost more than checking a signature; has no effect where a FIPS provider is in charge")
OPTION(gateway, max_handshakes, COUNT, 4096, 64, 65536, "", LIVE, "handshakes in flight over all edges and listeners; each holds up to 44 KiB, so this bounds the memory that strangers can take. When it is reached the source with the most of them makes room")
OPTION(gateway, log_level, CHOICE, 2, 0, 3, "error|warning|info|debug", LIVE, "least urgent lines that the log shows")
END_SECTION(gateway)

SECTION(tls, TITLED)
OPTION(tls, certificate, NEEDED, NULL, 1, 4096, "", LIVE, "server certificate and its chain, PEM")
OPTION(tls, key, NEEDED, NULL, 1, 4096, "", LIVE, "its private key, PEM; only the key process ever holds it")
OPTION(tls, min_version, CHOICE, 1, 0, 1, "1.2|1.3", LIVE, "oldest TLS version; 1.2 means ECDHE with AEAD and the extended master secret only, and shows certificates to whoever listens on the line")
OPTION(tls, resumption, CHOICE, 0, 0, 1, "off|stateful", LIVE, "whether a TLS 1.3 session may be resumed at the same edge process, for at most 12h after the client has shown its certificate; everything is judged again")
END_SECTION(tls)

SECTION(ca, TITLED)
OPTION(ca, anchors, NEEDED, NULL, 1, 4096, "", LIVE, "trust anchors for client certificates, PEM; an intermediate may be an anchor, which trusts one branch of an authority alone")
OPTION(ca, intermediates, TEXT, NULL, 1, 4096, "", LIVE, "certificates that help to build a path and are never trusted by themselves, PEM")
OPTION(ca, crls, LIST, NULL, 1, 64, "", LIVE, "revocation lists: files or directories (watched), PEM or DER; http:// and ldap:// addresses, fetched by their nextUpdate; \"cdp\": the addresses that the certificates name")
OPTION(ca, revocation, CHOICE, 2, 0, 2, "off|if-present|require", LIVE, "whether a valid revocation list must cover each certificate of the chain: require denies what none covers or only one that has ended (crl_missing, crl_expired), if-present lets that in and notes it as unknown; what a list names is denied by both (REVOCATION LISTS below)")
OPTION(ca, crl_grace, DURATION, 86400, 0, 2592000, "s", LIVE, "how long an expired revocation list is still used, so that an authority that is late keeps nobody out; alarms from half of it")
OPTION(ca, eku, TEXT, "strict", 1, 32, "", LIVE, "whether certificates must be for client authentication: strict, warn, or allow-until:YYYY-MM-DD (warn until then)")
OPTION(ca, policies, LIST, NULL, 1, 64, "", LIVE, "certificate policies (OIDs) of which one must be valid for the whole path; left out: any")
OPTION(ca, max_depth, COUNT, 6, 1, 16, "", LIVE, "most certificates in a chain, the anchor not counted; a client and one intermediate are 2")
OPTION(ca, ocsp, CHOICE, 0, 0, 2, "off|soft|require", LIVE, "whether a client's certificate (the lists look after those above it) is asked for by OCSP: soft denies what is revoked, require also what nobody answers for")
OPTION(ca, ski, CHOICE, 0, 0, 1, "chosen|computed", LIVE, "whether this authority always computes the subject key identifier from the key, so that finding an account by it is strong; chosen: it may put anything there")
OPTION(ca, san, CHOICE, 0, 0, 1, "requested|authoritative", LIVE, "whether alternative names are the authority's own words; requested: whoever asks for a certificate may choose them, so that a security identifier among them is weak")
OPTION(ca, trust_domain, TEXT, NULL, 1, 255, "", LIVE, "SPIFFE trust domain of this authority: an id in it is a strong name, one of another domain is a weak one")
OPTION(ca, ocsp_responder, TEXT, NULL, 1, 1024, "", LIVE, "http:// address of the responder; left out: the one that the certificate names")
END_SECTION(ca)

SECTION(listener, TITLED)
OPTION(listener, address, LIST, NULL, 1, 16, "", UPGRADE, "addresses with ports, \"[::]:8443\"")
OPTION(listener, tls, LIST, NULL, 1, 64, "", LIVE, "tls sections; the first is the default, the others are chosen by the names in their certificates")
OPTION(listener, ca, LIST, NULL, 1, 64, "", LIVE, "ca sections whose certificates are accepted")
OPTION(listener, handshake_timeout, DURATION, 10, 1, 60, "s", LIVE, "time from accept to the client's Finished, however slowly octets come")
OPTION(listener, max_connections, COUNT, 100000, 1, 1000000, "", LIVE, "connections of this listener held at the same time, over all edges; each needs two open files, so the sum over all listeners counts (NOTES below)")
OPTION(listener, max_handshakes_per_source, COUNT, 64, 1, 100000, "", LIVE, "handshakes in flight per /32 or /64, over all edges; above it one of the same source goes. Many users behind one NAT need more")
OPTION(listener, proxy_protocol, CHOICE, 0, 0, 2, "off|v1|v2", LIVE, "connections of trusted_proxies begin with a PROXY header of this version, and no others; limits, policy and record are for the address in it")
OPTION(listener, trusted_proxies, LIST, NULL, 1, 64, "", LIVE, "addresses and networks whose PROXY headers are believed")
END_SECTION(listener)

SECTION(service, TITLED)
OPTION(service, listener, LIST, NULL, 1, 16, "", LIVE, "listeners that offer the service")
OPTION(service, sni, LIST, NULL, 1, 64, "", LIVE, "server names that select it; with neither sni nor alpn it is the listener's default")
OPTION(service, alpn, LIST, NULL, 1, 16, "", LIVE, "application protocols that select it (RFC 7301)")
OPTION(service, upstream, LIST, NULL, 1, 32, "", LIVE, "where it leads: address:port, name:port (resolved once a minute), unix:PATH or spawn:ROW, or host:{sni.1}:port, the entry of class ipHost in the directory whose cn is what the wildcard in sni has matched (port 22 when left out); of several the one with the fewest sessions is taken, and one that fails is left out until it answers again")
OPTION(service, host_networks, LIST, NULL, 1, 64, "", LIVE, "networks that addresses of the host registry must lie in; left out: every address but loopback and link-local ones")
OPTION(service, health_interval, DURATION, 5, 0, 3600, "s", LIVE, "how often each of several upstreams is connected to for a check; 0 is never: then connections find out; spawn: is never checked")
OPTION(service, ca, LIST, NULL, 1, 64, "", LIVE, "ca sections whose certificates the service accepts, and no others, as for machines beside people; left out: those of the listener")
OPTION(service, send_proxy, CHOICE, 0, 0, 1, "off|v2", LIVE, "PROXY protocol header sent to the upstream: addresses, TLS, certificate, account and groups (docs/protocol.md); the upstream must expect it, and take it from the gateway alone")
OPTION(service, protocol, CHOICE, 0, 0, 3, "tcp|ssh|http|postgres", LIVE, "what the client speaks. ssh: a denied one gets an SSH disconnect message. http: requests are checked and carry the client's identity to the upstream (HTTP SERVICES below); a denied one gets 403. postgres: SSLRequest in front of TLS is answered on the listener; a denied one gets an ErrorResponse. The database user is not compared with the account: the server must authenticate, with pam_mtls or by itself")
OPTION(service, confirm, CHOICE, 0, 0, 1, "off|pam", LIVE, "pam: the verdict is provisional until pam_mtls confirms the login")
OPTION(service, idle_timeout, DURATION, 0, 0, 2592000, "s", LIVE, "a session in which no octet moves for so long ends, as for terminals that were left; 0 is never")
OPTION(service, max_duration, DURATION, 0, 0, 31536000, "s", LIVE, "a session ends when it is so old, so that everybody proves the certificate again some day; 0 is never")
END_SECTION(service)

SECTION(upstream_tls, IN_SERVICE)
OPTION(upstream_tls, ca, NEEDED, NULL, 1, 64, "", LIVE, "ca section whose certificates the upstream may have; revocation as that section says")
OPTION(upstream_tls, certificate, TEXT, NULL, 1, 4096, "", LIVE, "our certificate and its chain for the upstream, PEM; with it TLS 1.3 is needed")
OPTION(upstream_tls, key, TEXT, NULL, 1, 4096, "", LIVE, "its private key, PEM; only the key process ever holds it")
OPTION(upstream_tls, name, TEXT, NULL, 1, 253, "", LIVE, "host name or address that the upstream's certificate must bear; left out: the one of upstream")
END_SECTION(upstream_tls)

SECTION(spawn, TITLED)
OPTION(spawn, command, LIST, NULL, 1, 32, "", UPGRADE, "program and arguments, started per connection, inetd style")
OPTION(spawn, user, TEXT, "root", 1, 32, "", UPGRADE, "user that it runs as")
END_SECTION(spawn)

SECTION(directory, TITLED)
OPTION(directory, uri, LIST, NULL, 1, 8, "", LIVE, "ldap://, ldaps://, ldapi:// in order of preference, or file:PATH.ldif (watched)")
OPTION(directory, base, TEXT, NULL, 1, 1024, "", LIVE, "base DN of users and groups; needed for LDAP")
OPTION(directory, schema, CHOICE, 1, 0, 1, "rfc2307|rfc2307bis", LIVE, "how users, groups and memberships are written")
OPTION(directory, bind, CHOICE, 0, 0, 2, "anonymous|simple|external", LIVE, "how the gateway authenticates to the directory")
OPTION(directory, bind_dn, TEXT, NULL, 1, 1024, "", LIVE, "DN of a simple bind")
OPTION(directory, password_file, TEXT, NULL, 1, 4096, "", LIVE, "file with the password of a simple bind; readable by root only")
OPTION(directory, certificate, TEXT, NULL, 1, 4096, "", LIVE, "client certificate for bind = \"external\", PEM")
OPTION(directory, key, TEXT, NULL, 1, 4096, "", LIVE, "its private key, PEM; only the directory process ever holds it")
OPTION(directory, ca, TEXT, NULL, 1, 4096, "", LIVE, "trust anchors for the directory's servers, PEM; with ldap:// it means StartTLS")
OPTION(directory, name, TEXT, NULL, 1, 253, "", LIVE, "host name that the certificates of all its servers must bear; left out: the host of each uri")
OPTION(directory, mode, CHOICE, 0, 0, 0, "sync", LIVE, "sync: a replica by content synchronisation (RFC 4533)")
OPTION(directory, max_stale, DURATION, 900, 0, 2592000, "s", LIVE, "age of the replica up to which new connections are decided on it")
OPTION(directory, max_stale_live, DURATION, 14400, 0, 2592000, "s", LIVE, "age of the replica up to which live sessions go on")
OPTION(directory, min_id, COUNT, 1000, 1, 4294967294, "", LIVE, "least uid and gid that the directory may give")
END_SECTION(directory)

SECTION(mapping, TITLED)
OPTION(mapping, ca, LIST, NULL, 1, 64, "", LIVE, "ca sections whose certificates the rule is for")
OPTION(mapping, match, LIST, NULL, 1, 32, "", LIVE, "conditions on certificate attributes that must all hold; left out: every certificate")
OPTION(mapping, find, TEXT, NULL, 1, 1024, "", LIVE, "directory search with values of the certificate, \"(mail={san.email!only})\"")
OPTION(mapping, account, CHOICE, 0, 0, 1, "required|optional", LIVE, "optional: a certificate without an account goes on (workloads)")
OPTION(mapping, subject, CHOICE, 0, 0, 2, "human|service|device", LIVE, "what holds such a certificate")
OPTION(mapping, multi, CHOICE, 0, 0, 1, "no|by-requested-name", LIVE, "several accounts: refuse, or the requested login name chooses")
OPTION(mapping, else, CHOICE, 0, 0, 1, "stop|continue", LIVE, "when nobody is found: end here, or try the next rule")
OPTION(mapping, strength, CHOICE, 0, 0, 1, "strong|weak-allowed", LIVE, "whether a name alone may identify an account (identity by name is weak); better with weak_policies or weak_suffixes")
OPTION(mapping, weak_policies, LIST, NULL, 1, 32, "", LIVE, "with weak-allowed: certificate policies (OIDs) of which the certificate must have one, or a name does not identify an account")
OPTION(mapping, weak_suffixes, LIST, NULL, 1, 64, "", LIVE, "with weak-allowed: ends such as \"@corp.example\" of which each name that find reads must have one, letters of either case")
OPTION(mapping, allow_substring, CHOICE, 0, 0, 1, "no|yes", LIVE, "whether `*` in find and confirm stands for any text; without it a value is compared as a whole")
OPTION(mapping, confirm, LIST, NULL, 1, 8, "", LIVE, "second factor of identity: filters that the account must also fit, \"(employeeNumber={subject.serialnumber})\"; what is missing on either side denies (confirm_mismatch, no_value)")
END_SECTION(mapping)

SECTION(policy, SINGLE)
OPTION(policy, directory, TEXT, "/etc/gatewayd/policy.d", 1, 4096, "", LIVE, "directory of *.conf files with rules")
OPTION(policy, mass_end_guard, PERCENT, 20, 1, 100, "%", LIVE, "one directory or policy event that would end more of the sessions, and more than 20 of them, ends none until an operator confirms")
END_SECTION(policy)

SECTION(audit, SINGLE)
OPTION(audit, directory, TEXT, "/var/log/gatewayd", 1, 4096, "", RESTART, "directory of the audit log")
OPTION(audit, on_loss, CHOICE, 0, 0, 1, "continue|kill", LIVE, "live sessions when no record can be written; new ones are always denied")
OPTION(audit, reader_group, TEXT, "adm", 1, 32, "", UPGRADE, "group that may read the audit log")
OPTION(audit, segment_size, COUNT, 268435456, 65536, 4294967296, "octets", LIVE, "a new file is begun when the current one is larger")
END_SECTION(audit)

SECTION(control, SINGLE)
OPTION(control, read, TEXT, "root", 1, 32, "", UPGRADE, "group that may ask for status and sessions")
OPTION(control, lock, TEXT, "root", 1, 32, "", UPGRADE, "group that may lock and end sessions")
OPTION(control, admin, TEXT, "root", 1, 32, "", UPGRADE, "group that may reload and drain")
END_SECTION(control)
