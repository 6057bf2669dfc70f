/*
 * Fuzz target: a file of the audit log, as the audit process reads its own after a crash and as
 * gatewayctl reads any. Whatever stands in it, each line is a record or refused, and the check
 * ends.
 */
#include "gatewayd/shared/audit_chain.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct audit_hasher *hasher;
    struct audit_file file = {.content = {data, size}};
    struct audit_verify verify;
    struct bytes rest = file.content, line;
    struct audit_line parsed;
    struct error err;

    if (!hasher)
        hasher = audit_hasher_new();
    verify = (struct audit_verify){.hasher = hasher};
    while (audit_next_line(&rest, &line)) {
        uint64_t epoch, counter;

        if (audit_line_parse(line, &parsed, &err) && parsed.seq == 0)
            abort();
        (void)audit_key_parse(line, &epoch, &counter);
    }
    audit_name_format(1, file.name);
    if (!audit_verify_file(&verify, &file, NULL) && verify.finding == AUDIT_FINDING_OK)
        abort();
    if (audit_verify_file(&verify, &file, &file) && verify.lines == 0 && size > 0)
        abort(); /* an older file must end in whole lines */
    return 0;
}
