#include "services/auth/core.h"

#include "common/base/check.h"

#include <string.h>

// ---- Registrations -------------------------------------------------------------------------

static const char *const channel_names[AUTH_CHANNEL_LAST + 1] = {
    [AUTH_EMAIL] = "email",
    [AUTH_MOBILE] = "mobile",
};

const char *auth_channel_name(enum auth_channel channel)
{
    CHECK(channel >= AUTH_EMAIL && channel <= AUTH_CHANNEL_LAST);
    return channel_names[channel];
}

enum auth_channel auth_channel_of_name(const char *name)
{
    for (int i = AUTH_EMAIL; i <= AUTH_CHANNEL_LAST; i++)
        if (strcmp(channel_names[i], name) == 0) return (enum auth_channel)i;
    return (enum auth_channel)0;
}

// clang-format off
static const uint8_t next_registration[AUTH_REGISTRATION_STATE_COUNT]
                                      [AUTH_REGISTRATION_EVENT_COUNT] = {
    [AUTH_REGISTRATION_PENDING] = {
        [AUTH_REGISTRATION_RESEND]       = AUTH_REGISTRATION_PENDING,
        [AUTH_REGISTRATION_CONFIRM_SOME] = AUTH_REGISTRATION_PENDING,
        [AUTH_REGISTRATION_CONFIRM_LAST] = AUTH_REGISTRATION_COMPLETED,
        [AUTH_REGISTRATION_EXPIRE]       = AUTH_REGISTRATION_EXPIRED,
    },
};
// clang-format on
_Static_assert(AUTH_REGISTRATION_REFUSED_MOVE == 0, "a cell not written above must mean refused");

enum auth_registration_state auth_core_next_registration(enum auth_registration_state state,
                                                         enum auth_registration_event event)
{
    CHECK(state < AUTH_REGISTRATION_STATE_COUNT);
    CHECK(event < AUTH_REGISTRATION_EVENT_COUNT);
    return (enum auth_registration_state)next_registration[state][event];
}

struct auth_challenge *auth_progress_challenge(struct auth_progress *progress,
                                               enum auth_channel channel)
{
    CHECK(channel >= AUTH_EMAIL && channel <= AUTH_CHANNEL_LAST);
    return &progress->challenges[channel - 1];
}

size_t auth_progress_open_count(const struct auth_progress *progress)
{
    size_t count = 0;
    for (size_t i = 0; i < AUTH_CHANNEL_LAST; i++)
        count += progress->challenges[i].confirmation == AUTH_CONFIRMATION_OPEN;
    return count;
}

struct auth_progress auth_core_begin_registration(unsigned channels, uint64_t now_ns)
{
    struct auth_progress progress = {
        .state = AUTH_REGISTRATION_PENDING,
        .created_at_ns = now_ns,
        .expires_at_ns = now_ns + AUTH_REGISTRATION_LIFE_NS,
    };
    for (int i = AUTH_EMAIL; i <= AUTH_CHANNEL_LAST; i++) {
        if ((channels & (1U << i)) == 0) continue;
        *auth_progress_challenge(&progress, (enum auth_channel)i) = (struct auth_challenge){
            .confirmation = AUTH_CONFIRMATION_OPEN,
            .sent_at_ns = now_ns,
            .expires_at_ns = now_ns + AUTH_CODE_LIFE_NS,
        };
    }
    CHECK(auth_progress_open_count(&progress) > 0);
    return progress;
}

#define OTP_EXPIRED                                                                                \
    REFUSE(INVALID_ARGUMENT, OTP_EXPIRED, "the code or the registration is no longer valid")
#define OTP_INVALID REFUSE(INVALID_ARGUMENT, OTP_INVALID, "this is not the code that was sent")

/// look_at gives the challenge when the registration can still go on with it.
static struct status look_at(struct auth_progress *progress, enum auth_channel channel,
                             enum auth_registration_event event, uint64_t now_ns,
                             struct auth_challenge **ret)
{
    bool is_over = now_ns >= progress->expires_at_ns;
    if (is_over && progress->state == AUTH_REGISTRATION_PENDING)
        progress->state = auth_core_next_registration(progress->state, AUTH_REGISTRATION_EXPIRE);
    if (progress->state == AUTH_REGISTRATION_EXPIRED) return OTP_EXPIRED;
    struct auth_challenge *challenge = auth_progress_challenge(progress, channel);
    bool is_refused =
        auth_core_next_registration(progress->state, event) == AUTH_REGISTRATION_REFUSED_MOVE;
    if (is_refused || challenge->confirmation != AUTH_CONFIRMATION_OPEN) return OTP_INVALID;
    *ret = challenge;
    return STATUS_SUCCESS;
}

struct status auth_core_count_attempt(struct auth_progress *progress, enum auth_channel channel,
                                      uint64_t now_ns)
{
    struct auth_challenge *challenge = NULL;
    RETURN_IF_ERROR(look_at(progress, channel, AUTH_REGISTRATION_CONFIRM_SOME, now_ns, &challenge));
    if (challenge->attempts >= AUTH_CODE_ATTEMPTS_MAX)
        return REFUSE(INVALID_ARGUMENT, OTP_EXHAUSTED,
                      "no more codes are compared for this channel");
    if (now_ns >= challenge->expires_at_ns) return OTP_EXPIRED;
    challenge->attempts++;
    return STATUS_SUCCESS;
}

struct status auth_core_confirm(struct auth_progress *progress, enum auth_channel channel,
                                bool is_equal)
{
    struct auth_challenge *challenge = auth_progress_challenge(progress, channel);
    CHECK(challenge->confirmation == AUTH_CONFIRMATION_OPEN);
    CHECK(challenge->attempts > 0 && challenge->attempts <= AUTH_CODE_ATTEMPTS_MAX);
    if (!is_equal || challenge->is_decoy) return OTP_INVALID;
    challenge->confirmation = AUTH_CONFIRMATION_DONE;
    bool is_last = auth_progress_open_count(progress) == 0;
    progress->state = auth_core_next_registration(
        progress->state, is_last ? AUTH_REGISTRATION_CONFIRM_LAST : AUTH_REGISTRATION_CONFIRM_SOME);
    CHECK(progress->state != AUTH_REGISTRATION_REFUSED_MOVE);
    return STATUS_SUCCESS;
}

struct status auth_core_resend_challenge(struct auth_challenge *challenge, uint64_t now_ns,
                                         uint64_t *ret_wait_ns)
{
    static const uint64_t pauses_s[AUTH_RESENDS_MAX + 1] = {30, 60, 120, 0};
    *ret_wait_ns = 0;
    if (challenge->resends >= AUTH_RESENDS_MAX)
        return REFUSE(RESOURCE_EXHAUSTED, OTP_SEND_LIMIT, "this code is not sent again");
    uint64_t allowed_ns = challenge->sent_at_ns + pauses_s[challenge->resends] * AUTH_SECOND_NS;
    if (now_ns < allowed_ns) {
        *ret_wait_ns = allowed_ns - now_ns;
        return REFUSE(RESOURCE_EXHAUSTED, OTP_SEND_LIMIT, "the code was sent a moment ago");
    }
    challenge->resends++; // The attempts stay what they are: a new code is no new chance.
    challenge->sent_at_ns = now_ns;
    challenge->expires_at_ns = now_ns + AUTH_CODE_LIFE_NS;
    *ret_wait_ns = pauses_s[challenge->resends] * AUTH_SECOND_NS;
    return STATUS_SUCCESS;
}

struct status auth_core_resend(struct auth_progress *progress, enum auth_channel channel,
                               uint64_t now_ns, uint64_t *ret_wait_ns)
{
    struct auth_challenge *challenge = NULL;
    *ret_wait_ns = 0;
    RETURN_IF_ERROR(look_at(progress, channel, AUTH_REGISTRATION_RESEND, now_ns, &challenge));
    return auth_core_resend_challenge(challenge, now_ns, ret_wait_ns);
}

// ---- Users ---------------------------------------------------------------------------------

const char *auth_user_kind_name(enum auth_user_kind kind)
{
    CHECK(kind == AUTH_USER_PERSON || kind == AUTH_USER_SERVICE);
    return kind == AUTH_USER_PERSON ? "person" : "service";
}

const char *auth_user_state_name(enum auth_user_state state)
{
    static const char *const names[AUTH_USER_STATE_LAST + 1] = {
        [AUTH_USER_ACTIVE] = "active",
        [AUTH_USER_BLOCKED] = "blocked",
        [AUTH_USER_CLOSED] = "closed",
    };
    CHECK(state >= AUTH_USER_ACTIVE && state <= AUTH_USER_STATE_LAST);
    return names[state];
}

// clang-format off
static const uint8_t next_user[AUTH_USER_STATE_LAST + 1][AUTH_USER_EVENT_COUNT] = {
    [AUTH_USER_ACTIVE] = {
        [AUTH_USER_BLOCK]   = AUTH_USER_BLOCKED,
        [AUTH_USER_CLOSE]   = AUTH_USER_CLOSED,
    },
    [AUTH_USER_BLOCKED] = {
        [AUTH_USER_UNBLOCK] = AUTH_USER_ACTIVE,
        [AUTH_USER_CLOSE]   = AUTH_USER_CLOSED,
    },
    [AUTH_USER_CLOSED] = {
        [AUTH_USER_CLOSE]   = AUTH_USER_CLOSED,
    },
};
// clang-format on
_Static_assert(AUTH_USER_ACTIVE > 0, "a cell not written above must mean refused");

struct status auth_core_move_user(enum auth_user_state state, enum auth_user_event event,
                                  enum auth_user_state *ret)
{
    CHECK(state >= AUTH_USER_ACTIVE && state <= AUTH_USER_STATE_LAST);
    CHECK(event < AUTH_USER_EVENT_COUNT);
    enum auth_user_state next = (enum auth_user_state)next_user[state][event];
    if (next >= AUTH_USER_ACTIVE) {
        *ret = next;
        return STATUS_SUCCESS;
    }
    if (state == AUTH_USER_CLOSED)
        return REFUSE(FAILED_PRECONDITION, USER_CLOSED, "the user is closed for good");
    if (event == AUTH_USER_BLOCK)
        return REFUSE(FAILED_PRECONDITION, USER_BLOCKED, "the user is blocked already");
    return REFUSE(FAILED_PRECONDITION, USER_NOT_BLOCKED, "the user is not blocked");
}

bool auth_role_name_is_valid(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_.:-";
    size_t size = strlen(name);
    return size > 0 && size < AUTH_ROLE_BYTES && strspn(name, allowed) == size;
}

void auth_roles_add(struct auth_roles *roles, const char *name)
{
    CHECK(auth_role_name_is_valid(name));
    size_t at = 0;
    while (at < roles->count && strcmp(roles->names[at], name) < 0)
        at++;
    if (at < roles->count && strcmp(roles->names[at], name) == 0) return;
    CHECK(roles->count < AUTH_ROLES_MAX);
    memmove(roles->names[at + 1], roles->names[at], (roles->count - at) * AUTH_ROLE_BYTES);
    memset(roles->names[at], 0, AUTH_ROLE_BYTES);
    memcpy(roles->names[at], name, strlen(name));
    roles->count++;
}

bool auth_roles_equal(const struct auth_roles *a, const struct auth_roles *b)
{
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->names[i], b->names[i]) != 0) return false;
    return true;
}

bool auth_roles_are_staff(const struct auth_roles *roles)
{
    for (size_t i = 0; i < roles->count; i++)
        if (strcmp(roles->names[i], "customer") != 0) return true;
    return false;
}

struct status auth_core_may_set_roles(struct id128 actor_id, struct id128 user_id)
{
    if (id128_equal(actor_id, user_id))
        return REFUSE(PERMISSION_DENIED, SEPARATION_OF_DUTIES,
                      "nobody changes their own rights, branch or state");
    return STATUS_SUCCESS;
}

// ---- Sessions ------------------------------------------------------------------------------

// clang-format off
static const uint8_t next_session[AUTH_SESSION_STATE_COUNT][AUTH_SESSION_EVENT_COUNT] = {
    [AUTH_SESSION_ACTIVE] = {
        [AUTH_SESSION_REFRESH]   = AUTH_SESSION_ACTIVE,
        [AUTH_SESSION_LOGOUT]    = AUTH_SESSION_ENDED,
        [AUTH_SESSION_REUSE]     = AUTH_SESSION_ENDED,
        [AUTH_SESSION_BLOCK]     = AUTH_SESSION_ENDED,
        [AUTH_SESSION_EXPIRE]    = AUTH_SESSION_ENDED,
        [AUTH_SESSION_CROWD_OUT] = AUTH_SESSION_ENDED,
        [AUTH_SESSION_PASSWORD_CHANGED] = AUTH_SESSION_ENDED,
        [AUTH_SESSION_FACTORS_CHANGED] = AUTH_SESSION_ENDED,
    },
};
// clang-format on
_Static_assert(AUTH_SESSION_REFUSED_MOVE == 0, "a cell not written above must mean refused");

enum auth_session_state auth_core_next_session(enum auth_session_state state,
                                               enum auth_session_event event)
{
    CHECK(state < AUTH_SESSION_STATE_COUNT);
    CHECK(event < AUTH_SESSION_EVENT_COUNT);
    return (enum auth_session_state)next_session[state][event];
}

const char *auth_session_cause_name(enum auth_session_event cause)
{
    static const char *const names[AUTH_SESSION_EVENT_COUNT] = {
        [AUTH_SESSION_REFRESH] = "",
        [AUTH_SESSION_LOGOUT] = "logout",
        [AUTH_SESSION_REUSE] = "refresh_reused",
        [AUTH_SESSION_BLOCK] = "blocked",
        [AUTH_SESSION_EXPIRE] = "expired",
        [AUTH_SESSION_CROWD_OUT] = "crowded_out",
        [AUTH_SESSION_PASSWORD_CHANGED] = "password_changed",
        [AUTH_SESSION_FACTORS_CHANGED] = "factors_changed",
    };
    CHECK(cause < AUTH_SESSION_EVENT_COUNT);
    return names[cause];
}

static uint64_t earlier(uint64_t a_ns, uint64_t b_ns)
{
    return a_ns < b_ns ? a_ns : b_ns;
}

uint64_t auth_core_session_end_ns(const struct auth_session *session,
                                  const struct auth_session_limits *limits)
{
    // The stored end counts too: what was promised at login is not made longer by configuration.
    uint64_t absolute_ns =
        earlier(session->expires_at_ns, session->created_at_ns + limits->absolute_ns);
    return earlier(absolute_ns, session->rotated_at_ns + limits->idle_ns);
}

bool auth_core_end_session(struct auth_session *session, enum auth_session_event cause,
                           uint64_t now_ns)
{
    CHECK(cause != AUTH_SESSION_REFRESH);
    if (auth_core_next_session(session->state, cause) != AUTH_SESSION_ENDED) return false;
    session->state = AUTH_SESSION_ENDED;
    session->cause = cause;
    session->ended_at_ns = now_ns;
    return true;
}

enum auth_refresh_verdict auth_core_judge_refresh(const struct auth_session *session,
                                                  const struct auth_session_limits *limits,
                                                  uint64_t counter, bool is_same_device,
                                                  uint64_t now_ns)
{
    if (auth_core_next_session(session->state, AUTH_SESSION_REFRESH) != AUTH_SESSION_ACTIVE)
        return AUTH_REFRESH_ENDED;
    if (now_ns >= auth_core_session_end_ns(session, limits)) return AUTH_REFRESH_EXPIRED;
    if (counter == session->counter) return AUTH_REFRESH_ROTATE;
    bool is_previous = session->counter > 0 && counter == session->counter - 1;
    bool is_recent = now_ns <= session->rotated_at_ns + AUTH_REFRESH_GRACE_NS;
    return is_previous && is_recent && is_same_device ? AUTH_REFRESH_REPEAT : AUTH_REFRESH_REUSED;
}

// ---- Throttles -----------------------------------------------------------------------------

#define OVERTAKING_NS (60 * AUTH_SECOND_NS)

bool auth_core_is_ahead(uint64_t until_ns, uint64_t length_ns, uint64_t now_ns)
{
    return now_ns < until_ns && until_ns - now_ns <= length_ns + OVERTAKING_NS;
}

bool auth_core_is_closed(const struct auth_throttle *throttle, uint64_t now_ns)
{
    return auth_core_is_ahead(throttle->until_ns, AUTH_FAILURE_PAUSE_NS_MAX, now_ns);
}

void auth_core_charge_failure(struct auth_throttle *throttle, uint64_t now_ns)
{
    const uint64_t pause_first_ns = 30 * AUTH_SECOND_NS, pause_max_ns = AUTH_FAILURE_PAUSE_NS_MAX;
    if (auth_core_is_closed(throttle, now_ns)) return;
    if (now_ns >= throttle->last_ns + AUTH_FAILURES_FORGOTTEN_NS)
        *throttle = (struct auth_throttle){0};
    if (throttle->count < UINT32_MAX) throttle->count++;
    throttle->last_ns = now_ns;
    if (throttle->count < AUTH_FAILURES_FREE) return;
    uint32_t doublings = throttle->count - AUTH_FAILURES_FREE;
    uint64_t pause_ns = doublings < 5 ? pause_first_ns << doublings : pause_max_ns;
    throttle->until_ns = now_ns + (pause_ns < pause_max_ns ? pause_ns : pause_max_ns);
}

void auth_core_reset_throttle(struct auth_throttle *throttle, uint64_t now_ns)
{
    *throttle = (struct auth_throttle){.last_ns = now_ns};
}

bool auth_core_charge_rate(struct auth_throttle *throttle, const struct auth_rate *rate,
                           uint64_t now_ns, uint64_t *ret_wait_ns)
{
    *ret_wait_ns = 0;
    if (rate->burst == 0) return true;
    uint64_t tolerance_ns = rate->interval_ns * (rate->burst - 1);
    bool is_ahead =
        auth_core_is_ahead(throttle->until_ns, tolerance_ns + rate->interval_ns, now_ns);
    uint64_t arrival_ns = is_ahead ? throttle->until_ns : now_ns;
    if (arrival_ns - now_ns > tolerance_ns) {
        *ret_wait_ns = arrival_ns - now_ns - tolerance_ns;
        return false;
    }
    throttle->until_ns = arrival_ns + rate->interval_ns;
    throttle->last_ns = now_ns;
    if (throttle->count < UINT32_MAX) throttle->count++;
    return true;
}
