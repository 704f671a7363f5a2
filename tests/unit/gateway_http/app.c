#include "tests/unit/gateway_http/app.h"

#include "common/base/check.h"
#include "tests/unit/gateway_http/harness.h"

#include <string.h>
#include <time.h>

uint8_t app_big_byte(size_t at)
{
    return (uint8_t)('!' + at % 89);
}

static void fill_big(uint8_t *to, size_t from, size_t size)
{
    for (size_t i = 0; i < size; i++)
        to[i] = app_big_byte(from + i);
}

static const uint8_t *big_body(void)
{
    static uint8_t body[APP_BIG_BYTES];
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    if (body[0] == 0) fill_big(body, 0, sizeof body);
    pthread_mutex_unlock(&lock);
    return body;
}

static bool path_is(const struct http_exchange *exchange, const char *path)
{
    return bytes_equal(http_exchange_head(exchange)->path, bytes_of_text(path));
}

static void respond(struct http_exchange *exchange, uint16_t status, struct bytes body)
{
    const struct http_field fields[] = {{"Content-Type", "text/plain"}, {"X-Absent", NULL}};
    http_exchange_respond(exchange,
                          &(struct http_response){
                              .status = status, .fields = fields, .field_count = 2, .body = body});
}

static void change(struct app *app, size_t *counter)
{
    pthread_mutex_lock(&app->lock);
    (*counter)++;
    pthread_cond_broadcast(&app->changed);
    pthread_mutex_unlock(&app->lock);
}

// ---- Streams of 8 MiB, in pieces of uneven size. The user pointer counts the bytes written. ----

static void write_pieces(struct http_exchange *exchange, void *context)
{
    (void)context;
    uint8_t piece[10007];
    size_t *written = http_exchange_user(exchange);
    while (*written < APP_BIG_BYTES) {
        const size_t left = APP_BIG_BYTES - *written;
        const size_t size = left < sizeof piece ? left : sizeof piece;
        fill_big(piece, *written, size);
        const struct status status = http_stream_write(exchange, bytes_of(piece, size));
        if (status.code == STATUS_RESOURCE_EXHAUSTED) return; // on_writable calls again.
        if (!status_ok(status)) break;
        *written += size;
    }
    http_stream_end(exchange);
}

static void end_stream(struct http_exchange *exchange, void *context)
{
    struct app *app = context;
    change(app, &app->closed_count);
    http_stream_end(exchange);
}

static void drain_stream(struct http_exchange *exchange, void *context)
{
    struct app *app = context;
    change(app, &app->drain_count);
    http_stream_end(exchange);
}

static void begin_stream(struct app *app, struct http_exchange *exchange, int64_t length)
{
    const struct http_stream stream = {.on_writable = write_pieces,
                                       .on_closed = end_stream,
                                       .on_drain = drain_stream,
                                       .context = app};
    http_stream_begin(exchange, &(struct http_response){.status = 200}, length, &stream);
}

static void serve_pieces(struct app *app, struct http_exchange *exchange, int64_t length)
{
    http_exchange_set_user(exchange, arena_alloc(http_exchange_arena(exchange), sizeof(size_t)));
    begin_stream(app, exchange, length);
    write_pieces(exchange, NULL);
}

static void hello(struct app *app, struct http_exchange *exchange)
{
    (void)app;
    respond(exchange, 200, bytes_of_text("hello"));
}

static void echo(struct app *app, struct http_exchange *exchange)
{
    (void)app;
    respond(exchange, 200, http_exchange_body(exchange));
}

static void hold(struct app *app, struct http_exchange *exchange)
{
    pthread_mutex_lock(&app->lock);
    app->held[app->held_count++] = exchange;
    pthread_cond_broadcast(&app->changed);
    pthread_mutex_unlock(&app->lock);
}

static void empty(struct app *app, struct http_exchange *exchange)
{
    (void)app;
    respond(exchange, 204, bytes_of_text("never sent"));
}

static void injected(struct app *app, struct http_exchange *exchange)
{
    (void)app;
    const struct http_field field = {"X-Echo", "a\r\nX-Evil: b\r\n\r\nc"};
    http_exchange_respond(
        exchange, &(struct http_response){.status = 200, .fields = &field, .field_count = 1});
}

static void big(struct app *app, struct http_exchange *exchange)
{
    (void)app;
    respond(exchange, 200, bytes_of(big_body(), APP_BIG_BYTES));
}

static void download(struct app *app, struct http_exchange *exchange)
{
    serve_pieces(app, exchange, APP_BIG_BYTES);
}

static void chunks(struct app *app, struct http_exchange *exchange)
{
    serve_pieces(app, exchange, HTTP_LENGTH_UNKNOWN);
}

static void events(struct app *app, struct http_exchange *exchange)
{
    begin_stream(app, exchange, HTTP_LENGTH_UNKNOWN);
    const struct status status = http_stream_write(exchange, bytes_of_text("data: 1\n\n"));
    CHECK(status_ok(status));
    change(app, &app->begun_count);
}

static void break_promise(struct app *app, struct http_exchange *exchange)
{
    begin_stream(app, exchange, 10);
    const struct status status = http_stream_write(exchange, bytes_of_text("only7by"));
    CHECK(status_ok(status));
    http_stream_end(exchange);
}

static const struct {
    const char *path;
    void (*serve)(struct app *app, struct http_exchange *exchange);
} routes[] = {
    {"/hello", hello},   {"/echo", echo},           {"/limited", echo},
    {"/held", hold},     {"/empty", empty},         {"/injected", injected},
    {"/big", big},       {"/download", download},   {"/chunks", chunks},
    {"/events", events}, {"/short", break_promise},
};

static void on_head(struct http_exchange *exchange, void *context)
{
    (void)context;
    if (path_is(exchange, "/limited")) http_exchange_set_body_max(exchange, 10);
    if (path_is(exchange, "/guarded")) respond(exchange, 401, bytes_of_text("who?"));
}

static void on_request(struct http_exchange *exchange, void *context)
{
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (path_is(exchange, routes[i].path)) {
            routes[i].serve(context, exchange);
            return;
        }
    }
    respond(exchange, 404, bytes_of_text("nothing here"));
}

static void on_refusal(struct http_exchange *exchange, const struct http_refusal_info *refusal,
                       struct http_response *response, void *context)
{
    static const struct http_field fields[] = {{"Content-Type", "application/problem+json"}};
    const struct app *app = context;
    if (!app->refusals_in_json) return;
    char *text =
        arena_format(http_exchange_arena(exchange), "{\"reason\":\"%s\"}", refusal->reason);
    response->fields = fields;
    response->field_count = 1;
    response->body = bytes_of_text(text);
}

static void on_finished(struct http_exchange *exchange, const struct http_finished *finished,
                        void *context)
{
    struct app *app = context;
    const struct bytes path = http_exchange_head(exchange)->path;
    pthread_mutex_lock(&app->lock);
    if (app->finished_count < APP_FINISHED_MAX) {
        struct app_finished *entry = &app->finished[app->finished_count++];
        entry->finished = *finished;
        snprintf(entry->path, sizeof entry->path, "%.*s", (int)path.size,
                 path.data != NULL ? (const char *)path.data : "");
    }
    pthread_cond_broadcast(&app->changed);
    pthread_mutex_unlock(&app->lock);
}

void app_open(struct app *app, const struct http_config *config)
{
    memset(app, 0, sizeof *app);
    pthread_mutex_init(&app->lock, NULL);
    pthread_cond_init(&app->changed, NULL);
    app->handler = (struct http_handler){.on_head = on_head,
                                         .on_request = on_request,
                                         .on_refusal = on_refusal,
                                         .on_finished = on_finished,
                                         .context = app};
    const struct status status = http_server_open(config, &app->handler, &app->server);
    if (!status_ok(status)) fail_msg("%s", status.message);
}

void app_close(struct app *app)
{
    http_server_close(&app->server);
    http_server_close(&app->server); // Idempotent.
    pthread_mutex_destroy(&app->lock);
    pthread_cond_destroy(&app->changed);
}

uint16_t app_port(const struct app *app)
{
    return http_server_port(app->server);
}

void app_wait_counter(struct app *app, const size_t *counter, size_t value)
{
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 10;
    pthread_mutex_lock(&app->lock);
    int error = 0;
    while (*counter < value && error == 0)
        error = pthread_cond_timedwait(&app->changed, &app->lock, &deadline);
    pthread_mutex_unlock(&app->lock);
    assert_int_equal(error, 0);
}

void app_wait_held(struct app *app, size_t count)
{
    app_wait_counter(app, &app->held_count, count);
}

struct release {
    struct http_job job;
    struct http_exchange *exchange;
};

static void run_release(struct http_job *job)
{
    struct release *release = (struct release *)job;
    respond(release->exchange, 200, bytes_of_text("at last"));
    free(release);
}

void app_release(struct app *app)
{
    struct release *release = calloc(1, sizeof *release);
    assert_non_null(release);
    pthread_mutex_lock(&app->lock);
    CHECK(app->held_count > 0);
    release->exchange = app->held[0];
    memmove(app->held, app->held + 1, --app->held_count * sizeof app->held[0]);
    pthread_mutex_unlock(&app->lock);
    release->job.run = run_release;
    http_loop_post(http_exchange_loop(release->exchange), &release->job);
}

struct app_finished app_wait_finished(struct app *app, size_t index)
{
    app_wait_counter(app, &app->finished_count, index + 1);
    return app->finished[index];
}

void app_wait_nothing_inflight(struct app *app)
{
    for (int i = 0; i < 10000 && http_server_stats(app->server).exchanges_inflight > 0; i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_int_equal(http_server_stats(app->server).exchanges_inflight, 0);
}
