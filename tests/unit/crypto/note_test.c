// Signed notes and checkpoints: the specification's own example, and everything that is not one.
#include "common/crypto/checkpoint.h"
#include "tests/unit/crypto/support.h"

#define SPEC_KEY "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
#define SPEC_TEXT "This is an example message.\n"
#define SPEC_SIGNATURE                                                                             \
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM="
#define SPEC_LINE "\xe2\x80\x94 example.com/foo " SPEC_SIGNATURE "\n"
#define OTHER_LINE "\xe2\x80\x94 witness.example/w AAAAAAAAAAAA\n"

static struct note_verifier spec_verifier(void)
{
    struct note_verifier verifier;
    assert_status_ok(note_verifier_parse(bytes_of_text(SPEC_KEY), &verifier));
    return verifier;
}

static void test_the_example_of_the_specification_opens(void **state)
{
    (void)state;
    struct note_verifier verifier = spec_verifier();
    assert_string_equal(verifier.name, "example.com/foo");
    struct bytes text;
    assert_status_ok(note_open(bytes_of_text(SPEC_TEXT "\n" SPEC_LINE), &verifier, &text));
    assert_true(bytes_equal(text, bytes_of_text(SPEC_TEXT)));
    char again[NOTE_VERIFIER_TEXT_BYTES];
    assert_int_equal(note_verifier_format(&verifier, again), strlen(SPEC_KEY));
    assert_string_equal(again, SPEC_KEY);
}

// clang-format off
static const struct {
    const char *given, *note, *reason; // NULL: opens
} notes[] = {
    {"another's signature before ours",  SPEC_TEXT "\n" OTHER_LINE SPEC_LINE,             NULL},
    {"another's signature after ours",   SPEC_TEXT "\n" SPEC_LINE OTHER_LINE,             NULL},
    {"only another's signature",         SPEC_TEXT "\n" OTHER_LINE,                       "NOTE_NOT_SIGNED"},
    {"our name with another key id",     SPEC_TEXT "\n\xe2\x80\x94 example.com/foo AAAAAAAAAAAA\n", "NOTE_NOT_SIGNED"},
    {"another text",                     "That is an example message.\n\n" SPEC_LINE,     "NOTE_SIGNATURE_WRONG"},
    {"our key id with a short signature", SPEC_TEXT "\n\xe2\x80\x94 example.com/foo Uw2QOkn8\n", "NOTE_SIGNATURE_WRONG"},
    {"no signature",                     SPEC_TEXT "\n",                                  "NOTE_MALFORMED"},
    {"no blank line",                    SPEC_TEXT SPEC_LINE,                             "NOTE_MALFORMED"},
    {"nothing",                          "",                                              "NOTE_MALFORMED"},
    {"only newlines",                    "\n\n",                                          "NOTE_MALFORMED"},
    {"no text",                          "\n" SPEC_LINE,                                  "NOTE_MALFORMED"},
    {"no final newline",                 SPEC_TEXT "\n\xe2\x80\x94 example.com/foo " SPEC_SIGNATURE, "NOTE_MALFORMED"},
    {"a hyphen for the dash",            SPEC_TEXT "\n- example.com/foo " SPEC_SIGNATURE "\n", "NOTE_MALFORMED"},
    {"a signature that is not base64",   SPEC_TEXT "\n\xe2\x80\x94 example.com/foo Uw2!Okn8\n", "NOTE_MALFORMED"},
    {"a signature that is only an id",   SPEC_TEXT "\n\xe2\x80\x94 example.com/foo Uw2QOg==\n", "NOTE_MALFORMED"},
    {"a carriage return",                "This is an example message.\r\n\n" SPEC_LINE,   "NOTE_MALFORMED"},
    {"not UTF-8",                        "This is an \xff message.\n\n" SPEC_LINE,        "NOTE_MALFORMED"},
    {"a line that is no signature",      SPEC_TEXT "\n" SPEC_LINE "and so on\n",          "NOTE_MALFORMED"},
};

// clang-format on

static void test_notes_open_or_name_their_fault(void **state)
{
    (void)state;
    struct note_verifier verifier = spec_verifier();
    for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++) {
        struct bytes text;
        struct status status = note_open(bytes_of_text(notes[i].note), &verifier, &text);
        const char *reason = status.reason != NULL ? status.reason : "opens";
        const char *expected = notes[i].reason != NULL ? notes[i].reason : "opens";
        if (strcmp(reason, expected) != 0) fail_msg("%s: %s", notes[i].given, reason);
    }
}

// clang-format off
static const struct {
    const char *given, *key, *reason;
} bad_keys[] = {
    {"empty",              "",                                                  "VERIFIER_KEY_MALFORMED"},
    {"no key",             "example.com/foo+530d903a",                          "VERIFIER_KEY_MALFORMED"},
    {"no name",            "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "VERIFIER_KEY_MALFORMED"},
    {"another id",         "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "VERIFIER_KEY_MALFORMED"},
    {"an id in capitals",  "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "VERIFIER_KEY_MALFORMED"},
    {"a space in the name", "example.com foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "VERIFIER_KEY_MALFORMED"},
    {"a short key",        "example.com/foo+530d903a+Aeky",                     "VERIFIER_KEY_MALFORMED"},
    {"another type",       "example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "VERIFIER_KEY_UNSUPPORTED"},
    {"a newline behind",   SPEC_KEY "\n",                                       "VERIFIER_KEY_MALFORMED"},
};

// clang-format on

static void test_verifier_keys_name_their_fault(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_keys / sizeof bad_keys[0]; i++) {
        struct note_verifier verifier;
        struct status status = note_verifier_parse(bytes_of_text(bad_keys[i].key), &verifier);
        if (status.reason == NULL || strcmp(status.reason, bad_keys[i].reason) != 0)
            fail_msg("%s: %s", bad_keys[i].given, status.reason ? status.reason : "accepted");
    }
}

static void test_names_have_no_space_plus_or_control(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "florin.local/audit",
                                       "stra\xc3\x9f"
                                       "e/1"};
    static const char *const bad[] = {"",
                                      "a b",
                                      "a+b",
                                      "a\tb",
                                      "a\x7f",
                                      "a\xc2\xa0"
                                      "b",
                                      "a\xe2\x80\x83"
                                      "b",
                                      "a\xe3\x80\x80",
                                      "a\xc2\x85",
                                      "\xff"};
    const uint8_t key[KEY_PUBLIC_BYTES] = {1};
    struct note_verifier verifier;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_status_ok(note_verifier_make(good[i], key, &verifier));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_refused(note_verifier_make(bad[i], key, &verifier), "VERIFIER_KEY_MALFORMED");
}

// ---- Checkpoints ---------------------------------------------------------------------------

static void test_a_signed_checkpoint_opens_to_what_was_signed(void **state)
{
    (void)state;
    struct key_signer *signer = NULL;
    struct note_verifier verifier, other;
    assert_status_ok(key_signer_from_seed(RFC8037_SEED, &signer));
    assert_status_ok(
        note_verifier_make("florin.local/audit", key_signer_public(signer), &verifier));
    assert_status_ok(note_verifier_make("florin.local/other", key_signer_public(signer), &other));
    struct checkpoint checkpoint = {.origin = "florin.local/audit", .size = 70000}, again;
    memset(checkpoint.root.bytes, 0x5a, MERKLE_HASH_BYTES);

    char text[CHECKPOINT_TEXT_BYTES_MAX], note[CHECKPOINT_NOTE_BYTES_MAX];
    size_t size = checkpoint_format(&checkpoint, text);
    assert_string_equal(text, "florin.local/audit\n70000\n"
                              "WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo=\n");
    size = note_sign(bytes_of(text, size), &verifier, signer, note, sizeof note);
    assert_status_ok(checkpoint_open(bytes_of(note, size), &verifier, &again));
    assert_memory_equal(&again, &checkpoint, sizeof again);
    assert_refused(checkpoint_open(bytes_of(note, size), &other, &again), "NOTE_NOT_SIGNED");

    // The right key over another log's text.
    size = checkpoint_format(&checkpoint, text);
    size = note_sign(bytes_of(text, size), &other, signer, note, sizeof note);
    assert_refused(checkpoint_open(bytes_of(note, size), &other, &again), "CHECKPOINT_ORIGIN");
    key_signer_close(&signer);
}

#define ROOT "WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo="

// clang-format off
static const struct {
    const char *given, *text;
    bool is_good;
} checkpoint_texts[] = {
    {"an empty tree",            "o\n0\n" ROOT "\n",                    true},
    {"the largest size",         "o\n18446744073709551615\n" ROOT "\n", true},
    {"an extension line",        "o\n7\n" ROOT "\nmore\n",              true},
    {"an empty extension line",  "o\n7\n" ROOT "\n\n",                  false},
    {"one more than that",       "o\n18446744073709551616\n" ROOT "\n", false},
    {"a leading zero",           "o\n07\n" ROOT "\n",                   false},
    {"a sign",                   "o\n+7\n" ROOT "\n",                   false},
    {"no size",                  "o\n\n" ROOT "\n",                     false},
    {"no origin",                "\n7\n" ROOT "\n",                     false},
    {"no root",                  "o\n7\n",                              false},
    {"a short root",             "o\n7\nWlpa\n",                        false},
    {"a root with loose bits",   "o\n7\nWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlp=\n", false},
    {"no final newline",         "o\n7\n" ROOT,                         false},
};

// clang-format on

static void test_checkpoint_texts_have_one_spelling(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof checkpoint_texts / sizeof checkpoint_texts[0]; i++) {
        struct checkpoint checkpoint;
        struct status status =
            checkpoint_parse(bytes_of_text(checkpoint_texts[i].text), &checkpoint);
        if (status_ok(status) != checkpoint_texts[i].is_good)
            fail_msg("%s: %s", checkpoint_texts[i].given, status.reason ? status.reason : "taken");
    }
}

static int open_crypto(void **state)
{
    (void)state;
    assert_status_ok(crypto_open());
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_example_of_the_specification_opens),
        cmocka_unit_test(test_notes_open_or_name_their_fault),
        cmocka_unit_test(test_verifier_keys_name_their_fault),
        cmocka_unit_test(test_names_have_no_space_plus_or_control),
        cmocka_unit_test(test_a_signed_checkpoint_opens_to_what_was_signed),
        cmocka_unit_test(test_checkpoint_texts_have_one_spelling),
    };
    return cmocka_run_group_tests(tests, open_crypto, NULL);
}
