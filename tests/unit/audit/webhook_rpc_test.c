// The methods of webhooks as the executor calls them: who may what, what is answered, what is
// listed, what the outbox is told.
#include "common/base/log.h"
#include "common/event/wire.h"
#include "common/rpc/page.h"
#include "common/rpc/server.h"
#include "services/audit/convert_webhook.h"
#include "services/audit/rpc.h"
#include "tests/unit/audit/postroom.h"

enum { ARENA_BYTES = 8 * 1024 * 1024 };

/// A room, the handlers' context over it, and one call.
static struct stage {
    struct room *room;
    struct audit_context context;
    struct rpc_call call;
    enum audit_method_index which;
    bool may_read; // The caller holds audit.read.
    uint8_t id[ID128_BYTES];
} stage;

static enum rpc_scope authorize(void *unused, const struct token_claims *claims,
                                const char *permission)
{
    (void)unused, (void)claims;
    assert_string_equal(permission, "audit.read");
    return stage.may_read ? RPC_SCOPE_ALL : RPC_SCOPE_NONE;
}

static const struct rpc_identity identity = {.authorize = authorize};

static int setup_stage(void **state)
{
    static const uint8_t page_key[32] = {1};
    page_open(page_key);
    room_open(state);
    stage = (struct stage){.room = *state, .may_read = true};
    stage.context.webhooks = stage.room->webhooks;
    stage.call = (struct rpc_call){.arena = arena_open(ARENA_BYTES),
                                   .service = &stage.context,
                                   .identity = &identity,
                                   .is_authenticated = true,
                                   .claims = {.is_service = true},
                                   .request_id = "",
                                   .traceparent = "",
                                   .client_ip = "",
                                   .device_id = "",
                                   .received_wall_ns = stage.room->now_ns};
    return 0;
}

static int teardown_stage(void **state)
{
    arena_close(&stage.call.arena);
    return room_close(state);
}

static struct status run_write(struct store_txn *txn, void *unused)
{
    (void)unused;
    stage.call.reply = NULL;
    return audit_handlers[stage.which](&stage.call, txn);
}

// The reply lives until the next call.
static struct status call(enum audit_method_index which, void *request, const void **ret_reply)
{
    arena_reset(stage.call.arena);
    stage.which = which;
    stage.call.method = &audit_methods[which];
    stage.call.request = request;
    stage.call.violations.count = 0;
    struct status status;
    if (stage.call.method->access == RPC_ACCESS_WRITE) {
        status = store_write_wait(stage.room->fixture->store, run_write, NULL);
    } else {
        struct store_txn *txn = begin(stage.room->fixture);
        status = run_write(txn, NULL);
        store_snapshot_end(&txn);
    }
    *ret_reply = stage.call.reply;
    return status;
}

static ProtobufCBinaryData id_data(void)
{
    return (ProtobufCBinaryData){.data = stage.id, .len = sizeof stage.id};
}

static struct status create(const char *url, const char *type)
{
    Audit__CreateWebhookRequest request = AUDIT__CREATE_WEBHOOK_REQUEST__INIT;
    char *types[] = {text_of(type)};
    const Audit__Webhook *reply;
    request.url = text_of(url);
    request.types = types;
    request.n_types = 1;
    RETURN_IF_ERROR(call(AUDIT_CREATE_WEBHOOK, &request, (const void **)&reply));
    assert_int_equal(reply->id.len, sizeof stage.id);
    memcpy(stage.id, reply->id.data, sizeof stage.id);
    return STATUS_SUCCESS;
}

static struct status ask(enum audit_method_index which, const void **ret_reply)
{
    Audit__WebhookRequest request = AUDIT__WEBHOOK_REQUEST__INIT;
    request.id = id_data();
    return call(which, &request, ret_reply);
}

#define URL "https://erp.example.com/in?key=secret"

// ---- Tests ---------------------------------------------------------------------------------

static void test_the_secret_is_told_when_it_is_made_and_never_again(void **state)
{
    Audit__CreateWebhookRequest request = AUDIT__CREATE_WEBHOOK_REQUEST__INIT;
    Audit__RotateWebhookSecretRequest rotate = AUDIT__ROTATE_WEBHOOK_SECRET_REQUEST__INIT;
    const Audit__Webhook *reply;
    char first[AUDIT_WEBHOOK_SECRET_TEXT_BYTES];
    (void)state;
    request.url = text_of(URL);
    assert_status_ok(call(AUDIT_CREATE_WEBHOOK, &request, (const void **)&reply));
    assert_string_equal(reply->url, URL);
    assert_true(reply->enabled);
    assert_int_equal(reply->version, 1);
    assert_int_equal(reply->n_types, 0);
    assert_int_equal(reply->created_at, stage.room->now_ns);
    assert_memory_equal(reply->secret, "whsec_", 6);
    snprintf(first, sizeof first, "%s", reply->secret);
    memcpy(stage.id, reply->id.data, sizeof stage.id);

    assert_status_ok(ask(AUDIT_GET_WEBHOOK, (const void **)&reply));
    assert_string_equal(reply->secret, "");
    rotate.id = id_data();
    assert_status_ok(call(AUDIT_ROTATE_WEBHOOK_SECRET, &rotate, (const void **)&reply));
    assert_memory_equal(reply->secret, "whsec_", 6);
    assert_string_not_equal(reply->secret, first);
    assert_int_equal(reply->version, 2);
    assert_int_equal(reply->old_secret_until, stage.room->now_ns + DAY); // If nothing is said.
    assert_status_ok(ask(AUDIT_GET_WEBHOOK, (const void **)&reply));
    assert_string_equal(reply->secret, "");
    assert_int_equal(reply->old_secret_until, stage.room->now_ns + DAY);
    stage.call.received_wall_ns += DAY;
    assert_status_ok(ask(AUDIT_GET_WEBHOOK, (const void **)&reply));
    assert_int_equal(reply->old_secret_until, 0);
}

/// A change; mask "" is none, `description` stands for all that is harmless.
struct change {
    const char *mask[3];
    const char *url, *type;
    bool enabled;
    uint64_t if_match;
};

static struct status change(const struct change *asked, const Audit__Webhook **ret)
{
    Audit__UpdateWebhookRequest request = AUDIT__UPDATE_WEBHOOK_REQUEST__INIT;
    char *mask[3], *types[] = {text_of(asked->type != NULL ? asked->type : "")};
    request.id = id_data();
    request.if_match = asked->if_match;
    for (; request.n_update_mask < 3 && asked->mask[request.n_update_mask] != NULL;
         request.n_update_mask++)
        mask[request.n_update_mask] = text_of(asked->mask[request.n_update_mask]);
    request.update_mask = mask;
    request.url = text_of(asked->url != NULL ? asked->url : "");
    request.types = types;
    request.n_types = asked->type != NULL ? 1 : 0;
    request.description = text_of("ERP");
    request.enabled = asked->enabled;
    return call(AUDIT_UPDATE_WEBHOOK, &request, (const void **)ret);
}

static void test_changes(void **state)
{
    // clang-format off
    static const struct {
        const char *name;
        struct change change;
        const char *reason; // NULL: it is done.
    } rows[] = {
        {"its description",       {{"description"}, NULL, NULL, false, 1},                      NULL},
        {"an old version",        {{"description"}, NULL, NULL, false, 1},                      "VERSION_MISMATCH"},
        {"any version",           {{"description"}, NULL, NULL, false, RPC_ETAG_ANY},           NULL},
        {"its types",             {{"types"}, NULL, "kyc.*", false, 3},                         NULL},
        {"to all types",          {{"types"}, NULL, NULL, false, 4},                            NULL},
        {"its url",               {{"url"}, "https://b.example.com/", NULL, false, 5},          NULL},
        {"to another's network",  {{"url"}, "ftp://b.example.com/", NULL, false, 6},            "URL_NOT_ALLOWED"},
        {"to no type",            {{"types"}, NULL, "kyc.*.x", false, 6},                       "TYPE_PATTERN_INVALID"},
        {"off",                   {{"enabled"}, NULL, NULL, false, 6},                          NULL},
        {"on, and its types",     {{"enabled", "types"}, NULL, "*", true, 7},                   NULL},
        {"nothing",               {{NULL}, NULL, NULL, false, 8},                               NULL},
        {"its secret",            {{"secret"}, NULL, NULL, false, 9},                           "VALIDATION_FAILED"},
        {"twice the same",        {{"url", "url"}, URL, NULL, false, 9},                        "VALIDATION_FAILED"},
    };

    // clang-format on
    const Audit__Webhook *reply;
    (void)state;
    assert_status_ok(create(URL, "ledger.*"));
    uint64_t version = 1;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct status status = change(&rows[i].change, &reply);
        if (rows[i].reason != NULL) {
            if (status_ok(status) || strcmp(status.reason, rows[i].reason) != 0)
                fail_msg("%s", rows[i].name);
            continue;
        }
        if (!status_ok(status)) fail_msg("%s: %s", rows[i].name, status.reason);
        assert_int_equal(reply->version, ++version);
    }
    assert_status_ok(ask(AUDIT_GET_WEBHOOK, (const void **)&reply));
    assert_string_equal(reply->url, "https://b.example.com/");
    assert_string_equal(reply->description, "ERP");
    assert_int_equal(reply->n_types, 1);
    assert_string_equal(reply->types[0], "*");
    assert_true(reply->enabled);
}

static void test_who_may_not_read_the_log_has_it_sent_nowhere(void **state)
{
    static const struct {
        struct change change;
        bool is_allowed;
    } rows[] = {
        {{{"url"}, URL, NULL, false, RPC_ETAG_ANY}, false},
        {{{"types"}, NULL, "*", false, RPC_ETAG_ANY}, false},
        {{{"enabled"}, NULL, NULL, true, RPC_ETAG_ANY}, false},
        {{{"enabled"}, NULL, NULL, false, RPC_ETAG_ANY}, true}, // Off is always fine.
        {{{"description"}, NULL, NULL, false, RPC_ETAG_ANY}, true},
    };

    Audit__ReplayWebhookRequest replay = AUDIT__REPLAY_WEBHOOK_REQUEST__INIT;
    const void *reply;
    const Audit__Webhook *webhook;
    (void)state;
    assert_status_ok(create(URL, "ledger.*"));
    stage.may_read = false;
    assert_refused(create(URL, "ledger.*"), "PERMISSION_DENIED");
    assert_refused(ask(AUDIT_TEST_WEBHOOK, &reply), "PERMISSION_DENIED");
    replay.id = id_data();
    assert_refused(call(AUDIT_REPLAY_WEBHOOK, &replay, &reply), "PERMISSION_DENIED");
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct status status = change(&rows[i].change, &webhook);
        if (status_ok(status) != rows[i].is_allowed) fail_msg("row %zu", i);
    }
    assert_status_ok(ask(AUDIT_DELETE_WEBHOOK, &reply));
    assert_refused(ask(AUDIT_GET_WEBHOOK, &reply), "WEBHOOK_NOT_FOUND");
    assert_refused(ask(AUDIT_DELETE_WEBHOOK, &reply), "WEBHOOK_NOT_FOUND");
}

static void test_what_is_switched_off_is_neither_tested_nor_replayed(void **state)
{
    Audit__ReplayWebhookRequest replay = AUDIT__REPLAY_WEBHOOK_REQUEST__INIT;
    const void *reply;
    const Audit__Webhook *webhook;
    (void)state;
    assert_status_ok(create(URL, "ledger.*"));
    assert_status_ok(change(&(struct change){.mask = {"enabled"}, .if_match = 1}, &webhook));
    assert_string_equal(webhook->disabled_reason, "BY_USER");
    assert_refused(ask(AUDIT_TEST_WEBHOOK, &reply), "WEBHOOK_DISABLED");
    replay.id = id_data();
    assert_refused(call(AUDIT_REPLAY_WEBHOOK, &replay, &reply), "WEBHOOK_DISABLED");
}

static void test_lists(void **state)
{
    Audit__ListWebhooksRequest request = AUDIT__LIST_WEBHOOKS_REQUEST__INIT;
    const Audit__ListWebhooksResponse *reply;
    char token[512] = "", url[64];
    (void)state;
    for (int i = 0; i < 5; i++) {
        snprintf(url, sizeof url, "https://%d.example.com/", i);
        assert_status_ok(create(url, "ledger.*"));
    }
    request.page_size = 2;
    int expected = 5;
    do {
        request.page_token = token;
        assert_status_ok(call(AUDIT_LIST_WEBHOOKS, &request, (const void **)&reply));
        assert_true(reply->n_webhooks > 0);
        for (size_t i = 0; i < reply->n_webhooks; i++) { // Newest first.
            snprintf(url, sizeof url, "https://%d.example.com/", --expected);
            assert_string_equal(reply->webhooks[i]->url, url);
            assert_string_equal(reply->webhooks[i]->secret, "");
        }
        snprintf(token, sizeof token, "%s", reply->next_page_token);
    } while (token[0] != '\0');
    assert_int_equal(expected, 0);
}

static struct web_answer refuse_odd(struct room *room, const struct letter *letter)
{
    (void)room;
    bool is_odd = (letter->id[strlen(letter->id) - 1] - '0') % 2 == 0; // seq is index + 1.
    return (struct web_answer){is_odd ? "500 Oh" : "200 OK", "", NULL};
}

static size_t list_deliveries(const char *state, int32_t page_size)
{
    Audit__ListWebhookDeliveriesRequest request = AUDIT__LIST_WEBHOOK_DELIVERIES_REQUEST__INIT;
    const Audit__ListWebhookDeliveriesResponse *reply;
    char token[512] = "";
    size_t count = 0;
    uint64_t before = UINT64_MAX;
    request.id = id_data();
    request.state = text_of(state);
    request.page_size = page_size;
    do {
        request.page_token = token;
        assert_status_ok(call(AUDIT_LIST_WEBHOOK_DELIVERIES, &request, (const void **)&reply));
        for (size_t i = 0; i < reply->n_deliveries; i++) {
            const Audit__WebhookDelivery *delivery = reply->deliveries[i];
            assert_true(delivery->index < before);
            before = delivery->index;
            if (state[0] != '\0') assert_string_equal(delivery->state, state);
            assert_int_equal(delivery->attempts, 1);
            assert_int_equal(delivery->http_status, delivery->index % 2 == 1 ? 500 : 200);
            assert_memory_equal(delivery->message_id, "msg_", 4);
            count++;
        }
        snprintf(token, sizeof token, "%s", reply->next_page_token);
    } while (token[0] != '\0');
    return count;
}

static void test_what_was_posted_is_listed(void **state)
{
    struct room *room = stage.room;
    const void *reply;
    (void)state;
    struct id128 id = room_add(room, "in", NULL);
    memcpy(stage.id, id.bytes, sizeof stage.id);
    room_set_plan(room, refuse_odd, NULL);
    room_happen(room, 9);
    UNTIL(room, room_is_idle);
    static const int32_t page_sizes[] = {1, 4, 9, 0};
    for (size_t i = 0; i < ROWS(page_sizes); i++) {
        assert_int_equal(list_deliveries("", page_sizes[i]), 9);
        assert_int_equal(list_deliveries("WAITING", page_sizes[i]), 4);
        assert_int_equal(list_deliveries("DELIVERED", page_sizes[i]), 5);
        assert_int_equal(list_deliveries("DROPPED", page_sizes[i]), 0);
    }
    Audit__ListWebhookDeliveriesRequest request = AUDIT__LIST_WEBHOOK_DELIVERIES_REQUEST__INIT;
    request.id = id_data();
    request.state = text_of("SENT");
    assert_refused(call(AUDIT_LIST_WEBHOOK_DELIVERIES, &request, &reply), "VALIDATION_FAILED");
    request.state = text_of("");
    stage.id[0] ^= 1;
    assert_refused(call(AUDIT_LIST_WEBHOOK_DELIVERIES, &request, &reply), "WEBHOOK_NOT_FOUND");
}

static void test_a_test_message_is_answered_with_where_to_look(void **state)
{
    const Audit__WebhookDelivery *reply;
    (void)state;
    assert_status_ok(create("http://127.0.0.1:1/", "ledger.*"));
    assert_status_ok(ask(AUDIT_TEST_WEBHOOK, (const void **)&reply));
    assert_string_equal(reply->type, "webhook.test");
    assert_string_equal(reply->state, "WAITING");
    assert_memory_equal(reply->message_id, "test_", 5);
    assert_int_equal(reply->next_attempt_at, stage.room->now_ns);
}

// ---- What the log is told ------------------------------------------------------------------

/// told gives the newest event of the outbox.
static void told(struct event_view *ret)
{
    struct store_txn *txn = begin(stage.room->fixture);
    struct store_cursor cursor;
    store_cursor_open(txn, STORE_TABLE_EVENT_FIRST, &cursor);
    assert_true(store_cursor_last(&cursor));
    arena_reset(stage.call.arena);
    assert_status_ok(event_decode(cursor.value, stage.call.arena, ret));
    store_cursor_close(&cursor);
    store_snapshot_end(&txn);
}

static void check_told(const char *type, bool had_record, bool has_record)
{
    char subject[EVENT_NAME_BYTES];
    struct event_view event;
    told(&event);
    event_name("webhooks", id128_of(stage.id), subject);
    assert_string_equal(event.type, type);
    assert_string_equal(event.subject, subject);
    assert_int_equal(event.before_digest.size, had_record ? 32 : 0);
    assert_int_equal(event.after_digest.size, has_record ? 32 : 0);
    Audit__WebhookEvent *payload =
        audit__webhook_event__unpack(NULL, event.payload.size, event.payload.data);
    assert_non_null(payload);
    assert_string_equal(payload->url, "https://erp.example.com/in"); // Without its query.
    assert_memory_equal(payload->id.data, stage.id, sizeof stage.id);
    audit__webhook_event__free_unpacked(payload, NULL);
}

static void test_each_change_is_told_without_secrets(void **state)
{
    Audit__RotateWebhookSecretRequest rotate = AUDIT__ROTATE_WEBHOOK_SECRET_REQUEST__INIT;
    const Audit__Webhook *webhook;
    const void *reply;
    (void)state;
    assert_status_ok(create(URL, "ledger.*"));
    check_told("audit.webhook.created", false, true);
    assert_status_ok(change(&(struct change){.mask = {"description"}, .if_match = 1}, &webhook));
    check_told("audit.webhook.updated", true, true);
    rotate.id = id_data();
    assert_status_ok(call(AUDIT_ROTATE_WEBHOOK_SECRET, &rotate, &reply));
    check_told("audit.webhook.secret_rotated", true, true);
    assert_status_ok(ask(AUDIT_DELETE_WEBHOOK, &reply));
    check_told("audit.webhook.deleted", true, false);
}

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
#define TEST(function_) cmocka_unit_test_setup_teardown(function_, setup_stage, teardown_stage)
    const struct CMUnitTest tests[] = {
        TEST(test_the_secret_is_told_when_it_is_made_and_never_again),
        TEST(test_changes),
        TEST(test_who_may_not_read_the_log_has_it_sent_nowhere),
        TEST(test_what_is_switched_off_is_neither_tested_nor_replayed),
        TEST(test_lists),
        TEST(test_what_was_posted_is_listed),
        TEST(test_a_test_message_is_answered_with_where_to_look),
        TEST(test_each_change_is_told_without_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
