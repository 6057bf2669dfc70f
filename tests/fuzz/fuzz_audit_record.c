/* Any octets as an audit record: what is accepted encodes to the same octets and prints as JSON. */
#include "common/macros.h"
#include "gatewayd/shared/audit_record.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(writer_clear) struct writer out = writer_new(1 << 20);
    struct audit_stamps stamps = {.seq = 1};
    struct audit_record record;
    struct error err;

    if (!audit_record_decode((struct bytes){data, size}, &record, &err))
        return 0;
    audit_record_encode(&record, &out);
    if (!bytes_equal(writer_bytes(&out), (struct bytes){data, size}))
        abort();
    writer_reset(&out);
    audit_record_print(&record, &stamps, &out);
    return 0;
}
