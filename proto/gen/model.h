/// @file proto/gen/model.h
/// The protos as florin-gen sees them: descriptors and options joined, names resolved.
/// Ownership  Everything lives in the arena given to gen_model_read; nothing is freed one by one.
/// Threads    One.
/// Errors     A wrong proto ends in a message "file: name: what is wrong" in `errors`; all that are
///            found are reported, so that one build shows them all.
/// Source     google/protobuf/descriptor.proto, google/api/annotations.proto, florin/options.proto.
#pragma once

#include "common/base/arena.h"
#include "common/base/bytes.h"
#include "florin/options.pb-c.h"
#include "google/protobuf/descriptor.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    GEN_FIELDS_MAX = 64, // Of one message: sets of fields are one uint64_t (rpc_field_set).
    GEN_ROUTE_VARIABLES_MAX = 8,
};

struct gen_message;
struct gen_enum;
struct gen_package;

struct gen_field {
    const char *name;
    const char *camel_name;
    const char *comment; // The option's doc, else the comment of the proto, else "".
    const Google__Protobuf__FieldDescriptorProto *descriptor;
    const Florin__Field *options; // Never NULL.
    const struct gen_message *message;
    const struct gen_enum *enumeration;
    bool is_repeated;
    bool is_map;
    bool is_in_oneof;
};

struct gen_message {
    const char *full_name; // "florin.ledger.v1.Transfer"
    const char *file;
    const char *symbol;   // "florin_ledger_v1_transfer_message"
    const char *c_prefix; // "ledger__transfer": protobuf-c's name.
    const char *comment;
    const struct gen_package *package;
    const Google__Protobuf__DescriptorProto *descriptor;
    struct gen_field *fields; // In order of their numbers, as protobuf-c's descriptors have them.
    size_t field_count;
    bool is_map_entry;
    bool is_http_body;
};

struct gen_enum {
    const char *full_name;
    const char *file;
    const char *comment;
    const Google__Protobuf__EnumDescriptorProto *descriptor;
};

struct gen_route {
    const char *verb;
    const char *template;
    const char *body;
    const struct gen_method *method;

    struct {
        const char *path;              // "account_id" or "filter.account_id"
        const struct gen_field *field; // The last field of the path.
    } variables[GEN_ROUTE_VARIABLES_MAX];

    size_t variable_count;
};

struct gen_method {
    const char *full_name;     // "florin.ledger.v1.LedgerService/CreateTransfer"
    const char *service;       // "florin.ledger.v1.LedgerService"
    const char *service_short; // "LedgerService"
    const char *name;          // "CreateTransfer"
    const char *enum_name;     // "LEDGER_CREATE_TRANSFER"
    const char *comment;
    const char *file;
    const struct gen_package *package;
    const struct gen_message *request;
    const struct gen_message *reply;
    const Florin__Method *options; // Never NULL.
};

/// An event that a daemon tells of (florin.event_types).
struct gen_event_type {
    const char *type; // "ledger.transfer.created"
    const char *summary;
    const char *payload_name;          // As written: "florin.ledger.v1.TransferCreated"; "" none.
    const struct gen_message *payload; // NULL: none, or none of ours.
    const char *file;
    const struct gen_package *package;
};

/// struct gen_package is one florin.<short_name>.v<n>; its tables go to <directory>.
struct gen_package {
    const char *name;           // "florin.ledger.v1"
    const char *short_name;     // "ledger"
    const char *directory;      // "florin/ledger/v1"
    const char *daemon;         // short_name, or "" for services that every daemon serves.
    const char *const *headers; // "florin/ledger/v1/ledger.pb-c.h", …
    size_t header_count;
    size_t service_count;
};

struct gen_model {
    struct arena *arena;
    struct gen_package *packages;
    size_t package_count;
    struct gen_message *messages; // In order of declaration, file after file.
    size_t message_count;
    struct gen_enum *enums;
    size_t enum_count;
    struct gen_method *methods; // Grouped by package, in order of declaration.
    size_t method_count;
    struct gen_route *routes;
    size_t route_count;
    struct gen_event_type *event_types; // Sorted by type.
    size_t event_type_count;
    const char **errors;
    size_t error_count;
};

/// gen_model_read unpacks a FileDescriptorSet (with imports and source info) and joins it with the
/// options; what the protos get wrong stands in ret->errors, also when OK. INVALID_ARGUMENT /
/// DESCRIPTOR_SET_MALFORMED when the bytes are not one.
MUST_USE struct status gen_model_read(struct bytes descriptor_set, struct arena *arena,
                                      struct gen_model *ret);

/// gen_model_find_message gives the message with this full name, or NULL.
const struct gen_message *gen_model_find_message(const struct gen_model *model,
                                                 const char *full_name);

/// gen_rules_check applies every rule of rules.c and event_rules.c and appends to model->errors.
void gen_rules_check(struct gen_model *model);

/// gen_event_rules_check is its part about event types (event_rules.c).
void gen_event_rules_check(struct gen_model *model);

/// gen_model_error appends one message.
void gen_model_error(struct gen_model *model, const char *file, const char *name,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));

const struct gen_field *gen_message_find_field(const struct gen_message *message, const char *name);

/// gen_field_is_in_json: clients may write the field; the others are the gateway's to fill.
bool gen_field_is_in_json(const struct gen_field *field);

/// gen_route_binds: the path says what the field is.
bool gen_route_binds(const struct gen_route *route, const char *path);

/// gen_route_parse checks a template and fills the route's variables.
void gen_route_parse(struct gen_model *model, struct gen_route *route);

/// gen_descriptor_set_strip is the set without comments and positions, as daemons carry it.
struct bytes gen_descriptor_set_strip(struct bytes descriptor_set, struct arena *arena);

/* Names (names.c). */

/// gen_name_snake is protobuf-c's own rule: "CreateTransfer" is "create_transfer", "HTTPRule" is
/// "httprule".
char *gen_name_snake(struct arena *arena, const char *camel);
char *gen_name_upper(struct arena *arena, const char *text);
char *gen_name_replace(struct arena *arena, const char *text, char from, const char *to);
