#include "services/auth/password_policy.h"

#include "services/auth/password_breached.h"

static struct status admit(const struct auth_service *service, size_t code_points_min,
                           const char *password, const char *const *own, size_t own_count)
{
    RETURN_IF_ERROR(auth_password_check(password, code_points_min, own, own_count));
    if (service->breached != NULL && auth_breached_has(service->breached, password))
        return REFUSE(INVALID_ARGUMENT, WEAK_PASSWORD, "the password has been in a data breach");
    return STATUS_SUCCESS;
}

struct status auth_password_admit_any(const struct auth_service *service, const char *password)
{
    return admit(service, service->policy.password_code_points_min, password, NULL, 0);
}

struct status auth_password_admit(const struct auth_service *service, enum auth_mfa mfa,
                                  bool has_totp, const char *password, const char *const *own,
                                  size_t own_count)
{
    const struct auth_policy *policy = &service->policy;
    size_t code_points_min = policy->password_code_points_min;
    bool is_alone = auth_mfa_is_password_alone(mfa, has_totp);
    if (is_alone && policy->password_code_points_alone_min > code_points_min)
        code_points_min = policy->password_code_points_alone_min;
    return admit(service, code_points_min, password, own, own_count);
}
