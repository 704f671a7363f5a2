// Bad input over HTTP: each row is one request and the documented refusal it must get, as
// problem+json. At the end the logs and stores are searched for what must never be in them.
#include "tests/support/world.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum who { NOBODY, CUSTOMER, OTHER, TELLER, MAKER, CHECKER, AUDITOR, ADMIN, FORGED, WHO_COUNT };

struct fixture {
    struct world world;
    struct http_client *client;
    struct person people[WHO_COUNT];
    char account[WORLD_ID_BYTES], other_account[WORLD_ID_BYTES], case_id[WORLD_ID_BYTES];
    char aadhaar[13], pan[11];
};

struct row {
    const char *given;
    enum who who;
    const char *method, *path, *body, *headers; // %A account, %O other's account, %I new id.
    long status;
    const char *reason; // NULL: not a problem.
};

#define TRANSFER "\"debit_account_id\":\"%A\",\"credit_account_id\":\"%O\",\"currency\":\"INR\""
#define PAY(amount_) "{\"id\":\"%I\",\"amount\":" amount_ "," TRANSFER "}"
#define PAY_OTHERS(currency_, debit_, credit_)                                                     \
    "{\"id\":\"%I\",\"amount\":\"5\",\"currency\":\"" currency_                                    \
    "\",\"debit_account_id\":\"" debit_ "\",\"credit_account_id\":\"" credit_ "\"}"
#define AADHAAR(number_, dob_)                                                                     \
    "{\"aadhaar_number\":\"" number_ "\",\"name\":\"A B\",\"dob\":\"" dob_ "\"}"
#define REGISTER(email_, password_)                                                                \
    "{\"email\":\"" email_ "\",\"password\":\"" password_ "\",\"full_name\":\"W\"}"
#define LOGIN(identifier_) "{\"identifier\":\"" identifier_ "\",\"password\":\"wrong\"}"
#define GRANT(grant_) "{\"grant_type\":\"" grant_ "\",\"refresh_token\":\"x\"}"
#define NONE_TOKEN "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.e30."
#define POST_TRANSFER "POST", "/v1/transfers"
#define INVALID "VALIDATION_FAILED"
#define ZERO_ID "00000000-0000-4000-8000-000000000000"

// clang-format off
static const struct row rows[] = {
    // given, who, method, path, body, headers, status, reason
    {"no such route", NOBODY, "GET", "/v1/nothing", NULL, NULL, 404, "ROUTE_NOT_FOUND"},
    {"another method on a route", NOBODY, "DELETE", "/v1/transfers", NULL, NULL, 405, "METHOD_NOT_ALLOWED"},
    {"no token", NOBODY, "GET", "/v1/me", NULL, NULL, 401, "TOKEN_MISSING"},
    {"a token that is not one", NOBODY, "GET", "/v1/me", NULL, "Authorization: Bearer abc", 401, "TOKEN_MALFORMED"},
    {"alg none", NOBODY, "GET", "/v1/me", NULL, "Authorization: Bearer " NONE_TOKEN, 401, "TOKEN_MALFORMED"},
    {"a token with one changed byte", FORGED, "GET", "/v1/me", NULL, NULL, 401, "TOKEN_MALFORMED"},
    {"a customer asks for the audit log", CUSTOMER, "GET", "/v1/audit/events", NULL, NULL, 403, "PERMISSION_DENIED"},
    {"a customer takes a deposit", CUSTOMER, "POST", "/v1/accounts/%A/deposit", "{\"id\":\"%I\",\"amount\":\"5\"}",
     NULL, 403, "PERMISSION_DENIED"},
    {"a customer gives out roles", CUSTOMER, "PUT", "/v1/users/" ZERO_ID "/roles", "{\"roles\":[\"admin\"]}",
     NULL, 403, "PERMISSION_DENIED"},
    {"the administrator moves money", ADMIN, POST_TRANSFER, PAY("\"5\""), NULL, 403, "PERMISSION_DENIED"},
    {"another customer's balance", OTHER, "GET", "/v1/accounts/%A/balance", NULL, NULL, 403, "PERMISSION_DENIED"},
    {"another customer's history", OTHER, "GET", "/v1/accounts/%A/transfers", NULL, NULL, 403, "PERMISSION_DENIED"},
    {"spending from another's account", OTHER, POST_TRANSFER, PAY("\"5\""), NULL, 403, "PERMISSION_DENIED"},
    {"an account that is not there", AUDITOR, "GET", "/v1/accounts/" ZERO_ID, NULL, NULL, 404, "ACCOUNT_NOT_FOUND"},
    {"a transfer that is not there", AUDITOR, "GET", "/v1/transfers/" ZERO_ID, NULL, NULL, 404, "TRANSFER_NOT_FOUND"},
    {"a user that is not there", ADMIN, "GET", "/v1/users/" ZERO_ID, NULL, NULL, 404, "USER_NOT_FOUND"},
    {"a case that is not there", MAKER, "GET", "/v1/kyc/cases/" ZERO_ID, NULL, NULL, 404, "CASE_NOT_FOUND"},
    {"an entry beyond the log", AUDITOR, "GET", "/v1/audit/events/99999999/proof", NULL, NULL, 404, "ENTRY_NOT_FOUND"},
    {"an unknown field", CUSTOMER, POST_TRANSFER, "{\"id\":\"%I\",\"amount\":\"5\",\"colour\":1," TRANSFER "}", NULL, 400, INVALID},
    {"an unknown query parameter", CUSTOMER, "GET", "/v1/accounts?colour=red", NULL, NULL, 400, INVALID},
    {"a field of the wrong type", CUSTOMER, POST_TRANSFER, "{\"id\":7,\"amount\":\"5\"," TRANSFER "}", NULL, 400, INVALID},
    {"an amount as a number", CUSTOMER, POST_TRANSFER, PAY("5"), NULL, 400, INVALID},
    {"an amount with a fraction", CUSTOMER, POST_TRANSFER, PAY("\"5.0\""), NULL, 400, INVALID},
    {"a negative amount", CUSTOMER, POST_TRANSFER, PAY("\"-5\""), NULL, 400, INVALID},
    {"an amount beyond 128 bits", CUSTOMER, POST_TRANSFER, PAY("\"340282366920938463463374607431768211456\""), NULL, 400, INVALID},
    {"an amount of null", CUSTOMER, POST_TRANSFER, PAY("null"), NULL, 400, INVALID},
    {"a member twice", CUSTOMER, POST_TRANSFER, "{\"id\":\"%I\",\"amount\":\"5\",\"amount\":\"6\"," TRANSFER "}", NULL, 400, NULL},
    {"a required field left out", CUSTOMER, POST_TRANSFER, "{\"id\":\"%I\"," TRANSFER "}", NULL, 400, INVALID},
    {"a body that is not JSON", CUSTOMER, POST_TRANSFER, "{\"id\":", NULL, 400, "JSON_MALFORMED"},
    {"a body with something behind it", CUSTOMER, POST_TRANSFER, "{} {}", NULL, 400, "JSON_MALFORMED"},
    {"a body that is an array", CUSTOMER, POST_TRANSFER, "[]", NULL, 400, NULL},
    {"a body of another type", CUSTOMER, POST_TRANSFER, "a=b", "Content-Type: text/plain", 415, NULL},
    {"an Accept we cannot serve", CUSTOMER, "GET", "/v1/accounts/%A/balance", NULL, "Accept: image/png", 406, NULL},
    {"a path variable that is no UUID", CUSTOMER, "GET", "/v1/accounts/abc/balance", NULL, NULL, 400, INVALID},
    {"an encoded slash in a variable", CUSTOMER, "GET", "/v1/accounts/a%%2Fb/balance", NULL, NULL, 400, NULL},
    {"an encoded NUL in a variable", CUSTOMER, "GET", "/v1/accounts/a%%00b/balance", NULL, NULL, 400, NULL},
    {"a negative page size", CUSTOMER, "GET", "/v1/accounts?page_size=-1", NULL, NULL, 400, NULL},
    {"a page token of our own making", CUSTOMER, "GET", "/v1/accounts?page_token=AAAA", NULL, NULL, 400, "PAGE_TOKEN_INVALID"},
    {"neither id nor Idempotency-Key", CUSTOMER, POST_TRANSFER, "{\"amount\":\"5\"," TRANSFER "}", NULL, 400, "IDEMPOTENCY_REQUIRED"},
    {"an Idempotency-Key with a space", CUSTOMER, POST_TRANSFER, "{\"amount\":\"5\"," TRANSFER "}", "Idempotency-Key: ", 400, NULL},
    {"debit and credit the same account", CUSTOMER, POST_TRANSFER, PAY_OTHERS("INR", "%A", "%A"), NULL, 400, "ACCOUNTS_MUST_DIFFER"},
    {"more than there is", CUSTOMER, POST_TRANSFER, PAY("\"999999999999\""), NULL, 422, "INSUFFICIENT_FUNDS"},
    {"another currency than the account", CUSTOMER, POST_TRANSFER, PAY_OTHERS("USD", "%A", "%O"), NULL, 422, "CURRENCY_MISMATCH"},
    {"paying nobody", CUSTOMER, POST_TRANSFER, PAY_OTHERS("INR", "%A", ZERO_ID), NULL, 404, "CREDIT_ACCOUNT_NOT_FOUND"},
    {"an Aadhaar that begins with 1", OTHER, "POST", "/v1/kyc/aadhaar", AADHAAR("123456789012", "1990-01-01"),
     NULL, 400, "AADHAAR_BAD_PREFIX"},
    {"a birthday that is no day", OTHER, "POST", "/v1/kyc/aadhaar", AADHAAR("234123412346", "1990-02-30"), NULL, 400, INVALID},
    {"handing in an empty case", OTHER, "POST", "/v1/kyc/submit", "{}", NULL, 422, "KYC_INCOMPLETE"},
    {"a weak password", NOBODY, "POST", "/v1/auth/register", REGISTER("w@example.com", "password"), NULL, 400, "WEAK_PASSWORD"},
    {"a short password", NOBODY, "POST", "/v1/auth/register", REGISTER("w@example.com", "x7!"), NULL, 400, INVALID},
    {"an e-mail that is none", NOBODY, "POST", "/v1/auth/register", REGISTER("nobody", "copper kettle on the hill"), NULL, 400, INVALID},
    {"a wrong password", NOBODY, "POST", "/v1/auth/login", LOGIN("admin@florin.local"), NULL, 401, "INVALID_CREDENTIALS"},
    {"nobody of that name", NOBODY, "POST", "/v1/auth/login", LOGIN("nobody@example.com"), NULL, 401, "INVALID_CREDENTIALS"},
    {"a grant we do not give", NOBODY, "POST", "/oauth2/token", GRANT("password"), NULL, 400, "UNSUPPORTED_GRANT_TYPE"},
    {"a refresh token of our own making", NOBODY, "POST", "/oauth2/token", GRANT("refresh_token"), NULL, 401, "TOKEN_MALFORMED"},
    {"a role nobody knows", ADMIN, "PUT", "/v1/users/%C/roles", "{\"roles\":[\"emperor\"]}", NULL, 400, "ROLE_UNKNOWN"},
};

// clang-format on

enum { ROW_COUNT = sizeof rows / sizeof rows[0], TEXT_BYTES = 4096 };

// Fills in %A (the customer's account), %O (the other's), %C (the customer) and %I (a new id).
static void expand(const struct fixture *fixture, const char *text, char ret[static TEXT_BYTES])
{
    char id[WORLD_ID_BYTES];
    people_new_id(id);
    size_t used = 0;
    for (; *text != '\0'; text++) {
        const char *part = NULL;
        if (text[0] == '%' && text[1] == 'A') part = fixture->account;
        if (text[0] == '%' && text[1] == 'O') part = fixture->other_account;
        if (text[0] == '%' && text[1] == 'C') part = fixture->people[CUSTOMER].id;
        if (text[0] == '%' && text[1] == 'I') part = id;
        if (text[0] == '%' && text[1] == '%') part = "%";
        size_t length = part != NULL ? strlen(part) : 1;
        assert_true(used + length < TEXT_BYTES);
        memcpy(ret + used, part != NULL ? part : text, length);
        used += length;
        if (part != NULL) text++;
    }
    ret[used] = '\0';
}

static void check_problem(const struct row *row, const struct http_answer *answer)
{
    const char *type = http_header(answer, "content-type");
    if (type == NULL || strcmp(type, "application/problem+json") != 0)
        fail_msg("%s: content-type %s", row->given, type != NULL ? type : "none");
    static const char *const members[] = {"type", "title",  "detail",
                                          "code", "reason", "request_id"};
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (http_text(answer, members[i])[0] == '\0')
            fail_msg("%s: no %s in %s", row->given, members[i], answer->text);
    }
    assert_int_equal(json_integer_value(json_object_get(answer->json, "status")), row->status);
    assert_string_equal(http_text(answer, "request_id"), http_header(answer, "x-request-id"));
    assert_null(http_header(answer, "server"));
    assert_string_equal(http_header(answer, "x-content-type-options"), "nosniff");
    if (row->status == 401) assert_non_null(http_header(answer, "www-authenticate"));
    if (row->status == 405) assert_non_null(http_header(answer, "allow"));
    static const char *const internals[] = {".sock", "ipc://", "/tmp/", "lmdb", "nng", ".c:"};
    for (size_t i = 0; i < sizeof internals / sizeof internals[0]; i++)
        assert_null(strstr(answer->text, internals[i]));
}

static void test_bad_input_gets_its_documented_refusal(void **state)
{
    struct fixture *fixture = *state;
    struct http_answer answer = {0};
    char path[TEXT_BYTES], body[TEXT_BYTES];
    unsigned wrong = 0;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const struct row *row = &rows[i];
        expand(fixture, row->path, path);
        if (row->body != NULL) expand(fixture, row->body, body);
        const char *token = row->who != NOBODY ? fixture->people[row->who].token : NULL;
        http_call(fixture->client, token, row->method, path, row->body != NULL ? body : NULL,
                  row->headers, &answer);
        const char *reason = http_text(&answer, "reason");
        bool as_expected = answer.status == row->status &&
                           (row->reason == NULL || strcmp(reason, row->reason) == 0);
        if (!as_expected) {
            print_error("%s: %ld %s, expected %ld %s\n  %s\n", row->given, answer.status, reason,
                        row->status, row->reason != NULL ? row->reason : "", answer.text);
            wrong++;
            continue;
        }
        check_problem(row, &answer);
    }
    http_answer_reset(&answer);
    assert_int_equal(wrong, 0);
}

static void test_an_unknown_field_is_named_by_its_path(void **state)
{
    struct fixture *fixture = *state;
    struct http_answer answer = {0};
    http_expect(fixture->client, fixture->people[OTHER].token, "PUT", "/v1/kyc/profile",
                "{\"full_name\":\"A B\",\"date_of_birth\":\"1990-01-01\",\"gender\":\"F\","
                "\"nationality\":\"IN\",\"address\":{\"line1\":\"x\",\"colour\":\"red\","
                "\"city\":\"x\",\"state\":\"x\",\"postal_code\":\"x\",\"country\":\"IN\"}}",
                400, &answer);
    assert_string_equal(http_text(&answer, "errors.0.field"), "address.colour");
    assert_string_equal(http_text(&answer, "errors.0.reason"), "UNKNOWN_FIELD");
    http_answer_reset(&answer);
}

static void test_a_body_of_two_mebibytes_is_refused(void **state)
{
    struct fixture *fixture = *state;
    size_t size = 2 << 20;
    char *body = malloc(size + 1);
    assert_non_null(body);
    memset(body, ' ', size);
    body[size] = '\0';
    struct http_answer answer = {0};
    http_call(fixture->client, fixture->people[CUSTOMER].token, "POST", "/v1/transfers", body, NULL,
              &answer);
    free(body);
    assert_int_equal(answer.status, 413);
    assert_string_equal(http_header(&answer, "content-type"), "application/problem+json");
    http_answer_reset(&answer);
}

// A refusal that depends on the state burns the id; the same id is never tried again.
static void test_a_refused_id_stays_refused(void **state)
{
    struct fixture *fixture = *state;
    char body[TEXT_BYTES];
    struct http_answer answer = {0};
    const char *token = fixture->people[CUSTOMER].token;
    expand(fixture, PAY("\"999999999999\""), body);
    http_expect(fixture->client, token, "POST", "/v1/transfers", body, 422, &answer);
    assert_string_equal(http_text(&answer, "reason"), "INSUFFICIENT_FUNDS");
    http_expect(fixture->client, token, "POST", "/v1/transfers", body, 422, &answer);
    assert_string_equal(http_text(&answer, "reason"), "ID_ALREADY_FAILED");
    http_answer_reset(&answer);
}

static void test_an_idempotency_key_gives_the_first_answer_again(void **state)
{
    struct fixture *fixture = *state;
    char body[TEXT_BYTES], id[WORLD_ID_BYTES];
    struct http_answer answer = {0};
    const char *token = fixture->people[CUSTOMER].token;
    expand(fixture, "{\"amount\":\"5\"," TRANSFER "}", body);
    http_call(fixture->client, token, "POST", "/v1/transfers", body, "Idempotency-Key: rent-1",
              &answer);
    assert_int_equal(answer.status, 201);
    assert_null(http_header(&answer, "idempotency-replayed"));
    snprintf(id, sizeof id, "%s", http_text(&answer, "id"));
    http_call(fixture->client, token, "POST", "/v1/transfers", body, "Idempotency-Key: rent-1",
              &answer);
    assert_int_equal(answer.status, 201);
    assert_string_equal(http_header(&answer, "idempotency-replayed"), "true");
    assert_string_equal(http_text(&answer, "id"), id);
    expand(fixture, "{\"amount\":\"6\"," TRANSFER "}", body);
    http_call(fixture->client, token, "POST", "/v1/transfers", body, "Idempotency-Key: rent-1",
              &answer);
    assert_int_equal(answer.status, 422);
    assert_string_equal(http_text(&answer, "reason"), "IDEMPOTENCY_KEY_REUSED");
    http_answer_reset(&answer);
}

static bool file_holds(const char *command)
{
    return system(command) == 0; // NOLINT(bugprone-command-processor): a test's own words.
}

// Secrets and identity numbers appear in no log, no store and no event.
static void test_nothing_is_kept_or_logged_in_clear(void **state)
{
    struct fixture *fixture = *state;
    const char *const secrets[] = {
        fixture->aadhaar,
        fixture->pan,
        "copper kettle on the hill",
        fixture->people[CUSTOMER].token,
        fixture->people[CUSTOMER].refresh_token,
        fixture->people[CUSTOMER].email,
    };
    char command[TEXT_BYTES];
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        // The dev outbox is the one place where an address belongs in clear.
        snprintf(command, sizeof command,
                 "grep -rlaF --exclude-dir=outbox -e '%.2000s' '%.200s' >&2", secrets[i],
                 fixture->world.data);
        if (file_holds(command)) fail_msg("a secret was kept in clear: number %zu", i);
    }
    // The search can find: the type of an event lies in the stores in clear.
    snprintf(command, sizeof command, "grep -rlaF -e auth.user.registered '%.200s' >/dev/null",
             fixture->world.data);
    assert_true(file_holds(command));
}

static void forge_token(const struct person *from, struct person *ret)
{
    *ret = *from;
    char *signature = strrchr(ret->token, '.') + 10;
    *signature = *signature == 'A' ? 'B' : 'A';
}

static int open_fixture(void **state)
{
    static struct fixture fixture;
    static const char *const staff[WHO_COUNT] = {[TELLER] = "teller",
                                                 [MAKER] = "kyc_maker",
                                                 [CHECKER] = "kyc_checker",
                                                 [AUDITOR] = "auditor"};
    world_open(&fixture.world);
    fixture.client = http_client_open(&fixture.world);
    struct person *people = fixture.people;
    for (int i = 0; i < WHO_COUNT; i++) {
        if (staff[i] != NULL) people_staff(&fixture.world, fixture.client, staff[i], &people[i]);
    }
    people_admin(&fixture.world, fixture.client, &people[ADMIN]);
    people_register(&fixture.world, fixture.client, "customer", &people[CUSTOMER]);
    people_register(&fixture.world, fixture.client, "other", &people[OTHER]);
    people_approve(fixture.client, &people[CUSTOMER], &people[MAKER], &people[CHECKER], 77);
    people_aadhaar(77, fixture.aadhaar);
    people_pan(77, 'V', fixture.pan);
    people_account(fixture.client, &people[CUSTOMER], fixture.account);
    struct person receiver;
    people_register(&fixture.world, fixture.client, "receiver", &receiver);
    people_approve(fixture.client, &receiver, &people[MAKER], &people[CHECKER], 78);
    people_account(fixture.client, &receiver, fixture.other_account);
    people_deposit(fixture.client, &people[TELLER], fixture.account, "100000");
    people_deposit(fixture.client, &people[TELLER], fixture.other_account, "100000");
    forge_token(&people[CUSTOMER], &people[FORGED]);
    *state = &fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    http_client_close(&fixture->client);
    world_close(&fixture->world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_input_gets_its_documented_refusal),
        cmocka_unit_test(test_an_unknown_field_is_named_by_its_path),
        cmocka_unit_test(test_a_body_of_two_mebibytes_is_refused),
        cmocka_unit_test(test_a_refused_id_stays_refused),
        cmocka_unit_test(test_an_idempotency_key_gives_the_first_answer_again),
        cmocka_unit_test(test_nothing_is_kept_or_logged_in_clear),
    };
    return cmocka_run_group_tests_name("refusals", tests, open_fixture, close_fixture);
}
