// The ledger's records, see tests/fuzz/round_trip.h.
#include "services/ledger/record.h"
#include "tests/fuzz/round_trip.h"

#define ID ((struct id128){{1}})
#define NUMBER (UINT64_C(1) << 40) // A transfer's key: beyond any distance that is likely.
#define CODE bytes_of_text("POINTS")

// clang-format off
ROUND_TRIP(fuzz_account, ledger_account, LEDGER_ACCOUNT_BYTES,
           ledger_account_decode(ID, record, &value), ledger_account_encode)
ROUND_TRIP(fuzz_transfer, ledger_transfer, LEDGER_TRANSFER_BYTES_MAX,
           ledger_transfer_decode(NUMBER, record, &value), ledger_transfer_encode)
ROUND_TRIP(fuzz_id_entry, ledger_id_entry, LEDGER_ID_ENTRY_BYTES_MAX,
           ledger_id_entry_decode(record, &value), ledger_id_entry_encode)
ROUND_TRIP(fuzz_state, ledger_state, LEDGER_STATE_BYTES,
           ledger_state_decode(record, &value), ledger_state_encode)
ROUND_TRIP(fuzz_details, ledger_details, LEDGER_DETAILS_BYTES_MAX,
           ledger_details_decode(record, &value), ledger_details_encode)
ROUND_TRIP(fuzz_profile, ledger_profile, LEDGER_PROFILE_BYTES_MAX,
           ledger_profile_decode(ID, record, &value), ledger_profile_encode)
ROUND_TRIP(fuzz_counters, ledger_counters, LEDGER_COUNTERS_BYTES,
           ledger_counters_decode(record, &value), ledger_counters_encode)
ROUND_TRIP(fuzz_currency, ledger_currency, LEDGER_CURRENCY_RECORD_BYTES_MAX,
           ledger_currency_decode(CODE, record, &value), ledger_currency_encode)
ROUND_TRIP(fuzz_cursor, ledger_cursor, LEDGER_CURSOR_BYTES,
           ledger_cursor_decode(record, &value), ledger_cursor_encode)

// clang-format on

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const round_trip targets[] = {
        fuzz_account, fuzz_transfer, fuzz_id_entry, fuzz_state,  fuzz_details,
        fuzz_profile, fuzz_counters, fuzz_currency, fuzz_cursor,
    };
    return round_trip_run(targets, sizeof targets / sizeof targets[0], data, size);
}
