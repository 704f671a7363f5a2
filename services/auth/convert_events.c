#include "florin/auth/v1/auth.pb-c.h"
#include "services/auth/convert_pieces.h"

/// borrow_roles points into the user; the message is packed before that can change.
static size_t borrow_roles(const struct auth_user *user, char *ret[static AUTH_ROLES_MAX])
{
    for (size_t i = 0; i < user->roles.count; i++)
        ret[i] = (char *)(uintptr_t)user->roles.names[i];
    return user->roles.count;
}

size_t auth_convert_user_registered(const struct auth_user *user, bool is_mobile_verified,
                                    uint8_t ret[static AUTH_EVENT_BYTES_MAX])
{
    Auth__UserRegistered message = AUTH__USER_REGISTERED__INIT;
    char *roles[AUTH_ROLES_MAX];
    message.user_id = auth_borrow_id(&user->id);
    message.mobile_verified = is_mobile_verified;
    message.n_roles = borrow_roles(user, roles);
    message.roles = roles;
    return auth_pack_event(&message.base, ret);
}

size_t auth_convert_session_ended(const struct auth_session *session,
                                  uint8_t ret[static AUTH_EVENT_BYTES_MAX])
{
    Auth__SessionEnded message = AUTH__SESSION_ENDED__INIT;
    message.session_id = auth_borrow_id(&session->id);
    message.user_id = auth_borrow_id(&session->user_id);
    message.cause = (char *)(uintptr_t)auth_session_cause_name(session->cause);
    return auth_pack_event(&message.base, ret);
}

size_t auth_convert_rights_raised(const struct auth_user *user,
                                  uint8_t ret[static AUTH_EVENT_BYTES_MAX])
{
    Auth__UserVersionRaised message = AUTH__USER_VERSION_RAISED__INIT;
    char *roles[AUTH_ROLES_MAX];
    message.user_id = auth_borrow_id(&user->id);
    message.user_version = user->rights_version;
    message.n_roles = borrow_roles(user, roles);
    message.roles = roles;
    return auth_pack_event(&message.base, ret);
}
