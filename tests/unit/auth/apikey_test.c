// API keys and service accounts: who may make which, what they are worth, their end.
#include "services/auth/alive.h"
#include "services/auth/apikey.h"
#include "services/auth/counters.h"
#include "tests/unit/auth/keys.h"

#include <pthread.h>

#define HOME_IP "192.0.2.1"

static struct id128 be_customer(struct house *house, const char *email)
{
    struct id128 id = people_new(house, &(struct person){.email = email});
    people_be(house->caller, id, id_of(0x77));
    house->caller->scope = RPC_SCOPE_SELF;
    return id;
}

static struct id128 be_admin(struct house *house)
{
    struct id128 id =
        people_new(house, &(struct person){.email = "ravi@example.com", .role = "admin"});
    people_be(house->caller, id, id_of(0x78));
    return id;
}

static struct id128 new_machine(struct house *house, const char *role)
{
    return people_new(house, &(struct person){.role = role, .kind = AUTH_USER_SERVICE});
}

static struct token_claims claims_of(struct caller *caller, const char *access_token)
{
    struct caller *reader = caller_open(caller->house);
    caller_be(reader, access_token);
    struct token_claims claims = reader->claims;
    caller_close(reader);
    return claims;
}

static bool is_alive(struct house *house, const struct token_claims *claims)
{
    bool alive = false;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(house->store, &txn));
    assert_status_ok(
        auth_is_alive(txn, claims->session_id, claims->user_version, house->now_ns, &alive));
    return alive;
}

static struct auth_api_key stored(struct house *house, const Auth__ApiKey *key)
{
    struct auth_api_key found;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(house->store, &txn));
    assert_status_ok(auth_store_get_api_key(txn, id128_of(key->id.data), &found));
    return found;
}

// ---- Making --------------------------------------------------------------------------------

static void test_a_key_is_shown_once_and_told_of(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct id128 owner_id = be_customer(house, "asha@example.com");
    uint64_t head = house_event_head(house);
    Auth__ApiKeyWithSecret *made = NULL;
    struct asked_key asked = {
        .name = "nightly export",
        .scopes = {"ledger.transfer.create", "ledger.account.read", "ledger.account.read"},
        .addresses = {"10.0.0.0/8", "2001:DB8::1"},
        .expires_at_ns = house->now_ns + 3600 * AUTH_SECOND_NS};
    assert_status_ok(keys_create(caller, &asked, &made));

    struct id128 id;
    assert_true(auth_api_key_read(bytes_of_text(made->key), &id));
    assert_memory_equal(made->api_key->id.data, id.bytes, ID128_BYTES);
    assert_memory_equal(made->api_key->owner_id.data, owner_id.bytes, ID128_BYTES);
    assert_int_equal(strncmp(made->key, made->api_key->prefix, strlen(made->api_key->prefix)), 0);
    assert_string_equal(made->api_key->name, "nightly export");
    assert_string_equal(made->api_key->status, "active");
    assert_int_equal(made->api_key->n_scopes, 2);
    assert_string_equal(made->api_key->scopes[0], "ledger.account.read");
    assert_int_equal(made->api_key->n_allowed_addresses, 2);
    assert_string_equal(made->api_key->allowed_addresses[1], "2001:db8::1");
    assert_int_equal(made->api_key->expires_at, asked.expires_at_ns);
    assert_int_equal(made->api_key->last_used_at, 0);
    assert_string_equal(house_events(caller, head), "auth.apikey.created ");

    struct auth_message notice = {0};
    assert_int_equal(house_messages(caller, "asha@example.com", &notice), 1);
    assert_int_equal(notice.kind, AUTH_MESSAGE_API_KEY_CREATED);
    assert_non_null(strstr(notice.detail, "nightly export"));
    assert_non_null(strstr(notice.detail, made->api_key->prefix));
    assert_null(strstr(notice.detail, made->key + AUTH_API_KEY_SHOWN_BYTES));
}

static void test_keys_that_are_not_made(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct id128 owner_id = be_customer(house, "asha@example.com");
    struct id128 machine_id = new_machine(house, "teller"), unknown_id = id_of(0x99);
    uint64_t head = house_event_head(house);
    size_t used = 0;

    // clang-format off
    const struct {
        const char *given;
        struct asked_key asked;
        const char *refused;
        const char *detail; // The fact, or the field's violation.
    } rows[] = {
        {"a permission that the owner has not", {.scopes = {"ledger.account.read", "ledger.cash.deposit"}},
         "INVALID_SCOPE", "ledger.cash.deposit"},
        {"a permission of daemons",             {.scopes = {"auth.session.check"}}, "INVALID_SCOPE", "auth.session.check"},
        {"a permission that there is not",      {.scopes = {"ledger.account.burn"}}, "INVALID_SCOPE", "ledger.account.burn"},
        {"a name that none can have",           {.scopes = {"ledger.account.read.with.a.name.that.is.too.long"}},
         "INVALID_SCOPE", "ledger.account.read.with.a.name.that.is.too.long"},
        {"no address",                          {.addresses = {"10.0.0.0/8", "bank.example"}}, "ADDRESS_INVALID", "bank.example"},
        {"bits behind the prefix",              {.addresses = {"10.1.2.3/8"}}, "ADDRESS_INVALID", "10.1.2.3/8"},
        {"an end that is past",                 {.expires_at_ns = house->now_ns}, "VALIDATION_FAILED", "RANGE"},
        {"for a machine, by who may for oneself", {.owner_id = machine_id}, "PERMISSION_DENIED", NULL},
        {"for nobody",                          {.owner_id = unknown_id}, "PERMISSION_DENIED", NULL},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++, used++) {
        struct status status = keys_create(caller, &rows[i].asked, NULL);
        if (status_ok(status)) fail_msg("%s", rows[i].given);
        assert_string_equal(status.reason, rows[i].refused);
        if (rows[i].detail == NULL) continue;
        bool is_violation = caller->call.violations.count > 0;
        assert_string_equal(is_violation ? caller->call.violations.items[0].reason
                                         : caller->call.details[0].value,
                            rows[i].detail);
    }
    assert_string_equal(house_events(caller, head), "");
    house_set_user(house, owner_id, AUTH_USER_BLOCKED, NULL);
    assert_refused(keys_create(caller, &(struct asked_key){0}, NULL), "USER_BLOCKED");
    house_set_user(house, owner_id, AUTH_USER_CLOSED, NULL);
    assert_refused(keys_create(caller, &(struct asked_key){0}, NULL), "USER_CLOSED");
}

static void test_for_whom_an_administrator_makes_keys(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct id128 person_id = people_new(house, &(struct person){.email = "asha@example.com"});
    struct id128 auditor_id = new_machine(house, "auditor"),
                 teller_id = new_machine(house, "teller");
    struct id128 unknown_id = id_of(0x99);
    Auth__ApiKeyWithSecret *made = NULL;
    be_admin(house);

    assert_status_ok(keys_create(caller, &(struct asked_key){.owner_id = auditor_id}, &made));
    assert_memory_equal(made->api_key->owner_id.data, auditor_id.bytes, ID128_BYTES);
    assert_refused(keys_create(caller, &(struct asked_key){.owner_id = unknown_id}, NULL),
                   "USER_NOT_FOUND");
    assert_refused(keys_create(caller, &(struct asked_key){.owner_id = person_id}, NULL),
                   "PERMISSION_DENIED");
    // Reading is no money; paying in is.
    assert_status_ok(keys_create(caller, &(struct asked_key){.owner_id = teller_id}, &made));
    struct asked_key money = {.owner_id = teller_id, .scopes = {"ledger.cash.deposit"}};
    assert_refused(keys_create(caller, &money, NULL), "SEPARATION_OF_DUTIES");

    // Nor what moves only its owner's own: the owner may be given more roles later.
    struct id128 payer_id = new_machine(house, "customer");
    struct asked_key own = {.owner_id = payer_id, .scopes = {"ledger.transfer.create"}};
    assert_refused(keys_create(caller, &own, NULL), "SEPARATION_OF_DUTIES");
    // A machine that governed would raise the rights of whoever has its key.
    struct id128 governor_id = new_machine(house, "admin");
    struct asked_key rights = {.owner_id = governor_id, .scopes = {"auth.user.roles"}};
    assert_refused(keys_create(caller, &rights, NULL), "SEPARATION_OF_DUTIES");

    // Somebody who governs nothing makes it; the administrator does not come by it later either.
    struct id128 clerk_id = people_new(house, &(struct person){.email = "li@example.com"});
    people_be(caller, clerk_id, id_of(0x79));
    assert_refused(keys_create(caller, &rights, NULL), "SEPARATION_OF_DUTIES");
    assert_status_ok(keys_create(caller, &money, &made));
    people_be(caller,
              people_new(house, &(struct person){.email = "zoe@example.com", .role = "admin"}),
              id_of(0x7a));
    assert_refused(keys_rotate(caller, made->api_key, 0, NULL), "SEPARATION_OF_DUTIES");
    assert_status_ok(keys_revoke(caller, made->api_key));
}

static void test_an_owner_has_twenty_living_keys_and_a_hundred_in_all(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__ApiKeyWithSecret *made = NULL, *first = NULL;
    be_customer(house, "asha@example.com");
    for (size_t i = 0; i < AUTH_API_KEYS_LIVING_MAX; i++) {
        assert_status_ok(keys_create(caller, &(struct asked_key){0}, &made));
        if (i == 0) first = made;
    }
    assert_refused(keys_create(caller, &(struct asked_key){0}, NULL), "TOO_MANY_API_KEYS");
    for (size_t i = 0; i < 2 * AUTH_API_KEYS_KEPT_MAX; i++) {
        assert_status_ok(keys_revoke(caller, made->api_key));
        assert_status_ok(keys_create(caller, &(struct asked_key){0}, &made));
    }
    assert_refused(keys_create(caller, &(struct asked_key){0}, NULL), "TOO_MANY_API_KEYS");

    Auth__ListApiKeysRequest request = AUTH__LIST_API_KEYS_REQUEST__INIT;
    Auth__ListApiKeysResponse *page = NULL;
    size_t count = 0, living = 0;
    request.page_size = 7;
    do {
        assert_status_ok(caller_call(caller, AUTH_LIST_API_KEYS, &request, &page));
        for (size_t i = 0; i < page->n_api_keys; i++, count++) {
            bool is_newest = count == 0;
            if (is_newest)
                assert_memory_equal(page->api_keys[i]->id.data, made->api_key->id.data,
                                    ID128_BYTES);
            living += strcmp(page->api_keys[i]->status, "active") == 0;
        }
        request.page_token = page->next_page_token;
    } while (page->next_page_token[0] != '\0');
    assert_int_equal(count, AUTH_API_KEYS_KEPT_MAX);
    assert_int_equal(living, AUTH_API_KEYS_LIVING_MAX);
    stored(house, first->api_key); // Old, and yet never forgotten while it lives.
}

static void test_nobody_sees_the_keys_of_others(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__ApiKeyWithSecret *made = NULL;
    Auth__ApiKey *seen = NULL;
    struct id128 owner_id = be_customer(house, "asha@example.com");
    assert_status_ok(keys_create(caller, &(struct asked_key){0}, &made));
    Auth__GetApiKeyRequest get = AUTH__GET_API_KEY_REQUEST__INIT;
    Auth__ListApiKeysRequest list = AUTH__LIST_API_KEYS_REQUEST__INIT;
    get.id = made->api_key->id;
    list.owner_id = people_id(&owner_id);
    assert_status_ok(caller_call(caller, AUTH_GET_API_KEY, &get, &seen));
    assert_string_equal(seen->name, "nightly export");

    be_customer(house, "mallory@example.com");
    assert_refused(caller_call(caller, AUTH_GET_API_KEY, &get, NULL), "API_KEY_NOT_FOUND");
    assert_refused(caller_call(caller, AUTH_LIST_API_KEYS, &list, NULL), "PERMISSION_DENIED");
    assert_refused(keys_revoke(caller, made->api_key), "API_KEY_NOT_FOUND");
    assert_refused(keys_rotate(caller, made->api_key, 0, NULL), "API_KEY_NOT_FOUND");

    be_admin(house); // Sees, and ends; but is shown no secret of a person's.
    assert_status_ok(caller_call(caller, AUTH_GET_API_KEY, &get, &seen));
    assert_status_ok(caller_call(caller, AUTH_LIST_API_KEYS, &list, NULL));
    assert_refused(keys_rotate(caller, made->api_key, 0, NULL), "PERMISSION_DENIED");
    assert_status_ok(keys_revoke(caller, made->api_key));
}

// ---- Using ---------------------------------------------------------------------------------

static void test_a_key_gives_a_token_that_is_cut_down_to_it(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__ApiKeyWithSecret *made = NULL;
    Auth__IssueTokenResponse *issued = NULL;
    struct id128 owner_id = be_customer(house, "asha@example.com");
    assert_status_ok(keys_create(
        caller, &(struct asked_key){.scopes = {"ledger.account.read", "ledger.transfer.create"}},
        &made));
    caller_be_nobody(caller);
    assert_status_ok(keys_exchange(caller, made->key, HOME_IP, &issued));
    assert_string_equal(issued->scope, "ledger.account.read ledger.transfer.create");
    assert_string_equal(issued->token_type, "Bearer");
    assert_string_equal(issued->refresh_token, "");
    assert_int_equal(issued->expires_in, 300);
    struct token_claims claims = claims_of(caller, issued->access_token);
    assert_memory_equal(claims.subject.bytes, owner_id.bytes, ID128_BYTES);
    assert_memory_equal(claims.session_id.bytes, made->api_key->id.data, ID128_BYTES);
    assert_int_equal(claims.scope_count, 2);
    assert_string_equal(claims.roles[0], "customer");
    assert_int_equal(claims.aal, 1);
    assert_int_equal(claims.amr, 0);
    assert_true(is_alive(house, &claims));
    assert_int_equal(stored(house, made->api_key).last_used_at_ns,
                     house->now_ns / (60 * AUTH_SECOND_NS) * (60 * AUTH_SECOND_NS));

    // What the owner loses the tokens lose.
    house_set_user(house, owner_id, AUTH_USER_BLOCKED, NULL);
    assert_false(is_alive(house, &claims));
}

static void test_why_a_key_is_not_taken_is_not_said(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__ApiKeyWithSecret *near = NULL, *brief = NULL, *ended = NULL, *right = NULL;
    struct id128 owner_id = be_customer(house, "asha@example.com");
    assert_status_ok(keys_create(caller, &(struct asked_key){.addresses = {"10.0.0.0/8"}}, &near));
    assert_status_ok(keys_create(
        caller, &(struct asked_key){.expires_at_ns = house->now_ns + 60 * AUTH_SECOND_NS}, &brief));
    assert_status_ok(keys_create(caller, &(struct asked_key){0}, &ended));
    assert_status_ok(keys_create(caller, &(struct asked_key){0}, &right));
    assert_status_ok(keys_revoke(caller, ended->api_key));
    char wrong[AUTH_API_KEY_TEXT_BYTES], unknown[AUTH_API_KEY_TEXT_BYTES];
    auth_api_key_write(id128_of(right->api_key->id.data), "000000000000000000000000000", wrong);
    auth_api_key_write(id_of(0x66), "000000000000000000000000000", unknown);
    house_wait(house, 60);

    const struct {
        const char *given, *key, *ip;
        bool is_counted;
    } rows[] = {
        {"a wrong secret", wrong, HOME_IP, true},
        {"a key that there is not", unknown, HOME_IP, true},
        {"a revoked one", ended->key, HOME_IP, true},
        {"one that is over", brief->key, HOME_IP, true},
        {"from another address", near->key, HOME_IP, true},
        {"from no address", near->key, "", false},
        {"no key at all", "fl_live_something", HOME_IP, false},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct status status = keys_exchange(caller, rows[i].key, rows[i].ip, NULL);
        if (status_ok(status)) fail_msg("%s", rows[i].given);
        assert_string_equal(status.reason, "INVALID_CREDENTIALS");
        assert_int_equal(status.code, STATUS_UNAUTHENTICATED);
        assert_int_equal(caller->call.refusal_committed, rows[i].is_counted);
    }
    assert_status_ok(keys_exchange(caller, near->key, "10.9.8.7", NULL));
    assert_status_ok(keys_exchange(caller, right->key, HOME_IP, NULL));
    house_set_user(house, owner_id, AUTH_USER_BLOCKED, NULL);
    assert_refused(keys_exchange(caller, right->key, HOME_IP, NULL), "INVALID_CREDENTIALS");
}

static void test_failures_close_their_address_and_lock_no_key_out(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__ApiKeyWithSecret *made = NULL;
    be_customer(house, "asha@example.com");
    assert_status_ok(keys_create(caller, &(struct asked_key){0}, &made));
    char wrong[AUTH_API_KEY_TEXT_BYTES];
    auth_api_key_write(id_of(0x66), "000000000000000000000000000", wrong);
    for (size_t i = 0; i < auth_policy_default.address_failures.burst; i++)
        assert_refused(keys_exchange(caller, wrong, HOME_IP, NULL), "INVALID_CREDENTIALS");
    house_reopen(house); // What is counted survives.
    assert_refused(keys_exchange(caller, wrong, HOME_IP, NULL), "RATE_LIMITED");
    assert_true(caller->call.retry_after_ms > 0);
    assert_false(caller->call.refusal_committed);
    assert_refused(keys_exchange(caller, wrong, "198.51.100.1", NULL), "INVALID_CREDENTIALS");
    assert_status_ok(keys_exchange(caller, made->key, HOME_IP, NULL));
    house_wait(house, auth_policy_default.address_failures.interval_ns / AUTH_SECOND_NS);
    assert_refused(keys_exchange(caller, wrong, HOME_IP, NULL), "INVALID_CREDENTIALS");
}

static void test_a_token_ends_with_its_key(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__ApiKeyWithSecret *made = NULL;
    Auth__IssueTokenResponse *issued = NULL;
    be_customer(house, "asha@example.com");
    house->now_ns = house->now_ns / AUTH_SECOND_NS * AUTH_SECOND_NS;
    assert_status_ok(keys_create(
        caller, &(struct asked_key){.expires_at_ns = house->now_ns + 90 * AUTH_SECOND_NS}, &made));
    assert_status_ok(keys_exchange(caller, made->key, HOME_IP, &issued));
    assert_int_equal(issued->expires_in, 90);
    struct token_claims claims = claims_of(caller, issued->access_token);
    house_wait(house, 89);
    assert_true(is_alive(house, &claims));
    assert_status_ok(keys_exchange(caller, made->key, HOME_IP, &issued));
    assert_int_equal(issued->expires_in, 1);
    house_wait(house, 1);
    assert_false(is_alive(house, &claims));
    assert_refused(keys_exchange(caller, made->key, HOME_IP, NULL), "INVALID_CREDENTIALS");
}

// ---- Changing and ending -------------------------------------------------------------------

static void test_a_rotated_key_has_two_secrets_for_a_while(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__ApiKeyWithSecret *old = NULL, *new = NULL;
    be_customer(house, "asha@example.com");
    assert_status_ok(keys_create(caller, &(struct asked_key){0}, &old));
    uint64_t head = house_event_head(house);
    assert_status_ok(keys_rotate(caller, old->api_key, 3600, &new));
    assert_string_equal(house_events(caller, head), "auth.apikey.rotated ");
    assert_string_equal(new->api_key->name, "nightly export");
    assert_string_equal(new->api_key->prefix, old->api_key->prefix);
    assert_string_not_equal(new->key, old->key);
    assert_int_equal(new->api_key->old_secret_until, house->now_ns + 3600 * AUTH_SECOND_NS);
    assert_status_ok(keys_exchange(caller, new->key, HOME_IP, NULL));
    house_reopen(house);
    house_wait(house, 3599);
    assert_status_ok(keys_exchange(caller, old->key, HOME_IP, NULL));
    house_wait(house, 1);
    assert_refused(keys_exchange(caller, old->key, HOME_IP, NULL), "INVALID_CREDENTIALS");
    assert_status_ok(keys_exchange(caller, new->key, HOME_IP, NULL));
    assert_status_ok(keys_rotate(caller, old->api_key, 0, &old));
    assert_refused(keys_exchange(caller, new->key, HOME_IP, NULL), "INVALID_CREDENTIALS");
    assert_status_ok(keys_exchange(caller, old->key, HOME_IP, NULL));
}

static void test_a_revoked_key_ends_its_tokens(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__ApiKeyWithSecret *made = NULL;
    Auth__IssueTokenResponse *issued = NULL;
    be_customer(house, "asha@example.com");
    assert_status_ok(keys_create(caller, &(struct asked_key){0}, &made));
    assert_status_ok(keys_exchange(caller, made->key, HOME_IP, &issued));
    struct token_claims claims = claims_of(caller, issued->access_token);
    uint64_t head = house_event_head(house);
    assert_status_ok(keys_revoke(caller, made->api_key));
    assert_string_equal(house_events(caller, head), "auth.apikey.revoked auth.session.ended ");
    assert_false(is_alive(house, &claims));
    assert_status_ok(keys_revoke(caller, made->api_key)); // Once more: nothing.
    assert_string_equal(house_events(caller, head), "auth.apikey.revoked auth.session.ended ");
    assert_refused(keys_rotate(caller, made->api_key, 0, NULL), "API_KEY_ENDED");
    house_reopen(house);
    assert_false(is_alive(house, &claims));
    assert_refused(keys_exchange(caller, made->key, HOME_IP, NULL), "INVALID_CREDENTIALS");
}

static void test_what_a_key_may_do_to_keys(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__ApiKeyWithSecret *own = NULL, *other = NULL;
    Auth__IssueTokenResponse *issued = NULL;
    be_customer(house, "asha@example.com");
    struct asked_key asked = {.scopes = {"auth.apikey.write", "auth.apikey.read"}};
    assert_status_ok(keys_create(caller, &asked, &own));
    assert_status_ok(keys_create(caller, &asked, &other));
    assert_status_ok(keys_exchange(caller, own->key, HOME_IP, &issued));
    caller_be(caller, issued->access_token);
    caller->scope = RPC_SCOPE_SELF;
    assert_refused(keys_create(caller, &asked, NULL), "PERMISSION_DENIED");
    assert_refused(keys_rotate(caller, other->api_key, 0, NULL), "PERMISSION_DENIED");
    assert_refused(keys_revoke(caller, other->api_key), "PERMISSION_DENIED");
    assert_status_ok(keys_rotate(caller, own->api_key, 0, &own));
    assert_status_ok(keys_revoke(caller, own->api_key));
}

// ---- Races ---------------------------------------------------------------------------------

enum { RACERS = 64 };

struct racer {
    pthread_t thread;
    struct caller *caller;
    const char *key;
    size_t taken, refused;
};

static void *race(void *context)
{
    struct racer *racer = context;
    for (size_t i = 0; i < 8; i++) {
        struct status status = keys_exchange(racer->caller, racer->key, HOME_IP, NULL);
        *(status_ok(status) ? &racer->taken : &racer->refused) += 1;
        if (!status_ok(status) && strcmp(status.reason, "INVALID_CREDENTIALS") != 0 &&
            strcmp(status.reason, "RATE_LIMITED") != 0)
            return NULL;
    }
    return racer;
}

static void test_whoever_uses_a_key_while_it_is_revoked_has_it_or_not(void **state)
{
    static struct racer racers[RACERS];
    struct house *house = *state;
    Auth__ApiKeyWithSecret *made = NULL;
    be_customer(house, "asha@example.com");
    assert_status_ok(keys_create(house->caller, &(struct asked_key){0}, &made));
    for (size_t i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){.caller = caller_open(house), .key = made->key};
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    assert_status_ok(keys_revoke(house->caller, made->api_key));
    for (size_t i = 0; i < RACERS; i++) {
        void *result = NULL;
        pthread_join(racers[i].thread, &result);
        assert_non_null(result);
        assert_int_equal(racers[i].taken + racers[i].refused, 8);
        assert_false(status_ok(keys_exchange(racers[i].caller, made->key, HOME_IP, NULL)));
        caller_close(racers[i].caller);
    }
    assert_int_equal(stored(house, made->api_key).state, AUTH_API_KEY_REVOKED);
}

// ---- Service accounts ----------------------------------------------------------------------

static struct status create_account(struct caller *caller, const char *branch,
                                    const char *const *roles, size_t role_count, Auth__User **ret)
{
    Auth__CreateServiceAccountRequest request = AUTH__CREATE_SERVICE_ACCOUNT_REQUEST__INIT;
    request.name = text_of("payroll batch");
    request.branch = text_of(branch);
    request.roles = (char **)(uintptr_t)roles;
    request.n_roles = role_count;
    return caller_call(caller, AUTH_CREATE_SERVICE_ACCOUNT, &request, ret);
}

static void test_service_accounts(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__User *made = NULL;
    static const char *const teller[] = {"teller"}, *const service[] = {"service"};
    static const char *const both[] = {"admin", "teller"}, *const unknown[] = {"astronaut"};
    be_admin(house);
    people_put_branch(house, "pune-1", AUTH_BRANCH_OPEN);
    people_put_branch(house, "pune-2", AUTH_BRANCH_CLOSED);
    uint64_t head = house_event_head(house);
    assert_status_ok(create_account(caller, "pune-1", teller, 1, &made));
    assert_string_equal(house_events(caller, head), "auth.user.created ");
    assert_string_equal(made->kind, "service");
    assert_string_equal(made->full_name, "payroll batch");
    assert_string_equal(made->status, "active");
    assert_string_equal(made->branch, "pune-1");
    assert_string_equal(made->email, "");
    assert_string_equal(made->roles[0], "teller");
    assert_int_equal(made->version, 1);
    assert_status_ok(create_account(caller, "", NULL, 0, &made));
    assert_int_equal(made->n_roles, 0);

    assert_refused(create_account(caller, "", unknown, 1, NULL), "ROLE_UNKNOWN");
    assert_refused(create_account(caller, "", service, 1, NULL), "ROLE_UNKNOWN");
    assert_refused(create_account(caller, "", both, 2, NULL), "SEPARATION_OF_DUTIES");
    assert_refused(create_account(caller, "pune-2", teller, 1, NULL), "BRANCH_UNKNOWN");
    assert_refused(create_account(caller, "mars-1", teller, 1, NULL), "BRANCH_UNKNOWN");

    // Who may make accounts but not give roles makes them without any.
    struct id128 clerk_id = people_new(house, &(struct person){.email = "li@example.com"});
    people_be(caller, clerk_id, id_of(0x79));
    assert_refused(create_account(caller, "", teller, 1, NULL), "PERMISSION_DENIED");
    assert_status_ok(create_account(caller, "", NULL, 0, &made));
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, house_open, house_close)
    const struct CMUnitTest tests[] = {
        TEST(test_a_key_is_shown_once_and_told_of),
        TEST(test_keys_that_are_not_made),
        TEST(test_for_whom_an_administrator_makes_keys),
        TEST(test_an_owner_has_twenty_living_keys_and_a_hundred_in_all),
        TEST(test_nobody_sees_the_keys_of_others),
        TEST(test_a_key_gives_a_token_that_is_cut_down_to_it),
        TEST(test_why_a_key_is_not_taken_is_not_said),
        TEST(test_failures_close_their_address_and_lock_no_key_out),
        TEST(test_a_token_ends_with_its_key),
        TEST(test_a_rotated_key_has_two_secrets_for_a_while),
        TEST(test_a_revoked_key_ends_its_tokens),
        TEST(test_what_a_key_may_do_to_keys),
        TEST(test_whoever_uses_a_key_while_it_is_revoked_has_it_or_not),
        TEST(test_service_accounts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
