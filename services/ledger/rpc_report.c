#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/rpc/page.h"
#include "florin/ledger/v1/ledger.pb-c.h"
#include "services/ledger/rpc_handlers.h"

#include <string.h>

// ---- Statements ---------------------------------------------------------------------------------

/// A statement's account, and the statement: of the call's arena.
struct report {
    struct ledger_account account;
    struct ledger_details details;
    struct ledger_statement statement;
};

/// Up to when the books must be final. A period that is over: until its end. One that reaches up to
/// now ends with what is final, which must not be before it begins: it may begin where a statement
/// made just now ended. A page that goes on ends where the first one said, which was final then and
/// so is for ever.
static uint64_t wanted_ns(const struct ledger_statement_query *query, uint64_t now_ns)
{
    if (query->start_index != 0) return 0;
    if (query->to_ns != 0 && query->to_ns <= now_ns) return query->to_ns - 1;
    return query->from_ns <= now_ns ? query->from_ns : 0; // The future is refused as such.
}

static struct status open_period(struct rpc_call *call, struct store_txn *txn,
                                 struct ledger_statement_query *query)
{
    uint64_t final_ns = wanted_ns(query, clock_wall_ns());
    RETURN_IF_ERROR(ledger_rpc_settled(call, txn, final_ns, &query->settled_ns));
    bool goes_on = query->start_index != 0;
    if (goes_on && query->settled_ns < query->to_ns) query->settled_ns = query->to_ns;
    return STATUS_SUCCESS;
}

static struct status make_statement(struct rpc_call *call, struct store_txn *txn,
                                    struct ledger_statement_query *query, struct report **ret)
{
    const Ledger__GetStatementRequest *request = call->request;
    struct ledger_caller caller = ledger_convert_caller(call);
    struct report *report = arena_alloc(call->arena, sizeof *report);
    if (report == NULL) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(ledger_service_get_account(txn, &caller, ledger_convert_id(&request->id),
                                               &report->account));
    RETURN_IF_ERROR(ledger_store_get_details(txn, report->account.id, &report->details));
    RETURN_IF_ERROR(open_period(call, txn, query));
    RETURN_IF_ERROR(ledger_statement_make(txn, &report->account, &report->details, query,
                                          call->arena, &report->statement));
    *ret = report;
    return STATUS_SUCCESS;
}

/// Where the next page goes on: the entry, and where the statement ends, which must not move while
/// a client turns its pages.
enum { POSITION_BYTES = 16 };

struct filter { // Of page tokens.
    struct id128 account_id;
    uint64_t from_ns, to_ns;
};

static struct status open_page(struct rpc_call *call, const struct filter *filter,
                               struct ledger_statement_query *ret)
{
    const Ledger__GetStatementRequest *request = call->request;
    struct bytes position;
    *ret = (struct ledger_statement_query){.from_ns = request->from, .to_ns = request->to};
    RETURN_IF_ERROR(page_size_resolve(call, request->page_size, &ret->size));
    RETURN_IF_ERROR(
        page_token_open(call, request->page_token, bytes_of(filter, sizeof *filter), &position));
    if (position.size == 0) return STATUS_SUCCESS;
    CHECK(position.size == POSITION_BYTES); // Sealed: only ours come back.
    ret->start_index = get_u64_be(position.data);
    ret->to_ns = get_u64_be(position.data + 8);
    return STATUS_SUCCESS;
}

struct status ledger_rpc_get_statement(struct rpc_call *call, struct store_txn *txn)
{
    const Ledger__GetStatementRequest *request = call->request;
    struct filter filter = {ledger_convert_id(&request->id), request->from, request->to};
    struct ledger_statement_query query;
    struct report *report;
    RETURN_IF_ERROR(open_page(call, &filter, &query));
    RETURN_IF_ERROR(make_statement(call, txn, &query, &report));
    const struct ledger_statement *statement = &report->statement;
    const char *next = "";
    if (statement->next_index != 0) {
        uint8_t position[POSITION_BYTES];
        put_u64_be(position, statement->next_index);
        put_u64_be(position + 8, statement->to_ns);
        next = page_token_make(call, bytes_of(&filter, sizeof filter),
                               bytes_of(position, sizeof position));
        if (next == NULL) return ARENA_STATUS_EXHAUSTED;
    }
    return rpc_call_reply(call, ledger_convert_statement(call, statement, next));
}

typedef struct status (*format)(const struct ledger_statement *statement, struct arena *arena,
                                struct bytes *ret);

/// The whole period at once takes long enough to be a POOL method, with a snapshot of its own.
static struct status reply_formatted(struct rpc_call *call, format write, const char *content_type)
{
    const Ledger__GetStatementRequest *request = call->request;
    const struct ledger_service *service = call->service;
    // Size 0: all of it.
    struct ledger_statement_query query = {.from_ns = request->from, .to_ns = request->to};
    struct Google__Api__HttpBody *body;
    struct report *report;
    struct bytes text;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    RETURN_IF_ERROR(store_snapshot_begin(service->store, &txn));
    RETURN_IF_ERROR(make_statement(call, txn, &query, &report));
    RETURN_IF_ERROR(write(&report->statement, call->arena, &text));
    RETURN_IF_ERROR(ledger_convert_body(call, content_type, text, &body));
    return rpc_call_reply(call, body);
}

struct status ledger_rpc_get_statement_csv(struct rpc_call *call, struct store_txn *txn)
{
    CHECK(txn == NULL);
    return reply_formatted(call, ledger_statement_csv, "text/csv; charset=utf-8; header=present");
}

struct status ledger_rpc_get_statement_camt053(struct rpc_call *call, struct store_txn *txn)
{
    CHECK(txn == NULL);
    return reply_formatted(call, ledger_statement_camt053, "application/xml");
}

// ---- Trial balance ------------------------------------------------------------------------------

struct status ledger_rpc_get_trial_balance(struct rpc_call *call, struct store_txn *txn)
{
    const Ledger__GetTrialBalanceRequest *request = call->request;
    struct ledger_trial trial;
    struct Ledger__TrialBalance *message;
    uint64_t at_ns = request->at, settled_ns;
    RETURN_IF_ERROR(ledger_convert_at(call, txn, "at", at_ns, clock_wall_ns()));
    RETURN_IF_ERROR(ledger_rpc_settled(call, txn, at_ns, &settled_ns));
    if (at_ns == 0) {
        at_ns = settled_ns;
        RETURN_IF_ERROR(ledger_totals_now(txn, call->arena, &trial));
    } else {
        RETURN_IF_ERROR(ledger_totals_at(txn, call->arena, at_ns, &trial));
    }
    RETURN_IF_ERROR(ledger_convert_trial(call, txn, at_ns, &trial, &message));
    return rpc_call_reply(call, message);
}
