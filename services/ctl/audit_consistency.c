// `florin audit verify --consistency`: that the log of an old checkpoint is the beginning of the
// log of a new one. What the proof's JSON says of sizes and roots is not believed: the two signed
// checkpoints say it.
#include "services/ctl/audit.h"
#include "services/ctl/evidence.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static struct status read_checkpoint(const char *path, const struct note_verifier *verifier,
                                     struct checkpoint *ret)
{
    char *note = NULL;
    size_t size;
    RETURN_IF_ERROR(evidence_read(path, &note, &size));
    struct status status = checkpoint_open(bytes_of(note, size), verifier, ret);
    free(note);
    return status;
}

static struct status parse_proof(const char *data, size_t size, uint64_t *ret_from,
                                 uint64_t *ret_to, struct merkle_proof *ret)
{
    json_t *json = evidence_json(data, size);
    bool is_proof = json != NULL && evidence_u64(json, "from", ret_from) &&
                    evidence_u64(json, "to", ret_to) &&
                    evidence_hashes(json, "hashes", MERKLE_PROOF_HASHES_MAX, ret);
    json_decref(json);
    if (is_proof) return STATUS_SUCCESS;
    return REFUSE(INVALID_ARGUMENT, PROOF_MALFORMED, "this is not the JSON of a consistency proof");
}

static struct status read_proof(const char *path, uint64_t *ret_from, uint64_t *ret_to,
                                struct merkle_proof *ret)
{
    char *data = NULL;
    size_t size;
    RETURN_IF_ERROR(evidence_read(path, &data, &size));
    struct status status = parse_proof(data, size, ret_from, ret_to, ret);
    free(data);
    return status;
}

static struct status judge(const struct ctl_options *options, const struct note_verifier *verifier)
{
    struct checkpoint old, new;
    struct merkle_proof proof;
    uint64_t from, to;
    RETURN_IF_ERROR(read_checkpoint(options->old, verifier, &old));
    RETURN_IF_ERROR(read_checkpoint(options->new, verifier, &new));
    RETURN_IF_ERROR(read_proof(options->consistency, &from, &to, &proof));
    if (from != old.size || to != new.size) {
        return REFUSE(INVALID_ARGUMENT, PROOF_OF_OTHER_SIZES,
                      "the proof is for other sizes than those of the two checkpoints");
    }
    RETURN_IF_ERROR(merkle_verify_consistency(old.size, new.size, proof.hashes, proof.count,
                                              &old.root, &new.root));
    printf("proven: the log %s of %" PRIu64 " entries begins with that of %" PRIu64 "\n",
           new.origin, new.size, old.size);
    evidence_print_hash("old root", &old.root);
    evidence_print_hash("new root", &new.root);
    evidence_print_text("signed by", verifier->name);
    return STATUS_SUCCESS;
}

int audit_verify_consistency(const struct ctl_options *options,
                             const struct note_verifier *verifier)
{
    if (options->old == NULL || options->new == NULL)
        return audit_usage("verify", "--old CHECKPOINT and --new CHECKPOINT are needed");
    struct status status = judge(options, verifier);
    return status_ok(status) ? CTL_DONE : evidence_refuse("audit verify", status);
}
