// `florin audit verify`: checks an inclusion proof with nothing but files, no daemon and no
// network.
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/crypto/tlog_proof.h"
#include "florin/audit/v1/audit.pb-c.h"
#include "services/ctl/ctl.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES_MAX = 1024 * 1024 };

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

static struct status read_file(const char *path, char **ret, size_t *ret_size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) return REFUSE(NOT_FOUND, FILE_UNREADABLE, "the file cannot be opened");
    char *data = malloc(FILE_BYTES_MAX + 1);
    size_t size = data != NULL ? fread(data, 1, FILE_BYTES_MAX + 1, file) : 0;
    bool is_read = data != NULL && ferror(file) == 0;
    fclose(file);
    if (!is_read || size > FILE_BYTES_MAX) {
        free(data);
        return REFUSE(INVALID_ARGUMENT, FILE_UNREADABLE, "the file cannot be read or is too large");
    }
    data[size] = '\0';
    *ret = data;
    *ret_size = size;
    return STATUS_SUCCESS;
}

static json_t *parse_json(const char *data, size_t size)
{
    return json_loadb(data, size, JSON_REJECT_DUPLICATES, NULL);
}

static const char *json_text(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text != NULL ? text : "";
}

// 64-bit numbers are integers or, in JSON of the protobuf kind, decimal text.
static bool json_u64(const json_t *object, const char *member, uint64_t *ret)
{
    const json_t *value = json_object_get(object, member);
    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        *ret = (uint64_t)json_integer_value(value);
        return true;
    }
    const char *text = json_string_value(value);
    if (text == NULL || !isdigit((unsigned char)text[0])) return false;
    char *end;
    errno = 0;
    *ret = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0';
}

static bool parse_hash(const char *hex, struct merkle_hash *ret)
{
    return hex != NULL && hex_decode(hex, strlen(hex), ret->bytes, MERKLE_HASH_BYTES);
}

// --key is a verifier key itself, or a file that holds one.
static struct status read_verifier(const struct ctl_options *options, struct note_verifier *ret)
{
    if (options->key != NULL && status_ok(note_verifier_parse(bytes_of_text(options->key), ret)))
        return STATUS_SUCCESS;
    char path[CTL_PATH_BYTES], *text = NULL;
    size_t size;
    if (!ctl_path(path, options->data, "audit/verifier-key"))
        return REFUSE(INVALID_ARGUMENT, PATH_TOO_LONG, "the data directory's path is too long");
    RETURN_IF_ERROR(read_file(options->key != NULL ? options->key : path, &text, &size));
    while (size > 0 && isspace((unsigned char)text[size - 1]))
        size--;
    struct status status = note_verifier_parse(bytes_of(text, size), ret);
    free(text);
    return status;
}

#define PROOF_JSON_REFUSAL                                                                         \
    REFUSE(INVALID_ARGUMENT, PROOF_MALFORMED, "this is not the JSON of an inclusion proof")

static struct status parse_proof_json(const json_t *json, struct tlog_proof *ret)
{
    const json_t *hashes = json_object_get(json, "hashes");
    if (!json_u64(json, "index", &ret->index)) return PROOF_JSON_REFUSAL;
    if (hashes != NULL && !json_is_array(hashes) && !json_is_null(hashes))
        return PROOF_JSON_REFUSAL;
    ret->path.count = json_array_size(hashes);
    if (ret->path.count > TLOG_PROOF_HASHES_MAX) return PROOF_JSON_REFUSAL;
    for (size_t i = 0; i < ret->path.count; i++) {
        if (!parse_hash(json_string_value(json_array_get(hashes, i)), &ret->path.hashes[i]))
            return PROOF_JSON_REFUSAL;
    }
    // "size" and "root_hash" are not looked at: the signed checkpoint says both.
    ret->checkpoint = bytes_of_text(json_text(json, "checkpoint"));
    return STATUS_SUCCESS;
}

static struct status read_proof(const char *path, struct evidence *evidence)
{
    RETURN_IF_ERROR(read_file(path, &evidence->proof_file, &evidence->proof_bytes));
    struct bytes text = bytes_of(evidence->proof_file, evidence->proof_bytes);
    if (evidence->proof_file[0] != '{') return tlog_proof_parse(text, &evidence->proof);
    evidence->proof_json = parse_json(evidence->proof_file, evidence->proof_bytes);
    if (evidence->proof_json == NULL) return PROOF_JSON_REFUSAL;
    return parse_proof_json(evidence->proof_json, &evidence->proof);
}

// The raw bytes of an entry begin with a tag, never with a brace.
static struct status read_entry(const char *path, struct evidence *evidence)
{
    RETURN_IF_ERROR(read_file(path, &evidence->entry_file, &evidence->entry_bytes));
    evidence->entry = malloc(evidence->entry_bytes + 1);
    if (evidence->entry == NULL) return REFUSE(RESOURCE_EXHAUSTED, NO_MEMORY, "no memory");
    if (evidence->entry_file[0] != '{') {
        memcpy(evidence->entry, evidence->entry_file, evidence->entry_bytes);
        evidence->entry_size = evidence->entry_bytes;
    } else {
        evidence->event_json = parse_json(evidence->entry_file, evidence->entry_bytes);
        const char *base64 = json_text(evidence->event_json, "entry");
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

    bool agrees = true;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const json_t *value = json_object_get(json, texts[i].member);
        if (value != NULL && strcmp(json_text(json, texts[i].member), texts[i].proven) != 0)
            agrees = false;
    }
    uint64_t number, time_ns;
    const char *time = json_text(json, "time");
    if (json_object_get(json, "seq") != NULL)
        agrees = agrees && json_u64(json, "seq", &number) && number == entry->seq;
    if (json_object_get(json, "index") != NULL)
        agrees = agrees && json_u64(json, "index", &number) && number == evidence->proof.index;
    if (*time != '\0') {
        agrees = agrees && clock_parse_rfc3339(time, strlen(time), &time_ns) == 0 &&
                 time_ns == entry->time;
    }
    if (agrees) return STATUS_SUCCESS;
    return REFUSE(INVALID_ARGUMENT, EVENT_DIFFERS,
                  "the JSON says something else than the entry in it, which is what was logged");
}

// Texts come from events: nothing in them may drive the terminal.
static void print_text(const char *name, const char *text)
{
    if (*text == '\0') return;
    printf("%-11s ", name);
    for (; *text != '\0'; text++)
        putchar((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text);
    putchar('\n');
}

static void print_hash(const char *name, const struct merkle_hash *hash)
{
    char hex[2 * MERKLE_HASH_BYTES + 1];
    hex_encode(hash->bytes, MERKLE_HASH_BYTES, hex);
    printf("%-11s %s\n", name, hex);
}

static void print_entry(const struct evidence *evidence, const Audit__Entry *entry)
{
    char time[CLOCK_RFC3339_BYTES];
    clock_format_rfc3339(entry->time, time);
    print_text("action", entry->action);
    print_text("actor", entry->actor);
    print_text("resource", entry->resource);
    print_text("outcome", entry->outcome);
    print_text("reason", entry->reason);
    print_text("time", time);
    printf("%-11s %s, event %" PRIu64 "\n", "source", entry->source, entry->seq);
    if (*json_text(evidence->event_json, "client_ip") != '\0' ||
        *json_text(evidence->event_json, "device_id") != '\0')
        printf("not proven  client_ip, device_id: the log holds commitments to them only\n");
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
    print_hash("leaf", &evidence->leaf);
    print_hash("root", &checkpoint.root);
    print_text("signed by", evidence->verifier.name);
    if (entry == NULL) return STATUS_SUCCESS;
    print_entry(evidence, entry);
    audit__entry__free_unpacked(entry, NULL);
    return STATUS_SUCCESS;
}

static int refuse(struct status status)
{
    printf("NOT PROVEN: %s (%s)\n", status.message, status.reason);
    return CTL_NO;
}

static int usage(const char *what)
{
    fprintf(stderr, "florin: audit verify: %s\n", what);
    return CTL_USAGE;
}

int ctl_audit_verify(const struct ctl_options *options)
{
    if (options->proof == NULL) return usage("--proof FILE is needed");
    if ((options->entry == NULL) == (options->leaf == NULL))
        return usage("either --entry FILE or --leaf HEX is needed");
    CLEANUP(evidence_close) struct evidence evidence = {0};
    if (options->leaf != NULL && !parse_hash(options->leaf, &evidence.leaf))
        return usage("--leaf is 64 hex digits");

    struct status status = crypto_open();
    if (status_ok(status)) status = read_verifier(options, &evidence.verifier);
    if (!status_ok(status)) return ctl_complain("verifier key", status);
    status = read_proof(options->proof, &evidence);
    if (status_ok(status) && options->entry != NULL) status = read_entry(options->entry, &evidence);
    // A file that is not there says nothing; one that is not a proof is a refusal.
    if (status.reason != NULL && strcmp(status.reason, "FILE_UNREADABLE") == 0)
        return ctl_complain("audit verify", status);
    if (status_ok(status)) status = judge(&evidence);
    return status_ok(status) ? CTL_DONE : refuse(status);
}
