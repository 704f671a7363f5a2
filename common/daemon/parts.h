/// @file common/daemon/parts.h
/// What the files of common/daemon share of one running daemon. Not for services.
///     daemon.c  opening, serving, draining, closing      peers.c  channels, subscriptions
///     control.c health, drain and backup by RPC
#pragma once

#include "common/daemon/daemon.h"
#include "common/daemon/settings.h"
#include "common/rpc/builtin.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    DAEMON_HEALTH_ADDED_MAX = 16,
    DAEMON_PEERS_MAX = 8,
    DAEMON_SERVICES_MAX = 3,
    DAEMON_STORES_ADDED_MAX = 2
};

struct daemon_peer {
    char name[32];
    char rpc_url[SETTINGS_URL_BYTES], events_url[SETTINGS_URL_BYTES];
    struct rpc_channel *channel; // NULL until asked for.
    struct rpc_channel *waiting_channel;
};

struct daemon_health_row {
    const char *part;
    bool (*serving)(void *context, const char **ret_detail);
    void *context;
};

struct daemon_added_store {
    const char *name;
    struct store *store;
};

struct daemon {
    const struct daemon_spec *spec;
    struct config *config;
    struct settings settings;
    struct store *store;
    struct event_outbox *outbox;
    struct identity *identity;
    void *service;
    bool service_is_open, service_has_started;
    struct rpc_builtin builtin;
    struct rpc_service services[DAEMON_SERVICES_MAX];
    size_t service_count;
    struct rpc_server *server;
    pthread_mutex_t wake_lock; // waked.
    struct rpc_server *waked;  // The server while it may be woken.
    struct event_publisher *publisher;
    struct reaper_watch *reaper_watch;
    int signal_fd;
    atomic_bool is_serving, server_is_closed;

    pthread_mutex_t lock; // peers and added.
    struct daemon_peer peers[DAEMON_PEERS_MAX];
    size_t peer_count;
    struct daemon_health_row added[DAEMON_HEALTH_ADDED_MAX];
    size_t added_count;
    struct daemon_added_store stores[DAEMON_STORES_ADDED_MAX]; // Fixed once serving begins.
    size_t store_count;
};

// acts.c: what the daemon itself does, as events of its outbox.
/// daemon_tell_started: the version that begins, and a digest of what it was configured with.
MUST_USE struct status daemon_tell_started(struct daemon *daemon);
/// daemon_tell_backup: a copy was made, asked for by the caller.
MUST_USE struct status daemon_tell_backup(struct daemon *daemon, const struct rpc_call *call,
                                          uint64_t bytes, uint64_t event_seq);

// control.c
void daemon_control_open(struct daemon *daemon); // Fills daemon->builtin.
