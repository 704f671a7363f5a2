// What the gateway answers itself.
#include "gateway/gateway.h"

#include <string.h>

static void serve_livez(struct gateway_request *request)
{
    struct gateway_answer answer = {
        .status = 200, .content_type = "text/plain; charset=utf-8", .body = bytes_of_text("ok\n")};
    gateway_respond(request, &answer);
}

static void serve_readyz(struct gateway_request *request)
{
    const char *failing = "gateway: draining";
    bool ready = !atomic_load(&request->gateway->is_draining) &&
                 gateway_health_is_ready(request->gateway->health, &failing);
    const char *text =
        ready ? "ready\n"
              : arena_format(http_exchange_arena(request->exchange), "not ready: %s\n", failing);
    struct gateway_answer answer = {.status = ready ? 200 : 503,
                                    .content_type = "text/plain; charset=utf-8",
                                    .retry_after_ms = ready ? 0 : 1000,
                                    .body = bytes_of_text(text)};
    gateway_respond(request, &answer);
}

// For people: details, and 200 even when something fails (probes ask /readyz).
static void serve_health(struct gateway_request *request)
{
    struct arena *arena = http_exchange_arena(request->exchange);
    struct gateway_answer answer = {.status = 200,
                                    .content_type = "application/json",
                                    .body = gateway_health_write(request->gateway->health, arena)};
    gateway_respond(request, &answer);
}

static void serve_openapi(struct gateway_request *request)
{
    struct gateway_answer answer = {.status = 200,
                                    .content_type = "application/json",
                                    .cache_control = "public, max-age=60",
                                    .body = bytes_of(rpc_openapi_json, rpc_openapi_json_size)};
    gateway_respond(request, &answer);
}

static const struct gateway_page pages[] = {
    {"/livez", serve_livez, 0},
    {"/readyz", serve_readyz, 0},
    {"/health", serve_health, 5},
    {"/metrics", gateway_metrics_serve, 20},
    {"/openapi.json", serve_openapi, 5},
    {"/docs", gateway_docs_serve, 1},
    {"/docs/app.js", gateway_docs_script_serve, 1},
    {"/docs/style.css", gateway_docs_style_serve, 1},
};

const struct gateway_page *gateway_page_find(struct bytes path)
{
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        if (bytes_equal(path, bytes_of_text(pages[i].path))) return &pages[i];
    }
    return NULL;
}
