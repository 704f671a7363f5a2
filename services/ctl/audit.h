/// @file services/ctl/audit.h
/// The kinds of evidence that `florin audit verify` checks, by file. All offline.
#pragma once

#include "common/crypto/note.h"
#include "services/ctl/ctl.h"

int audit_usage(const char *command, const char *what); // Prints, gives CTL_USAGE.

int audit_verify_proof(const struct ctl_options *options, const struct note_verifier *verifier);
int audit_verify_consistency(const struct ctl_options *options,
                             const struct note_verifier *verifier);
int audit_verify_tiles(const struct ctl_options *options, const struct note_verifier *verifier);
