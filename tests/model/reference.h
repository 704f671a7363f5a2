// A reference ledger: the rules of the design page once more, as plainly as they can be written. It
// shares no code with services/ledger, keeps everything in arrays, and knows nothing of records,
// groups of commits or jump pointers. The model test drives it beside the real one.
//
// Accounts, owners, currencies and ids are small numbers; 0 means "none" or "not given".
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef unsigned __int128 ref_amount;

enum {
    REF_ACCOUNTS = 24,
    REF_OWNERS = 8,
    REF_CURRENCIES = 2,
    REF_DAYS = 1200, // How far test time may go on.
    REF_LIMITS = 8,  // transfer, debit day/month/year, credit day/month/year, balance
};

enum ref_kind { REF_POSTED = 1, REF_PENDING, REF_POST, REF_VOID, REF_REVERSAL, REF_EXPIRY };

enum ref_state { REF_NOT_PENDING, REF_OPEN, REF_IS_POSTED, REF_VOIDED, REF_EXPIRED };

enum ref_side { REF_DEBIT, REF_CREDIT };

/// The approval that comes with a movement.
enum ref_token {
    REF_NO_TOKEN,
    REF_RIGHT,
    REF_OTHER_AMOUNT,
    REF_OTHER_USER,
    REF_GARBAGE,
    REF_TOKENS
};

struct ref_totals {
    ref_amount pending[2], posted[2];
};

struct ref_account {
    bool exists, is_debit_normal, no_negative, closed, has_min, has_max;
    uint8_t owner; // 0: the bank's own.
    uint8_t currency;
    bool frozen[2];
    uint64_t frozen_until[2];
    __int128 credit_limit, min, max;
    struct ref_totals totals;

    // Its history: transfer numbers, and the totals after each.
    struct ref_entry {
        uint64_t transfer, at;
        struct ref_totals after;
    } * entries;

    size_t entry_count, entry_room;
};

struct ref_owner {
    bool has_tier, may_post, receive_only, debit_freeze, credit_freeze;
    __int128 allowed[REF_CURRENCIES][REF_LIMITS]; // Minor units; -1: no limit.
    // What was counted, on the day it was counted.
    ref_amount counted[REF_CURRENCIES][2][REF_DAYS];
};

/// What is asked for.
struct ref_ask {
    uint64_t id;
    enum ref_kind kind;
    uint8_t debit, credit; // Account 255: an id that no account has.
    bool is_deposit, is_withdrawal;
    uint8_t currency; // 1 or 2; 0: not given.
    bool has_amount;
    ref_amount amount, up_to;
    uint16_t code;
    uint8_t description; // Which text; 0: none.
    uint8_t metadata;    // Likewise.
    uint64_t subject;    // Id of what it follows.
    uint32_t timeout_seconds;
    bool not_final;
    uint64_t user_data[3]; // 128, 64, 32
    uint64_t effective_at, group;
    uint8_t caller; // An owner; 0: a teller, REF_SERVICE: a service.
    enum ref_token token;
};

enum { REF_SERVICE = 255, REF_NO_ACCOUNT = 255 };

struct ref_transfer {
    struct ref_ask asked;
    uint8_t debit, credit, currency, author; // author: an owner, 0 or REF_SERVICE.
    uint16_t code;
    ref_amount amount, captured, reversed;
    uint64_t at, counted_at, expires_at;
    uint64_t subject; // Number; 0: none.
    enum ref_state state;
};

struct ref_id {
    uint64_t id;
    uint64_t number;    // Of the transfer; 0: none.
    const char *reason; // That burnt it; NULL: nothing did.
};

struct ref {
    struct ref_account accounts[REF_ACCOUNTS];
    struct ref_owner owners[REF_OWNERS + 1];
    struct ref_transfer *transfers; // Number 1 stands at index 1.
    uint64_t transfer_count, transfer_room;
    struct ref_id *ids; // A plain hash table; the room is a power of two.
    size_t id_room;
    uint64_t *open; // Numbers of open holds that expire, in no order.
    size_t open_count, open_room;
    uint64_t last_at;                 // Ledger time.
    uint64_t first_day;               // Of test time, since 1970.
    uint8_t cash[REF_CURRENCIES + 1]; // Accounts.
    ref_amount four_eyes_above;
    ref_amount approved_above[REF_CURRENCIES + 1]; // Customers' payments of more are approved.
    bool paid[REF_OWNERS + 1][REF_ACCOUNTS];       // By the owner; others are approved, too.
    const char *limit;                             // Of the last KYC_LIMIT_EXCEEDED.
    ref_amount used;
};

void ref_open(struct ref *ref, uint64_t begin_ns);
void ref_close(struct ref *ref);

/// ref_move decides and, if it may be, does: NULL it was done; "" it existed (*ret_number); else
/// the reason. wall: the clock.
const char *ref_move(struct ref *ref, const struct ref_ask *ask, uint64_t wall,
                     uint64_t *ret_number);
/// What is due by the time the next movement would have.
void ref_expire(struct ref *ref, uint64_t wall);
uint64_t ref_next_time(struct ref *ref, uint64_t wall);

/// A balance at a time, and what of a limit is used.
struct ref_totals ref_totals_at(const struct ref_account *account, uint64_t at);
ref_amount ref_used(const struct ref *ref, uint8_t owner, uint8_t currency, int limit,
                    uint64_t now);
struct ref_id *ref_find(struct ref *ref, uint64_t id);
