#include "services/auth/report.h"

enum { HOURS_MAX = AUTH_REPORT_DAYS_MAX * 24 + 1 }; // 31 days from half past to half past.

struct status auth_report_read(struct store_txn *txn, uint64_t from_ns, uint64_t to_ns,
                               uint64_t now_ns, struct arena *arena, struct auth_report *ret)
{
    struct auth_report report;
    if (to_ns == 0) to_ns = now_ns;
    if (from_ns == 0) from_ns = to_ns > 24 * AUTH_HOUR_NS ? to_ns - 24 * AUTH_HOUR_NS : 0;
    if (from_ns >= to_ns || to_ns - from_ns > AUTH_REPORT_DAYS_MAX * 24 * AUTH_HOUR_NS)
        return REFUSE(INVALID_ARGUMENT, RANGE_INVALID, "`from` is up to 31 days before `to`");
    uint64_t last_ns = (to_ns - 1) - (to_ns - 1) % AUTH_HOUR_NS; // The last hour's beginning.
    report.from_ns = from_ns - from_ns % AUTH_HOUR_NS;
    report.to_ns = last_ns <= UINT64_MAX - AUTH_HOUR_NS ? last_ns + AUTH_HOUR_NS : UINT64_MAX;
    RETURN_IF_ERROR(auth_counters_read(txn, report.from_ns, report.to_ns, arena, HOURS_MAX,
                                       &report.hours, &report.hour_count));
    RETURN_IF_ERROR(auth_gauges_read(txn, report.gauges));
    *ret = report;
    return STATUS_SUCCESS;
}
