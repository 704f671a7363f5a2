// Wiring: configuration -> channels, router, HTTP engine -> serve -> drain.
#include "common/base/check.h"
#include "common/base/log.h"
#include "gateway/exchange.h"
#include "gateway/gateway.h"
#include "gateway/stream.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LISTEN_TEXT_MAX = 128, LIST_TEXT_MAX = 1024 };

#define TIMEOUT_ROW(name_, min_, default_, doc_)                                                   \
    {                                                                                              \
        .section = "gateway", .name = name_, .type = CONFIG_MS, .unit = "ms", .min = min_,         \
        .max = 600000, .default_text = default_, .doc = doc_                                       \
    }
#define COUNT_ROW(name_, unit_, min_, max_, default_, doc_)                                        \
    {                                                                                              \
        .section = "gateway", .name = name_, .type = CONFIG_U64, .unit = unit_, .min = min_,       \
        .max = max_, .default_text = default_, .doc = doc_                                         \
    }
#define TEXT_ROW(name_, max_, default_, doc_)                                                      \
    {                                                                                              \
        .section = "gateway", .name = name_, .type = CONFIG_TEXT, .max = max_,                     \
        .default_text = default_, .doc = doc_                                                      \
    }

// clang-format off
static const struct config_key keys[] = {
    TEXT_ROW("listen", LISTEN_TEXT_MAX, "127.0.0.1:8080",
             "IP address and port of HTTP; [::]:8080 for all."),
    COUNT_ROW("threads", "threads", 0, 256, "0", "Event loops; 0: one per core."),
    TIMEOUT_ROW("head_timeout", 10, "5s",
             "For a request's head, from its first byte; TLS handshake too."),
    TIMEOUT_ROW("body_timeout", 10, "10s", "For a request's body, and a second more for each KiB."),
    TIMEOUT_ROW("idle_timeout", 10, "15s", "Between two requests of a connection."),
    TIMEOUT_ROW("write_timeout", 10, "10s", "Without the client taking 1 KiB of an answer."),
    TIMEOUT_ROW("drain_timeout", 10, "20s", "For what is in flight on SIGTERM."),
    COUNT_ROW("connections_max", "connections", 1, 1000000, "16384",
              "Connections in all; more are answered 503."),
    COUNT_ROW("per_address_max", "connections", 1, 1000000, "4096",
              "Connections of one IPv4 address or IPv6 /64."),
    COUNT_ROW("rate_address_per_s", "units/s", 0, RATE_PER_S_MAX, "0",
              "For one IPv4 address or IPv6 /64; 0: no limit. A method's units are its cost."),
    COUNT_ROW("rate_address_burst", "units", 0, RATE_BURST_MAX, "0",
              "What may come at once; 0: twice rate_address_per_s."),
    COUNT_ROW("rate_principal_per_s", "units/s", 0, RATE_PER_S_MAX, "50000",
              "For one access token; 0: no limit."),
    COUNT_ROW("rate_principal_burst", "units", 0, RATE_BURST_MAX, "0",
              "What may come at once; 0: twice rate_principal_per_s."),
    TEXT_ROW("cors_origins", LIST_TEXT_MAX, "",
             "Origins, by commas, whose pages may call; * for all."),
    TEXT_ROW("trusted_proxies", LIST_TEXT_MAX, "",
             "Addresses, by commas, whose X-Forwarded-For counts."),
    TEXT_ROW("tls_certificate", 400, "", "PEM chain; with tls_key: HTTPS. Read again on SIGHUP."),
    TEXT_ROW("tls_key", 400, "", "PEM key of tls_certificate."),
};

// clang-format on

// "127.0.0.1:8080", "[::1]:8080"
static struct status parse_listen(const char *text, char ret_address[static LISTEN_TEXT_MAX],
                                  uint16_t *ret_port)
{
    static const struct status bad = {STATUS_INVALID_ARGUMENT, "LISTEN_INVALID",
                                      "gateway.listen must be ADDRESS:PORT"};
    const char *colon = strrchr(text, ':');
    if (colon == NULL || strlen(text) >= LISTEN_TEXT_MAX) return bad;
    char *end = NULL;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (end == colon + 1 || *end != '\0' || port > 65535) return bad;
    size_t size = (size_t)(colon - text);
    if (size >= 2 && text[0] == '[' && text[size - 1] == ']') {
        text++;
        size -= 2;
    }
    memcpy(ret_address, text, size);
    ret_address[size] = '\0';
    *ret_port = (uint16_t)port;
    return STATUS_SUCCESS;
}

static bool is_address(const char *text)
{
    struct in6_addr address;
    return inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1;
}

// "*" or scheme://host[:port], as browsers write it.
static bool is_origin(const char *text)
{
    if (strcmp(text, "*") == 0) return true;
    const char *host = strstr(text, "://");
    return host != NULL && host > text && host[3] != '\0' && strchr(host + 3, '/') == NULL;
}

static struct status parse_list(const char *text, bool (*is_item)(const char *text),
                                struct status bad, struct gateway_list *ret)
{
    ret->text = strdup(text);
    CHECK(ret->text != NULL);
    char *rest = NULL;
    for (char *item = strtok_r(ret->text, ", ", &rest); item != NULL;
         item = strtok_r(NULL, ", ", &rest)) {
        if (!is_item(item) || ret->count == GATEWAY_LIST_MAX) return bad;
        ret->items[ret->count++] = item;
    }
    return STATUS_SUCCESS;
}

static struct status parse_lists(struct gateway *gateway, const struct config *config)
{
    static const struct status bad_proxy = {STATUS_INVALID_ARGUMENT, "TRUSTED_PROXIES_INVALID",
                                            "gateway.trusted_proxies: at most 16 IP addresses"};
    static const struct status bad_origin = {
        STATUS_INVALID_ARGUMENT, "CORS_ORIGINS_INVALID",
        "gateway.cors_origins: at most 16 of scheme://host[:port], or *"};
    RETURN_IF_ERROR(parse_list(config_text(config, "gateway", "trusted_proxies"), is_address,
                               bad_proxy, &gateway->trusted_proxies));
    return parse_list(config_text(config, "gateway", "cors_origins"), is_origin, bad_origin,
                      &gateway->cors_origins);
}

static struct rate_limiter *open_rate(const struct config *config, const char *name,
                                      const char *per_s_key, const char *burst_key)
{
    uint32_t per_s = (uint32_t)config_u64(config, "gateway", per_s_key);
    uint32_t burst = (uint32_t)config_u64(config, "gateway", burst_key);
    if (per_s == 0) return NULL;
    return rate_open(name, per_s, burst > 0 ? burst : 2 * per_s);
}

static void gateway_close(void *service)
{
    struct gateway *gateway = service;
    gateway_streams_close(&gateway->streams);
    gateway_exchanges_close(&gateway->exchanges);
    router_close(&gateway->router);
    rate_close(&gateway->address_rate);
    rate_close(&gateway->principal_rate);
    gateway_metrics_close(&gateway->metrics);
    free(gateway->trusted_proxies.text);
    free(gateway->cors_origins.text);
    free(gateway);
}

static struct gateway_streams *open_streams(struct daemon *daemon)
{
    const struct gateway_streams_config config = {
        .channel = daemon_waiting_channel(daemon, "audit"),
        .identity = identity_rpc(daemon_identity(daemon)),
        .service_token = identity_service_token,
        .service_token_context = daemon_identity(daemon),
    };
    return gateway_streams_open(&config);
}

static struct status gateway_open(struct daemon *daemon, void **ret_service)
{
    const struct config *config = daemon_config(daemon);
    struct gateway *gateway = calloc(1, sizeof *gateway);
    CHECK(gateway != NULL);
    gateway->daemon = daemon;
    gateway->router = router_open(rpc_routes, rpc_route_count);
    gateway->metrics = gateway_metrics_open(rpc_routes, rpc_route_count);
    gateway->service_token = identity_service_token;
    gateway->service_token_context = daemon_identity(daemon);
    gateway->exchanges = gateway_exchanges_open(gateway);
    gateway->address_rate =
        open_rate(config, "address", "rate_address_per_s", "rate_address_burst");
    gateway->principal_rate =
        open_rate(config, "principal", "rate_principal_per_s", "rate_principal_burst");
    for (size_t i = 0; i < GATEWAY_PEERS; i++) {
        gateway->channels[i] = daemon_channel(daemon, gateway_peers[i]);
    }
    gateway->streams = open_streams(daemon);
    struct status status = parse_lists(gateway, config);
    if (!status_ok(status)) {
        gateway_close(gateway);
        return status;
    }
    *ret_service = gateway;
    return STATUS_SUCCESS;
}

static struct status start_http(struct gateway *gateway)
{
    const struct config *config = daemon_config(gateway->daemon);
    struct http_config http = HTTP_CONFIG_DEFAULT;
    char address[LISTEN_TEXT_MAX];
    RETURN_IF_ERROR(parse_listen(config_text(config, "gateway", "listen"), address, &http.port));
    http.address = address;
    http.arena_bytes_max = GATEWAY_REQUEST_ARENA_BYTES;

    const struct {
        const char *name;
        uint32_t *value;
    } numbers[] = {
        {"threads", &http.loop_count},
        {"head_timeout", &http.head_timeout_ms},
        {"body_timeout", &http.body_timeout_ms},
        {"idle_timeout", &http.idle_timeout_ms},
        {"write_timeout", &http.write_timeout_ms},
        {"connections_max", &http.connections_max},
        {"per_address_max", &http.per_address_max},
    };

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        *numbers[i].value = (uint32_t)config_u64(config, "gateway", numbers[i].name);
    }
    if (http.loop_count == 0) http.loop_count = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
    const char *certificate = config_text(config, "gateway", "tls_certificate");
    if (*certificate != '\0') {
        http.tls_cert_pem = certificate;
        http.tls_key_pem = config_text(config, "gateway", "tls_key");
        gateway->has_tls = true;
    }
    static struct http_handler handler; // Lives as long as the server.
    handler = gateway_handler(gateway);
    return http_server_open(&http, &handler, &gateway->http);
}

static struct status gateway_start(struct daemon *daemon, void *service)
{
    struct gateway *gateway = service;
    (void)daemon;
    gateway->health = gateway_health_open(gateway);
    RETURN_IF_ERROR(start_http(gateway));
    LOG_INFO("serving HTTP", LOG_U64("port", http_server_port(gateway->http)));
    return STATUS_SUCCESS;
}

static void gateway_stop(void *service)
{
    struct gateway *gateway = service;
    const struct config *config = daemon_config(gateway->daemon);
    atomic_store(&gateway->is_draining, true);
    gateway_stop_http(gateway, (uint32_t)config_u64(config, "gateway", "drain_timeout"));
    gateway_health_close(&gateway->health); // Behind the engine, whose pages read it.
}

// A certificate that cannot be read leaves the old one in use.
static void gateway_reload(void *service)
{
    struct gateway *gateway = service;
    if (!gateway->has_tls || gateway->http == NULL) return;
    struct status status = http_server_reload_tls(gateway->http);
    if (!status_ok(status)) {
        log_status(LOG_LEVEL_ERROR, "the certificate was not taken", status);
    } else {
        LOG_INFO("certificate read again");
    }
}

int main(int argc, char **argv)
{
    static const struct daemon_spec spec = {
        .name = "gateway",
        .summary = "HTTP in, RPC out: Florin's REST gateway",
        .keys = keys,
        .key_count = sizeof keys / sizeof keys[0],
        .open = gateway_open,
        .start = gateway_start,
        .stop = gateway_stop,
        .close = gateway_close,
        .reload = gateway_reload,
    };
    return daemon_main(argc, argv, &spec);
}
