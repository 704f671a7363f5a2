/// @file services/auth/record_activity.h
/// Bytes of login activity, of what later logins are assessed by, and of the report's counters:
/// pure, canonical, fuzzed. The conventions of record.h hold here.
/// Time       An activity's id is a UUIDv7 whose time goes down to the nanosecond, so that ids rise
///            with time and a time is a place in every list. See auth_activity_id.
#pragma once

#include "services/auth/record.h"

enum auth_activity_result { // Stored; never renumber.
    AUTH_ACTIVITY_FAILED = 1,
    AUTH_ACTIVITY_SUCCEEDED = 2,
    AUTH_ACTIVITY_RESULT_LAST = AUTH_ACTIVITY_SUCCEEDED
};

// ---- Ids -----------------------------------------------------------------------------------

/// An id as RFC 9562 section 6.2 method 3 allows it:
///     unix ms(48 bits) | 7(4) | upper 12 of the 20 bits of its ns | 2(2) | lower 8 | random(54)
/// auth_activity_id_floor is the smallest one of that time.
struct id128 auth_activity_id(uint64_t at_ns, uint64_t random);
struct id128 auth_activity_id_floor(uint64_t at_ns);
uint64_t auth_activity_at_ns(struct id128 id);

// ---- Keys ----------------------------------------------------------------------------------

/// Key of an activity: result(1) | id(16). All of one result, oldest first.
///
/// Key of a facet: facet(1) | of USER: user_id(16) | result(1) | id(16)
///     01 <user> 02 <id>    a success of this user
///     02 01 <id>           a failure that looked suspicious
/// Its row is the activity's record, again: a list is read from neighbours, not from all over.
enum auth_activity_facet { // Stored; never renumber.
    AUTH_ACTIVITY_OF_USER = 1,
    AUTH_ACTIVITY_SUSPICIOUS = 2,
    AUTH_ACTIVITY_FACET_LAST = AUTH_ACTIVITY_SUSPICIOUS
};

enum {
    AUTH_ACTIVITY_KEY_BYTES = 1 + 16,
    AUTH_ACTIVITY_FACET_KEY_BYTES_MAX = 1 + 16 + AUTH_ACTIVITY_KEY_BYTES,
};

void auth_activity_key_encode(enum auth_activity_result result, struct id128 id,
                              uint8_t ret[static AUTH_ACTIVITY_KEY_BYTES]);
MUST_USE struct status auth_activity_key_decode(struct bytes key,
                                                enum auth_activity_result *ret_result,
                                                struct id128 *ret_id);

/// user_id: of AUTH_ACTIVITY_OF_USER only.
size_t auth_activity_facet_key_encode(enum auth_activity_facet facet, struct id128 user_id,
                                      enum auth_activity_result result, struct id128 id,
                                      uint8_t ret[static AUTH_ACTIVITY_FACET_KEY_BYTES_MAX]);

/// Key of a history: user_id(16); nil: of identifiers that nobody has.
/// Key of a tally: kind(1) | of HOUR: the hour's beginning, ns(8)
enum auth_tally_kind { // Stored; never renumber.
    AUTH_TALLY_HOUR = 1,
    AUTH_TALLY_GAUGES = 2,
    AUTH_TALLY_KIND_LAST = AUTH_TALLY_GAUGES
};

enum { AUTH_TALLY_KEY_BYTES_MAX = 1 + 8 };

size_t auth_tally_key_encode(enum auth_tally_kind kind, uint64_t hour_ns,
                             uint8_t ret[static AUTH_TALLY_KEY_BYTES_MAX]);
MUST_USE struct status auth_tally_key_decode(struct bytes key, enum auth_tally_kind *ret_kind,
                                             uint64_t *ret_hour_ns);

// ---- Records -------------------------------------------------------------------------------

/// Activity: 1 | user_id(16) | session_id(16) | method(1) | terms(1) | score(1) | suspicious(1) |
/// reason: size(1) text | span: origin
enum {
    AUTH_ACTIVITY_METHOD_LAST = 4, // enum auth_method
    AUTH_ACTIVITY_TERMS_ALL = 15,  // enum auth_risk
    AUTH_ACTIVITY_SCORE_MAX = 100,
    AUTH_REASON_BYTES = 32, // With the final NUL.
    AUTH_ORIGIN_BYTES_MAX = AUTH_PLAIN_BYTES_MAX,
    AUTH_ACTIVITY_BYTES_MAX = 1 + 2 * 16 + 4 + AUTH_REASON_BYTES + AUTH_SPAN_BYTES_MAX,
};

struct auth_activity_record {
    enum auth_activity_result result; // Of the key, as is the id.
    struct id128 id;
    struct id128 user_id;    // Nil: nobody has the identifier.
    struct id128 session_id; // Of a success.
    uint8_t method, terms, score;
    bool is_suspicious;
    char reason[AUTH_REASON_BYTES]; // Of a failure: [A-Z0-9_].
    struct bytes sealed_origin;     // Also where nothing is known of it.
};

size_t auth_activity_encode(const struct auth_activity_record *activity,
                            uint8_t ret[static AUTH_ACTIVITY_BYTES_MAX]);
/// The record of the key that auth_activity_key_decode took apart.
MUST_USE struct status auth_activity_decode(enum auth_activity_result result, struct id128 id,
                                            struct bytes record, struct auth_activity_record *ret);

/// Origin, before it is sealed: client_ip, device, user_agent: each size(2) text
enum { AUTH_ORIGIN_IP, AUTH_ORIGIN_DEVICE, AUTH_ORIGIN_USER_AGENT, AUTH_ORIGIN_FIELD_COUNT };

struct auth_origin {
    struct bytes fields[AUTH_ORIGIN_FIELD_COUNT];
};

size_t auth_origin_encode(const struct auth_origin *origin,
                          uint8_t ret[static AUTH_ORIGIN_BYTES_MAX]);
MUST_USE struct status auth_origin_decode(struct bytes plain, struct auth_origin *ret);

/// History: 1 | last_success_ns(8) | failures(4) | count(1) | networks: each a keyed hash(16), that
/// of the last success first, each once
enum {
    AUTH_NETWORKS_MAX = 5,
    AUTH_NETWORK_HASH_BYTES = 16,
    AUTH_HISTORY_BYTES_MAX = 1 + 8 + 4 + 1 + AUTH_NETWORKS_MAX * AUTH_NETWORK_HASH_BYTES,
};

struct auth_history {
    uint64_t last_success_ns; // 0: never, and no network then.
    uint32_t failures;        // Since.
    size_t network_count;
    uint8_t networks[AUTH_NETWORKS_MAX][AUTH_NETWORK_HASH_BYTES];
};

size_t auth_history_encode(const struct auth_history *history,
                           uint8_t ret[static AUTH_HISTORY_BYTES_MAX]);
MUST_USE struct status auth_history_decode(struct bytes record, struct auth_history *ret);

/// Tally: 1 | count(1) | numbers, each (8). Those behind the last that is not 0 are left out, so
/// that more kinds of them need no new layout.
enum { AUTH_TALLY_PLACES = 32, AUTH_TALLY_BYTES_MAX = 1 + 1 + AUTH_TALLY_PLACES * 8 };

struct auth_tally {
    uint64_t numbers[AUTH_TALLY_PLACES];
};

size_t auth_tally_encode(const struct auth_tally *tally, uint8_t ret[static AUTH_TALLY_BYTES_MAX]);
MUST_USE struct status auth_tally_decode(struct bytes record, struct auth_tally *ret);
