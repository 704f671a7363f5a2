#include "services/auth/registration.h"

#include "common/base/check.h"
#include "services/auth/counters.h"
#include "services/auth/destination.h"
#include "services/auth/otp.h"
#include "services/auth/password_policy.h"

/// The applicant's field that a channel's address is.
static enum auth_applicant_field field_of(enum auth_channel channel)
{
    return channel == AUTH_EMAIL ? AUTH_APPLICANT_EMAIL : AUTH_APPLICANT_MOBILE;
}

struct status auth_registration_hash(const struct auth_service *service,
                                     const struct auth_application *application,
                                     char ret_hash[static AUTH_HASH_BYTES])
{
    // Who registers becomes a customer, and has no authenticator yet.
    RETURN_IF_ERROR(auth_password_admit(service, service->policy.mfa_customer, false,
                                        application->password, application->fields,
                                        AUTH_APPLICANT_PASSWORD));
    return auth_password_hash(&service->policy.argon2, application->password, ret_hash);
}

// ---- Sending -------------------------------------------------------------------------------

static void make_code(const struct auth_service *service, struct id128 registration_id,
                      enum auth_channel channel, struct auth_challenge *challenge,
                      char ret_code[static AUTH_CODE_TEXT_BYTES])
{
    auth_otp_generate(ret_code);
    auth_otp_mac(service->auth, registration_id, channel, ret_code, challenge->mac);
}

/// send queues the message and its share of the address; a decoy's code goes nowhere.
static void send(const struct auth_service *service, struct store_txn *txn,
                 enum auth_channel channel, const struct auth_challenge *challenge, const char *to,
                 const char *code, const struct auth_destination *destination, uint64_t now_ns)
{
    struct auth_message message = {
        .channel = channel,
        .kind = challenge->is_decoy ? AUTH_MESSAGE_ACCOUNT_EXISTS : AUTH_MESSAGE_REGISTRATION,
        .created_at_ns = now_ns,
        .expires_at_ns = challenge->is_decoy ? 0 : challenge->expires_at_ns,
        .to = to,
        .code = challenge->is_decoy ? "" : code,
    };
    auth_store_put_message(service->auth, txn, &message);
    if (!challenge->is_decoy) auth_count(txn, AUTH_COUNT_CODES_SENT, now_ns);
    auth_destination_put(service, txn, destination);
}

static struct status is_taken(const struct auth_service *service, struct store_txn *txn,
                              enum auth_channel channel, const char *address, bool *ret)
{
    struct id128 owner_id;
    struct status status = auth_store_find_user(service->auth, txn, channel, address, &owner_id);
    *ret = status_ok(status);
    return status.code == STATUS_NOT_FOUND ? STATUS_SUCCESS : status;
}

struct status auth_registration_begin(const struct auth_service *service, struct store_txn *txn,
                                      const struct auth_application *application, const char *hash,
                                      uint64_t now_ns, struct id128 *ret_id)
{
    struct id128 id = id128_generate();
    struct auth_applicant applicant;
    memcpy(applicant.fields, application->fields, sizeof application->fields);
    applicant.fields[AUTH_APPLICANT_PASSWORD] = hash;
    unsigned channels = 1U << AUTH_EMAIL;
    if (application->fields[AUTH_APPLICANT_MOBILE][0] != '\0') channels |= 1U << AUTH_MOBILE;

    struct auth_progress progress = auth_core_begin_registration(channels, now_ns);
    for (int i = AUTH_EMAIL; i <= AUTH_CHANNEL_LAST; i++) {
        enum auth_channel channel = (enum auth_channel)i;
        struct auth_challenge *challenge = auth_progress_challenge(&progress, channel);
        if (challenge->confirmation != AUTH_CONFIRMATION_OPEN) continue;
        const char *to = application->fields[field_of(channel)];
        char code[AUTH_CODE_TEXT_BYTES];
        struct auth_destination destination;
        RETURN_IF_ERROR(is_taken(service, txn, channel, to, &challenge->is_decoy));
        RETURN_IF_ERROR(auth_destination_charge(service, txn, to, false, now_ns, &destination));
        make_code(service, id, channel, challenge, code);
        // An address that has had its share gets nothing, and nobody is told: the answer is the
        // same as ever.
        if (destination.is_allowed)
            send(service, txn, channel, challenge, to, code, &destination, now_ns);
        key_wipe(code, sizeof code);
    }
    auth_store_put_new_registration(service->auth, txn, id, &progress, &applicant);
    *ret_id = id;
    return STATUS_SUCCESS;
}

// ---- Confirming ----------------------------------------------------------------------------

static struct status get_registration(struct store_txn *txn, struct id128 id,
                                      struct auth_registration *ret)
{
    struct status status = auth_store_get_registration(txn, id, ret);
    if (status.code != STATUS_NOT_FOUND) return status;
    // What never was and what has run out look the same.
    return REFUSE(INVALID_ARGUMENT, OTP_EXPIRED, "the code or the registration is no longer valid");
}

static struct status check_free(const struct auth_service *service, struct store_txn *txn,
                                const struct auth_applicant *applicant)
{
    for (int i = AUTH_EMAIL; i <= AUTH_CHANNEL_LAST; i++) {
        const char *address = applicant->fields[field_of((enum auth_channel)i)];
        bool taken = false;
        if (address[0] != '\0')
            RETURN_IF_ERROR(is_taken(service, txn, (enum auth_channel)i, address, &taken));
        if (taken)
            return REFUSE(ALREADY_EXISTS, ALREADY_EXISTS, "an account with this address exists");
    }
    return STATUS_SUCCESS;
}

/// put_user turns the confirmed application into a user; nothing of it stays in the registration.
static struct status put_user(const struct auth_service *service, struct store_txn *txn,
                              struct auth_registration *registration,
                              const struct auth_applicant *applicant, uint64_t now_ns,
                              struct auth_user *ret)
{
    struct auth_user user = auth_service_new_user("customer", now_ns);
    struct auth_person person = {
        .fields = {[AUTH_PERSON_EMAIL] = applicant->fields[AUTH_APPLICANT_EMAIL],
                   [AUTH_PERSON_MOBILE] = applicant->fields[AUTH_APPLICANT_MOBILE],
                   [AUTH_PERSON_FULL_NAME] = applicant->fields[AUTH_APPLICANT_FULL_NAME],
                   [AUTH_PERSON_STATUS_REASON] = ""}};
    for (int i = AUTH_EMAIL; i <= AUTH_CHANNEL_LAST; i++) // The last one is confirmed by now, too.
        if (registration->progress.challenges[i - 1].confirmation == AUTH_CONFIRMATION_DONE)
            user.channels |= 1U << i;
    registration->progress.user_id = user.id;
    memset(registration->sealed, 0, sizeof registration->sealed);
    auth_store_put_registration(txn, registration);
    RETURN_IF_ERROR(auth_store_put_new_user(service->auth, txn, &user, &person));
    auth_store_put_password(service->auth, txn, user.id, applicant->fields[AUTH_APPLICANT_PASSWORD],
                            now_ns);
    auth_count(txn, AUTH_COUNT_USERS_REGISTERED, now_ns);
    auth_gauge_add(txn, AUTH_GAUGE_USERS_ACTIVE, 1);
    *ret = user;
    return STATUS_SUCCESS;
}

struct status auth_registration_confirm(const struct auth_service *service, struct store_txn *txn,
                                        struct id128 id, enum auth_channel channel,
                                        const char *code, struct arena *arena, uint64_t now_ns,
                                        struct auth_confirmed *ret)
{
    struct auth_registration registration;
    struct auth_applicant applicant;
    uint8_t mac[AUTH_MAC_BYTES];
    *ret = (struct auth_confirmed){0};
    RETURN_IF_ERROR(get_registration(txn, id, &registration));
    RETURN_IF_ERROR(auth_store_get_applicant(service->auth, &registration, arena, &applicant));
    RETURN_IF_ERROR(auth_core_count_attempt(&registration.progress, channel, now_ns));
    ret->is_counted = true;

    const struct auth_progress counted = registration.progress;
    auth_otp_mac(service->auth, id, channel, code, mac);
    bool is_equal =
        key_equal(mac, auth_progress_challenge(&registration.progress, channel)->mac, sizeof mac);
    struct status status = auth_core_confirm(&registration.progress, channel, is_equal);
    bool is_last = registration.progress.state == AUTH_REGISTRATION_COMPLETED;
    if (status_ok(status) && is_last) {
        status = check_free(service, txn, &applicant);
        if (status_ok(status)) {
            ret->progress = registration.progress;
            return put_user(service, txn, &registration, &applicant, now_ns, &ret->user);
        }
    }
    if (!status_ok(status)) registration.progress = counted;
    auth_store_put_registration(txn, &registration); // First: what is sealed lies in the store.
    if (!is_equal) auth_count(txn, AUTH_COUNT_CODES_FAILED, now_ns);
    ret->progress = registration.progress;
    return status;
}

struct status auth_registration_resend(const struct auth_service *service, struct store_txn *txn,
                                       struct id128 id, enum auth_channel channel,
                                       struct arena *arena, uint64_t now_ns, uint64_t *ret_wait_ns)
{
    struct auth_registration registration;
    struct auth_applicant applicant;
    *ret_wait_ns = 0;
    RETURN_IF_ERROR(get_registration(txn, id, &registration));
    RETURN_IF_ERROR(auth_store_get_applicant(service->auth, &registration, arena, &applicant));
    RETURN_IF_ERROR(auth_core_resend(&registration.progress, channel, now_ns, ret_wait_ns));

    const char *to = applicant.fields[field_of(channel)];
    struct auth_challenge *challenge = auth_progress_challenge(&registration.progress, channel);
    struct auth_destination destination;
    RETURN_IF_ERROR(auth_destination_charge(service, txn, to, false, now_ns, &destination));
    if (!destination.is_allowed) {
        *ret_wait_ns = destination.wait_ns;
        return REFUSE(RESOURCE_EXHAUSTED, OTP_SEND_LIMIT,
                      "this address has been sent enough for a while");
    }
    char code[AUTH_CODE_TEXT_BYTES];
    make_code(service, id, channel, challenge, code);
    auth_store_put_registration(txn, &registration);
    send(service, txn, channel, challenge, to, code, &destination, now_ns);
    key_wipe(code, sizeof code);
    return STATUS_SUCCESS;
}
