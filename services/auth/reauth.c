#include "services/auth/reauth.h"

#include "services/auth/guess.h"

#define INVALID_CREDENTIALS REFUSE(UNAUTHENTICATED, INVALID_CREDENTIALS, "the password is wrong")

struct confirmation {
    const struct auth_service *service;
    const struct auth_confirmation_request *request;
    struct auth_throttle_key throttle;
    bool is_right;
    char hash[AUTH_HASH_BYTES]; // That was compared with.
    struct status refusal;
    struct status (*then)(struct store_txn *txn, void *context);
    void *context;
};

static void wipe(struct confirmation *confirmation)
{
    key_wipe(confirmation->hash, sizeof confirmation->hash);
}

/// look also refuses who has no password: a program.
static struct status look(struct confirmation *confirmation)
{
    const struct auth_confirmation_request *request = confirmation->request;
    struct auth_throttle throttle;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    RETURN_IF_ERROR(store_snapshot_begin(confirmation->service->store, &txn));
    confirmation->throttle =
        auth_guess_key(confirmation->service, txn, request->user_id, "", request->device);
    RETURN_IF_ERROR(auth_store_get_throttle(txn, &confirmation->throttle, &throttle));
    if (auth_core_is_closed(&throttle, request->now_ns)) return INVALID_CREDENTIALS;
    struct status status = auth_store_get_password(confirmation->service->auth, txn,
                                                   request->user_id, confirmation->hash);
    return status.code == STATUS_NOT_FOUND ? INVALID_CREDENTIALS : status;
}

static struct status count_failure(struct store_txn *txn, struct confirmation *confirmation)
{
    const struct auth_confirmation_request *request = confirmation->request;
    bool disables;
    RETURN_IF_ERROR(auth_guess_count(confirmation->service, txn, &confirmation->throttle,
                                     request->user_id, request->now_ns, &disables));
    if (disables && request->disabled != NULL) request->disabled(txn, confirmation->context);
    confirmation->refusal = INVALID_CREDENTIALS;
    return STATUS_SUCCESS; // What was counted is to stay.
}

/// settle: a password that was disabled or changed while it was compared is none, and neither is
/// that of a user who was blocked or closed meanwhile.
static struct status settle(struct store_txn *txn, void *context)
{
    struct confirmation *confirmation = context;
    struct id128 user_id = confirmation->request->user_id;
    struct auth_password password;
    struct auth_user user;
    char hash[AUTH_HASH_BYTES];
    if (!confirmation->is_right) return count_failure(txn, confirmation);
    RETURN_IF_ERROR(auth_store_get_user(txn, user_id, &user));
    if (user.state != AUTH_USER_ACTIVE) return INVALID_CREDENTIALS;
    RETURN_IF_ERROR(auth_store_get_password_state(txn, user_id, &password));
    RETURN_IF_ERROR(auth_store_get_password(confirmation->service->auth, txn, user_id, hash));
    bool is_current =
        key_equal(hash, confirmation->hash, sizeof hash) && password.disabled_at_ns == 0;
    key_wipe(hash, sizeof hash);
    return is_current ? confirmation->then(txn, confirmation->context) : INVALID_CREDENTIALS;
}

struct status auth_password_confirm(const struct auth_service *service,
                                    const struct auth_confirmation_request *request,
                                    struct status (*then)(struct store_txn *txn, void *context),
                                    void *context)
{
    CLEANUP(wipe)
    struct confirmation confirmation = {
        .service = service, .request = request, .then = then, .context = context};
    RETURN_IF_ERROR(look(&confirmation));
    RETURN_IF_ERROR(
        auth_password_verify(confirmation.hash, request->password, &confirmation.is_right));
    RETURN_IF_ERROR(store_write_wait(service->store, settle, &confirmation));
    return confirmation.refusal;
}
