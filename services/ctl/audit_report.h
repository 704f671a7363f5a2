/// @file services/ctl/audit_report.h
/// What `florin audit fsck` and `verify --tiles` print: what is wrong, and what was looked at.
#pragma once

#include "services/ctl/ctl.h"
#include "services/ctl/log_check.h"

enum { AUDIT_REPORT_FINDINGS_MAX = 100 }; // Printed; the others are counted.

struct audit_report {
    bool shows_progress;
    uint64_t findings;
};

struct audit_report audit_report_begin(const struct ctl_options *options);

/// Both for log_check_config; context: a struct audit_report.
void audit_report_find(void *context, const char *what);
void audit_report_progress(void *context, uint64_t done, uint64_t size);
void audit_report_end_progress(const struct audit_report *report);

/// audit_report_log prints what a check of the tree has looked at.
void audit_report_log(const struct log_check_result *result);
/// audit_report_verdict prints the last line and gives the command's exit code.
int audit_report_verdict(const struct audit_report *report);
