#include "common/daemon/daemon.h"
#include "services/auth/bootstrap.h"
#include "services/auth/local.h"
#include "services/auth/rpc.h"
#include "services/auth/worker.h"

#include <libgen.h>
#include <stdio.h>

enum { PATH_BYTES = 1024 };

#define MIB (UINT64_C(1) << 20)
#define MINUTE_MS UINT64_C(60000)

// clang-format off
#define NUMBER_ROW(name_, unit_, min_, max_, default_, doc_)                                       \
    {"auth", name_, CONFIG_U64, unit_, min_, max_, default_, NULL, doc_}
#define TIME_ROW(name_, min_, max_, default_, doc_)                                                \
    {"auth", name_, CONFIG_MS, "ms", min_, max_, default_, NULL, doc_}

static const struct config_key keys[] = {
    TIME_ROW("access_token_life", 30000, 300000, "5min", "Life of a customer's access token."),
    TIME_ROW("staff_access_token_life", 30000, 300000, "2min",
             "Life of a staff member's access token."),
    TIME_ROW("session_idle", MINUTE_MS, 1440 * MINUTE_MS, "30min",
             "A customer's session ends when it is not refreshed for so long."),
    TIME_ROW("session_absolute", MINUTE_MS, 43200 * MINUTE_MS, "12h",
             "A customer's session ends after this in any case."),
    TIME_ROW("staff_session_idle", MINUTE_MS, 1440 * MINUTE_MS, "15min",
             "A staff member's session ends when it is not refreshed for so long."),
    TIME_ROW("staff_session_absolute", MINUTE_MS, 43200 * MINUTE_MS, "8h",
             "A staff member's session ends after this in any case."),
    NUMBER_ROW("sessions_max", "sessions", 1, 1000, "5",
               "Sessions of one customer; a newer one ends the oldest."),
    {"auth", "argon2_memory", CONFIG_BYTES, "bytes", AUTH_ARGON2_MEMORY_BYTES_MIN, 1024 * MIB,
     "19MiB", NULL, "Memory of one password hash; raising it re-hashes at each login."},
    NUMBER_ROW("argon2_passes", "passes", AUTH_ARGON2_PASSES_MIN, 100, "2",
               "Passes of one password hash."),
    NUMBER_ROW("password_length_min", "characters", AUTH_PASSWORD_CODE_POINTS_MIN, 64, "8",
               "Shortest password."),
    NUMBER_ROW("address_failures_max", "logins", 0, 1000000, "20",
               "Failed logins of one network address in 5 minutes; 0: no limit."),
    NUMBER_ROW("messages_per_day_max", "messages", 0, 1000000, "10",
               "Messages to one e-mail address or number in a day; 0: no limit."),
    {"auth", "delivery", CONFIG_CHOICE, NULL, 0, 0, "dev", "dev,none",
     "dev: messages become lines of outbox/messages.jsonl, in clear; none: they wait, sealed."},
};

// clang-format on

static uint64_t number(const struct config *config, const char *name)
{
    return config_u64(config, "auth", name);
}

static struct auth_rate rate(uint64_t burst, uint64_t window_s)
{
    uint64_t interval_ns = burst > 0 ? window_s * AUTH_SECOND_NS / burst : 0;
    return (struct auth_rate){.interval_ns = interval_ns, .burst = (uint32_t)burst};
}

static struct auth_session_limits limits(const struct config *config, const char *idle,
                                         const char *absolute, const char *token_life)
{
    const uint64_t ms_ns = AUTH_SECOND_NS / 1000;
    return (struct auth_session_limits){
        .idle_ns = number(config, idle) * ms_ns,
        .absolute_ns = number(config, absolute) * ms_ns,
        .token_life_s = number(config, token_life) / 1000,
    };
}

static struct auth_policy read_policy(const struct config *config)
{
    return (struct auth_policy){
        .argon2 = {.memory_bytes = number(config, "argon2_memory"),
                   .passes = (uint32_t)number(config, "argon2_passes")},
        .password_code_points_min = (size_t)number(config, "password_length_min"),
        .customer = limits(config, "session_idle", "session_absolute", "access_token_life"),
        .staff = limits(config, "staff_session_idle", "staff_session_absolute",
                        "staff_access_token_life"),
        .customer_sessions_max = (size_t)number(config, "sessions_max"),
        .address_failures = rate(number(config, "address_failures_max"), 300),
        .destination_messages = rate(number(config, "messages_per_day_max"), 24 * 3600),
    };
}

/// shared_path gives the data directory that all daemons share, or a name in it.
static struct status shared_path(struct daemon *daemon, const char *name,
                                 char ret_path[static PATH_BYTES])
{
    char own[PATH_BYTES];
    int own_size = snprintf(own, sizeof own, "%s", daemon_directory(daemon));
    int size = snprintf(ret_path, PATH_BYTES, "%s%s", dirname(own), name);
    if (own_size < 0 || (size_t)own_size >= sizeof own || size < 0 || size >= PATH_BYTES)
        return REFUSE(INVALID_ARGUMENT, DIRECTORY_NAME, "the data directory has too long a name");
    return STATUS_SUCCESS;
}

static void close_service(void *context)
{
    struct auth_service *service = context;
    auth_worker_close(&service->worker);
    auth_service_close(service);
}

static struct status open_service(struct daemon *daemon, void **ret_service)
{
    struct auth_service *service = *ret_service;
    char data[PATH_BYTES], outbox[PATH_BYTES];
    bool delivers = number(daemon_config(daemon), "delivery") == 0;
    struct auth_policy policy = read_policy(daemon_config(daemon));
    RETURN_IF_ERROR(shared_path(daemon, "", data));
    RETURN_IF_ERROR(shared_path(daemon, "/outbox", outbox));
    RETURN_IF_ERROR(auth_service_open(daemon_store(daemon), daemon_keys_directory(daemon), &policy,
                                      role_is_known, service));
    RETURN_IF_ERROR(auth_bootstrap(service, data));
    return auth_worker_open(service, delivers ? outbox : NULL, &service->worker);
}

static struct status start_service(struct daemon *daemon, void *service)
{
    (void)daemon;
    auth_worker_start(((struct auth_service *)service)->worker);
    return STATUS_SUCCESS;
}

static void stop_service(void *service)
{
    auth_worker_stop(((struct auth_service *)service)->worker);
}

int main(int argc, char **argv)
{
    static const struct daemon_spec spec = {
        .name = "auth",
        .summary = "Florin's identity: registration, login, sessions, tokens, roles.",
        .keys = keys,
        .key_count = sizeof keys / sizeof keys[0],
        .schema = &auth_store_schema,
        .methods = auth_methods,
        .handlers = auth_handlers,
        .method_count = AUTH_METHOD_COUNT,
        .service_bytes = sizeof(struct auth_service),
        .open = open_service,
        .start = start_service,
        .stop = stop_service,
        .close = close_service,
        .identity_local = auth_local_identity,
    };
    return daemon_main(argc, argv, &spec);
}
