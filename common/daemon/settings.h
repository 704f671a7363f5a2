/// @file common/daemon/settings.h
/// The configuration rows that all daemons share, and what follows from them: directories and
/// addresses. Not for services: they ask daemon.h.
/// Files      <data>/keys, <data>/run and <data>/<daemon>, all 0700, unless configured otherwise.
#pragma once

#include "common/base/config.h"
#include "common/base/log.h"
#include "common/rpc/server.h"
#include "common/store/store.h"

enum { SETTINGS_PATH_BYTES = 512, SETTINGS_URL_BYTES = 600, SETTINGS_DAEMON_COUNT = 5 };

extern const struct config_key settings_keys[];
extern const size_t settings_key_count;
extern const char *const settings_daemons[SETTINGS_DAEMON_COUNT];

struct settings {
    char data[SETTINGS_PATH_BYTES], keys[SETTINGS_PATH_BYTES], run[SETTINGS_PATH_BYTES];
    char own[SETTINGS_PATH_BYTES]; // <data>/<daemon>
    char rpc_url[SETTINGS_URL_BYTES], events_url[SETTINGS_URL_BYTES];
    char local_url[SETTINGS_URL_BYTES]; // The socket in the run directory, always served.
    struct rpc_tls_config tls;          // Points into the config.
};

/// settings_resolve makes paths absolute (relative ones count from where the process was started)
/// and picks our own addresses. INVALID_ARGUMENT / PATH_TOO_LONG.
MUST_USE struct status settings_resolve(const struct config *config, const char *daemon,
                                        struct settings *ret);
/// settings_make_directories makes what is missing, 0700.
MUST_USE struct status settings_make_directories(const struct settings *settings);

/// settings_peer_url is where a daemon is reached: [peers] <name> or <name>_events, else its socket
/// in the run directory.
MUST_USE struct status settings_peer_url(const struct config *config,
                                         const struct settings *settings, const char *peer,
                                         bool events, char ret_url[static SETTINGS_URL_BYTES]);

enum log_level settings_log_level(const struct config *config);
