/// @file tests/support/world.h
/// A whole Florin for one test: the five real daemons under the real supervisor on a data directory
/// of its own, an HTTP client (libcurl) and the people a story needs.
/// Failures   Setting the world up is not what a test tests: anything unexpected prints what was
///            asked and answered, and aborts.
/// Threads    http_* are safe from many threads, each with its own struct http_client.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { WORLD_PATH_BYTES = 256, WORLD_TOKEN_BYTES = 2048, WORLD_ID_BYTES = 37 };

struct world {
    char data[WORLD_PATH_BYTES]; // In $TMPDIR or /tmp; removed by world_close.
    char bin[WORLD_PATH_BYTES];  // $FLORIN_BINARY_DIR/bin
    char ini[4096];              // Written to <data>/florin.ini before the start; may be "".
    unsigned port;               // Of the gateway, on 127.0.0.1.
    pid_t supervisor;
};

/// world_open starts everything and waits for readiness: world_make and world_start. Fill ini
/// before, zero the rest.
void world_open(struct world *world);
/// world_close stops everything and removes the data. It aborts when a daemon did not end with exit
/// code 0 within the drain, leaks that a sanitizer found included: cmocka does not count the
/// failure of a group's teardown.
void world_close(struct world *world);

/// world_make makes an empty data directory with florin.ini in it, and picks the gateway's port.
void world_make(struct world *world);
/// world_start starts everything on the data that is there, and waits for readiness.
void world_start(struct world *world);
/// world_stop is world_close that keeps the data.
void world_stop(struct world *world);
void world_remove(struct world *world);
/// world_free_port is a port of 127.0.0.1 that was free a moment ago.
unsigned world_free_port(void);
/// world_daemon_pid is the running process of a daemon, or 0.
pid_t world_daemon_pid(const struct world *world, const char *daemon);
/// world_wait_ready waits until /readyz answers 200: after a kill, say.
void world_wait_ready(const struct world *world);
/// world_florin runs the command line with the data directory; its exit code. Output goes to
/// ret_output (may be NULL), NUL-terminated, cut at size.
int world_florin(const struct world *world, const char *arguments, char *ret_output, size_t size);

struct http_client; // One keep-alive connection.
struct http_client *http_client_open(const struct world *world);
void http_client_close(struct http_client **client);

struct http_answer {
    long status;  // 0: no answer (the connection broke or the time was up).
    json_t *json; // Of a JSON body, else NULL.
    char *text;   // The body, NUL-terminated.
    size_t size;
    char *headers; // As received, lower-cased names.
};

void http_answer_reset(struct http_answer *answer); // Frees; idempotent.

/// http_call sends one request; token, body and headers (lines separated by '\n') may be NULL.
void http_call(struct http_client *client, const char *token, const char *method, const char *path,
               const char *body, const char *headers, struct http_answer *ret);
/// http_text gives a member of the answer's object ("" when absent), at any depth: "a.b".
const char *http_text(const struct http_answer *answer, const char *path);
/// http_header gives a header's value in a static buffer of the calling thread, or NULL.
const char *http_header(const struct http_answer *answer, const char *name);
/// http_expect is http_call that aborts unless the status is the expected one.
void http_expect(struct http_client *client, const char *token, const char *method,
                 const char *path, const char *body, long status, struct http_answer *ret);

struct person {
    char email[96];
    char id[WORLD_ID_BYTES];
    char token[WORLD_TOKEN_BYTES];
    char refresh_token[WORLD_TOKEN_BYTES];
};

/// people_register makes a verified user and logs in. name: "asha" -> asha@example.com.
void people_register(const struct world *world, struct http_client *client, const char *name,
                     struct person *ret);
void people_login(struct http_client *client, struct person *person);
/// people_admin logs the administrator in.
void people_admin(const struct world *world, struct http_client *client, struct person *ret);
/// people_staff registers somebody with exactly this role, given by the administrator.
void people_staff(const struct world *world, struct http_client *client, const char *role,
                  struct person *ret);
/// people_code is the newest registration code that was sent to the address.
void people_code(const struct world *world, const char *email, char ret_code[static 16]);

/// people_approve takes a customer through KYC: profile, Aadhaar and PAN made from `number`
/// (different for each customer), hand-in, recommendation and decision. Ends at tier T3.
void people_approve(struct http_client *client, const struct person *customer,
                    const struct person *maker, const struct person *checker, unsigned number);
/// Valid numbers, different for each `number`.
void people_aadhaar(unsigned number, char ret[static 13]);
void people_pan(unsigned number, char surname_initial, char ret[static 11]);

/// people_account opens an INR account and gives its id.
void people_account(struct http_client *client, const struct person *owner,
                    char ret_id[static WORLD_ID_BYTES]);
/// people_deposit pays in; waits while the tier has not reached the ledger yet.
void people_deposit(struct http_client *client, const struct person *teller, const char *account,
                    const char *amount);
void people_new_id(char ret_id[static WORLD_ID_BYTES]);
