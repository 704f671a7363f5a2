#include "services/ledger/reasons.h"

#include "common/base/check.h"

#include <string.h>

#define ROW(name_, code_, burns_, message_) {#name_, STATUS_##code_, burns_, message_},
const struct ledger_reason_row ledger_reasons[LEDGER_REASON_COUNT] = {LEDGER_REASONS(ROW)};
#undef ROW

struct status ledger_reason_status(enum ledger_reason reason)
{
    CHECK((unsigned)reason < LEDGER_REASON_COUNT);
    const struct ledger_reason_row *row = &ledger_reasons[reason];
    return (struct status){.code = row->code, .reason = row->name, .message = row->message};
}

enum ledger_reason ledger_reason_find(const char *name, size_t size)
{
    enum ledger_reason reason = 0;
    for (; reason < LEDGER_REASON_COUNT; reason++) {
        const char *known = ledger_reasons[reason].name;
        if (strlen(known) == size && memcmp(known, name, size) == 0) break;
    }
    return reason;
}
