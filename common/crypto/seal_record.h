/// @file common/crypto/seal_record.h
/// Sealed values as parts of stored records: texts that may be absent, and owners' keys.
/// Span       size(2) | sealed value; an absent one has size 0. A value has at least one plain
/// byte. Ownership  What is sealed goes into the caller's `room`; what is read points into the
/// record. Errors     DATA_LOSS / SEAL_BROKEN when unsealing; a span that cannot be breaks its
/// reader.
#pragma once

#include "common/base/record.h"
#include "common/crypto/seal.h"

enum { SEAL_SPAN_OVERHEAD_BYTES = 2 + SEAL_OVERHEAD_BYTES };

/// seal_text puts the sealed bytes of a text into `room` and gives them; an empty text is absent:
/// {NULL, 0}.
struct bytes seal_text(const struct seal *seal, const struct seal_place *place, const char *text,
                       struct record_writer *room);
/// unseal_text gives "" for an absent one.
MUST_USE struct status unseal_text(const struct seal *seal, const struct seal_place *place,
                                   struct bytes sealed, struct arena *arena, const char **ret);

void seal_put_span(struct record_writer *writer, struct bytes sealed, size_t plain_bytes_max);
struct bytes seal_take_span(struct record_reader *reader, size_t plain_bytes_max);

/// seal_new_owner_key makes a random key for a row's owner, to be used as seal_place.owner_key, and
/// gives it sealed, to be stored. The caller wipes the key.
void seal_new_owner_key(const struct seal *seal, const struct seal_place *place,
                        uint8_t ret_key[static SEAL_OWNER_KEY_BYTES],
                        uint8_t ret_sealed[static SEAL_OWNER_KEY_BYTES + SEAL_OVERHEAD_BYTES]);
