// `florin audit export`: the log as a directory that any tlog-tiles client can check, and anybody
// can serve by a plain web server.
#include "services/ctl/audit.h"
#include "services/ctl/audit_report.h"
#include "services/ctl/client_tiles.h"
#include "services/ctl/evidence.h"
#include "services/ctl/log_export.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool is_refusal(struct status status)
{
    return status.reason != NULL && (strcmp(status.reason, "LOG_REWRITTEN") == 0 ||
                                     strcmp(status.reason, "LOG_SHRANK") == 0 ||
                                     strcmp(status.reason, "NOTE_NOT_SIGNED") == 0 ||
                                     strcmp(status.reason, "NOTE_SIGNATURE_WRONG") == 0);
}

static void print_result(const struct ctl_options *options, const struct log_export_result *result)
{
    printf("%s holds %" PRIu64 " entries of the log %s: %" PRIu64 " files written, %" PRIu64
           " were there\n",
           options->to, result->checkpoint.size, result->checkpoint.origin, result->written,
           result->kept);
    if (result->pruned > 0)
        printf("of %" PRIu64 " pruned entries there are only hashes\n", result->pruned);
    printf("check it anywhere: florin audit verify --tiles %s --key VERIFIER-KEY\n", options->to);
}

int ctl_audit_export(const struct ctl_options *options)
{
    struct note_verifier verifier;
    struct ctl_client *client = NULL;
    struct log_export_result result = {0};
    if (options->to == NULL) return audit_usage("export", "--to DIR is needed");
    struct status status = evidence_verifier(options, &verifier);
    if (!status_ok(status)) return ctl_complain("verifier key", status);
    struct audit_report report = audit_report_begin(options);
    status = ctl_client_open(options, "audit", &client);
    if (status_ok(status)) {
        struct log_export_config config = {.source = client_tiles_source(client),
                                           .verifier = &verifier,
                                           .directory = options->to,
                                           .without_entries = options->no_entries,
                                           .prove = client_tiles_prove,
                                           .prove_context = client,
                                           .progress = audit_report_progress,
                                           .progress_context = &report};
        status = log_export(&config, &result);
        audit_report_end_progress(&report);
    }
    ctl_client_close(&client);
    if (is_refusal(status)) return evidence_refuse("audit export", status);
    if (!status_ok(status)) return ctl_complain("audit export", status);
    print_result(options, &result);
    return CTL_DONE;
}
