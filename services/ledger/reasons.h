/// @file services/ledger/reasons.h
/// Why a movement of money may be refused: one table, in order of precedence.
/// Order      malformed (before this table) -> who asks -> the id -> structure -> the transfer it
///            follows -> accounts exist -> currency -> approved -> closed -> frozen -> KYC limits
///            -> overflow -> balance limits. Of several reasons that apply the first is the answer.
/// Burning    A refusal that depends on state which may change uses up the id the client chose: the
///            same request must not succeed later by itself.
/// Source     README.md "Refusals, in order" lists the same rows; ledger_reasons_test compares.
#pragma once

#include "common/base/status.h"

#include <stdbool.h>
#include <stddef.h>

/// X(name, code, burns, message), in order.
#define LEDGER_REASONS(X)                                                                          \
    X(IDEMPOTENCY_REQUIRED, INVALID_ARGUMENT, false,                                               \
      "give an id or an Idempotency-Key: a retry must not pay twice")                              \
    X(PERMISSION_DENIED, PERMISSION_DENIED, false,                                                 \
      "customers debit accounts of their own, and credit customers' accounts, not the bank's")     \
    X(ID_ALREADY_FAILED, FAILED_PRECONDITION, false,                                               \
      "a transfer with this id was refused before; use a new id")                                  \
    X(EXISTS_WITH_DIFFERENT_KIND, ALREADY_EXISTS, false,                                           \
      "this id belongs to a transfer of another kind")                                             \
    X(EXISTS_WITH_DIFFERENT_FINAL, ALREADY_EXISTS, false,                                          \
      "this id belongs to a capture with another final")                                           \
    X(EXISTS_WITH_DIFFERENT_PENDING_ID, ALREADY_EXISTS, false,                                     \
      "this id belongs to a transfer that follows another pending one")                            \
    X(EXISTS_WITH_DIFFERENT_REVERSES_ID, ALREADY_EXISTS, false,                                    \
      "this id belongs to the reversal of another transfer")                                       \
    X(EXISTS_WITH_DIFFERENT_TIMEOUT_SECONDS, ALREADY_EXISTS, false,                                \
      "this id belongs to a transfer with another timeout")                                        \
    X(EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID, ALREADY_EXISTS, false,                               \
      "this id belongs to a transfer with another debit account")                                  \
    X(EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID, ALREADY_EXISTS, false,                              \
      "this id belongs to a transfer with another credit account")                                 \
    X(EXISTS_WITH_DIFFERENT_AMOUNT, ALREADY_EXISTS, false,                                         \
      "this id belongs to a transfer with another amount")                                         \
    X(EXISTS_WITH_DIFFERENT_AMOUNT_UP_TO, ALREADY_EXISTS, false,                                   \
      "this id belongs to a transfer with another amount_up_to")                                   \
    X(EXISTS_WITH_DIFFERENT_CURRENCY, ALREADY_EXISTS, false,                                       \
      "this id belongs to a transfer in another currency")                                         \
    X(EXISTS_WITH_DIFFERENT_CODE, ALREADY_EXISTS, false,                                           \
      "this id belongs to a transfer with another code")                                           \
    X(EXISTS_WITH_DIFFERENT_DESCRIPTION, ALREADY_EXISTS, false,                                    \
      "this id belongs to a transfer with another description")                                    \
    X(EXISTS_WITH_DIFFERENT_METADATA, ALREADY_EXISTS, false,                                       \
      "this id belongs to a transfer with other metadata")                                         \
    X(EXISTS_WITH_DIFFERENT_USER_DATA_128, ALREADY_EXISTS, false,                                  \
      "this id belongs to a transfer with another user_data_128")                                  \
    X(EXISTS_WITH_DIFFERENT_USER_DATA_64, ALREADY_EXISTS, false,                                   \
      "this id belongs to a transfer with another user_data_64")                                   \
    X(EXISTS_WITH_DIFFERENT_USER_DATA_32, ALREADY_EXISTS, false,                                   \
      "this id belongs to a transfer with another user_data_32")                                   \
    X(EXISTS_WITH_DIFFERENT_EFFECTIVE_AT, ALREADY_EXISTS, false,                                   \
      "this id belongs to a transfer with another value date")                                     \
    X(EXISTS_WITH_DIFFERENT_GROUP_ID, ALREADY_EXISTS, false,                                       \
      "this id belongs to a transfer of another group")                                            \
    X(EXCLUSIVE_FIELDS, INVALID_ARGUMENT, false,                                                   \
      "this kind of transfer does not take this field, or not both of two")                        \
    X(ACCOUNTS_MUST_DIFFER, INVALID_ARGUMENT, false, "debit and credit account are the same")      \
    X(AMOUNT_MUST_NOT_BE_ZERO, INVALID_ARGUMENT, false, "the amount is zero")                      \
    X(PENDING_TRANSFER_NOT_FOUND, NOT_FOUND, true, "there is no pending transfer with this id")    \
    X(PENDING_TRANSFER_NOT_PENDING, FAILED_PRECONDITION, false,                                    \
      "the transfer named by pending_id is not a pending one")                                     \
    X(PENDING_TRANSFER_HAS_DIFFERENT_DEBIT_ACCOUNT_ID, FAILED_PRECONDITION, false,                 \
      "the pending transfer debits another account")                                               \
    X(PENDING_TRANSFER_HAS_DIFFERENT_CREDIT_ACCOUNT_ID, FAILED_PRECONDITION, false,                \
      "the pending transfer credits another account")                                              \
    X(PENDING_TRANSFER_HAS_DIFFERENT_CURRENCY, FAILED_PRECONDITION, false,                         \
      "the pending transfer is in another currency")                                               \
    X(PENDING_TRANSFER_ALREADY_POSTED, FAILED_PRECONDITION, false,                                 \
      "the pending transfer has been posted")                                                      \
    X(PENDING_TRANSFER_ALREADY_VOIDED, FAILED_PRECONDITION, false,                                 \
      "the pending transfer has been voided")                                                      \
    X(PENDING_TRANSFER_EXPIRED, FAILED_PRECONDITION, false, "the pending transfer has expired")    \
    X(EXCEEDS_PENDING_TRANSFER_AMOUNT, FAILED_PRECONDITION, false,                                 \
      "the amount is more than what the pending transfer still holds")                             \
    X(TRANSFER_NOT_FOUND, NOT_FOUND, true, "there is no transfer with this id")                    \
    X(TRANSFER_NOT_REVERSIBLE, FAILED_PRECONDITION, false,                                         \
      "only what was posted can be reversed, and a reversal cannot")                               \
    X(ALREADY_REVERSED, FAILED_PRECONDITION, false, "all of the transfer has been reversed")       \
    X(EXCEEDS_REVERSIBLE_AMOUNT, FAILED_PRECONDITION, false,                                       \
      "the amount is more than what of the transfer has not been reversed")                        \
    X(FOUR_EYES_REQUIRED, PERMISSION_DENIED, false,                                                \
      "a reversal of this amount needs another person than who made the transfer")                 \
    X(DEBIT_ACCOUNT_NOT_FOUND, NOT_FOUND, true, "there is no account with the debit account's id") \
    X(CREDIT_ACCOUNT_NOT_FOUND, NOT_FOUND, true,                                                   \
      "there is no account with the credit account's id")                                          \
    X(ACCOUNT_NOT_FOUND, NOT_FOUND, true, "there is no account with this id")                      \
    X(CURRENCY_MISMATCH, FAILED_PRECONDITION, false,                                               \
      "both accounts must be in the transfer's currency")                                          \
    X(INSUFFICIENT_AAL, PERMISSION_DENIED, false,                                                  \
      "this payment must be approved by itself: POST /v1/auth/sca gives an sca_token for it")      \
    X(SCA_INVALID, PERMISSION_DENIED, false,                                                       \
      "the sca_token has expired, was used, or approves another payment")                          \
    X(ACCOUNT_CLOSED, FAILED_PRECONDITION, true, "an account is closed")                           \
    X(ACCOUNT_FROZEN, FAILED_PRECONDITION, true, "an account is frozen in this direction")         \
    X(KYC_LIMIT_EXCEEDED, FAILED_PRECONDITION, true,                                               \
      "the account's owner has no KYC tier that allows this")                                      \
    X(BALANCE_OVERFLOW, FAILED_PRECONDITION, true,                                                 \
      "a total would grow beyond what can be counted")                                             \
    X(INSUFFICIENT_FUNDS, FAILED_PRECONDITION, true, "the available balance is below the amount")  \
    X(BELOW_MIN_BALANCE, FAILED_PRECONDITION, true,                                                \
      "the balance would fall below the account's minimum")                                        \
    X(ABOVE_MAX_BALANCE, FAILED_PRECONDITION, true,                                                \
      "the balance would rise above the account's maximum")

#define LEDGER_REASON_ENUM(name_, code_, burns_, message_) LEDGER_##name_,

enum ledger_reason { LEDGER_REASONS(LEDGER_REASON_ENUM) LEDGER_REASON_COUNT };

#undef LEDGER_REASON_ENUM

struct ledger_reason_row {
    const char *name;
    enum status_code code;
    bool burns_id;
    const char *message;
};

extern const struct ledger_reason_row ledger_reasons[LEDGER_REASON_COUNT];

struct status ledger_reason_status(enum ledger_reason reason);
/// ledger_reason_find gives LEDGER_REASON_COUNT for a name that is none of ours.
enum ledger_reason ledger_reason_find(const char *name, size_t size);
