/// @file common/rpc/schema.h
/// The shape of the generated tables: what protobuf-c's descriptors do not carry.
/// Written by proto/gen from the protos; read by the server (limits, permission, validation), the
/// gateway (routes, JSON) and the docs. Nothing here is written by hand.
/// Threads    Constant data.
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rpc_access { RPC_ACCESS_READ = 1, RPC_ACCESS_WRITE = 2, RPC_ACCESS_POOL = 3 };

enum rpc_format { // florin.Format
    RPC_FORMAT_NONE,
    RPC_FORMAT_UUID,
    RPC_FORMAT_AMOUNT,
    RPC_FORMAT_SIGNED_AMOUNT,
    RPC_FORMAT_TIMESTAMP_NS,
    RPC_FORMAT_SECRET,
    RPC_FORMAT_HEX,
    RPC_FORMAT_DATE,
    RPC_FORMAT_BASE64,
    RPC_FORMAT_JSON,
};

enum rpc_pattern { // florin.Pattern
    RPC_PATTERN_NONE,
    RPC_PATTERN_EMAIL,
    RPC_PATTERN_E164,
    RPC_PATTERN_CURRENCY,
    RPC_PATTERN_COUNTRY,
    RPC_PATTERN_DIGITS,
    RPC_PATTERN_IDENTIFIER,
    RPC_PATTERN_PRINTABLE,
};

struct rpc_message;

/// struct rpc_field stands at the same index as its ProtobufCFieldDescriptor.
struct rpc_field {
    const char *name;                  // snake_case, as in the proto and in our JSON.
    const char *camel_name;            // lowerCamelCase, also accepted in JSON.
    const struct rpc_message *message; // Of a message field, else NULL.
    int64_t min, max;                  // Both 0: no range. Resolved: max is never 0 with min > 0.
    uint32_t len_min, len_max;         // Resolved: len_max is never 0 for string and bytes.
    uint32_t items_max;                // Resolved: never 0 for repeated fields.
    uint16_t name_bytes, camel_name_bytes; // Lengths of the names.
    enum rpc_format format;
    enum rpc_pattern pattern;
    bool required;
    bool is_map; // A proto map: repeated entry messages here, an object in JSON.
    // What the gateway fills, never from JSON, path or query:
    bool from_header; // From a header: the next member is its name, in lower case.
    const char *header;
    bool is_etag;        // From If-Match: the version that the client has seen.
    bool is_member_mask; // With the names of the members that stood in the body.
};

/// rpc_field_is_in_json: clients may write the field, and see it in a message.
static inline bool rpc_field_is_in_json(const struct rpc_field *field)
{
    return !(field->from_header || field->is_etag || field->is_member_mask);
}

/// A set of fields of one message: bit i is the field at index i of its descriptor. The generator
/// refuses messages with more fields.
typedef uint64_t rpc_field_set;

enum { RPC_FIELDS_MAX = 64 };

struct rpc_message {
    const char *full_name; // "florin.ledger.v1.Transfer"
    const ProtobufCMessageDescriptor *descriptor;
    const struct rpc_field *fields; // descriptor->n_fields of them, in descriptor order.
    bool is_http_body;              // google.api.HttpBody
    bool has_member_mask;           // One of the fields is a member mask.
};

/// What a field with is_etag holds besides versions, which begin at 1. A service refuses every
/// version but its own and RPC_ETAG_ANY with FAILED_PRECONDITION / VERSION_MISMATCH, and so
/// RPC_ETAG_NONE without knowing of it.
#define RPC_ETAG_ANY UINT64_MAX        // "If-Match: *": whatever version there is.
#define RPC_ETAG_NONE (UINT64_MAX - 1) // A tag that names no version: it never matches.

struct rpc_method {
    const char *name;       // "florin.ledger.v1.LedgerService/CreateTransfer"
    const char *service;    // "florin.ledger.v1.LedgerService"
    const char *daemon;     // "ledger", from florin.ledger.v1; "" for common services.
    const char *permission; // NULL with is_public or any_user.
    const struct rpc_message *request;
    const struct rpc_message *reply;
    enum rpc_access access;
    bool is_public;
    bool any_user;
    bool is_keyed;
    bool is_coalesced;
    bool is_internal;
    bool refuse_before_change;
    bool takes_form;             // The body may also be application/x-www-form-urlencoded.
    uint32_t request_bytes_max;  // Resolved.
    uint32_t timeout_ms_default; // Resolved.
    uint32_t cost;               // Resolved.
    uint32_t http_status;        // Resolved: 200 where nothing is said.
    const char *produces;        // Resolved: "application/json".
    const char *cache_control;   // Resolved: "no-store".
    uint32_t etag_number;        // The number of the reply's field that is its ETag; 0: none.
};

/// One row per HTTP binding, grouped by package in order of declaration; the router builds its
/// tree from them.
/// Template: "/v1/accounts/{account_id}/balance", "/v1/transfers/{id}:post",
/// "/v1/audit/log/tile/{path=**}" (the rest of the path, slashes included).
struct rpc_route {
    const char *verb;     // "GET"
    const char *template; // As in the proto.
    const char *body;     // "*", a field's name, or "" for none.
    const struct rpc_method *method;
};

/// A service as a daemon serves it: rows and, at the same index, what each does.
struct rpc_method_table {
    const struct rpc_method *methods;
    size_t count;
};

/// A type of event that some daemon tells of (option florin.event_types of its proto).
struct rpc_event_type {
    const char *type;                  // "ledger.transfer.created"
    const struct rpc_message *payload; // NULL: it says nothing more.
    const char *summary;               // One line.
};

/* Generated for each package florin.<name>.v<n> in "florin/<name>/v<n>/<name>_methods.h":
 *     enum <name>_method_index { LEDGER_CREATE_TRANSFER, ..., LEDGER_METHOD_COUNT };
 *     extern const struct rpc_method ledger_methods[LEDGER_METHOD_COUNT];
 *     extern const struct rpc_message florin_ledger_v1_transfer_message; (one for each message) */

/* Generated: every route of every package, and the API description. */
extern const struct rpc_route rpc_routes[];
extern const size_t rpc_route_count;
extern const struct rpc_method *const rpc_all_methods[]; // Sorted by name.
extern const size_t rpc_all_method_count;
extern const struct rpc_event_type rpc_event_types[]; // Sorted by type; event_type_find finds one.
extern const size_t rpc_event_type_count;
extern const char rpc_openapi_json[];
extern const size_t rpc_openapi_json_size;
extern const struct rpc_message google_api_http_body_message;
extern const uint8_t rpc_descriptor_set[]; // FileDescriptorSet without comments.
extern const size_t rpc_descriptor_set_size;
