#include "services/auth/activity.h"

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "services/auth/factor.h"

_Static_assert((int)AUTH_METHOD_LAST == (int)AUTH_ACTIVITY_METHOD_LAST, "every method is kept");
_Static_assert((int)AUTH_RISK_ALL == (int)AUTH_ACTIVITY_TERMS_ALL, "and every term of risk");

enum { TEXT_BYTES_MAX = 384 }; // Of device and user agent: 128 characters that take three each.

_Static_assert(AUTH_ORIGIN_FIELD_COUNT * 2 + AUTH_IP_BYTES + 2 * TEXT_BYTES_MAX <=
                   AUTH_ORIGIN_BYTES_MAX,
               "the longest origin fits");

// ---- Risk ----------------------------------------------------------------------------------

static const struct {
    const char *name;
    unsigned points;
} risks[AUTH_RISK_COUNT] = {
    // Index: the place of the term's bit.
    {"new_device", 30},
    {"new_network", 20},
    {"failures_before", 30},
    {"dormant", 20},
};

const char *auth_risk_name(enum auth_risk term)
{
    CHECK(term > 0 && term <= AUTH_RISK_ALL && (term & (term - 1)) == 0);
    return risks[__builtin_ctz(term)].name;
}

static uint8_t score_of(unsigned terms)
{
    unsigned score = 0;
    for (unsigned i = 0; i < AUTH_RISK_COUNT; i++) {
        if ((terms & 1U << i) != 0) score += risks[i].points;
    }
    return (uint8_t)(score < AUTH_ACTIVITY_SCORE_MAX ? score : AUTH_ACTIVITY_SCORE_MAX);
}

/// hash_network hides the /24 or /48 behind a MAC that is the user's own: nobody sees from the
/// store who shares one. An unknown network is one, too.
static void hash_network(const struct auth_service *service, struct id128 user_id,
                         const struct auth_client *client,
                         uint8_t ret[static AUTH_NETWORK_HASH_BYTES])
{
    uint8_t bound[ID128_BYTES + 1 + 6] = {0}, mac[AUTH_MAC_BYTES];
    size_t size = client->network_size == 5 ? 1 + 3 : 1 + 6; // Of family and address.
    memcpy(bound, user_id.bytes, ID128_BYTES);
    if (client->network_size > 0) memcpy(bound + ID128_BYTES, client->network, size);
    auth_store_mac(service->auth, "network", bytes_of(bound, sizeof bound), mac);
    memcpy(ret, mac, AUTH_NETWORK_HASH_BYTES);
}

static bool has_network(const struct auth_history *history,
                        const uint8_t network[static AUTH_NETWORK_HASH_BYTES])
{
    for (size_t i = 0; i < history->network_count; i++) {
        if (memcmp(history->networks[i], network, AUTH_NETWORK_HASH_BYTES) == 0) return true;
    }
    return false;
}

struct status auth_activity_assess(const struct auth_service *service, struct store_txn *txn,
                                   struct id128 user_id, const struct auth_client *client,
                                   uint64_t now_ns, struct auth_assessment *ret)
{
    uint8_t device_hash[AUTH_DEVICE_HASH_BYTES], network[AUTH_NETWORK_HASH_BYTES];
    struct auth_history history;
    unsigned terms = 0;
    RETURN_IF_ERROR(auth_store_get_history(txn, user_id, &history));
    auth_session_hash_device(service, client->device, device_hash);
    hash_network(service, user_id, client, network);
    bool is_device_known =
        auth_store_knows_device(txn, user_id, device_hash) && client->device[0] != '\0';
    if (!is_device_known) terms |= AUTH_RISK_NEW_DEVICE;
    if (!has_network(&history, network)) terms |= AUTH_RISK_NEW_NETWORK;
    if (history.failures >= AUTH_RISK_FAILURES_MIN) terms |= AUTH_RISK_FAILURES_BEFORE;
    if (now_ns >= history.last_success_ns + AUTH_RISK_DORMANT_NS) terms |= AUTH_RISK_DORMANT;
    if (history.last_success_ns == 0) terms = 0; // There is nothing to differ from.
    *ret = (struct auth_assessment){.terms = (uint8_t)terms, .score = score_of(terms)};
    return STATUS_SUCCESS;
}

// ---- Recording -----------------------------------------------------------------------------

static bool is_control(const char *text, size_t size)
{
    unsigned char first = (unsigned char)text[0];
    bool is_c1 = size == 2 && first == 0xc2 && (unsigned char)text[1] < 0xa0;
    return first < 0x20 || first == 0x7f || is_c1;
}

/// keep_text gives as many whole characters as there is room for; blanks for what is no character
/// that can be shown.
static struct bytes keep_text(const char *text, char room[static TEXT_BYTES_MAX])
{
    size_t kept = 0, left = strlen(text);
    while (left > 0) {
        size_t size = text_next_code_point(text, left);
        bool is_kept = size > 0 && !is_control(text, size);
        size_t room_size = is_kept ? size : 1;
        if (kept + room_size > TEXT_BYTES_MAX) break;
        if (is_kept)
            memcpy(room + kept, text, size);
        else
            room[kept] = ' ';
        kept += room_size;
        text += size > 0 ? size : 1;
        left -= size > 0 ? size : 1;
    }
    return bytes_of(room, kept);
}

/// remember_network moves it to the front, in the place of the oldest where there is no room.
static void remember_network(struct auth_history *history,
                             const uint8_t network[static AUTH_NETWORK_HASH_BYTES])
{
    size_t place = 0;
    while (place < history->network_count &&
           memcmp(history->networks[place], network, AUTH_NETWORK_HASH_BYTES) != 0)
        place++;
    if (place == history->network_count && place < AUTH_NETWORKS_MAX) history->network_count++;
    if (place == AUTH_NETWORKS_MAX) place--;
    memmove(history->networks[1], history->networks[0], place * AUTH_NETWORK_HASH_BYTES);
    memcpy(history->networks[0], network, AUTH_NETWORK_HASH_BYTES);
}

/// remember keeps what the account's next attempts are assessed by.
static void remember(const struct auth_service *service, struct store_txn *txn,
                     const struct auth_activity *activity)
{
    uint8_t network[AUTH_NETWORK_HASH_BYTES];
    struct auth_history history = {0};
    struct status status = auth_store_get_history(txn, activity->user_id, &history);
    if (status.code == STATUS_DATA_LOSS)
        log_status(LOG_LEVEL_ERROR, "a history of logins was broken and begins anew", status);
    hash_network(service, activity->user_id, activity->client, network);
    if (activity->is_success) {
        history.last_success_ns = activity->at_ns;
        history.failures = 0;
        remember_network(&history, network);
    } else if (history.failures < UINT32_MAX) {
        history.failures++;
    }
    auth_store_put_history(txn, activity->user_id, &history);
}

void auth_activity_record(const struct auth_service *service, struct store_txn *txn,
                          const struct auth_activity *activity)
{
    CHECK(strlen(activity->reason) < AUTH_REASON_BYTES);
    char device[TEXT_BYTES_MAX], user_agent[TEXT_BYTES_MAX];
    struct auth_origin origin = {
        .fields = {
            [AUTH_ORIGIN_IP] = bytes_of_text(activity->client->ip),
            [AUTH_ORIGIN_DEVICE] = keep_text(activity->client->device, device),
            [AUTH_ORIGIN_USER_AGENT] = keep_text(activity->client->user_agent, user_agent),
        }};
    struct auth_activity_record record = {
        .result = activity->is_success ? AUTH_ACTIVITY_SUCCEEDED : AUTH_ACTIVITY_FAILED,
        .user_id = activity->user_id,
        .session_id = activity->session_id,
        .method = activity->method,
        .terms = activity->risk.terms,
        .score = activity->risk.score,
        .is_suspicious = activity->is_suspicious,
    };
    memcpy(record.reason, activity->reason, strlen(activity->reason));
    auth_store_put_activity(service->auth, txn, activity->at_ns, &origin, &record);
    remember(service, txn, activity);
    unsigned counters =
        1U << (activity->is_success ? AUTH_COUNT_LOGINS_SUCCEEDED : AUTH_COUNT_LOGINS_FAILED);
    if (activity->is_suspicious) counters |= 1U << AUTH_COUNT_LOGINS_SUSPICIOUS;
    auth_count_each(txn, counters, activity->at_ns);
}

// ---- Forgetting ----------------------------------------------------------------------------

static uint64_t kept_since_ns(const struct auth_service *service, uint64_t now_ns)
{
    uint64_t kept_ns = service->policy.activity_kept_ns;
    return now_ns > kept_ns ? now_ns - kept_ns : 0;
}

struct status auth_activity_is_due(const struct auth_service *service, struct store_txn *txn,
                                   uint64_t now_ns, bool *ret)
{
    uint64_t before_ns = kept_since_ns(service, now_ns);
    *ret = auth_counters_are_due(txn, before_ns);
    for (int i = AUTH_ACTIVITY_FAILED; i <= AUTH_ACTIVITY_RESULT_LAST && !*ret; i++) {
        struct auth_activity_record unused;
        struct status status =
            auth_store_oldest_activity(txn, (enum auth_activity_result)i, before_ns, &unused);
        *ret = status_ok(status);
        if (status.code != STATUS_NOT_FOUND) RETURN_IF_ERROR(status);
    }
    return STATUS_SUCCESS;
}

struct status auth_activity_forget(const struct auth_service *service, struct store_txn *txn,
                                   uint64_t now_ns, size_t rows_max, size_t *ret_count)
{
    uint64_t before_ns = kept_since_ns(service, now_ns);
    size_t count = 0;
    for (int i = AUTH_ACTIVITY_FAILED; i <= AUTH_ACTIVITY_RESULT_LAST; i++) {
        while (count < rows_max) {
            struct auth_activity_record oldest;
            struct status status =
                auth_store_oldest_activity(txn, (enum auth_activity_result)i, before_ns, &oldest);
            if (status.code == STATUS_NOT_FOUND) break;
            RETURN_IF_ERROR(status);
            auth_store_delete_activity(txn, &oldest);
            count++;
        }
    }
    *ret_count = count + auth_counters_forget(txn, before_ns, rows_max - count);
    return STATUS_SUCCESS;
}
