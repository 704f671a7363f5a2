#include "services/auth/service.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/daemon/keychain.h"

#include <string.h>

const struct auth_policy auth_policy_default = {
    .argon2 = {.memory_bytes = AUTH_ARGON2_MEMORY_BYTES_MIN, .passes = AUTH_ARGON2_PASSES_MIN},
    .password_code_points_min = AUTH_PASSWORD_CODE_POINTS_MIN,
    .customer = {.idle_ns = 1800 * AUTH_SECOND_NS,
                 .absolute_ns = 12 * 3600 * AUTH_SECOND_NS,
                 .token_life_s = 300},
    .staff = {.idle_ns = 900 * AUTH_SECOND_NS,
              .absolute_ns = 8 * 3600 * AUTH_SECOND_NS,
              .token_life_s = 120},
    .customer_sessions_max = 5,
    .address_failures = {.interval_ns = 15 * AUTH_SECOND_NS, .burst = 20},
    .destination_messages = {.interval_ns = 8640 * AUTH_SECOND_NS, .burst = 10},
};

struct status auth_service_open(struct store *store, const char *keys_directory,
                                const struct auth_policy *policy,
                                bool (*role_is_known)(const char *role), struct auth_service *ret)
{
    uint8_t kek[SEAL_KEK_BYTES];
    bool is_old;
    CLEANUP(auth_service_close)
    struct auth_service service = {
        .store = store, .policy = *policy, .role_is_known = role_is_known};
    RETURN_IF_ERROR(crypto_open());
    RETURN_IF_ERROR(keychain_exists(store, AUTH_TABLE_KEYS, &is_old));
    RETURN_IF_ERROR(keychain_load_kek(keys_directory, !is_old, kek));
    struct status status = auth_store_open(store, kek, &service.auth);
    key_wipe(kek, sizeof kek);
    RETURN_IF_ERROR(status);
    RETURN_IF_ERROR(auth_signing_open(store, service.auth, clock_wall_ns(), &service.signing));
    auth_password_dummy(&service.policy.argon2, service.dummy_hash);
    *ret = service;
    service = (struct auth_service){0}; // The caller's now.
    return STATUS_SUCCESS;
}

void auth_service_close(struct auth_service *service)
{
    auth_signing_close(&service->signing);
    auth_store_close(&service->auth);
}

const struct auth_session_limits *auth_service_limits(const struct auth_service *service,
                                                      const struct auth_roles *roles)
{
    return auth_roles_are_staff(roles) ? &service->policy.staff : &service->policy.customer;
}

// ---- Users ---------------------------------------------------------------------------------

struct status auth_service_get_user(const struct auth_service *service, struct store_txn *txn,
                                    struct id128 user_id, struct arena *arena,
                                    struct auth_user_view *ret)
{
    RETURN_IF_ERROR(auth_store_get_user(txn, user_id, &ret->user));
    return auth_store_get_person(service->auth, &ret->user, arena, &ret->person);
}

static struct status collect_roles(const struct auth_service *service, const char *const *roles,
                                   size_t role_count, struct auth_roles *ret)
{
    *ret = (struct auth_roles){0};
    for (size_t i = 0; i < role_count; i++) {
        // "service" is what daemons are; a person cannot be one.
        if (!auth_role_name_is_valid(roles[i]) || !service->role_is_known(roles[i]) ||
            strcmp(roles[i], "service") == 0) {
            return REFUSE(INVALID_ARGUMENT, ROLE_UNKNOWN, "there is no such role");
        }
        CHECK(i < AUTH_ROLES_MAX); // items_max of the proto.
        auth_roles_add(ret, roles[i]);
    }
    return STATUS_SUCCESS;
}

struct status auth_service_set_roles(const struct auth_service *service, struct store_txn *txn,
                                     struct id128 actor_id, struct id128 user_id,
                                     const char *const *roles, size_t role_count,
                                     struct arena *arena, uint64_t now_ns,
                                     struct auth_user_view *ret, bool *ret_changed)
{
    struct auth_roles wanted;
    struct auth_user_view view;
    *ret_changed = false;
    RETURN_IF_ERROR(collect_roles(service, roles, role_count, &wanted));
    RETURN_IF_ERROR(auth_core_may_set_roles(actor_id, user_id));
    RETURN_IF_ERROR(auth_service_get_user(service, txn, user_id, arena, &view));
    if (!auth_roles_equal(&view.user.roles, &wanted)) {
        view.user.roles = wanted;
        view.user.version++;
        view.user.rights_version++;
        view.user.updated_at_ns = now_ns;
        auth_store_put_user(txn, &view.user);
        *ret_changed = true;
    }
    *ret = view;
    return STATUS_SUCCESS;
}

struct auth_user auth_service_new_user(const char *role, uint64_t now_ns)
{
    struct auth_user user = {
        .id = id128_generate(),
        .state = AUTH_USER_ACTIVE,
        .version = 1,
        .rights_version = 1,
        .created_at_ns = now_ns,
        .updated_at_ns = now_ns,
    };
    auth_roles_add(&user.roles, role);
    return user;
}
