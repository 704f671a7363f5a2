// The log's side of the witness protocol: what is posted, what answers mean, and whom we ask.
#include "services/audit/witness_list.h"
#include "services/audit/witness_talk.h"
#include "services/witness/core.h"
#include "tests/unit/support/unit.h"

#define KEY "witness.example/w1+eb762cc2+BNdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
#define KEY2 "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"
#define LOG_KEY "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
#define TEXT "florin.local/audit\n5\nSBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\n"
#define LINE                                                                                       \
    "\xe2\x80\x94 witness.example/w1 "                                                             \
    "63YswgAAAABkGFDL/jN7TgydeDTbVwyU6yEdMN8C9Jsyp9OmYNDC0fWftfhC59eijAsM+DGSs72uRUabDkZr/"        \
    "MHi4PdvLjkUZHsfDw==\n"
#define SIZE_TYPE "text/x.tlog.size"

// ---- Answers -------------------------------------------------------------------------------

enum {
    SIGNED = AUDIT_WITNESS_COSIGNED,
    SIZE = AUDIT_WITNESS_HAS_SIZE,
    DENIES = AUDIT_WITNESS_DENIES,
    NO = AUDIT_WITNESS_UNUSABLE
};

// clang-format off
static const struct {
    const char *given;
    uint32_t code; const char *type, *body;
    int meaning; uint64_t size;
} answers[] = {
    {"a cosignature",                200, "text/plain", LINE,                        SIGNED, 0},
    {"and others' beside it",        200, "text/plain", LINE "\xe2\x80\x94 w2 AAAAAAAAAAAA\n", SIGNED, 0},
    {"another's alone",              200, "text/plain", "\xe2\x80\x94 w2 AAAAAAAAAAAA\n", NO, 0},
    {"an empty 200",                 200, "text/plain", "",                          NO, 0},
    {"a web page",                   200, "text/html",  "<html>\n",                  NO, 0},
    {"a size",                       409, SIZE_TYPE,    "7\n",                       SIZE, 7},
    {"no size yet",                  409, SIZE_TYPE,    "0\n",                       SIZE, 0},
    {"the largest size",             409, SIZE_TYPE,    "18446744073709551615\n",    SIZE, UINT64_MAX},
    {"2^64",                         409, SIZE_TYPE,    "18446744073709551616\n",    NO, 0},
    {"a size without newline",       409, SIZE_TYPE,    "7",                         NO, 0},
    {"a size and more",              409, SIZE_TYPE,    "7\n8\n",                    NO, 0},
    {"a leading zero",               409, SIZE_TYPE,    "07\n",                      NO, 0},
    {"somebody else's conflict",     409, "text/plain", "7\n",                       NO, 0},
    {"another history",              422, "text/plain", "no\n",                      DENIES, 0},
    {"malformed",                    400, "text/plain", "no\n",                      NO, 0},
    {"not our key",                  403, "text/plain", "no\n",                      NO, 0},
    {"not our origin",               404, "text/plain", "no\n",                      NO, 0},
    {"busy",                         503, "text/plain", "no\n",                      NO, 0},
    {"a redirect",                   302, "text/plain", LINE,                        NO, 0},
    {"nothing",                        0, "",           "",                          NO, 0},
};

// clang-format on

static void test_answers_mean_what_the_protocol_says(void **state)
{
    (void)state;
    struct note_verifier key;
    assert_status_ok(note_verifier_parse(bytes_of_text(KEY), &key));
    for (size_t i = 0; i < ROWS(answers); i++) {
        struct audit_witness_answer answer =
            audit_witness_understand(answers[i].code, answers[i].type,
                                     bytes_of_text(answers[i].body), bytes_of_text(TEXT), &key);
        if ((int)answer.meaning != answers[i].meaning || answer.size != answers[i].size)
            fail_msg("%s: %d, size %zu", answers[i].given, answer.meaning, (size_t)answer.size);
        if (answers[i].meaning == SIGNED)
            assert_true(bytes_equal(answer.line, bytes_of_text(LINE)));
        if (answers[i].meaning == NO) assert_non_null(answer.what);
    }
}

// What one side writes the other one reads.
static void test_requests_are_what_a_witness_reads(void **state)
{
    (void)state;
    static char body[64 * 1024];
    static const size_t counts[] = {0, 1, 63};
    for (size_t i = 0; i < ROWS(counts); i++) {
        struct merkle_proof proof = {.count = counts[i]};
        for (size_t k = 0; k < counts[i]; k++)
            memset(&proof.hashes[k], (int)k + 1, MERKLE_HASH_BYTES);
        size_t size = audit_witness_request(UINT64_MAX, &proof, bytes_of_text(TEXT "\n" LINE), body,
                                            sizeof body);
        struct witness_request request;
        assert_status_ok(witness_core_parse(bytes_of(body, size), &request));
        assert_true(request.old_size == UINT64_MAX && request.proof.count == counts[i]);
        assert_memory_equal(request.proof.hashes, proof.hashes, counts[i] * MERKLE_HASH_BYTES);
        assert_true(bytes_equal(request.note, bytes_of_text(TEXT "\n" LINE)));
    }
}

// ---- The file ------------------------------------------------------------------------------

// clang-format off
static const struct {
    const char *given, *file;
    uint64_t needed; size_t count; const char *reason;
} files[] = {
    {"one witness",             KEY " http://127.0.0.1:8090\n",                     1, 1, NULL},
    {"comments and blanks",     "# ours\n\n\t" KEY "  https://w.example/a/ # far\r\n" KEY2 " http://w2/\n", 2, 2, NULL},
    {"no final newline",        KEY " http://w",                                    0, 1, NULL},
    {"nobody",                  "# nobody\n",                                       0, 0, NULL},
    {"fewer than are needed",   KEY " http://w\n",                                  2, 0, "WITNESSES_TOO_FEW"},
    {"no URL",                  KEY "\n",                                           0, 0, "WITNESSES_MALFORMED"},
    {"words behind",            KEY " http://w x\n",                                0, 0, "WITNESSES_MALFORMED"},
    {"another scheme",          KEY " ftp://w\n",                                   0, 0, "WITNESSES_MALFORMED"},
    {"no key",                  "http://w\n",                                       0, 0, "WITNESSES_MALFORMED"},
    {"a log's key",             LOG_KEY " http://w\n",                              0, 0, "WITNESSES_MALFORMED"},
    {"the same key twice",      KEY " http://w\n" KEY " http://w2\n",               0, 0, "WITNESSES_MALFORMED"},
};

// clang-format on

static void test_the_file_of_witnesses(void **state)
{
    (void)state;
    static struct audit_witness_list list;
    char directory[256], path[300];
    directory_make("witnesses", directory, sizeof directory);
    snprintf(path, sizeof path, "%s/witnesses", directory);
    for (size_t i = 0; i < ROWS(files); i++) {
        FILE *file = fopen(path, "we");
        assert_true(file != NULL && fputs(files[i].file, file) >= 0 && fclose(file) == 0);
        struct status status = audit_witness_list_load(path, files[i].needed, &list);
        const char *reason = status.reason != NULL ? status.reason : "read";
        if (strcmp(reason, files[i].reason != NULL ? files[i].reason : "read") != 0)
            fail_msg("%s: %s", files[i].given, reason);
        if (files[i].reason == NULL) assert_int_equal(list.count, files[i].count);
    }
    assert_status_ok(audit_witness_list_load("", 0, &list));
    assert_int_equal(list.count, 0);
    assert_refused(audit_witness_list_load("", 1, &list), "WITNESSES_TOO_FEW");
    snprintf(path, sizeof path, "%s/absent", directory);
    assert_refused(audit_witness_list_load(path, 0, &list), "FILE_UNREADABLE");
    directory_remove(directory);
}

static void test_the_path_of_the_protocol_is_added(void **state)
{
    (void)state;
    static struct audit_witness_list list;
    char directory[256], path[300];
    directory_make("witnesses", directory, sizeof directory);
    snprintf(path, sizeof path, "%s/witnesses", directory);
    FILE *file = fopen(path, "we");
    assert_true(file != NULL &&
                fputs(KEY " https://w.example/a//\n" KEY2 " http://w2\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_status_ok(audit_witness_list_load(path, 2, &list));
    assert_string_equal(list.urls[0], "https://w.example/a/add-checkpoint");
    assert_string_equal(list.urls[1], "http://w2/add-checkpoint");
    assert_string_equal(list.keys[1].name, "remora.n621.de");
    directory_remove(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_mean_what_the_protocol_says),
        cmocka_unit_test(test_requests_are_what_a_witness_reads),
        cmocka_unit_test(test_the_file_of_witnesses),
        cmocka_unit_test(test_the_path_of_the_protocol_is_added),
    };
    return cmocka_run_group_tests_name("witness talk", tests, NULL, NULL);
}
