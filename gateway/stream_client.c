// One stream: who listens, from where, what is written, and what ends it.
#include "common/base/check.h"
#include "common/base/clock.h"
#include "gateway/stream_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_BYTES_MAX = 256 * 1024 }; // Then the loop's other work has its turn.

#define READ_RETRY_NS (500 * NS_PER_MS)
#define VOUCHED_NS (250 * NS_PER_MS)

static const char permission[] = "audit.read";

// ---- Ends ----------------------------------------------------------------------------------

static void refuse(struct stream_client *client, struct status status)
{
    client->state = STREAM_CLIENT_ENDED;
    stream_leave(client);
    gateway_refuse_local(client->request, status);
}

/// end says why in a comment, which readers of events pass over, and in the access log. The client
/// is gone when it returns.
static void end(struct stream_client *client, const char *comment, const char *reason)
{
    struct http_exchange *exchange = client->request->exchange;
    client->state = STREAM_CLIENT_ENDED;
    client->request->reason = reason;
    stream_leave(client);
    if (comment != NULL) {
        // A client that takes nothing more is not told; it sees the end.
        struct status status = http_stream_write(exchange, bytes_of_text(comment));
        (void)status;
    }
    http_stream_end(exchange);
}

static void on_closed(struct http_exchange *exchange, void *context)
{
    (void)exchange;
    end(context, NULL, NULL);
}

static void on_drain(struct http_exchange *exchange, void *context)
{
    (void)exchange;
    end(context, ": the gateway stops\n\n", NULL);
}

static void on_writable(struct http_exchange *exchange, void *context)
{
    (void)exchange;
    struct stream_client *client = context;
    client->is_blocked = false;
    stream_client_look(client);
}

// ---- The token -----------------------------------------------------------------------------

enum verdict {
    VERDICT_GO,
    VERDICT_HOLD, // Nobody can vouch for the token now.
    VERDICT_END,
};

static struct stream_client *client_of_check(struct http_job *job, struct status *ret_status)
{
    struct stream_check *check =
        (struct stream_check *)((char *)job - offsetof(struct stream_check, job));
    struct stream_client *client = check->asker;
    *ret_status = check->status;
    if (client != NULL) {
        client->check = NULL;
        if (status_ok(check->status)) {
            // Whom the streams are counted for never changes with a token.
            if (client->state == STREAM_CLIENT_OPENING) client->claims = check->claims;
            client->vouched_until_ns = clock_mono_ns() + VOUCHED_NS;
        }
    }
    key_wipe(check->token, sizeof check->token);
    free(check);
    return client;
}

static void ask_slowly(struct stream_client *client, void (*answered)(struct http_job *job))
{
    if (client->check != NULL) return;
    struct stream_check *check = calloc(1, sizeof *check);
    CHECK(check != NULL);
    check->job.run = answered;
    check->loop = client->loop->loop;
    check->asker = client;
    memcpy(check->token, client->token, strlen(client->token) + 1); // Measured when it was read.
    client->check = check;
    stream_checker_ask(client->streams->checker, check);
}

static void on_checked_again(struct http_job *job)
{
    struct status status;
    struct stream_client *client = client_of_check(job, &status);
    if (client == NULL || client->state != STREAM_CLIENT_OPEN) return;
    if (status.code == STATUS_UNAUTHENTICATED) {
        end(client, ": the token has ended\n\n", "TOKEN_REVOKED");
    } else if (status_ok(status)) {
        stream_client_look(client);
    }
}

static bool is_stale(struct status status)
{
    return status.code == STATUS_UNAVAILABLE && strcmp(status.reason, "IDENTITY_STALE") == 0;
}

/// judge is asked before anything of the log is handed on.
static enum verdict judge(struct stream_client *client, const char **ret_reason)
{
    const struct rpc_identity *identity = client->streams->config.identity;
    struct token_claims claims;
    struct status status =
        identity->authenticate(identity->context, bytes_of_text(client->token), &claims);
    if (is_stale(status)) {
        if (clock_mono_ns() >= client->vouched_until_ns) {
            ask_slowly(client, on_checked_again);
            return VERDICT_HOLD;
        }
    } else if (status.code == STATUS_UNAVAILABLE) {
        return VERDICT_HOLD;
    } else if (!status_ok(status)) {
        *ret_reason = status.reason;
        return VERDICT_END;
    }
    if (client->filter.is_cut) return VERDICT_GO;
    // What the roles grant may change while the token lives.
    *ret_reason = "PERMISSION_DENIED";
    bool may_read =
        identity->authorize(identity->context, &client->claims, permission) == RPC_SCOPE_ALL;
    return may_read ? VERDICT_GO : VERDICT_END;
}

// ---- Writing -------------------------------------------------------------------------------

enum written {
    WRITTEN,
    WRITE_BLOCKED, // Nothing was taken: the client reads too slowly for now.
    WRITE_GONE,    // The stream has ended, and its client with it.
};

static enum written write_text(struct stream_client *client, struct bytes text)
{
    struct status status = http_stream_write(client->request->exchange, text);
    if (status_ok(status)) {
        client->heartbeat_ns = clock_mono_ns() + client->streams->config.heartbeat_ms * NS_PER_MS;
        return WRITTEN;
    }
    if (status.code == STATUS_UNAVAILABLE) {
        end(client, NULL, NULL); // The engine does not say it twice.
        return WRITE_GONE;
    }
    client->is_blocked = true;
    return WRITE_BLOCKED;
}

static void on_read(struct http_job *job);

static void start_read(struct stream_client *client)
{
    struct stream_read *read = stream_read_make(client->cursor.next, &client->filter);
    read->job.run = on_read;
    read->loop = client->loop->loop;
    read->asker = client;
    client->read = read;
    client->cursor.is_reading = true;
    stream_reader_read(client->streams->reader, read);
}

/// deliver is false when the client is gone.
static bool deliver(struct stream_client *client)
{
    struct stream_cursor *cursor = &client->cursor;
    if (!cursor->is_reading && clock_mono_ns() < client->read_not_before_ns) return true;
    for (size_t bytes = 0; bytes < LOOK_BYTES_MAX;) {
        struct bytes text;
        enum written written;
        switch (stream_cursor_step(cursor, client->streams->ring, &client->filter, &text)) {
        case STREAM_WAIT:
            return true;
        case STREAM_READ:
            start_read(client);
            return true;
        case STREAM_WRITE:
            written = write_text(client, text);
            if (written == WRITE_GONE) return false;
            if (written == WRITE_BLOCKED) {
                stream_cursor_pause(cursor);
                return true;
            }
            metric_add(client->streams->events_total, stream_cursor_wrote(cursor));
            bytes += text.size;
            break;
        }
    }
    stream_wake(client->loop);
    return true;
}

static void look_at_open(struct stream_client *client)
{
    const char *reason = NULL;
    enum verdict verdict = judge(client, &reason);
    if (verdict == VERDICT_END) {
        end(client, ": the token has ended\n\n", reason);
    } else if (stream_reader_state(client->streams->reader).generation != client->generation) {
        end(client, ": the log is another one\n\n", "LOG_WENT_BACK");
    } else if (!client->is_blocked) {
        if (verdict == VERDICT_GO && !deliver(client)) return;
        if (!client->is_blocked && clock_mono_ns() >= client->heartbeat_ns)
            (void)write_text(client, bytes_of_text(": keep-alive\n\n"));
    }
}

// ---- The beginning -------------------------------------------------------------------------

static void open_stream(struct stream_client *client)
{
    static const struct http_stream callbacks = {
        .on_writable = on_writable, .on_closed = on_closed, .on_drain = on_drain};
    struct gateway_request *request = client->request;
    struct gateway *gateway = request->gateway;
    struct http_stream stream = callbacks;
    stream.context = client;
    const struct gateway_answer answer = {.status = 200,
                                          .content_type = request->method->produces,
                                          .cache_control = request->method->cache_control,
                                          .is_stream = true};
    client->state = STREAM_CLIENT_OPEN;
    gateway_respond_stream(request, &answer, &stream);
    if (http_exchange_head(request->exchange)->method == HTTP_METHOD_HEAD) {
        end(client, NULL, NULL);
    } else {
        if (write_text(client, bytes_of_text("retry: 2000\n\n")) == WRITTEN) look_at_open(client);
    }
    gateway_call_end(gateway);
}

/// probe: from a place that the ring does not know, the first read says whether it can be begun.
static void find_place(struct stream_client *client)
{
    struct gateway_streams *streams = client->streams;
    struct stream_cursor *cursor = &client->cursor;
    struct stream_reader_state reader = stream_reader_state(streams->reader);
    bool is_following = reader.follow == STREAM_FOLLOWING;
    if (cursor->is_reading) return;
    client->generation = reader.generation;
    if (!client->has_position && is_following) {
        cursor->next = stream_ring_end(streams->ring);
        open_stream(client);
    } else if (!client->has_position) {
        bool has_failed = reader.failures != client->failures_seen;
        if (has_failed || reader.follow == STREAM_STOPPED) refuse(client, reader.failure);
    } else if (is_following && stream_ring_knows(streams->ring, cursor->next)) {
        open_stream(client);
    } else {
        start_read(client);
    }
}

static void refuse_read(struct stream_client *client, const struct stream_read *read)
{
    struct rpc_client_call *call = &client->request->call;
    struct arena *arena = http_exchange_arena(client->request->exchange);
    if (strcmp(read->status.reason, "ENTRY_PRUNED") == 0) {
        const char *first = arena_format(arena, "%" PRIu64, read->first_index);
        call->details[0] =
            (struct rpc_detail){.key = "first_index", .value = first != NULL ? first : ""};
        call->detail_count = 1;
    }
    refuse(client, read->status);
}

static void take_read(struct stream_client *client, struct stream_read *read)
{
    bool is_opening = client->state == STREAM_CLIENT_OPENING;
    bool is_read = status_ok(read->status) && read->chunk != NULL;
    if (is_read && read->size >= client->cursor.next) {
        stream_cursor_take(&client->cursor, read->chunk);
        read->chunk = NULL;
        if (is_opening) {
            open_stream(client);
        } else {
            look_at_open(client);
        }
        return;
    }
    stream_cursor_fail(&client->cursor);
    client->read_not_before_ns = clock_mono_ns() + READ_RETRY_NS;
    bool is_pruned = !status_ok(read->status) && strcmp(read->status.reason, "ENTRY_PRUNED") == 0;
    if (is_opening && !status_ok(read->status)) {
        refuse_read(client, read);
    } else if (is_opening) {
        refuse(client, REFUSE(INVALID_ARGUMENT, LAST_EVENT_ID_INVALID,
                              "the log does not reach so far: this is an index of another one"));
    } else if (status_ok(read->status)) {
        end(client, ": the log is another one\n\n", "LOG_WENT_BACK");
    } else if (is_pruned) {
        end(client, ": the log does not keep what comes next\n\n", "ENTRY_PRUNED");
    } // Else the log is away: the next look tries again.
}

static void on_read(struct http_job *job)
{
    struct stream_read *read =
        (struct stream_read *)((char *)job - offsetof(struct stream_read, job));
    struct stream_client *client = read->asker;
    if (client != NULL) client->read = NULL;
    if (client != NULL && client->state != STREAM_CLIENT_ENDED) take_read(client, read);
    stream_read_free(&read);
}

/// admit: the caller is known now.
static void admit(struct stream_client *client)
{
    const struct rpc_identity *identity = client->streams->config.identity;
    const struct token_claims *claims = &client->claims;
    struct stream_filter *filter = &client->filter;
    bool may_read = identity->authorize(identity->context, claims, permission) == RPC_SCOPE_ALL;
    filter->viewer = claims->subject;
    filter->is_cut = !may_read;
    filter->is_own = filter->is_own || !may_read;
    struct status status = STATUS_SUCCESS;
    if (!claims->is_service && claims->aal == 0) { // As common/rpc/admission.c.
        status = REFUSE(PERMISSION_DENIED, INSUFFICIENT_AAL,
                        "the session must enrol its second factor first");
    } else if (claims->is_service && filter->is_own) {
        status = REFUSE(PERMISSION_DENIED, PERMISSION_DENIED, "no event concerns a service");
    } else {
        status = stream_enter(client);
    }
    if (!status_ok(status)) {
        refuse(client, status);
        return;
    }
    client->failures_seen = stream_reader_state(client->streams->reader).failures;
    find_place(client);
}

static void on_checked_first(struct http_job *job)
{
    struct status status;
    struct stream_client *client = client_of_check(job, &status);
    if (client == NULL) return;
    if (status_ok(status)) {
        admit(client);
    } else {
        refuse(client, status);
    }
}

void stream_client_begin(struct stream_client *client)
{
    const struct rpc_identity *identity = client->streams->config.identity;
    struct status status =
        identity->authenticate(identity->context, bytes_of_text(client->token), &client->claims);
    if (is_stale(status)) {
        ask_slowly(client, on_checked_first);
    } else if (status_ok(status)) {
        admit(client);
    } else {
        refuse(client, status);
    }
}

void stream_client_look(struct stream_client *client)
{
    switch (client->state) {
    case STREAM_CLIENT_OPENING:
        find_place(client);
        return;
    case STREAM_CLIENT_OPEN:
        look_at_open(client);
        return;
    case STREAM_CLIENT_ENDED:
        return;
    }
}
