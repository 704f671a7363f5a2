/// @file services/ctl/evidence.h
/// What the offline checks read: files that somebody handed over, and the log's verifier key.
/// Input      Everything is untrusted.
/// Ownership  Given buffers are the caller's to free.
/// Errors     NOT_FOUND / FILE_UNREADABLE (it says nothing: not a refusal), INVALID_ARGUMENT /
///            FILE_TOO_LARGE, PATH_TOO_LONG and those of note.h.
#pragma once

#include "common/crypto/checkpoint.h"
#include "services/ctl/ctl.h"

#include <jansson.h>

enum { EVIDENCE_BYTES_MAX = 1024 * 1024 };

/// evidence_read reads a whole file; a NUL follows its bytes. The refusal of a file that cannot be
/// read names it; that text stands until the next such refusal.
MUST_USE struct status evidence_read(const char *path, char **ret, size_t *ret_size);

/// evidence_verifier: --key is a verifier key itself, or a file that holds one; without it, the
/// data directory's.
MUST_USE struct status evidence_verifier(const struct ctl_options *options,
                                         struct note_verifier *ret);

/// evidence_is_unreadable: the status says that a file could not be read at all.
bool evidence_is_unreadable(struct status status);

// ---- JSON, as the gateway writes it ----------------------------------------------------------

json_t *evidence_json(const char *data, size_t size);              // NULL: it is none.
const char *evidence_text(const json_t *object, const char *name); // "" where there is none.
/// 64-bit numbers are integers or, in JSON of the protobuf kind, decimal text.
bool evidence_u64(const json_t *object, const char *name, uint64_t *ret);
bool evidence_hash(const char *hex, struct merkle_hash *ret); // hex may be NULL.
/// evidence_hashes reads an array of hashes; absent or null is an empty one.
bool evidence_hashes(const json_t *object, const char *name, size_t count_max,
                     struct merkle_proof *ret);

// ---- Saying it -------------------------------------------------------------------------------

/// Texts come from events: nothing in them may drive the terminal. An empty one is left out.
void evidence_print_text(const char *name, const char *text);
void evidence_print_hash(const char *name, const struct merkle_hash *hash);
/// evidence_refuse prints "NOT PROVEN: …" and gives CTL_NO; CTL_FAILED for an unreadable file.
int evidence_refuse(const char *what, struct status status);
