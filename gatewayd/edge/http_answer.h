#pragma once
/*
 * What the gateway itself answers to an HTTP client: a status, a sentence, the decision id. The
 * connection ends with it.
 */
#include "common/session_id.h"
#include "common/writer.h"

enum { HTTP_ANSWER_TEXT_MAX = 1024 }; /* octets of the sentence */

/* is_head: a request by HEAD, whose answer has no body. */
void http_answer(unsigned status, struct bytes sentence, bool is_head, struct writer *out);
/* "gatewayd: SENTENCE: detail (decision ID)", without what is empty, zero, or in the text already.
 */
void http_sentence(const char *text, const char *detail, const struct session_id *id,
                   struct writer *out);
