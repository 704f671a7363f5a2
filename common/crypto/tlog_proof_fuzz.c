// What the proof parser accepts is canonical: it formats to the same bytes. The same for tile
// paths.
#include "common/base/check.h"
#include "common/crypto/tlog_proof.h"
#include "common/crypto/tlog_tile.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_proof(struct bytes input)
{
    struct tlog_proof proof;
    if (!status_ok(tlog_proof_parse(input, &proof))) return;
    size_t size_max = TLOG_PROOF_BYTES_MAX + proof.checkpoint.size + proof.extra.size;
    char *again = malloc(size_max);
    CHECK(again != NULL);
    size_t size = tlog_proof_format(&proof, again, size_max);
    CHECK(bytes_equal(bytes_of(again, size), input));
    free(again);
    // Any path verifies or is refused; it never trips a CHECK.
    const struct merkle_hash *hashes = proof.path.hashes;
    struct merkle_hash root = {{0}};
    (void)!status_ok(merkle_verify_inclusion(proof.index, proof.index * 2 + 1, &root, hashes,
                                             proof.path.count, &root));
    (void)!status_ok(
        merkle_verify_consistency(proof.index, UINT64_MAX, hashes, proof.path.count, &root, &root));
}

static void try_tile_path(struct bytes input)
{
    struct tlog_tile tile;
    if (!status_ok(tlog_tile_path_parse(input, &tile))) return;
    char again[TLOG_TILE_PATH_BYTES];
    CHECK(bytes_equal(bytes_of(again, tlog_tile_path_format(&tile, again)), input));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_proof(bytes_of(data, size));
    try_tile_path(bytes_of(data, size));
    return 0;
}
