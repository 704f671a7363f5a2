/// @file common/store/store.h
/// A daemon's durable state: ordered tables of bytes, one writer, group commit, read snapshots.
/// The engine (LMDB) is hidden: a service knows tables, keys and this header only, and every write
/// is a function that may be run again from the start, so that another engine with serializable
/// retries can stand behind the same interface.
///
/// Durability  A job's done() is called after the commit that holds it is on disk (two fsyncs).
/// Ownership   Bytes that store_get and cursors give point into the store: valid until the next
///             write in the same transaction or its end, whichever comes first. Copy what you keep.
/// Threads     store_write_*: any thread. A store_txn stays on the thread that was given it.
///             Jobs run one after the other on the one writer thread.
/// Errors      NOT_FOUND; RESOURCE_EXHAUSTED / STORE_FULL (map full or ENOSPC: reads go on,
///             readiness goes off); DATA_LOSS. EIO or a failed sync stops the process.
#pragma once

#include "common/base/bytes.h"
#include "common/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;
struct store_txn;

/// Tables have numbers, dealt out in ranges so that modules can share one store:
///     0-7 the store itself (meta) and common/event, 8-15 common/rpc, 16-63 the service.
enum {
    STORE_TABLE_META = 0,
    STORE_TABLE_EVENT_FIRST = 1,
    STORE_TABLE_RPC_FIRST = 8,
    STORE_TABLE_SERVICE_FIRST = 16,
    STORE_TABLE_COUNT_MAX = 64,
    STORE_KEY_BYTES_MAX = 511,
};

struct store_table {
    uint8_t number;
    const char *name;
};

/// Migrates from version `from` to from + 1, inside the transaction that opens the store.
struct store_migration {
    uint32_t from;
    struct status (*run)(struct store_txn *txn);
};

/// A module's part of the store. Several schemas make up one store; each has its own version in the
/// meta table. A version newer than the binary's refuses to start (FAILED_PRECONDITION /
/// SCHEMA_TOO_NEW).
struct store_schema {
    const char *name; // "ledger", "event", "rpc"
    uint32_t version;
    const struct store_table *tables;
    size_t table_count;
    const struct store_migration *migrations; // Ordered by from, gapless up to version - 1.
    size_t migration_count;
};

struct store_config {
    const char *directory;      // Made 0700 if absent.
    uint64_t map_bytes;         // 0: 64 GiB, sparse.
    uint32_t group_jobs_max;    // 0: 4,096.
    uint64_t group_bytes_max;   // 0: 16 MiB of job weight.
    uint64_t group_time_ns_max; // 0: 20 ms, after which the group commits what it has.
    uint32_t readers_max;       // 0: 512.
};

/// store_open takes an exclusive lock on the directory: a second open, also by another process,
/// refuses with FAILED_PRECONDITION / STORE_IN_USE. Others: SCHEMA_TOO_NEW, SCHEMA_TOO_OLD,
/// SCHEMA_UNKNOWN (another daemon's store), RESTORE_INCOMPLETE, STORE_ON_NETWORK; DATA_LOSS /
/// STORE_CORRUPT for a damaged file. A store must not be used after fork (CHECK).
MUST_USE struct status store_open(const struct store_config *config,
                                  const struct store_schema *const *schemas, size_t schema_count,
                                  struct store **ret);
/// store_close finishes queued jobs, stops the writer, closes; sets *store to NULL; idempotent. A
/// snapshot that is still open is a CHECK.
void store_close(struct store **store);

/// store_id is random, made with the store; a restored copy gets a new one by store_restore.
uint64_t store_id(const struct store *store);

/// store_former_ids gives the ids of the stores that this one is a restored copy of, newest first,
/// and their number.
enum { STORE_FORMER_IDS_MAX = 16 };

size_t store_former_ids(const struct store *store, uint64_t ret_ids[static STORE_FORMER_IDS_MAX]);

// ---- Reading -------------------------------------------------------------------------------

/// Snapshots are cheap (a thread reuses its last one) and must be short: milliseconds.
MUST_USE struct status store_snapshot_begin(struct store *store, struct store_txn **ret);
void store_snapshot_end(struct store_txn **txn); // Idempotent.

MUST_USE struct status store_get(struct store_txn *txn, uint8_t table, struct bytes key,
                                 struct bytes *ret_value); // NOT_FOUND, DATA_LOSS.
/// store_get_or is store_get with a NOT_FOUND of the caller's, who knows what is missing.
MUST_USE struct status store_get_or(struct store_txn *txn, uint8_t table, struct bytes key,
                                    struct status missing, struct bytes *ret_value);
bool store_has(struct store_txn *txn, uint8_t table, struct bytes key);

/// A cursor walks one table in byte order. It lives on the caller's stack; close it before the
/// transaction ends and before writing to its table. After a call that returned false, only seek,
/// seek_before, first and last say where it stands. A damaged page stops the process: a scan that
/// ended early would be taken for the whole truth.
struct store_cursor {
    void *engine;
    struct store_txn *txn;
    struct bytes key, value; // Of the current row, after a call that returned true.
};

void store_cursor_open(struct store_txn *txn, uint8_t table, struct store_cursor *ret);
void store_cursor_close(struct store_cursor *cursor);                         // Idempotent.
bool store_cursor_seek(struct store_cursor *cursor, struct bytes key);        // First row >= key.
bool store_cursor_seek_before(struct store_cursor *cursor, struct bytes key); // Last row < key.
bool store_cursor_first(struct store_cursor *cursor);
bool store_cursor_last(struct store_cursor *cursor);
bool store_cursor_next(struct store_cursor *cursor);
bool store_cursor_prev(struct store_cursor *cursor);

// ---- Writing -------------------------------------------------------------------------------

/// Writes do not return a status: the first failure (map full) sticks to the transaction, the job
/// is rolled back whole and its submitter gets the status. So use cases read as straight lines.
/// After a failed write store_get gives that same status, and cursors have no rows.
/// key        1 to STORE_KEY_BYTES_MAX bytes (CHECK). Neither key nor value may point into the
/// store:
///            the write may move the bytes that it reads.
void store_put(struct store_txn *txn, uint8_t table, struct bytes key, struct bytes value);
/// store_append is store_put for a key greater than every key in the table: cheaper. A key that is
/// not greater is a CHECK.
void store_append(struct store_txn *txn, uint8_t table, struct bytes key, struct bytes value);
void store_delete(struct store_txn *txn, uint8_t table, struct bytes key); // Absent is fine.
struct status store_txn_status(const struct store_txn *txn); // The first failed write, or OK.
struct store *store_txn_store(struct store_txn *txn);
/// store_txn_is_write is false for a snapshot.
bool store_txn_is_write(const struct store_txn *txn);
/// store_txn_serial numbers the runs of jobs: no two runs share one while the store is open.
uint64_t store_txn_serial(const struct store_txn *txn);

/// One unit of writing. run() decides and writes; a status other than OK rolls it back. It may be
/// run again from the start, so it must reset what it fills in. done() is called once, on the
/// writer thread, after the commit (or refusal); it must be quick and may free the job.
struct store_job {
    struct status (*run)(struct store_job *job, struct store_txn *txn);
    void (*done)(struct store_job *job, struct status status);
    struct store_job *next;    // The store's, while queued.
    uint32_t weight_bytes;     // About how much it writes.
    bool refuse_before_change; // Promise: run() changes nothing when it refuses. No savepoint then.
    bool changed;              // The store's: whether run() wrote anything.
    struct status status;      // The store's.
};

/// store_write_submit queues; it never blocks. UNAVAILABLE / STORE_CLOSING at shutdown and
/// RESOURCE_EXHAUSTED / STORE_BUSY beyond 65,536 queued jobs: done() is not called then.
MUST_USE struct status store_write_submit(struct store *store, struct store_job *job);
/// store_write_submit_all queues a chain (linked by next) with one lock and one wake-up.
MUST_USE struct status store_write_submit_all(struct store *store, struct store_job *first,
                                              struct store_job *last, size_t count);

/// store_write_wait runs one function as a job and waits for its commit. Never from the writer
/// thread or from inside a transaction.
MUST_USE struct status store_write_wait(struct store *store,
                                        struct status (*run)(struct store_txn *txn, void *context),
                                        void *context);

/// Hooks of a group, all on the writer thread. Set before serving; they stay for the store's life.
/// before_commit runs in the group's transaction after its last job and may write (heads, sums); a
/// status other than OK means a broken invariant: it is logged and the process stops, uncommitted.
/// after_commit runs when the group is durable, before the jobs' done(). rolled_back runs when the
/// group's transaction was abandoned (its jobs will be run again or refused): drop what
/// before_commit and the jobs gathered in memory.
/// job_refused runs after one job of a group refused and what it wrote was taken back: drop what
/// was gathered in memory under the serial that store_txn_serial gave while the job ran. Every
/// pointer but context may be NULL. All groups call them, also those that changed nothing.
struct store_hook {
    struct status (*before_commit)(void *context, struct store_txn *txn);
    void (*after_commit)(void *context);
    void (*rolled_back)(void *context);
    void (*job_refused)(void *context, uint64_t serial);
    void *context;
};

void store_add_hook(struct store *store, const struct store_hook *hook); // At most 8.

/// Per-group memory for modules on the writer thread: store_txn_local gives the pointer that
/// store_set_local set for a slot (0..7: 0 event, 1 rpc, 2.. service).
void store_set_local(struct store *store, unsigned slot, void *value);
void *store_txn_local(struct store_txn *txn, unsigned slot);

// ---- Operating -----------------------------------------------------------------------------

struct store_stats {
    uint64_t commits, jobs, jobs_refused, groups_rerun;
    uint64_t bytes_used, bytes_max, queued;
    bool is_full;
};

void store_get_stats(struct store *store, struct store_stats *ret);
bool store_is_writable(struct store *store); // For readiness: false while full.

/// store_backup writes a consistent, compacted copy into a directory that must not exist, while
/// serving. bytes_per_second_max 0: not throttled. store_restore copies a backup into a directory
/// that is empty or absent (FAILED_PRECONDITION / DIRECTORY_NOT_EMPTY) and gives it a new store id.
MUST_USE struct status store_backup(struct store *store, const char *directory,
                                    uint64_t bytes_per_second_max, uint64_t *ret_bytes);
MUST_USE struct status store_restore(const char *backup_directory, const char *directory);
/// store_verify walks every page and row of a store or backup that nobody has open. DATA_LOSS /
/// STORE_CORRUPT; the message, which names the page, is the calling thread's until its next verify.
/// Damage inside a value is for its record's decoder to see.
MUST_USE struct status store_verify(const char *directory);
