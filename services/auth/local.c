#include "services/auth/local.h"

#include "common/base/clock.h"
#include "services/auth/access.h"
#include "services/auth/alive.h"

bool auth_local_lookup(void *service, const char *kid,
                       uint8_t ret_public_key[static KEY_PUBLIC_BYTES],
                       char ret_issuer[static TOKEN_ISSUER_BYTES_MAX])
{
    const struct auth_service *auth = service;
    if (!auth_signing_find(auth->signing, kid, ret_public_key)) return false;
    memcpy(ret_issuer, TOKEN_ISSUER_AUTH, sizeof TOKEN_ISSUER_AUTH);
    return true;
}

struct status auth_local_check(void *service, const struct token_claims *claims)
{
    const struct auth_service *auth = service;
    bool is_alive = false;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    RETURN_IF_ERROR(store_snapshot_begin(auth->store, &txn));
    RETURN_IF_ERROR(
        auth_is_alive(txn, claims->session_id, claims->user_version, clock_wall_ns(), &is_alive));
    if (!is_alive)
        return REFUSE(UNAUTHENTICATED, TOKEN_REVOKED, "the token's session or rights have ended");
    return STATUS_SUCCESS;
}

void auth_local_identity(void *service, struct identity_config *config)
{
    config->local_lookup = auth_local_lookup;
    config->local_check = auth_local_check;
    config->local_policy = auth_access_policy(((struct auth_service *)service)->access);
    config->local_context = service;
}
