/// @file tests/api/steps.h
/// A running Florin with a bank's people in it, and tables of requests to it that read like a
/// specification. Every answer is held against openapi.json (book.h), and every refusal must be a
/// problem as RFC 9457 says.
/// Texts      Bodies are JSON with ' for ". "$name" in paths, bodies, headers and expectations is a
///            variable: letters, digits and underscores. "$new" is a fresh UUID each time.
/// Codes      "$code_asha" is the newest code that was sent to asha@example.com and that no step
/// has
///            used; "$last_code_asha" is the one that was used last. "$totp_asha" is what an
///            authenticator with the secret of the variable totp_secret_asha shows now, and
///            "$totp_old_asha" what it showed before: two codes that are good at any time.
/// Repeated   A step that is answered 503 NOT_SETTLED, and one that expects 401 TOKEN_REVOKED and
///            is not answered so yet: for a second at most.
/// Variables  Set by the fixture: $asha, $binod, $chitra (their first INR accounts), $asha_id …
///            (their user ids), $teller_id …, $cash (INR's own cash account), $none (a UUID that
///            names nothing); others by the tables.
/// Threads    One.
#pragma once

#include "tests/api/book.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

// clang-format on

enum who {
    NOBODY,
    ASHA, // Customers: two who have been through KYC …
    BINOD,
    CHITRA, // … one who has not …
    DEEPA,  // … and one with very many accounts.
    TELLER,
    COMPLIANCE,
    AUDITOR,
    ADMIN,
    SUPPORT, // No permission that the ledger knows.
    MAKER,
    CHECKER,
    OPS,
    CHIEF, // Has every permission of the service that is tested, by a role made for it.
    LEFT,  // Has logged out.
    EARLY, // Logged in when the world began, and never again.
    WHO_COUNT,
};

struct api;

// Rows leave out the columns at their end that they do not need.
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

struct step {
    const char *given;
    enum who who;
    const char *ask;     // "POST /v1/transfers"
    const char *body;    // NULL: none.
    const char *answer;  // "201", "422 INSUFFICIENT_FUNDS"
    const char *expect;  // "state=PENDING; transfers.0.id=$hold; transfers.#=1; @etag=\"1\""
    const char *keep;    // "hold=id": the variable hold is the answer's id.
    const char *headers; // Lines.
};

/// What a world of steps is like.
struct api_setting {
    const char *ini;   // florin.ini
    const char *tag;   // Of the operations that are held against the book.
    bool has_accounts; // The customers go through KYC and have money: $asha, $binod, …
};

/// api_open starts the world; of a test's group set-up. api_close is its teardown.
int api_open(const struct api_setting *setting, void **state);
int api_close(void **state);
/// api_refresh logs everybody in again but EARLY, and LEFT out again: a test's set-up. Tokens live
/// for seconds here, so that one can be seen to expire.
int api_refresh(void **state);

struct world *api_world(struct api *api);
struct http_client *api_client(struct api *api);
struct book *api_book(struct api *api);
struct person *api_person(struct api *api, enum who who);
const char *api_token(const struct api *api, enum who who);

/// api_run takes the steps one after the other, prints what was not as expected and gives its
/// number; RUN fails the test then.
size_t api_run(struct api *api, const struct step *steps, size_t count);
#define RUN(api_, steps_)                                                                          \
    assert_int_equal(api_run(api_, steps_, sizeof(steps_) / sizeof(steps_)[0]), 0)

/// api_step takes one; false: it was not as expected, and that was printed. *ret is reset first.
bool api_step(struct api *api, const struct step *step, struct http_answer *ret);

/// api_ask takes a step without printing that the answer was another one; expect and keep are not
/// looked at. true: answered as `answer` says, and as documented.
bool api_ask(struct api *api, const struct step *step, struct http_answer *ret);

void api_set(struct api *api, const char *name, const char *value);
/// api_get aborts for a name that nothing has set.
const char *api_get(const struct api *api, const char *name);
/// api_set_time sets a variable to a time so many milliseconds from now, in RFC 3339.
void api_set_time(struct api *api, const char *name, long from_now_ms);

/// api_wait repeats the step until it is answered as expected, its expectations included, for some
/// seconds at most.
void api_wait(struct api *api, const struct step *step);
