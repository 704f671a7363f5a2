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
ROUND_TRIP(fuzz_account_version, ledger_account_version, LEDGER_ACCOUNT_VERSION_BYTES,
           ledger_account_version_decode(3, record, &value), ledger_account_version_encode)
ROUND_TRIP(fuzz_progress, ledger_progress, LEDGER_PROGRESS_BYTES_MAX,
           ledger_progress_decode(record, &value), ledger_progress_encode)
ROUND_TRIP(fuzz_group, ledger_group, LEDGER_GROUP_BYTES,
           ledger_group_decode(record, &value), ledger_group_encode)
ROUND_TRIP(fuzz_totals, ledger_totals, LEDGER_TOTALS_BYTES,
           ledger_totals_decode(record, &value), ledger_totals_encode)
ROUND_TRIP(fuzz_quote, ledger_quote, LEDGER_QUOTE_BYTES_MAX,
           ledger_quote_decode(ID, record, &value), ledger_quote_encode)

// clang-format on

// A checkpoint has as many rows as it says.
static void fuzz_checkpoint(struct bytes record)
{
    enum { ROWS_MAX = 64, ROW_BYTES_MAX = LEDGER_TOTALS_KEY_BYTES + 4 * 17 };

    static struct ledger_class_totals rows[ROWS_MAX];
    static uint8_t again[11 + ROWS_MAX * ROW_BYTES_MAX];
    uint64_t number;
    size_t row_count;
    if (!status_ok(ledger_checkpoint_decode(record, &number, rows, ROWS_MAX, &row_count))) return;
    CHECK(ledger_checkpoint_bytes(row_count) <= sizeof again);
    size_t size = ledger_checkpoint_encode(number, rows, row_count, again);
    CHECK(bytes_equal(bytes_of(again, size), record));
}

static void fuzz_metadata(struct bytes record)
{
    static uint8_t again[LEDGER_METADATA_BYTES_MAX];
    struct ledger_metadata_pair pairs[LEDGER_METADATA_KEYS_MAX];
    size_t count, size;
    if (!ledger_metadata_decode(record, pairs, &count)) return;
    CHECK(ledger_metadata_encode(pairs, count, again, &size));
    CHECK(bytes_equal(bytes_of(again, size), record));
}

static void fuzz_trace(struct bytes record)
{
    uint8_t again[LEDGER_TRACE_BYTES];
    uint64_t number;
    if (!status_ok(ledger_trace_decode(record, &number))) return;
    CHECK(bytes_equal(bytes_of(again, ledger_trace_encode(number, again)), record));
}

static void fuzz_approval_keys(struct bytes record)
{
    uint8_t again[LEDGER_PAYEE_KEY_BYTES];
    struct id128 id, account_id;
    uint64_t expires_at_s;
    if (ledger_burnt_key_decode(record, &expires_at_s, &id)) {
        ledger_burnt_key_encode(expires_at_s, id, again);
        CHECK(bytes_equal(bytes_of(again, LEDGER_BURNT_KEY_BYTES), record));
    }
    if (ledger_payee_key_decode(record, &id, &account_id)) {
        ledger_payee_key_encode(id, account_id, again);
        CHECK(bytes_equal(bytes_of(again, LEDGER_PAYEE_KEY_BYTES), record));
    }
}

static void fuzz_keys(struct bytes record)
{
    uint8_t again[LEDGER_EXPIRY_KEY_BYTES];
    char currency[LEDGER_CURRENCY_BYTES];
    enum ledger_class class;
    uint64_t expires_at_ns, number;
    if (ledger_expiry_key_decode(record, &expires_at_ns, &number)) {
        ledger_expiry_key_encode(expires_at_ns, number, again);
        CHECK(bytes_equal(bytes_of(again, LEDGER_EXPIRY_KEY_BYTES), record));
    }
    if (ledger_totals_key_decode(record, currency, &class)) {
        ledger_totals_key_encode(currency, class, again);
        CHECK(bytes_equal(bytes_of(again, LEDGER_TOTALS_KEY_BYTES), record));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    // New ones at the end: an input of the corpus names its target by its place.
    static const round_trip targets[] = {
        fuzz_account,  fuzz_transfer, fuzz_id_entry, fuzz_state,         fuzz_details,
        fuzz_profile,  fuzz_counters, fuzz_currency, fuzz_cursor,        fuzz_account_version,
        fuzz_progress, fuzz_group,    fuzz_totals,   fuzz_quote,         fuzz_checkpoint,
        fuzz_metadata, fuzz_keys,     fuzz_trace,    fuzz_approval_keys,
    };
    return round_trip_run(targets, sizeof targets / sizeof targets[0], data, size);
}
