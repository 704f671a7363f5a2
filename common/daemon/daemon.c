#include "common/base/check.h"
#include "common/base/descriptors.h"
#include "common/base/version.h"
#include "common/daemon/notify.h"
#include "common/daemon/parts.h"
#include "common/rpc/page.h"
#include "common/rpc/reaper.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READY_POLL_MS = 5, MALLOC_ARENAS_MAX = 2, POOL_THREADS_MIN = 2 };

enum { CLOSE_MS_MAX = 3000, CLOSE_STEP_MS = 10 };

enum { REAPER_EVERY_MS = 2000, REAPER_PATIENCE_MS = 30000 };

// ---- The process ---------------------------------------------------------------------------

// Before any thread: threads inherit the signal mask, and the limits count from here on.
static struct status prepare_process(int *ret_signal_fd)
{
    umask(077);
    mallopt(M_ARENA_MAX, MALLOC_ARENAS_MAX); // More of them would only hold idle memory.
    struct rlimit no_core = {0, 0};          // A core file would hold keys.
    if (setrlimit(RLIMIT_CORE, &no_core) != 0) {
        return REFUSE(FAILED_PRECONDITION, CORE_LIMIT, "core files cannot be switched off");
    }
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files); // As many as we may; fewer is no error.
    }
    signal(SIGPIPE, SIG_IGN);
    sigset_t watched;
    sigemptyset(&watched);
    sigaddset(&watched, SIGTERM);
    sigaddset(&watched, SIGINT);
    sigaddset(&watched, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &watched, NULL);
    *ret_signal_fd = signalfd(-1, &watched, SFD_CLOEXEC);
    if (*ret_signal_fd < 0) return REFUSE(UNAVAILABLE, SIGNALFD, "signals cannot be watched");
    return STATUS_SUCCESS;
}

static enum config_action load_config(const struct daemon_spec *spec, int argc, char **argv,
                                      struct config **ret)
{
    char program[64];
    snprintf(program, sizeof program, "florin-%s", spec->name);
    const struct config_key *tables[] = {settings_keys, spec->keys};
    const size_t counts[] = {settings_key_count, spec->key_count};
    const char *foreign[SETTINGS_DAEMON_COUNT + 1] = {NULL};
    for (size_t i = 0; i < SETTINGS_DAEMON_COUNT; i++) {
        foreign[i] = settings_daemons[i];
    }
    struct config_spec config_spec = {.program = program,
                                      .summary = spec->summary,
                                      .tables = tables,
                                      .table_counts = counts,
                                      .tables_count = spec->key_count > 0 ? 2 : 1,
                                      .foreign_sections = foreign};
    return config_load(&config_spec, argc, argv, ret);
}

// ---- Opening -------------------------------------------------------------------------------

// Keys that come from elsewhere are there before the first start; else the daemon makes its own.
static struct status open_keys(struct daemon *daemon)
{
    RETURN_IF_ERROR(crypto_open());
    struct status status = key_generate(daemon->settings.keys, daemon->spec->name);
    if (status.code != STATUS_ALREADY_EXISTS) RETURN_IF_ERROR(status);

    char path[SETTINGS_PATH_BYTES + 16];
    uint8_t page_key[KEY_SECRET_BYTES];
    snprintf(path, sizeof path, "%s/page.key", daemon->settings.own);
    status = key_secret_generate(path);
    if (status.code != STATUS_ALREADY_EXISTS) RETURN_IF_ERROR(status);
    RETURN_IF_ERROR(key_secret_load(path, page_key));
    page_open(page_key);
    key_wipe(page_key, sizeof page_key);
    return STATUS_SUCCESS;
}

static struct status open_store(struct daemon *daemon)
{
    if (daemon->spec->schema == NULL) return STATUS_SUCCESS;
    const struct config *config = daemon->config;
    const struct store_schema *schemas[] = {&event_store_schema, &rpc_store_schema,
                                            daemon->spec->schema};
    struct store_config store = {
        .directory = daemon->settings.own,
        .map_bytes = config_u64(config, "store", "map_bytes"),
        .group_jobs_max = (uint32_t)config_u64(config, "store", "group_jobs_max"),
        .group_time_ns_max = config_u64(config, "store", "group_time") * 1000000,
    };
    RETURN_IF_ERROR(store_open(&store, schemas, 3, &daemon->store));
    return event_outbox_open(daemon->store, daemon->spec->name, &daemon->outbox);
}

static struct status open_identity(struct daemon *daemon)
{
    struct identity_config config = {.daemon_name = daemon->spec->name,
                                     .keys_directory = daemon->settings.keys,
                                     .tls = daemon->settings.tls};
    if (daemon->spec->identity_local != NULL) {
        daemon->spec->identity_local(daemon->service, &config);
    } else {
        config.auth_channel = daemon_channel(daemon, "auth");
        config.auth_pub_url = daemon_peer_url(daemon, "auth", true);
    }
    return identity_open(&config, &daemon->identity);
}

static struct status open_service(struct daemon *daemon)
{
    if (daemon->spec->open == NULL) return STATUS_SUCCESS;
    if (daemon->spec->service_bytes > 0) {
        daemon->service = calloc(1, daemon->spec->service_bytes);
        CHECK(daemon->service != NULL);
        daemon->service_is_open = true; // Also when it fails half-way: close ends what it began.
    }
    RETURN_IF_ERROR(daemon->spec->open(daemon, &daemon->service));
    daemon->service_is_open = true;
    return STATUS_SUCCESS;
}

static struct status open_parts(struct daemon *daemon)
{
    bool identity_first = daemon->spec->identity_local == NULL;
    if (identity_first) RETURN_IF_ERROR(open_identity(daemon));
    RETURN_IF_ERROR(open_service(daemon));
    return identity_first ? STATUS_SUCCESS : open_identity(daemon);
}

static uint32_t pool_threads(const struct config *config)
{
    uint64_t configured = config_u64(config, "rpc", "pool_threads");
    if (configured > 0) return (uint32_t)configured;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores > POOL_THREADS_MIN ? (uint32_t)cores : POOL_THREADS_MIN;
}

// The store's writer outlives the server: it wakes a server that is there, or nobody.
static void set_waked(struct daemon *daemon, struct rpc_server *server)
{
    pthread_mutex_lock(&daemon->wake_lock);
    daemon->waked = server;
    pthread_mutex_unlock(&daemon->wake_lock);
}

static void wake(void *context)
{
    struct daemon *daemon = context;
    pthread_mutex_lock(&daemon->wake_lock);
    if (daemon->waked != NULL) rpc_server_wake(daemon->waked);
    pthread_mutex_unlock(&daemon->wake_lock);
}

static struct status open_server(struct daemon *daemon)
{
    const struct daemon_spec *spec = daemon->spec;
    const struct config *config = daemon->config;
    if (spec->method_count > 0) {
        daemon->services[daemon->service_count++] =
            (struct rpc_service){.methods = spec->methods,
                                 .handlers = spec->handlers,
                                 .count = spec->method_count,
                                 .context = daemon->service};
    }
    if (daemon->outbox != NULL) {
        daemon->services[daemon->service_count++] = event_outbox_service(daemon->outbox);
    }
    daemon_control_open(daemon);
    daemon->services[daemon->service_count++] = rpc_builtin_service(&daemon->builtin);
    // Wherever the other daemons reach this one, the operator's tools find it in the run directory.
    const char *urls[] = {daemon->settings.local_url, daemon->settings.rpc_url};
    bool is_local_only = strcmp(urls[0], urls[1]) == 0;
    struct rpc_server_config server = {
        .listen_urls = urls,
        .listen_url_count = is_local_only ? 1 : 2,
        .tls = daemon->settings.tls,
        .allow_plain_tcp = config_bool(config, "rpc", "allow_plain_tcp"),
        .in_flight_max = (uint32_t)config_u64(config, "rpc", "in_flight_max"),
        .pool_threads = pool_threads(config),
        .pool_queue_max = (uint32_t)config_u64(config, "rpc", "pool_queue_max"),
    };
    RETURN_IF_ERROR(rpc_server_open(&server, daemon->store, identity_rpc(daemon->identity),
                                    daemon->services, daemon->service_count, &daemon->server));
    set_waked(daemon, daemon->server);
    if (daemon->outbox != NULL) event_outbox_on_moved(daemon->outbox, wake, daemon);
    return STATUS_SUCCESS;
}

static struct status open_publisher(struct daemon *daemon)
{
    if (daemon->outbox == NULL) return STATUS_SUCCESS;
    const char *urls[] = {daemon->settings.events_url};
    bool is_plain = strncmp(urls[0], "tcp://", strlen("tcp://")) == 0;
    if (is_plain && !config_bool(daemon->config, "rpc", "allow_plain_tcp")) {
        return REFUSE(INVALID_ARGUMENT, EVENTS_URL,
                      "events over plain tcp:// need rpc.allow_plain_tcp");
    }
    return event_publisher_open(daemon->outbox, urls, 1, &daemon->settings.tls, &daemon->publisher);
}

static struct status open_daemon(struct daemon *daemon)
{
    RETURN_IF_ERROR(settings_resolve(daemon->config, daemon->spec->name, &daemon->settings));
    RETURN_IF_ERROR(settings_make_directories(&daemon->settings));
    RETURN_IF_ERROR(open_keys(daemon));
    RETURN_IF_ERROR(open_store(daemon));
    RETURN_IF_ERROR(open_parts(daemon));
    RETURN_IF_ERROR(open_server(daemon));
    RETURN_IF_ERROR(open_publisher(daemon));
    atomic_store(&daemon->is_serving, true);
    rpc_server_set_serving(daemon->server, true);
    RETURN_IF_ERROR(daemon_tell_started(daemon));
    if (daemon->spec->start == NULL) return STATUS_SUCCESS;
    daemon->service_has_started = true; // Also when it fails half-way: stop ends what it began.
    return daemon->spec->start(daemon, daemon->service);
}

// ---- Serving -------------------------------------------------------------------------------

static void reload(struct daemon *daemon, int argc, char **argv)
{
    struct config *config = NULL;
    if (load_config(daemon->spec, argc, argv, &config) != CONFIG_RUN) {
        LOG_ERROR("the configuration is not taken: it has errors");
        return;
    }
    log_set_level(settings_log_level(config));
    LOG_INFO("configuration read again", LOG_TEXT("level", config_text(config, "log", "level")));
    if (daemon->spec->reload != NULL) daemon->spec->reload(daemon->service);
    config_close(&config);
}

// See common/rpc/reaper.h. Like a crash: what was promised is durable, what was not is asked anew.
static void leave_stuck(void *context)
{
    (void)context;
    LOG_ERROR("nng no longer ends connections: leaving, to be started again");
    _exit(EXIT_FAILURE);
}

static void watch_reaper(struct daemon *daemon)
{
    const struct reaper_watch_config config = {
        .every_ms = REAPER_EVERY_MS, .patience_ms = REAPER_PATIENCE_MS, .stuck = leave_stuck};
    daemon->reaper_watch = reaper_watch_open(&config);
}

// Until SIGTERM or SIGINT. Readiness is looked at until it is there once; from then on health says
// what has changed.
static void serve(struct daemon *daemon, int argc, char **argv)
{
    struct pollfd watched = {.fd = daemon->signal_fd, .events = POLLIN};
    bool was_ready = false;
    for (;;) {
        if (!was_ready && identity_is_ready(daemon->identity)) {
            was_ready = true;
            LOG_INFO("ready", LOG_TEXT("version", florin_version()));
            notify_supervisor("READY=1");
        }
        int count = poll(&watched, 1, was_ready ? -1 : READY_POLL_MS);
        if (count <= 0) continue; // Time to look again, or a signal that is not ours.
        struct signalfd_siginfo signal_info;
        ssize_t size = read(daemon->signal_fd, &signal_info, sizeof signal_info);
        CHECK(size == (ssize_t)sizeof signal_info);
        if (signal_info.ssi_signo != SIGHUP) return;
        reload(daemon, argc, argv);
    }
}

// ---- Closing -------------------------------------------------------------------------------

// Refuses new calls and lets those in flight end. What does not end is cut off: the store is
// consistent at any moment, and an answer that was never sent promised nothing.
static void drain(struct daemon *daemon)
{
    LOG_INFO("draining");
    notify_supervisor("STOPPING=1");
    atomic_store(&daemon->is_serving, false);
    uint32_t timeout_ms = (uint32_t)config_u64(daemon->config, "rpc", "drain_timeout");
    if (rpc_server_drain(daemon->server, timeout_ms)) return;
    LOG_ERROR("calls in flight did not end in time",
              LOG_U64("calls", rpc_server_in_flight(daemon->server)));
    _exit(EXIT_FAILURE);
}

static void *end_process(void *context)
{
    const struct daemon *daemon = context;
    for (int waited_ms = 0; waited_ms < CLOSE_MS_MAX; waited_ms += CLOSE_STEP_MS) {
        if (atomic_load(&daemon->server_is_closed)) return NULL;
        usleep(CLOSE_STEP_MS * 1000);
    }
    LOG_WARN("the server's socket does not close: leaving without it");
    _exit(EXIT_SUCCESS);
}

// nng 1.5.2 can wait for ever in nng_close when a message arrives at that moment. Everything that
// was promised is durable by now, so the process may end there.
static void close_server(struct daemon *daemon)
{
    set_waked(daemon, NULL);
    pthread_t watcher;
    bool is_watched =
        daemon->server != NULL && pthread_create(&watcher, NULL, end_process, daemon) == 0;
    rpc_server_close(&daemon->server);
    atomic_store(&daemon->server_is_closed, true);
    if (is_watched) pthread_join(watcher, NULL);
}

// The service goes after the store, whose hooks may point into it. Channels to peers stay: their
// sockets are the process's to close.
static void close_daemon(struct daemon *daemon)
{
    const struct daemon_spec *spec = daemon->spec;
    if (daemon->service_has_started && spec->stop != NULL) spec->stop(daemon->service);
    event_publisher_close(&daemon->publisher);
    close_server(daemon);
    identity_close(&daemon->identity);
    store_close(&daemon->store);
    event_outbox_close(&daemon->outbox);
    if (daemon->service_is_open && spec->close != NULL) spec->close(daemon->service);
    if (spec->service_bytes > 0) free(daemon->service);
    config_close(&daemon->config);
    if (daemon->signal_fd >= 0) close(daemon->signal_fd);
}

int daemon_main(int argc, char **argv, const struct daemon_spec *spec)
{
    // Where tests and tools find shared data files. It reads like a key of [data] and is none.
    unsetenv("FLORIN_DATA_DIR");
    descriptors_open_standard();
    static struct daemon daemon; // Outlives whatever still runs when main returns.
    daemon = (struct daemon){.spec = spec, .signal_fd = -1};
    enum config_action action = load_config(spec, argc, argv, &daemon.config);
    if (action != CONFIG_RUN) return action == CONFIG_EXIT_OK ? EXIT_SUCCESS : EXIT_FAILURE;
    pthread_mutex_init(&daemon.lock, NULL);
    pthread_mutex_init(&daemon.wake_lock, NULL);
    log_open(spec->name, (enum log_format)config_u64(daemon.config, "log", "format"),
             settings_log_level(daemon.config));
    struct status status = prepare_process(&daemon.signal_fd);
    if (status_ok(status)) status = open_daemon(&daemon);
    if (status_ok(status)) {
        watch_reaper(&daemon);
        serve(&daemon, argc, argv);
        reaper_watch_close(&daemon.reaper_watch);
        drain(&daemon);
    } else {
        log_status(LOG_LEVEL_ERROR, "the daemon cannot start", status);
        atomic_store(&daemon.is_serving, false);
    }
    close_daemon(&daemon);
    if (!status_ok(status)) return EXIT_FAILURE;
    LOG_INFO("stopped");
    return EXIT_SUCCESS;
}

// ---- What the service asks for -------------------------------------------------------------

const struct config *daemon_config(const struct daemon *daemon)
{
    return daemon->config;
}

struct store *daemon_store(const struct daemon *daemon)
{
    return daemon->store;
}

void daemon_wake(struct daemon *daemon)
{
    wake(daemon);
}

struct event_outbox *daemon_outbox(const struct daemon *daemon)
{
    return daemon->outbox;
}

struct identity *daemon_identity(const struct daemon *daemon)
{
    return daemon->identity;
}

const char *daemon_directory(const struct daemon *daemon)
{
    return daemon->settings.own;
}

const char *daemon_keys_directory(const struct daemon *daemon)
{
    return daemon->settings.keys;
}
