#include "common/rpc/redial.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/rpc/counters.h"

#include <stdlib.h>
#include <string.h>

#define LOOK_EVERY_NS (50 * NS_PER_MS)
#define PAUSE_MIN_NS ((TRANSPORT_RECONNECT_MS_MAX + 150) * NS_PER_MS)
#define PAUSE_MAX_NS (4 * NS_PER_SECOND)

struct status redial_open(nng_socket socket, const char *url, const struct rpc_tls_config *tls,
                          struct redial *ret)
{
    struct redial redial = {.socket = socket, .pause_ns = PAUSE_MIN_NS};
    RETURN_IF_ERROR(transport_dial(socket, url, tls, &redial.dialer));
    redial.url = strdup(url);
    CHECK(redial.url != NULL);
    redial.tls = transport_tls_copy(tls);
    *ret = redial;
    return STATUS_SUCCESS;
}

void redial_close(struct redial *redial)
{
    free(redial->url);
    transport_tls_free(&redial->tls);
    *redial = (struct redial){0};
}

static bool has_given_up(struct redial *redial, uint64_t now_ns)
{
    int id = nng_dialer_id(redial->dialer);
    if (id <= 0) return true; // There was none to be had last time.
    struct counters counters = counters_read("dialer", id);
    if (redial->still_ns == 0 || counters.all != redial->events) {
        redial->events = counters.all;
        redial->still_ns = now_ns;
        return false;
    }
    return counters.unexplained > 0 && now_ns - redial->still_ns >= redial->pause_ns;
}

static void dial_anew(struct redial *redial)
{
    nng_dialer_close(redial->dialer);
    redial->dialer = (nng_dialer)NNG_DIALER_INITIALIZER;
    struct status status =
        transport_dial(redial->socket, redial->url, &redial->tls, &redial->dialer);
    if (!status_ok(status))
        log_status(LOG_LEVEL_ERROR, "cannot dial anew, which is tried again", status);
    redial->still_ns = 0;
    redial->pause_ns *= 2;
    if (redial->pause_ns > PAUSE_MAX_NS) redial->pause_ns = PAUSE_MAX_NS;
}

uint64_t redial_look(struct redial *redial, bool is_connected)
{
    if (is_connected || redial->url == NULL) {
        redial->look_ns = redial->still_ns = 0;
        redial->pause_ns = PAUSE_MIN_NS;
        return UINT64_MAX;
    }
    uint64_t now_ns = clock_mono_ns();
    if (now_ns < redial->look_ns) return redial->look_ns;
    if (has_given_up(redial, now_ns)) dial_anew(redial);
    bool has_dialer = nng_dialer_id(redial->dialer) > 0;
    redial->look_ns = now_ns + (has_dialer ? LOOK_EVERY_NS : redial->pause_ns);
    return redial->look_ns;
}
