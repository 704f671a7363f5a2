/// @file services/ctl/ctl.h
/// `florin`, the operator's command line: one more RPC client, and the supervisor of compose/up.
/// Exit codes  0 done; 1 the answer is no (unhealthy, findings, proof refused); 2 wrong usage;
///             3 the thing could not be asked or done.
#pragma once

#include "common/base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum ctl_exit { CTL_DONE = 0, CTL_NO = 1, CTL_USAGE = 2, CTL_FAILED = 3 };

enum { CTL_OPERANDS_MAX = 8, CTL_PATH_BYTES = 4096 };

/// What every command understands; a command reads the ones its table row names.
struct ctl_options {
    char data[CTL_PATH_BYTES]; // Absolute. --data, else $FLORIN_DATA_DIRECTORY, else var.
    const char *bin;           // --bin: where the daemons' executables are; default: beside florin.
    const char *key, *proof, *entry, *leaf, *to, *service, *listen;
    const char *tiles, *consistency, *old, *new; // Of the audit log's evidence.
    unsigned port;
    unsigned timeout_s;
    uint64_t rate_bytes;      // --rate: bytes a second; 0: not throttled.
    const char *from, *types; // Of audit tail.
    bool detach, quiet, no_entries, json;
    const char *operands[CTL_OPERANDS_MAX];
    int operand_count;
};

/// The five daemons, in the order in which they are shown.
extern const char *const ctl_daemons[];
extern const int ctl_daemon_count;

typedef int (*ctl_command)(const struct ctl_options *options);

int ctl_init(const struct ctl_options *options);
int ctl_up(const struct ctl_options *options);
int ctl_down(const struct ctl_options *options);
int ctl_status(const struct ctl_options *options);
int ctl_outbox(const struct ctl_options *options);
int ctl_audit_verify(const struct ctl_options *options);
int ctl_audit_fsck(const struct ctl_options *options);
int ctl_audit_export(const struct ctl_options *options);
int ctl_audit_tail(const struct ctl_options *options);
int ctl_ledger_verify(const struct ctl_options *options);
int ctl_events_consumers(const struct ctl_options *options);
int ctl_events_forget(const struct ctl_options *options);
int ctl_keys_rotate(const struct ctl_options *options);
int ctl_keys_add_service(const struct ctl_options *options);
int ctl_keys_remove_service(const struct ctl_options *options);
int ctl_keys_list(const struct ctl_options *options);
int ctl_keys_token(const struct ctl_options *options);
int ctl_backup(const struct ctl_options *options);
int ctl_restore(const struct ctl_options *options);
int ctl_verify(const struct ctl_options *options);

/// ctl_program becomes florin-<words[0]>, the program beside this one, with the rest as arguments.
int ctl_program(char **words);

/// ctl_data_make makes the data directory and every key that is missing (0700, 0400).
MUST_USE struct status ctl_data_make(const char *data);

/// ctl_complain prints "florin: <what>: <message> (<REASON>)" on stderr and gives CTL_FAILED.
int ctl_complain(const char *what, struct status status);
/// ctl_path joins with a '/'; false when the result does not fit.
bool ctl_path(char ret[static CTL_PATH_BYTES], const char *directory, const char *name);
