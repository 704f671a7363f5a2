#include "common/event/socket.h"

#include "common/base/check.h"

#include <signal.h>

static void check_peer(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    (void)event;
    (void)context;
    if (!transport_peer_is_ours(pipe)) nng_pipe_close(pipe);
}

struct status event_socket_prepare(nng_socket socket)
{
    RETURN_IF_ERROR(transport_set_common(socket));
    return transport_status(nng_pipe_notify(socket, NNG_PIPE_EV_ADD_PRE, check_peer, NULL),
                            "watching for peers");
}
