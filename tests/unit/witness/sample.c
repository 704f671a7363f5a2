#include "tests/unit/witness/sample.h"

#include "common/base/check.h"
#include "common/crypto/tlog_text.h"

static void keep(void *context, unsigned level, uint64_t index, const struct merkle_hash *hash)
{
    struct sample *log = context;
    log->nodes[level][index] = *hash;
}

static struct status read_node(void *context, unsigned level, uint64_t index,
                               struct merkle_hash *ret)
{
    const struct sample *log = context;
    *ret = log->nodes[level][index];
    return STATUS_SUCCESS;
}

void sample_open(struct sample *log, const char *origin, uint8_t seed, size_t fork_at)
{
    uint8_t seed_bytes[KEY_SEED_BYTES];
    *log = (struct sample){0};
    memset(seed_bytes, seed, sizeof seed_bytes);
    assert_status_ok(crypto_open());
    assert_status_ok(key_signer_from_seed(seed_bytes, &log->signer));
    assert_status_ok(note_verifier_make(origin, key_signer_public(log->signer), &log->verifier));
    struct merkle_frontier head = {0};
    for (size_t i = 0; i < SAMPLE_LEAVES_MAX; i++) {
        char entry[32];
        int size = snprintf(entry, sizeof entry, "%s %zu", i < fork_at ? "entry" : "other", i);
        struct merkle_hash leaf;
        merkle_leaf(bytes_of(entry, (size_t)size), &leaf);
        merkle_frontier_append(&head, &leaf, keep, log);
        log->heads[i + 1] = head;
    }
}

void sample_close(struct sample *log)
{
    key_signer_close(&log->signer);
}

size_t sample_note(const struct sample *log, size_t size, char *ret, size_t bytes_max)
{
    struct checkpoint checkpoint = {.size = size};
    char text[CHECKPOINT_TEXT_BYTES_MAX];
    memcpy(checkpoint.origin, log->verifier.name, sizeof checkpoint.origin);
    merkle_frontier_root(&log->heads[size], &checkpoint.root);
    size_t text_size = checkpoint_format(&checkpoint, text);
    return note_sign(bytes_of(text, text_size), &log->verifier, log->signer, ret, bytes_max);
}

size_t sample_request(const struct sample *log, size_t old_size, size_t size, char *ret)
{
    struct merkle_proof proof = {0};
    const struct merkle_reader reader = {.read = read_node, .context = (void *)log};
    if (old_size > 0 && old_size <= size)
        assert_status_ok(merkle_prove_consistency(&reader, old_size, size, &proof));
    int written = snprintf(ret, SAMPLE_REQUEST_BYTES, "old %zu\n", old_size);
    for (size_t i = 0; i < proof.count; i++) {
        char hash[BASE64_TEXT_BYTES(MERKLE_HASH_BYTES)];
        base64_encode(proof.hashes[i].bytes, MERKLE_HASH_BYTES, hash);
        written += snprintf(ret + written, SAMPLE_REQUEST_BYTES - (size_t)written, "%s\n", hash);
    }
    ret[written++] = '\n';
    return (size_t)written +
           sample_note(log, size, ret + written, SAMPLE_REQUEST_BYTES - (size_t)written);
}
