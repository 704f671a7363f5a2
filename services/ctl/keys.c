// `florin keys rotate`: the next signing key takes over, and a new one becomes the next.
#include "florin/auth/v1/auth.pb-c.h"
#include "florin/auth/v1/auth_methods.h"
#include "services/ctl/client.h"

#include <stdio.h>

enum { ROTATE_TIMEOUT_MS = 10 * 1000, ROTATE_ARENA_BYTES = 1 << 20 };

int ctl_keys_rotate(const struct ctl_options *options)
{
    struct ctl_client *client = NULL;
    struct arena *arena = arena_open(ROTATE_ARENA_BYTES);
    Auth__RotateSigningKeysRequest request = AUTH__ROTATE_SIGNING_KEYS_REQUEST__INIT;
    Auth__RotateSigningKeysResponse *rotated = NULL;
    struct status status = ctl_client_open(options, "auth", &client);
    if (status_ok(status))
        status = ctl_client_call(client, &auth_methods[AUTH_ROTATE_SIGNING_KEYS], &request,
                                 ROTATE_TIMEOUT_MS, arena, &rotated);
    int result = status_ok(status) ? CTL_DONE : ctl_complain("keys rotate", status);
    if (status_ok(status)) printf("active %s\nnext   %s\n", rotated->active_kid, rotated->next_kid);
    if (status.code == STATUS_FAILED_PRECONDITION) result = CTL_NO; // The next key is too new.
    ctl_client_close(&client);
    arena_close(&arena);
    return result;
}
