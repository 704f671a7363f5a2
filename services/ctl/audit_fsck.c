// `florin audit fsck`: the whole log of the running daemon, from its bytes; then, by the daemon,
// what only its store has: details beside the entries, search rows.
#include "florin/audit/v1/audit.pb-c.h"
#include "florin/audit/v1/audit_methods.h"
#include "services/ctl/audit.h"
#include "services/ctl/audit_report.h"
#include "services/ctl/client_tiles.h"
#include "services/ctl/evidence.h"

#include <inttypes.h>
#include <stdio.h>

enum { CHECK_TIMEOUT_MS = 30 * 1000, CHECK_ARENA_BYTES = 8 << 20, CHECK_ENTRIES = 4096 };

/// What CheckEntries has said so far.
struct store_check {
    uint64_t next_index, erased;
};

static struct status check_some(struct ctl_client *client, struct store_check *check,
                                struct audit_report *report, struct arena *arena)
{
    Audit__CheckEntriesRequest request = AUDIT__CHECK_ENTRIES_REQUEST__INIT;
    Audit__CheckEntriesResponse *reply;
    request.from_index = check->next_index;
    request.limit = CHECK_ENTRIES;
    RETURN_IF_ERROR(ctl_client_call(client, &audit_methods[AUDIT_CHECK_ENTRIES], &request,
                                    CHECK_TIMEOUT_MS, arena, &reply));
    for (size_t i = 0; i < reply->n_findings; i++) {
        const Audit__EntryFinding *finding = reply->findings[i];
        char what[256];
        snprintf(what, sizeof what, "entry %" PRIu64 ": %s", finding->index, finding->what);
        audit_report_find(report, what);
    }
    check->erased += reply->erased;
    if (reply->next_index <= check->next_index)
        return REFUSE(INTERNAL, CHECK_STUCK, "the daemon's check does not go on");
    check->next_index = reply->next_index;
    return STATUS_SUCCESS;
}

static struct status check_store(struct ctl_client *client, uint64_t size,
                                 struct audit_report *report, struct store_check *ret)
{
    struct arena *arena = arena_open(CHECK_ARENA_BYTES);
    struct status status = STATUS_SUCCESS;
    while (status_ok(status) && ret->next_index < size) {
        arena_reset(arena);
        status = tile_source_keep(check_some(client, ret, report, arena));
        audit_report_progress(report, ret->next_index, size);
    }
    arena_close(&arena);
    return status;
}

static struct status check(struct ctl_client *client, const struct note_verifier *verifier,
                           struct audit_report *report)
{
    struct log_check_config config = {.source = client_tiles_source(client),
                                      .verifier = verifier,
                                      .find = audit_report_find,
                                      .progress = audit_report_progress,
                                      .context = report};
    struct log_check_result result;
    struct store_check store = {0};
    struct status status = log_check(&config, &result);
    audit_report_end_progress(report);
    RETURN_IF_ERROR(status);
    audit_report_log(&result);
    fflush(stdout);
    if (!result.is_signed) return STATUS_SUCCESS;
    status = check_store(client, result.checkpoint.size, report, &store);
    audit_report_end_progress(report);
    RETURN_IF_ERROR(status);
    printf("details     beside %" PRIu64 " entries and the rows they are found by; %" PRIu64
           " erased\n",
           store.next_index - result.first_index, store.erased);
    return STATUS_SUCCESS;
}

int ctl_audit_fsck(const struct ctl_options *options)
{
    struct note_verifier verifier;
    struct ctl_client *client = NULL;
    struct status status = evidence_verifier(options, &verifier);
    if (!status_ok(status)) return ctl_complain("verifier key", status);
    if (options->tiles != NULL) return audit_verify_tiles(options, &verifier);
    struct audit_report report = audit_report_begin(options);
    status = ctl_client_open(options, "audit", &client);
    if (status_ok(status)) status = check(client, &verifier, &report);
    int result =
        status_ok(status) ? audit_report_verdict(&report) : ctl_complain("audit fsck", status);
    ctl_client_close(&client);
    return result;
}
