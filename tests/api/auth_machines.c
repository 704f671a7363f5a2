// Programs: API keys, service accounts, OAuth clients.
#include "tests/api/auth_tests.h"

// clang-format off

#define KEY(variable_) "Authorization: Bearer $" variable_

void test_api_keys_do_what_their_scopes_say(void **state)
{
    static const struct step steps[] = {
        {"a key", ASHA, "POST /v1/api-keys", "{'name':'export','scopes':['ledger.account.read']}", "201",
         "api_key.owner_id=$asha_id; api_key.status=active; api_key.scopes.0=ledger.account.read; api_key.expires_at=null; "
         "api_key.last_used_at=null", "key=key; key_id=api_key.id", "Idempotency-Key: the export's key"},
        {"asked for again", ASHA, "POST /v1/api-keys", "{'name':'export','scopes':['ledger.account.read']}", "201",
         "key=$key; api_key.id=$key_id; @idempotency-replayed=true", NULL, "Idempotency-Key: the export's key"},
        {"by that key something else", ASHA, "POST /v1/api-keys", "{'name':'other','scopes':['ledger.account.read']}",
         "422 IDEMPOTENCY_KEY_REUSED", NULL, NULL, "Idempotency-Key: the export's key"},
        {"reads", NOBODY, "GET /v1/accounts", NULL, "200", NULL, NULL, KEY("key")},
        {"its owner's", NOBODY, "GET /v1/accounts/$binod", NULL, "403 PERMISSION_DENIED", NULL, NULL, KEY("key")},
        {"pays nobody", NOBODY, "POST /v1/transfers",
         "{'id':'$new','debit_account_id':'$asha','credit_account_id':'$binod','amount':'1','currency':'INR'}", "403 PERMISSION_DENIED",
         NULL, NULL, KEY("key")},
        {"knows whose it is", NOBODY, "GET /v1/me", NULL, "200", "id=$asha_id", NULL, KEY("key")},
        {"makes no keys", NOBODY, "POST /v1/api-keys", "{'name':'x','scopes':['ledger.account.read']}", "403 PERMISSION_DENIED", NULL,
         NULL, KEY("key")},
        {"ends no sessions", NOBODY, "POST /v1/auth/logout-all", "{}", "403 PERMISSION_DENIED", NULL, NULL, KEY("key")},
        {"a typo", NOBODY, "GET /v1/me", NULL, "401 INVALID_CREDENTIALS", NULL, NULL, KEY("key") "-typo"},
        {"is listed", ASHA, "GET /v1/api-keys", NULL, "200", "api_keys.0.id=$key_id; api_keys.0.name=export"},
        {"alone", ASHA, "GET /v1/api-keys/$key_id", NULL, "200", "name=export; status=active"},
        {"not to others", BINOD, "GET /v1/api-keys/$key_id", NULL, "404 API_KEY_NOT_FOUND"},
        {"nor their lists", BINOD, "GET /v1/api-keys?owner_id=$asha_id", NULL, "403 PERMISSION_DENIED"},
        {"to who may", ADMIN, "GET /v1/api-keys?owner_id=$asha_id", NULL, "200", "api_keys.0.id=$key_id"},
        {"scopes that the owner lacks", ASHA, "POST /v1/api-keys", "{'name':'x','scopes':['ledger.cash.deposit']}", "400 INVALID_SCOPE"},
        {"that nobody has", ASHA, "POST /v1/api-keys", "{'name':'x','scopes':['moon.walk']}", "400 INVALID_SCOPE"},
        {"none", ASHA, "POST /v1/api-keys", "{'name':'x'}", "400 VALIDATION_FAILED"},
        {"an address that is none", ASHA, "POST /v1/api-keys",
         "{'name':'x','scopes':['ledger.account.read'],'allowed_addresses':['10.0.0.1/33']}", "400 ADDRESS_INVALID"},
        {"an end in the past", ASHA, "POST /v1/api-keys",
         "{'name':'x','scopes':['ledger.account.read'],'expires_at':'2020-01-01T00:00:00Z'}", "400 VALIDATION_FAILED",
         "errors.0.field=expires_at; errors.0.reason=RANGE"},
        {"for nobody", ADMIN, "POST /v1/api-keys", "{'name':'x','owner_id':'$none','scopes':['ledger.account.read']}",
         "404 USER_NOT_FOUND"},
        {"from the office only", ASHA, "POST /v1/api-keys",
         "{'name':'office','scopes':['ledger.account.read'],'allowed_addresses':['203.0.113.0/24']}", "201", NULL, "office=key"},
        {"in the office", NOBODY, "GET /v1/accounts", NULL, "200", NULL, NULL, KEY("office") "\n" FROM("203.0.113.9")},
        {"elsewhere", NOBODY, "GET /v1/accounts", NULL, "401 INVALID_CREDENTIALS", NULL, NULL, KEY("office") "\n" FROM("198.51.100.9")},
    };
    RUN(*state, steps);
}

void test_api_keys_are_rotated_and_revoked(void **state)
{
    static const struct step steps[] = {
        {"a key", ASHA, "POST /v1/api-keys", "{'name':'rotating','scopes':['ledger.account.read']}", "201", NULL,
         "old=key; id=api_key.id"},
        {"in use", NOBODY, "GET /v1/accounts", NULL, "200", NULL, NULL, KEY("old")},
        {"not another's", BINOD, "POST /v1/api-keys/$id:rotate", "{}", "404 API_KEY_NOT_FOUND"},
        {"rotated with an overlap", ASHA, "POST /v1/api-keys/$id:rotate", "{'overlap_s':3600}", "200", "api_key.id=$id", "next_key=key",
         "Idempotency-Key: the next key"},
        {"asked again, not rotated again", ASHA, "POST /v1/api-keys/$id:rotate", "{'overlap_s':3600}", "200",
         "key=$next_key; @idempotency-replayed=true", NULL, "Idempotency-Key: the next key"},
        {"by that key another overlap", ASHA, "POST /v1/api-keys/$id:rotate", "{'overlap_s':60}", "422 IDEMPOTENCY_KEY_REUSED", NULL,
         NULL, "Idempotency-Key: the next key"},
        {"the new one works", NOBODY, "GET /v1/accounts", NULL, "200", NULL, NULL, KEY("next_key")},
        {"the old one still", NOBODY, "GET /v1/accounts", NULL, "200", NULL, NULL, KEY("old")},
        {"rotated without", ASHA, "POST /v1/api-keys/$id:rotate", "{}", "200", NULL, "newest=key"},
        {"the newest works", NOBODY, "GET /v1/accounts", NULL, "200", NULL, NULL, KEY("newest")},
        {"too long an overlap", ASHA, "POST /v1/api-keys/$id:rotate", "{'overlap_s':604801}", "400 VALIDATION_FAILED"},
        {"not another's", BINOD, "DELETE /v1/api-keys/$id", NULL, "404 API_KEY_NOT_FOUND"},
        {"revoked", ASHA, "DELETE /v1/api-keys/$id", NULL, "204"},
        {"on record", ASHA, "GET /v1/api-keys/$id", NULL, "200", "status=revoked"},
        {"not to be rotated", ASHA, "POST /v1/api-keys/$id:rotate", "{}", "422 API_KEY_ENDED"},
    };
    static const struct step newest = {"refused", NOBODY, "GET /v1/accounts", NULL, "401 INVALID_CREDENTIALS", .headers = KEY("newest")};
    static const struct step before = {"refused too", NOBODY, "GET /v1/accounts", NULL, "401 INVALID_CREDENTIALS",
        .headers = KEY("next_key")};
    RUN(*state, steps);
    api_wait(*state, &newest);
    api_wait(*state, &before);
}

void test_service_accounts_work_by_key(void **state)
{
    static const struct step steps[] = {
        {"a program", CHIEF, "POST /v1/service-accounts", "{'name':'cash machine','roles':['teller']}", "201",
         "kind=service; full_name=cash machine; email=; status=active", "robot_id=id"},
        {"with a role that is none", CHIEF, "POST /v1/service-accounts", "{'name':'x','roles':['wizard']}", "400 ROLE_UNKNOWN"},
        {"at a branch that is none", CHIEF, "POST /v1/service-accounts", "{'name':'x','branch':'moon'}", "400 BRANCH_UNKNOWN"},
        {"with too much in one hand", CHIEF, "POST /v1/service-accounts", "{'name':'x','roles':['admin','teller']}",
         "403 SEPARATION_OF_DUTIES"},
        {"found by kind", ADMIN, "GET /v1/users?kind=service&page_size=1", NULL, "200", "users.0.id=$robot_id"},
        {"who gives roles makes no key that moves money", ADMIN, "POST /v1/api-keys",
         "{'name':'cash','owner_id':'$robot_id','scopes':['ledger.cash.deposit']}", "403 SEPARATION_OF_DUTIES"},
        {"who does not gives it one", OPS, "POST /v1/api-keys", "{'name':'cash','owner_id':'$robot_id','scopes':['ledger.cash.deposit']}",
         "201", NULL, "key=key; key_id=api_key.id"},
        {"nor does he rotate it", ADMIN, "POST /v1/api-keys/$key_id:rotate", "{}", "403 SEPARATION_OF_DUTIES"},
        {"a payer of its own money", CHIEF, "POST /v1/service-accounts", "{'name':'payer','roles':['customer']}", "201",
         NULL, "payer_id=id"},
        {"may have more roles tomorrow", ADMIN, "POST /v1/api-keys",
         "{'name':'x','owner_id':'$payer_id','scopes':['ledger.transfer.create']}", "403 SEPARATION_OF_DUTIES"},
        {"a program that governs", ADMIN, "POST /v1/service-accounts", "{'name':'governor','roles':['admin']}", "201",
         NULL, "governor_id=id"},
        {"would raise the rights of who has its key", ADMIN, "POST /v1/api-keys",
         "{'name':'x','owner_id':'$governor_id','scopes':['auth.user.roles']}", "403 SEPARATION_OF_DUTIES"},
        {"whoever it is", OPS, "POST /v1/api-keys", "{'name':'x','owner_id':'$governor_id','scopes':['auth.role.write']}",
         "403 SEPARATION_OF_DUTIES"},
        {"but it may look", OPS, "POST /v1/api-keys", "{'name':'x','owner_id':'$governor_id','scopes':['auth.user.read']}", "201"},
        {"pays in", NOBODY, "POST /v1/accounts/$asha/deposit", "{'id':'$new','amount':'5'}", "201", NULL, NULL, KEY("key")},
        {"not another person's", ADMIN, "POST /v1/api-keys", "{'name':'x','owner_id':'$asha_id','scopes':['ledger.account.read']}",
         "403 PERMISSION_DENIED"},
        {"by OAuth", NOBODY, "POST /oauth2/token", "{'grant_type':'client_credentials','client_secret':'$key'}", "200",
         "scope=ledger.cash.deposit; refresh_token=; token_type=Bearer", "t=access_token"},
        {"as good", NOBODY, "POST /v1/accounts/$asha/deposit", "{'id':'$new','amount':'5'}", "201", NULL, NULL,
         "Authorization: Bearer $t"},
        {"no more than it has", NOBODY, "POST /oauth2/token",
         "{'grant_type':'client_credentials','client_secret':'$key','scope':'ledger.account.read'}", "400 INVALID_SCOPE",
         "error=invalid_scope"},
        {"a wrong secret", NOBODY, "POST /oauth2/token", "{'grant_type':'client_credentials','client_secret':'fl_live_x'}",
         "401 INVALID_CREDENTIALS", "error=invalid_client", NULL, FROM("192.0.2.80")},
        {"none", NOBODY, "POST /oauth2/token", "{'grant_type':'client_credentials'}", "400 VALIDATION_FAILED", "error=invalid_request"},
        {"has no password", NOBODY, "POST /v1/me/password", "{'current_password':'x','new_password':'" PASSWORD "'}",
         "403 PERMISSION_DENIED", NULL, NULL, "Authorization: Bearer $t"},
        {"blocked", ADMIN, "POST /v1/users/$robot_id:block", "{'reason':'tampered with'}", "200"},
        {"no key is made for it", OPS, "POST /v1/api-keys", "{'name':'x','owner_id':'$robot_id','scopes':['ledger.cash.deposit']}",
         "422 USER_BLOCKED"},
        {"is out", NOBODY, "POST /v1/accounts/$asha/deposit", "{'id':'$new','amount':'5'}", "401 TOKEN_REVOKED", NULL, NULL,
         "Authorization: Bearer $t"},
        {"closed", ADMIN, "DELETE /v1/users/$robot_id", NULL, "204"},
        {"no key is made for it", OPS, "POST /v1/api-keys", "{'name':'x','owner_id':'$robot_id','scopes':['ledger.cash.deposit']}",
         "422 USER_CLOSED"},
    };
    static const struct step by_key = {"with its key too", NOBODY, "POST /v1/accounts/$asha/deposit", "{'id':'$new','amount':'5'}",
        "401 INVALID_CREDENTIALS", .headers = KEY("key")};
    RUN(*state, steps);
    api_wait(*state, &by_key);

    size_t wrong = 0;
    struct http_answer answer = {0};
    for (unsigned i = 0; i < 21; i++) { // 20 failures of one address are free.
        const struct step guess = {"the key of whom is out", NOBODY, "POST /oauth2/token",
        "{'grant_type':'client_credentials','client_secret':'$key'}",
                                   i < 20 ? "401 INVALID_CREDENTIALS" : "429 RATE_LIMITED", .headers = FROM("192.0.2.82")};
        wrong += !api_step(*state, &guess, &answer);
    }
    for (unsigned i = 0; i < 21; i++) {
        const struct step more = {"as many as one owner has", BINOD, "POST /v1/api-keys", "{'name':'x','scopes':['ledger.account.read']}",
                                  i < 20 ? "201" : "422 TOO_MANY_API_KEYS"};
        wrong += !api_step(*state, &more, &answer);
    }
    http_answer_reset(&answer);
    assert_int_equal(wrong, 0);
}

void test_oauth_clients_find_their_way(void **state)
{
    static const struct step steps[] = {
        {"where things are", NOBODY, "GET /.well-known/oauth-authorization-server", NULL, "200",
         "issuer=http://localhost:8080; token_endpoint=http://localhost:8080/oauth2/token; "
         "jwks_uri=http://localhost:8080/.well-known/jwks.json; "
         "grant_types_supported.0=refresh_token; grant_types_supported.1=client_credentials; response_types_supported.#=0"},
        {"which keys there are", NOBODY, "GET /.well-known/jwks.json", NULL, "200",
         "keys.#=2; keys.0.kty=OKP; keys.0.crv=Ed25519; keys.0.alg=EdDSA; keys.0.use=sig"},
        {"a key", ASHA, "POST /v1/api-keys", "{'name':'basic','scopes':['ledger.account.read','ledger.limit.read']}", "201", NULL,
         "key=key; id=api_key.id"},
        {"some of its scopes", NOBODY, "POST /oauth2/token",
         "{'grant_type':'client_credentials','client_id':'$id','client_secret':'$key','scope':'ledger.limit.read'}", "200",
         "scope=ledger.limit.read", "t=access_token"},
        {"are what the token has", NOBODY, "GET /v1/accounts", NULL, "403 PERMISSION_DENIED", NULL, NULL, "Authorization: Bearer $t"},
        {"and no more", NOBODY, "GET /v1/limits/$asha_id", NULL, "200", NULL, NULL, "Authorization: Bearer $t"},
        {"what it says", CHIEF, "POST /oauth2/introspect", "{'token':'$t'}", "200",
         "active=true; scope=ledger.limit.read; sid=$id; sub=$asha_id"},
        {"another key's id", NOBODY, "POST /oauth2/token",
         "{'grant_type':'client_credentials','client_id':'$none','client_secret':'$key'}", "401 INVALID_CREDENTIALS",
         "error=invalid_client", NULL, FROM("192.0.2.81")},
    };
    RUN(*state, steps);
}
