/// @file common/daemon/daemon.h
/// What every daemon does the same way: parse, open, serve, close.
///
///     int main(int argc, char **argv)
///     {
///         static const struct daemon_spec spec = {.name = "ledger", …};
///         return daemon_main(argc, argv, &spec);
///     }
/// Order      config -> log -> limits, umask 077 -> store -> outbox -> identity -> service open ->
///            rpc server -> publisher -> ready (sd_notify READY=1) -> SIGTERM: drain, close, exit
///            0.
/// SIGHUP     Reloads the log level and TLS certificates.
/// Health     Parts: store, identity, each peer, and what the service adds with daemon_health_add.
#pragma once

#include "common/base/config.h"
#include "common/daemon/identity.h"
#include "common/event/event.h"

struct daemon;

struct daemon_spec {
    const char *name;              // "ledger": section, socket, store directory.
    const char *summary;           // For --help.
    const struct config_key *keys; // The daemon's own rows; the common ones are added.
    size_t key_count;
    const struct store_schema *schema; // The service's tables; NULL: no store (gateway).
    const struct rpc_method *methods;
    const rpc_handler *handlers;
    size_t method_count;
    /// Not 0: *ret_service is so many zeroed bytes when open is called, and freed after close,
    /// which is then called also when open failed half-way.
    size_t service_bytes;
    /// Makes the service; the store, outbox and channels exist, nothing is served yet.
    struct status (*open)(struct daemon *daemon, void **ret_service);
    /// Everything is served: start subscribers and timers here. May be NULL.
    struct status (*start)(struct daemon *daemon, void *service);
    /// Stop what start began, also when start failed half-way; the RPC server has drained. May be
    /// NULL.
    void (*stop)(void *service);
    /// Closes the service. The store is closed before, so that its hooks may point into the
    /// service.
    void (*close)(void *service);
    /// SIGHUP, behind the log level: read certificates again. May be NULL.
    void (*reload)(void *service);
    /// Only auth: identity looks into its own store.
    void (*identity_local)(void *service, struct identity_config *config);
};

int daemon_main(int argc, char **argv, const struct daemon_spec *spec);

/// For open, start and the service's own threads; all live until the service is closed.
const struct config *daemon_config(const struct daemon *daemon);
struct store *daemon_store(const struct daemon *daemon);
struct event_outbox *daemon_outbox(const struct daemon *daemon);
struct identity *daemon_identity(const struct daemon *daemon); // In open of auth: NULL still.
const char *daemon_directory(const struct daemon *daemon);     // <data>/<name>
const char *daemon_keys_directory(const struct daemon *daemon);

/// daemon_channel opens (once) the channel to another daemon by its configured address. It does not
/// wait for the other one. A bad address or TLS file stops the process: nothing would ever work.
struct rpc_channel *daemon_channel(struct daemon *daemon, const char *peer);
/// daemon_waiting_channel opens (once) another channel to it, for calls that wait long at the other
/// end: they hold up none of the others.
struct rpc_channel *daemon_waiting_channel(struct daemon *daemon, const char *peer);
/// daemon_subscribe follows another daemon's events; fills source, url, channel, tls and token of
/// the caller's config. From start on; the service closes the subscriber in its stop.
MUST_USE struct status daemon_subscribe(struct daemon *daemon, const char *peer,
                                        struct event_subscriber_config *config,
                                        struct event_subscriber **ret);

/// A part of this daemon's health beyond the common ones: at most 16, in open or start. `part` and
/// details are static texts; serving() is called on a transport thread.
void daemon_health_add(struct daemon *daemon, const char *part,
                       bool (*serving)(void *context, const char **ret_detail), void *context);

/// daemon_wake runs the calls again that wait for something (rpc_call_park). Any thread, at any
/// time, also in a hook of the store; the daemon's own outbox does it by itself.
void daemon_wake(struct daemon *daemon);

/// daemon_store_add names another store of this daemon: each backup copies it too, after the main
/// one, into <backup>/<name>. At most 2, in open; name is static, and the service closes the store.
void daemon_store_add(struct daemon *daemon, const char *name, struct store *store);

/// The address of a daemon's sockets by configuration: [peers] <name> and <name>_events, default
/// ipc://<run>/<name>.sock and ipc://<run>/<name>-events.sock. Lives as long as the daemon.
const char *daemon_peer_url(struct daemon *daemon, const char *peer, bool events);
