/// @file services/auth/counters.h
/// The numbers of the security report: counters of each hour, and gauges that hold for now. They
/// are kept beside what they count, in its transaction; the counters are also metrics of the
/// process, where a group of jobs that had to be run again counts twice.
/// Rows       One for each hour in which something happened, one for all gauges.
/// Broken     A row that cannot be read begins anew, and a line of the log says so: nobody is kept
///            out for the sake of a number.
/// Threads    Functions with a store_txn: the thread that was given it.
/// Errors     DATA_LOSS (reading); writes give no status: the first that fails sticks.
#pragma once

#include "common/base/arena.h"
#include "common/store/store.h"

enum auth_counter { // Stored by place; append only.
    AUTH_COUNT_LOGINS_SUCCEEDED,
    AUTH_COUNT_LOGINS_FAILED,
    AUTH_COUNT_LOGINS_SUSPICIOUS,
    AUTH_COUNT_CODES_SENT,
    AUTH_COUNT_CODES_FAILED,
    AUTH_COUNT_FACTORS_LOCKED,
    AUTH_COUNT_PASSWORDS_DISABLED,
    AUTH_COUNT_PASSWORDS_RESET,
    AUTH_COUNT_SESSIONS_STARTED,
    AUTH_COUNT_SESSIONS_ENDED,
    AUTH_COUNT_REFRESH_REUSED,
    AUTH_COUNT_USERS_REGISTERED,
    AUTH_COUNT_USERS_BLOCKED,
    AUTH_COUNTER_COUNT
};

enum auth_gauge { // Stored by place; append only.
    AUTH_GAUGE_SESSIONS_ALIVE,
    AUTH_GAUGE_USERS_ACTIVE,
    AUTH_GAUGE_USERS_BLOCKED,
    AUTH_GAUGE_USERS_CLOSED,
    AUTH_GAUGE_PASSWORDS_DISABLED,
    AUTH_GAUGE_COUNT
};

/// auth_count adds one to a counter of the hour that now_ns lies in.
void auth_count(struct store_txn *txn, enum auth_counter counter, uint64_t now_ns);
/// auth_count_each adds one to each of the counters (bits 1 << enum auth_counter) by one write.
void auth_count_each(struct store_txn *txn, unsigned counters, uint64_t now_ns);
/// auth_gauge_add: by 1 or -1. A gauge never falls below 0.
void auth_gauge_add(struct store_txn *txn, enum auth_gauge gauge, int change);

/// auth_gauges_rebuild counts everything anew by scans, for a migration from a store without
/// gauges.
MUST_USE struct status auth_gauges_rebuild(struct store_txn *txn);

#define AUTH_HOUR_NS (UINT64_C(3600) * 1000000000)

struct auth_hour {
    uint64_t hour_ns; // Its beginning.
    uint64_t counts[AUTH_COUNTER_COUNT];
};

/// auth_counters_read gives the hours that begin in [from_ns, to_ns) and have a row, oldest first;
/// at most hours_max of them, in the arena.
MUST_USE struct status auth_counters_read(struct store_txn *txn, uint64_t from_ns, uint64_t to_ns,
                                          struct arena *arena, size_t hours_max,
                                          struct auth_hour **ret, size_t *ret_count);
MUST_USE struct status auth_gauges_read(struct store_txn *txn,
                                        uint64_t ret[static AUTH_GAUGE_COUNT]);
/// auth_gauges_publish makes them metrics, too.
MUST_USE struct status auth_gauges_publish(struct store_txn *txn);

/// auth_counters_are_due: there is an hour that ended before this time. auth_counters_forget
/// deletes such hours, at most rows_max.
bool auth_counters_are_due(struct store_txn *txn, uint64_t before_ns);
size_t auth_counters_forget(struct store_txn *txn, uint64_t before_ns, size_t rows_max);
