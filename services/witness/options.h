/// @file services/witness/options.h
/// The witness's command line and the small files that it names.
/// Files      FILE.key  the signing key, 64 hex digits, mode 0400; beside it FILE.pub and
/// FILE.vkey,
///                      the verifier key: the witness's name and public key, for those who trust
///                      it.
///            VKEYFILE  a log's verifier key on each line (type 01), # for comments.
/// Ownership  Texts point into argv.
/// Errors     Each is also printed, with the file and line; the status says INVALID_ARGUMENT /
///            USAGE, LOG_KEYS, WITNESS_KEY, or what reading the key says.
#pragma once

#include "common/crypto/note.h"

enum {
    WITNESS_LOG_FILES_MAX = 32,
    WITNESS_LOG_KEYS_TOTAL_MAX = 1024,
    WITNESS_ADDRESS_BYTES = 128,
    WITNESS_PATH_BYTES = 4096,
};

struct witness_options {
    bool help, init, verbose;
    char address[WITNESS_ADDRESS_BYTES];
    uint16_t port;
    const char *state;            // Directory of the store.
    char key[WITNESS_PATH_BYTES]; // Without ".key".
    const char *name;             // With init: what the witness is called.
    const char *log_files[WITNESS_LOG_FILES_MAX];
    size_t log_file_count;
};

MUST_USE struct status witness_options_parse(int argc, char **argv, struct witness_options *ret);
void witness_options_help(void);

/// witness_key_make makes the three files of a key; ALREADY_EXISTS / KEY_EXISTS when it is there.
MUST_USE struct status witness_key_make(const struct witness_options *options,
                                        struct note_verifier *ret);
/// witness_key_load: the name is the one in FILE.vkey, whose key must be the signer's.
MUST_USE struct status witness_key_load(const struct witness_options *options,
                                        struct key_signer **ret_signer, struct note_verifier *ret);

/// witness_logs_load reads every log file; the caller frees *ret.
MUST_USE struct status witness_logs_load(const struct witness_options *options,
                                         struct note_verifier **ret, size_t *ret_count);
