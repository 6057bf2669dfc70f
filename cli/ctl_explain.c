/*
 * gatewayctl explain: one decision in words, joined from all records of its session: the reason,
 * the rule or the nearest misses, every fact with its age, and what became of the session.
 */
#include "cli/audit_log.h"
#include "cli/ctl_commands.h"
#include "cli/files.h"

#include "common/text.h"

#include <stdio.h>
#include <string.h>

enum { NAME_WIDTH = 12, VALUES_MAX = 512 /* octets of a list in one line */ };

static void head(const char *name)
{
    (void)printf("%-*s", NAME_WIDTH, name);
}

/* "name  value" when there is one. */
static void line(json_t *record, const char *name, const char *path)
{
    const char *text = audit_log_text(record, path);

    if (!text[0])
        return;
    head(name);
    (void)printf("%s\n", ctl_text(text));
}

/* A list of texts, or a text, as "a, b, c". */
static const char *values_text(json_t *values, char out[VALUES_MAX])
{
    size_t index, at = 0;
    json_t *value;

    out[0] = '\0';
    if (json_is_string(values))
        (void)snprintf(out, VALUES_MAX, "%s", ctl_text(json_string_value(values)));
    json_array_foreach(values, index, value)
    {
        int n = snprintf(out + at, VALUES_MAX - at, "%s%s", index > 0 ? ", " : "",
                         json_is_string(value) ? ctl_text(json_string_value(value)) : "?");

        at += n > 0 ? (size_t)n : 0;
        if (at >= VALUES_MAX)
            break;
    }
    return out;
}

static void print_verdict(const struct ctl *ctl, json_t *record)
{
    const char *decision = audit_log_text(record, "decision");
    bool deny = strcmp(decision, "deny") == 0 || strcmp(audit_log_text(record, "ev"), "deny") == 0;

    head(deny ? "denied" : strcmp(decision, "provisional") == 0 ? "provisional" : "allowed");
    (void)printf("%s%s%s (%s)\n", ctl_color(ctl, deny ? "red" : "green"),
                 ctl_text(audit_log_text(record, "reason_text")), ctl_color(ctl, "off"),
                 ctl_text(audit_log_text(record, "reason_code")));
    line(record, "detail", "detail");
}

static void print_rule(json_t *record)
{
    const char *rule = audit_log_text(record, "policy.rule");
    json_t *number = audit_log_get(record, "policy.line");

    if (!rule[0])
        return;
    head("rule");
    (void)printf("%s  %s:%lld\n", ctl_text(rule), ctl_text(audit_log_text(record, "policy.file")),
                 (long long)json_integer_value(number));
}

/* What the rules in shadow would have made of it. */
static void print_shadow(json_t *record)
{
    const char *decision = audit_log_text(record, "shadow.decision");

    if (!decision[0])
        return;
    head("in shadow");
    (void)printf("%s by rule %s\n", ctl_text(decision),
                 ctl_text(audit_log_text(record, "shadow.rule")));
}

static void print_misses(json_t *record)
{
    size_t index;
    json_t *miss;

    json_array_foreach(json_object_get(record, "misses"), index, miss)
    {
        head(index == 0 ? "nearest" : "");
        (void)printf("rule %s  %s:%lld  %s\n", ctl_text(audit_log_text(miss, "rule")),
                     ctl_text(audit_log_text(miss, "file")),
                     (long long)json_integer_value(json_object_get(miss, "line")),
                     ctl_text(audit_log_text(miss, "detail")));
    }
}

static void print_facts(json_t *record)
{
    json_t *facts = json_object_get(record, "facts"), *fact;
    char values[VALUES_MAX];
    size_t index;

    json_array_foreach(facts, index, fact)
    {
        json_t *age = json_object_get(fact, "age_s");

        head(index == 0 ? "facts" : "");
        (void)printf("%-10s %-8s %s", ctl_text(audit_log_text(fact, "name")),
                     ctl_text(audit_log_text(fact, "state")),
                     values_text(json_object_get(fact, "values"), values));
        if (audit_log_text(fact, "source")[0])
            (void)printf("  from %s", ctl_text(audit_log_text(fact, "source")));
        if (age)
            (void)printf("  age %lld s", (long long)json_integer_value(age));
        (void)printf("\n");
    }
}

static void print_age(json_t *record, const char *path, const char *what, bool *first)
{
    json_t *age = audit_log_get(record, path);

    if (!age)
        return;
    if (*first)
        head("data age");
    (void)printf("%s%s %lld s", *first ? "" : ", ", what, (long long)json_integer_value(age));
    *first = false;
}

static void print_who(json_t *record)
{
    const char *user = audit_log_text(record, "id.user");
    json_t *uid = audit_log_get(record, "id.uid");
    char groups[VALUES_MAX];

    if (user[0]) {
        head("account");
        (void)printf("%s", ctl_text(user));
        if (uid)
            (void)printf(" (uid %lld)", (long long)json_integer_value(uid));
        if (audit_log_text(record, "id.mapping")[0])
            (void)printf(" by mapping %s", ctl_text(audit_log_text(record, "id.mapping")));
        (void)printf("\n");
    }
    if (json_object_get(record, "groups")) {
        head("groups");
        (void)printf("%s\n", values_text(json_object_get(record, "groups"), groups));
    }
}

static void print_certificate(json_t *record)
{
    char names[VALUES_MAX];

    line(record, "subject", "cert.subject");
    if (audit_log_get(record, "cert.san")) {
        head("names");
        (void)printf("%s\n", values_text(audit_log_get(record, "cert.san"), names));
    }
    line(record, "issuer", "cert.issuer");
    line(record, "serial", "cert.serial");
    line(record, "ca", "cert.ca");
    line(record, "revocation", "cert.revocation");
}

/* The record of the decision itself. */
static void print_decision(const struct ctl *ctl, json_t *record)
{
    bool first = true;

    line(record, "id", "sid");
    line(record, "when", "ts");
    print_verdict(ctl, record);
    print_rule(record);
    print_shadow(record);
    print_misses(record);
    line(record, "service", "service");
    line(record, "upstream", "upstream");
    line(record, "from", "src");
    line(record, "server name", "tls.sni");
    print_who(record);
    print_certificate(record);
    print_facts(record);
    print_age(record, "data_age.directory_s", "directory", &first);
    print_age(record, "data_age.crl_s", "revocation list", &first);
    if (!first)
        (void)printf("\n");
    line(record, "policy", "policy.version");
}

static bool is_decision(json_t *record)
{
    const char *ev = audit_log_text(record, "ev");

    return strcmp(ev, "open") == 0 || strcmp(ev, "deny") == 0 || strcmp(ev, "whoami") == 0;
}

static void print_place(json_t *record)
{
    const char *upstream = audit_log_text(record, "upstream");

    if (strcmp(audit_log_text(record, "ev"), "close") != 0 || !upstream[0])
        return;
    head("went to");
    (void)printf("%s\n", ctl_text(upstream));
}

/* What came later: confirmations, judgements, the end. */
static void print_later(const struct ctl *ctl, json_t *record)
{
    json_t *part = json_object_get(record, "sid_part");

    (void)printf("\n");
    if (part)
        (void)printf("judged again (%s.%lld)\n", ctl_text(audit_log_text(record, "sid")),
                     (long long)json_integer_value(part));
    audit_log_print(ctl, record);
    print_place(record);
    if (audit_log_text(record, "reason_text")[0]) {
        head("because");
        (void)printf("%s\n", ctl_text(audit_log_text(record, "reason_text")));
    }
    print_rule(record);
    print_misses(record);
    print_facts(record);
}

static void explain(const struct ctl *ctl, json_t *records)
{
    json_t *record, *decision = NULL;
    size_t index;

    json_array_foreach(records, index, record)
    {
        if (!decision && is_decision(record))
            decision = record;
    }
    if (!decision)
        decision = json_array_get(records, 0);
    print_decision(ctl, decision);
    json_array_foreach(records, index, record)
    {
        if (record != decision)
            print_later(ctl, record);
    }
}

int ctl_explain(struct ctl *ctl, int argc, char **argv)
{
    AUTO(ctl_json_clear) json_t *records = NULL;
    int code = audit_log_of_argument(ctl, argc, argv, &records);

    if (code != CTL_YES)
        return code;
    if (ctl->json)
        ctl_print_json(json_incref(records));
    else
        explain(ctl, records);
    return CTL_YES;
}
