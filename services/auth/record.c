#include "services/auth/record.h"

#include "common/crypto/seal_record.h"

enum { LAYOUT_VERSION = 1 };

const uint8_t auth_index_row[AUTH_INDEX_ROW_BYTES] = {LAYOUT_VERSION};

#define BROKEN REFUSE(DATA_LOSS, AUTH_RECORD_BROKEN, "a stored auth record fails its checks")

// ---- Names ---------------------------------------------------------------------------------

static void put_name(struct record_writer *writer, const char *name)
{
    struct bytes run = bytes_of_text(name);
    CHECK(run.size < AUTH_ROLE_BYTES);
    record_put_run8(writer, run);
}

/// take_name reads a role's or branch's name; an empty one only where it may be.
static void take_name(struct record_reader *reader, bool may_be_empty,
                      char ret[static AUTH_ROLE_BYTES])
{
    size_t size = (size_t)record_take_enum(reader, may_be_empty ? 0 : 1, AUTH_ROLE_BYTES - 1);
    memset(ret, 0, AUTH_ROLE_BYTES);
    record_take_bytes(reader, ret, size);
    record_expect(reader, strlen(ret) == size && (size == 0 || auth_role_name_is_valid(ret)));
}

// ---- Keys ----------------------------------------------------------------------------------

void auth_identifier_key_encode(enum auth_channel channel,
                                const uint8_t blind[static BLIND_INDEX_BYTES],
                                uint8_t ret[static AUTH_IDENTIFIER_KEY_BYTES])
{
    ret[0] = (uint8_t)channel;
    memcpy(ret + 1, blind, BLIND_INDEX_BYTES);
}

void auth_pair_key_encode(struct id128 user_id, struct id128 session_id,
                          uint8_t ret[static AUTH_PAIR_KEY_BYTES])
{
    memcpy(ret, user_id.bytes, ID128_BYTES);
    memcpy(ret + ID128_BYTES, session_id.bytes, ID128_BYTES);
}

struct status auth_pair_key_decode(struct bytes key, struct id128 *ret_user_id,
                                   struct id128 *ret_session_id)
{
    struct record_reader reader = record_read_key(key);
    struct id128 user_id = record_take_id(&reader), session_id = record_take_id(&reader);
    if (!record_is_whole(&reader)) return BROKEN;
    *ret_user_id = user_id;
    *ret_session_id = session_id;
    return STATUS_SUCCESS;
}

void auth_device_key_encode(struct id128 user_id,
                            const uint8_t device_hash[static AUTH_DEVICE_HASH_BYTES],
                            uint8_t ret[static AUTH_DEVICE_KEY_BYTES])
{
    memcpy(ret, user_id.bytes, ID128_BYTES);
    memcpy(ret + ID128_BYTES, device_hash, AUTH_DEVICE_HASH_BYTES);
}

void auth_throttle_key_encode(enum auth_throttle_kind kind,
                              const uint8_t blind[static BLIND_INDEX_BYTES],
                              uint8_t ret[static AUTH_THROTTLE_KEY_BYTES])
{
    ret[0] = (uint8_t)kind;
    memcpy(ret + 1, blind, BLIND_INDEX_BYTES);
}

struct status auth_throttle_key_decode(struct bytes key, enum auth_throttle_kind *ret_kind)
{
    struct record_reader reader = record_read_key(key);
    int kind = record_take_enum(&reader, AUTH_THROTTLE_PASSWORD, AUTH_THROTTLE_KIND_LAST);
    (void)record_take(&reader, BLIND_INDEX_BYTES);
    if (!record_is_whole(&reader)) return BROKEN;
    *ret_kind = (enum auth_throttle_kind)kind;
    return STATUS_SUCCESS;
}

size_t auth_expiry_row_key_bytes(enum auth_expiry_kind kind)
{
    return kind == AUTH_EXPIRY_THROTTLE ? AUTH_THROTTLE_KEY_BYTES : ID128_BYTES;
}

size_t auth_expiry_key_encode(const struct auth_expiry *expiry,
                              uint8_t ret[static AUTH_EXPIRY_KEY_BYTES_MAX])
{
    struct record_writer writer = record_write_key(ret, AUTH_EXPIRY_KEY_BYTES_MAX);
    record_put_u64(&writer, expiry->at_ns);
    record_put_u8(&writer, (uint8_t)expiry->kind);
    record_put_bytes(&writer, expiry->row_key, auth_expiry_row_key_bytes(expiry->kind));
    return record_written(&writer);
}

struct status auth_expiry_key_decode(struct bytes key, struct auth_expiry *ret)
{
    struct record_reader reader = record_read_key(key);
    struct auth_expiry expiry = {.at_ns = record_take_u64(&reader)};
    expiry.kind = (enum auth_expiry_kind)record_take_enum(&reader, AUTH_EXPIRY_REGISTRATION,
                                                          AUTH_EXPIRY_KIND_LAST);
    record_take_bytes(&reader, expiry.row_key, auth_expiry_row_key_bytes(expiry.kind));
    if (!record_is_whole(&reader)) return BROKEN;
    *ret = expiry;
    return STATUS_SUCCESS;
}

size_t auth_facet_key_encode(enum auth_user_facet facet, const char *value, struct id128 user_id,
                             uint8_t ret[static AUTH_FACET_KEY_BYTES_MAX])
{
    struct record_writer writer = record_write_key(ret, AUTH_FACET_KEY_BYTES_MAX);
    CHECK(facet >= AUTH_FACET_STATE && facet <= AUTH_FACET_LAST);
    CHECK(value[0] != '\0');
    record_put_u8(&writer, (uint8_t)facet);
    put_name(&writer, value);
    record_put_id(&writer, user_id);
    return record_written(&writer);
}

struct status auth_facet_key_decode(struct bytes key, enum auth_user_facet *ret_facet,
                                    char ret_value[static AUTH_ROLE_BYTES],
                                    struct id128 *ret_user_id)
{
    struct record_reader reader = record_read_key(key);
    int facet = record_take_enum(&reader, AUTH_FACET_STATE, AUTH_FACET_LAST);
    take_name(&reader, false, ret_value);
    struct id128 user_id = record_take_id(&reader);
    if (!record_is_whole(&reader)) return BROKEN;
    *ret_facet = (enum auth_user_facet)facet;
    *ret_user_id = user_id;
    return STATUS_SUCCESS;
}

// ---- Identifiers ---------------------------------------------------------------------------

size_t auth_identifier_encode(struct id128 user_id, uint8_t ret[static AUTH_IDENTIFIER_BYTES])
{
    struct record_writer writer = record_write(ret, AUTH_IDENTIFIER_BYTES, LAYOUT_VERSION);
    record_put_id(&writer, user_id);
    return record_written(&writer);
}

struct status auth_identifier_decode(struct bytes record, struct id128 *ret_user_id)
{
    struct record_reader reader = record_read(record, LAYOUT_VERSION);
    struct id128 user_id = record_take_id(&reader);
    if (!record_is_whole(&reader)) return BROKEN;
    *ret_user_id = user_id;
    return STATUS_SUCCESS;
}

// ---- Users and passwords -------------------------------------------------------------------

size_t auth_user_encode(const struct auth_user *user, uint8_t ret[static AUTH_USER_BYTES_MAX])
{
    struct record_writer writer = record_write(ret, AUTH_USER_BYTES_MAX, AUTH_USER_LAYOUT);
    record_put_u8(&writer, (uint8_t)user->state);
    record_put_u8(&writer, (uint8_t)user->kind);
    record_put_u8(&writer, user->channels);
    record_put_u64(&writer, user->version);
    record_put_u64(&writer, user->rights_version);
    record_put_u64(&writer, user->created_at_ns);
    record_put_u64(&writer, user->updated_at_ns);
    put_name(&writer, user->branch);
    record_put_u8(&writer, (uint8_t)user->roles.count);
    for (size_t i = 0; i < user->roles.count; i++) {
        put_name(&writer, user->roles.names[i]);
    }
    record_put_bytes(&writer, user->sealed_owner_key, sizeof user->sealed_owner_key);
    for (size_t i = 0; i < AUTH_PERSON_FIELD_COUNT; i++) {
        seal_put_span(&writer, user->sealed[i], AUTH_PLAIN_BYTES_MAX);
    }
    return record_written(&writer);
}

static void take_roles(struct record_reader *reader, struct auth_roles *ret)
{
    ret->count = (size_t)record_take_enum(reader, 0, AUTH_ROLES_MAX);
    for (size_t i = 0; i < ret->count; i++) {
        take_name(reader, false, ret->names[i]);
        record_expect(reader, i == 0 || strcmp(ret->names[i - 1], ret->names[i]) < 0);
    }
}

enum { AUTH_CHANNELS_ALL = 1 << AUTH_EMAIL | 1 << AUTH_MOBILE };

/// What layout 1 does not say: people only, and whoever has an address had confirmed it.
static void fill_in_user(struct auth_user *user)
{
    user->kind = AUTH_USER_PERSON;
    if (user->sealed[AUTH_PERSON_EMAIL].size > 0) user->channels |= 1U << AUTH_EMAIL;
    if (user->sealed[AUTH_PERSON_MOBILE].size > 0) user->channels |= 1U << AUTH_MOBILE;
}

struct status auth_user_decode(struct id128 id, struct bytes record, struct auth_user *ret)
{
    struct record_reader reader = record_read_key(record);
    struct auth_user user = {.id = id};
    int layout = record_take_enum(&reader, 1, AUTH_USER_LAYOUT);
    size_t field_count = layout == 1 ? AUTH_PERSON_STATUS_REASON : AUTH_PERSON_FIELD_COUNT;
    user.state =
        (enum auth_user_state)record_take_enum(&reader, AUTH_USER_ACTIVE, AUTH_USER_STATE_LAST);
    if (layout > 1) {
        user.kind =
            (enum auth_user_kind)record_take_enum(&reader, AUTH_USER_PERSON, AUTH_USER_KIND_LAST);
        user.channels = record_take_u8(&reader);
        record_expect(&reader, (user.channels & ~(unsigned)AUTH_CHANNELS_ALL) == 0);
    }
    user.version = record_take_u64(&reader);
    user.rights_version = record_take_u64(&reader);
    user.created_at_ns = record_take_u64(&reader);
    user.updated_at_ns = record_take_u64(&reader);
    take_name(&reader, true, user.branch);
    take_roles(&reader, &user.roles);
    record_take_bytes(&reader, user.sealed_owner_key, sizeof user.sealed_owner_key);
    for (size_t i = 0; i < field_count; i++) {
        user.sealed[i] = seal_take_span(&reader, AUTH_PLAIN_BYTES_MAX);
    }
    if (!record_is_whole(&reader)) return BROKEN;
    if (layout == 1) fill_in_user(&user);
    *ret = user;
    return STATUS_SUCCESS;
}

size_t auth_password_encode(const struct auth_password_record *password,
                            uint8_t ret[static AUTH_PASSWORD_RECORD_BYTES_MAX])
{
    struct record_writer writer =
        record_write(ret, AUTH_PASSWORD_RECORD_BYTES_MAX, AUTH_PASSWORD_LAYOUT);
    record_put_u64(&writer, password->changed_at_ns);
    record_put_u32(&writer, password->failures);
    record_put_u64(&writer, password->disabled_at_ns);
    seal_put_span(&writer, password->sealed_hash, AUTH_PLAIN_BYTES_MAX);
    return record_written(&writer);
}

struct status auth_password_decode(struct bytes record, struct auth_password_record *ret)
{
    struct record_reader reader = record_read_key(record);
    struct auth_password_record password = {0};
    int layout = record_take_enum(&reader, 1, AUTH_PASSWORD_LAYOUT);
    password.changed_at_ns = record_take_u64(&reader);
    if (layout > 1) {
        password.failures = record_take_u32(&reader);
        password.disabled_at_ns = record_take_u64(&reader);
    }
    password.sealed_hash = seal_take_span(&reader, AUTH_PLAIN_BYTES_MAX);
    if (!record_is_whole(&reader) || password.sealed_hash.size == 0) return BROKEN;
    *ret = password;
    return STATUS_SUCCESS;
}

// ---- Registrations -------------------------------------------------------------------------

static void put_challenge(struct record_writer *writer, const struct auth_challenge *challenge)
{
    record_put_u8(writer, (uint8_t)challenge->confirmation);
    record_put_u8(writer, challenge->is_decoy);
    record_put_u8(writer, challenge->attempts);
    record_put_u8(writer, challenge->resends);
    record_put_u64(writer, challenge->sent_at_ns);
    record_put_u64(writer, challenge->expires_at_ns);
    record_put_bytes(writer, challenge->mac, sizeof challenge->mac);
}

static void take_challenge(struct record_reader *reader, struct auth_challenge *ret)
{
    ret->confirmation = (enum auth_confirmation)record_take_enum(reader, AUTH_CONFIRMATION_NONE,
                                                                 AUTH_CONFIRMATION_LAST);
    ret->is_decoy = record_take_enum(reader, 0, 1) == 1;
    ret->attempts = (uint8_t)record_take_enum(reader, 0, AUTH_CODE_ATTEMPTS_MAX);
    ret->resends = (uint8_t)record_take_enum(reader, 0, AUTH_RESENDS_MAX);
    ret->sent_at_ns = record_take_u64(reader);
    ret->expires_at_ns = record_take_u64(reader);
    record_take_bytes(reader, ret->mac, sizeof ret->mac);
}

size_t auth_registration_encode(const struct auth_registration *registration,
                                uint8_t ret[static AUTH_REGISTRATION_BYTES_MAX])
{
    const struct auth_progress *progress = &registration->progress;
    struct record_writer writer = record_write(ret, AUTH_REGISTRATION_BYTES_MAX, LAYOUT_VERSION);
    record_put_u8(&writer, (uint8_t)progress->state);
    record_put_u64(&writer, progress->created_at_ns);
    record_put_u64(&writer, progress->expires_at_ns);
    record_put_id(&writer, progress->user_id);
    for (size_t i = 0; i < AUTH_CHANNEL_LAST; i++) {
        put_challenge(&writer, &progress->challenges[i]);
    }
    for (size_t i = 0; i < AUTH_APPLICANT_FIELD_COUNT; i++) {
        seal_put_span(&writer, registration->sealed[i], AUTH_PLAIN_BYTES_MAX);
    }
    return record_written(&writer);
}

struct status auth_registration_decode(struct id128 id, struct bytes record,
                                       struct auth_registration *ret)
{
    struct record_reader reader = record_read(record, LAYOUT_VERSION);
    struct auth_registration registration = {.id = id};
    struct auth_progress *progress = &registration.progress;
    progress->state = (enum auth_registration_state)record_take_enum(
        &reader, AUTH_REGISTRATION_PENDING, AUTH_REGISTRATION_STATE_COUNT - 1);
    progress->created_at_ns = record_take_u64(&reader);
    progress->expires_at_ns = record_take_u64(&reader);
    progress->user_id = record_take_id(&reader);
    for (size_t i = 0; i < AUTH_CHANNEL_LAST; i++) {
        take_challenge(&reader, &progress->challenges[i]);
    }
    for (size_t i = 0; i < AUTH_APPLICANT_FIELD_COUNT; i++) {
        registration.sealed[i] = seal_take_span(&reader, AUTH_PLAIN_BYTES_MAX);
    }
    bool is_completed = progress->state == AUTH_REGISTRATION_COMPLETED;
    if (!record_is_whole(&reader) || is_completed == id128_is_nil(progress->user_id)) return BROKEN;
    *ret = registration;
    return STATUS_SUCCESS;
}

// ---- Sessions ------------------------------------------------------------------------------

size_t auth_session_encode(const struct auth_session_record *record,
                           uint8_t ret[static AUTH_SESSION_BYTES_MAX])
{
    const struct auth_session *session = &record->session;
    struct record_writer writer = record_write(ret, AUTH_SESSION_BYTES_MAX, LAYOUT_VERSION);
    record_put_u8(&writer, (uint8_t)session->state);
    record_put_u8(&writer, (uint8_t)session->cause);
    record_put_id(&writer, session->user_id);
    record_put_u64(&writer, session->counter);
    record_put_u64(&writer, session->created_at_ns);
    record_put_u64(&writer, session->rotated_at_ns);
    record_put_u64(&writer, session->expires_at_ns);
    record_put_u64(&writer, session->ended_at_ns);
    record_put_u64(&writer, session->authenticated_at_ns);
    record_put_u8(&writer, session->aal);
    record_put_u8(&writer, session->amr);
    record_put_bytes(&writer, session->device_hash, sizeof session->device_hash);
    seal_put_span(&writer, record->sealed_device, AUTH_PLAIN_BYTES_MAX);
    seal_put_span(&writer, record->sealed_client_ip, AUTH_PLAIN_BYTES_MAX);
    return record_written(&writer);
}

struct status auth_session_decode(struct id128 id, struct bytes record,
                                  struct auth_session_record *ret)
{
    struct record_reader reader = record_read(record, LAYOUT_VERSION);
    struct auth_session_record decoded = {.session = {.id = id}};
    struct auth_session *session = &decoded.session;
    session->state = (enum auth_session_state)record_take_enum(&reader, AUTH_SESSION_ACTIVE,
                                                               AUTH_SESSION_STATE_COUNT - 1);
    session->cause =
        (enum auth_session_event)record_take_enum(&reader, 0, AUTH_SESSION_EVENT_COUNT - 1);
    session->user_id = record_take_id(&reader);
    session->counter = record_take_u64(&reader);
    session->created_at_ns = record_take_u64(&reader);
    session->rotated_at_ns = record_take_u64(&reader);
    session->expires_at_ns = record_take_u64(&reader);
    session->ended_at_ns = record_take_u64(&reader);
    session->authenticated_at_ns = record_take_u64(&reader);
    session->aal = (uint8_t)record_take_enum(&reader, AUTH_AAL_ENROLMENT, 3);
    session->amr = record_take_u8(&reader);
    record_take_bytes(&reader, session->device_hash, sizeof session->device_hash);
    decoded.sealed_device = seal_take_span(&reader, AUTH_PLAIN_BYTES_MAX);
    decoded.sealed_client_ip = seal_take_span(&reader, AUTH_PLAIN_BYTES_MAX);
    bool is_active = session->state == AUTH_SESSION_ACTIVE;
    if (!record_is_whole(&reader) || is_active != (session->cause == AUTH_SESSION_REFRESH)) {
        return BROKEN;
    }
    *ret = decoded;
    return STATUS_SUCCESS;
}

// ---- Signing keys, throttles, devices, messages --------------------------------------------

size_t auth_signing_encode(const struct auth_signing_record *key,
                           uint8_t ret[static AUTH_SIGNING_BYTES])
{
    struct record_writer writer = record_write(ret, AUTH_SIGNING_BYTES, LAYOUT_VERSION);
    record_put_u8(&writer, (uint8_t)key->state);
    record_put_u64(&writer, key->created_at_ns);
    record_put_u64(&writer, key->changed_at_ns);
    record_put_bytes(&writer, key->public_key, sizeof key->public_key);
    record_put_bytes(&writer, key->sealed_seed, sizeof key->sealed_seed);
    return record_written(&writer);
}

struct status auth_signing_decode(struct bytes record, struct auth_signing_record *ret)
{
    struct record_reader reader = record_read(record, LAYOUT_VERSION);
    struct auth_signing_record key = {0};
    key.state = (enum auth_signing_state)record_take_enum(&reader, AUTH_SIGNING_NEXT,
                                                          AUTH_SIGNING_STATE_LAST);
    key.created_at_ns = record_take_u64(&reader);
    key.changed_at_ns = record_take_u64(&reader);
    record_take_bytes(&reader, key.public_key, sizeof key.public_key);
    record_take_bytes(&reader, key.sealed_seed, sizeof key.sealed_seed);
    if (!record_is_whole(&reader)) return BROKEN;
    *ret = key;
    return STATUS_SUCCESS;
}

size_t auth_throttle_encode(const struct auth_throttle *throttle,
                            uint8_t ret[static AUTH_THROTTLE_BYTES])
{
    struct record_writer writer = record_write(ret, AUTH_THROTTLE_BYTES, LAYOUT_VERSION);
    record_put_u32(&writer, throttle->count);
    record_put_u64(&writer, throttle->last_ns);
    record_put_u64(&writer, throttle->until_ns);
    return record_written(&writer);
}

struct status auth_throttle_decode(struct bytes record, struct auth_throttle *ret)
{
    struct record_reader reader = record_read(record, LAYOUT_VERSION);
    struct auth_throttle throttle = {.count = record_take_u32(&reader)};
    throttle.last_ns = record_take_u64(&reader);
    throttle.until_ns = record_take_u64(&reader);
    if (!record_is_whole(&reader)) return BROKEN;
    *ret = throttle;
    return STATUS_SUCCESS;
}

size_t auth_device_encode(const struct auth_device *device, uint8_t ret[static AUTH_DEVICE_BYTES])
{
    struct record_writer writer = record_write(ret, AUTH_DEVICE_BYTES, LAYOUT_VERSION);
    record_put_u64(&writer, device->first_at_ns);
    record_put_u64(&writer, device->last_at_ns);
    return record_written(&writer);
}

struct status auth_device_decode(struct bytes record, struct auth_device *ret)
{
    struct record_reader reader = record_read(record, LAYOUT_VERSION);
    struct auth_device device = {.first_at_ns = record_take_u64(&reader)};
    device.last_at_ns = record_take_u64(&reader);
    if (!record_is_whole(&reader)) return BROKEN;
    *ret = device;
    return STATUS_SUCCESS;
}
