// Statements, trial balance, limits, exchange, kyc's tiers and verification as handlers answer
// them.
#include "google/api/httpbody.pb-c.h"
#include "services/ledger/feed.h"
#include "tests/unit/ledger/rpc_world.h"

#define HOUR_NS (UINT64_C(3600) * NS_PER_SECOND)

// ---- Statements ---------------------------------------------------------------------------------

static struct status get_statement(struct world *world, enum who who, size_t method, uint64_t from,
                                   uint64_t to, int32_t page_size, char *page_token)
{
    Ledger__GetStatementRequest get = LEDGER__GET_STATEMENT_REQUEST__INIT;
    get.id = id_bytes(world, id_of(ASHAS));
    get.from = from;
    get.to = to;
    get.page_size = page_size;
    get.page_token = page_token;
    return call_as(world, who, method, &get, "");
}

/// Ten deposits of 1 to 10 an hour apart, and a hold that no statement shows.
static void make_entries(struct world *world)
{
    for (uint8_t i = 1; i <= 10; i++) {
        clock_test_advance(HOUR_NS);
        assert_status_ok(deposit(world, TELLER, id_of(i), ASHAS, i, ""));
        if (i == 5) assert_status_ok(hold(world, ASHA, id_of(0x55), ASHAS, RAVIS, 1, 0));
    }
}

static void test_a_statement_by_page(void **state)
{
    struct world *world = *state;
    make_entries(world);
    uint64_t from = TEST_BEGIN_NS + 2 * HOUR_NS; // Without the first deposit.
    char *token = text_of("");
    size_t seen = 0, pages = 0;
    uint64_t to = 0;
    do {
        assert_status_ok(get_statement(world, ASHA, LEDGER_GET_STATEMENT, from, 0, 4, token));
        const Ledger__Statement *page = REPLY(world, Ledger__Statement);
        if (pages++ == 0) { // What comes in meanwhile is not of this statement.
            to = page->to;
            assert_status_ok(deposit(world, TELLER, id_of(0x70), ASHAS, 1000, ""));
            clock_test_advance(HOUR_NS);
        }
        assert_int_equal(page->from, from);
        assert_int_equal(page->to, to);
        assert_int_equal(signed_in(page->opening_balance), 1);
        assert_int_equal(signed_in(page->closing_balance), 55);
        assert_int_equal(amount_in(page->total_credits), 54);
        assert_int_equal(amount_in(page->total_debits), 0);
        assert_string_equal(page->currency, "INR");
        assert_string_equal(page->name, "Everyday");
        for (size_t i = 0; i < page->n_entries; i++, seen++) { // Oldest first.
            const Ledger__StatementEntry *entry = page->entries[i];
            assert_int_equal(amount_in(entry->amount), seen + 2);
            assert_int_equal(entry->direction, LEDGER__SIDE__CREDIT);
            assert_int_equal(signed_in(entry->balance_after), (seen + 2) * (seen + 3) / 2);
            assert_int_equal(entry->effective_at, entry->booked_at);
            assert_int_equal(entry->counterparty_account_id.len, ID128_BYTES);
        }
        token = page->next_page_token;
    } while (token[0] != '\0');
    assert_int_equal(seen, 9);
    assert_int_equal(pages, 3);
}

static void test_statements_join_and_refuse(void **state)
{
    struct world *world = *state;
    make_entries(world);
    uint64_t middle = TEST_BEGIN_NS + 5 * HOUR_NS, late = TEST_BEGIN_NS + 99 * HOUR_NS;
    char *none = text_of("");
    assert_status_ok(get_statement(world, ASHA, LEDGER_GET_STATEMENT, 0, middle, 0, none));
    i128 closing = signed_in(REPLY(world, Ledger__Statement)->closing_balance);
    assert_int_equal(REPLY(world, Ledger__Statement)->n_entries, 4);
    assert_int_equal(REPLY(world, Ledger__Statement)->to, middle);
    assert_status_ok(get_statement(world, ASHA, LEDGER_GET_STATEMENT, middle, 0, 0, none));
    assert_int_equal(signed_in(REPLY(world, Ledger__Statement)->opening_balance), closing);
    assert_int_equal(REPLY(world, Ledger__Statement)->n_entries, 6);
    assert_status_ok(get_statement(world, ASHA, LEDGER_GET_STATEMENT, middle, late, 3, none));
    assert_true(REPLY(world, Ledger__Statement)->to < late); // Up to now.
    char *token = REPLY(world, Ledger__Statement)->next_page_token;
    assert_refused(get_statement(world, ASHA, LEDGER_GET_STATEMENT, middle, 0, 3, token),
                   "PAGE_TOKEN_INVALID");
    assert_refused(get_statement(world, ASHA, LEDGER_GET_STATEMENT, late, 0, 0, none),
                   "PERIOD_INVALID");
    assert_refused(get_statement(world, ASHA, LEDGER_GET_STATEMENT, middle, middle, 0, none),
                   "PERIOD_INVALID");
    assert_refused(get_statement(world, RAVI, LEDGER_GET_STATEMENT, 0, 0, 0, none),
                   "PERMISSION_DENIED");
    assert_refused(get_statement(world, ASHA, LEDGER_GET_STATEMENT, 0, 0, -1, none),
                   "VALIDATION_FAILED");

    // A period that ends with a hold that is due but not let go yet is not final.
    assert_status_ok(hold(world, ASHA, id_of(0x56), ASHAS, RAVIS, 1, 60));
    clock_test_advance(HOUR_NS);
    uint64_t end = TEST_BEGIN_NS + 11 * HOUR_NS;
    assert_refused(get_statement(world, ASHA, LEDGER_GET_STATEMENT, 0, end, 0, none),
                   "NOT_SETTLED");
    // Nor is one that begins behind it: the next statement after one that ended just now.
    assert_refused(get_statement(world, ASHA, LEDGER_GET_STATEMENT, end, 0, 0, none),
                   "NOT_SETTLED");
    assert_status_ok(get_statement(world, ASHA, LEDGER_GET_STATEMENT, 0, 0, 0, none));
}

static void test_statements_as_files(void **state)
{
    struct world *world = *state;
    make_entries(world);
    char *none = text_of("");

    static const struct {
        size_t method;
        const char *type, *begins, *holds;
    } rows[] = {
        {LEDGER_GET_STATEMENT_CSV, "text/csv; charset=utf-8; header=present", "booked_at,", "0.55"},
        {LEDGER_GET_STATEMENT_CAMT053, "application/xml", "<?xml", "camt.053.001.08"},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_status_ok(get_statement(world, ASHA, rows[i].method, 0, 0, 1, none));
        const Google__Api__HttpBody *body = REPLY(world, Google__Api__HttpBody);
        assert_string_equal(body->content_type, rows[i].type);
        const char *text = arena_text(world->arena, (const char *)body->data.data, body->data.len);
        assert_int_equal(strncmp(text, rows[i].begins, strlen(rows[i].begins)), 0);
        assert_non_null(strstr(text, rows[i].holds));
        assert_non_null(strstr(text, i == 0 ? "0a0a0a0a-0a0a" : "0a0a0a0a")); // The last one, too.
        assert_refused(get_statement(world, RAVI, rows[i].method, 0, 0, 0, none),
                       "PERMISSION_DENIED");
    }
}

// ---- Trial balance ------------------------------------------------------------------------------

static struct status get_trial(struct world *world, enum who who, uint64_t at)
{
    Ledger__GetTrialBalanceRequest get = LEDGER__GET_TRIAL_BALANCE_REQUEST__INIT;
    get.at = at;
    return call_as(world, who, LEDGER_GET_TRIAL_BALANCE, &get, "");
}

static void test_the_trial_balance_is_balanced(void **state)
{
    struct world *world = *state;
    make_entries(world);
    assert_refused(get_trial(world, TELLER, 0), "PERMISSION_DENIED");
    assert_refused(get_trial(world, AUDITOR, TEST_BEGIN_NS + 99 * HOUR_NS), "VALIDATION_FAILED");
    for (int then = 0; then < 2; then++) {
        uint64_t at = then ? TEST_BEGIN_NS + 4 * HOUR_NS + 1 : 0;
        assert_status_ok(get_trial(world, AUDITOR, at));
        const Ledger__TrialBalance *trial = REPLY(world, Ledger__TrialBalance);
        if (then) assert_int_equal(trial->at, at);
        assert_int_equal(trial->n_currencies, 1);
        const Ledger__TrialBalanceCurrency *rupees = trial->currencies[0];
        assert_string_equal(rupees->currency, "INR");
        assert_int_equal(rupees->exponent, 2);
        assert_int_equal(rupees->n_rows, 2);
        assert_int_equal(rupees->rows[0]->class_, LEDGER__ACCOUNT_CLASS__ASSET); // Cash.
        assert_int_equal(signed_in(rupees->rows[0]->balance), then ? 10 : 55);
        assert_int_equal(rupees->rows[1]->class_, LEDGER__ACCOUNT_CLASS__LIABILITY);
        assert_int_equal(signed_in(rupees->rows[1]->balance), then ? 10 : 55);
        assert_int_equal(amount_in(rupees->debits_posted), then ? 10 : 55);
        assert_int_equal(amount_in(rupees->credits_posted), then ? 10 : 55);
        assert_int_equal(amount_in(rupees->debits_pending), then ? 0 : 1);
        assert_int_equal(amount_in(rupees->credits_pending), then ? 0 : 1);
    }
}

// ---- Limits -------------------------------------------------------------------------------------

static struct status get_limits(struct world *world, enum who who, uint8_t owner)
{
    Ledger__GetLimitsRequest get = LEDGER__GET_LIMITS_REQUEST__INIT;
    get.owner_id = id_bytes(world, id_of(owner));
    return call_as(world, who, LEDGER_GET_LIMITS, &get, "");
}

static const Ledger__LimitInForce *find_limit(const Ledger__Limits *limits, const char *currency,
                                              const char *name)
{
    for (size_t i = 0; i < limits->n_limits; i++) {
        const Ledger__LimitInForce *limit = limits->limits[i];
        if (strcmp(limit->currency, currency) == 0 && strcmp(limit->limit, name) == 0) return limit;
    }
    return NULL;
}

static Ledger__UpdateLimitsRequest *limits_request(struct world *world, uint64_t if_match,
                                                   const char *currency, const char *limit)
{
    Ledger__UpdateLimitsRequest *request = arena_alloc(world->arena, sizeof *request);
    ledger__update_limits_request__init(request);
    request->owner_id = id_bytes(world, id_of(RAVI));
    request->if_match = if_match;
    request->reason = text_of("salary account");
    if (limit == NULL) return request;
    request->limits = arena_alloc(world->arena, 2 * sizeof(void *));
    request->n_limits = 1;
    request->limits[0] = arena_alloc(world->arena, sizeof(Ledger__OwnLimit));
    ledger__own_limit__init(request->limits[0]);
    request->limits[0]->currency = text_of(currency);
    request->limits[0]->limit = text_of(limit);
    request->limits[0]->allowed = amount_of(world, 300);
    return request;
}

static void test_limits_in_force_and_what_is_used(void **state)
{
    struct world *world = *state;
    assert_status_ok(deposit(world, TELLER, id_of(1), RAVIS, 250, ""));
    assert_refused(get_limits(world, ASHA, RAVI), "PERMISSION_DENIED");
    assert_status_ok(get_limits(world, TELLER, 0x6f)); // kyc has not spoken.
    assert_string_equal(REPLY(world, Ledger__Limits)->tier, "T0");
    assert_int_equal(REPLY(world, Ledger__Limits)->version, 1);
    assert_status_ok(get_limits(world, RAVI, RAVI));
    const Ledger__Limits *limits = REPLY(world, Ledger__Limits);
    uint64_t version = limits->version;
    assert_string_equal(limits->tier, "T1");
    const Ledger__LimitInForce *month = find_limit(limits, "INR", "credit_month");
    assert_non_null(month);
    assert_string_equal(month->source, "tier");
    assert_int_equal(amount_in(month->allowed), 1000000);
    assert_int_equal(amount_in(month->used), 250);
    assert_int_equal(month->resets_at, UINT64_C(1796083200) * NS_PER_SECOND); // 2026-12-01
    assert_int_equal(find_limit(limits, "INR", "balance")->resets_at, 0);
    assert_null(find_limit(limits, "INR", "debit_day"));

    Ledger__UpdateLimitsRequest *request = limits_request(world, version, "INR", "credit_day");
    assert_refused(call_as(world, TELLER, LEDGER_UPDATE_LIMITS, request, ""), "PERMISSION_DENIED");
    assert_status_ok(call_as(world, OFFICER, LEDGER_UPDATE_LIMITS, request, ""));
    limits = REPLY(world, Ledger__Limits);
    assert_true(limits->version > version);
    assert_string_equal(limits->reason, "salary account");
    const Ledger__LimitInForce *day = find_limit(limits, "INR", "credit_day");
    assert_non_null(day);
    assert_string_equal(day->source, "owner");
    assert_int_equal(amount_in(day->allowed), 300);
    assert_int_equal(amount_in(day->used), 250);
    assert_newest_event(world, "ledger.limit.changed", "success", "", 1);
    struct event_seen event = event_at(world, 0);
    assert_string_equal(event.actor, "users/e3e3e3e3-e3e3-e3e3-e3e3-e3e3e3e3e3e3");
    Ledger__LimitChanged *told =
        ledger__limit_changed__unpack(NULL, event.payload.size, event.payload.data);
    assert_int_equal(told->n_limits, 1);
    assert_string_equal(told->limits[0]->limit, "credit_day");
    assert_string_equal(told->tier, "T1");
    ledger__limit_changed__free_unpacked(told, NULL);
    assert_refused(deposit(world, TELLER, id_of(2), RAVIS, 51, ""), "KYC_LIMIT_EXCEEDED");
    assert_string_equal(detail(world, "limit"), "credit_day");
    assert_string_equal(detail(world, "used"), "250");
    assert_status_ok(deposit(world, TELLER, id_of(3), RAVIS, 50, ""));
}

static void test_updates_of_limits_that_are_refused(void **state)
{
    struct world *world = *state;
    assert_status_ok(get_limits(world, OFFICER, RAVI));
    uint64_t version = REPLY(world, Ledger__Limits)->version;
    uint64_t head = event_outbox_head(world->outbox);

    const struct {
        uint64_t if_match;
        const char *currency, *limit;
        bool twice;
        const char *refused, *violation;
    } rows[] = {
        // clang-format off
        {0,           "INR", "debit_day", false, "VALIDATION_FAILED",  "if_match: REQUIRED"},
        {version + 1, "INR", "debit_day", false, "VERSION_MISMATCH",   ""},
        {version,     "INR", "weekly",    false, "VALIDATION_FAILED",  "limits[0].limit: UNKNOWN_LIMIT"},
        {version,     "INR", "debit_day", true,  "VALIDATION_FAILED",  "limits[1].limit: DUPLICATE"},
        {version,     "XQQ", "debit_day", false, "CURRENCY_NOT_FOUND", ""},
        // clang-format on
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        Ledger__UpdateLimitsRequest *request =
            limits_request(world, rows[i].if_match, rows[i].currency, rows[i].limit);
        if (rows[i].twice) request->limits[request->n_limits++] = request->limits[0];
        assert_refused(call_as(world, OFFICER, LEDGER_UPDATE_LIMITS, request, ""), rows[i].refused);
        assert_string_equal(violation(world), rows[i].violation);
    }
    assert_int_equal(event_outbox_head(world->outbox), head);

    Ledger__UpdateLimitsRequest *freeze = limits_request(world, UINT64_MAX, "", NULL);
    freeze->credit_freeze = true;
    assert_status_ok(call_as(world, OFFICER, LEDGER_UPDATE_LIMITS, freeze, ""));
    assert_true(REPLY(world, Ledger__Limits)->credit_freeze);
    assert_refused(deposit(world, TELLER, id_of(1), RAVIS, 1, ""), "KYC_LIMIT_EXCEEDED");
    assert_string_equal(detail(world, "limit"), "credit_freeze");
}

static void test_tiers_come_once_and_in_order(void **state)
{
    struct world *world = *state;
    uint64_t head = event_outbox_head(world->outbox);
    assert_status_ok(tell_tier(world, RAVI, "T3", 2, 3));
    assert_int_equal(event_outbox_head(world->outbox), head + 1);
    assert_newest_event(world, "ledger.limit.changed", "success", "", 1);
    assert_string_equal(event_at(world, 0).actor, "users/checker");
    assert_string_equal(event_at(world, 0).request_id, "req-9");
    assert_status_ok(tell_tier(world, RAVI, "T3", 2, 3)); // The same batch again.
    assert_status_ok(tell_tier(world, RAVI, "T1", 1, 4)); // An older version that comes late.
    assert_int_equal(event_outbox_head(world->outbox), head + 1);
    struct ledger_cursor cursor;
    assert_status_ok(ledger_feed_cursor(world->fixture.store, &cursor));
    assert_int_equal(cursor.seq, 4);
    assert_int_equal(cursor.log_id, KYC_LOG);
    assert_status_ok(deposit(world, TELLER, id_of(1), RAVIS, 99999999, ""));

    // An event that cannot be read stops the feed, before its cursor moves.
    struct event_view broken = {
        .type = "kyc.tier.changed", .seq = 5, .payload = bytes_of("\xff", 1)};
    assert_refused(ledger_feed_handle(&world->fixture.service, &broken, 1, KYC_LOG),
                   "EVENT_MALFORMED");
    struct event_view other = {.type = "kyc.case.decided", .seq = 5};
    assert_status_ok(ledger_feed_handle(&world->fixture.service, &other, 1, KYC_LOG));
    assert_status_ok(ledger_feed_cursor(world->fixture.store, &cursor));
    assert_int_equal(cursor.seq, 5);
}

// ---- Exchange -----------------------------------------------------------------------------------

enum { ASHAS_YEN = 0x14 };

static Ledger__CreateFxQuoteRequest *quote_request(struct world *world, uint8_t id, uint8_t owner)
{
    Ledger__CreateFxQuoteRequest *request = arena_alloc(world->arena, sizeof *request);
    ledger__create_fx_quote_request__init(request);
    request->id = id_bytes(world, id_of(id));
    request->sell_currency = text_of("INR");
    request->buy_currency = text_of("JPY");
    request->sell_amount = amount_of(world, 10000); // 100.00 INR
    request->rate_numerator = 17;
    request->rate_denominator = 10;
    request->expires_in = 60;
    if (owner != 0) request->owner_id = id_bytes(world, id_of(owner));
    return request;
}

static struct status execute(struct world *world, enum who who, uint8_t id, uint8_t debit,
                             uint8_t credit)
{
    Ledger__ExecuteFxQuoteRequest request = LEDGER__EXECUTE_FX_QUOTE_REQUEST__INIT;
    request.id = id_bytes(world, id_of(id));
    request.debit_account_id = id_bytes(world, id_of(debit));
    request.credit_account_id = id_bytes(world, id_of(credit));
    request.description = text_of("holiday money");
    return call_as(world, who, LEDGER_EXECUTE_FX_QUOTE, &request, "");
}

static void open_yen(struct world *world)
{
    Ledger__CreateAccountRequest request = LEDGER__CREATE_ACCOUNT_REQUEST__INIT;
    request.id = id_bytes(world, id_of(ASHAS_YEN));
    request.currency = text_of("JPY");
    assert_status_ok(call_as(world, ASHA, LEDGER_CREATE_ACCOUNT, &request, ""));
    assert_status_ok(deposit(world, TELLER, id_of(1), ASHAS, 15000, ""));
}

static void test_an_exchange_at_the_quoted_rate(void **state)
{
    struct world *world = *state;
    open_yen(world);
    Ledger__CreateFxQuoteRequest *request = quote_request(world, 0x61, ASHA);
    assert_refused(call_as(world, ASHA, LEDGER_CREATE_FX_QUOTE, request, ""), "PERMISSION_DENIED");
    assert_status_ok(call_as(world, PAYMENTS, LEDGER_CREATE_FX_QUOTE, request, ""));
    const Ledger__FxQuote *quote = REPLY(world, Ledger__FxQuote);
    assert_string_equal(quote->state, "OPEN");
    assert_int_equal(amount_in(quote->buy_amount), 170); // Yen have no minor unit.
    assert_int_equal(quote->expires_at, quote->created_at + 60 * NS_PER_SECOND);
    assert_newest_event(world, "ledger.fx.quoted", "success", "", 1);
    assert_string_equal(event_at(world, 0).subject,
                        "fx/quotes/61616161-6161-6161-6161-616161616161");
    assert_status_ok(call_as(world, PAYMENTS, LEDGER_CREATE_FX_QUOTE, request, ""));
    assert_true(world->call.replayed);

    Ledger__GetFxQuoteRequest get = LEDGER__GET_FX_QUOTE_REQUEST__INIT;
    get.id = id_bytes(world, id_of(0x61));
    assert_refused(call_as(world, RAVI, LEDGER_GET_FX_QUOTE, &get, ""), "FX_QUOTE_NOT_FOUND");
    assert_status_ok(call_as(world, ASHA, LEDGER_GET_FX_QUOTE, &get, ""));
    assert_refused(execute(world, ASHA, 0x61, ASHAS, RAVIS), "CURRENCY_MISMATCH");
    assert_refused(execute(world, ASHA, 0x61, 0x77, ASHAS_YEN), "DEBIT_ACCOUNT_NOT_FOUND");
    assert_status_ok(execute(world, ASHA, 0x61, ASHAS, ASHAS_YEN));
    const Ledger__FxExecution *execution = REPLY(world, Ledger__FxExecution);
    assert_string_equal(execution->quote->state, "EXECUTED");
    assert_int_equal(execution->n_transfers, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_memory_equal(execution->transfers[i]->group_id.data, id_of(0x61).bytes, ID128_BYTES);
        assert_string_equal(execution->transfers[i]->description, "holiday money");
    }
    assert_int_equal(amount_in(execution->transfers[0]->amount), 10000);
    assert_string_equal(execution->transfers[1]->currency, "JPY");
    assert_newest_event(world, "ledger.fx.executed", "success", "", 1);
    assert_string_equal(event_at(world, 1).type, "ledger.transfer.created");
    assert_string_equal(event_at(world, 2).type, "ledger.transfer.created");

    uint64_t head = event_outbox_head(world->outbox);
    assert_status_ok(execute(world, ASHA, 0x61, ASHAS, ASHAS_YEN)); // Again: once.
    assert_true(world->call.replayed && world->call.not_created);
    assert_refused(execute(world, ASHA, 0x61, RAVIS, ASHAS_YEN), "PERMISSION_DENIED");
    assert_int_equal(event_outbox_head(world->outbox), head);
    assert_int_equal(balance_of(&world->fixture, ASHAS), 5000);
    assert_int_equal(balance_of(&world->fixture, ASHAS_YEN), 170);
}

static void test_quotes_that_are_refused_or_end(void **state)
{
    struct world *world = *state;
    open_yen(world);
    Ledger__CreateFxQuoteRequest *request = quote_request(world, 0x61, 0);
    request->buy_amount = amount_of(world, 1);
    assert_refused(call_as(world, TELLER, LEDGER_CREATE_FX_QUOTE, request, ""), "EXCLUSIVE_FIELDS");
    assert_string_equal(detail(world, "field"), "buy_amount");
    request->sell_amount = request->buy_amount = NULL;
    assert_refused(call_as(world, TELLER, LEDGER_CREATE_FX_QUOTE, request, ""),
                   "VALIDATION_FAILED");
    request = quote_request(world, 0x61, 0);
    request->buy_currency = text_of("INR");
    assert_refused(call_as(world, TELLER, LEDGER_CREATE_FX_QUOTE, request, ""),
                   "CURRENCIES_MUST_DIFFER");
    request = quote_request(world, 0x61, 0);
    request->sell_amount = amount_of(world, 1); // Less than one yen.
    assert_refused(call_as(world, TELLER, LEDGER_CREATE_FX_QUOTE, request, ""),
                   "FX_AMOUNT_OUT_OF_RANGE");

    request = quote_request(world, 0x61, 0);
    request->sell_amount = amount_of(world, 15001); // More than is there: nothing is burnt.
    assert_status_ok(call_as(world, TELLER, LEDGER_CREATE_FX_QUOTE, request, ""));
    assert_refused(execute(world, ASHA, 0x61, ASHAS, ASHAS_YEN), "INSUFFICIENT_FUNDS");
    assert_string_equal(detail(world, "side"), "debit");
    assert_false(world->call.refusal_committed);
    assert_status_ok(deposit(world, TELLER, id_of(2), ASHAS, 1, ""));
    assert_status_ok(execute(world, ASHA, 0x61, ASHAS, ASHAS_YEN));

    assert_status_ok(
        call_as(world, TELLER, LEDGER_CREATE_FX_QUOTE, quote_request(world, 0x62, 0), ""));
    clock_test_advance(60 * NS_PER_SECOND);
    Ledger__GetFxQuoteRequest get = LEDGER__GET_FX_QUOTE_REQUEST__INIT;
    get.id = id_bytes(world, id_of(0x62));
    clock_test_advance(NS_PER_SECOND);
    assert_status_ok(call_as(world, RAVI, LEDGER_GET_FX_QUOTE, &get, ""));
    assert_string_equal(REPLY(world, Ledger__FxQuote)->state, "EXPIRED");
    assert_refused(execute(world, ASHA, 0x62, ASHAS, ASHAS_YEN), "FX_QUOTE_EXPIRED");
    assert_refused(execute(world, ASHA, 0x63, ASHAS, ASHAS_YEN), "FX_QUOTE_NOT_FOUND");
}

// ---- Verification -------------------------------------------------------------------------------

static void test_verification(void **state)
{
    struct world *world = *state;
    open_yen(world);
    assert_status_ok(
        call_as(world, TELLER, LEDGER_CREATE_FX_QUOTE, quote_request(world, 0x61, 0), ""));
    assert_status_ok(execute(world, ASHA, 0x61, ASHAS, ASHAS_YEN));
    Ledger__VerifyRequest verify = LEDGER__VERIFY_REQUEST__INIT;
    assert_refused(call_as(world, AUDITOR, LEDGER_VERIFY, &verify, ""), "PERMISSION_DENIED");
    assert_status_ok(call_as(world, PAYMENTS, LEDGER_VERIFY, &verify, ""));
    const Ledger__VerifyResponse *result = REPLY(world, Ledger__VerifyResponse);
    assert_int_equal(result->accounts, 6); // Three customers' accounts, cash and two of fx.
    assert_int_equal(result->transfers, 3);
    assert_int_equal(result->finding_count, 0);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_statement_by_page),
        TEST(test_statements_join_and_refuse),
        TEST(test_statements_as_files),
        TEST(test_the_trial_balance_is_balanced),
        TEST(test_limits_in_force_and_what_is_used),
        TEST(test_updates_of_limits_that_are_refused),
        TEST(test_tiers_come_once_and_in_order),
        TEST(test_an_exchange_at_the_quoted_rate),
        TEST(test_quotes_that_are_refused_or_end),
        TEST(test_verification),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
