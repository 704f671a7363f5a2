// What decode accepts is canonical: it encodes to the same bytes.
#include "common/base/check.h"
#include "common/daemon/keychain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t again[KEYCHAIN_RECORD_BYTES];
    struct bytes record = bytes_of(data, size), wrapped;
    if (!status_ok(keychain_record_decode(record, &wrapped))) return 0;
    keychain_record_encode(wrapped.data, again);
    CHECK(bytes_equal(bytes_of(again, sizeof again), record));
    return 0;
}
