// Bundles of entries as somebody else's server gives them: what is taken apart is all there is.
#include "common/base/check.h"
#include "services/ctl/tile_source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes entries[TLOG_TILE_WIDTH];
    if (size == 0) return 0;
    unsigned count = data[0] + 1U;
    size_t sum = 0;
    if (!tile_bundle_parse(bytes_of(data + 1, size - 1), count, entries)) return 0;
    for (unsigned i = 0; i < count; i++)
        sum += 2 + entries[i].size;
    CHECK(sum == size - 1);
    return 0;
}
