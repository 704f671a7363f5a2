// Payloads of events. Those of transfers are packed without an arena: a batch makes thousands.
#include "common/base/check.h"
#include "florin/kyc/v1/kyc.pb-c.h"
#include "services/ledger/convert_transfer.h"

#include <string.h>

// ---- Transfers ----------------------------------------------------------------------------------

static size_t pack_event(const void *message, uint8_t ret[static LEDGER_TRANSFER_EVENT_BYTES_MAX])
{
    size_t size = protobuf_c_message_pack(message, ret);
    CHECK(size <= LEDGER_TRANSFER_EVENT_BYTES_MAX);
    return size;
}

// `event` holds `message`, which is the transfer without its texts. A function of its own, because
// its 20 KiB of stack are rarely needed.
static size_t pack_with_texts(const struct ledger_transfer *transfer, Ledger__Transfer *message,
                              const void *event,
                              uint8_t ret[static LEDGER_TRANSFER_EVENT_BYTES_MAX])
{
    char description[LEDGER_DESCRIPTION_BYTES_MAX + 1];
    char room[LEDGER_MAP_ROOM(LEDGER_METADATA_BYTES_MAX)];
    struct ledger_map_texts texts;
    Ledger__Transfer__MetadataEntry entries[LEDGER_METADATA_KEYS_MAX];
    Ledger__Transfer__MetadataEntry *pointers[LEDGER_METADATA_KEYS_MAX];
    struct bytes from = transfer->description;
    CHECK(from.size < sizeof description);
    if (from.size > 0) {
        memcpy(description, from.data, from.size);
        description[from.size] = '\0';
        message->description = description;
    }
    ledger_put_map(transfer->metadata, room, &texts);
    ledger_fill_transfer_map(&texts, entries, pointers, message);
    return pack_event(event, ret);
}

static bool has_texts(const struct ledger_transfer *transfer)
{
    return transfer->description.size > 0 || transfer->metadata.size > 0;
}

size_t ledger_convert_transfer_event(const struct ledger_transfer *transfer,
                                     const i128 balance_after[static LEDGER_SIDES],
                                     uint8_t ret[static LEDGER_TRANSFER_EVENT_BYTES_MAX])
{
    struct ledger_transfer_parts parts;
    Type__Int128 debit_balance, credit_balance;
    Ledger__TransferCreated event = LEDGER__TRANSFER_CREATED__INIT;
    ledger_fill_transfer(transfer, NULL, &parts);
    event.transfer = &parts.message;
    event.debit_balance_after = ledger_put_signed(balance_after[LEDGER_DEBIT], &debit_balance);
    event.credit_balance_after = ledger_put_signed(balance_after[LEDGER_CREDIT], &credit_balance);
    return has_texts(transfer) ? pack_with_texts(transfer, &parts.message, &event, ret)
                               : pack_event(&event, ret);
}

size_t ledger_convert_refused_event(const struct ledger_transfer *transfer,
                                    uint8_t ret[static LEDGER_TRANSFER_EVENT_BYTES_MAX])
{
    struct ledger_transfer_parts parts;
    Ledger__TransferRefused event = LEDGER__TRANSFER_REFUSED__INIT;
    ledger_fill_transfer(transfer, NULL, &parts);
    event.transfer = &parts.message;
    return has_texts(transfer) ? pack_with_texts(transfer, &parts.message, &event, ret)
                               : pack_event(&event, ret);
}

// ---- Accounts, currencies, exchange -------------------------------------------------------------

const void *ledger_convert_account_event(struct rpc_call *call,
                                         const struct ledger_account *account,
                                         const struct ledger_details *details, const char *reason)
{
    Ledger__AccountCreated *message =
        RPC_NEW(call, Ledger__AccountCreated, ledger__account_created__init);
    if (message == NULL || !ledger_put_text(call, reason, &message->reason)) return NULL;
    message->account = ledger_convert_account(call, account, details, account->changed_at_ns);
    return message->account != NULL ? message : NULL;
}

const void *ledger_convert_currency_event(struct rpc_call *call,
                                          const struct ledger_currency *currency)
{
    Ledger__CurrencyCreated *message =
        RPC_NEW(call, Ledger__CurrencyCreated, ledger__currency_created__init);
    if (message == NULL) return NULL;
    message->currency = ledger_convert_currency(call, currency);
    return message->currency != NULL ? message : NULL;
}

const void *ledger_convert_quote_event(struct rpc_call *call, const struct ledger_quote *quote)
{
    Ledger__FxQuoteChanged *message =
        RPC_NEW(call, Ledger__FxQuoteChanged, ledger__fx_quote_changed__init);
    if (message == NULL) return NULL;
    message->quote = ledger_convert_quote(call, quote, quote->created_at_ns);
    return message->quote != NULL ? message : NULL;
}

// ---- Limits -------------------------------------------------------------------------------------

size_t ledger_convert_limit_event(const struct ledger_profile *profile,
                                  uint8_t ret[static LEDGER_LIMIT_EVENT_BYTES_MAX])
{
    Ledger__LimitChanged message = LEDGER__LIMIT_CHANGED__INIT;
    Ledger__OwnLimit limits[LEDGER_OWN_LIMITS_MAX], *pointers[LEDGER_OWN_LIMITS_MAX];
    Type__Uint128 allowed[LEDGER_OWN_LIMITS_MAX];
    message.owner_id = ledger_lend_id(&profile->owner_id);
    message.tier = (char *)profile->tier;
    message.version = profile->version;
    message.receive_only = profile->receive_only;
    message.debit_freeze = profile->debit_freeze;
    message.credit_freeze = profile->credit_freeze;
    message.reason = (char *)profile->reason;
    message.n_limits = profile->own_count;
    message.limits = pointers;
    for (size_t i = 0; i < profile->own_count; i++) {
        const struct ledger_own_limit *own = &profile->own[i];
        pointers[i] = &limits[i];
        ledger__own_limit__init(pointers[i]);
        limits[i].currency = (char *)own->currency;
        limits[i].limit = (char *)ledger_limit_name(own->limit);
        limits[i].allowed = ledger_put_amount(own->allowed, &allowed[i]);
    }
    CHECK(ledger__limit_changed__get_packed_size(&message) <= LEDGER_LIMIT_EVENT_BYTES_MAX);
    return ledger__limit_changed__pack(&message, ret);
}

struct status ledger_convert_tier_changed(struct bytes payload, struct ledger_tier_change *ret)
{
    const struct status malformed =
        REFUSE(DATA_LOSS, EVENT_MALFORMED, "a kyc.tier.changed event cannot be read");
    Kyc__TierChanged *message = kyc__tier_changed__unpack(NULL, payload.size, payload.data);
    if (message == NULL) return malformed;
    struct ledger_tier_change change = {.owner_id = ledger_convert_id(&message->customer_id),
                                        .version = message->version};
    size_t size = strlen(message->tier);
    bool is_sound = !id128_is_nil(change.owner_id) && size > 0 && size < sizeof change.tier;
    if (is_sound) memcpy(change.tier, message->tier, size);
    kyc__tier_changed__free_unpacked(message, NULL);
    if (!is_sound) return malformed;
    *ret = change;
    return STATUS_SUCCESS;
}
