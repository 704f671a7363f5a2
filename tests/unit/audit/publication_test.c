// What is published: the newest checkpoint, or the newest one with enough cosignatures; and that
// what was asked of the witnesses is asked again after a restart.
#include "common/base/check.h"
#include "common/crypto/cosignature.h"
#include "services/audit/publication.h"
#include "tests/unit/audit/fixture.h"

enum { WITNESSES = 3 };

static struct key_signer *signers[WITNESSES];
static struct note_verifier keys[WITNESSES];

static struct audit_policy policy_of(size_t count, unsigned needed)
{
    return (struct audit_policy){.witnesses = keys, .witness_count = count, .needed = needed};
}

static struct bytes line_of(size_t witness, const struct audit_candidate *candidate)
{
    static char lines[WITNESSES][NOTE_COSIGNATURE_LINE_BYTES_MAX];
    size_t size = cosignature_sign(bytes_of(candidate->note, candidate->text_size), 1700000000,
                                   &keys[witness], signers[witness], lines[witness]);
    return bytes_of(lines[witness], size);
}

static void publish(struct fixture *fixture, const struct audit_candidate *candidate, size_t count)
{
    struct bytes lines[WITNESSES];
    for (size_t i = 0; i < count; i++)
        lines[i] = line_of(i, candidate);
    assert_status_ok(audit_publication_publish(&fixture->service, candidate, lines, count));
}

static struct audit_candidate newest(struct fixture *fixture)
{
    struct audit_candidate candidate;
    assert_status_ok(audit_publication_newest(&fixture->service, &candidate));
    return candidate;
}

// Size and number of cosignatures of what is served.
static void expect(struct fixture *fixture, uint64_t size, unsigned cosignatures)
{
    struct store_txn *txn = begin(fixture);
    struct bytes note, text;
    uint64_t published;
    struct merkle_hash root;
    bool is_signed[WITNESSES] = {false};
    unsigned count = 0;
    assert_status_ok(audit_service_checkpoint(txn, &note, &published, &root));
    assert_int_equal(published, size);
    if (note.size > 0) {
        struct checkpoint checkpoint;
        assert_status_ok(checkpoint_open(note, &fixture->service.verifier, &checkpoint));
        assert_int_equal(checkpoint.size, size);
        assert_true(merkle_hash_equal(&checkpoint.root, &root));
        (void)!status_ok(note_open_any(note, keys, WITNESSES, &text, is_signed));
    }
    for (size_t i = 0; i < WITNESSES; i++)
        count += is_signed[i];
    assert_int_equal(count, cosignatures);
    store_snapshot_end(&txn);
}

static void expect_proof(struct fixture *fixture, uint64_t index, const char *reason)
{
    struct store_txn *txn = begin(fixture);
    struct audit_proof proof;
    struct status status = audit_service_prove(txn, index, &proof);
    if (reason == NULL)
        assert_status_ok(status);
    else
        assert_refused(status, reason);
    store_snapshot_end(&txn);
}

static void test_without_witnesses_every_checkpoint_is_published(void **state)
{
    struct fixture *fixture = *state;
    struct audit_policy policy = policy_of(0, 0);
    assert_status_ok(audit_publication_open(&fixture->service, &policy));
    expect(fixture, 0, 0);
    assert_status_ok(accept(fixture, "auth", 1, 5));
    expect(fixture, 5, 0);
    expect_proof(fixture, 4, NULL);
    struct store_txn *txn = begin(fixture);
    struct audit_published published;
    assert_status_ok(audit_store_get_published(txn, &published)); // No row: nothing has changed.
    assert_int_equal(published.note.size, 0);
    store_snapshot_end(&txn);
}

static void test_with_needed_ones_nothing_is_shown_before_they_have_signed(void **state)
{
    struct fixture *fixture = *state;
    struct audit_policy policy = policy_of(3, 2);
    assert_status_ok(accept(fixture, "auth", 1, 5));
    assert_status_ok(audit_publication_open(&fixture->service, &policy));
    expect(fixture, 0, 0);
    expect_proof(fixture, 0, "ENTRY_NOT_PUBLISHED");
    expect_proof(fixture, 5, "ENTRY_NOT_FOUND");

    struct audit_candidate five = newest(fixture);
    publish(fixture, &five, 2);
    expect(fixture, 5, 2);
    expect_proof(fixture, 4, NULL);
    assert_status_ok(accept(fixture, "auth", 6, 300));
    expect(fixture, 5, 2); // The tree has grown past it: it is proven against as it was.
    expect_proof(fixture, 4, NULL);
    expect_proof(fixture, 5, "ENTRY_NOT_PUBLISHED");

    struct audit_candidate all = newest(fixture);
    publish(fixture, &all, 3);
    expect(fixture, 305, 3);
    publish(fixture, &five, 3); // Too late: never backwards.
    expect(fixture, 305, 3);
    publish(fixture, &all, 2); // Nor fewer.
    expect(fixture, 305, 3);
}

static void test_cosignatures_that_nobody_needs_are_added_when_they_come(void **state)
{
    struct fixture *fixture = *state;
    struct audit_policy policy = policy_of(2, 0);
    assert_status_ok(accept(fixture, "auth", 1, 5));
    assert_status_ok(audit_publication_open(&fixture->service, &policy));
    expect(fixture, 5, 0);
    struct audit_candidate five = newest(fixture);
    publish(fixture, &five, 1);
    expect(fixture, 5, 1);
    publish(fixture, &five, 2);
    expect(fixture, 5, 2);
    assert_status_ok(accept(fixture, "auth", 6, 1));
    expect(fixture, 6, 0); // The newest one does not wait.
}

// clang-format off
static const struct {
    const char *given;
    size_t witnesses; unsigned needed; // After the restart; before, 2 of 3 with 2 cosignatures.
    uint64_t size; unsigned cosignatures;
} restarts[] = {
    {"as it was",                    3, 2, 5, 2},
    {"fewer needed",                 3, 1, 5, 2},
    {"one more needed",              3, 3, 0, 0},
    {"a witness was taken off",      1, 1, 5, 2}, // Its line stays: it harms nobody.
    {"nobody needed any more",       3, 0, 7, 0},
    {"no witnesses any more",        0, 0, 7, 0},
};

// clang-format on

static void test_a_restart_asks_for_what_is_configured_then(void **state)
{
    for (size_t i = 0; i < ROWS(restarts); i++) {
        void *own = NULL;
        (void)state;
        setup(&own);
        struct fixture *fixture = own;
        struct audit_policy policy = policy_of(3, 2);
        assert_status_ok(accept(fixture, "auth", 1, 5));
        assert_status_ok(audit_publication_open(&fixture->service, &policy));
        struct audit_candidate five = newest(fixture);
        publish(fixture, &five, 2);
        assert_status_ok(accept(fixture, "auth", 6, 2));
        reopen_log(fixture);
        policy = policy_of(restarts[i].witnesses, restarts[i].needed);
        assert_status_ok(audit_publication_open(&fixture->service, &policy));
        print_message("%s\n", restarts[i].given);
        expect(fixture, restarts[i].size, restarts[i].cosignatures);
        teardown(&own);
    }
}

static void test_a_published_checkpoint_of_another_tree_refuses_to_open(void **state)
{
    struct fixture *fixture = *state;
    struct audit_policy policy = policy_of(1, 1);
    assert_status_ok(accept(fixture, "auth", 1, 5));
    assert_status_ok(audit_publication_open(&fixture->service, &policy));
    struct audit_candidate candidate = newest(fixture);
    // Signed by us, and not what the store holds: a store put together from two.
    struct checkpoint checkpoint = {.size = 5};
    memcpy(checkpoint.origin, fixture->service.verifier.name, sizeof checkpoint.origin);
    candidate.text_size = checkpoint_format(&checkpoint, candidate.note);
    char text[CHECKPOINT_TEXT_BYTES_MAX];
    memcpy(text, candidate.note, candidate.text_size);
    candidate.note_size = note_sign(bytes_of(text, candidate.text_size), &fixture->service.verifier,
                                    fixture->service.signer, candidate.note, sizeof candidate.note);
    publish(fixture, &candidate, 1);
    assert_refused(audit_publication_open(&fixture->service, &policy), "CHECKPOINT_MISMATCH");
}

static void test_proofs_for_witnesses_hold_for_every_size(void **state)
{
    struct fixture *fixture = *state;
    assert_status_ok(accept(fixture, "auth", 1, 300));
    struct audit_candidate candidate = newest(fixture);
    struct store_txn *txn = begin(fixture);
    const struct merkle_reader reader = audit_tree_reader(txn);
    for (uint64_t old = 0; old <= 300; old += old < 20 ? 1 : 35) {
        struct merkle_proof proof;
        struct merkle_hash old_root, root;
        assert_status_ok(audit_publication_proof(&fixture->service, old, &candidate, &proof));
        if (old == 0) {
            assert_int_equal(proof.count, 0);
            continue;
        }
        assert_status_ok(merkle_root(&reader, old, &old_root));
        assert_status_ok(merkle_root(&reader, 300, &root));
        assert_status_ok(
            merkle_verify_consistency(old, 300, proof.hashes, proof.count, &old_root, &root));
    }
    store_snapshot_end(&txn);
}

// ---- Bytes ---------------------------------------------------------------------------------

static struct status decode(struct bytes record)
{
    struct audit_published published;
    return audit_published_decode(record, &published);
}

static void test_published_v1(void **state)
{
    (void)state;
    static uint8_t bytes[AUDIT_PUBLISHED_BYTES_MAX + 1];
    struct audit_published published = {
        .needed = 2, .size = 7, .note = bytes_of_text("signed note\n")};
    struct bytes record = bytes_of(bytes, audit_published_encode(&published, bytes));
    golden_assert("audit", "published_v1.hex", record);
    struct audit_published again;
    assert_status_ok(audit_published_decode(record, &again));
    assert_int_equal(again.needed, 2);
    assert_int_equal(again.size, 7);
    assert_true(bytes_equal(again.note, published.note));
    for (size_t cut = 0; cut <= 10; cut++) // A size without a note, too.
        assert_refused(decode(bytes_of(bytes, cut)), "RECORD_CORRUPT");
    assert_refused(decode(bytes_of(bytes, sizeof bytes)), "RECORD_CORRUPT");
    bytes[1] = AUDIT_WITNESSES_MAX + 1;
    assert_refused(decode(record), "RECORD_CORRUPT");
    bytes[0] = 2;
    assert_refused(decode(record), "RECORD_CORRUPT");
}

static int open_keys(void **state)
{
    (void)state;
    assert_status_ok(crypto_open());
    for (uint8_t i = 0; i < WITNESSES; i++) {
        uint8_t seed[KEY_SEED_BYTES] = {(uint8_t)(i + 1)};
        char name[32];
        snprintf(name, sizeof name, "witness.example/w%u", i);
        assert_status_ok(key_signer_from_seed(seed, &signers[i]));
        assert_status_ok(note_verifier_make_typed(name, NOTE_COSIGNATURE,
                                                  key_signer_public(signers[i]), &keys[i]));
    }
    return 0;
}

static int close_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < WITNESSES; i++)
        key_signer_close(&signers[i]);
    return 0;
}

#define ON_A_LOG(test_) cmocka_unit_test_setup_teardown(test_, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_LOG(test_without_witnesses_every_checkpoint_is_published),
        ON_A_LOG(test_with_needed_ones_nothing_is_shown_before_they_have_signed),
        ON_A_LOG(test_cosignatures_that_nobody_needs_are_added_when_they_come),
        cmocka_unit_test(test_a_restart_asks_for_what_is_configured_then),
        ON_A_LOG(test_a_published_checkpoint_of_another_tree_refuses_to_open),
        ON_A_LOG(test_proofs_for_witnesses_hold_for_every_size),
        cmocka_unit_test(test_published_v1),
    };
    return cmocka_run_group_tests_name("publication", tests, open_keys, close_keys);
}
