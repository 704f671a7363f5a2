/// @file services/ledger/convert_transfer.h
/// How a transfer becomes a message, without allocating: for convert_transfer.c, whose messages
/// lie in an arena, and convert_event.c, whose lie on the stack.
/// Ownership  Messages point into the transfer they were filled from, and to the parts.
#pragma once

#include "florin/ledger/v1/ledger.pb-c.h"
#include "services/ledger/convert.h"

struct ledger_transfer_parts {
    Ledger__Transfer message;
    Type__Uint128 amount, amount_up_to, user_data_128, captured, remaining, reversed;
    Type__Int128 balance_after;
};

/// ledger_lend_id points to an id that outlives the message; nil is absent.
ProtobufCBinaryData ledger_lend_id(const struct id128 *id);

/// Everything but description, metadata and balance_after. progress NULL: nothing became of it yet.
/// A transfer without a created_at was refused.
void ledger_fill_transfer(const struct ledger_transfer *transfer,
                          const struct ledger_progress *progress,
                          struct ledger_transfer_parts *ret);
/// ledger_fill_transfer_map gives the message texts->count entries, at `entries` and `pointers`.
void ledger_fill_transfer_map(const struct ledger_map_texts *texts,
                              Ledger__Transfer__MetadataEntry *entries,
                              Ledger__Transfer__MetadataEntry **pointers,
                              Ledger__Transfer *message);
