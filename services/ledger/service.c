#include "services/ledger/service.h"

#include "common/base/check.h"
#include "common/base/iso4217.h"

#include <string.h>
#include <sys/random.h>

struct status ledger_service_open(struct store *store, struct ledger_service *ret)
{
    struct ledger_service service = {.store = store, .tiers = ledger_tiers_default};
    CHECK(getrandom(service.hash_key, sizeof service.hash_key, 0) ==
          (ssize_t)sizeof service.hash_key);
    RETURN_IF_ERROR(ledger_store_open(store, &service.ledger));
    *ret = service;
    return STATUS_SUCCESS;
}

void ledger_service_close(struct ledger_service *service)
{
    ledger_store_close(&service->ledger);
}

struct status ledger_caller_may_touch(const struct ledger_caller *caller, struct id128 owner_id)
{
    bool is_own = !id128_is_nil(owner_id) && id128_equal(caller->user_id, owner_id);
    if (caller->is_any || is_own) return STATUS_SUCCESS;
    return REFUSE(PERMISSION_DENIED, PERMISSION_DENIED, "this belongs to somebody else");
}

// ---- Transfers ----------------------------------------------------------------------------------

static struct status get_transfer(struct store_txn *txn, struct arena *arena, uint64_t number,
                                  struct ledger_transfer *ret)
{
    struct status status = ledger_store_get_transfer(txn, arena, number, ret);
    if (status.code == STATUS_NOT_FOUND)
        return REFUSE(DATA_LOSS, MISSING_TRANSFER, "something leads to a transfer that is missing");
    return status;
}

struct status ledger_service_get_transfer(struct store_txn *txn, struct arena *arena,
                                          const struct ledger_caller *caller,
                                          struct id128 transfer_id, struct ledger_transfer *ret,
                                          struct ledger_progress *ret_progress)
{
    const struct status absent = ledger_reason_status(LEDGER_TRANSFER_NOT_FOUND);
    struct ledger_id_entry entry;
    struct status status = ledger_store_find_id(txn, transfer_id, &entry);
    if (status.code == STATUS_NOT_FOUND || (status_ok(status) && entry.is_failed)) return absent;
    RETURN_IF_ERROR(status);
    RETURN_IF_ERROR(get_transfer(txn, arena, entry.number, ret));
    RETURN_IF_ERROR(ledger_store_get_progress(txn, entry.number, ret_progress));
    if (caller->is_any) return STATUS_SUCCESS;
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        struct ledger_account account;
        RETURN_IF_ERROR(ledger_store_get_account(txn, ret->account_id[side], &account));
        if (status_ok(ledger_caller_may_touch(caller, account.owner_id))) return STATUS_SUCCESS;
    }
    return REFUSE(PERMISSION_DENIED, PERMISSION_DENIED, "neither account of it is yours");
}

struct status ledger_service_follow_ups(struct store_txn *txn,
                                        const struct ledger_progress *progress, struct id128 *ret,
                                        size_t room, size_t *ret_count)
{
    size_t count = 0;
    for (uint64_t number = progress->last_follow_up; number != 0 && count < room; count++) {
        struct ledger_transfer transfer;
        RETURN_IF_ERROR(get_transfer(txn, NULL, number, &transfer));
        if (transfer.subject_previous >= number)
            return REFUSE(DATA_LOSS, RECORD_CORRUPT, "follow-ups do not lead back");
        ret[count] = transfer.id;
        number = transfer.subject_previous;
    }
    *ret_count = count;
    return STATUS_SUCCESS;
}

// ---- Currencies ---------------------------------------------------------------------------------

static void fill_currency(const struct iso4217_currency *row, struct ledger_currency *ret)
{
    *ret = (struct ledger_currency){.exponent = row->exponent};
    memcpy(ret->code, row->code, sizeof row->code);
    memcpy(ret->name, row->name, strlen(row->name) + 1);
}

struct status ledger_service_get_currency(struct store_txn *txn, const char *code,
                                          struct ledger_currency *ret)
{
    const struct iso4217_currency *row = iso4217_find(code);
    if (row != NULL) {
        fill_currency(row, ret);
        return STATUS_SUCCESS;
    }
    struct status status = ledger_store_get_currency(txn, code, ret);
    if (status.code == STATUS_NOT_FOUND)
        return REFUSE(NOT_FOUND, CURRENCY_NOT_FOUND, "there is no currency with this code");
    return status;
}

struct status ledger_service_next_currency(struct store_txn *txn, const char *after_code,
                                           struct ledger_currency *ret)
{
    const struct iso4217_currency *row = iso4217_currencies,
                                  *end = iso4217_currencies + iso4217_currency_count;
    while (row < end && strcmp(row->code, after_code) <= 0)
        row++;
    struct status status = ledger_store_next_currency(txn, after_code, ret);
    if (!status_ok(status) && status.code != STATUS_NOT_FOUND) return status;
    bool built_in_is_next = row < end && (!status_ok(status) || strcmp(row->code, ret->code) < 0);
    if (!built_in_is_next) return status;
    fill_currency(row, ret);
    return STATUS_SUCCESS;
}

struct status ledger_service_create_currency(struct store_txn *txn,
                                             const struct ledger_currency *currency)
{
    struct ledger_currency existing;
    struct status status = ledger_service_get_currency(txn, currency->code, &existing);
    if (status_ok(status))
        return REFUSE(ALREADY_EXISTS, CURRENCY_EXISTS, "there is a currency with this code");
    if (status.code != STATUS_NOT_FOUND) return status;
    ledger_store_put_currency(txn, currency);
    return STATUS_SUCCESS;
}
