// What is kept of every request: one log line and two metrics, by route template. Never a query
// string, a token, a body or a path variable.
#include "common/base/check.h"
#include "common/base/log.h"
#include "common/rpc/meter.h"
#include "gateway/gateway.h"
#include "gateway/stream.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLASS_COUNT = 6, LABEL_BYTES = 256 };

/// The series of one route: durations, and answers by class (0: none given, 2xx … 5xx).
struct route_metrics {
    struct metric *duration;
    struct metric *answers[CLASS_COUNT];
};

struct gateway_routes_metrics {
    struct route_metrics other; // The gateway's own pages, and what matched nothing.
    const struct rpc_route *first_route;
    struct route_metrics *routes; // In the order of the routes.
    // In the order of rpc_all_methods; made when the first client calls a method by Connect.
    pthread_mutex_t lock;
    struct route_metrics *_Atomic *methods;
};

// Labels live as long as the process, as metrics.h asks.
static const char *make_labels(const char *method, const char *route, int class)
{
    char text[LABEL_BYTES];
    if (class < 0) {
        snprintf(text, sizeof text, "method=\"%s\",route=\"%s\"", method, route);
    } else {
        snprintf(text, sizeof text, "method=\"%s\",route=\"%s\",class=\"%s\"", method, route,
                 (const char *[]){"none", "1xx", "2xx", "3xx", "4xx", "5xx"}[class]);
    }
    return rpc_label(strdup(text)); // One copy, also where two methods share a route's template.
}

static void open_route(struct route_metrics *metrics, const char *method, const char *route)
{
    metrics->duration =
        metric_histogram("florin_http_request_duration_seconds",
                         "Time from a request's first byte to the end of its answer",
                         make_labels(method, route, -1));
    for (int class = 0; class < CLASS_COUNT; class ++) {
        if (class == 1) continue; // Never given.
        metrics->answers[class] =
            metric_counter("florin_http_responses_total", "Answers by class of status",
                           make_labels(method, route, class));
    }
}

struct gateway_routes_metrics *gateway_metrics_open(const struct rpc_route *routes,
                                                    size_t route_count)
{
    struct gateway_routes_metrics *metrics = calloc(1, sizeof *metrics);
    CHECK(metrics != NULL);
    metrics->first_route = routes;
    metrics->routes = calloc(route_count, sizeof *metrics->routes);
    CHECK(metrics->routes != NULL);
    metrics->methods = calloc(rpc_all_method_count, sizeof *metrics->methods);
    CHECK(metrics->methods != NULL);
    pthread_mutex_init(&metrics->lock, NULL);
    open_route(&metrics->other, "", "other");
    for (size_t i = 0; i < route_count; i++) {
        open_route(&metrics->routes[i], routes[i].verb, routes[i].template);
    }
    return metrics;
}

void gateway_metrics_close(struct gateway_routes_metrics **metrics)
{
    if (*metrics == NULL) return;
    for (size_t i = 0; i < rpc_all_method_count; i++) {
        free(atomic_load(&(*metrics)->methods[i]));
    }
    free((*metrics)->methods);
    pthread_mutex_destroy(&(*metrics)->lock);
    free((*metrics)->routes);
    free(*metrics);
    *metrics = NULL;
}

static struct route_metrics *method_metrics(struct gateway_routes_metrics *metrics, size_t index)
{
    struct route_metrics *made = atomic_load(&metrics->methods[index]);
    if (made != NULL) return made;
    pthread_mutex_lock(&metrics->lock);
    made = atomic_load(&metrics->methods[index]);
    if (made == NULL) {
        made = calloc(1, sizeof *made);
        CHECK(made != NULL);
        open_route(made, "POST", rpc_all_methods[index]->name);
        atomic_store(&metrics->methods[index], made);
    }
    pthread_mutex_unlock(&metrics->lock);
    return made;
}

static struct route_metrics *metrics_of(struct gateway_routes_metrics *metrics,
                                        const struct gateway_request *request)
{
    if (request == NULL) return &metrics->other;
    if (request->route != NULL) return &metrics->routes[request->route - metrics->first_route];
    bool is_call = request->is_connect && request->codec != CONNECT_CODEC_NONE;
    return is_call ? method_metrics(metrics, request->connect_index) : &metrics->other;
}

void gateway_access(struct http_exchange *exchange, const struct http_finished *finished,
                    void *context)
{
    struct gateway *gateway = context;
    struct gateway_request *request = http_exchange_user(exchange);
    if (request != NULL) gateway_stream_finished(request);
    struct route_metrics *metrics = metrics_of(gateway->metrics, request);
    int class = finished->status / 100;
    metric_observe_ns(metrics->duration, finished->duration_ns);
    struct metric *answers = class < CLASS_COUNT && metrics->answers[class] != NULL
                                 ? metrics->answers[class]
                                 : metrics->answers[0];
    metric_add(answers, 1);

    char method[HTTP_METHOD_BYTES_MAX + 1] = "";
    const struct http_head *head = http_exchange_head(exchange);
    size_t method_bytes = head != NULL ? head->method_name.size : 0;
    if (method_bytes > 0 && method_bytes < sizeof method) { // Not read yet: no bytes, and NULL.
        memcpy(method, head->method_name.data, head->method_name.size);
    }
    enum log_level level = finished->status >= 500 ? LOG_LEVEL_WARN : LOG_LEVEL_INFO;
    LOG_AT(level, "request", LOG_TEXT("method", method),
           LOG_TEXT("route", request != NULL ? request->label : "unread"),
           LOG_U64("status", finished->status),
           LOG_TEXT("reason", request != NULL ? request->reason : NULL),
           LOG_U64("duration_us", finished->duration_ns / 1000),
           LOG_U64("bytes", finished->response_bytes),
           LOG_TEXT("request_id", request != NULL ? request->request_id : NULL),
           LOG_TEXT("aborted", finished->aborted ? "true" : NULL));
}
