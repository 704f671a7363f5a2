// The witness's rules: each answer of the protocol, and every way to get it.
#include "tests/unit/witness/sample.h"

#define HASH_LINE "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
#define NOTE SAMPLE_ORIGIN "\n5\n" HASH_LINE "\n\xe2\x80\x94 " SAMPLE_ORIGIN " AAAAAAAAAAAA\n"

static struct sample main_log, fork_log, other_log;

// ---- Parsing -------------------------------------------------------------------------------

// clang-format off
static const struct {
    const char *given, *body;
    bool parses;
    uint64_t old_size;
    size_t proof_lines;
} bodies[] = {
    {"no proof",                 "old 0\n\n" NOTE,                              true, 0, 0},
    {"two proof lines",          "old 3\n" HASH_LINE HASH_LINE "\n" NOTE,       true, 3, 2},
    {"the largest size",         "old 18446744073709551615\n\n" NOTE,           true, UINT64_MAX, 0},
    {"an extension line",        "old 0\n\n" SAMPLE_ORIGIN "\n5\n" HASH_LINE "more\n\n\xe2\x80\x94 w AAAAAAAA\n", true, 0, 0},
    {"nothing",                  "",                                            false, 0, 0},
    {"only the first line",      "old 0\n",                                     false, 0, 0},
    {"no newline",               "old 0",                                       false, 0, 0},
    {"no note",                  "old 0\n\n",                                   false, 0, 0},
    {"no old",                   "\n" NOTE,                                     false, 0, 0},
    {"OLD",                      "OLD 0\n\n" NOTE,                              false, 0, 0},
    {"no size",                  "old \n\n" NOTE,                               false, 0, 0},
    {"a leading zero",           "old 05\n\n" NOTE,                             false, 0, 0},
    {"a sign",                   "old +5\n\n" NOTE,                             false, 0, 0},
    {"two spaces",               "old  5\n\n" NOTE,                             false, 0, 0},
    {"words behind the size",    "old 5 6\n\n" NOTE,                            false, 0, 0},
    {"hexadecimal",              "old 0x5\n\n" NOTE,                            false, 0, 0},
    {"2^64",                     "old 18446744073709551616\n\n" NOTE,           false, 0, 0},
    {"a carriage return",        "old 0\r\n\r\n" NOTE,                          false, 0, 0},
    {"a short hash",             "old 3\nAAAA\n\n" NOTE,                        false, 0, 0},
    {"base64url",                "old 3\nCsUYapGGPo4dkMgIAUqom_Xajj7h2fB2MPA3j2jxq2I=\n\n" NOTE, false, 0, 0},
    {"hash bits set beyond",     "old 3\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n\n" NOTE, false, 0, 0},
    {"no empty line",            "old 3\n" HASH_LINE NOTE,                      false, 0, 0},
    {"a note without signature", "old 0\n\n" SAMPLE_ORIGIN "\n5\n" HASH_LINE "\n", false, 0, 0},
    {"a line that is no signature", "old 0\n\n" NOTE "and so on\n",             false, 0, 0},
    {"a checkpoint without root", "old 0\n\n" SAMPLE_ORIGIN "\n5\n\n\xe2\x80\x94 w AAAAAAAA\n", false, 0, 0},
    {"a size with a zero before", "old 0\n\n" SAMPLE_ORIGIN "\n05\n" HASH_LINE "\n\xe2\x80\x94 w AAAAAAAA\n", false, 0, 0},
    {"a control character",      "old 0\n\n" SAMPLE_ORIGIN "\x01\n5\n" HASH_LINE "\n\xe2\x80\x94 w AAAAAAAA\n", false, 0, 0},
};

// clang-format on

static void test_requests_parse_in_one_spelling_only(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(bodies); i++) {
        struct witness_request request;
        struct status status = witness_core_parse(bytes_of_text(bodies[i].body), &request);
        if (status_ok(status) != bodies[i].parses)
            fail_msg("%s: %s", bodies[i].given, status_ok(status) ? "parses" : status.message);
        if (!bodies[i].parses) {
            assert_string_equal(status.reason, "REQUEST_MALFORMED");
            assert_int_equal(witness_core_http(status), 400);
            continue;
        }
        if (request.old_size != bodies[i].old_size || request.proof.count != bodies[i].proof_lines)
            fail_msg("%s: old %zu, %zu lines", bodies[i].given, (size_t)request.old_size,
                     request.proof.count);
    }
}

static void test_63_proof_lines_and_no_more(void **state)
{
    (void)state;
    char body[SAMPLE_REQUEST_BYTES];
    for (size_t lines = 62; lines <= 65; lines++) {
        size_t size = (size_t)snprintf(body, sizeof body, "old 3\n");
        for (size_t i = 0; i < lines; i++)
            size += (size_t)snprintf(body + size, sizeof body - size, HASH_LINE);
        size += (size_t)snprintf(body + size, sizeof body - size, "\n" NOTE);
        struct witness_request request;
        bool parses = status_ok(witness_core_parse(bytes_of(body, size), &request));
        if (parses != (lines <= 63)) fail_msg("%zu lines: %d", lines, parses);
    }
}

static void test_extension_lines_have_a_limit(void **state)
{
    (void)state;
    static char body[2 * COSIGNATURE_TEXT_BYTES_MAX];
    static const char before[] = "old 0\n\n", behind[] = "\n\n\xe2\x80\x94 w AAAAAAAA\n";
    for (int beyond = 0; beyond <= 1; beyond++) {
        int size = snprintf(body, sizeof body, "%s%s\n5\n%s", before, SAMPLE_ORIGIN, HASH_LINE);
        size_t text = (size_t)size - strlen(before);
        size_t more = COSIGNATURE_TEXT_BYTES_MAX - text - 1 + (size_t)beyond;
        memset(body + size, 'x', more);
        memcpy(body + size + more, behind, sizeof behind);
        struct witness_request request;
        bool parses = status_ok(witness_core_parse(bytes_of_text(body), &request));
        assert_int_equal(parses, beyond == 0);
    }
}

// ---- Deciding ------------------------------------------------------------------------------

enum whose { MAIN, FORK, OTHER }; // FORK: our key and origin, other entries from 8 on.

// clang-format off
static const struct {
    const char *given;
    enum whose last_of; size_t last;        // What the witness saw last; size 0: nothing.
    enum whose log; size_t old, size;       // What is sent.
    unsigned http; const char *reason;
} decisions[] = {
    {"the first checkpoint",               MAIN,  0,  MAIN,  0,  5, 200, NULL},
    {"the first one of an empty log",      MAIN,  0,  MAIN,  0,  0, 200, NULL},
    {"one entry more",                     MAIN,  5,  MAIN,  5,  6, 200, NULL},
    {"many entries more",                  MAIN,  5,  MAIN,  5, 64, 200, NULL},
    {"the same again",                     MAIN,  5,  MAIN,  5,  5, 200, NULL},
    {"the same again, by old 0",           MAIN,  5,  MAIN,  0,  5, 409, "SIZE_CONFLICT"},
    {"old 0, to learn the size",           MAIN,  5,  MAIN,  0,  9, 409, "SIZE_CONFLICT"},
    {"old below the last",                 MAIN,  5,  MAIN,  4,  9, 409, "SIZE_CONFLICT"},
    {"old above the last",                 MAIN,  5,  MAIN,  6,  9, 409, "SIZE_CONFLICT"},
    {"old, and nothing was seen",          MAIN,  0,  MAIN,  4,  9, 409, "SIZE_CONFLICT"},
    {"a rollback",                         MAIN,  9,  MAIN,  5,  5, 409, "SIZE_CONFLICT"},
    {"a rollback that says old",           MAIN,  9,  MAIN,  9,  5, 400, "OLD_SIZE_BEYOND"},
    {"a rollback to nothing",              MAIN,  9,  MAIN,  0,  0, 409, "SIZE_CONFLICT"},
    {"a fork of the same size",            MAIN, 12,  FORK, 12, 12, 422, "ROOT_DIFFERS"},
    {"a fork that has grown on",           MAIN, 12,  FORK, 12, 20, 422, "PROOF_WRONG"},
    {"a fork that agreed so far",          MAIN,  8,  FORK,  8, 20, 200, NULL},
    {"the log after the fork was seen",    FORK, 12,  MAIN, 12, 20, 422, "PROOF_WRONG"},
    {"a log that is not known",            MAIN,  0,  OTHER, 0,  5, 404, "LOG_UNKNOWN"},
};

// clang-format on

static struct sample *log_of(enum whose whose)
{
    return whose == MAIN ? &main_log : whose == FORK ? &fork_log : &other_log;
}

static struct status ask(struct bytes body, const struct witness_head *head)
{
    struct witness_request request;
    RETURN_IF_ERROR(witness_core_parse(body, &request));
    RETURN_IF_ERROR(witness_core_authenticate(&request, &main_log.verifier, 1));
    return witness_core_decide(&request, head);
}

static void expect(const char *given, struct status status, unsigned http, const char *reason)
{
    const char *said = status.reason != NULL ? status.reason : "cosigned";
    if (witness_core_http(status) != http ||
        strcmp(said, reason != NULL ? reason : "cosigned") != 0)
        fail_msg("%s: %u %s", given, witness_core_http(status), said);
}

static void test_each_case_has_its_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(decisions); i++) {
        char body[SAMPLE_REQUEST_BYTES];
        struct witness_head head = {.size = decisions[i].last};
        merkle_frontier_root(&log_of(decisions[i].last_of)->heads[head.size], &head.root);
        size_t size =
            sample_request(log_of(decisions[i].log), decisions[i].old, decisions[i].size, body);
        expect(decisions[i].given, ask(bytes_of(body, size), &head), decisions[i].http,
               decisions[i].reason);
    }
}

// A valid request of old 5, size 9, as `given` changes it.
static const struct {
    const char *given, *from, *to;
    unsigned http;
    const char *reason;
} changes[] = {
    {"untouched", "old 5", "old 5", 200, NULL},
    {"another size in the text", "\n9\n", "\n8\n", 403, "NOT_SIGNED"},
    {"another origin in the text", "\n\n" SAMPLE_ORIGIN "\n", "\n\nflorin.local/Audit\n", 404,
     "LOG_UNKNOWN"},
    {"another name at the signature", "\xe2\x80\x94 " SAMPLE_ORIGIN,
     "\xe2\x80\x94 florin.local/Audit", 403, "NOT_SIGNED"},
    {"old beyond what is signed", "old 5", "old 18446744073709551615", 400, "OLD_SIZE_BEYOND"},
};

static size_t replace(const char *body, size_t size, const char *from, const char *to, char *ret)
{
    const char *at = memmem(body, size, from, strlen(from));
    assert_non_null(at);
    size_t before = (size_t)(at - body), behind = size - before - strlen(from);
    memcpy(ret, body, before);
    memcpy(ret + before, to, strlen(to));
    memcpy(ret + before + strlen(to), at + strlen(from), behind);
    return before + strlen(to) + behind;
}

static void test_what_the_log_did_not_sign_is_refused(void **state)
{
    (void)state;
    struct witness_head head = {.size = 5};
    merkle_frontier_root(&main_log.heads[5], &head.root);
    for (size_t i = 0; i < ROWS(changes); i++) {
        char body[SAMPLE_REQUEST_BYTES], changed[SAMPLE_REQUEST_BYTES];
        size_t size = sample_request(&main_log, 5, 9, body);
        size = replace(body, size, changes[i].from, changes[i].to, changed);
        expect(changes[i].given, ask(bytes_of(changed, size), &head), changes[i].http,
               changes[i].reason);
    }
}

// Every bit of the proof counts, and every line.
static void test_a_changed_proof_is_refused(void **state)
{
    (void)state;
    char body[SAMPLE_REQUEST_BYTES];
    struct witness_head head = {.size = 5};
    merkle_frontier_root(&main_log.heads[5], &head.root);
    size_t size = sample_request(&main_log, 5, 9, body);
    struct witness_request request, changed;
    assert_status_ok(witness_core_parse(bytes_of(body, size), &request));
    assert_true(request.proof.count > 1);
    for (size_t i = 0; i < request.proof.count; i++) {
        changed = request;
        changed.proof.hashes[i].bytes[i] ^= 1;
        expect("a bit", witness_core_decide(&changed, &head), 422, "PROOF_WRONG");
    }
    changed = request;
    changed.proof.count--;
    expect("a line less", witness_core_decide(&changed, &head), 422, "PROOF_WRONG");
    changed.proof.count = request.proof.count + 1;
    changed.proof.hashes[request.proof.count] = (struct merkle_hash){{0}};
    expect("a line more", witness_core_decide(&changed, &head), 422, "PROOF_WRONG");
}

static void test_a_proof_from_nothing_has_no_lines(void **state)
{
    (void)state;
    struct witness_request request = {.checkpoint.size = 5, .proof.count = 1};
    expect("old 0 with a line", witness_core_decide(&request, &(struct witness_head){0}), 422,
           "PROOF_WRONG");
    request = (struct witness_request){.old_size = 5, .checkpoint.size = 5, .proof.count = 1};
    expect("the same size with a line",
           witness_core_decide(&request, &(struct witness_head){.size = 5}), 422, "PROOF_WRONG");
    request = (struct witness_request){0};
    expect("an empty tree with another root",
           witness_core_decide(&request, &(struct witness_head){0}), 422, "EMPTY_ROOT");
}

static void test_huge_sizes_are_numbers_like_others(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX - 1,
                                     UINT64_MAX};
    for (size_t i = 0; i < ROWS(sizes); i++) {
        struct witness_request request = {.old_size = sizes[i], .checkpoint.size = sizes[i]};
        struct witness_head head = {.size = sizes[i]};
        expect("the same", witness_core_decide(&request, &head), 200, NULL);
        request.checkpoint.size = UINT64_MAX;
        request.proof.count = 63;
        if (sizes[i] == UINT64_MAX) continue;
        expect("no proof", witness_core_decide(&request, &head), 422, "PROOF_WRONG");
        head.size = sizes[i] + 1;
        expect("another", witness_core_decide(&request, &head), 409, "SIZE_CONFLICT");
    }
}

// While a log changes its key, either signature will do, and a wrong one by either is none.
static void test_a_log_may_have_two_keys(void **state)
{
    (void)state;
    static struct sample newer;
    sample_open(&newer, SAMPLE_ORIGIN, 3, SAMPLE_LEAVES_MAX);
    const struct note_verifier keys[] = {other_log.verifier, main_log.verifier, newer.verifier};
    struct sample *const logs[] = {&main_log, &newer};
    for (size_t i = 0; i < ROWS(logs); i++) {
        char body[SAMPLE_REQUEST_BYTES];
        struct witness_request request;
        size_t size = sample_request(logs[i], 0, 5, body);
        assert_status_ok(witness_core_parse(bytes_of(body, size), &request));
        assert_status_ok(witness_core_authenticate(&request, keys, ROWS(keys)));
        assert_status_ok(witness_core_authenticate(&request, keys + 1 + i, 1));
        assert_refused(witness_core_authenticate(&request, keys + 2 - i, 1), "NOT_SIGNED");
        body[size - 4] = body[size - 4] == 'A' ? 'B' : 'A';
        assert_refused(witness_core_authenticate(&request, keys, ROWS(keys)), "NOT_SIGNED");
    }
    sample_close(&newer);
}

static int open_logs(void **state)
{
    (void)state;
    sample_open(&main_log, SAMPLE_ORIGIN, 1, SAMPLE_LEAVES_MAX);
    sample_open(&fork_log, SAMPLE_ORIGIN, 1, 8);
    sample_open(&other_log, "example.com/other", 2, SAMPLE_LEAVES_MAX);
    return 0;
}

static int close_logs(void **state)
{
    (void)state;
    sample_close(&main_log);
    sample_close(&fork_log);
    sample_close(&other_log);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_parse_in_one_spelling_only),
        cmocka_unit_test(test_63_proof_lines_and_no_more),
        cmocka_unit_test(test_extension_lines_have_a_limit),
        cmocka_unit_test(test_each_case_has_its_answer),
        cmocka_unit_test(test_what_the_log_did_not_sign_is_refused),
        cmocka_unit_test(test_a_changed_proof_is_refused),
        cmocka_unit_test(test_a_proof_from_nothing_has_no_lines),
        cmocka_unit_test(test_huge_sizes_are_numbers_like_others),
        cmocka_unit_test(test_a_log_may_have_two_keys),
    };
    return cmocka_run_group_tests_name("witness core", tests, open_logs, close_logs);
}
