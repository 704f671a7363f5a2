#include "services/ctl/audit_report.h"

#include "services/ctl/evidence.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

struct audit_report audit_report_begin(const struct ctl_options *options)
{
    return (struct audit_report){.shows_progress = !options->quiet && isatty(STDERR_FILENO)};
}

void audit_report_find(void *context, const char *what)
{
    struct audit_report *report = context;
    if (report->findings++ < AUDIT_REPORT_FINDINGS_MAX) {
        audit_report_end_progress(report);
        printf("WRONG       %s\n", what);
    }
}

void audit_report_progress(void *context, uint64_t done, uint64_t size)
{
    const struct audit_report *report = context;
    if (report->shows_progress)
        fprintf(stderr, "\r\033[K%" PRIu64 " of %" PRIu64 " entries", done, size);
}

void audit_report_end_progress(const struct audit_report *report)
{
    if (report->shows_progress) fprintf(stderr, "\r\033[K");
}

void audit_report_log(const struct log_check_result *result)
{
    if (!result->is_signed) return;
    printf("log         %s, %" PRIu64 " entries\n", result->checkpoint.origin,
           result->checkpoint.size);
    evidence_print_hash("root", &result->checkpoint.root);
    printf("entries     %" PRIu64 " hashed", result->entries);
    if (result->hashes_only > 0)
        printf(", %" PRIu64 " of which there are only hashes", result->hashes_only);
    printf("\ntiles       %" PRIu64 " compared\n", result->tiles);
    printf("checkpoint  %s\n",
           result->root_agrees ? "states this tree" : "DOES NOT STATE this tree");
}

int audit_report_verdict(const struct audit_report *report)
{
    if (report->findings == 0) {
        printf("everything agrees\n");
        return CTL_DONE;
    }
    if (report->findings > AUDIT_REPORT_FINDINGS_MAX)
        printf("… and %" PRIu64 " more\n", report->findings - AUDIT_REPORT_FINDINGS_MAX);
    printf("NOT AS IT SHOULD BE: %" PRIu64 " %s\n", report->findings,
           report->findings == 1 ? "finding" : "findings");
    return CTL_NO;
}
