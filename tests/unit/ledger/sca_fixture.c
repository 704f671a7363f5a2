#include "tests/unit/ledger/sca_fixture.h"

#include "common/base/check.h"
#include "services/ledger/core.h"

#include <stdio.h>

static struct key_signer *signer;

static bool look_up(void *context, const char *kid, uint8_t ret_public_key[static KEY_PUBLIC_BYTES],
                    char ret_issuer[static JWS_ISSUER_BYTES_MAX])
{
    (void)context;
    char own_kid[KEY_ID_TEXT_BYTES];
    key_id(key_signer_public(signer), own_kid);
    if (strcmp(kid, own_kid) != 0) return false;
    memcpy(ret_public_key, key_signer_public(signer), KEY_PUBLIC_BYTES);
    snprintf(ret_issuer, JWS_ISSUER_BYTES_MAX, "florin-auth");
    return true;
}

static struct status verify(void *context, struct bytes token, uint64_t now_s,
                            struct sca_claims *ret)
{
    return sca_token_verify(token, now_s, look_up, context, ret);
}

void sca_open(struct ledger_service *service)
{
    static const uint8_t seed[KEY_SEED_BYTES] = {7};
    CHECK(status_ok(crypto_open()));
    if (signer == NULL) CHECK(status_ok(key_signer_from_seed(seed, &signer)));
    service->verify_sca = verify;
}

void sca_close(void)
{
    key_signer_close(&signer);
}

struct sca_claims sca_claims_of(struct id128 user_id, const struct ledger_movement *movement,
                                uint64_t now_s)
{
    const struct ledger_transfer *asked = &movement->asked;
    struct sca_claims claims = {.subject = user_id,
                                .token_id = id128_generate(),
                                .issued_at_s = now_s,
                                .expires_at_s = now_s + SCA_TOKEN_LIFE_S,
                                .action = SCA_ACTION_TRANSFER};
    struct sca_payment payment = {
        .debit_account_id = asked->account_id[LEDGER_DEBIT],
        .credit_account_id = asked->account_id[LEDGER_CREDIT],
        .amount = asked->amount_up_to > 0 ? asked->amount_up_to : asked->amount,
        .currency = movement->is_withdrawal ? "INR" : asked->currency,
        .transfer_id = asked->id,
    };
    if (movement->is_withdrawal)
        payment.credit_account_id = ledger_system_account_id("INR", LEDGER_CASH);
    sca_link_hash(&payment, claims.link);
    return claims;
}

struct bytes sca_sign(const struct sca_claims *claims, char ret[static SCA_TOKEN_BYTES_MAX])
{
    return bytes_of(ret, sca_token_issue(claims, signer, ret));
}
