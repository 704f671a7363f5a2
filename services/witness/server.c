#include "services/witness/server.h"

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/crypto/hash.h"
#include "gateway/http/server.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { DRAIN_MS = 5000, CONNECTIONS_MAX = 1024, PER_ADDRESS_MAX = 256 };

static const char text_plain[] = "text/plain; charset=utf-8";

struct witness_server {
    const struct witness_service *service;
    struct http_handler handler;
    struct http_server *http;
};

// ---- Answers -------------------------------------------------------------------------------

static void respond(struct http_exchange *exchange, unsigned status, const char *content_type,
                    struct bytes body)
{
    const struct http_field fields[] = {{"Content-Type", content_type},
                                        {"Cache-Control", "no-store"}};
    http_exchange_respond(exchange, &(struct http_response){.status = (uint16_t)status,
                                                            .fields = fields,
                                                            .field_count = 2,
                                                            .body = body});
}

static void respond_text(struct http_exchange *exchange, unsigned status, const char *text)
{
    respond(exchange, status, text_plain, bytes_of_text(text));
}

static void respond_not_allowed(struct http_exchange *exchange, const char *allowed)
{
    const struct http_field fields[] = {{"Content-Type", text_plain}, {"Allow", allowed}};
    http_exchange_respond(exchange,
                          &(struct http_response){.status = 405,
                                                  .fields = fields,
                                                  .field_count = 2,
                                                  .body = bytes_of_text("not with this method\n")});
}

static void refuse(struct http_exchange *exchange, struct status status)
{
    char *text =
        arena_format(http_exchange_arena(exchange), "%s (%s)\n", status.message, status.reason);
    respond_text(exchange, witness_core_http(status), text != NULL ? text : "refused\n");
}

// ---- add-checkpoint ------------------------------------------------------------------------

/// Lives in the exchange's arena.
struct submission {
    struct witness_call call;
    struct http_job job;
    struct http_exchange *exchange;
    char size_text[24];
};

// A signed checkpoint that does not follow from the last one may be proof that the log cheats: the
// whole of it is kept where the operator reads.
static void log_outcome(const struct submission *submission)
{
    const struct witness_call *call = &submission->call;
    const struct checkpoint *checkpoint = &call->request.checkpoint;
    if (status_ok(call->status)) {
        LOG_DEBUG("cosigned", LOG_TEXT("origin", checkpoint->origin),
                  LOG_U64("size", checkpoint->size));
        return;
    }
    unsigned http = witness_core_http(call->status);
    if (http == 422) {
        char *note = arena_text(http_exchange_arena(submission->exchange),
                                (const char *)call->request.note.data, call->request.note.size);
        LOG_WARN("a signed checkpoint is not consistent with the last one",
                 LOG_TEXT("reason", call->status.reason), LOG_TEXT("origin", checkpoint->origin),
                 LOG_U64("old", call->request.old_size), LOG_U64("last", call->size),
                 LOG_U64("size", checkpoint->size), LOG_TEXT("note", note));
        return;
    }
    // Anybody may send what no known log has signed: that is no news.
    LOG_AT(http == 409 || http == 503 ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, "not cosigned",
           LOG_TEXT("reason", call->status.reason),
           LOG_TEXT("peer", http_exchange_peer(submission->exchange)),
           LOG_TEXT("origin", checkpoint->origin), LOG_U64("old", call->request.old_size),
           LOG_U64("last", call->size), LOG_U64("size", checkpoint->size));
}

static void answer(struct http_job *job)
{
    struct submission *submission =
        (struct submission *)((char *)job - offsetof(struct submission, job));
    const struct witness_call *call = &submission->call;
    struct http_exchange *exchange = submission->exchange;
    log_outcome(submission);
    if (status_ok(call->status)) {
        respond(exchange, 200, text_plain, bytes_of(call->line, call->line_size));
        return;
    }
    if (call->status.code != STATUS_ABORTED) {
        refuse(exchange, call->status);
        return;
    }
    int size =
        snprintf(submission->size_text, sizeof submission->size_text, "%" PRIu64 "\n", call->size);
    CHECK(size > 0 && (size_t)size < sizeof submission->size_text);
    respond(exchange, 409, "text/x.tlog.size", bytes_of_text(submission->size_text));
}

static void come_back(struct witness_call *call)
{
    struct submission *submission =
        (struct submission *)((char *)call - offsetof(struct submission, call));
    http_loop_post(http_exchange_loop(submission->exchange), &submission->job);
}

static void add_checkpoint(struct witness_server *server, struct http_exchange *exchange)
{
    struct submission *submission = arena_alloc(http_exchange_arena(exchange), sizeof *submission);
    if (submission == NULL) {
        refuse(exchange, ARENA_STATUS_EXHAUSTED);
        return;
    }
    submission->exchange = exchange;
    submission->job.run = answer;
    submission->call.body = http_exchange_body(exchange);
    submission->call.done = come_back;
    witness_service_submit(server->service, &submission->call);
}

// ---- Reading -------------------------------------------------------------------------------

static void show_key(struct witness_server *server, struct http_exchange *exchange)
{
    char key[NOTE_VERIFIER_TEXT_BYTES];
    note_verifier_format(&server->service->verifier, key);
    char *text = arena_format(http_exchange_arena(exchange), "%s\n", key);
    respond_text(exchange, text != NULL ? 200 : 503, text != NULL ? text : "");
}

static void show_checkpoint(struct witness_server *server, struct http_exchange *exchange,
                            struct bytes origin_hash)
{
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    struct witness_state state;
    struct status status = store_snapshot_begin(server->service->store, &txn);
    if (status_ok(status)) status = witness_store_find(txn, origin_hash, &state);
    if (!status_ok(status)) {
        refuse(exchange, status);
        return;
    }
    const void *note = arena_copy(http_exchange_arena(exchange), state.note.data, state.note.size);
    if (note == NULL)
        refuse(exchange, ARENA_STATUS_EXHAUSTED);
    else
        respond(exchange, 200, text_plain, bytes_of(note, state.note.size));
}

// "/<64 lower-case hex digits>/checkpoint"
static bool is_checkpoint_path(struct bytes path, uint8_t ret_hash[static HASH_SHA256_BYTES])
{
    static const char behind[] = "/checkpoint";
    const size_t digits = 2 * HASH_SHA256_BYTES;
    if (path.size != 1 + digits + strlen(behind) || path.data[0] != '/') return false;
    if (memcmp(path.data + 1 + digits, behind, strlen(behind)) != 0) return false;
    for (size_t i = 1; i <= digits; i++)
        if (path.data[i] >= 'A' && path.data[i] <= 'F') return false;
    return hex_decode((const char *)path.data + 1, digits, ret_hash, HASH_SHA256_BYTES);
}

// ---- Routes --------------------------------------------------------------------------------

static void on_request(struct http_exchange *exchange, void *context)
{
    struct witness_server *server = context;
    const struct http_head *head = http_exchange_head(exchange);
    bool is_read = head->method == HTTP_METHOD_GET || head->method == HTTP_METHOD_HEAD;
    bool is_post = head->method == HTTP_METHOD_POST;
    uint8_t hash[HASH_SHA256_BYTES];
    bool is_add = bytes_equal(head->path, bytes_of_text("/add-checkpoint"));
    bool is_key = bytes_equal(head->path, bytes_of_text("/verifier-key"));
    bool is_checkpoint = is_checkpoint_path(head->path, hash);
    if (!is_add && !is_key && !is_checkpoint)
        respond_text(exchange, 404, "there is nothing here\n");
    else if (is_add ? !is_post : !is_read)
        respond_not_allowed(exchange, is_add ? "POST" : "GET, HEAD");
    else if (is_add)
        add_checkpoint(server, exchange);
    else if (is_key)
        show_key(server, exchange);
    else
        show_checkpoint(server, exchange, bytes_of(hash, sizeof hash));
}

struct status witness_server_open(const struct witness_service *service, const char *address,
                                  uint16_t port, struct witness_server **ret)
{
    struct witness_server *server = calloc(1, sizeof *server);
    CHECK(server != NULL);
    server->service = service;
    struct http_config config = HTTP_CONFIG_DEFAULT;
    config.address = address;
    config.port = port;
    config.body_bytes_max = WITNESS_BODY_BYTES_MAX;
    config.connections_max = CONNECTIONS_MAX;
    config.per_address_max = PER_ADDRESS_MAX;
    server->handler = (struct http_handler){.on_request = on_request, .context = server};
    struct status status = http_server_open(&config, &server->handler, &server->http);
    if (!status_ok(status)) {
        free(server);
        return status;
    }
    *ret = server;
    return STATUS_SUCCESS;
}

uint16_t witness_server_port(const struct witness_server *server)
{
    return http_server_port(server->http);
}

void witness_server_drain(struct witness_server *server)
{
    if (!http_server_drain(server->http, DRAIN_MS)) LOG_WARN("requests in flight are cut off");
}

void witness_server_close(struct witness_server **server)
{
    if (*server == NULL) return;
    http_server_close(&(*server)->http);
    free(*server);
    *server = NULL;
}
