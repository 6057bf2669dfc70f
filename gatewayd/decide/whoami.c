/*
 * The answer to WHOAMI: what the gateway sees of the client, and which services are open to it.
 * Runs in decide. It tells the holder of a certificate about itself and about nobody else; rules
 * are not named.
 */
#include "common/text.h"
#include "gatewayd/decide/decide.h"

enum { GROUPS_SHOWN = 200 };

static void line(struct writer *out, const char *name, struct bytes value)
{
    writer_printf(out, "%-12s ", name);
    writer_put(out, value.len > 0 ? value : bytes_of("-"));
    writer_u8(out, '\n');
}

static void account_lines(const struct session *session, struct writer *out)
{
    const struct account *account = session->account;

    if (session->reason != REASON_OK)
        line(out, "account", bytes_of(reason_text(session->reason)));
    else if (!account)
        line(out, "account",
             bytes_of(session->by_name ? "one of several, by login name" : "none is needed"));
    if (session->reason != REASON_OK || !account)
        return;
    writer_printf(out, "%-12s %s (uid %u)\n", "account", account->name, account->uid);
    writer_printf(out, "%-12s%s", "groups", account->n_groups == 0 ? " -" : "");
    for (size_t i = 0; i < account->n_groups && i < GROUPS_SHOWN; i++)
        writer_printf(out, " %s", account->groups[i].name);
    if (account->n_groups > GROUPS_SHOWN)
        writer_printf(out, " and %zu more", account->n_groups - GROUPS_SHOWN);
    writer_u8(out, '\n');
}

static void service_line(struct session *session, const struct config_service *service,
                         struct writer *out)
{
    bool confirmed = service->confirm == CONFIG_CONFIRM_PAM;

    decide_evaluate(session, service->title, confirmed);
    if (session->decide->decision.verdict == POLICY_DENY)
        return;
    writer_printf(out, "%-12s %s%s\n", "service", service->title,
                  confirmed ? " (as the login name that its rule allows)" : "");
}

void whoami_text(struct session *session, struct writer *out)
{
    const struct config *config = session->decide->role->config;
    char end[32];

    text_format_time_ms(session->open.not_after_s * 1000, end);
    line(out, "subject", identity_text(session->identity, "subject"));
    line(out, "issuer", identity_text(session->identity, "issuer"));
    line(out, "ca", session->open.ca_name);
    line(out, "valid until", bytes_of(end));
    line(out, "mapping", bytes_of(session->mapping));
    account_lines(session, out);
    for (size_t i = 0; session->reason == REASON_OK && i < config->n_service; i++)
        service_line(session, &config->service[i], out);
}
