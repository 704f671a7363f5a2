// What an event type must keep to (florin.event_types): they are an API of their own, which
// subscribers, webhooks and the audit log show to people who know nothing else of us.
#include "common/base/check.h"
#include "proto/gen/model.h"

#include <ctype.h>
#include <string.h>

enum { TYPE_BYTES_MAX = 63, WORDS_MIN = 2 }; // A PUB topic's, common/event/wire.h.

// Lower-case words joined by dots, the first one the package: "ledger.transfer.created".
static bool is_type_name(const struct gen_event_type *type)
{
    size_t words = 0;
    bool is_word_begun = false;
    for (const char *c = type->type; *c != '\0'; c++) {
        if (*c == '.' && !is_word_begun) return false;
        if (*c != '.' && !islower((unsigned char)*c) && !isdigit((unsigned char)*c) && *c != '_')
            return false;
        if (*c != '.' && !is_word_begun) words++;
        is_word_begun = *c != '.';
    }
    size_t size = strlen(type->package->short_name);
    return is_word_begun && words >= WORDS_MIN && strlen(type->type) <= TYPE_BYTES_MAX &&
           strncmp(type->type, type->package->short_name, size) == 0 && type->type[size] == '.';
}

// A secret must never be in an event: it is kept for years and shown to subscribers.
static const struct gen_field *find_secret(const struct gen_model *model,
                                           const struct gen_message *message, bool *visited)
{
    if (visited[message - model->messages]) return NULL;
    visited[message - model->messages] = true;
    for (size_t i = 0; i < message->field_count; i++) {
        const struct gen_field *field = &message->fields[i];
        if (field->options->format == FLORIN__FORMAT__SECRET) return field;
        if (field->message == NULL) continue;
        const struct gen_field *secret = find_secret(model, field->message, visited);
        if (secret != NULL) return secret;
    }
    return NULL;
}

static void check_payload(struct gen_model *model, const struct gen_event_type *type)
{
    if (type->payload_name[0] == '\0') return;
    if (type->payload == NULL) {
        gen_model_error(model, type->file, type->type, "payload %s is a message of none of ours",
                        type->payload_name);
        return;
    }
    bool *visited = arena_alloc(model->arena, model->message_count);
    CHECK(visited != NULL);
    const struct gen_field *secret = find_secret(model, type->payload, visited);
    if (secret != NULL) {
        gen_model_error(model, type->file, type->type, "payload %s holds the secret %s",
                        type->payload_name, secret->name);
    }
}

void gen_event_rules_check(struct gen_model *model)
{
    for (size_t i = 0; i < model->event_type_count; i++) {
        const struct gen_event_type *type = &model->event_types[i];
        if (!is_type_name(type)) {
            gen_model_error(model, type->file, type->type,
                            "is no event type of its package, such as ledger.transfer.created");
        }
        if (type->summary[0] == '\0')
            gen_model_error(model, type->file, type->type, "has no summary");
        if (i > 0 && strcmp(type->type, type[-1].type) == 0) // They are sorted.
            gen_model_error(model, type->file, type->type, "stands twice");
        check_payload(model, type);
    }
}
