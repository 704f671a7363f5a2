// `florin audit verify --proof`: checks an inclusion proof with nothing but files, no daemon and no
// network.
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/crypto/hash.h"
#include "common/crypto/tlog_proof.h"
#include "florin/audit/v1/audit.pb-c.h"
#include "services/ctl/audit.h"
#include "services/ctl/evidence.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// What was given, read. Whatever is set is owned.
struct evidence {
    struct note_verifier verifier;
    struct tlog_proof proof;
    struct merkle_hash leaf;
    char *proof_file, *entry_file;
    size_t proof_bytes, entry_bytes;
    json_t *proof_json, *event_json; // NULL: the file was the text or the raw entry.
    uint8_t *entry;                  // NULL: only the leaf's hash was given.
    size_t entry_size;
};

static void evidence_close(struct evidence *evidence)
{
    json_decref(evidence->proof_json);
    json_decref(evidence->event_json);
    free(evidence->proof_file);
    free(evidence->entry_file);
    free(evidence->entry);
}

// ---- Reading -------------------------------------------------------------------------------

#define PROOF_JSON_REFUSAL                                                                         \
    REFUSE(INVALID_ARGUMENT, PROOF_MALFORMED, "this is not the JSON of an inclusion proof")

static struct status parse_proof_json(const json_t *json, struct tlog_proof *ret)
{
    if (!evidence_u64(json, "index", &ret->index)) return PROOF_JSON_REFUSAL;
    if (!evidence_hashes(json, "hashes", TLOG_PROOF_HASHES_MAX, &ret->path))
        return PROOF_JSON_REFUSAL;
    // "size" and "root_hash" are not looked at: the signed checkpoint says both.
    ret->checkpoint = bytes_of_text(evidence_text(json, "checkpoint"));
    return STATUS_SUCCESS;
}

static struct status read_proof(const char *path, struct evidence *evidence)
{
    RETURN_IF_ERROR(evidence_read(path, &evidence->proof_file, &evidence->proof_bytes));
    struct bytes text = bytes_of(evidence->proof_file, evidence->proof_bytes);
    if (evidence->proof_file[0] != '{') return tlog_proof_parse(text, &evidence->proof);
    evidence->proof_json = evidence_json(evidence->proof_file, evidence->proof_bytes);
    if (evidence->proof_json == NULL) return PROOF_JSON_REFUSAL;
    return parse_proof_json(evidence->proof_json, &evidence->proof);
}

// The raw bytes of an entry begin with a tag, never with a brace.
static struct status read_entry(const char *path, struct evidence *evidence)
{
    RETURN_IF_ERROR(evidence_read(path, &evidence->entry_file, &evidence->entry_bytes));
    evidence->entry = malloc(evidence->entry_bytes + 1);
    if (evidence->entry == NULL) return REFUSE(RESOURCE_EXHAUSTED, NO_MEMORY, "no memory");
    if (evidence->entry_file[0] != '{') {
        memcpy(evidence->entry, evidence->entry_file, evidence->entry_bytes);
        evidence->entry_size = evidence->entry_bytes;
    } else {
        evidence->event_json = evidence_json(evidence->entry_file, evidence->entry_bytes);
        const char *base64 = evidence_text(evidence->event_json, "entry");
        if (!base64_decode(base64, strlen(base64), evidence->entry, evidence->entry_bytes,
                           &evidence->entry_size) ||
            evidence->entry_size == 0) {
            return REFUSE(INVALID_ARGUMENT, ENTRY_MALFORMED,
                          "the JSON has no member \"entry\" with the entry's bytes in base64");
        }
    }
    merkle_leaf(bytes_of(evidence->entry, evidence->entry_size), &evidence->leaf);
    return STATUS_SUCCESS;
}

// ---- Judging -------------------------------------------------------------------------------

// A digest of the event's JSON, in hex, must be the entry's; one that is not there says nothing.
static bool digest_agrees(const json_t *json, const char *member, const ProtobufCBinaryData *proven)
{
    if (json_object_get(json, member) == NULL) return true;
    char text[2 * HASH_SHA256_BYTES + 1] = "";
    if (proven->len > HASH_SHA256_BYTES) return false;
    hex_encode(proven->data, proven->len, text);
    return strcmp(evidence_text(json, member), text) == 0;
}

// The JSON around the entry is not signed: it must say what the entry says.
static struct status compare_event(const struct evidence *evidence, const Audit__Entry *entry)
{
    const json_t *json = evidence->event_json;

    const struct {
        const char *member, *proven;
    } texts[] = {
        {"source", entry->source},         {"action", entry->action},
        {"actor", entry->actor},           {"resource", entry->resource},
        {"outcome", entry->outcome},       {"reason", entry->reason},
        {"request_id", entry->request_id}, {"traceparent", entry->traceparent},
    };

    bool agrees = digest_agrees(json, "before_digest", &entry->before_digest) &&
                  digest_agrees(json, "after_digest", &entry->after_digest);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const json_t *value = json_object_get(json, texts[i].member);
        if (value != NULL && strcmp(evidence_text(json, texts[i].member), texts[i].proven) != 0)
            agrees = false;
    }
    uint64_t number, time_ns;
    const char *time = evidence_text(json, "time");
    if (json_object_get(json, "seq") != NULL)
        agrees = agrees && evidence_u64(json, "seq", &number) && number == entry->seq;
    if (json_object_get(json, "index") != NULL)
        agrees = agrees && evidence_u64(json, "index", &number) && number == evidence->proof.index;
    if (*time != '\0') {
        agrees = agrees && clock_parse_rfc3339(time, strlen(time), &time_ns) == 0 &&
                 time_ns == entry->time;
    }
    if (agrees) return STATUS_SUCCESS;
    return REFUSE(INVALID_ARGUMENT, EVENT_DIFFERS,
                  "the JSON says something else than the entry in it, which is what was logged");
}

static void print_entry(const struct evidence *evidence, const Audit__Entry *entry)
{
    char time[CLOCK_RFC3339_BYTES];
    clock_format_rfc3339(entry->time, time);
    evidence_print_text("action", entry->action);
    evidence_print_text("actor", entry->actor);
    evidence_print_text("resource", entry->resource);
    evidence_print_text("outcome", entry->outcome);
    evidence_print_text("reason", entry->reason);
    evidence_print_text("time", time);
    printf("%-11s %s, event %" PRIu64 "\n", "source", entry->source, entry->seq);
    if (*evidence_text(evidence->event_json, "client_ip") != '\0' ||
        *evidence_text(evidence->event_json, "device_id") != '\0' ||
        json_is_object(json_object_get(evidence->event_json, "data")))
        printf("not proven  client_ip, device_id, data: the log holds commitments to them only\n");
}

static struct status judge(const struct evidence *evidence)
{
    struct checkpoint checkpoint;
    RETURN_IF_ERROR(
        tlog_proof_verify(&evidence->proof, &evidence->leaf, &evidence->verifier, &checkpoint));
    Audit__Entry *entry = NULL;
    if (evidence->entry != NULL) {
        entry = audit__entry__unpack(NULL, evidence->entry_size, evidence->entry);
        struct status status = entry != NULL
                                   ? compare_event(evidence, entry)
                                   : REFUSE(INVALID_ARGUMENT, ENTRY_MALFORMED,
                                            "the bytes are in the log, but they are not an entry");
        if (!status_ok(status)) {
            if (entry != NULL) audit__entry__free_unpacked(entry, NULL);
            return status;
        }
    }
    printf("proven: entry %" PRIu64 " is in the log %s of %" PRIu64 " entries\n",
           evidence->proof.index, checkpoint.origin, checkpoint.size);
    evidence_print_hash("leaf", &evidence->leaf);
    evidence_print_hash("root", &checkpoint.root);
    evidence_print_text("signed by", evidence->verifier.name);
    if (entry == NULL) return STATUS_SUCCESS;
    print_entry(evidence, entry);
    audit__entry__free_unpacked(entry, NULL);
    return STATUS_SUCCESS;
}

int audit_verify_proof(const struct ctl_options *options, const struct note_verifier *verifier)
{
    CLEANUP(evidence_close) struct evidence evidence = {.verifier = *verifier};
    if ((options->entry == NULL) == (options->leaf == NULL))
        return audit_usage("verify", "either --entry FILE or --leaf HEX is needed");
    if (options->leaf != NULL && !evidence_hash(options->leaf, &evidence.leaf))
        return audit_usage("verify", "--leaf is 64 hex digits");
    struct status status = read_proof(options->proof, &evidence);
    if (status_ok(status) && options->entry != NULL) status = read_entry(options->entry, &evidence);
    if (status_ok(status)) status = judge(&evidence);
    return status_ok(status) ? CTL_DONE : evidence_refuse("audit verify", status);
}
