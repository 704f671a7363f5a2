#include "tests/unit/audit/postroom.h"

#include "common/base/check.h"
#include "common/base/clock.h"

#include <signal.h>

// ---- The receiver --------------------------------------------------------------------------

static void take_type(const char *body, char *ret, size_t ret_bytes)
{
    static const char before[] = "{\"type\":\"";
    CHECK(strncmp(body, before, sizeof before - 1) == 0);
    body += sizeof before - 1;
    snprintf(ret, ret_bytes, "%.*s", (int)strcspn(body, "\""), body);
}

static struct web_answer answer(void *context, size_t number, const struct web_received *received)
{
    struct room *room = context;
    (void)number;
    pthread_mutex_lock(&room->lock);
    CHECK(room->letter_count < ROOM_LETTERS_MAX);
    struct letter *letter = &room->letters[room->letter_count++];
    CHECK(sscanf(received->head, "POST /%31s HTTP/1.1", letter->path) == 1);
    web_received_header(received, "webhook-id", letter->id, sizeof letter->id);
    web_received_header(received, "webhook-timestamp", letter->timestamp, sizeof letter->timestamp);
    web_received_header(received, "webhook-signature", letter->signature, sizeof letter->signature);
    web_received_header(received, "User-Agent", letter->agent, sizeof letter->agent);
    take_type(received->body, letter->type, sizeof letter->type);
    letter->body = strdup(received->body);
    struct web_answer said = {"200 OK", "", NULL};
    if (room->plan != NULL) said = room->plan(room, letter);
    pthread_mutex_unlock(&room->lock);
    return said;
}

void room_set_plan(struct room *room, room_plan plan, void *context)
{
    pthread_mutex_lock(&room->lock);
    room->plan = plan;
    room->plan_context = context;
    pthread_mutex_unlock(&room->lock);
}

// ---- Opening and closing -------------------------------------------------------------------

static void open_webhooks(struct room *room)
{
    room->config.store = room->fixture->store;
    room->config.tail = room->fixture->service.tail;
    assert_status_ok(audit_webhooks_open(&room->config, &room->webhooks));
}

int room_open(void **state)
{
    signal(SIGPIPE, SIG_IGN); // As the daemon does.
    void *fixture = NULL;
    setup(&fixture);
    struct room *room = calloc(1, sizeof *room);
    assert_non_null(room);
    room->fixture = fixture;
    room->now_ns = 1800000000 * S;
    pthread_mutex_init(&room->lock, NULL);
    room->web = web_peer_open(NULL);
    web_peer_set_answerer(room->web, answer, room);
    room->config = (struct audit_webhooks_config){
        .keys_directory = room->fixture->keys_path,
        .private_addresses = true,
        .plain_http = true,
        .tls_ca_file = "",
        .timeout_ms = ROOM_LONG_MS,
    };
    open_webhooks(room);
    *state = room;
    return 0;
}

int room_close(void **state)
{
    struct room *room = *state;
    void *fixture = room->fixture;
    audit_webhooks_stop(room->webhooks);
    store_close(&room->fixture->store);
    audit_webhooks_close(&room->webhooks);
    web_peer_close(&room->web);
    for (size_t i = 0; i < room->letter_count; i++)
        free(room->letters[i].body);
    pthread_mutex_destroy(&room->lock);
    free(room);
    return teardown(&fixture);
}

void room_reopen(struct room *room)
{
    store_close(&room->fixture->store); // As the daemon does: the store before the parts.
    audit_webhooks_close(&room->webhooks);
    reopen_log(room->fixture);
    open_webhooks(room);
}

// ---- Use cases -----------------------------------------------------------------------------

struct job {
    struct room *room;
    struct id128 id;
    const char *url, *type;
    const struct audit_webhook_asked *asked;
    uint64_t overlap_ns, from, to, index;
    char secret[AUDIT_WEBHOOK_SECRET_TEXT_BYTES];
    struct arena *arena;
};

static struct status run_job(struct room *room,
                             struct status (*run)(struct store_txn *txn, void *context),
                             struct job *job)
{
    job->room = room;
    job->arena = arena_open(1024 * 1024);
    struct status status = store_write_wait(room->fixture->store, run, job);
    arena_close(&job->arena);
    return status;
}

static struct status run_add(struct store_txn *txn, void *context)
{
    struct job *job = context;
    struct audit_webhook_view view;
    struct bytes type = bytes_of_text(job->type != NULL ? job->type : "");
    struct audit_webhook_asked asked = {.has_url = true,
                                        .has_types = true,
                                        .url = bytes_of_text(job->url),
                                        .types = &type,
                                        .type_count = job->type != NULL ? 1 : 0};
    RETURN_IF_ERROR(audit_webhook_create(&job->room->webhooks->rules, txn, &asked,
                                         bytes_of_text("users/ops"), job->room->now_ns, &view,
                                         job->secret, job->arena));
    job->id = view.webhook.id;
    return STATUS_SUCCESS;
}

struct status room_add_url(struct room *room, const char *url, const char *type,
                           struct id128 *ret_id, char *ret_secret)
{
    struct job job = {.url = url, .type = type};
    RETURN_IF_ERROR(run_job(room, run_add, &job));
    if (ret_id != NULL) *ret_id = job.id;
    if (ret_secret != NULL) memcpy(ret_secret, job.secret, sizeof job.secret);
    return STATUS_SUCCESS;
}

struct id128 room_add(struct room *room, const char *path, const char *type)
{
    char url[128];
    struct id128 id;
    snprintf(url, sizeof url, "http://127.0.0.1:%u/%s", web_peer_port(room->web), path);
    assert_status_ok(room_add_url(room, url, type, &id, NULL));
    return id;
}

static struct status run_update(struct store_txn *txn, void *context)
{
    struct job *job = context;
    struct audit_webhook_view view;
    return audit_webhook_update(&job->room->webhooks->rules, txn, job->id, UINT64_MAX, job->asked,
                                job->arena, &view);
}

void room_update(struct room *room, struct id128 id, const struct audit_webhook_asked *asked)
{
    struct job job = {.id = id, .asked = asked};
    assert_status_ok(run_job(room, run_update, &job));
}

static struct status run_delete(struct store_txn *txn, void *context)
{
    struct job *job = context;
    struct audit_webhook webhook;
    return audit_webhook_delete(txn, job->id, job->arena, &webhook);
}

void room_delete(struct room *room, struct id128 id)
{
    struct job job = {.id = id};
    assert_status_ok(run_job(room, run_delete, &job));
}

static struct status run_rotate(struct store_txn *txn, void *context)
{
    struct job *job = context;
    struct audit_webhook_view view;
    return audit_webhook_rotate(&job->room->webhooks->rules, txn, job->id, job->overlap_ns,
                                job->room->now_ns, job->arena, &view, job->secret);
}

void room_rotate(struct room *room, struct id128 id, uint64_t overlap_ns,
                 char ret_secret[static AUDIT_WEBHOOK_SECRET_TEXT_BYTES])
{
    struct job job = {.id = id, .overlap_ns = overlap_ns};
    assert_status_ok(run_job(room, run_rotate, &job));
    memcpy(ret_secret, job.secret, sizeof job.secret);
}

static struct status run_trial(struct store_txn *txn, void *context)
{
    struct job *job = context;
    struct audit_delivery delivery;
    return audit_webhook_test(txn, job->id, job->room->now_ns, job->arena, &job->index, &delivery);
}

struct status room_test_again(struct room *room, struct id128 id)
{
    struct job job = {.id = id};
    return run_job(room, run_trial, &job);
}

uint64_t room_test(struct room *room, struct id128 id)
{
    struct job job = {.id = id};
    assert_status_ok(run_job(room, run_trial, &job));
    return job.index;
}

static struct status run_replay(struct store_txn *txn, void *context)
{
    struct job *job = context;
    uint64_t from, to;
    return audit_webhook_replay(txn, job->id, job->from, job->to, job->arena, &from, &to);
}

struct status room_replay(struct room *room, struct id128 id, uint64_t from, uint64_t to)
{
    struct job job = {.id = id, .from = from, .to = to};
    return run_job(room, run_replay, &job);
}

void room_happen(struct room *room, size_t count)
{
    while (count > 0) {
        size_t part = count < 1000 ? count : 1000;
        assert_status_ok(accept(room->fixture, "ledger", room->seq + 1, part));
        room->seq += part;
        count -= part;
    }
}

// ---- Turns ---------------------------------------------------------------------------------

void room_turn_until(struct room *room, bool (*holds)(struct room *room), const char *what)
{
    struct audit_webhook_worker *worker = room->webhooks->worker;
    uint64_t end_ns = clock_mono_ns() + ROOM_PUMP_MS * NS_PER_MS;
    while (!holds(room)) {
        if (clock_mono_ns() > end_ns) fail_msg("it never came to that: %s", what);
        uint64_t wait_ms = audit_webhook_worker_turn(worker, room->now_ns);
        if (!holds(room)) audit_webhook_worker_wait(worker, -1, wait_ms < 20 ? wait_ms : 20);
    }
}

bool room_is_idle(struct room *room)
{
    return audit_webhook_worker_turn(room->webhooks->worker, room->now_ns) > 0 &&
           audit_webhook_worker_in_flight(room->webhooks->worker) == 0;
}

void room_wait(struct room *room, uint64_t ns)
{
    room->now_ns += ns;
}

// ---- Looking -------------------------------------------------------------------------------

size_t room_letters(struct room *room, struct letter *ret_last)
{
    pthread_mutex_lock(&room->lock);
    size_t count = room->letter_count;
    if (ret_last != NULL && count > 0) *ret_last = room->letters[count - 1];
    pthread_mutex_unlock(&room->lock);
    return count;
}

size_t room_letters_of(struct room *room, const char *path)
{
    size_t count = 0;
    pthread_mutex_lock(&room->lock);
    for (size_t i = 0; i < room->letter_count; i++)
        count += strcmp(room->letters[i].path, path) == 0;
    pthread_mutex_unlock(&room->lock);
    return count;
}

void room_message_id(struct id128 id, uint64_t index,
                     char ret[static AUDIT_WEBHOOK_MESSAGE_ID_BYTES])
{
    audit_webhook_message_id(id, bytes_of_text("ledger"), index + 1, ret);
}

struct audit_delivery room_delivery(struct room *room, struct id128 id, uint64_t index)
{
    struct audit_delivery delivery;
    static struct audit_delivery_text text;
    struct store_txn *txn = begin(room->fixture);
    assert_status_ok(audit_store_get_delivery(txn, id, index, &delivery, &text));
    store_snapshot_end(&txn);
    return delivery;
}

size_t room_count(struct room *room, struct id128 id, enum audit_delivery_state state)
{
    size_t count = 0;
    bool found;
    struct audit_delivery_walk walk;
    struct store_txn *txn = begin(room->fixture);
    audit_store_walk_deliveries(txn, id, &walk);
    assert_status_ok(audit_delivery_walk_first(&walk, &found));
    while (found) {
        count += walk.delivery.state == state;
        assert_status_ok(audit_delivery_walk_next(&walk, &found));
    }
    audit_delivery_walk_close(&walk);
    store_snapshot_end(&txn);
    return count;
}

struct audit_webhook_progress room_progress(struct room *room, struct id128 id)
{
    struct audit_webhook_progress progress;
    struct store_txn *txn = begin(room->fixture);
    assert_status_ok(audit_store_get_progress(txn, id, &progress));
    store_snapshot_end(&txn);
    return progress;
}

enum audit_webhook_switch room_switch(struct room *room, struct id128 id)
{
    struct audit_webhook webhook;
    struct arena *arena = arena_open(64 * 1024);
    struct store_txn *txn = begin(room->fixture);
    assert_status_ok(audit_store_get_webhook(txn, id, arena, &webhook));
    store_snapshot_end(&txn);
    arena_close(&arena);
    return webhook.is_on;
}
