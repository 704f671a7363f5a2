#include "common/rpc/redial.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#include <stdlib.h>
#include <string.h>

// nng's own pauses end after a second at most, and a greeting takes little.
#define PATIENCE_MIN_NS (3 * NS_PER_SECOND)
#define PATIENCE_MAX_NS (60 * NS_PER_SECOND)

static char *copy_of(const char *text)
{
    if (text == NULL) return NULL;
    char *copy = strdup(text);
    CHECK(copy != NULL);
    return copy;
}

struct status redial_open(nng_socket socket, const char *url, const struct rpc_tls_config *tls,
                          struct redial *ret)
{
    struct redial redial = {.socket = socket, .patience_ns = PATIENCE_MIN_NS};
    RETURN_IF_ERROR(transport_dial(socket, url, tls, &redial.dialer));
    redial.url = copy_of(url);
    redial.tls = (struct rpc_tls_config){.ca_file = copy_of(tls->ca_file),
                                         .certificate_file = copy_of(tls->certificate_file),
                                         .key_file = copy_of(tls->key_file),
                                         .server_name = copy_of(tls->server_name)};
    *ret = redial;
    return STATUS_SUCCESS;
}

void redial_close(struct redial *redial)
{
    free(redial->url);
    free((char *)redial->tls.ca_file);
    free((char *)redial->tls.certificate_file);
    free((char *)redial->tls.key_file);
    free((char *)redial->tls.server_name);
    *redial = (struct redial){0};
}

uint64_t redial_look(struct redial *redial, bool is_connected)
{
    uint64_t now_ns = clock_mono_ns();
    if (is_connected || redial->url == NULL) {
        redial->due_mono_ns = 0;
        redial->patience_ns = PATIENCE_MIN_NS;
        return UINT64_MAX;
    }
    if (redial->due_mono_ns != 0 && now_ns >= redial->due_mono_ns) {
        nng_dialer_close(redial->dialer);
        struct status status =
            transport_dial(redial->socket, redial->url, &redial->tls, &redial->dialer);
        if (!status_ok(status)) log_status(LOG_LEVEL_ERROR, "cannot dial again", status);
        redial->due_mono_ns = 0;
        redial->patience_ns *= 2;
        if (redial->patience_ns > PATIENCE_MAX_NS) redial->patience_ns = PATIENCE_MAX_NS;
    }
    if (redial->due_mono_ns == 0) redial->due_mono_ns = now_ns + redial->patience_ns;
    return redial->due_mono_ns;
}
