#include "services/auth/service.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/daemon/keychain.h"
#include "services/auth/access.h"
#include "services/auth/password_breached.h"

#include <string.h>

const struct auth_policy auth_policy_default = {
    .argon2 = {.memory_bytes = AUTH_ARGON2_MEMORY_BYTES_MIN, .passes = AUTH_ARGON2_PASSES_MIN},
    .password_code_points_min = AUTH_PASSWORD_CODE_POINTS_MIN,
    .password_code_points_alone_min = 15,
    .breached_file = "",
    .mfa_customer = AUTH_MFA_OFF,
    .mfa_staff = AUTH_MFA_OPTIONAL,
    .password_failures_max = 100,
    .code_failures_max = 15,
    .risk_threshold = 60,
    .activity_kept_ns = UINT64_C(400) * 24 * 3600 * AUTH_SECOND_NS,
    .signing_key_age_ns = UINT64_C(30) * 24 * 3600 * AUTH_SECOND_NS,
    .signing_key_lead_ns = UINT64_C(120) * AUTH_SECOND_NS,
    .public_url = "http://localhost:8080",
    .customer = {.idle_ns = 1800 * AUTH_SECOND_NS,
                 .absolute_ns = 12 * 3600 * AUTH_SECOND_NS,
                 .token_life_s = 300},
    .staff = {.idle_ns = 900 * AUTH_SECOND_NS,
              .absolute_ns = 8 * 3600 * AUTH_SECOND_NS,
              .token_life_s = 120},
    .customer_sessions_max = 5,
    .address_failures = {.interval_ns = 15 * AUTH_SECOND_NS, .burst = 20},
    .address_forgotten = {.interval_ns = 15 * AUTH_SECOND_NS, .burst = 20},
    .destination_messages = {.interval_ns = 8640 * AUTH_SECOND_NS, .burst = 10},
};

struct status auth_service_open(struct store *store, const char *keys_directory,
                                const struct auth_policy *policy, struct auth_service *ret)
{
    uint8_t kek[SEAL_KEK_BYTES];
    bool is_old;
    CLEANUP(auth_service_close)
    struct auth_service service = {.store = store, .policy = *policy};
    RETURN_IF_ERROR(crypto_open());
    RETURN_IF_ERROR(keychain_exists(store, AUTH_TABLE_KEYS, &is_old));
    RETURN_IF_ERROR(keychain_load_kek(keys_directory, !is_old, kek));
    struct status status = auth_store_open(store, kek, &service.auth);
    key_wipe(kek, sizeof kek);
    RETURN_IF_ERROR(status);
    RETURN_IF_ERROR(auth_signing_open(store, service.auth, clock_wall_ns(), &service.signing));
    RETURN_IF_ERROR(auth_access_open(store, &service.access));
    if (policy->breached_file[0] != '\0')
        RETURN_IF_ERROR(auth_breached_open(policy->breached_file, &service.breached));
    auth_password_dummy(&service.policy.argon2, service.dummy_hash);
    *ret = service;
    service = (struct auth_service){0}; // The caller's now.
    return STATUS_SUCCESS;
}

void auth_service_close(struct auth_service *service)
{
    auth_access_close(&service->access);
    auth_breached_close(&service->breached);
    auth_signing_close(&service->signing);
    auth_store_close(&service->auth);
}

const struct auth_session_limits *auth_service_limits(const struct auth_service *service,
                                                      const struct auth_roles *roles)
{
    return auth_roles_are_staff(roles) ? &service->policy.staff : &service->policy.customer;
}

enum auth_mfa auth_service_mfa(const struct auth_service *service, const struct auth_roles *roles)
{
    return auth_roles_are_staff(roles) ? service->policy.mfa_staff : service->policy.mfa_customer;
}

// ---- Users ---------------------------------------------------------------------------------

struct status auth_service_get_user(const struct auth_service *service, struct store_txn *txn,
                                    struct id128 user_id, struct arena *arena,
                                    struct auth_user_view *ret)
{
    RETURN_IF_ERROR(auth_store_get_user(txn, user_id, &ret->user));
    return auth_store_get_person(service->auth, &ret->user, arena, &ret->person);
}

struct auth_user auth_service_new_user(const char *role, uint64_t now_ns)
{
    struct auth_user user = {
        .id = id128_generate(),
        .state = AUTH_USER_ACTIVE,
        .kind = AUTH_USER_PERSON,
        .version = 1,
        .rights_version = 1,
        .created_at_ns = now_ns,
        .updated_at_ns = now_ns,
    };
    auth_roles_add(&user.roles, role);
    return user;
}
