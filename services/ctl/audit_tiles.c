// `florin audit verify --tiles` and `florin audit fsck --tiles`: a directory of tiles, offline.
#include "services/ctl/audit.h"
#include "services/ctl/audit_report.h"

#include <sys/stat.h>

int audit_verify_tiles(const struct ctl_options *options, const struct note_verifier *verifier)
{
    struct stat info;
    if (stat(options->tiles, &info) != 0 || !S_ISDIR(info.st_mode)) {
        return ctl_complain(options->tiles,
                            REFUSE(NOT_FOUND, FILE_UNREADABLE, "there is no such directory"));
    }
    struct audit_report report = audit_report_begin(options);
    struct log_check_config config = {.source = tile_directory_source(options->tiles),
                                      .verifier = verifier,
                                      .without_entries = options->no_entries,
                                      .find = audit_report_find,
                                      .progress = audit_report_progress,
                                      .context = &report};
    struct log_check_result result;
    struct status status = log_check(&config, &result);
    audit_report_end_progress(&report);
    if (!status_ok(status)) return ctl_complain(options->tiles, status);
    audit_report_log(&result);
    return audit_report_verdict(&report);
}
