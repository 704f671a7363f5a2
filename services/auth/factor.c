#include "services/auth/factor.h"

#include "common/base/check.h"
#include "services/auth/activity.h"
#include "services/auth/notice.h"
#include "services/auth/store_factor.h"

#include <stdio.h>

#define OTP_INVALID REFUSE(INVALID_ARGUMENT, OTP_INVALID, "this is not the right code")
#define OTP_EXPIRED                                                                                \
    REFUSE(INVALID_ARGUMENT, OTP_EXPIRED, "no authenticator is waiting to be confirmed")
#define OTP_EXHAUSTED                                                                              \
    REFUSE(INVALID_ARGUMENT, OTP_EXHAUSTED, "too many wrong codes; try again tomorrow")
#define ENROLMENT_EXHAUSTED                                                                        \
    REFUSE(INVALID_ARGUMENT, OTP_EXHAUSTED, "too many wrong codes; begin to enrol again")
#define FACTOR_NOT_FOUND REFUSE(NOT_FOUND, FACTOR_NOT_FOUND, "no authenticator has been enrolled")

// ---- Names ---------------------------------------------------------------------------------

static const char *const method_names[AUTH_METHOD_LAST + 1] = {
    [AUTH_METHOD_EMAIL] = "email",
    [AUTH_METHOD_MOBILE] = "mobile",
    [AUTH_METHOD_TOTP] = "totp",
    [AUTH_METHOD_RECOVERY_CODE] = "recovery_code",
};

const char *auth_method_name(enum auth_method method)
{
    CHECK(method >= AUTH_METHOD_EMAIL && method <= AUTH_METHOD_LAST);
    return method_names[method];
}

enum auth_method auth_method_of_name(const char *name)
{
    for (int i = AUTH_METHOD_EMAIL; i <= AUTH_METHOD_LAST; i++)
        if (strcmp(method_names[i], name) == 0) return (enum auth_method)i;
    return (enum auth_method)0;
}

// ---- Looking -------------------------------------------------------------------------------

/// load gives the state as it is now; the row is only filled in when there is one.
static struct status load(struct store_txn *txn, struct id128 user_id, uint64_t now_ns,
                          struct auth_factor_record *ret, enum auth_factor_state *ret_state)
{
    struct status status = auth_store_get_factor(txn, user_id, ret);
    *ret_state = AUTH_FACTOR_NONE;
    if (status.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
    RETURN_IF_ERROR(status);
    *ret_state = ret->state;
    bool is_over =
        ret->state == AUTH_FACTOR_PENDING && now_ns >= ret->created_at_ns + AUTH_ENROLMENT_LIFE_NS;
    if (is_over) *ret_state = auth_factor_next(ret->state, AUTH_FACTOR_EXPIRE);
    return STATUS_SUCCESS;
}

struct status auth_factor_get(const struct auth_service *service, struct store_txn *txn,
                              struct id128 user_id, struct auth_factors *ret)
{
    (void)service;
    struct auth_factor_record factor;
    struct status status = auth_store_get_factor(txn, user_id, &factor);
    *ret = (struct auth_factors){0};
    if (status.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
    RETURN_IF_ERROR(status);
    if (factor.state != AUTH_FACTOR_CONFIRMED) return STATUS_SUCCESS;
    *ret = (struct auth_factors){.has_totp = true,
                                 .totp_since_ns = factor.confirmed_at_ns,
                                 .recovery_codes_left = factor.recovery_count};
    return STATUS_SUCCESS;
}

// ---- The day's limit -----------------------------------------------------------------------

/// throttle_of: messages count together, and so do authenticator and recovery codes.
static struct auth_throttle_key throttle_of(const struct auth_service *service,
                                            struct id128 user_id, enum auth_method method)
{
    bool is_message = method == AUTH_METHOD_EMAIL || method == AUTH_METHOD_MOBILE;
    return auth_store_throttle_key(
        service->auth, is_message ? AUTH_THROTTLE_OTP : AUTH_THROTTLE_TOTP, id128_bytes(&user_id));
}

struct status auth_factor_is_locked(const struct auth_service *service, struct store_txn *txn,
                                    struct id128 user_id, enum auth_method method, uint64_t now_ns,
                                    bool *ret_locked, uint64_t *ret_until_ns)
{
    struct auth_throttle throttle;
    struct auth_throttle_key key = throttle_of(service, user_id, method);
    *ret_locked = false;
    *ret_until_ns = 0;
    RETURN_IF_ERROR(auth_store_get_throttle(txn, &key, &throttle));
    *ret_locked = auth_core_is_factor_locked(&throttle, service->policy.code_failures_max, now_ns);
    if (*ret_locked) *ret_until_ns = throttle.until_ns;
    return STATUS_SUCCESS;
}

struct status auth_factor_count_failure(const struct auth_service *service, struct store_txn *txn,
                                        struct id128 user_id, enum auth_method method,
                                        uint64_t now_ns, bool *ret_locked)
{
    struct auth_throttle throttle;
    struct auth_throttle_key key = throttle_of(service, user_id, method);
    *ret_locked = false;
    RETURN_IF_ERROR(auth_store_get_throttle(txn, &key, &throttle));
    *ret_locked = auth_core_count_wrong_code(&throttle, service->policy.code_failures_max, now_ns);
    auth_store_put_throttle(txn, &key, &throttle);
    if (!*ret_locked) return STATUS_SUCCESS;
    auth_count(txn, AUTH_COUNT_FACTORS_LOCKED, now_ns);
    auth_notice_queue(service, txn, user_id, AUTH_MESSAGE_FACTOR_LOCKED, "", now_ns);
    return STATUS_SUCCESS;
}

/// refuse_locked: OTP_EXHAUSTED while the authenticator is locked.
static struct status refuse_locked(const struct auth_service *service, struct store_txn *txn,
                                   struct id128 user_id, uint64_t now_ns)
{
    bool is_locked;
    uint64_t unused_ns;
    RETURN_IF_ERROR(auth_factor_is_locked(service, txn, user_id, AUTH_METHOD_TOTP, now_ns,
                                          &is_locked, &unused_ns));
    return is_locked ? OTP_EXHAUSTED : STATUS_SUCCESS;
}

/// unlock: the guesses were at a secret that is gone.
static struct status unlock(const struct auth_service *service, struct store_txn *txn,
                            struct id128 user_id, uint64_t now_ns)
{
    struct auth_throttle_key key = throttle_of(service, user_id, AUTH_METHOD_TOTP);
    return auth_store_open_throttle(txn, &key, now_ns);
}

static struct status count_wrong(const struct auth_service *service, struct store_txn *txn,
                                 struct id128 user_id, uint64_t now_ns,
                                 struct auth_factor_outcome *outcome)
{
    outcome->is_counted = true;
    auth_count(txn, AUTH_COUNT_CODES_FAILED, now_ns);
    return auth_factor_count_failure(service, txn, user_id, AUTH_METHOD_TOTP, now_ns,
                                     &outcome->locks_factor);
}

// ---- Recovery codes ------------------------------------------------------------------------

/// recovery_mac binds a code to its user. code: in normal form.
static void recovery_mac(const struct auth_service *service, struct id128 user_id,
                         const char code[static AUTH_RECOVERY_CODE_CHARACTERS],
                         uint8_t ret[static AUTH_MAC_BYTES])
{
    uint8_t bound[ID128_BYTES + AUTH_RECOVERY_CODE_CHARACTERS];
    memcpy(bound, user_id.bytes, ID128_BYTES);
    memcpy(bound + ID128_BYTES, code, AUTH_RECOVERY_CODE_CHARACTERS);
    auth_store_mac(service->auth, "recovery_code", bytes_of(bound, sizeof bound), ret);
    key_wipe(bound, sizeof bound);
}

/// normal_code writes the ten characters in upper case without dashes; what is no code becomes
/// blanks, which no code has.
static void normal_code(const char *text, char ret[static AUTH_RECOVERY_CODE_CHARACTERS])
{
    size_t size = 0;
    bool is_code = true;
    memset(ret, ' ', AUTH_RECOVERY_CODE_CHARACTERS);
    for (; *text != '\0' && is_code; text++) {
        char upper = *text >= 'a' && *text <= 'z' ? (char)(*text - ('a' - 'A')) : *text;
        if (upper == '-') continue;
        is_code = size < AUTH_RECOVERY_CODE_CHARACTERS && strchr(BASE32_ALPHABET, upper) != NULL;
        if (is_code) ret[size++] = upper;
    }
    if (!is_code || size < AUTH_RECOVERY_CODE_CHARACTERS)
        memset(ret, ' ', AUTH_RECOVERY_CODE_CHARACTERS);
}

static void make_codes(const struct auth_service *service, struct id128 user_id,
                       struct auth_factor_record *factor, struct auth_recovery_codes *ret)
{
    enum { HALF = AUTH_RECOVERY_CODE_CHARACTERS / 2 };

    for (size_t i = 0; i < AUTH_RECOVERY_CODES_MAX; i++) {
        uint8_t random[AUTH_RECOVERY_CODE_CHARACTERS];
        char code[AUTH_RECOVERY_CODE_CHARACTERS];
        key_random(random, sizeof random);
        for (size_t j = 0; j < sizeof code; j++)
            code[j] = BASE32_ALPHABET[random[j] & 31];
        recovery_mac(service, user_id, code, factor->recovery_macs[i]);
        char *text = ret->texts[i];
        memcpy(text, code, HALF);
        text[HALF] = '-';
        memcpy(text + HALF + 1, code + HALF, HALF);
        text[AUTH_RECOVERY_CODE_BYTES - 1] = '\0';
        key_wipe(random, sizeof random);
        key_wipe(code, sizeof code);
    }
    factor->recovery_count = AUTH_RECOVERY_CODES_MAX;
}

void auth_recovery_codes_wipe(struct auth_recovery_codes *codes)
{
    key_wipe(codes, sizeof *codes);
}

/// take_recovery_code compares with every one, whichever fits, and takes that one away.
static bool take_recovery_code(const struct auth_service *service, struct id128 user_id,
                               const char *text, struct auth_factor_record *factor)
{
    char code[AUTH_RECOVERY_CODE_CHARACTERS];
    uint8_t mac[AUTH_MAC_BYTES];
    size_t found = AUTH_RECOVERY_CODES_MAX;
    normal_code(text, code);
    recovery_mac(service, user_id, code, mac);
    for (size_t i = 0; i < AUTH_RECOVERY_CODES_MAX; i++) {
        bool is_equal = key_equal(mac, factor->recovery_macs[i], sizeof mac);
        if (is_equal && i < factor->recovery_count) found = i;
    }
    key_wipe(code, sizeof code);
    if (found == AUTH_RECOVERY_CODES_MAX) return false;
    factor->recovery_count--;
    memmove(factor->recovery_macs[found], factor->recovery_macs[found + 1],
            (factor->recovery_count - found) * sizeof factor->recovery_macs[0]);
    return true;
}

// ---- Comparing -----------------------------------------------------------------------------

static struct status match_totp(const struct auth_service *service, struct id128 user_id,
                                const struct auth_factor_record *factor, const char *code,
                                uint64_t now_ns, uint64_t *ret_step, bool *ret_equal)
{
    uint8_t secret[TOTP_SECRET_BYTES] = {0};
    bool is_there = factor->state != AUTH_FACTOR_REFUSED_MOVE;
    struct status status = is_there
                               ? auth_store_get_totp_secret(service->auth, user_id, factor, secret)
                               : STATUS_SUCCESS; // A secret that nobody has, for the same work.
    bool is_equal = totp_match(secret, code, now_ns / AUTH_SECOND_NS, factor->last_step, ret_step);
    *ret_equal = is_equal && is_there;
    key_wipe(secret, sizeof secret);
    return status;
}

struct status auth_factor_compare(const struct auth_service *service, struct store_txn *txn,
                                  struct id128 user_id, enum auth_method method, const char *code,
                                  uint64_t now_ns, bool *ret_equal)
{
    struct auth_factor_record factor = {0};
    enum auth_factor_state state;
    CHECK(method == AUTH_METHOD_TOTP || method == AUTH_METHOD_RECOVERY_CODE);
    *ret_equal = false;
    RETURN_IF_ERROR(load(txn, user_id, now_ns, &factor, &state));
    if (auth_factor_next(state, AUTH_FACTOR_USE) == AUTH_FACTOR_REFUSED_MOVE)
        factor = (struct auth_factor_record){0};
    bool is_equal;
    if (method == AUTH_METHOD_TOTP)
        RETURN_IF_ERROR(
            match_totp(service, user_id, &factor, code, now_ns, &factor.last_step, &is_equal));
    else
        is_equal = take_recovery_code(service, user_id, code, &factor);
    if (!is_equal) return STATUS_SUCCESS;
    auth_store_put_factor(txn, user_id, &factor);
    *ret_equal = true;
    if (method == AUTH_METHOD_TOTP) return STATUS_SUCCESS;
    char left[16];
    snprintf(left, sizeof left, "%u", (unsigned)factor.recovery_count);
    auth_notice_queue(service, txn, user_id, AUTH_MESSAGE_RECOVERY_CODE_USED, left, now_ns);
    return STATUS_SUCCESS;
}

struct status auth_factor_attempt(const struct auth_service *service, struct store_txn *txn,
                                  struct id128 user_id, enum auth_method method, const char *code,
                                  uint64_t now_ns, struct auth_factor_outcome *ret)
{
    struct auth_factors factors;
    bool is_equal;
    *ret = (struct auth_factor_outcome){0};
    RETURN_IF_ERROR(auth_factor_get(service, txn, user_id, &factors));
    if (!factors.has_totp) return FACTOR_NOT_FOUND;
    RETURN_IF_ERROR(refuse_locked(service, txn, user_id, now_ns));
    RETURN_IF_ERROR(auth_factor_compare(service, txn, user_id, method, code, now_ns, &is_equal));
    if (is_equal) return STATUS_SUCCESS;
    RETURN_IF_ERROR(count_wrong(service, txn, user_id, now_ns, ret));
    return OTP_INVALID;
}

// ---- Enrolling, and its end ----------------------------------------------------------------

struct status auth_factor_enrol(const struct auth_service *service, struct store_txn *txn,
                                struct id128 user_id, uint64_t now_ns,
                                uint8_t ret_secret[static TOTP_SECRET_BYTES])
{
    struct auth_factor_record factor;
    enum auth_factor_state state;
    RETURN_IF_ERROR(load(txn, user_id, now_ns, &factor, &state));
    if (auth_factor_next(state, AUTH_FACTOR_ENROL) == AUTH_FACTOR_REFUSED_MOVE)
        return REFUSE(ALREADY_EXISTS, ALREADY_EXISTS, "an authenticator is enrolled already");
    factor = (struct auth_factor_record){.state = AUTH_FACTOR_PENDING, .created_at_ns = now_ns};
    key_random(ret_secret, TOTP_SECRET_BYTES);
    auth_store_put_new_factor(service->auth, txn, user_id, &factor, ret_secret);
    return STATUS_SUCCESS;
}

static struct status refuse_confirming(const struct auth_service *service, struct store_txn *txn,
                                       struct id128 user_id, struct auth_factor_record *factor,
                                       uint64_t now_ns, struct auth_factor_outcome *outcome)
{
    bool is_last = factor->attempts + 1 == AUTH_ENROLMENT_ATTEMPTS_MAX;
    enum auth_factor_state next =
        auth_factor_next(factor->state, is_last ? AUTH_FACTOR_WRONG_LAST : AUTH_FACTOR_WRONG);
    RETURN_IF_ERROR(count_wrong(service, txn, user_id, now_ns, outcome));
    factor->attempts++;
    if (next == AUTH_FACTOR_NONE)
        auth_store_delete_factor(txn, user_id);
    else
        auth_store_put_factor(txn, user_id, factor);
    return is_last ? ENROLMENT_EXHAUSTED : OTP_INVALID;
}

struct status auth_factor_confirm(const struct auth_service *service, struct store_txn *txn,
                                  struct id128 user_id, const char *code, uint64_t now_ns,
                                  struct auth_recovery_codes *ret_codes,
                                  struct auth_factor_outcome *ret)
{
    struct auth_factor_record factor;
    enum auth_factor_state state;
    uint64_t step = 0;
    bool is_equal;
    *ret = (struct auth_factor_outcome){0};
    RETURN_IF_ERROR(load(txn, user_id, now_ns, &factor, &state));
    enum auth_factor_state next = auth_factor_next(state, AUTH_FACTOR_CONFIRM);
    if (next == AUTH_FACTOR_REFUSED_MOVE) return OTP_EXPIRED;
    RETURN_IF_ERROR(refuse_locked(service, txn, user_id, now_ns));
    RETURN_IF_ERROR(match_totp(service, user_id, &factor, code, now_ns, &step, &is_equal));
    if (!is_equal) return refuse_confirming(service, txn, user_id, &factor, now_ns, ret);
    factor.state = next;
    factor.confirmed_at_ns = now_ns;
    factor.last_step = step;
    factor.attempts = 0;
    make_codes(service, user_id, &factor, ret_codes);
    auth_store_put_factor(txn, user_id, &factor);
    auth_notice_queue(service, txn, user_id, AUTH_MESSAGE_FACTOR_ENROLLED, "", now_ns);
    return STATUS_SUCCESS;
}

struct status auth_factor_replace_codes(const struct auth_service *service, struct store_txn *txn,
                                        struct id128 user_id, struct auth_recovery_codes *ret)
{
    struct auth_factor_record factor;
    RETURN_IF_ERROR(auth_store_get_factor(txn, user_id, &factor));
    if (auth_factor_next(factor.state, AUTH_FACTOR_REPLACE) == AUTH_FACTOR_REFUSED_MOVE)
        return FACTOR_NOT_FOUND;
    make_codes(service, user_id, &factor, ret);
    auth_store_put_factor(txn, user_id, &factor);
    return STATUS_SUCCESS;
}

struct status auth_factor_remove(const struct auth_service *service, struct store_txn *txn,
                                 struct id128 user_id, enum auth_factor_event event,
                                 uint64_t now_ns)
{
    struct auth_factor_record factor;
    RETURN_IF_ERROR(auth_store_get_factor(txn, user_id, &factor));
    if (auth_factor_next(factor.state, event) == AUTH_FACTOR_REFUSED_MOVE) return FACTOR_NOT_FOUND;
    auth_store_delete_factor(txn, user_id);
    if (event == AUTH_FACTOR_RESET) RETURN_IF_ERROR(unlock(service, txn, user_id, now_ns));
    auth_notice_queue(service, txn, user_id, AUTH_MESSAGE_FACTOR_DISABLED, "", now_ns);
    return STATUS_SUCCESS;
}
