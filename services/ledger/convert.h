/// @file services/ledger/convert.h
/// Protobuf <-> core values: untrusted input becomes a valid value or a refusal, here and nowhere
/// else.
/// Ownership  Messages live in the call's arena. NULL means that the arena is exhausted;
///            rpc_call_reply answers that.
/// Source     proto/florin/ledger/v1/ledger.proto; what its field options say has been checked
///            before (common/rpc/validate.h).
#pragma once

#include "common/rpc/call.h"
#include "services/ledger/service.h"
#include "services/ledger/verify.h"

// The messages' own header is for convert.c and rpc.c only.
struct Ledger__CreateAccountRequest;
struct Ledger__CreateCurrencyRequest;
struct Ledger__CreateTransferRequest;
struct Ledger__MoveCashRequest;
struct Ledger__Account;
struct Ledger__Balance;
struct Ledger__Currency;
struct Ledger__Transfer;
struct Ledger__TransferCreated;
struct Ledger__VerifyResponse;

// ---- Requests -----------------------------------------------------------------------------------

struct ledger_caller ledger_convert_caller(const struct rpc_call *call);
/// An absent id is nil.
struct id128 ledger_convert_id(const ProtobufCBinaryData *bytes);

/// The owner is the caller when none is named; a service must name one (VALIDATION_FAILED).
MUST_USE struct status
ledger_convert_new_account(struct rpc_call *call,
                           const struct Ledger__CreateAccountRequest *request,
                           struct ledger_new_account *ret);
MUST_USE struct status
ledger_convert_new_currency(struct rpc_call *call,
                            const struct Ledger__CreateCurrencyRequest *request,
                            struct ledger_currency *ret);
/// INVALID_ARGUMENT / IDEMPOTENCY_REQUIRED without an id and an Idempotency-Key.
MUST_USE struct status
ledger_convert_create_transfer(struct rpc_call *call,
                               const struct Ledger__CreateTransferRequest *request,
                               struct ledger_movement *ret);
MUST_USE struct status ledger_convert_move_cash(struct rpc_call *call,
                                                const struct Ledger__MoveCashRequest *request,
                                                struct ledger_movement *ret);

// ---- Replies ------------------------------------------------------------------------------------

struct Ledger__Currency *ledger_convert_currency(struct rpc_call *call,
                                                 const struct ledger_currency *currency);
struct Ledger__Account *ledger_convert_account(struct rpc_call *call,
                                               const struct ledger_account *account,
                                               const char *name);
struct Ledger__Balance *ledger_convert_balance(struct rpc_call *call,
                                               const struct ledger_account *account,
                                               uint64_t as_of_ns);
/// of: the account whose history this is, for balance_after; NULL: none.
struct Ledger__Transfer *ledger_convert_transfer(struct rpc_call *call,
                                                 const struct ledger_transfer *transfer,
                                                 const struct ledger_account *of);
struct Ledger__VerifyResponse *
ledger_convert_verification(struct rpc_call *call, const struct ledger_verification *verification);

/// ledger_convert_refusal adds what a refused movement may say beyond its reason. Limits are told
/// only to who may see the account that has them.
void ledger_convert_refusal(struct rpc_call *call, const struct ledger_caller *caller,
                            const struct ledger_outcome *outcome);

// ---- Events -------------------------------------------------------------------------------------

struct Ledger__TransferCreated *
ledger_convert_transfer_created(struct rpc_call *call, const struct ledger_outcome *outcome,
                                struct Ledger__Transfer *transfer);
/// Payloads for event_append_call: messages as it wants them.
const void *ledger_convert_account_created(struct rpc_call *call, struct Ledger__Account *account);
const void *ledger_convert_transfer_refused(struct rpc_call *call,
                                            struct Ledger__Transfer *transfer);

/// kyc.tier.changed, as the kyc service sends it. DATA_LOSS / EVENT_MALFORMED.
struct ledger_tier_change {
    struct id128 owner_id;
    char tier[LEDGER_TIER_BYTES];
    uint64_t version;
};

MUST_USE struct status ledger_convert_tier_changed(struct bytes payload,
                                                   struct ledger_tier_change *ret);

enum { LEDGER_LIMIT_CHANGED_BYTES_MAX = 64 };

/// ledger_convert_limit_changed packs ledger.limit.changed.
size_t ledger_convert_limit_changed(const struct ledger_tier_change *change,
                                    uint8_t ret[static LEDGER_LIMIT_CHANGED_BYTES_MAX]);
