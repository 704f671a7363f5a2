// Accounts, balances and currencies as handlers answer them.
#include "tests/unit/ledger/rpc_world.h"

// ---- Opening ------------------------------------------------------------------------------------

static Ledger__CreateAccountRequest *account_request(struct world *world, uint8_t id)
{
    Ledger__CreateAccountRequest *request = arena_alloc(world->arena, sizeof *request);
    ledger__create_account_request__init(request);
    request->id = id_bytes(world, id_of(id));
    request->currency = text_of("INR");
    return request;
}

static const Ledger__Account *get_account(struct world *world, enum who who, uint8_t id)
{
    Ledger__GetAccountRequest get = LEDGER__GET_ACCOUNT_REQUEST__INIT;
    get.id = id_bytes(world, id_of(id));
    assert_status_ok(call_as(world, who, LEDGER_GET_ACCOUNT, &get, ""));
    return REPLY(world, Ledger__Account);
}

static void test_accounts_in_and_out(void **state)
{
    struct world *world = *state;
    Ledger__CreateAccountRequest__MetadataEntry entries[2];
    Ledger__CreateAccountRequest__MetadataEntry *pointers[] = {&entries[0], &entries[1]};
    for (size_t i = 0; i < 2; i++)
        ledger__create_account_request__metadata_entry__init(&entries[i]);
    entries[0].key = text_of("zone");
    entries[0].value = text_of("north");
    entries[1].key = text_of("branch");
    Ledger__CreateAccountRequest *request = account_request(world, 0x12);
    request->name = text_of("Holiday");
    request->external_ref = text_of("GB82WEST12345698765432");
    request->metadata = pointers;
    request->n_metadata = 2;
    assert_status_ok(call_as(world, ASHA, LEDGER_CREATE_ACCOUNT, request, ""));
    assert_false(world->call.replayed);
    struct event_seen event = event_at(world, 0);
    assert_string_equal(event.type, "ledger.account.created");
    assert_string_equal(event.subject, "accounts/12121212-1212-1212-1212-121212121212");
    assert_int_equal(event.visible_to_count, 1);

    const Ledger__Account *account = get_account(world, ASHA, 0x12);
    assert_string_equal(account->name, "Holiday");
    assert_string_equal(account->external_ref, "GB82WEST12345698765432");
    assert_string_equal(account->currency, "INR");
    assert_int_equal(account->class_, LEDGER__ACCOUNT_CLASS__LIABILITY);
    assert_int_equal(account->kind, LEDGER__ACCOUNT_KIND__CUSTOMER);
    assert_memory_equal(account->owner_id.data, id_of(ASHA).bytes, ID128_BYTES);
    assert_int_equal(account->n_metadata, 2);
    assert_string_equal(account->metadata[0]->key, "branch"); // By key.
    assert_string_equal(account->metadata[0]->value, "");
    assert_string_equal(account->metadata[1]->value, "north");
    assert_true(account->no_negative && !account->closed);
    assert_true(account->version == 1 && account->updated_at == account->created_at);
    assert_int_equal(amount_in(account->credit_limit), 0);
    assert_null(account->min_balance);
    assert_null(account->frozen_debit);

    uint64_t head = event_outbox_head(world->outbox);
    assert_status_ok(call_as(world, ASHA, LEDGER_CREATE_ACCOUNT, request, ""));
    assert_true(world->call.replayed && world->call.not_created);
    assert_int_equal(REPLY(world, Ledger__Account)->n_metadata, 2);
    assert_int_equal(event_outbox_head(world->outbox), head);
    request->name = text_of("Holidays");
    assert_refused(call_as(world, ASHA, LEDGER_CREATE_ACCOUNT, request, ""), "ACCOUNT_EXISTS");
    Ledger__GetAccountRequest get = LEDGER__GET_ACCOUNT_REQUEST__INIT;
    get.id = request->id;
    assert_refused(call_as(world, RAVI, LEDGER_GET_ACCOUNT, &get, ""), "PERMISSION_DENIED");
    get.id = id_bytes(world, id_of(0x66));
    assert_refused(call_as(world, ASHA, LEDGER_GET_ACCOUNT, &get, ""), "ACCOUNT_NOT_FOUND");
}

static void test_who_may_open_what(void **state)
{
    struct world *world = *state;

    enum { SYSTEM = LEDGER__ACCOUNT_KIND__SYSTEM, ASSET = LEDGER__ACCOUNT_CLASS__ASSET };

    static const struct {
        const char *what;
        enum who who;
        uint8_t owner, kind, class;
        const char *ref, *refused, *violation;
    } rows[] = {
        // clang-format off
        {"a customer's own",              ASHA,     0,    0,      0,     "",      NULL,                   ""},
        {"by name",                       ASHA,     ASHA, 1,      2,     "",      NULL,                   ""},
        {"somebody else's",               ASHA,     RAVI, 0,      0,     "",      "PERMISSION_DENIED",    ""},
        {"a customer's, by a teller",     TELLER,   RAVI, 0,      0,     "a-ref", NULL,                   ""},
        {"a reference twice",             TELLER,   RAVI, 0,      0,     "a-ref", "EXTERNAL_REF_EXISTS",  ""},
        {"an IBAN that is wrong",         TELLER,   RAVI, 0,      0,     "GB83WEST12345698765432", "EXTERNAL_REF_INVALID", ""},
        {"a service's: whose?",           PAYMENTS, 0,    0,      0,     "",      "VALIDATION_FAILED",    "owner_id: REQUIRED"},
        {"the bank's, by a customer",     ASHA,     0,    SYSTEM, ASSET, "",      "PERMISSION_DENIED",    ""},
        {"the bank's, by a teller",       TELLER,   0,    SYSTEM, ASSET, "",      "PERMISSION_DENIED",    ""},
        {"the bank's, by an admin",       ADMIN,    0,    SYSTEM, ASSET, "",      NULL,                   ""},
        {"the bank's has no owner",       ADMIN,    RAVI, SYSTEM, ASSET, "",      "VALIDATION_FAILED",    "owner_id: NOT_ALLOWED"},
        {"the bank's has a class",        ADMIN,    0,    SYSTEM, 0,     "",      "VALIDATION_FAILED",    "class: REQUIRED"},
        {"a customer's that is an asset", ASHA,     0,    0,      ASSET, "",      "PERMISSION_DENIED",    ""},
        {"an auditor opens nothing",      AUDITOR,  0,    0,      0,     "",      "PERMISSION_DENIED",    ""},
        // clang-format on
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        Ledger__CreateAccountRequest *request = account_request(world, (uint8_t)(0x30 + i));
        if (rows[i].owner != 0) request->owner_id = id_bytes(world, id_of(rows[i].owner));
        request->kind = (Ledger__AccountKind)rows[i].kind;
        request->class_ = (Ledger__AccountClass)rows[i].class;
        request->external_ref = text_of(rows[i].ref);
        struct status status = call_as(world, rows[i].who, LEDGER_CREATE_ACCOUNT, request, "");
        if (rows[i].refused == NULL) {
            if (!status_ok(status)) fail_msg("%s: %s", rows[i].what, status.reason);
            continue;
        }
        if (status_ok(status)) fail_msg("%s: not refused", rows[i].what);
        assert_string_equal(status.reason, rows[i].refused);
        assert_string_equal(violation(world), rows[i].violation);
    }
    Ledger__CreateAccountRequest *request = account_request(world, 0x50);
    request->id = id_bytes(world, ledger_system_account_id("INR", LEDGER_CASH));
    assert_refused(call_as(world, ASHA, LEDGER_CREATE_ACCOUNT, request, ""), "ACCOUNT_ID_RESERVED");
    const Ledger__Account *bank = get_account(world, AUDITOR, 0x39);
    assert_int_equal(bank->kind, LEDGER__ACCOUNT_KIND__SYSTEM);
    assert_int_equal(bank->owner_id.len, 0);
    assert_false(bank->no_negative);
}

// ---- Changes ------------------------------------------------------------------------------------

/// An update that would change everything; the mask says what it does change.
static Ledger__UpdateAccountRequest *update_request(struct world *world, uint64_t if_match,
                                                    const char *first, const char *second)
{
    Ledger__UpdateAccountRequest *request = arena_alloc(world->arena, sizeof *request);
    ledger__update_account_request__init(request);
    request->id = id_bytes(world, id_of(ASHAS));
    request->if_match = if_match;
    request->name = text_of("Household");
    request->external_ref = text_of("asha-1");
    request->credit_limit = amount_of(world, 500);
    request->min_balance = signed_of(world, -200);
    request->update_mask = arena_alloc(world->arena, 2 * sizeof(char *));
    if (first != NULL) request->update_mask[request->n_update_mask++] = text_of(first);
    if (second != NULL) request->update_mask[request->n_update_mask++] = text_of(second);
    return request;
}

static void test_an_update_changes_what_it_names(void **state)
{
    struct world *world = *state;

    static const struct {
        const char *what;
        enum who who;
        uint64_t if_match;
        const char *first, *second, *refused, *told; // A violation, or the permission that lacks.
        uint64_t version;
    } rows[] = {
        // clang-format off
        {"nothing",             ASHA,    1, NULL,           NULL,          NULL,                "",                              1},
        {"a name",              ASHA,    1, "name",         NULL,          NULL,                "",                              2},
        {"the same again",      ASHA,    2, "name",         NULL,          NULL,                "",                              2},
        {"an old version",      ASHA,    1, "external_ref", NULL,          "VERSION_MISMATCH",  "",                              2},
        {"no version",          ASHA,    0, "external_ref", NULL,          "VALIDATION_FAILED", "if_match: REQUIRED",            2},
        {"whatever version",    ASHA,    UINT64_MAX, "external_ref", NULL, NULL,                "",                              3},
        {"a limit",             ASHA,    3, "credit_limit", NULL,          "PERMISSION_DENIED", "ledger.account.limits",         3},
        {"a limit, by a teller", TELLER, 3, "min_balance",  NULL,          "PERMISSION_DENIED", "ledger.account.limits",         3},
        {"by compliance",       OFFICER, 3, "credit_limit", "min_balance", NULL,                "",                              4},
        {"not a member",        OFFICER, 4, "balance",      NULL,          "VALIDATION_FAILED", "update_mask[0]: UNKNOWN_FIELD", 4},
        {"not to be changed",   OFFICER, 4, "id",           NULL,          "VALIDATION_FAILED", "update_mask: UNKNOWN_FIELD",    4},
        {"twice",               OFFICER, 4, "name",         "name",        "VALIDATION_FAILED", "update_mask: DUPLICATE_FIELD",  4},
        {"somebody else's",     RAVI,    4, "name",         NULL,          "PERMISSION_DENIED", "",                              4},
        {"to none: null",       OFFICER, 4, "max_balance",  "metadata",    NULL,                "",                              4},
        // clang-format on
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        uint64_t head = event_outbox_head(world->outbox);
        uint64_t before = get_account(world, ASHA, ASHAS)->version;
        Ledger__UpdateAccountRequest *request =
            update_request(world, rows[i].if_match, rows[i].first, rows[i].second);
        struct status status = call_as(world, rows[i].who, LEDGER_UPDATE_ACCOUNT, request, "");
        if (rows[i].refused == NULL && !status_ok(status))
            fail_msg("%s: %s", rows[i].what, status.reason);
        if (rows[i].refused != NULL) {
            if (status_ok(status)) fail_msg("%s: not refused", rows[i].what);
            assert_string_equal(status.reason, rows[i].refused);
            const char *told = violation(world);
            assert_string_equal(told[0] != '\0' ? told : detail(world, "permission"), rows[i].told);
        }
        assert_int_equal(get_account(world, ASHA, ASHAS)->version, rows[i].version);
        assert_int_equal(event_outbox_head(world->outbox), head + (rows[i].version - before));
    }
    const Ledger__Account *account = get_account(world, ASHA, ASHAS);
    assert_string_equal(account->name, "Household");
    assert_string_equal(account->external_ref, "asha-1");
    assert_int_equal(amount_in(account->credit_limit), 500);
    assert_int_equal(signed_in(account->min_balance), -200);
    assert_null(account->max_balance);
    assert_true(account->updated_at > account->created_at);
    assert_newest_event(world, "ledger.account.updated", "success", "", 1);
}

static void test_limits_of_an_account_are_in_force(void **state)
{
    struct world *world = *state;
    Ledger__UpdateAccountRequest *request = update_request(world, 1, "credit_limit", NULL);
    request->credit_limit = amount_of(world, U128_MAX);
    assert_refused(call_as(world, OFFICER, LEDGER_UPDATE_ACCOUNT, request, ""),
                   "VALIDATION_FAILED");
    assert_string_equal(violation(world), "credit_limit: RANGE");
    request = update_request(world, 1, "min_balance", "max_balance");
    request->max_balance = signed_of(world, -201);
    assert_refused(call_as(world, OFFICER, LEDGER_UPDATE_ACCOUNT, request, ""),
                   "LIMITS_CONTRADICT");
    request = update_request(world, 1, "credit_limit", NULL);
    assert_status_ok(call_as(world, OFFICER, LEDGER_UPDATE_ACCOUNT, request, ""));
    assert_refused(transfer(world, ASHA, id_of(1), ASHAS, RAVIS, 501, ""), "INSUFFICIENT_FUNDS");
    assert_status_ok(transfer(world, ASHA, id_of(2), ASHAS, RAVIS, 500, ""));
    assert_int_equal(balance_of(&world->fixture, ASHAS), -500);
}

static struct status freeze(struct world *world, enum who who, Ledger__Side side, uint64_t until)
{
    Ledger__FreezeAccountRequest request = LEDGER__FREEZE_ACCOUNT_REQUEST__INIT;
    request.id = id_bytes(world, id_of(ASHAS));
    request.side = side;
    request.reason = text_of("court order 17/2026");
    request.until = until;
    return call_as(world, who, LEDGER_FREEZE_ACCOUNT, &request, "");
}

static struct status unfreeze(struct world *world, enum who who, Ledger__Side side)
{
    Ledger__UnfreezeAccountRequest request = LEDGER__UNFREEZE_ACCOUNT_REQUEST__INIT;
    request.id = id_bytes(world, id_of(ASHAS));
    request.side = side;
    request.reason = text_of("lifted");
    return call_as(world, who, LEDGER_UNFREEZE_ACCOUNT, &request, "");
}

static void test_freezes(void **state)
{
    struct world *world = *state;
    assert_status_ok(deposit(world, TELLER, id_of(1), ASHAS, 1000, ""));
    assert_refused(freeze(world, ASHA, LEDGER__SIDE__DEBIT, 0), "PERMISSION_DENIED");
    assert_refused(freeze(world, TELLER, LEDGER__SIDE__DEBIT, 0), "PERMISSION_DENIED");
    assert_refused(freeze(world, OFFICER, LEDGER__SIDE__SIDE_UNSPECIFIED, 0), "VALIDATION_FAILED");
    assert_refused(freeze(world, OFFICER, LEDGER__SIDE__DEBIT, TEST_BEGIN_NS), "VALIDATION_FAILED");
    assert_string_equal(violation(world), "until: PAST");

    assert_status_ok(freeze(world, OFFICER, LEDGER__SIDE__DEBIT, TEST_BEGIN_NS + NS_PER_SECOND));
    const Ledger__Account *account = REPLY(world, Ledger__Account);
    assert_non_null(account->frozen_debit);
    assert_null(account->frozen_credit);
    assert_string_equal(account->frozen_debit->reason, "court order 17/2026");
    assert_string_equal(account->frozen_debit->author,
                        "users/e3e3e3e3-e3e3-e3e3-e3e3-e3e3e3e3e3e3");
    assert_true(account->frozen_debit->since >= TEST_BEGIN_NS);
    assert_int_equal(account->frozen_debit->until, TEST_BEGIN_NS + NS_PER_SECOND);
    assert_newest_event(world, "ledger.account.frozen", "success", "", 1);
    struct event_seen event = event_at(world, 0);
    Ledger__AccountCreated *told =
        ledger__account_created__unpack(NULL, event.payload.size, event.payload.data);
    assert_string_equal(told->reason, "court order 17/2026");
    assert_non_null(told->account->frozen_debit);
    ledger__account_created__free_unpacked(told, NULL);
    assert_refused(transfer(world, ASHA, id_of(2), ASHAS, RAVIS, 1, ""), "ACCOUNT_FROZEN");
    assert_string_equal(detail(world, "side"), "debit");
    assert_status_ok(deposit(world, TELLER, id_of(3), ASHAS, 1, ""));

    clock_test_advance(NS_PER_SECOND); // It lifts itself.
    assert_null(get_account(world, ASHA, ASHAS)->frozen_debit);
    assert_status_ok(transfer(world, ASHA, id_of(4), ASHAS, RAVIS, 1, ""));
    uint64_t head = event_outbox_head(world->outbox);
    assert_status_ok(unfreeze(world, OFFICER, LEDGER__SIDE__BOTH)); // Nothing to lift.
    assert_int_equal(event_outbox_head(world->outbox), head);

    assert_status_ok(freeze(world, OFFICER, LEDGER__SIDE__BOTH, 0));
    assert_refused(deposit(world, TELLER, id_of(5), ASHAS, 1, ""), "ACCOUNT_FROZEN");
    assert_status_ok(unfreeze(world, OFFICER, LEDGER__SIDE__CREDIT));
    assert_newest_event(world, "ledger.account.unfrozen", "success", "", 1);
    assert_non_null(REPLY(world, Ledger__Account)->frozen_debit);
    assert_status_ok(deposit(world, TELLER, id_of(6), ASHAS, 1, ""));
}

// ---- Closing ------------------------------------------------------------------------------------

static struct status close_account(struct world *world, enum who who, uint8_t account,
                                   uint8_t sweep_to, uint8_t id)
{
    Ledger__CloseAccountRequest request = LEDGER__CLOSE_ACCOUNT_REQUEST__INIT;
    request.account_id = id_bytes(world, id_of(account));
    if (sweep_to != 0) request.sweep_to = id_bytes(world, id_of(sweep_to));
    if (id != 0) request.id = id_bytes(world, id_of(id));
    return call_as(world, who, LEDGER_CLOSE_ACCOUNT, &request, "");
}

static void test_closing_sweeps_in_the_same_commit(void **state)
{
    struct world *world = *state;
    assert_status_ok(deposit(world, TELLER, id_of(1), ASHAS, 1000, ""));
    assert_refused(close_account(world, RAVI, ASHAS, 0, 0), "PERMISSION_DENIED");
    assert_refused(close_account(world, ASHA, 0x77, 0, 0), "ACCOUNT_NOT_FOUND");
    assert_refused(close_account(world, ASHA, ASHAS, 0, 0), "BALANCE_NOT_ZERO");
    assert_refused(close_account(world, ASHA, ASHAS, RAVIS, 0), "IDEMPOTENCY_REQUIRED");
    assert_status_ok(hold(world, ASHA, id_of(2), ASHAS, RAVIS, 10, 0));
    assert_refused(close_account(world, ASHA, ASHAS, RAVIS, 3), "ACCOUNT_HAS_PENDING");
    Ledger__VoidTransferRequest release = LEDGER__VOID_TRANSFER_REQUEST__INIT;
    release.id = id_bytes(world, id_of(4));
    release.pending_id = id_bytes(world, id_of(2));
    assert_status_ok(call_as(world, ASHA, LEDGER_VOID_TRANSFER, &release, ""));

    // The sweep's own refusal burns its id, and nothing else happens.
    assert_refused(close_account(world, ASHA, ASHAS, 0x77, 5), "CREDIT_ACCOUNT_NOT_FOUND");
    assert_true(world->call.refusal_committed);
    assert_newest_event(world, "ledger.transfer.refused", "refused", "CREDIT_ACCOUNT_NOT_FOUND", 0);
    assert_refused(close_account(world, ASHA, ASHAS, RAVIS, 5), "ID_ALREADY_FAILED");
    assert_string_equal(detail(world, "original_reason"), "CREDIT_ACCOUNT_NOT_FOUND");

    assert_status_ok(close_account(world, ASHA, ASHAS, RAVIS, 6));
    assert_true(REPLY(world, Ledger__Account)->closed);
    assert_newest_event(world, "ledger.account.closed", "success", "", 1);
    assert_string_equal(event_at(world, 1).type, "ledger.transfer.created");
    assert_int_equal(balance_of(&world->fixture, ASHAS), 0);
    assert_int_equal(balance_of(&world->fixture, RAVIS), 1000);
    uint64_t head = event_outbox_head(world->outbox);
    assert_status_ok(close_account(world, ASHA, ASHAS, RAVIS, 6)); // Again: nothing new.
    assert_int_equal(event_outbox_head(world->outbox), head);
    assert_refused(deposit(world, TELLER, id_of(7), ASHAS, 1, ""), "ACCOUNT_CLOSED");
    assert_refused(freeze(world, OFFICER, LEDGER__SIDE__DEBIT, 0), "ACCOUNT_CLOSED");
}

// ---- Balances -----------------------------------------------------------------------------------

static struct status get_balance(struct world *world, enum who who, uint64_t at_ns)
{
    Ledger__GetBalanceRequest get = LEDGER__GET_BALANCE_REQUEST__INIT;
    get.id = id_bytes(world, id_of(ASHAS));
    get.at = at_ns;
    return call_as(world, who, LEDGER_GET_BALANCE, &get, "");
}

static void test_balances_now_and_then(void **state)
{
    struct world *world = *state;
    clock_test_advance(NS_PER_SECOND);
    assert_status_ok(deposit(world, TELLER, id_of(1), ASHAS, 1000, ""));
    uint64_t deposited_at = REPLY(world, Ledger__Transfer)->created_at;
    clock_test_advance(NS_PER_SECOND);
    assert_status_ok(hold(world, ASHA, id_of(2), ASHAS, RAVIS, 300, 60));
    assert_status_ok(get_balance(world, ASHA, 0));
    const Ledger__Balance *balance = REPLY(world, Ledger__Balance);
    assert_int_equal(signed_in(balance->posted), 1000);
    assert_int_equal(signed_in(balance->available), 700);
    assert_int_equal(amount_in(balance->pending_out), 300);
    assert_int_equal(amount_in(balance->pending_in), 0);
    assert_int_equal(amount_in(balance->credits_posted), 1000);
    assert_int_equal(amount_in(balance->debits_pending), 300);
    assert_string_equal(balance->currency, "INR");
    assert_int_equal(balance->exponent, 2);
    assert_int_equal(balance->version, 3); // Made, and two entries.
    assert_true(balance->as_of >= TEST_BEGIN_NS + 2 * NS_PER_SECOND);

    assert_status_ok(get_balance(world, ASHA, deposited_at));
    balance = REPLY(world, Ledger__Balance);
    assert_int_equal(signed_in(balance->available), 1000);
    assert_int_equal(balance->version, 2);
    assert_int_equal(balance->as_of, deposited_at);
    assert_status_ok(get_balance(world, ASHA, deposited_at - 1));
    assert_int_equal(signed_in(REPLY(world, Ledger__Balance)->posted), 0);
    assert_refused(get_balance(world, ASHA, TEST_BEGIN_NS - 1), "ACCOUNT_NOT_FOUND");
    assert_refused(get_balance(world, ASHA, TEST_BEGIN_NS + 9 * NS_PER_SECOND),
                   "VALIDATION_FAILED");
    assert_string_equal(violation(world), "at: FUTURE");
    assert_refused(get_balance(world, RAVI, 0), "PERMISSION_DENIED");

    // A hold that is due but has not been let go yet may still change that moment.
    clock_test_advance(60 * NS_PER_SECOND);
    assert_refused(get_balance(world, ASHA, TEST_BEGIN_NS + 62 * NS_PER_SECOND), "NOT_SETTLED");
    assert_true(world->call.retry_after_ms > 0);
    assert_status_ok(get_balance(world, ASHA, TEST_BEGIN_NS + 61 * NS_PER_SECOND));
}

// ---- Lists --------------------------------------------------------------------------------------

static void test_accounts_by_page_and_filter(void **state)
{
    struct world *world = *state;
    for (uint8_t i = 0; i < 7; i++)
        assert_status_ok(
            create_account(world, TELLER, (uint8_t)(0x30 + i), i % 2 == 0 ? ASHA : RAVI, ""));
    Ledger__CreateAccountRequest *named = account_request(world, 0x40);
    named->external_ref = text_of("ravi-7");
    assert_status_ok(call_as(world, RAVI, LEDGER_CREATE_ACCOUNT, named, ""));

    static const struct {
        enum who who;
        uint8_t owner;
        const char *currency, *external_ref;
        size_t count;
    } rows[] = {
        {ASHA, 0, "", "", 5},
        {RAVI, 0, "", "", 5},
        {TELLER, 0, "", "", 10},
        {TELLER, RAVI, "", "", 5},
        {ASHA, ASHA, "INR", "", 5},
        {ASHA, 0, "EUR", "", 0},
        {TELLER, 0, "", "ravi-7", 1},
        {RAVI, 0, "", "ravi-7", 1},
        {ASHA, 0, "", "ravi-7", 0},
        {TELLER, 0, "", "ravi-8", 0},
        {TELLER, ASHA, "", "ravi-7", 0},
        {TELLER, 0, "EUR", "ravi-7", 0},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        Ledger__ListAccountsRequest list = LEDGER__LIST_ACCOUNTS_REQUEST__INIT;
        if (rows[i].owner != 0) list.owner_id = id_bytes(world, id_of(rows[i].owner));
        list.currency = text_of(rows[i].currency);
        list.external_ref = text_of(rows[i].external_ref);
        list.page_size = 2;
        size_t seen = 0;
        do {
            assert_status_ok(call_as(world, rows[i].who, LEDGER_LIST_ACCOUNTS, &list, ""));
            const Ledger__ListAccountsResponse *page = REPLY(world, Ledger__ListAccountsResponse);
            assert_true(page->n_accounts <= 2);
            seen += page->n_accounts;
            list.page_token = page->next_page_token;
        } while (list.page_token[0] != '\0');
        assert_int_equal(seen, rows[i].count);
    }
    Ledger__ListAccountsRequest list = LEDGER__LIST_ACCOUNTS_REQUEST__INIT;
    list.owner_id = id_bytes(world, id_of(RAVI));
    assert_refused(call_as(world, ASHA, LEDGER_LIST_ACCOUNTS, &list, ""), "PERMISSION_DENIED");
}

static void test_currencies_by_page(void **state)
{
    struct world *world = *state;
    Ledger__CreateCurrencyRequest create = LEDGER__CREATE_CURRENCY_REQUEST__INIT;
    create.code = text_of("POINTS");
    create.name = text_of("Loyalty points");
    assert_refused(call_as(world, TELLER, LEDGER_CREATE_CURRENCY, &create, ""),
                   "PERMISSION_DENIED");
    assert_status_ok(call_as(world, ADMIN, LEDGER_CREATE_CURRENCY, &create, ""));
    struct id128 cash = ledger_system_account_id("POINTS", LEDGER_CASH);
    assert_memory_equal(REPLY(world, Ledger__Currency)->cash_account_id.data, cash.bytes,
                        ID128_BYTES);
    assert_newest_event(world, "ledger.currency.created", "success", "", 0);
    assert_string_equal(event_at(world, 0).subject, "currencies/POINTS");
    assert_refused(call_as(world, ADMIN, LEDGER_CREATE_CURRENCY, &create, ""), "CURRENCY_EXISTS");
    Ledger__ListCurrenciesRequest list = LEDGER__LIST_CURRENCIES_REQUEST__INIT;
    size_t seen = 0, custom = 0;
    do {
        assert_status_ok(call_as(world, ASHA, LEDGER_LIST_CURRENCIES, &list, ""));
        const Ledger__ListCurrenciesResponse *page = REPLY(world, Ledger__ListCurrenciesResponse);
        for (size_t i = 0; i < page->n_currencies; i++, seen++)
            custom += (size_t)page->currencies[i]->custom;
        list.page_token = page->next_page_token;
    } while (list.page_token[0] != '\0');
    assert_true(seen > 150);
    assert_int_equal(custom, 1);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_accounts_in_and_out),
        TEST(test_who_may_open_what),
        TEST(test_an_update_changes_what_it_names),
        TEST(test_limits_of_an_account_are_in_force),
        TEST(test_freezes),
        TEST(test_closing_sweeps_in_the_same_commit),
        TEST(test_balances_now_and_then),
        TEST(test_accounts_by_page_and_filter),
        TEST(test_currencies_by_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
