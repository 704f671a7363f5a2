/// @file common/store/internal.h
/// What the files of common/store share; the only header of Florin that includes <lmdb.h>.
///     engine.c  one environment: open, close, errors, statistics
///     schema.c  the meta table: store id, versions, migrations
///     txn.c     get, put, cursors, snapshots
///     writer.c  the queue, groups, hooks, what happens when the disk is full
///     backup.c  hot copy and restore          verify.c  the file's pages, checked without the
///     engine
/// Locks      queue_lock: the queue and closing. snapshot_lock: the idle snapshots. Neither is held
///            while a job or a hook runs, and never both.
#pragma once

#include "common/base/check.h"
#include "common/base/metrics.h"
#include "common/store/store.h"

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>

#define STORE_DATA_FILE "data.mdb"
#define STORE_PARTIAL_FILE                                                                         \
    "data.mdb.partial" // Being restored or copied; never opened by store_open.

enum {
    STORE_HOOKS_MAX = 8,
    STORE_LOCALS_MAX = 8,
    STORE_QUEUED_MAX = 65536,
    STORE_PATH_BYTES_MAX = 4096,
};

struct store_txn {
    struct store *store;
    MDB_txn *group;   // The group's transaction, or the snapshot's.
    MDB_txn *current; // The job's savepoint once it has begun, else the group's.
    bool is_write;
    bool wants_savepoint;
    bool changed;
    unsigned cursor_count; // Open ones; a job or snapshot must end with none.
    uint64_t serial;
    struct status status; // The first failed write; sticks.
    struct store_txn *next_idle;
};

struct store {
    struct store_config config; // Defaults filled in; directory is a copy.
    int directory_fd;           // Holds the exclusive lock.
    MDB_env *env;
    MDB_dbi tables[STORE_TABLE_COUNT_MAX];
    bool table_is_open[STORE_TABLE_COUNT_MAX];
    uint64_t id;
    uint64_t former_ids[STORE_FORMER_IDS_MAX]; // Newest first.
    size_t former_id_count;
    unsigned fork_generation;

    struct store_hook hooks[STORE_HOOKS_MAX];
    size_t hook_count;
    void *locals[STORE_LOCALS_MAX];

    pthread_mutex_t queue_lock;
    pthread_cond_t queue_filled;
    struct store_job *queue_first, *queue_last;
    bool writer_waits, closing;
    pthread_t writer;
    bool writer_runs;

    // The writer thread's own.
    struct store_job *pending; // Taken from the queue, not yet in a group.
    uint64_t serial;
    uint64_t reader_check_ns;

    pthread_mutex_t snapshot_lock;
    struct store_txn *idle_snapshots;
    atomic_size_t live_snapshots;

    atomic_uint_fast64_t queued, commits, jobs, jobs_refused, groups_rerun;
    atomic_bool is_full;
    atomic_bool probing;
    atomic_uint_fast64_t probe_ns;
    struct store_job probe;

    struct metric *commit_duration, *job_total, *refused_total, *rerun_total;
};

// ---- engine.c ----

/// engine_status translates an error of LMDB or the system, here and nowhere else.
struct status engine_status(int rc);
/// engine_stop_process logs and aborts: an error after which the next write could lie.
_Noreturn void engine_stop_process(const char *what, int rc);
/// engine_lock_directory opens a directory and takes its exclusive lock: NOT_FOUND / STORE_ABSENT,
/// FAILED_PRECONDITION / STORE_IN_USE.
MUST_USE struct status engine_lock_directory(const char *directory, int *ret_fd);
/// engine_sync_parent makes the directory's own entry durable.
MUST_USE struct status engine_sync_parent(const char *directory);
MUST_USE struct status engine_join_path(const char *directory, const char *name,
                                        char ret_path[static STORE_PATH_BYTES_MAX]);
/// engine_check_process: an LMDB environment must not be used after fork (CHECK).
void engine_check_process(const struct store *store);

// ---- schema.c ----

MUST_USE struct status schema_open(struct store *store, const struct store_schema *const *schemas,
                                   size_t schema_count);
/// schema_renew_id gives the store at a data file's path a new random id.
MUST_USE struct status schema_renew_id(const char *data_path);

#define SCHEMA_META_NAME "meta"
#define SCHEMA_ID_KEY "id"
#define SCHEMA_FORMER_IDS_KEY "id/former"

// ---- txn.c ----

/// txn_begin_job readies the writer's transaction for its next job; txn_keep_job makes what it
/// wrote the group's, txn_undo_job takes it back.
void txn_begin_job(struct store_txn *txn, bool wants_savepoint);
void txn_keep_job(struct store_txn *txn);
void txn_undo_job(struct store_txn *txn);
void txn_close_snapshots(struct store *store);

// ---- writer.c ----

MUST_USE struct status writer_open(struct store *store);
void writer_close(struct store *store);

// ---- verify.c ----

enum verify_depth {
    VERIFY_ROOTS, // Header pages and table roots only: what store_open can afford.
    VERIFY_ALL,   // Every page and row.
};

/// verify_file reads a data file without LMDB, so that no damage in it can crash the process:
/// DATA_LOSS / STORE_CORRUPT. The message is the calling thread's until its next verify.
MUST_USE struct status verify_file(int directory_fd, const char *name, enum verify_depth depth);
/// verify_is_unborn: the file ends within LMDB's very first write, that of both header pages, and
/// so nothing was ever committed to it: a first start was killed.
bool verify_is_unborn(int directory_fd, const char *name);
