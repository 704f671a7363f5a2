// The signer of the tests that make tokens: opened and closed once for all of them.
#pragma once

#include "tests/unit/crypto/support.h"

static struct key_signer *signer;

static inline int open_signer(void **state)
{
    (void)state;
    assert_status_ok(crypto_open());
    assert_status_ok(key_signer_from_seed(RFC8037_SEED, &signer));
    return 0;
}

static inline int close_signer(void **state)
{
    (void)state;
    key_signer_close(&signer);
    return 0;
}
