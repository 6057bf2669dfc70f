/* Answers of any web server: first octet says in which pieces they come. */
#include "gatewayd/fetch/web_answer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct web_answer answer;
    size_t held = 0, step = size > 0 ? data[0] + 1u : 1;
    bool good = true;

    web_answer_init(&answer, 4096, &held);
    for (size_t at = 1; good && !answer.done && at < size; at += step)
        good = web_answer_take(&answer,
                               (struct bytes){data + at, size - at < step ? size - at : step});
    if (good && !answer.done)
        good = web_answer_take(&answer, (struct bytes){NULL, 0});
    if (good != (answer.err.reason == REASON_OK) || answer.body.len > 4096 || held > 4096)
        abort();
    web_answer_clear(&answer);
    if (held != 0)
        abort();
    return 0;
}
