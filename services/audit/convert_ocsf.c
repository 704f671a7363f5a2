// OCSF 1.3.0. Required of every event: activity_id, category_uid, class_uid, type_uid, time,
// severity_id, metadata (product, version). Of 3001 Account Change: user. Of 3002 Authentication:
// user, and service or dst_endpoint. Of 6003 API Activity: actor, api (operation), src_endpoint.
#include "common/base/clock.h"
#include "common/base/record.h"
#include "common/base/text.h"
#include "common/base/version.h"
#include "common/event/registry.h"
#include "common/event/types.h"
#include "services/audit/convert_export.h"

#include <stdio.h>
#include <string.h>

enum ocsf_class { ACCOUNT_CHANGE = 3001, AUTHENTICATION = 3002, API_ACTIVITY = 6003 };

enum {
    ACTIVITY_OTHER = 99, // And a status's.
    CLASSES_OF_A_CATEGORY = 1000,
    ACTIVITIES_OF_A_CLASS = 100
};

// The first row that fits decides; the last one takes everything.
// clang-format off
static const struct mapping {
    const char *pattern;
    enum ocsf_class class;
    int activity;
} mappings[] = {
    {"auth.login.*",            AUTHENTICATION,  1}, // Logon
    {"auth.session.ended",      AUTHENTICATION,  2}, // Logoff
    {"auth.user.registered",    ACCOUNT_CHANGE,  1}, // Create
    {"auth.user.created",       ACCOUNT_CHANGE,  1},
    {"auth.user.unblocked",     ACCOUNT_CHANGE,  2}, // Enable
    {"auth.user.blocked",       ACCOUNT_CHANGE,  5}, // Disable
    {"auth.user.closed",        ACCOUNT_CHANGE,  6}, // Delete
    {"auth.user.factors_reset", ACCOUNT_CHANGE, 11}, // MFA Factor Disable
    {"auth.user.*",             ACCOUNT_CHANGE, ACTIVITY_OTHER},
    {"auth.password.changed",   ACCOUNT_CHANGE,  3}, // Password Change
    {"auth.password.reset",     ACCOUNT_CHANGE,  4}, // Password Reset
    {"auth.password.disabled",  ACCOUNT_CHANGE,  9}, // Lock
    {"auth.factor.enrolled",    ACCOUNT_CHANGE, 10}, // MFA Factor Enable
    {"auth.factor.disabled",    ACCOUNT_CHANGE, 11},
    {"auth.factor.locked",      ACCOUNT_CHANGE,  9},
    {"auth.factor.*",           ACCOUNT_CHANGE, ACTIVITY_OTHER},
    {"auth.apikey.created",     API_ACTIVITY,    1}, // Create
    {"auth.apikey.revoked",     API_ACTIVITY,    4}, // Delete
    {"ledger.account.created",  API_ACTIVITY,    1},
    {"ledger.account.closed",   API_ACTIVITY,    4},
    {"ledger.transfer.created", API_ACTIVITY,    1},
    {"ledger.transfer.held",    API_ACTIVITY,    1},
    {"ledger.transfer.reversed", API_ACTIVITY,   1},
    {"ledger.transfer.refused", API_ACTIVITY,    1},
    {"ledger.fx.quoted",        API_ACTIVITY,    1},
    {"ledger.currency.created", API_ACTIVITY,    1},
    {"kyc.document.submitted",  API_ACTIVITY,    1},
    {"kyc.case.submitted",      API_ACTIVITY,    1},
    {"audit.webhook.created",   API_ACTIVITY,    1},
    {"audit.webhook.deleted",   API_ACTIVITY,    4},
    {"audit.consumer.created",  API_ACTIVITY,    1},
    {"audit.consumer.deleted",  API_ACTIVITY,    4},
    {"audit.details.erased",    API_ACTIVITY,    4},
    {"audit.events.exported",   API_ACTIVITY,    2}, // Read
    {"audit.started",           API_ACTIVITY,   ACTIVITY_OTHER},
    {"audit.suspicion.found",   API_ACTIVITY,   ACTIVITY_OTHER},
    {"*",                       API_ACTIVITY,    3}, // Update
};

// clang-format on

static const struct mapping *mapping_of(struct bytes action)
{
    size_t last = sizeof mappings / sizeof mappings[0] - 1, i = 0;
    while (i < last && !event_pattern_matches(bytes_of_text(mappings[i].pattern), action))
        i++;
    return &mappings[i];
}

// ---- Objects -------------------------------------------------------------------------------

struct object {
    struct json_writer *writer;
    bool is_first;
};

static struct object open_object(struct json_writer *writer)
{
    json_write_raw(writer, "{", 1);
    return (struct object){.writer = writer, .is_first = true};
}

static void close_object(struct object *object)
{
    json_write_raw(object->writer, "}", 1);
}

static void put_text(struct object *object, const char *name, const char *text)
{
    if (text[0] == '\0') return; // What is not known is not there.
    json_write_member(object->writer, &object->is_first, name);
    json_write_string(object->writer, text, strlen(text));
}

static void put_number(struct object *object, const char *name, uint64_t number)
{
    json_write_member(object->writer, &object->is_first, name);
    json_write_integer(object->writer, false, number);
}

static struct object put_object(struct object *object, const char *name)
{
    json_write_member(object->writer, &object->is_first, name);
    return open_object(object->writer);
}

static void put_hex(struct object *object, const char *name, const ProtobufCBinaryData *bytes)
{
    char text[2 * HASH_SHA256_BYTES + 1] = "";
    if (bytes->len > HASH_SHA256_BYTES) return;
    hex_encode(bytes->data, bytes->len, text);
    text[2 * bytes->len] = '\0';
    put_text(object, name, text);
}

// An object whose one member is named so.
static void put_named(struct object *object, const char *name, const char *member, const char *text)
{
    struct object named = put_object(object, name);
    put_text(&named, member, text);
    close_object(&named);
}

// ---- Who and what --------------------------------------------------------------------------

static const char users_prefix[] = "users/";

static bool is_user(const char *name)
{
    return strncmp(name, users_prefix, sizeof users_prefix - 1) == 0;
}

static void put_actor(struct object *event, const Audit__AuditEvent *message)
{
    struct object actor = put_object(event, "actor");
    if (is_user(message->actor)) {
        put_named(&actor, "user", "uid", message->actor + sizeof users_prefix - 1);
    } else {
        put_text(&actor, "app_name", message->actor[0] != '\0' ? message->actor : "unknown");
    }
    close_object(&actor);
}

// The user it happened to: the resource, else whom it is visible to, else who did it.
static void put_user(struct object *event, const struct audit_event *side,
                     const Audit__AuditEvent *message)
{
    struct object user = put_object(event, "user");
    struct record_reader names = record_read_key(side->side.visible_to);
    struct bytes seen = record_left(&names) > 0 ? record_take_run32(&names) : (struct bytes){0};
    size_t prefix = sizeof users_prefix - 1;
    if (is_user(message->resource)) {
        put_text(&user, "uid", message->resource + prefix);
    } else if (seen.size > prefix && memcmp(seen.data, users_prefix, prefix) == 0) {
        json_write_member(user.writer, &user.is_first, "uid");
        json_write_string(user.writer, (const char *)seen.data + prefix, seen.size - prefix);
    } else if (is_user(message->actor)) {
        put_text(&user, "uid", message->actor + prefix);
    } else {
        put_text(&user, "name", "unknown");
    }
    close_object(&user);
}

static void put_api(struct object *event, const Audit__AuditEvent *message)
{
    struct object api = put_object(event, "api");
    put_text(&api, "operation", message->action);
    put_named(&api, "service", "name", message->source);
    if (message->request_id[0] != '\0') put_named(&api, "request", "uid", message->request_id);
    close_object(&api);
    if (message->resource[0] == '\0') return;
    json_write_member(event->writer, &event->is_first, "resources");
    json_write_raw(event->writer, "[", 1);
    struct object resource = open_object(event->writer);
    put_text(&resource, "uid", message->resource);
    close_object(&resource);
    json_write_raw(event->writer, "]", 1);
}

// ---- What every event has ------------------------------------------------------------------

static void put_metadata(struct object *event, const Audit__AuditEvent *message)
{
    char index[24];
    (void)snprintf(index, sizeof index, "%llu", (unsigned long long)message->index);
    struct object metadata = put_object(event, "metadata");
    put_text(&metadata, "version", "1.3.0");
    struct object product = put_object(&metadata, "product");
    put_text(&product, "name", "florin-audit");
    put_text(&product, "vendor_name", "Florin");
    put_text(&product, "version", florin_version());
    close_object(&product);
    put_text(&metadata, "uid", index);
    put_text(&metadata, "event_code", message->action);
    put_text(&metadata, "log_name", message->source);
    put_text(&metadata, "correlation_uid", message->request_id);
    close_object(&metadata);
}

static void put_status(struct object *event, const Audit__AuditEvent *message)
{
    static const struct {
        const char *outcome, *status;
        uint64_t id;
    } known[] = {{"success", "Success", 1}, {"refused", "Failure", 2}};

    const char *status = message->outcome;
    uint64_t id = ACTIVITY_OTHER;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(message->outcome, known[i].outcome) != 0) continue;
        status = known[i].status;
        id = known[i].id;
    }
    put_number(event, "status_id", id);
    put_text(event, "status", status);
    put_text(event, "status_code", message->reason);
}

// What OCSF has no word for.
static void put_unmapped(struct object *event, const Audit__AuditEvent *message)
{
    char seq[24];
    (void)snprintf(seq, sizeof seq, "%llu", (unsigned long long)message->seq);
    struct object unmapped = put_object(event, "unmapped");
    put_text(&unmapped, "seq", seq);
    put_text(&unmapped, "resource", message->resource);
    put_text(&unmapped, "traceparent", message->traceparent);
    put_text(&unmapped, "device_id", message->device_id);
    put_hex(&unmapped, "leaf_hash", &message->leaf_hash);
    put_hex(&unmapped, "before_digest", &message->before_digest);
    put_hex(&unmapped, "after_digest", &message->after_digest);
    if (message->data[0] != '\0') {
        json_write_member(unmapped.writer, &unmapped.is_first, "data");
        json_write_raw(unmapped.writer, message->data, strlen(message->data));
    }
    close_object(&unmapped);
}

void audit_export_ocsf(struct json_writer *writer, const struct audit_event *event,
                       const Audit__AuditEvent *message)
{
    const struct mapping *mapping = mapping_of(event->entry.action);
    const struct rpc_event_type *type = event_type_find(event->entry.action);
    uint64_t class = (uint64_t)mapping->class, activity = (uint64_t)mapping->activity;
    struct object object = open_object(writer);
    put_number(&object, "category_uid", class / CLASSES_OF_A_CATEGORY);
    put_number(&object, "class_uid", class);
    put_number(&object, "activity_id", activity);
    if (activity == ACTIVITY_OTHER) put_text(&object, "activity_name", message->action);
    put_number(&object, "type_uid", class * ACTIVITIES_OF_A_CLASS + activity);
    put_number(&object, "time", message->time / NS_PER_MS);
    put_number(&object, "severity_id", (uint64_t)audit_severity_of(&event->entry));
    put_text(&object, "message", type != NULL ? type->summary : message->action);
    put_status(&object, message);
    put_metadata(&object, message);
    put_actor(&object, message);
    if (mapping->class == API_ACTIVITY) {
        put_api(&object, message);
    } else {
        put_user(&object, event, message);
    }
    if (mapping->class == AUTHENTICATION) put_named(&object, "service", "name", "florin-auth");
    struct object from = put_object(&object, "src_endpoint");
    if (message->client_ip[0] != '\0') {
        put_text(&from, "ip", message->client_ip);
    } else {
        put_text(&from, "svc_name", message->source); // Of its own accord.
    }
    close_object(&from);
    put_unmapped(&object, message);
    close_object(&object);
}
