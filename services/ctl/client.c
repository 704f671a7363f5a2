#include "services/ctl/client.h"

#include "common/base/clock.h"
#include "common/crypto/token.h"
#include "common/rpc/channel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ctl_client {
    struct rpc_channel *channel;
    struct key_signer *signer;
};

struct status ctl_client_open(const struct ctl_options *options, const char *daemon,
                              struct ctl_client **ret)
{
    char keys[CTL_PATH_BYTES], url[CTL_PATH_BYTES + 64];
    if (!ctl_path(keys, options->data, "keys"))
        return REFUSE(INVALID_ARGUMENT, PATH_TOO_LONG, "the data directory's path is too long");
    snprintf(url, sizeof url, "ipc://%s/run/%s.sock", options->data, daemon);
    RETURN_IF_ERROR(crypto_open());
    struct ctl_client *client = calloc(1, sizeof *client);
    if (client == NULL) return ARENA_STATUS_EXHAUSTED;
    struct status status = key_signer_load(keys, "ops", &client->signer);
    if (status_ok(status)) {
        struct rpc_channel_config config = {.name = daemon, .url = url};
        status = rpc_channel_open(&config, &client->channel);
    }
    if (!status_ok(status)) {
        ctl_client_close(&client);
        return status;
    }
    *ret = client;
    return STATUS_SUCCESS;
}

struct status ctl_client_call(struct ctl_client *client, const struct rpc_method *method,
                              const void *request, uint32_t timeout_ms, struct arena *arena,
                              void *ret_reply)
{
    char token[TOKEN_BYTES_MAX];
    token_issue_service("ops", client->signer, clock_wall_ns() / NS_PER_SECOND,
                        TOKEN_SERVICE_LIFE_S, token);
    struct rpc_metadata metadata = {.access_token = token};
    return rpc_channel_call_wait(client->channel, method, &metadata, request, timeout_ms, arena,
                                 ret_reply);
}

void ctl_client_close(struct ctl_client **client)
{
    if (*client == NULL) return;
    // The channel stays: nng's sockets are closed by the process's end only (a known use after free
    // in its close), and a command is about to end.
    key_signer_close(&(*client)->signer);
    free(*client);
    *client = NULL;
}
