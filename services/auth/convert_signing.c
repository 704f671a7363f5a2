// Signing keys, as an operator and the events see them.
#include "florin/auth/v1/auth.pb-c.h"
#include "services/auth/convert_pieces.h"

struct Auth__RotateSigningKeysResponse *auth_convert_rotated(struct rpc_call *call,
                                                             const struct auth_rotated *rotated)
{
    Auth__RotateSigningKeysResponse *reply =
        RPC_NEW(call, Auth__RotateSigningKeysResponse, auth__rotate_signing_keys_response__init);
    if (reply == NULL) return NULL;
    reply->active_kid = arena_text(call->arena, rotated->active_kid, strlen(rotated->active_kid));
    reply->next_kid = arena_text(call->arena, rotated->next_kid, strlen(rotated->next_kid));
    return reply->active_kid != NULL && reply->next_kid != NULL ? reply : NULL;
}

size_t auth_convert_keys_rotated(const struct auth_rotated *rotated,
                                 uint8_t ret[static AUTH_EVENT_BYTES_MAX])
{
    Auth__SigningKeysRotated message = AUTH__SIGNING_KEYS_ROTATED__INIT;
    message.active_kid = (char *)(uintptr_t)rotated->active_kid; // Packed, and no more.
    message.next_kid = (char *)(uintptr_t)rotated->next_kid;
    return auth_pack_event(&message.base, ret);
}
