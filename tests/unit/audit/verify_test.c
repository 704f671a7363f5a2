// `florin audit verify`, given the files that the log hands out and files that it never would.
#include "common/base/check.h"
#include "common/crypto/tlog_proof.h"
#include "services/ctl/ctl.h"
#include "tests/unit/audit/fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIZE = 37, INDEX = 20, OUTPUT_BYTES = 8192 };

/// A grown log and the files of one proof, by name below the fixture's directory.
struct sample {
    struct fixture *fixture;
    struct audit_event event; // Its texts point into copy.
    uint8_t copy[2048];
    char leaf_hex[2 * MERKLE_HASH_BYTES + 1];
};

static struct sample sample;

static const char *path_of(const char *name)
{
    static char paths[8][512];
    static size_t next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", sample.fixture->directory, name);
    return path;
}

static void write_file(const char *name, const void *data, size_t size)
{
    FILE *file = fopen(path_of(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void write_text(const char *name, const char *text)
{
    write_file(name, text, strlen(text));
}

// The AuditEvent as the gateway shows it, with one member's value replaced.
static void write_event_json(const char *name, const char *actor, uint64_t index, bool flip)
{
    char base64[4096], json[8192];
    uint8_t entry[2048];
    memcpy(entry, sample.event.bytes.data, sample.event.bytes.size);
    if (flip) entry[sample.event.bytes.size - 1] ^= 1;
    base64_encode(entry, sample.event.bytes.size, base64);
    snprintf(json, sizeof json,
             "{\"index\":%llu,\"source\":\"ledger\",\"seq\":\"%d\",\"actor\":\"%s\","
             "\"reason\":\"INSUFFICIENT_FUNDS\",\"time\":\"1970-01-01T00:00:00.000021Z\","
             "\"client_ip\":\"203.0.113.7\",\"entry\":\"%s\"}",
             (unsigned long long)index, INDEX + 1, actor, base64);
    write_text(name, json);
}

static void write_proof_files(const struct audit_proof *proof)
{
    static char text[TLOG_PROOF_BYTES_MAX + CHECKPOINT_NOTE_BYTES_MAX];
    static char json[sizeof text + 8192];
    struct tlog_proof file = {
        .index = proof->index, .path = proof->path, .checkpoint = proof->checkpoint};
    write_file("proof", text, tlog_proof_format(&file, text, sizeof text));
    file.index++;
    write_file("proof-of-next", text, tlog_proof_format(&file, text, sizeof text));

    int size = snprintf(json, sizeof json, "{\"index\":%d,\"size\":%d,\"hashes\":[", INDEX, SIZE);
    for (size_t i = 0; i < proof->path.count; i++) {
        char hex[2 * MERKLE_HASH_BYTES + 1];
        hex_encode(proof->path.hashes[i].bytes, MERKLE_HASH_BYTES, hex);
        size +=
            snprintf(json + size, sizeof json - (size_t)size, "%s\"%s\"", i > 0 ? "," : "", hex);
    }
    size += snprintf(json + size, sizeof json - (size_t)size, "],\"checkpoint\":\"");
    for (size_t i = 0; i < proof->checkpoint.size; i++) {
        char c = (char)proof->checkpoint.data[i];
        size += snprintf(json + size, sizeof json - (size_t)size, c == '\n' ? "\\n" : "%c", c);
    }
    snprintf(json + size, sizeof json - (size_t)size, "\"}");
    write_text("proof.json", json);
}

// The entry was logged without digests.
static void write_digest_json(const char *name, const char *digest)
{
    static char entry[BASE64_TEXT_BYTES(AUDIT_ENTRY_BYTES_MAX)], json[sizeof entry + 256];
    entry[base64_encode(sample.copy, sample.event.bytes.size, entry)] = '\0';
    snprintf(json, sizeof json, "{\"entry\":\"%s\",\"after_digest\":\"%s\"}", entry, digest);
    write_text(name, json);
}

// ---- That it only grew ---------------------------------------------------------------------

enum { OLD_SIZE = 11 };

static void write_checkpoint(const char *name)
{
    struct store_txn *txn = begin(sample.fixture);
    struct bytes note;
    uint64_t size;
    struct merkle_hash root;
    assert_status_ok(audit_service_checkpoint(txn, &note, &size, &root));
    write_file(name, note.data, note.size);
    store_snapshot_end(&txn);
}

// The answer of GET /v1/audit/consistency, with one hash changed where flip says so.
static void write_consistency(const char *name, uint64_t from, uint64_t to, bool flip)
{
    char json[8192];
    struct audit_consistency proof;
    struct store_txn *txn = begin(sample.fixture);
    assert_status_ok(audit_service_prove_consistency(txn, OLD_SIZE, SIZE, &proof));
    store_snapshot_end(&txn);
    if (flip) proof.path.hashes[1].bytes[0] ^= 1;
    int size = snprintf(json, sizeof json, "{\"from\":\"%llu\",\"to\":\"%llu\",\"hashes\":[",
                        (unsigned long long)from, (unsigned long long)to);
    for (size_t i = 0; i < proof.path.count; i++) {
        char hex[2 * MERKLE_HASH_BYTES + 1];
        hex_encode(proof.path.hashes[i].bytes, MERKLE_HASH_BYTES, hex);
        size +=
            snprintf(json + size, sizeof json - (size_t)size, "%s\"%s\"", i > 0 ? "," : "", hex);
    }
    snprintf(json + size, sizeof json - (size_t)size, "],\"checkpoint\":\"-\"}");
    write_text(name, json);
}

static void write_consistency_files(void)
{
    write_checkpoint("new");
    write_consistency("grew.json", OLD_SIZE, SIZE, false);
    write_consistency("grew-flipped.json", OLD_SIZE, SIZE, true);
    write_consistency("grew-other-size.json", OLD_SIZE + 1, SIZE, false);
    write_text("grew-no-hashes.json", "{\"from\":11,\"to\":37}");
}

static int make_files(void **state)
{
    setup(state);
    sample.fixture = *state;
    assert_status_ok(accept(sample.fixture, "ledger", 1, OLD_SIZE));
    write_checkpoint("old");
    assert_status_ok(accept(sample.fixture, "ledger", OLD_SIZE + 1, SIZE - OLD_SIZE));
    write_consistency_files();
    struct store_txn *txn = begin(sample.fixture);
    struct audit_proof proof;
    assert_status_ok(audit_service_get(txn, INDEX, &sample.event));
    assert_true(sample.event.bytes.size <= sizeof sample.copy);
    memcpy(sample.copy, sample.event.bytes.data, sample.event.bytes.size);
    sample.event.bytes.data = sample.copy;
    assert_status_ok(audit_service_prove(txn, INDEX, &proof));
    write_proof_files(&proof);
    store_snapshot_end(&txn);
    hex_encode(sample.event.leaf.bytes, MERKLE_HASH_BYTES, sample.leaf_hex);

    const char *actor = "users/01890000-0000-7000-8000-000000000001";
    write_file("entry", sample.copy, sample.event.bytes.size);
    write_event_json("event.json", actor, INDEX, false);
    write_event_json("event-other-actor.json", "users/somebody-else", INDEX, false);
    write_event_json("event-other-index.json", actor, INDEX + 1, false);
    write_digest_json("event-no-digest.json", "");
    write_digest_json("event-other-digest.json", "00");
    write_event_json("event-forged.json", actor, INDEX, true);
    write_text("event-without-entry.json", "{\"index\":20}");
    write_text("not-json", "{");
    write_text("nothing", "");
    write_text("key", sample.fixture->service.verifier_text);
    write_text("other-key",
               "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k\n");
    assert_int_equal(mkdir(path_of("audit"), 0700), 0);
    char line[NOTE_VERIFIER_TEXT_BYTES + 1];
    snprintf(line, sizeof line, "%s\n", sample.fixture->service.verifier_text);
    write_text("audit/verifier-key", line);
    return 0;
}

// Runs the command with its output in a file, and gives the exit code.
static int run_verify(const struct ctl_options *options, char ret_output[static OUTPUT_BYTES])
{
    fflush(NULL);
    int kept_out = dup(STDOUT_FILENO), kept_err = dup(STDERR_FILENO);
    int fd = open(path_of("output"), O_CREAT | O_TRUNC | O_RDWR, 0600);
    CHECK(kept_out >= 0 && kept_err >= 0 && fd >= 0);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    int result = ctl_audit_verify(options);
    fflush(NULL);
    dup2(kept_out, STDOUT_FILENO);
    dup2(kept_err, STDERR_FILENO);
    close(kept_out);
    close(kept_err);
    ssize_t size = pread(fd, ret_output, OUTPUT_BYTES - 1, 0);
    CHECK(size >= 0);
    ret_output[size] = '\0';
    close(fd);
    return result;
}

// clang-format off
static const struct {
    const char *given, *proof, *entry, *leaf, *key; // leaf "+": the right one
    int exit;
    const char *says;
} cases[] = {
    {"proof file and raw entry", "proof",         "entry",      NULL, NULL,        CTL_DONE, "in the log florin.local/audit of 37"},
    {"proof file and event JSON",      "proof",         "event.json", NULL, NULL,        CTL_DONE, "actor       users/01890000-"},
    {"what the entry only commits to", "proof",         "event.json", NULL, NULL,        CTL_DONE, "not proven  client_ip"},
    {"proof JSON and event JSON",      "proof.json",    "event.json", NULL, NULL,        CTL_DONE, "proven: entry 20"},
    {"proof file and leaf",            "proof",         NULL,         "+",  NULL,        CTL_DONE, "proven: entry 20"},
    {"a key file",                     "proof",         "entry",      NULL, "key",       CTL_DONE, "proven: entry 20"},
    {"a forged entry",                 "proof",    "event-forged.json", NULL, NULL,      CTL_NO,   "PROOF_ROOT_MISMATCH"},
    {"another index",                  "proof-of-next", "entry",      NULL, NULL,        CTL_NO,   "PROOF_ROOT_MISMATCH"},
    {"JSON with another actor",        "proof", "event-other-actor.json", NULL, NULL,    CTL_NO,   "EVENT_DIFFERS"},
    {"JSON that says it has no digest", "proof", "event-no-digest.json", NULL, NULL,   CTL_DONE, "proven: entry"},
    {"JSON with a digest of its own",  "proof", "event-other-digest.json", NULL, NULL,   CTL_NO,   "EVENT_DIFFERS"},
    {"JSON with another index",        "proof", "event-other-index.json", NULL, NULL,    CTL_NO,   "EVENT_DIFFERS"},
    {"JSON without an entry",          "proof", "event-without-entry.json", NULL, NULL,  CTL_NO,   "ENTRY_MALFORMED"},
    {"not JSON after all",             "proof",         "not-json",   NULL, NULL,        CTL_NO,   "ENTRY_MALFORMED"},
    {"another log's key",              "proof",         "entry",      NULL, "other-key", CTL_NO,   "NOTE_NOT_SIGNED"},
    {"no proof in the file",           "entry",         "entry",      NULL, NULL,        CTL_NO,   "PROOF_MALFORMED"},
    {"an empty proof",                 "nothing",       "entry",      NULL, NULL,        CTL_NO,   "PROOF_MALFORMED"},
    {"a broken JSON proof",            "not-json",      "entry",      NULL, NULL,        CTL_NO,   "PROOF_MALFORMED"},
    {"an empty entry",                 "proof",         "nothing",    NULL, NULL,        CTL_NO,   "PROOF_ROOT_MISMATCH"},
    {"a key that is none",             "proof",         "entry",      NULL, "entry",     CTL_FAILED, "VERIFIER_KEY_MALFORMED"},
    {"a key file that is not there",   "proof",         "entry",      NULL, "absent",    CTL_FAILED, "FILE_UNREADABLE"},
    {"a proof that is not there",      "absent",        "entry",      NULL, NULL,        CTL_FAILED, "FILE_UNREADABLE"},
    {"no proof",                       NULL,            "entry",      NULL, NULL,        CTL_USAGE, "--proof"},
    {"no entry",                       "proof",         NULL,         NULL, NULL,        CTL_USAGE, "--entry"},
    {"entry and leaf",                 "proof",         "entry",      "+",  NULL,        CTL_USAGE, "--entry"},
    {"a leaf that is no hash",         "proof",         NULL,         "ab", NULL,        CTL_USAGE, "--leaf"},
};

// clang-format on

static void test_verify_says_what_was_proven_or_why_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ctl_options options = {
            .proof = cases[i].proof != NULL ? path_of(cases[i].proof) : NULL,
            .entry = cases[i].entry != NULL ? path_of(cases[i].entry) : NULL,
            .key = cases[i].key != NULL ? path_of(cases[i].key) : NULL,
            .leaf = cases[i].leaf,
        };
        if (cases[i].leaf != NULL && cases[i].leaf[0] == '+') options.leaf = sample.leaf_hex;
        snprintf(options.data, sizeof options.data, "%s", sample.fixture->directory);
        char output[OUTPUT_BYTES];
        int result = run_verify(&options, output);
        if (result != cases[i].exit || strstr(output, cases[i].says) == NULL)
            fail_msg("%s: exit %d\n%s", cases[i].given, result, output);
    }
}

// clang-format off
static const struct {
    const char *given, *consistency, *old, *new, *key;
    int exit;
    const char *says;
} growths[] = {
    {"two checkpoints and the proof", "grew.json",            "old", "new", NULL,  CTL_DONE, "of 37 entries begins with that of 11"},
    {"a changed hash",                "grew-flipped.json",    "old", "new", NULL,  CTL_NO,   "PROOF_ROOT_MISMATCH"},
    {"no hashes",                     "grew-no-hashes.json",  "old", "new", NULL,  CTL_NO,   "PROOF_LENGTH"},
    {"a proof for another size",      "grew-other-size.json", "old", "new", NULL,  CTL_NO,   "PROOF_OF_OTHER_SIZES"},
    {"the checkpoints exchanged",     "grew.json",            "new", "old", NULL,  CTL_NO,   "PROOF_OF_OTHER_SIZES"},
    {"twice the same",                "grew.json",            "new", "new", NULL,  CTL_NO,   "PROOF_OF_OTHER_SIZES"},
    {"not a proof",                   "proof",                "old", "new", NULL,  CTL_NO,   "PROOF_MALFORMED"},
    {"not a checkpoint",              "grew.json",            "key", "new", NULL,  CTL_NO,   "NOTE_MALFORMED"},
    {"another log's key",             "grew.json",            "old", "new", "other-key", CTL_NO, "NOTE_NOT_SIGNED"},
    {"a file that is not there",      "absent",               "old", "new", NULL,  CTL_FAILED, "FILE_UNREADABLE"},
    {"no old checkpoint",             "grew.json",            NULL,  "new", NULL,  CTL_USAGE, "--old"},
};

// clang-format on

static void test_verify_says_whether_a_log_only_grew(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(growths); i++) {
        struct ctl_options options = {
            .consistency = path_of(growths[i].consistency),
            .old = growths[i].old != NULL ? path_of(growths[i].old) : NULL,
            .new = path_of(growths[i].new),
            .key = growths[i].key != NULL ? path_of(growths[i].key) : NULL,
        };
        snprintf(options.data, sizeof options.data, "%s", sample.fixture->directory);
        char output[OUTPUT_BYTES];
        int result = run_verify(&options, output);
        if (result != growths[i].exit || strstr(output, growths[i].says) == NULL)
            fail_msg("%s: exit %d\n%s", growths[i].given, result, output);
    }
}

static void test_one_kind_of_evidence_at_a_time(void **state)
{
    (void)state;
    struct ctl_options none = {.key = path_of("key")}, both = {.key = path_of("key")};
    char output[OUTPUT_BYTES];
    assert_int_equal(run_verify(&none, output), CTL_USAGE);
    assert_non_null(strstr(output, "--tiles"));
    both.proof = path_of("proof");
    both.tiles = sample.fixture->directory;
    assert_int_equal(run_verify(&both, output), CTL_USAGE);
    both.proof = NULL;
    assert_int_equal(run_verify(&both, output), CTL_NO); // No tiles lie there.
    both.tiles = path_of("absent");
    assert_int_equal(run_verify(&both, output), CTL_FAILED);
}

static void test_the_key_may_be_given_as_text(void **state)
{
    (void)state;
    struct ctl_options options = {.proof = path_of("proof"),
                                  .entry = path_of("entry"),
                                  .key = sample.fixture->service.verifier_text};
    char output[OUTPUT_BYTES];
    assert_int_equal(run_verify(&options, output), CTL_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verify_says_what_was_proven_or_why_not),
        cmocka_unit_test(test_verify_says_whether_a_log_only_grew),
        cmocka_unit_test(test_one_kind_of_evidence_at_a_time),
        cmocka_unit_test(test_the_key_may_be_given_as_text),
    };
    return cmocka_run_group_tests(tests, make_files, teardown);
}
