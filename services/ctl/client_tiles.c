#include "services/ctl/client_tiles.h"

#include "florin/audit/v1/audit.pb-c.h"
#include "florin/audit/v1/audit_methods.h"
#include "google/api/httpbody.pb-c.h"

#include <string.h>

enum { CALL_TIMEOUT_MS = 30 * 1000, PROOF_ARENA_BYTES = 1 << 20 };

static const struct {
    const char *prefix;
    enum audit_method_index method;
} kinds[] = {
    // The longer prefix first.
    {"checkpoint", AUDIT_GET_CHECKPOINT},
    {"tile/entries/", AUDIT_GET_ENTRY_BUNDLE},
    {"tile/", AUDIT_GET_TILE},
};

static struct status read_path(void *context, const char *path, struct arena *arena,
                               struct bytes *ret)
{
    size_t i = 0;
    while (i < sizeof kinds / sizeof kinds[0] - 1 &&
           strncmp(path, kinds[i].prefix, strlen(kinds[i].prefix)) != 0)
        i++;
    Audit__GetCheckpointRequest checkpoint = AUDIT__GET_CHECKPOINT_REQUEST__INIT;
    Audit__GetTileRequest tile = AUDIT__GET_TILE_REQUEST__INIT;
    tile.path = (char *)path + strlen(kinds[i].prefix);
    const void *request =
        kinds[i].method == AUDIT_GET_CHECKPOINT ? (const void *)&checkpoint : (const void *)&tile;
    Google__Api__HttpBody *reply;
    RETURN_IF_ERROR(ctl_client_call(context, &audit_methods[kinds[i].method], request,
                                    CALL_TIMEOUT_MS, arena, &reply));
    *ret = bytes_of(reply->data.data, reply->data.len);
    return STATUS_SUCCESS;
}

struct tile_source client_tiles_source(struct ctl_client *client)
{
    return (struct tile_source){.read = read_path, .context = client};
}

static struct status prove(struct ctl_client *client, uint64_t from, uint64_t to,
                           struct arena *arena, struct merkle_proof *ret)
{
    Audit__GetConsistencyProofRequest request = AUDIT__GET_CONSISTENCY_PROOF_REQUEST__INIT;
    Audit__ConsistencyProof *reply;
    request.from = from;
    request.to = to;
    RETURN_IF_ERROR(ctl_client_call(client, &audit_methods[AUDIT_GET_CONSISTENCY_PROOF], &request,
                                    CALL_TIMEOUT_MS, arena, &reply));
    ret->count = 0;
    for (size_t i = 0; i < reply->n_hashes && i < MERKLE_PROOF_HASHES_MAX; i++) {
        if (reply->hashes[i].len != MERKLE_HASH_BYTES) continue; // It will not verify.
        memcpy(ret->hashes[ret->count++].bytes, reply->hashes[i].data, MERKLE_HASH_BYTES);
    }
    return STATUS_SUCCESS;
}

struct status client_tiles_prove(void *context, uint64_t from, uint64_t to,
                                 struct merkle_proof *ret)
{
    struct arena *arena = arena_open(PROOF_ARENA_BYTES);
    struct status status = tile_source_keep(prove(context, from, to, arena, ret));
    arena_close(&arena);
    return status;
}
