#include "tests/unit/ledger/rpc_world.h"

#include "common/daemon/identity.h"
#include "common/event/wire.h"
#include "common/rpc/page.h"
#include "common/rpc/server.h"
#include "common/rpc/validate.h"
#include "florin/kyc/v1/kyc.pb-c.h"
#include "services/ledger/events.h"
#include "services/ledger/feed.h"

// ---- People -------------------------------------------------------------------------------------

static const struct {
    enum who who;
    const char *role;
} people[] = {
    {ASHA, "customer"},
    {RAVI, "customer"},
    {TELLER, "teller"},
    {TELLER_2, "teller"},
    {OFFICER, "compliance_officer"},
    {ADMIN, "admin"},
    {AUDITOR, "auditor"},
};

static struct token_claims claims_of(enum who who)
{
    struct token_claims claims = {.subject = id_of((uint8_t)who), .aal = 1};
    if (who == PAYMENTS) {
        claims = (struct token_claims){.is_service = true};
        snprintf(claims.service, sizeof claims.service, "payments");
        return claims;
    }
    for (size_t i = 0; i < ROWS(people); i++) {
        if (people[i].who != who) continue;
        claims.role_count = 1;
        snprintf(claims.roles[0], sizeof claims.roles[0], "%s", people[i].role);
    }
    return claims;
}

// A service may move money where the deployment says so; here it may all that a teller may.
static enum rpc_scope authorize(void *context, const struct token_claims *claims,
                                const char *permission)
{
    (void)context;
    struct token_claims tellers = claims_of(TELLER);
    return role_claims_scope(claims->is_service ? &tellers : claims, permission);
}

static const struct rpc_identity identity = {.authorize = authorize};

// ---- Calls --------------------------------------------------------------------------------------

// What the executor does: a committed refusal is OK to the store.
static struct status run_write(struct store_txn *txn, void *context)
{
    struct world *world = context;
    struct rpc_call *call = &world->call;
    world->answer = ledger_handlers[call->method - ledger_methods](call, txn);
    return call->refusal_committed ? STATUS_SUCCESS : world->answer;
}

static void open_call(struct world *world, enum who who, size_t method, void *request,
                      const char *key)
{
    world->call = (struct rpc_call){
        .method = &ledger_methods[method],
        .service = &world->fixture.service,
        .arena = world->arena,
        .request = request,
        .is_authenticated = true,
        .identity = &identity,
        .claims = claims_of(who),
        .scope = RPC_SCOPE_ALL,
        .idempotency_key = key,
        .access_token = "",
        .traceparent = "",
        .request_id = "req-1",
        .client_ip = "",
        .device_id = "",
    };
}

struct status call_as(struct world *world, enum who who, size_t method, void *request,
                      const char *key)
{
    struct rpc_call *call = &world->call;
    open_call(world, who, method, request, key);
    if (!call->method->any_user) {
        call->scope = who == PAYMENTS ? RPC_SCOPE_ALL
                                      : authorize(NULL, &call->claims, call->method->permission);
        if (call->scope == RPC_SCOPE_NONE)
            return REFUSE(PERMISSION_DENIED, PERMISSION_DENIED, "not by this role");
    }
    RETURN_IF_ERROR(rpc_validate(call->method->request, request, world->arena, &call->violations));
    if (call->method->access == RPC_ACCESS_WRITE) {
        struct status status = store_write_wait(world->fixture.store, run_write, world);
        assert_int_equal(status_ok(status), status_ok(world->answer) || call->refusal_committed);
        return world->answer;
    }
    CLEANUP(end_read) struct store_txn *txn = NULL;
    if (call->method->access == RPC_ACCESS_READ) txn = read_store(&world->fixture);
    return ledger_handlers[method](call, txn);
}

const char *detail(const struct world *world, const char *key)
{
    for (size_t i = 0; i < world->call.detail_count; i++) {
        if (strcmp(world->call.details[i].key, key) == 0) return world->call.details[i].value;
    }
    return "";
}

const char *violation(struct world *world)
{
    if (world->call.violations.count == 0) return "";
    const struct rpc_violation *first = &world->call.violations.items[0];
    return arena_format(world->arena, "%s: %s", first->field, first->reason);
}

// ---- Messages -----------------------------------------------------------------------------------

ProtobufCBinaryData id_bytes(struct world *world, struct id128 id)
{
    uint8_t *copy = arena_copy(world->arena, id.bytes, ID128_BYTES);
    return (ProtobufCBinaryData){.len = ID128_BYTES, .data = copy};
}

Type__Uint128 *amount_of(struct world *world, u128 amount)
{
    Type__Uint128 *message = arena_alloc(world->arena, sizeof *message);
    type__uint128__init(message);
    message->high = u128_high(amount);
    message->low = u128_low(amount);
    return message;
}

Type__Int128 *signed_of(struct world *world, i128 amount)
{
    Type__Int128 *message = arena_alloc(world->arena, sizeof *message);
    type__int128__init(message);
    message->high = u128_high((u128)amount);
    message->low = u128_low((u128)amount);
    return message;
}

u128 amount_in(const Type__Uint128 *amount)
{
    assert_non_null(amount);
    return u128_of(amount->high, amount->low);
}

i128 signed_in(const Type__Int128 *amount)
{
    assert_non_null(amount);
    return (i128)u128_of(amount->high, amount->low);
}

struct status create_account(struct world *world, enum who who, uint8_t id, uint8_t owner,
                             const char *name)
{
    Ledger__CreateAccountRequest request = LEDGER__CREATE_ACCOUNT_REQUEST__INIT;
    request.id = id_bytes(world, id_of(id));
    if (owner != 0) request.owner_id = id_bytes(world, id_of(owner));
    request.currency = text_of("INR");
    request.name = text_of(name);
    return call_as(world, who, LEDGER_CREATE_ACCOUNT, &request, "");
}

struct status deposit(struct world *world, enum who who, struct id128 id, uint8_t account,
                      u128 amount, const char *key)
{
    Ledger__MoveCashRequest request = LEDGER__MOVE_CASH_REQUEST__INIT;
    request.account_id = id_bytes(world, id_of(account));
    if (!id128_is_nil(id)) request.id = id_bytes(world, id);
    request.amount = amount_of(world, amount);
    return call_as(world, who, LEDGER_DEPOSIT, &request, key);
}

Ledger__CreateTransferRequest *transfer_request(struct world *world, struct id128 id, uint8_t debit,
                                                uint8_t credit, u128 amount)
{
    Ledger__CreateTransferRequest *request = arena_alloc(world->arena, sizeof *request);
    ledger__create_transfer_request__init(request);
    if (!id128_is_nil(id)) request->id = id_bytes(world, id);
    if (debit != 0) request->debit_account_id = id_bytes(world, id_of(debit));
    if (credit != 0) request->credit_account_id = id_bytes(world, id_of(credit));
    if (amount != 0) request->amount = amount_of(world, amount);
    if (debit != 0 || credit != 0) request->currency = text_of("INR");
    return request;
}

struct status transfer(struct world *world, enum who who, struct id128 id, uint8_t debit,
                       uint8_t credit, u128 amount, const char *key)
{
    Ledger__CreateTransferRequest *request = transfer_request(world, id, debit, credit, amount);
    request->description = text_of("rent");
    return call_as(world, who, LEDGER_CREATE_TRANSFER, request, key);
}

struct status hold(struct world *world, enum who who, struct id128 id, uint8_t debit,
                   uint8_t credit, u128 amount, uint32_t timeout_seconds)
{
    Ledger__CreateTransferRequest *request = transfer_request(world, id, debit, credit, amount);
    request->kind = LEDGER__TRANSFER_KIND__PENDING;
    request->timeout_seconds = timeout_seconds;
    return call_as(world, who, LEDGER_CREATE_TRANSFER, request, "");
}

struct status tell_tier(struct world *world, uint8_t owner, const char *tier, uint64_t version,
                        uint64_t seq)
{
    Kyc__TierChanged message = KYC__TIER_CHANGED__INIT;
    message.customer_id = id_bytes(world, id_of(owner));
    message.tier = text_of(tier);
    message.version = version;
    uint8_t payload[128];
    size_t size = kyc__tier_changed__pack(&message, payload);
    struct event_view event = {.source = "kyc",
                               .type = "kyc.tier.changed",
                               .actor = "users/checker",
                               .request_id = "req-9",
                               .seq = seq,
                               .payload = bytes_of(payload, size)};
    return ledger_feed_handle(&world->fixture.service, &event, 1, KYC_LOG);
}

// ---- Events -------------------------------------------------------------------------------------

struct event_seen event_at(struct world *world, size_t back)
{
    CLEANUP(end_read) struct store_txn *txn = read_store(&world->fixture);
    struct store_cursor cursor;
    struct event_view view;
    store_cursor_open(txn, STORE_TABLE_EVENT_FIRST, &cursor);
    assert_true(store_cursor_last(&cursor));
    for (; back > 0; back--)
        assert_true(store_cursor_prev(&cursor));
    uint8_t *packed = arena_copy(world->arena, cursor.value.data, cursor.value.size);
    assert_status_ok(event_decode(bytes_of(packed, cursor.value.size), world->arena, &view));
    store_cursor_close(&cursor);
    return (struct event_seen){.type = view.type,
                               .subject = view.subject,
                               .actor = view.actor,
                               .request_id = view.request_id,
                               .outcome = view.outcome,
                               .reason = view.reason,
                               .visible_to_count = view.visible_to_count,
                               .payload = view.payload};
}

void assert_newest_event(struct world *world, const char *type, const char *outcome,
                         const char *reason, size_t visible_to_count)
{
    struct event_seen event = event_at(world, 0);
    assert_string_equal(event.type, type);
    assert_string_equal(event.outcome, outcome);
    assert_string_equal(event.reason != NULL ? event.reason : "", reason);
    assert_int_equal(event.visible_to_count, visible_to_count);
}

// ---- Set-up -------------------------------------------------------------------------------------

int world_setup(void **state)
{
    static const uint8_t page_key[32] = {1};
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    make_fixture(&world->fixture);
    world->fixture.beside = &event_store_schema;
    open_fixture(&world->fixture);
    world->fixture.service.announce = ledger_events_announce;
    world->fixture.service.four_eyes_above = 100000;
    assert_status_ok(event_outbox_open(world->fixture.store, "ledger", &world->outbox));
    world->arena = arena_open((size_t)256 << 20);
    page_open(page_key);
    assert_status_ok(create_account(world, ASHA, ASHAS, 0, "Everyday"));
    assert_status_ok(create_account(world, TELLER, RAVIS, RAVI, ""));
    assert_status_ok(tell_tier(world, ASHA, "T3", 1, 1));
    assert_status_ok(tell_tier(world, RAVI, "T1", 1, 2));
    *state = world;
    return 0;
}

int world_teardown(void **state)
{
    struct world *world = *state;
    close_fixture(&world->fixture);
    event_outbox_close(&world->outbox); // After the store.
    remove_fixture(&world->fixture);
    arena_close(&world->arena);
    free(world);
    return 0;
}
