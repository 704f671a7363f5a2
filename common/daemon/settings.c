#include "common/daemon/settings.h"

#include "common/base/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { URL_TEXT_MAX = 512 };

#define MAP_BYTES_MIN (UINT64_C(16) << 20)
#define MAP_BYTES_MAX (UINT64_C(16) << 40)

const char *const settings_daemons[SETTINGS_DAEMON_COUNT] = {"auth", "ledger", "kyc", "audit",
                                                             "gateway"};

#define TEXT_ROW(section_, name_, max_, default_, doc_)                                            \
    {                                                                                              \
        .section = section_, .name = name_, .type = CONFIG_TEXT, .max = max_,                      \
        .default_text = default_, .doc = doc_                                                      \
    }
#define NUMBER_ROW(section_, name_, unit_, min_, max_, default_, doc_)                             \
    {                                                                                              \
        .section = section_, .name = name_, .type = CONFIG_U64, .unit = unit_, .min = min_,        \
        .max = max_, .default_text = default_, .doc = doc_                                         \
    }
#define PEER_ROW(name_, doc_) TEXT_ROW("peers", name_, URL_TEXT_MAX, "", doc_)

// clang-format off
const struct config_key settings_keys[] = {
    TEXT_ROW("data", "directory", 400, "var", "Where stores, keys and sockets live."),
    TEXT_ROW("data", "keys", 400, "", "Keys of the daemons; empty: keys in the data directory."),
    TEXT_ROW("data", "run", 400, "", "Unix sockets; empty: run in the data directory."),
    {.section = "log", .name = "level", .type = CONFIG_CHOICE,
     .choices = "debug,info,warn,error", .default_text = "info",
     .doc = "Least serious lines that are written; read again on SIGHUP."},
    {.section = "log", .name = "format", .type = CONFIG_CHOICE, .choices = "logfmt,json",
     .default_text = "logfmt", .doc = "Form of the lines on stderr."},
    TEXT_ROW("rpc", "listen", URL_TEXT_MAX, "",
             "Address to serve calls at; empty: as in peers, else a socket in the run directory."),
    {.section = "rpc", .name = "allow_plain_tcp", .type = CONFIG_BOOL, .default_text = "false",
     .doc = "Whether tcp:// on loopback may be served without TLS."},
    NUMBER_ROW("rpc", "in_flight_max", "calls", 16, 1000000, "4096",
               "Calls taken and not yet answered; more are refused."),
    NUMBER_ROW("rpc", "pool_threads", "threads", 0, 256, "0",
               "Threads for slow work; 0: one per core, at least 2."),
    NUMBER_ROW("rpc", "pool_queue_max", "calls", 1, 100000, "64",
               "Slow calls that wait; more are refused."),
    {.section = "rpc", .name = "drain_timeout", .type = CONFIG_MS, .unit = "ms", .min = 100,
     .max = 600000, .default_text = "10s", .doc = "How long calls in flight may take on SIGTERM."},
    TEXT_ROW("events", "listen", URL_TEXT_MAX, "",
             "Address to publish events at; empty: as in peers, else a socket in the run "
             "directory."),
    {.section = "store", .name = "map_bytes", .type = CONFIG_BYTES, .unit = "bytes",
     .min = MAP_BYTES_MIN, .max = MAP_BYTES_MAX, .default_text = "64GiB",
     .doc = "Most a store can grow to; disk is only used as it fills."},
    {.section = "store", .name = "group_time", .type = CONFIG_MS, .unit = "ms", .min = 1,
     .max = 1000, .default_text = "20ms", .doc = "Longest time that one commit gathers writes."},
    NUMBER_ROW("store", "group_jobs_max", "writes", 1, 65536, "4096", "Most writes of one commit."),
    PEER_ROW("auth", "Where florin-auth serves calls."),
    PEER_ROW("auth_events", "Where florin-auth publishes events."),
    PEER_ROW("ledger", "Where florin-ledger serves calls."),
    PEER_ROW("ledger_events", "Where florin-ledger publishes events."),
    PEER_ROW("kyc", "Where florin-kyc serves calls."),
    PEER_ROW("kyc_events", "Where florin-kyc publishes events."),
    PEER_ROW("audit", "Where florin-audit serves calls."),
    PEER_ROW("audit_events", "Where florin-audit publishes events."),
    PEER_ROW("gateway", "Where florin-gateway serves calls."),
    PEER_ROW("gateway_events", "Not used: the gateway has no events of its own."),
    TEXT_ROW("tls", "ca", 400, "", "CA that signed the daemons' certificates, for tls+tcp://."),
    TEXT_ROW("tls", "certificate", 400, "", "This daemon's certificate (PEM)."),
    TEXT_ROW("tls", "key", 400, "", "The certificate's key (PEM)."),
};
// clang-format on
const size_t settings_key_count = sizeof settings_keys / sizeof settings_keys[0];

#define PATH_TOO_LONG REFUSE(INVALID_ARGUMENT, PATH_TOO_LONG, "a configured path is too long")

static struct status join(const char *directory, const char *name,
                          char ret_path[static SETTINGS_PATH_BYTES])
{
    int size = snprintf(ret_path, SETTINGS_PATH_BYTES, "%s/%s", directory, name);
    return size > 0 && size < SETTINGS_PATH_BYTES ? STATUS_SUCCESS : PATH_TOO_LONG;
}

// Later code may change directory, and an ipc:// address must have a full path.
static struct status make_absolute(const char *path, char ret_path[static SETTINGS_PATH_BYTES])
{
    char here[SETTINGS_PATH_BYTES];
    if (path[0] != '/') {
        if (getcwd(here, sizeof here) == NULL) return PATH_TOO_LONG;
        return join(here, path, ret_path);
    }
    int size = snprintf(ret_path, SETTINGS_PATH_BYTES, "%s", path);
    return size < SETTINGS_PATH_BYTES ? STATUS_SUCCESS : PATH_TOO_LONG;
}

static struct status pick_directory(const struct config *config, const struct settings *settings,
                                    const char *name, char ret_path[static SETTINGS_PATH_BYTES])
{
    const char *given = config_text(config, "data", name);
    if (given[0] != 0) return make_absolute(given, ret_path);
    return join(settings->data, name, ret_path);
}

static struct status pick_url(const struct config *config, const struct settings *settings,
                              const char *daemon, bool events,
                              char ret_url[static SETTINGS_URL_BYTES])
{
    const char *given = config_text(config, events ? "events" : "rpc", "listen");
    if (given[0] == 0) return settings_peer_url(config, settings, daemon, events, ret_url);
    snprintf(ret_url, SETTINGS_URL_BYTES, "%s", given);
    return STATUS_SUCCESS;
}

static const char *text_or_null(const struct config *config, const char *name)
{
    const char *text = config_text(config, "tls", name);
    return text[0] != 0 ? text : NULL;
}

struct status settings_resolve(const struct config *config, const char *daemon,
                               struct settings *ret)
{
    struct settings settings = {.tls = {.ca_file = text_or_null(config, "ca"),
                                        .certificate_file = text_or_null(config, "certificate"),
                                        .key_file = text_or_null(config, "key")}};
    RETURN_IF_ERROR(make_absolute(config_text(config, "data", "directory"), settings.data));
    RETURN_IF_ERROR(pick_directory(config, &settings, "keys", settings.keys));
    RETURN_IF_ERROR(pick_directory(config, &settings, "run", settings.run));
    RETURN_IF_ERROR(join(settings.data, daemon, settings.own));
    int size =
        snprintf(settings.local_url, SETTINGS_URL_BYTES, "ipc://%s/%s.sock", settings.run, daemon);
    if (size < 0 || size >= SETTINGS_URL_BYTES) return PATH_TOO_LONG;
    RETURN_IF_ERROR(pick_url(config, &settings, daemon, false, settings.rpc_url));
    RETURN_IF_ERROR(pick_url(config, &settings, daemon, true, settings.events_url));
    *ret = settings;
    return STATUS_SUCCESS;
}

static struct status make_directory(const char *path)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST) return STATUS_SUCCESS;
    return (struct status){STATUS_FAILED_PRECONDITION, "DATA_DIRECTORY", strerror(errno)};
}

struct status settings_make_directories(const struct settings *settings)
{
    RETURN_IF_ERROR(make_directory(settings->data));
    RETURN_IF_ERROR(make_directory(settings->keys));
    RETURN_IF_ERROR(make_directory(settings->run));
    return make_directory(settings->own);
}

static bool is_daemon(const char *name)
{
    for (size_t i = 0; i < SETTINGS_DAEMON_COUNT; i++) {
        if (strcmp(settings_daemons[i], name) == 0) return true;
    }
    return false;
}

struct status settings_peer_url(const struct config *config, const struct settings *settings,
                                const char *peer, bool events,
                                char ret_url[static SETTINGS_URL_BYTES])
{
    char name[64];
    snprintf(name, sizeof name, "%s%s", peer, events ? "_events" : "");
    const char *given = is_daemon(peer) ? config_text(config, "peers", name) : "";
    int size = given[0] != 0 ? snprintf(ret_url, SETTINGS_URL_BYTES, "%s", given)
                             : snprintf(ret_url, SETTINGS_URL_BYTES, "ipc://%s/%s%s.sock",
                                        settings->run, peer, events ? "-events" : "");
    return size > 0 && size < SETTINGS_URL_BYTES ? STATUS_SUCCESS : PATH_TOO_LONG;
}

enum log_level settings_log_level(const struct config *config)
{
    return (enum log_level)config_u64(config, "log", "level");
}
