/// @file services/auth/core.h
/// The rules of identity: how a registration and a session may move, what a refresh token is worth,
/// how often somebody may try.
/// Pure: no I/O, clock, allocation or logging. Untrusted input has been refused by convert.c.
/// Units      *_ns: wall clock, or lengths of time.
/// Errors     INVALID_ARGUMENT / OTP_INVALID, OTP_EXPIRED, OTP_EXHAUSTED; RESOURCE_EXHAUSTED /
///            OTP_SEND_LIMIT; PERMISSION_DENIED / SEPARATION_OF_DUTIES.
/// Source     The machines and limits of README.md; RFC 6819 section 5.2.2.3 (rotation).
#pragma once

#include "common/base/id128.h"
#include "common/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    AUTH_CODE_DIGITS = 6,
    AUTH_CODE_ATTEMPTS_MAX = 5, // Compares of one channel, over all codes that were sent to it.
    AUTH_RESENDS_MAX = 3,
    AUTH_MAC_BYTES = 32,
    AUTH_DEVICE_HASH_BYTES = 32,
    AUTH_ROLES_MAX = 16,
    AUTH_ROLE_BYTES = 32, // With the final NUL.
};

#define AUTH_SECOND_NS UINT64_C(1000000000)
#define AUTH_CODE_LIFE_NS (300 * AUTH_SECOND_NS)
#define AUTH_RESEND_FIRST_NS (30 * AUTH_SECOND_NS)
#define AUTH_REGISTRATION_LIFE_NS (1800 * AUTH_SECOND_NS)

// ---- Registrations -------------------------------------------------------------------------

/// Where a code can be sent, and by what a user can be found. Stored as numbers: never renumber.
enum auth_channel { AUTH_EMAIL = 1, AUTH_MOBILE = 2, AUTH_CHANNEL_LAST = AUTH_MOBILE };

const char *auth_channel_name(enum auth_channel channel); // "email"
/// auth_channel_of_name gives 0 for a name that is none.
enum auth_channel auth_channel_of_name(const char *name);

/// Stored; never renumber. 0 is no state: a cell of the table left out is a refusal.
enum auth_registration_state {
    AUTH_REGISTRATION_REFUSED_MOVE = 0,
    AUTH_REGISTRATION_PENDING = 1,
    AUTH_REGISTRATION_COMPLETED = 2, // The user exists.
    AUTH_REGISTRATION_EXPIRED = 3,
    AUTH_REGISTRATION_STATE_COUNT
};

enum auth_registration_event {
    AUTH_REGISTRATION_RESEND,
    AUTH_REGISTRATION_CONFIRM_SOME, // A channel, and others are still open.
    AUTH_REGISTRATION_CONFIRM_LAST,
    AUTH_REGISTRATION_EXPIRE,
    AUTH_REGISTRATION_EVENT_COUNT
};

enum auth_registration_state auth_core_next_registration(enum auth_registration_state state,
                                                         enum auth_registration_event event);

enum auth_confirmation {        // Of one channel; stored.
    AUTH_CONFIRMATION_NONE = 0, // The applicant did not name this channel.
    AUTH_CONFIRMATION_OPEN = 1,
    AUTH_CONFIRMATION_DONE = 2,
    AUTH_CONFIRMATION_LAST = AUTH_CONFIRMATION_DONE
};

struct auth_challenge {
    enum auth_confirmation confirmation;
    bool is_decoy; // The address has an owner: he got a notice, and no code fits.
    uint8_t attempts, resends;
    uint64_t sent_at_ns, expires_at_ns;
    uint8_t mac[AUTH_MAC_BYTES]; // Of the code that was sent last.
};

/// A registration without the applicant's data, which record.h and store.h hold sealed.
struct auth_progress {
    enum auth_registration_state state;
    uint64_t created_at_ns, expires_at_ns;
    struct id128 user_id;                                // Nil until completed.
    struct auth_challenge challenges[AUTH_CHANNEL_LAST]; // Index: channel - 1.
};

struct auth_challenge *auth_progress_challenge(struct auth_progress *progress,
                                               enum auth_channel channel);
size_t auth_progress_open_count(const struct auth_progress *progress);

/// auth_core_begin_registration opens the challenges of the given channels (bit 1 << channel).
struct auth_progress auth_core_begin_registration(unsigned channels, uint64_t now_ns);

/// auth_core_count_attempt comes before any comparing of a code: it counts. A refusal has counted
/// nothing: OTP_EXPIRED (code or registration), OTP_EXHAUSTED, OTP_INVALID (nothing is open there).
MUST_USE struct status auth_core_count_attempt(struct auth_progress *progress,
                                               enum auth_channel channel, uint64_t now_ns);
/// auth_core_confirm takes the comparison's result: OTP_INVALID, or the channel is done.
MUST_USE struct status auth_core_confirm(struct auth_progress *progress, enum auth_channel channel,
                                         bool is_equal);
/// auth_core_resend_challenge counts a resend of an open challenge: 30, 60, 120 s after the one
/// before. *ret_wait_ns: until the next one is allowed, also with a refusal (0: never again).
MUST_USE struct status auth_core_resend_challenge(struct auth_challenge *challenge, uint64_t now_ns,
                                                  uint64_t *ret_wait_ns);
/// auth_core_resend does so for one channel of a registration.
MUST_USE struct status auth_core_resend(struct auth_progress *progress, enum auth_channel channel,
                                        uint64_t now_ns, uint64_t *ret_wait_ns);

// ---- Users ---------------------------------------------------------------------------------

enum auth_user_state { // Stored; never renumber.
    AUTH_USER_ACTIVE = 1,
    AUTH_USER_BLOCKED = 2,
    AUTH_USER_CLOSED = 3,
    AUTH_USER_STATE_LAST = AUTH_USER_CLOSED
};

enum auth_user_kind { // Stored; never renumber.
    AUTH_USER_PERSON = 1,
    AUTH_USER_SERVICE = 2, // A program: no address, no password, only API keys.
    AUTH_USER_KIND_LAST = AUTH_USER_SERVICE
};

enum auth_user_event { AUTH_USER_BLOCK, AUTH_USER_UNBLOCK, AUTH_USER_CLOSE, AUTH_USER_EVENT_COUNT };

/// auth_core_move_user: FAILED_PRECONDITION / USER_CLOSED, USER_BLOCKED, USER_NOT_BLOCKED; *ret is
/// left alone then. Closing a closed user moves nothing and is no refusal.
MUST_USE struct status auth_core_move_user(enum auth_user_state state, enum auth_user_event event,
                                           enum auth_user_state *ret);

const char *auth_user_kind_name(enum auth_user_kind kind); // "person"

const char *auth_user_state_name(enum auth_user_state state); // "active"

/// Names in ascending order, each once: the same rights always look the same.
struct auth_roles {
    size_t count;
    char names[AUTH_ROLES_MAX][AUTH_ROLE_BYTES];
};

/// auth_roles_add keeps the order; a name that is there already changes nothing. CHECK: there is
/// room, and the name is of [A-Za-z0-9_.:-].
void auth_roles_add(struct auth_roles *roles, const char *name);
bool auth_roles_equal(const struct auth_roles *a, const struct auth_roles *b);
bool auth_role_name_is_valid(const char *name);
/// Whoever holds more than "customer" works here: shorter tokens and sessions.
bool auth_roles_are_staff(const struct auth_roles *roles);
/// auth_core_may_set_roles: nobody changes their own rights; nor what decides them, their branch
/// and their state.
MUST_USE struct status auth_core_may_set_roles(struct id128 actor_id, struct id128 user_id);

// ---- Sessions ------------------------------------------------------------------------------

enum auth_session_state { // Stored; never renumber.
    AUTH_SESSION_REFUSED_MOVE = 0,
    AUTH_SESSION_ACTIVE = 1,
    AUTH_SESSION_ENDED = 2,
    AUTH_SESSION_STATE_COUNT
};

enum auth_session_event { // 1 and above are also the stored cause of an end; never renumber.
    AUTH_SESSION_REFRESH = 0,
    AUTH_SESSION_LOGOUT = 1,
    AUTH_SESSION_REUSE = 2, // An old refresh token was shown: somebody has a copy.
    AUTH_SESSION_BLOCK = 3,
    AUTH_SESSION_EXPIRE = 4,
    AUTH_SESSION_CROWD_OUT = 5, // A customer's newer session took its place.
    AUTH_SESSION_PASSWORD_CHANGED = 6,
    AUTH_SESSION_FACTORS_CHANGED = 7,
    AUTH_SESSION_EVENT_COUNT
};

enum auth_session_state auth_core_next_session(enum auth_session_state state,
                                               enum auth_session_event event);
/// auth_session_cause_name is the cause as events tell it: "logout", "refresh_reused", "blocked",
/// "expired", "crowded_out".
const char *auth_session_cause_name(enum auth_session_event cause);

/// The policy demands an authenticator that the user has not enrolled yet: good for enrolling one
/// and nothing else (403 INSUFFICIENT_AAL, at every daemon).
enum { AUTH_AAL_ENROLMENT = 0 };

struct auth_session {
    struct id128 id, user_id;
    enum auth_session_state state;
    enum auth_session_event cause; // Of the end; AUTH_SESSION_REFRESH while it lives.
    uint64_t counter;              // Of the refresh token that was given last.
    uint64_t created_at_ns, rotated_at_ns, expires_at_ns, ended_at_ns, authenticated_at_ns;
    uint8_t aal; // 1 or 2; AUTH_AAL_ENROLMENT.
    uint8_t amr; // Bits TOKEN_AMR_*.
    uint8_t device_hash[AUTH_DEVICE_HASH_BYTES];
};

/// How long a session lives, for customers and for staff.
struct auth_session_limits {
    uint64_t idle_ns, absolute_ns, token_life_s;
};

/// auth_core_session_end_ns is when the session ends unless it is refreshed before.
uint64_t auth_core_session_end_ns(const struct auth_session *session,
                                  const struct auth_session_limits *limits);

/// auth_core_end_session: false when it has ended before; nothing is changed then.
bool auth_core_end_session(struct auth_session *session, enum auth_session_event cause,
                           uint64_t now_ns);

enum auth_refresh_verdict {
    AUTH_REFRESH_ROTATE, // The current token: a new one replaces it.
    AUTH_REFRESH_REPEAT, // The one before, shown again within the grace: the same successor.
    AUTH_REFRESH_REUSED, // Anything else: the session ends.
    AUTH_REFRESH_EXPIRED,
    AUTH_REFRESH_ENDED, // The session had ended before.
};

/// A client that lost the answer may ask again for so long.
#define AUTH_REFRESH_GRACE_NS (30 * AUTH_SECOND_NS)

enum auth_refresh_verdict auth_core_judge_refresh(const struct auth_session *session,
                                                  const struct auth_session_limits *limits,
                                                  uint64_t counter, bool is_same_device,
                                                  uint64_t now_ns);

// ---- Throttles -----------------------------------------------------------------------------

struct auth_throttle {
    uint32_t count;
    uint64_t last_ns;
    uint64_t until_ns; // Closed until then; with GCRA the theoretical arrival time.
};

/// Passwords of one account: 5 failures are free, then 30 s doubling to 15 min; 12 h without any
/// begin anew.
enum { AUTH_FAILURES_FREE = 5 };

#define AUTH_FAILURE_PAUSE_NS_MAX (900 * AUTH_SECOND_NS)

#define AUTH_FAILURES_FORGOTTEN_NS (UINT64_C(12) * 3600 * AUTH_SECOND_NS)

/// auth_core_is_ahead: this end lies before us by no more than length_ns, the longest that it can
/// be set to, and some slack for calls that overtook each other. What lies further off was written
/// by a clock that has been set back since; it does not count, or people would wait for that clock.
bool auth_core_is_ahead(uint64_t until_ns, uint64_t length_ns, uint64_t now_ns);

/// auth_core_is_closed: too early for another attempt.
bool auth_core_is_closed(const struct auth_throttle *throttle, uint64_t now_ns);
/// auth_core_charge_failure counts one; nothing while it is closed. A success resets the throttle.
void auth_core_charge_failure(struct auth_throttle *throttle, uint64_t now_ns);
/// auth_core_reset_throttle keeps only when it was: the row is forgotten by itself later.
void auth_core_reset_throttle(struct auth_throttle *throttle, uint64_t now_ns);

/// The generic cell rate algorithm: burst at once, then one each interval.
struct auth_rate {
    uint64_t interval_ns;
    uint32_t burst; // 0: no limit.
};

/// auth_core_charge_rate takes one; false: none is left, and nothing was taken. *ret_wait_ns: until
/// there is one.
bool auth_core_charge_rate(struct auth_throttle *throttle, const struct auth_rate *rate,
                           uint64_t now_ns, uint64_t *ret_wait_ns);
