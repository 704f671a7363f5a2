/// @file services/ledger/convert.h
/// Protobuf <-> core values: untrusted input becomes a valid value or a refusal, here and nowhere
/// else.
/// Files      convert.c (callers, ids, currencies, refusals), convert_account.c,
///            convert_transfer.c, convert_event.c (payloads), convert_report.c (statements, trial
///            balance, limits, exchange, verification).
/// Ownership  Messages live in the call's arena and may point to what they were made of, which must
///            live as long as the reply: the arena, or static. Texts are copied. NULL means that
///            the arena is exhausted; rpc_call_reply answers that.
/// Requests   Functions of one call read call->request, of the type their comment names; what its
///            field options say has been checked before (common/rpc/validate.h).
/// Source     proto/florin/ledger/v1/ledger.proto.
#pragma once

#include "common/rpc/call.h"
#include "services/ledger/service.h"
#include "services/ledger/statement.h"
#include "services/ledger/totals.h"
#include "services/ledger/verify.h"

// The messages' own header is for convert*.c and rpc*.c only.
struct Ledger__Account;
struct Ledger__Balance;
struct Ledger__BatchCreateTransfersResponse;
struct Ledger__Currency;
struct Ledger__FxExecution;
struct Ledger__FxQuote;
struct Ledger__Limits;
struct Ledger__Statement;
struct Ledger__Transfer;
struct Ledger__TrialBalance;
struct Ledger__VerifyResponse;
struct Google__Api__HttpBody;

// ---- Pieces -------------------------------------------------------------------------------------

/// may_set_limits and may_open_system are asked for where a request needs them.
struct ledger_caller ledger_convert_caller(const struct rpc_call *call);
/// An absent id is nil.
struct id128 ledger_convert_id(const ProtobufCBinaryData *bytes);
/// VALIDATION_FAILED / TOO_LONG for what does not fit with its final NUL.
MUST_USE struct status ledger_convert_text(struct rpc_call *call, const char *field,
                                           const char *text, size_t ret_bytes, char *ret);
/// ledger_convert_at checks a time that is asked about: VALIDATION_FAILED / FUTURE when it is after
/// now_ns and after the ledger's last time (which may run ahead of the wall clock). 0 is fine.
MUST_USE struct status ledger_convert_at(struct rpc_call *call, struct store_txn *txn,
                                         const char *field, uint64_t at_ns, uint64_t now_ns);
/// ledger_convert_range checks [from, to): VALIDATION_FAILED / RANGE on "to" when it ends before it
/// begins; 0 is open.
MUST_USE struct status ledger_convert_range(struct rpc_call *call, uint64_t from_ns,
                                            uint64_t to_ns);

// A reply's parts stand in one allocation, behind the message that points to them.

ProtobufCBinaryData ledger_put_id(struct id128 id, uint8_t place[static ID128_BYTES]);
struct Type__Uint128 *ledger_put_amount(u128 amount, struct Type__Uint128 *place);
struct Type__Int128 *ledger_put_signed(i128 amount, struct Type__Int128 *place);
/// An empty text stays what init set. false: the arena is exhausted.
bool ledger_put_text(struct rpc_call *call, const char *text, char **ret);

/// Metadata on its way in: the entries of a map field as pairs, then as record.h encodes them, in
/// the arena. VALIDATION_FAILED / INVALID on `field`.
#define LEDGER_PAIRS_OF(entries_, count_, ret_pairs_)                                              \
    for (size_t pair_ = 0; pair_ < (count_) && pair_ < LEDGER_METADATA_KEYS_MAX; pair_++)          \
        (ret_pairs_)[pair_] = (struct ledger_metadata_pair)                                        \
        {                                                                                          \
            .key = bytes_of_text((entries_)[pair_]->key),                                          \
            .value = bytes_of_text((entries_)[pair_]->value)                                       \
        }

MUST_USE struct status ledger_convert_metadata(struct rpc_call *call, const char *field,
                                               struct ledger_metadata_pair *pairs, size_t count,
                                               struct bytes *ret);

/// And on its way out: a map entry's texts, NUL-terminated.
struct ledger_map_texts {
    size_t count;
    char *key[LEDGER_METADATA_KEYS_MAX], *value[LEDGER_METADATA_KEYS_MAX];
};

/// ledger_put_map copies metadata's texts to `room`, which has LEDGER_MAP_ROOM(metadata.size)
/// bytes. What the store holds is sound (CHECK).
#define LEDGER_MAP_ROOM(metadata_size_) ((metadata_size_) + 1)
void ledger_put_map(struct bytes metadata, char *room, struct ledger_map_texts *ret);

/// ledger_convert_facts gives what a refused movement may say beyond its reason, and how many facts
/// that are; values are static or in the call's arena. Limits are told only to who may see the
/// account that has them.
size_t ledger_convert_facts(struct rpc_call *call, const struct ledger_caller *caller,
                            const struct ledger_outcome *outcome,
                            struct rpc_detail ret[static RPC_DETAILS_MAX]);
/// ledger_convert_refusal adds these facts to the call's answer.
void ledger_convert_refusal(struct rpc_call *call, const struct ledger_caller *caller,
                            const struct ledger_outcome *outcome);

// ---- Currencies ---------------------------------------------------------------------------------

/// CreateCurrencyRequest.
MUST_USE struct status ledger_convert_new_currency(struct rpc_call *call,
                                                   struct ledger_currency *ret);
struct Ledger__Currency *ledger_convert_currency(struct rpc_call *call,
                                                 const struct ledger_currency *currency);

// ---- Accounts -----------------------------------------------------------------------------------

/// CreateAccountRequest. The owner is the caller when none is named; a service must name one
/// (VALIDATION_FAILED), and nobody one of a SYSTEM account. Asks for caller->may_open_system.
MUST_USE struct status ledger_convert_new_account(struct rpc_call *call,
                                                  struct ledger_caller *caller,
                                                  struct ledger_new_account *ret);
/// UpdateAccountRequest. Asks for caller->may_set_limits.
MUST_USE struct status ledger_convert_account_change(struct rpc_call *call,
                                                     struct ledger_caller *caller,
                                                     struct ledger_account_change *ret);
/// FreezeAccountRequest, UnfreezeAccountRequest.
MUST_USE struct status ledger_convert_freeze(struct rpc_call *call,
                                             struct ledger_freeze_change *ret);
MUST_USE struct status ledger_convert_unfreeze(struct rpc_call *call,
                                               struct ledger_freeze_change *ret);
/// CloseAccountRequest. *ret_has_sweep: what is left goes somewhere (IDEMPOTENCY_REQUIRED then).
MUST_USE struct status ledger_convert_sweep(struct rpc_call *call, struct ledger_movement *ret,
                                            bool *ret_has_sweep);

/// now_ns: a freeze that has lifted itself by then is none.
struct Ledger__Account *ledger_convert_account(struct rpc_call *call,
                                               const struct ledger_account *account,
                                               const struct ledger_details *details,
                                               uint64_t now_ns);
struct Ledger__Balance *ledger_convert_balance(struct rpc_call *call,
                                               const struct ledger_account *account,
                                               uint64_t as_of_ns);

// ---- Transfers ----------------------------------------------------------------------------------

/// From a call's request to a movement: one function for each method. INVALID_ARGUMENT /
/// IDEMPOTENCY_REQUIRED without an id and an Idempotency-Key; VALIDATION_FAILED for members that
/// the kind needs and that are missing. Texts stay where the request has them.
typedef struct status (*ledger_movement_of)(struct rpc_call *call, struct ledger_movement *ret);
MUST_USE struct status ledger_convert_deposit(struct rpc_call *call, struct ledger_movement *ret);
MUST_USE struct status ledger_convert_withdrawal(struct rpc_call *call,
                                                 struct ledger_movement *ret);
MUST_USE struct status ledger_convert_create(struct rpc_call *call, struct ledger_movement *ret);
MUST_USE struct status ledger_convert_post(struct rpc_call *call, struct ledger_movement *ret);
MUST_USE struct status ledger_convert_void(struct rpc_call *call, struct ledger_movement *ret);
MUST_USE struct status ledger_convert_reverse(struct rpc_call *call, struct ledger_movement *ret);

/// BatchCreateTransfersRequest; movements and results in the arena. Violations are named
/// "transfers[i].<member>". A group id that is not given is worked out from the items' ids, so that
/// the same batch asked for again is the same group; one of items without ids is made.
MUST_USE struct status ledger_convert_batch(struct rpc_call *call, struct ledger_batch *ret);
struct Ledger__BatchCreateTransfersResponse *
ledger_convert_batch_results(struct rpc_call *call, const struct ledger_caller *caller,
                             const struct ledger_batch *batch);

/// progress NULL: nothing became of it yet. of: the account whose history this is, for
/// balance_after; NULL: none. The transfer must live as long as the reply.
struct Ledger__Transfer *ledger_convert_transfer(struct rpc_call *call,
                                                 const struct ledger_transfer *transfer,
                                                 const struct ledger_progress *progress,
                                                 const struct ledger_account *of);
/// ledger_convert_outcome gives the transfer of a movement, as it was asked for when refused. The
/// outcome must live as long as the reply.
struct Ledger__Transfer *ledger_convert_outcome(struct rpc_call *call,
                                                const struct ledger_outcome *outcome);
/// Adds the ids to a reply. false: the arena is exhausted.
bool ledger_put_follow_ups(struct rpc_call *call, const struct id128 *ids, size_t count,
                           struct Ledger__Transfer *message);

// ---- Reports ------------------------------------------------------------------------------------

struct Ledger__Statement *ledger_convert_statement(struct rpc_call *call,
                                                   const struct ledger_statement *statement,
                                                   const char *next_page_token);
/// FAILED_PRECONDITION / STATEMENT_TOO_LONG when the body does not fit a message; the data must
/// live in the arena.
MUST_USE struct status ledger_convert_body(struct rpc_call *call, const char *content_type,
                                           struct bytes data, struct Google__Api__HttpBody **ret);
MUST_USE struct status ledger_convert_trial(struct rpc_call *call, struct store_txn *txn,
                                            uint64_t at_ns, const struct ledger_trial *trial,
                                            struct Ledger__TrialBalance **ret);
/// UpdateLimitsRequest. VALIDATION_FAILED on limits[i]: UNKNOWN_LIMIT, DUPLICATE, RANGE.
MUST_USE struct status ledger_convert_profile(struct rpc_call *call, struct ledger_profile *ret);
struct Ledger__Limits *ledger_convert_limits(struct rpc_call *call,
                                             const struct ledger_profile *profile,
                                             const struct ledger_allowance *allowances,
                                             size_t count, uint64_t now_ns);
/// CreateFxQuoteRequest: exactly one of the amounts (EXCLUSIVE_FIELDS, VALIDATION_FAILED).
MUST_USE struct status ledger_convert_new_quote(struct rpc_call *call, struct ledger_quote *ret,
                                                uint32_t *ret_expires_in_seconds);
struct Ledger__FxQuote *ledger_convert_quote(struct rpc_call *call,
                                             const struct ledger_quote *quote, uint64_t now_ns);
struct Ledger__FxExecution *
ledger_convert_execution(struct rpc_call *call, const struct ledger_quote *quote,
                         const struct ledger_outcome outcome[static LEDGER_SIDES], uint64_t now_ns);
struct Ledger__VerifyResponse *
ledger_convert_verification(struct rpc_call *call, const struct ledger_verification *verification);

// ---- Events -------------------------------------------------------------------------------------

/// Payloads for event_append_call: messages as it wants them. NULL: the arena is exhausted.
const void *ledger_convert_account_event(struct rpc_call *call,
                                         const struct ledger_account *account,
                                         const struct ledger_details *details, const char *reason);
const void *ledger_convert_currency_event(struct rpc_call *call,
                                          const struct ledger_currency *currency);
const void *ledger_convert_quote_event(struct rpc_call *call, const struct ledger_quote *quote);

/// Payloads as bytes, for events that come by the thousand or without a call; no arena.
enum {
    LEDGER_TRANSFER_EVENT_BYTES_MAX = 1024 + LEDGER_DESCRIPTION_BYTES_MAX +
                                      LEDGER_METADATA_KEYS_MAX * 16 + LEDGER_METADATA_BYTES_MAX,
    LEDGER_LIMIT_EVENT_BYTES_MAX = 256 + LEDGER_REASON_TEXT_BYTES + LEDGER_OWN_LIMITS_MAX * 80,
};

/// What was created, as it was then: nothing has become of it yet.
size_t ledger_convert_transfer_event(const struct ledger_transfer *transfer,
                                     const i128 balance_after[static LEDGER_SIDES],
                                     uint8_t ret[static LEDGER_TRANSFER_EVENT_BYTES_MAX]);
/// What was refused, as it was asked for.
size_t ledger_convert_refused_event(const struct ledger_transfer *transfer,
                                    uint8_t ret[static LEDGER_TRANSFER_EVENT_BYTES_MAX]);
size_t ledger_convert_limit_event(const struct ledger_profile *profile,
                                  uint8_t ret[static LEDGER_LIMIT_EVENT_BYTES_MAX]);

/// kyc.tier.changed, as the kyc service sends it. DATA_LOSS / EVENT_MALFORMED.
struct ledger_tier_change {
    struct id128 owner_id;
    char tier[LEDGER_TIER_BYTES];
    uint64_t version;
};

MUST_USE struct status ledger_convert_tier_changed(struct bytes payload,
                                                   struct ledger_tier_change *ret);
