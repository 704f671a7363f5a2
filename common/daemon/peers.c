#include "common/base/check.h"
#include "common/daemon/parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void stop_process(const char *peer, struct status status)
{
    LOG_ERROR("a peer's address cannot be used", LOG_TEXT("peer", peer),
              LOG_TEXT("reason", status.reason), LOG_TEXT("detail", status.message));
    exit(EXIT_FAILURE);
}

// Caller holds the lock. Peers are never removed, so what is given lives as long as the daemon.
static struct daemon_peer *find_peer(struct daemon *daemon, const char *name)
{
    for (size_t i = 0; i < daemon->peer_count; i++) {
        if (strcmp(daemon->peers[i].name, name) == 0) return &daemon->peers[i];
    }
    CHECK(daemon->peer_count < DAEMON_PEERS_MAX);
    struct daemon_peer *peer = &daemon->peers[daemon->peer_count];
    int size = snprintf(peer->name, sizeof peer->name, "%s", name);
    CHECK(size > 0 && (size_t)size < sizeof peer->name);
    struct status status =
        settings_peer_url(daemon->config, &daemon->settings, name, false, peer->rpc_url);
    if (status_ok(status)) {
        status = settings_peer_url(daemon->config, &daemon->settings, name, true, peer->events_url);
    }
    if (!status_ok(status)) stop_process(name, status);
    daemon->peer_count++;
    return peer;
}

const char *daemon_peer_url(struct daemon *daemon, const char *peer, bool events)
{
    pthread_mutex_lock(&daemon->lock);
    const struct daemon_peer *found = find_peer(daemon, peer);
    pthread_mutex_unlock(&daemon->lock);
    return events ? found->events_url : found->rpc_url;
}

// Caller holds the lock.
static void open_channel(struct daemon *daemon, const struct daemon_peer *peer,
                         struct rpc_channel **channel)
{
    if (*channel != NULL) return;
    struct rpc_channel_config config = {
        .name = peer->name, .url = peer->rpc_url, .tls = daemon->settings.tls};
    struct status status = rpc_channel_open(&config, channel);
    if (!status_ok(status)) stop_process(peer->name, status);
}

struct rpc_channel *daemon_channel(struct daemon *daemon, const char *peer)
{
    pthread_mutex_lock(&daemon->lock);
    struct daemon_peer *found = find_peer(daemon, peer);
    open_channel(daemon, found, &found->channel);
    pthread_mutex_unlock(&daemon->lock);
    return found->channel;
}

struct rpc_channel *daemon_waiting_channel(struct daemon *daemon, const char *peer)
{
    pthread_mutex_lock(&daemon->lock);
    struct daemon_peer *found = find_peer(daemon, peer);
    open_channel(daemon, found, &found->waiting_channel);
    pthread_mutex_unlock(&daemon->lock);
    return found->waiting_channel;
}

struct status daemon_subscribe(struct daemon *daemon, const char *peer,
                               struct event_subscriber_config *config,
                               struct event_subscriber **ret)
{
    CHECK(daemon->identity != NULL);
    config->source = peer;
    config->pub_url = daemon_peer_url(daemon, peer, true);
    config->channel = daemon_channel(daemon, peer);
    config->tls = daemon->settings.tls;
    config->token = identity_service_token;
    config->token_context = daemon->identity;
    return event_subscriber_open(config, ret);
}
