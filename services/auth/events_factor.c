// What auth tells of second factors.
#include "services/auth/events.h"

static const char *const change_types[] = {
    [AUTH_FACTOR_ENROLLED] = "auth.factor.enrolled",
    [AUTH_FACTOR_DISABLED] = "auth.factor.disabled",
    [AUTH_FACTOR_LOCKED] = "auth.factor.locked",
    [AUTH_FACTOR_RECOVERY_CODE_USED] = "auth.factor.recovery_code_used",
    [AUTH_FACTOR_RECOVERY_CODES_REPLACED] = "auth.factor.recovery_codes_replaced",
};

static const char *const factor_names[AUTH_METHOD_LAST + 1] = {
    [AUTH_METHOD_EMAIL] = "otp", // Messages are one factor, wherever they go.
    [AUTH_METHOD_MOBILE] = "otp",
    [AUTH_METHOD_TOTP] = "totp",
    [AUTH_METHOD_RECOVERY_CODE] = "recovery_code",
};

void auth_events_factor_changed(struct store_txn *txn, const struct rpc_call *call,
                                struct id128 user_id, enum auth_factor_change change,
                                enum auth_method method, const char *reason)
{
    uint8_t payload[AUTH_EVENT_BYTES_MAX];
    size_t size = auth_convert_credential_changed(user_id, factor_names[method], reason, payload);
    // Whoever has a recovery code is the user; whoever locks a factor may be anybody.
    struct auth_story story = {.type = change_types[change],
                               .collection = "users",
                               .subject = user_id,
                               .user_id = user_id,
                               .is_by_user = change == AUTH_FACTOR_RECOVERY_CODE_USED};
    auth_events_append(txn, call, &story, payload, size);
}

void auth_events_factors_reset(struct store_txn *txn, const struct rpc_call *call,
                               const struct auth_user *user)
{
    uint8_t payload[AUTH_EVENT_BYTES_MAX];
    size_t size = auth_convert_rights_raised(user, payload);
    struct auth_story story = {.type = "auth.user.factors_reset",
                               .collection = "users",
                               .subject = user->id,
                               .user_id = user->id};
    auth_events_append(txn, call, &story, payload, size);
}
