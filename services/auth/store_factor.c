#include "services/auth/store_factor.h"

#include "common/base/check.h"
#include "services/auth/store_internal.h"

static struct seal_place secret_place(struct id128 user_id)
{
    return (struct seal_place){.table = "auth_factors", .field = "totp_secret", .owner = user_id};
}

struct status auth_store_get_factor(struct store_txn *txn, struct id128 user_id,
                                    struct auth_factor_record *ret)
{
    struct bytes row;
    RETURN_IF_ERROR(
        store_get_or(txn, AUTH_TABLE_FACTORS, id128_bytes(&user_id),
                     REFUSE(NOT_FOUND, FACTOR_NOT_FOUND, "the user has no authenticator"), &row));
    return auth_factor_decode(row, ret);
}

void auth_store_put_factor(struct store_txn *txn, struct id128 user_id,
                           const struct auth_factor_record *factor)
{
    uint8_t row[AUTH_FACTOR_BYTES_MAX];
    size_t size = auth_factor_encode(factor, row);
    store_put(txn, AUTH_TABLE_FACTORS, id128_bytes(&user_id), bytes_of(row, size));
}

void auth_store_put_new_factor(const struct auth_store *auth, struct store_txn *txn,
                               struct id128 user_id, const struct auth_factor_record *factor,
                               const uint8_t secret[static TOTP_SECRET_BYTES])
{
    struct auth_factor_record sealed = *factor;
    struct seal_place place = secret_place(user_id);
    size_t size =
        seal_value(auth->seal, &place, bytes_of(secret, TOTP_SECRET_BYTES), sealed.sealed_secret);
    CHECK(size == sizeof sealed.sealed_secret);
    auth_store_put_factor(txn, user_id, &sealed);
}

void auth_store_delete_factor(struct store_txn *txn, struct id128 user_id)
{
    store_delete(txn, AUTH_TABLE_FACTORS, id128_bytes(&user_id));
}

struct status auth_store_get_totp_secret(const struct auth_store *auth, struct id128 user_id,
                                         const struct auth_factor_record *factor,
                                         uint8_t ret_secret[static TOTP_SECRET_BYTES])
{
    struct seal_place place = secret_place(user_id);
    return unseal_into(auth->seal, &place,
                       bytes_of(factor->sealed_secret, sizeof factor->sealed_secret), ret_secret);
}
