#include "tests/unit/audit/newsroom.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/rpc/pack.h"
#include "common/rpc/page.h"
#include "florin/auth/v1/auth.pb-c.h"
#include "florin/event/v1/event.pb-c.h"
#include "florin/kyc/v1/kyc.pb-c.h"
#include "florin/ledger/v1/ledger.pb-c.h"
#include "florin/type/v1/type.pb-c.h"

#include <unistd.h>

enum { ARENA_BYTES = 16 * 1024 * 1024, WAIT_MS = 20000, NEWS_MAX = 1000, INBOX_DAYS = 90 };

struct newsroom newsroom;

// ---- Life ----------------------------------------------------------------------------------

void newsroom_start(void)
{
    struct fixture *fixture = newsroom.fixture;
    struct audit_context *context = &newsroom.context;
    if (!fixture->is_open) assert_status_ok(open_log(fixture, ORIGIN));
    context->service = fixture->service;
    context->followers = audit_followers_open(fixture->store, fixture->service.tail);
    const struct audit_suspicion_config config = {
        .store = fixture->store,
        .office_hours = "06:00-22:00",
        .office_days = "1-5",
        .office_utc_offset = "+00:00",
        .structuring_limits = NEWSROOM_LIMITS,
        .network_key = {7},
    };
    assert_status_ok(
        audit_reports_open(&config, INBOX_DAYS, context->followers, &context->reports));
    assert_status_ok(audit_followers_start(context->followers));
}

void newsroom_stop(void)
{
    struct audit_context *context = &newsroom.context;
    if (context->followers == NULL) return;
    audit_tail_stop(newsroom.fixture->service.tail);
    audit_followers_stop(context->followers);
    close_log(newsroom.fixture);
    audit_followers_close(&context->followers);
    audit_reports_close(&context->reports);
}

int newsroom_setup(void **state)
{
    static const uint8_t page_key[32] = {1};
    page_open(page_key);
    setup(state);
    newsroom = (struct newsroom){.fixture = *state, .payloads = arena_open(ARENA_BYTES)};
    newsroom.call.arena = arena_open(ARENA_BYTES);
    newsroom_start();
    return 0;
}

int newsroom_teardown(void **state)
{
    newsroom_stop();
    arena_close(&newsroom.call.arena);
    arena_close(&newsroom.payloads);
    return teardown(state);
}

// ---- Events --------------------------------------------------------------------------------

static const char *or_empty(const char *text)
{
    return text != NULL ? text : "";
}

void newsroom_tell(const struct news *news, size_t count)
{
    static struct event_view views[NEWS_MAX];
    CHECK(count <= NEWS_MAX);
    for (size_t i = 0; i < count; i++) {
        views[i] = (struct event_view){
            .source = "test",
            .type = news[i].type,
            .subject = or_empty(news[i].subject),
            .actor = or_empty(news[i].actor),
            .request_id = "",
            .traceparent = "",
            .client_ip = or_empty(news[i].client_ip),
            .device_id = or_empty(news[i].device_id),
            .outcome = news[i].outcome != NULL ? news[i].outcome : "success",
            .reason = "",
            .seq = ++newsroom.seq,
            .time_ns = news[i].time_ns != 0 ? news[i].time_ns : clock_wall_ns(),
            .visible_to = (const char **)(uintptr_t)news[i].visible_to,
            .payload = news[i].payload,
        };
        while (views[i].visible_to_count < EVENT_VISIBLE_TO_MAX &&
               news[i].visible_to[views[i].visible_to_count] != NULL)
            views[i].visible_to_count++;
    }
    assert_status_ok(accept_views(newsroom.fixture, "test", FIXTURE_LOG_ID, views, count));
}

static bool is_settled(void)
{
    static const char *const names[] = {AUDIT_COUNTS_FOLLOWER, AUDIT_SUSPICION_FOLLOWER,
                                        AUDIT_INBOX_FOLLOWER};
    bool is_all = true;
    struct store_txn *txn = begin(newsroom.fixture);
    for (size_t i = 0; i < ROWS(names); i++) {
        uint64_t cursor;
        assert_status_ok(audit_follower_cursor(txn, names[i], &cursor));
        is_all &= cursor == audit_tail_size(newsroom.fixture->service.tail);
    }
    store_snapshot_end(&txn);
    return is_all;
}

void newsroom_settle(void)
{
    const char *detail;
    for (int i = 0; i < WAIT_MS && !is_settled(); i++) {
        if (!audit_followers_serving(newsroom.context.followers, &detail)) fail_msg("%s", detail);
        usleep(1000);
    }
    assert_true(is_settled());
}

struct id128 newsroom_user(unsigned digit)
{
    struct id128 id = {{0x01, 0x89, 0, 0, 0, 0, 0x70, 0, 0x80}};
    id.bytes[ID128_BYTES - 1] = (uint8_t)digit;
    return id;
}

size_t newsroom_told(const char *type)
{
    return newsroom_told_about(type, NULL);
}

size_t newsroom_told_about(const char *type, const char *subject)
{
    enum { OUTBOX_EVENTS = STORE_TABLE_EVENT_FIRST };

    size_t count = 0;
    struct store_txn *txn = begin(newsroom.fixture);
    struct store_cursor cursor;
    store_cursor_open(txn, OUTBOX_EVENTS, &cursor);
    for (bool more = store_cursor_first(&cursor); more; more = store_cursor_next(&cursor)) {
        Eventlog__Event *event =
            eventlog__event__unpack(NULL, cursor.value.size, cursor.value.data);
        assert_non_null(event);
        bool is_about = subject == NULL || strcmp(event->subject, subject) == 0;
        count += strcmp(event->type, type) == 0 && is_about;
        eventlog__event__free_unpacked(event, NULL);
    }
    store_cursor_close(&cursor);
    store_snapshot_end(&txn);
    return count;
}

// ---- Calls ---------------------------------------------------------------------------------

struct call_job {
    enum audit_method_index which;
    struct status refusal;
};

static struct status run_call(struct store_txn *txn, void *context)
{
    struct call_job *job = context;
    return audit_handlers[job->which](&newsroom.call, txn);
}

struct status newsroom_call(enum audit_method_index which, struct id128 user_id, void *request,
                            const void **ret_reply)
{
    struct rpc_call *call = &newsroom.call;
    struct arena *arena = call->arena;
    arena_reset(arena);
    *call = (struct rpc_call){.arena = arena,
                              .service = &newsroom.context,
                              .method = &audit_methods[which],
                              .request = request,
                              .is_authenticated = true,
                              .received_wall_ns = clock_wall_ns()};
    call->claims.subject = user_id;
    call->claims.is_service = id128_is_nil(user_id);
    struct status status;
    if (call->method->access == RPC_ACCESS_WRITE) {
        struct call_job job = {.which = which};
        status = store_write_wait(newsroom.fixture->store, run_call, &job);
    } else if (call->method->access == RPC_ACCESS_READ) {
        struct store_txn *txn = begin(newsroom.fixture);
        status = audit_handlers[which](call, txn);
        store_snapshot_end(&txn);
    } else {
        status = audit_handlers[which](call, NULL);
    }
    *ret_reply = call->reply;
    return status;
}

// ---- Payloads ------------------------------------------------------------------------------

static struct bytes pack(const void *message)
{
    struct bytes bytes;
    assert_status_ok(rpc_pack(message, newsroom.payloads, &bytes));
    return bytes;
}

static ProtobufCBinaryData lend(struct id128 *id)
{
    return (ProtobufCBinaryData){.data = id->bytes, .len = id128_is_nil(*id) ? 0 : ID128_BYTES};
}

struct bytes newsroom_transfer(struct id128 debit_account_id, struct id128 credit_account_id,
                               const char *currency, uint64_t amount)
{
    Ledger__TransferCreated event = LEDGER__TRANSFER_CREATED__INIT;
    Ledger__Transfer transfer = LEDGER__TRANSFER__INIT;
    Type__Uint128 number = TYPE__UINT128__INIT;
    number.low = amount;
    transfer.debit_account_id = lend(&debit_account_id);
    transfer.credit_account_id = lend(&credit_account_id);
    transfer.currency = text_of(currency);
    transfer.amount = &number;
    event.transfer = &transfer;
    return pack(&event);
}

struct bytes newsroom_account(struct id128 account_id, struct id128 owner_id)
{
    Ledger__AccountCreated event = LEDGER__ACCOUNT_CREATED__INIT;
    Ledger__Account account = LEDGER__ACCOUNT__INIT;
    account.id = lend(&account_id);
    account.owner_id = lend(&owner_id);
    event.account = &account;
    return pack(&event);
}

struct bytes newsroom_login(const char *risk)
{
    Auth__LoginAttempted event = AUTH__LOGIN_ATTEMPTED__INIT;
    char *term = text_of(risk);
    event.n_risk = risk != NULL;
    event.risk = &term;
    return pack(&event);
}

struct bytes newsroom_credential(const char *factor)
{
    Auth__CredentialChanged event = AUTH__CREDENTIAL_CHANGED__INIT;
    event.factor = text_of(factor);
    return pack(&event);
}

struct bytes newsroom_case(const char *decision)
{
    Kyc__CaseMoved event = KYC__CASE_MOVED__INIT;
    event.decision = text_of(decision);
    return pack(&event);
}

struct bytes newsroom_tier(const char *tier)
{
    Kyc__TierChanged event = KYC__TIER_CHANGED__INIT;
    event.tier = text_of(tier);
    return pack(&event);
}
