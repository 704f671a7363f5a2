#include "common/event/socket.h"

#include "common/base/check.h"

#include <signal.h>

enum { STACK_BYTES = 256 * 1024 };

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

void event_thread_start(pthread_t *ret, const char *name, void *(*run)(void *context),
                        void *context)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_attr_t attributes;
    CHECK(pthread_attr_init(&attributes) == 0);
    CHECK(pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0);
    // Signals are the main thread's: a new thread inherits the mask.
    CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    CHECK(pthread_create(ret, &attributes, run, context) == 0);
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    pthread_attr_destroy(&attributes);
    pthread_setname_np(*ret, name);
}
