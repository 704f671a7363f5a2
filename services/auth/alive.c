#include "services/auth/alive.h"

#include "services/auth/apikey.h"
#include "services/auth/session.h"

struct status auth_is_alive(struct store_txn *txn, struct id128 sid, uint64_t rights_version,
                            uint64_t now_ns, bool *ret)
{
    // Sessions first: most tokens are people's.
    RETURN_IF_ERROR(auth_session_is_alive(txn, sid, rights_version, now_ns, ret));
    if (*ret) return STATUS_SUCCESS;
    return auth_apikey_is_alive(txn, sid, rights_version, now_ns, ret);
}
