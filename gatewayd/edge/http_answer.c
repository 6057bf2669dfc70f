/*
 * The gateway's own answers. Runs in an edge. The sentence may hold a rule's message or a name from
 * a directory: it is text/plain, never looked at twice by a browser.
 */
#include "gatewayd/edge/http_answer.h"

#include "gatewayd/edge/http.h"

#include <stdio.h>

void http_answer(unsigned status, struct bytes sentence, bool is_head, struct writer *out)
{
    writer_printf(out, "HTTP/1.1 %u %s\r\n", status, http_phrase(status));
    if (status == 405)
        writer_text(out, "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n");
    writer_text(out, "Content-Type: text/plain; charset=utf-8\r\n"
                     "X-Content-Type-Options: nosniff\r\n"
                     "Cache-Control: no-store\r\n"
                     "Connection: close\r\n");
    writer_printf(out, "Content-Length: %zu\r\n\r\n", sentence.len + 1);
    if (is_head)
        return;
    writer_put(out, sentence);
    writer_text(out, "\n");
}

void http_sentence(const char *text, const char *detail, const struct session_id *id,
                   struct writer *out)
{
    static const struct session_id none;
    char decision[SESSION_ID_TEXT_LEN + 1];

    session_id_format(id, decision);
    writer_printf(out, "gatewayd: %.*s", HTTP_ANSWER_TEXT_MAX / 2, text);
    if (detail[0])
        writer_printf(out, ": %.*s", HTTP_ANSWER_TEXT_MAX / 4, detail);
    if (!session_id_equal(id, &none) && !strstr(text, decision))
        writer_printf(out, " (decision %s)", decision);
}
