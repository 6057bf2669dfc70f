#pragma once
/*
 * Messages between processes: the structs, the codec and the table of who may send what to whom,
 * all made from message_rows.h. Knows no sockets (ipc.h) and no meaning (the roles).
 *
 * Layout on the wire (docs/protocol.md, "Between processes"): u8 length and name, then the fields
 * in order: integers big-endian, FLAG one octet 0 or 1, ID 16 and HASH 32 octets, ADDRESS 16
 * octets, u16 port, u8 known, TEXT and BYTES u32 length and octets, REASON u8 length and name.
 * Between processes of one version trailing octets are an error.
 */
#include "common/address.h"
#include "common/session_id.h"
#include "common/writer.h"
#include "gatewayd/shared/process.h"

enum {
    MESSAGE_MAX = 96 * 1024, /* octets of one message; larger things travel as memfd */
    MESSAGE_FDS_MAX = 1,     /* descriptors with one message */
    MESSAGE_CERTIFICATE_MAX =
        32 * 1024, /* DER octets of a leaf that we accept; usual ones have 1-2 KiB */
    HASH_LEN = 32,
    IDENTITY_GROUPS_MAX = 16 * 1024, /* octets of an account's groups for an HTTP upstream */
};

struct hash {
    uint8_t octets[HASH_LEN];
};

/* What the parent opens for a process. */
enum file_kind {
    FILE_LISTENER,       /* edge: listening TCP socket; name = listener title, index = address */
    FILE_CERTIFICATE,    /* edge: server certificate chain, PEM; name = tls title */
    FILE_KEY,            /* key: private key, PEM; name = tls title, index = tls index */
    FILE_ANCHORS,        /* load: name = ca title */
    FILE_INTERMEDIATES,  /* load: name = ca title */
    FILE_CRL,            /* load: name = path; index = ca index */
    FILE_POLICY,         /* load: name = file name in policy.directory */
    FILE_SPAWN_SOCKET,   /* spawn: listening unix socket; name = spawn title */
    FILE_UPSTREAM_DIR,   /* decide: O_PATH directory of a unix or spawn upstream; name = its path */
    FILE_REGISTRY,       /* decide: memfd of the session registry */
    FILE_LOCKS,          /* decide: local locks, read and append */
    FILE_PAM_SOCKET,     /* decide: bound, not yet listening */
    FILE_CONTROL_SOCKET, /* decide: bound, not yet listening */
    FILE_LDIF, /* directory: content of a file: directory; sent again when the file changes */
    FILE_LDAP_PASSWORD, /* directory */
    FILE_LDAP_CERTIFICATE,
    FILE_LDAP_KEY,
    FILE_LDAP_CA,
    FILE_STATE_DIR,    /* directory: its own folder below state_dir */
    FILE_NSS_DIR,      /* directory: run_dir/nss */
    FILE_AUDIT_DIR,    /* audit */
    FILE_LOCAL_USERS,  /* decide, directory: /etc/passwd; sent again when it changes */
    FILE_LOCAL_GROUPS, /* the same of /etc/group */
    /* edge: our certificate chain for an upstream, PEM; name = service title */
    FILE_UPSTREAM_CERTIFICATE,
    /* key: its private key, PEM; name = service title, index = index of the upstream_tls section */
    FILE_UPSTREAM_KEY,
    FILE_TRUST_IN_FORCE, /* load: the trust data that were put in force last */
    FILE_CRL_DIR,      /* fetch: state_dir/crl */
    FILE_CRL_ISSUERS,  /* load: certificates that fetch has found above lists; name = path, index = ca index */
    FILE_ZONE,         /* load: a TZif file that a policy names; name = of the zone */
    FILE__COUNT
};

/* SIGN: whose handshakes a key is for. One of each is never used as the other. */
enum key_role {
    KEY_ROLE_SERVER, /* of a tls section: we are the server */
    KEY_ROLE_CLIENT, /* of an upstream_tls section: we are the client */
    KEY_ROLE__COUNT
};

enum loaded_kind { LOADED_TRUST, LOADED_POLICY, LOADED__COUNT, LOADED_WARNING = 255 };
enum { OPEN_WHOAMI = UINT32_MAX, OPEN_UNKNOWN = UINT32_MAX - 1 }; /* instead of a service's index */
enum open_via { OPEN_VIA_SNI, OPEN_VIA_ALPN, OPEN_VIA_DEFAULT, OPEN_VIA_REQUEST };
enum revocation_state { REVOCATION_UNKNOWN, REVOCATION_GOOD, REVOCATION_NOT_CHECKED };
enum ask_what { ASK_STATUS, ASK_RELOAD, ASK_DRAIN, ASK_UPGRADE, ASK_PREVIEW };

enum message_id {
#define MESSAGE(ID, name, from, to, fds) MESSAGE_##ID,
#define FIELD(message, kind, name, help)
#define END_MESSAGE(ID)
#include "gatewayd/shared/message_rows.h"
#undef MESSAGE
#undef FIELD
#undef END_MESSAGE
    MESSAGE__COUNT
};

#define MESSAGE_TYPE_U8      uint8_t
#define MESSAGE_TYPE_U32     uint32_t
#define MESSAGE_TYPE_U64     uint64_t
#define MESSAGE_TYPE_I64     int64_t
#define MESSAGE_TYPE_FLAG    bool
#define MESSAGE_TYPE_ID      struct session_id
#define MESSAGE_TYPE_HASH    struct hash
#define MESSAGE_TYPE_ADDRESS struct address
#define MESSAGE_TYPE_TEXT    struct bytes
#define MESSAGE_TYPE_BYTES   struct bytes
#define MESSAGE_TYPE_REASON  uint32_t

/* struct message_open { uint64_t connection; ... } and so on */
#define MESSAGE(ID, name, from, to, fds) struct message_##name {
#define FIELD(message, kind, name, help) MESSAGE_TYPE_##kind name;
#define END_MESSAGE(ID)                                                                            \
    }                                                                                              \
    ;
#include "gatewayd/shared/message_rows.h"
#undef MESSAGE
#undef FIELD
#undef END_MESSAGE

/* Room for any message; TEXT and BYTES point into the octets that were decoded. */
union message {
#define MESSAGE(ID, name, from, to, fds) struct message_##name name;
#define FIELD(message, kind, name, help)
#define END_MESSAGE(ID)
#include "gatewayd/shared/message_rows.h"
#undef MESSAGE
#undef FIELD
#undef END_MESSAGE
};

const char *message_name(enum message_id id); /* "OPEN"; static */
/* The most descriptors that travel with it. */
size_t message_fds(enum message_id id);
/* Whether the table lets `from` send it to `to`. */
bool message_allowed(enum message_id id, enum process_role from, enum process_role to);
/* msg: the struct of that id. A broken writer means that it is too large. */
void message_encode(enum message_id id, const void *msg, struct writer *out);
/* Borrows from `in`. Refuses unknown names, short, long or unclean content with MSG_MALFORMED. */
bool message_decode(struct bytes in, enum message_id *ret_id, union message *ret_msg,
                    struct error *err) MUST_CHECK;
/*
 * The same for octets of another version of this program: fields that it does not have yet are
 * zero, what it has more is passed over, a reason that we do not know is SYSTEM. *ret_id is
 * MESSAGE__COUNT for a message that we do not know. Everything else is refused as above.
 */
bool message_decode_other(struct bytes in, enum message_id *ret_id, union message *ret_msg,
                          struct error *err) MUST_CHECK;
/* Names this program's table of messages: two processes with the same one have the same messages. */
uint64_t message_table(void);
