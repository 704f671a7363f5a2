/// @file tests/crash/life.h
/// People who live through accounts over REST while daemons die, each remembering exactly what was
/// acknowledged.
/// Asking     A request is repeated until it is answered. An attempt that was answered 503 has not
///            happened; one that was lost (no answer, or 504) may have: reply.lost counts those,
///            and then the answer may also be that of a second time. Nothing else is accepted.
/// Failures   Print what was asked and answered, and abort.
/// Threads    One per life.
#pragma once

#include "tests/crash/promises.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    LIFE_REASON_BYTES = 48,
    LIFE_BODY_BYTES = WORLD_TOKEN_BYTES + 256,
    LIFE_CODE_BYTES = 16,
    LIFE_SECRET_BYTES = 128,
    LIFE_ANSWER_BYTES = LIFE_BODY_BYTES + LIFE_SECRET_BYTES, // What was begun, and a code.
    LIFE_ATTEMPTS_MAX = 5,                                   // Of one code: what auth promises.
};

#define LIFE_PASSWORD "copper kettle on the hill"

struct lives {
    const struct world *world;
    atomic_bool is_stopping;
    struct person admin;
};

struct life {
    struct lives *lives;
    void (*round)(struct life *life); // What is done again and again.
    const char *name;
    struct http_client *client;
    pthread_t thread;
    struct person person; // Who is lived.
    char account[WORLD_ID_BYTES], payee[WORLD_ID_BYTES];
    struct promises promises;
    unsigned rounds, asked, people, random;
    uint64_t lost; // Attempts.
    uint64_t paid; // Minor units, acknowledged.
};

/// life_begin gives the life its connection and its memory; life_start lets it go on beside.
void life_begin(struct life *life, struct lives *lives, const char *name,
                void (*round)(struct life *life));
void life_start(struct life *life);
void life_join(struct life *life);
void life_end(struct life *life);

_Noreturn void life_fail(const struct life *life, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// ---- Asking -------------------------------------------------------------------------------------

struct reply {
    struct http_answer answer;
    long status;
    char reason[LIFE_REASON_BYTES]; // "" for none.
    unsigned lost;                  // Attempts before that may have happened.
    char request_id[PROMISES_ID_BYTES];
};

void reply_reset(struct reply *reply);

/// life_ask: verb and path; token and body may be NULL. *ret is reset first.
void life_ask(struct life *life, const char *token, const char *verb, const char *path,
              const char *body, struct reply *ret);

/// life_is: the answer is this one. reason "" for none.
bool life_is(const struct reply *reply, long status, const char *reason);
void life_expect(struct life *life, const struct reply *reply, long status, const char *reason);
/// life_expect_done: the status, or the refusal of a second time when an attempt was lost. true: it
/// was this attempt.
bool life_expect_done(struct life *life, const struct reply *reply, long status, long again_status,
                      const char *again_reason);
/// life_keep copies a text member that must be there.
void life_keep(struct life *life, const struct reply *reply, const char *member, char *ret,
               size_t size);
#define LIFE_KEEP(life_, reply_, member_, place_)                                                  \
    life_keep((life_), (reply_), (member_), (place_), sizeof(place_))

unsigned life_random(struct life *life, unsigned below);

// ---- Codes --------------------------------------------------------------------------------------

/// Where the outbox ended, and when, before something was asked for that sends a code.
struct mark {
    long offset;
    char at[40];
};

struct mark life_mark(const struct life *life);
/// life_code waits for the newest code that was sent to the person since the mark. A line that was
/// delivered twice, or torn, is looked over.
void life_code(struct life *life, const struct mark *mark, char ret[static LIFE_CODE_BYTES]);
/// life_wrong_code is another code.
void life_wrong_code(const char *code, char ret[static LIFE_CODE_BYTES]);
/// life_guess asks with wrong codes until OTP_EXHAUSTED, and fails if more were ever compared than
/// there may be, or fewer, but for those that were lost. begun: the body up to the code.
void life_guess(struct life *life, const char *path, const char *begun, const char *wrong_code);

// ---- What everybody does ------------------------------------------------------------------------

/// life_apply begins a registration of somebody new: what comes before the code in the answer, and
/// the code.
void life_apply(struct life *life, char ret_body[static LIFE_BODY_BYTES],
                char ret_code[static LIFE_CODE_BYTES]);
/// life_be_new makes the person somebody new who is registered: acknowledged, whatever was lost.
void life_be_new(struct life *life);
/// life_login logs in; person.token and person.refresh_token are the new session's. A login that
/// was answered must have its event, once.
void life_login(struct life *life, const char *password);
/// life_try_login only asks; the caller looks at the answer.
void life_try_login(struct life *life, const char *password, struct reply *ret);
/// life_tell_login remembers that a login was answered.
void life_tell_login(struct life *life, const struct reply *reply);
void life_refresh(struct life *life, const char *refresh_token, struct reply *ret);

/// What is promised for good: person.token and person.refresh_token are worth nothing.
void life_promise_ended(struct life *life, const char *refresh_reason);

// ---- The lives ----------------------------------------------------------------------------------

void life_refreshes(struct life *life);     // lives_sessions.c
void life_leaves(struct life *life);        //
void life_is_blocked(struct life *life);    //
void life_registers(struct life *life);     // lives_codes.c
void life_guesses(struct life *life);       //
void life_authenticates(struct life *life); //
void life_changes(struct life *life);       // lives_passwords.c
void life_forgets(struct life *life);       //
void life_is_throttled(struct life *life);  //
void life_holds_keys(struct life *life);    // lives_tokens.c
void life_pays(struct life *life);          //
