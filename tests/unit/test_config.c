/* gatewayd.conf: what is read, and that each mistake is an error at its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/macros.h"
#include "gatewayd/shared/config_table.h"
#include "gatewayd/shared/config_value.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Errors as "line NAME detail\n". */
struct found {
    struct writer text;
    size_t n;
};

static void on_error(void *context, const char *file, uint32_t line, const struct error *err)
{
    struct found *found = context;

    (void)file;
    found->n++;
    writer_printf(&found->text, "%u %s %s\n", line, reason_name(err->reason), err->detail);
}

static const char good[] =
    "user = \"gatewayd\"\n"
    "run_dir = \"/run/gw\"\n"
    "edges = 2\n"
    "# a comment\n"
    "tls \"default\" { certificate = \"/c.pem\" key = \"/k.pem\" }\n"
    "ca \"users\" { anchors = \"/a.pem\" crls = {\"/crl/\", \"/x.crl\"} crl_grace = \"2h\" }\n"
    "listener \"main\" { address = {\"[::]:8443\", \"127.0.0.1:8444\"} tls = {\"default\"}\n"
    "  ca = {\"users\"} handshake_timeout = \"5s\" max_connections = 500 }\n"
    "service \"ssh\" { listener = {\"main\"} sni = {\"ssh.example.org\", \"*.ssh.example.org\"}\n"
    "  upstream = \"spawn:sshd\" protocol = \"ssh\" confirm = \"pam\" }\n"
    "service \"echo\" { listener = {\"main\"} upstream = \"127.0.0.1:7\" send_proxy = \"v2\" }\n"
    "service \"unix\" { listener = {\"main\"} alpn = {\"u\"} upstream = {\"unix:/run/u.sock\", "
    "\"db-1.example.org:5432\", "
    "\"[::1]:7\"} health_interval = \"0s\"\n"
    "  upstream_tls { ca = \"users\" name = \"u.example\"\n certificate = \"/u.pem\" key = "
    "\"/u.key\" }\n"
    "  ca = {\"users\"} }\n"
    "spawn \"sshd\" { command = {\"/usr/lib/gatewayd/sshd-gw\", \"-i\"} }\n"
    "directory \"corp\" { uri = {\"ldaps://l1\", \"ldaps://l2\"} base = \"dc=example,dc=org\" }\n"
    "mapping \"mail\" { ca = {\"users\"} find = \"(mail={san.email!only})\" else = \"continue\" }\n"
    "policy { mass_end_guard = \"30%\" }\n"
    "audit { directory = \"/log\" on_loss = \"kill\" }\n"
    "control { read = \"adm\" }\n";

static struct config *parse_good(void)
{
    struct found found = {.text = writer_new(10000)};
    struct config_errors errors = {.found = on_error, .context = &found};
    struct config *config = NULL;

    if (!config_parse("t.conf", bytes_of(good), &errors, &config))
        fail_msg("%.*s", (int)found.text.len, found.text.at);
    writer_clear(&found.text);
    return config;
}

static void test_values(void **state)
{
    AUTO(config_freep) struct config *config = parse_good();

    (void)state;
    assert_string_equal(config->gateway->run_dir, "/run/gw");
    assert_string_equal(config->gateway->state_dir, "/var/lib/gatewayd");
    assert_int_equal(config->gateway->edges, 2);
    assert_int_equal(config->gateway->log_level, 2);
    assert_int_equal(config->n_service, 3);
    assert_string_equal(config->service[0].title, "ssh");
    assert_int_equal(config->service[0].place.line, 9);
    assert_string_equal(config->service[0].place.file, "t.conf");
    assert_int_equal(config->service[0].protocol, CONFIG_PROTOCOL_SSH);
    assert_int_equal(config->service[0].confirm, CONFIG_CONFIRM_PAM);
    assert_int_equal(config->service[1].send_proxy, CONFIG_PROXY_V2);
    assert_int_equal(config->service[0].sni.n, 2);
    assert_string_equal(config->service[0].sni.at[1], "*.ssh.example.org");
    assert_int_equal(config->service[0].upstream.n, 1);
    assert_int_equal(config->service[0].health_interval, 5);
    assert_int_equal(config->service[2].upstream.n, 3);
    assert_string_equal(config->service[2].upstream.at[1], "db-1.example.org:5432");
    assert_int_equal(config->service[2].health_interval, 0);
    assert_int_equal(config->ca[0].crl_grace, 7200);
    assert_int_equal(config->ca[0].revocation, CONFIG_REVOCATION_REQUIRE);
    assert_string_equal(config->listener[0].address.at[1], "127.0.0.1:8444");
    assert_int_equal(config->listener[0].handshake_timeout, 5);
    assert_int_equal(config->mapping[0].else_, CONFIG_ELSE_CONTINUE);
    assert_int_equal(config->policy->mass_end_guard, 30);
    assert_int_equal(config->audit->on_loss, CONFIG_ON_LOSS_KILL);
    assert_string_equal(config->spawn[0].user, "root");
    assert_ptr_equal(config_find_ca(config, "users"), &config->ca[0]);
    assert_null(config_find_ca(config, "other"));
    assert_int_equal(config->n_upstream_tls, 1);
    assert_null(config_find_upstream_tls(config, "echo"));
    assert_string_equal(config_find_upstream_tls(config, "unix")->name, "u.example");
    assert_string_equal(config_find_upstream_tls(config, "unix")->key, "/u.key");
    assert_int_equal(config->service[2].ca.n, 1); /* an option behind the inner section */
    assert_int_equal(config->tls[0].min_version, CONFIG_TLS_1_3);
    assert_null(config_find_tls(config, ""));
}

#define BASE                                                                                       \
    "tls \"t\" { certificate = \"/c\" key = \"/k\" }\n"                                            \
    "ca \"c\" { anchors = \"/a\" }\n"                                                              \
    "listener \"l\" { address = {\"[::]:1\"} tls = {\"t\"} ca = {\"c\"} }\n"
#define SERVICE(rest) BASE "service \"s\" { listener = {\"l\"} " rest " }\n"
#define HOSTS         "directory \"d\" { uri = {\"file:/x.ldif\"} }\n"
#define PROXIED(rest)                                                                              \
    BASE "listener \"p\" { address = {\"[::]:2\"} tls = {\"t\"} ca = {\"c\"} " rest " }\n"
#define DIRECTORY(rest) "directory \"d\" { " rest " }\n"

/* The first error begins so, and there are n of them (0: what the pre-scan says is its own). */
static const struct {
    const char *name, *text, *first;
    size_t n;
} bad[] = {
    {"unknown option", "\nedgse = 2\n", "2 config_syntax unknown option edgse; did you mean edges?",
     1},
    {"unknown option far from all", "zzzzzzzzzz = 2\n", "1 config_syntax unknown option zzz", 1},
    {"unknown section", "listner \"x\" { }\n",
     "1 config_syntax unknown section listner; did you mean listener?", 1},
    {"unknown option in a section", "policy { dir = \"/p\" }\n",
     "1 config_syntax unknown option dir", 1},
    {"repeated option", "edges = 1\nedges = 2\n", "2 config_syntax", 0},
    {"append", "edges = 1\nedges += 2\n", "2 config_syntax", 0},
    {"environment", "user = \"${USER}\"\n", "1 config_syntax", 0},
    {"empty text", "user = \"\"\n", "1 config_syntax", 0},
    {"include", "include(\"/etc/passwd\")\n", "1 config_syntax", 0},
    {"section without a name", "tls { certificate = \"/c\" key = \"/k\" }\n",
     "1 config_syntax section tls needs a name", 1},
    {"section with a name too many", "policy \"x\" { }\n",
     "1 config_syntax section policy has no name", 1},
    {"repeated title", "ca \"x\" { anchors = \"/a\" }\nca \"x\" { anchors = \"/a\" }\n",
     "2 config_syntax", 0},
    {"bad title", "ca \"a b\" { anchors = \"/a\" }\n", "1 config_value ca a b: a name has", 1},
    {"title that is a path", "ca \"../x\" { anchors = \"/a\" }\n", "1 config_value", 1},
    {"needed option", "\nca \"x\" { }\n", "2 config_missing ca x needs anchors", 1},
    {"needed list", "spawn \"x\" { }\n", "1 config_missing spawn x needs command", 1},
    {"number with a sign", "edges = \"-1\"\n", "1 config_value edges = -1: a number is needed", 1},
    {"number too large", "edges = 65\n", "1 config_value edges = 65: must lie between 0 and 64", 1},
    {"number above 64 bits", "edges = 99999999999999999999\n", "1 config_value", 1},
    {"duration without unit", "ca \"x\" { anchors = \"/a\" crl_grace = \"5\" }\n",
     "1 config_value crl_grace = 5: a duration", 1},
    {"percentage without sign", "policy { mass_end_guard = 20 }\n",
     "1 config_value mass_end_guard = 20: a percentage", 1},
    {"percentage above 100", "policy { mass_end_guard = \"101%\" }\n", "1 config_value", 1},
    {"word of no choice", "log_level = \"loud\"\n",
     "1 config_value log_level = loud: one of error|warning|info|debug", 1},
    {"choice by its index", "log_level = 1\n", "1 config_value", 1},
    {"part of a choice", "log_level = \"info|debug\"\n", "1 config_value", 1},
    {"list for one value", "user = {\"a\", \"b\"}\n", "1 config_value user takes one value", 1},
    {"text too long", "user = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\n",
     "1 config_value user is longer than 24", 1},
    {"user name with a space", "user = \"a b\"\n", "1 config_value user = a b: not a user", 1},
    {"relative path", "run_dir = \"run\"\n", "1 config_value run_dir = run: not an absolute path",
     1},
    {"relative path in a list", "ca \"c\" { anchors = \"/a\"\n crls = {\"/ok\", \"x\"} }\n",
     "2 config_value crls = x", 1},
    {"ocsp_responder without ocsp",
     "ca \"c\" { anchors = \"/a\" ocsp_responder = \"http://x/\" }\n",
     "1 config_value ocsp_responder: ocsp is \"off\"", 1},
    {"a responder by ldap",
     "ca \"c\" { anchors = \"/a\" ocsp = \"soft\" ocsp_responder = \"ldap://x/cn=y\" }\n",
     "1 config_value ocsp_responder: http:// is needed", 1},
    {"ldap:/// without a directory",
     "ca \"c\" { anchors = \"/a\" crls = {\"ldap:///cn=x\"} }\n",
     "1 config_reference crls = ldap:///cn=x: no directory section", 1},
    {"https as revocation list", "ca \"c\" { anchors = \"/a\" crls = {\"https://x/c.crl\"} }\n",
     "1 config_value", 1},
    {"no such tls",
     "ca \"c\" { anchors = \"/a\" }\nlistener \"l\" { address = {\"[::]:1\"}\n tls = {\"t\"} ca = "
     "{\"c\"} }\n",
     "3 config_reference tls: there is no section tls \"t\"", 1},
    {"host name as address",
     "tls \"t\" { certificate = \"/c\" key = \"/k\" }\nca \"c\" { anchors = \"/a\" }\nlistener "
     "\"l\" { address = {\"localhost:1\"} tls = {\"t\"} ca = {\"c\"} }\n",
     "3 config_value address localhost:1", 1},
    {"address without port",
     "tls \"t\" { certificate = \"/c\" key = \"/k\" }\nca \"c\" { anchors = \"/a\" }\nlistener "
     "\"l\" { address = {\"::1\"} tls = {\"t\"} ca = {\"c\"} }\n",
     "3 config_value address ::1", 1},
    {"one address for two listeners",
     BASE "listener \"m\" { address = {\"[::]:2\", \"[::]:1\"} tls = {\"t\"} ca = {\"c\"} }\n",
     "4 config_value address [::]:1 is that of listener l already", 1},
    {"PROXY headers of nobody", PROXIED("proxy_protocol = \"v2\""),
     "4 config_missing listener p: proxy_protocol and trusted_proxies need each other", 1},
    {"trusted proxies without a version", PROXIED("trusted_proxies = {\"192.0.2.1\"}"),
     "4 config_missing listener p: proxy_protocol and trusted_proxies need each other", 1},
    {"a proxy by a name", PROXIED("proxy_protocol = \"v1\" trusted_proxies = {\"lb\"}"),
     "4 config_value trusted_proxies: not an address: lb", 1},
    {"proxies with host bits",
     PROXIED("proxy_protocol = \"v1\" trusted_proxies = {\"192.0.2.1/24\"}"),
     "4 config_value trusted_proxies: host bits are set", 1},
    {"version 3 of the PROXY protocol", PROXIED("proxy_protocol = \"v3\""), "4 config_value", 1},
    {"a protocol that is none", SERVICE("upstream = \"127.0.0.1:1\" protocol = \"https\""),
     "4 config_value", 1},
    {"no such listener", BASE "service \"s\" { listener = {\"x\"} upstream = \"127.0.0.1:1\" }\n",
     "4 config_reference", 1},
    {"no upstream", SERVICE(""), "4 config_missing service s needs upstream", 1},
    {"upstream by a name in upper case", SERVICE("upstream = \"Localhost:22\""),
     "4 config_value upstream Localhost:22", 1},
    {"upstream by a name without a port", SERVICE("upstream = \"localhost\""), "4 config_value", 1},
    {"upstream by a pattern", SERVICE("upstream = \"*.example.org:22\""), "4 config_value", 1},
    {"upstream with port 0", SERVICE("upstream = \"192.0.2.1:0\""), "4 config_value", 1},
    {"upstream by a name with port 0", SERVICE("upstream = \"localhost:0\""), "4 config_value", 1},
    {"upstream with a port too high", SERVICE("upstream = \"localhost:65536\""), "4 config_value",
     1},
    {"hosts without a directory", SERVICE("sni = {\"*.h.x\"} upstream = \"host:{sni.1}\""),
     "4 config_value upstream host:{sni.1} needs a directory", 1},
    {"hosts without a wildcard", SERVICE("upstream = \"host:{sni.1}:22\"") HOSTS,
     "4 config_value upstream host:{sni.1} needs sni", 1},
    {"hosts with a name beside the wildcard",
     SERVICE("sni = {\"*.h.x\", \"a.h.x\"} upstream = \"host:{sni.1}\"") HOSTS,
     "4 config_value upstream host:{sni.1} needs sni", 1},
    {"hosts beside an address",
     SERVICE("sni = {\"*.h.x\"} upstream = {\"host:{sni.1}\", \"192.0.2.1:1\"}") HOSTS,
     "4 config_value upstream host:{sni.1} stands alone", 1},
    {"hosts with pam",
     SERVICE("sni = {\"*.h.x\"} upstream = \"host:{sni.1}\" confirm = \"pam\"") HOSTS,
     "4 config_value confirm", 1},
    {"hosts with another label", SERVICE("sni = {\"*.h.x\"} upstream = \"host:{sni.2}\"") HOSTS,
     "4 config_value upstream host:{sni.2}: neither", 1},
    {"hosts with port 0", SERVICE("sni = {\"*.h.x\"} upstream = \"host:{sni.1}:0\"") HOSTS,
     "4 config_value", 1},
    {"a network with host bits",
     SERVICE("sni = {\"*.h.x\"} upstream = \"host:{sni.1}\" host_networks = {\"10.0.0.1/8\"}")
         HOSTS,
     "4 config_value host bits", 1},
    {"networks of no host", SERVICE("upstream = \"192.0.2.1:1\" host_networks = {\"10.0.0.0/8\"}"),
     "4 config_value host_networks is for", 1},
    {"upstream given twice",
     SERVICE("upstream = {\"192.0.2.1:1\", \"localhost:1\", \"192.0.2.1:1\"}"),
     "4 config_value upstream 192.0.2.1:1 is given twice", 1},
    {"pam over one tcp upstream of two",
     SERVICE("upstream = {\"unix:/run/x\", \"localhost:22\"} confirm = \"pam\""),
     "4 config_value confirm", 1},
    {"upstream with relative path", SERVICE("upstream = \"unix:x\""), "4 config_value", 1},
    {"upstream of no row", SERVICE("upstream = \"spawn:x\""),
     "4 config_reference upstream: there is no section spawn \"x\"", 1},
    {"pam over tcp", SERVICE("upstream = \"127.0.0.1:22\" confirm = \"pam\""),
     "4 config_value confirm = \"pam\" needs", 1},
    {"PROXY to a spawned program",
     SERVICE("upstream = \"spawn:x\" send_proxy = \"v2\"") "spawn \"x\" { command = {\"/x\"} }\n",
     "4 config_value send_proxy", 1},
    {"relative command", SERVICE("upstream = \"spawn:x\"") "spawn \"x\" { command = {\"x\"} }\n",
     "5 config_value command x", 1},
    {"two defaults",
     SERVICE("upstream = \"127.0.0.1:1\"") "service \"s2\" { listener = {\"l\"} upstream = "
                                           "\"127.0.0.1:1\" }\n",
     "5 config_value services s and s2 are both the default of listener l", 1},
    {"one name for two services",
     SERVICE("sni = {\"a.b\"} upstream = \"127.0.0.1:1\"") "service \"s2\" { listener = {\"l\"} "
                                                           "sni = {\"c.d\", \"a.b\"} upstream = "
                                                           "\"127.0.0.1:1\" }\n",
     "5 config_value services s and s2 of listener l are both chosen by a.b", 1},
    {"server name in upper case", SERVICE("sni = {\"A.b\"} upstream = \"127.0.0.1:1\""),
     "4 config_value sni A.b", 1},
    {"server name that is an address", SERVICE("sni = {\"192.0.2.1\"} upstream = \"127.0.0.1:1\""),
     "4 config_value", 1},
    {"star inside of a name", SERVICE("sni = {\"a.*.b\"} upstream = \"127.0.0.1:1\""),
     "4 config_value", 1},
    {"unknown uri", DIRECTORY("uri = {\"http://x\"} base = \"dc=x\""),
     "1 config_value directory d: a uri begins", 1},
    {"no base", DIRECTORY("uri = {\"ldaps://x\"}"), "1 config_value directory d: base is needed",
     1},
    {"file and server", DIRECTORY("uri = {\"file:/x\", \"ldaps://x\"} base = \"dc=x\""),
     "1 config_value directory d: a file: is the only uri", 1},
    {"two directories",
     DIRECTORY("uri = {\"file:/x\"}") "directory \"e\" { uri = {\"file:/x\"} }\n",
     "2 config_value directory e: only one", 1},
    {"simple without password",
     DIRECTORY("uri = {\"ldaps://x\"} base = \"dc=x\" bind = \"simple\" bind_dn = \"cn=x\""),
     "1 config_value directory d: simple needs", 1},
    {"external without key", DIRECTORY("uri = {\"ldaps://x\"} base = \"dc=x\" bind = \"external\""),
     "1 config_value directory d: external needs", 1},
    {"password in clear text",
     DIRECTORY("uri = {\"ldap://ldap.example.org\"} base = \"dc=x\" bind = \"simple\" bind_dn = "
               "\"cn=x\" password_file = \"/p\""),
     "1 config_value directory d: a password", 1},
    {"mapping for no ca", "mapping \"m\" { ca = {\"x\"} find = \"(a=b)\" }\n", "1 config_reference",
     1},
    {"upstream_tls outside of a service", "upstream_tls { ca = \"c\" }\n",
     "1 config_syntax section upstream_tls stands inside of a section service", 1},
    {"upstream_tls in another section",
     "ca \"x\" { anchors = \"/a\"\n upstream_tls { ca = \"x\" } }\n",
     "2 config_syntax section upstream_tls stands inside of a section service", 1},
    {"a whole section inside of a section",
     SERVICE("upstream = \"127.0.0.1:1\" policy { directory = \"/p\" }"),
     "4 config_syntax section policy inside of a section", 1},
    {"upstream_tls with a name",
     SERVICE("upstream = \"127.0.0.1:1\" upstream_tls \"x\" { ca = \"c\" }"),
     "4 config_syntax section upstream_tls has no name", 1},
    {"upstream_tls twice",
     SERVICE(
         "upstream = \"127.0.0.1:1\"\n upstream_tls { ca = \"c\" }\n upstream_tls { ca = \"c\" }"),
     "6 config_syntax", 0},
    {"upstream_tls without ca", SERVICE("upstream = \"127.0.0.1:1\"\n upstream_tls { }"),
     "5 config_missing upstream_tls s needs ca", 1},
    {"upstream_tls of no ca", SERVICE("upstream = \"127.0.0.1:1\"\n upstream_tls {\n ca = \"x\" }"),
     "6 config_reference ca: there is no section ca \"x\"", 1},
    {"unknown option of upstream_tls",
     SERVICE("upstream = \"127.0.0.1:1\"\n upstream_tls { ca = \"c\" nmae = \"x.y\" }"),
     "5 config_syntax unknown option nmae; did you mean name?", 1},
    {"certificate without a key",
     SERVICE("upstream = \"127.0.0.1:1\"\n upstream_tls { ca = \"c\" certificate = \"/c\" }"),
     "5 config_value service s, upstream_tls: certificate and key", 1},
    {"key without a certificate",
     SERVICE("upstream = \"127.0.0.1:1\"\n upstream_tls { ca = \"c\" key = \"/k\" }"),
     "5 config_value service s, upstream_tls: certificate and key", 1},
    {"relative key",
     SERVICE("upstream = \"127.0.0.1:1\"\n upstream_tls { ca = \"c\" certificate = \"/c\" key = "
             "\"k\" }"),
     "5 config_value key = k: not an absolute path", 1},
    {"unix upstream without a name",
     SERVICE("upstream = \"unix:/x\"\n upstream_tls { ca = \"c\" }"),
     "5 config_value service s, upstream_tls: such an upstream has no name", 1},
    {"upstreams of two names",
     SERVICE("upstream = {\"a.b:1\", \"b.b:1\"}\n upstream_tls { ca = \"c\" }"),
     "5 config_value service s, upstream_tls: upstreams of different names", 1},
    {"an address and a name",
     SERVICE("upstream = {\"127.0.0.1:1\", \"b.b:1\"}\n upstream_tls { ca = \"c\" }"),
     "5 config_value service s, upstream_tls: upstreams of different names", 1},
    {"a wildcard as name",
     SERVICE("upstream = \"127.0.0.1:1\"\n upstream_tls { ca = \"c\" name = \"*.b\" }"),
     "5 config_value service s, upstream_tls: name is no host name", 1},
    {"a spawned program with TLS",
     SERVICE("upstream = \"spawn:x\"\n upstream_tls { ca = \"c\" name = \"x.y\" }") "spawn \"x\" { "
                                                                                    "command = "
                                                                                    "{\"/x\"} }\n",
     "5 config_value service s, upstream_tls: a spawn: upstream speaks no TLS", 1},
    {"service of no ca", SERVICE("upstream = \"127.0.0.1:1\" ca = {\"c\", \"x\"}"),
     "4 config_reference ca: there is no section ca \"x\"", 1},
    {"no such TLS version",
     "tls \"x\" { certificate = \"/c\" key = \"/k\" min_version = \"1.1\" }\n",
     "1 config_value min_version = 1.1: one of 1.2|1.3 is needed", 1},
    {"open section", "policy {\n", "", 0},
    {"no assignment", "edges 2\n", "2 config_syntax", 0},
    {"all errors at once, in order of lines",
     "edges = 99\nusr = \"x\"\nca \"c\" { }\nlog_level = \"x\"\n", "1 config_value", 4},
};

static void test_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct found found = {.text = writer_new(10000)};
        struct config_errors errors = {.found = on_error, .context = &found};
        struct config *config = NULL;

        assert_false(config_parse("t.conf", bytes_of(bad[i].text), &errors, &config));
        writer_u8(&found.text, 0);
        if ((bad[i].n > 0 && found.n != bad[i].n) ||
            strncmp((const char *)found.text.at, bad[i].first, strlen(bad[i].first)) != 0)
            fail_msg("%s: %zu errors:\n%s", bad[i].name, found.n, (const char *)found.text.at);
        writer_clear(&found.text);
    }
}

static const char *const also_good[] = {
    "",
    DIRECTORY("uri = {\"ldap://127.0.0.1:389\"} base = \"dc=x\" bind = \"simple\" bind_dn = "
              "\"cn=x\" password_file = \"/p\""),
    DIRECTORY("uri = {\"ldap://h\"} base = \"dc=x\" ca = \"/ca\" bind = \"simple\" bind_dn = "
              "\"cn=x\" password_file = \"/p\""),
    DIRECTORY("uri = {\"file:/x.ldif\"}"),
    SERVICE("upstream = {\"127.0.0.1:1\", \"[::1]:1\"} upstream_tls { ca = \"c\" }"),
    SERVICE("upstream = {\"a.b:1\", \"a.b:2\"} upstream_tls { ca = \"c\" }"),
    SERVICE("upstream = {\"a.b:1\", \"unix:/x\"} upstream_tls { ca = \"c\" name = \"192.0.2.1\" }"),
    SERVICE(
        "sni = {\"a.b\"} alpn = {\"x\"} upstream = \"127.0.0.1:1\"") "service \"s2\" { listener = "
                                                                     "{\"l\"} sni = {\"a.b\"} alpn "
                                                                     "= {\"y\"} upstream = "
                                                                     "\"127.0.0.1:1\" }\n",
};

static void test_more_that_is_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(also_good); i++) {
        struct found found = {.text = writer_new(10000)};
        struct config_errors errors = {.found = on_error, .context = &found};
        AUTO(config_freep) struct config *config = NULL;

        if (!config_parse("t.conf", bytes_of(also_good[i]), &errors, &config))
            fail_msg("%zu: %.*s", i, (int)found.text.len, found.text.at);
        writer_clear(&found.text);
    }
}

static void test_print_is_read_again(void **state)
{
    AUTO(config_freep) struct config *config = parse_good();
    AUTO(config_freep) struct config *again = NULL;
    AUTO(writer_clear) struct writer first = writer_new(1 << 20), second = writer_new(1 << 20);
    struct found found = {.text = writer_new(10000)};
    struct config_errors errors = {.found = on_error, .context = &found};

    (void)state;
    config_print(config, &first);
    if (!config_parse("t.conf", writer_bytes(&first), &errors, &again))
        fail_msg("%.*s", (int)found.text.len, found.text.at);
    config_print(again, &second);
    assert_true(bytes_equal(writer_bytes(&first), writer_bytes(&second)));
    writer_clear(&found.text);
}

static void test_codec(void **state)
{
    AUTO(config_freep) struct config *config = parse_good();
    AUTO(config_freep) struct config *again = NULL;
    AUTO(writer_clear) struct writer first = writer_new(1 << 20), second = writer_new(1 << 20);
    struct error err;

    (void)state;
    config_encode(config, &first);
    assert_true(config_decode(writer_bytes(&first), &again, &err));
    config_encode(again, &second);
    assert_true(bytes_equal(writer_bytes(&first), writer_bytes(&second)));
    assert_int_equal(again->service[0].place.line, 9);
    assert_false(config_needs_restart(config, again, &err));
    for (size_t len = 0; len < first.len; len++) {
        struct config *other = NULL;

        assert_false(config_decode((struct bytes){first.at, len}, &other, &err));
    }
}

static const struct {
    const char *text, *what; /* NULL: no restart is needed */
} reloads[] = {
    {"log_level = \"debug\"\n", NULL},
    {"policy { directory = \"/p\" }\n", NULL},
    {"edges = 1\n", "only gatewayctl upgrade or a restart changes: edges"},
    {"user = \"x\"\nrun_dir = \"/x\"\n", "only a restart changes: user, run_dir"},
    {"audit { directory = \"/x\" }\n", "only a restart changes: audit directory"},
    {"spawn \"x\" { command = {\"/x\"} }\n",
     "only gatewayctl upgrade or a restart changes: spawn command (x)"},
    {"edges = 1\nuser = \"x\"\n",
     "only a restart changes: user; only gatewayctl upgrade or a restart changes: edges"},
};

static void test_what_needs_a_restart(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(reloads); i++) {
        struct found found = {.text = writer_new(10000)};
        struct config_errors errors = {.found = on_error, .context = &found};
        AUTO(config_freep) struct config *before = NULL;
        AUTO(config_freep) struct config *after = NULL;
        struct error err = {.detail = ""};

        assert_true(config_parse("t", bytes_of(""), &errors, &before));
        assert_true(config_parse("t", bytes_of(reloads[i].text), &errors, &after));
        assert_int_equal(config_needs_restart(before, after, &err), reloads[i].what != NULL);
        if (reloads[i].what)
            assert_string_equal(err.detail, reloads[i].what);
        assert_int_equal(config_needs_restart(after, before, &err), reloads[i].what != NULL);
    }
}

static void write_file(const char *dir, const char *name, mode_t mode, const char *text)
{
    char path[512];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

static void test_files(void **state)
{
    char dir[] = "/tmp/test_config.XXXXXX", path[256], conf_d[256], command[256];
    struct found found = {.text = writer_new(10000)};
    struct config_errors errors = {.found = on_error, .context = &found};
    struct config *config = NULL;

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/g.conf", dir);
    (void)snprintf(conf_d, sizeof(conf_d), "%s/conf.d", dir);
    assert_int_equal(mkdir(conf_d, 0755), 0);
    assert_false(config_load(path, &errors, &config)); /* there is none */
    write_file(dir, "g.conf", 0644, "edges = 1\npolicy { directory = \"/@hostname\" }\n");
    write_file(conf_d, "b.conf", 0644, "log_level = \"debug\"\n");
    write_file(conf_d, "ignored.txt", 0644, "nonsense\n");
    assert_true(config_load(path, &errors, &config));
    assert_int_equal(config->gateway->log_level, 3);
    assert_null(strchr(config->policy->directory, '@'));
    config = config_free(config);
    write_file(conf_d, "c.conf", 0644,
               "edges = 2\npolicy { }\n"); /* both stand elsewhere already */
    found.n = 0;
    assert_false(config_load(path, &errors, &config));
    assert_int_equal(found.n, 2);
    write_file(conf_d, "c.conf", 0666, "");
    assert_false(config_load(path, &errors, &config)); /* others may write it */
    write_file(conf_d, "c.conf", 0644, "");
    assert_true(config_load(path, &errors, &config));
    config = config_free(config);
    assert_int_equal(chmod(dir, 0777), 0);
    assert_false(config_load(path, &errors, &config)); /* others may replace it */
    (void)snprintf(command, sizeof(command), "rm -r %s", dir);
    assert_int_equal(system(command), 0);
    writer_clear(&found.text);
}

static void test_description_has_every_option(void **state)
{
    AUTO(writer_clear) struct writer out = writer_new(1 << 20);
    size_t n;
    const struct config_section *rows = config_sections(&n);

    (void)state;
    config_describe(&out);
    writer_u8(&out, 0);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < rows[i].n_options; k++)
            assert_non_null(strstr((const char *)out.at, rows[i].options[k].help));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_more_that_is_good),
        cmocka_unit_test(test_print_is_read_again),
        cmocka_unit_test(test_codec),
        cmocka_unit_test(test_what_needs_a_restart),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_description_has_every_option),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
