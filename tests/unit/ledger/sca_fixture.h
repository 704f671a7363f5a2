/// @file tests/unit/ledger/sca_fixture.h
/// Approvals as auth makes them, by a key of the test's own, for tests of the ledger.
/// Threads    Any, once sca_open was called.
#pragma once

#include "services/ledger/service.h"

/// sca_open makes the key and lets the service believe it; sca_close forgets the key.
void sca_open(struct ledger_service *service);
void sca_close(void);

/// What a customer approves by entering a code now: this payment, as a movement asks for it.
struct sca_claims sca_claims_of(struct id128 user_id, const struct ledger_movement *movement,
                                uint64_t now_s);
/// sca_sign makes the token; its text is the caller's.
struct bytes sca_sign(const struct sca_claims *claims, char ret[static SCA_TOKEN_BYTES_MAX]);
