#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define MAP_BYTES_DEFAULT (UINT64_C(64) << 30)
#define GROUP_JOBS_DEFAULT 4096
#define GROUP_BYTES_DEFAULT (UINT64_C(16) << 20)
#define GROUP_TIME_NS_DEFAULT (20 * NS_PER_MS)
#define READERS_DEFAULT 512
#define MAP_BYTES_MIN (UINT64_C(128) << 10)

// ---- Errors --------------------------------------------------------------------------------

static const struct {
    int rc;
    struct status status;
} engine_errors[] = {
    {MDB_NOTFOUND, {STATUS_NOT_FOUND, "ROW_NOT_FOUND", "no row has this key"}},
    {MDB_MAP_FULL, {STATUS_RESOURCE_EXHAUSTED, "STORE_FULL", "the store has reached its map size"}},
    {ENOSPC, {STATUS_RESOURCE_EXHAUSTED, "STORE_FULL", "the store's disk is full"}},
    {EDQUOT, {STATUS_RESOURCE_EXHAUSTED, "STORE_FULL", "the store's disk quota is used up"}},
    {MDB_TXN_FULL,
     {STATUS_RESOURCE_EXHAUSTED, "TRANSACTION_TOO_LARGE",
      "one transaction changes too many pages"}},
    {MDB_READERS_FULL,
     {STATUS_RESOURCE_EXHAUSTED, "READERS_FULL", "too many snapshots are open at once"}},
    {MDB_CORRUPTED, {STATUS_DATA_LOSS, "STORE_CORRUPT", "a page of the store is damaged"}},
    {MDB_PAGE_NOTFOUND, {STATUS_DATA_LOSS, "STORE_CORRUPT", "a page of the store is missing"}},
    {MDB_INVALID, {STATUS_DATA_LOSS, "STORE_CORRUPT", "the file is not a store"}},
    {MDB_INCOMPATIBLE,
     {STATUS_DATA_LOSS, "STORE_CORRUPT", "a table of the store has a foreign format"}},
    {MDB_VERSION_MISMATCH,
     {STATUS_FAILED_PRECONDITION, "STORE_FORMAT_UNKNOWN",
      "another version of the engine made the store"}},
    {EACCES,
     {STATUS_PERMISSION_DENIED, "STORE_ACCESS", "the store's files may not be read or written"}},
    {EPERM,
     {STATUS_PERMISSION_DENIED, "STORE_ACCESS", "the store's files may not be read or written"}},
    {EROFS,
     {STATUS_PERMISSION_DENIED, "STORE_ACCESS", "the store lies on a read-only file system"}},
    {ENOENT, {STATUS_NOT_FOUND, "STORE_ABSENT", "there is no such directory or store"}},
    {ENOTDIR, {STATUS_NOT_FOUND, "STORE_ABSENT", "the path is not a directory"}},
    {EIO, {STATUS_DATA_LOSS, "STORE_IO", "the disk failed to read or write"}},
};

struct status engine_status(int rc)
{
    if (rc == MDB_SUCCESS) return STATUS_SUCCESS;
    for (size_t i = 0; i < sizeof engine_errors / sizeof engine_errors[0]; i++) {
        if (engine_errors[i].rc == rc) return engine_errors[i].status;
    }
    return REFUSE(INTERNAL, STORE_ENGINE, "the store's engine failed in an unexpected way");
}

void engine_stop_process(const char *what, int rc)
{
    LOG_ERROR("the store stops the process: what is on disk is whole, what waited is not answered",
              LOG_TEXT("what", what), LOG_TEXT("error", rc != 0 ? mdb_strerror(rc) : NULL));
    abort();
}

static void report_assertion(MDB_env *env, const char *message)
{
    (void)env;
    LOG_ERROR("the store's engine found its own state broken", LOG_TEXT("assertion", message));
}

// ---- Processes and directories -------------------------------------------------------------

static atomic_uint fork_generation;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void count_fork(void)
{
    atomic_fetch_add_explicit(&fork_generation, 1, memory_order_relaxed);
}

static void watch_forks(void)
{
    CHECK(pthread_atfork(NULL, NULL, count_fork) == 0);
}

void engine_check_process(const struct store *store)
{
    CHECK(atomic_load_explicit(&fork_generation, memory_order_relaxed) == store->fork_generation);
}

// Locks and mmap are not coherent between the hosts of a network file system, so LMDB forbids them.
static bool is_network_file_system(int fd)
{
    enum { NFS = 0x6969, SMB = 0x517B, CEPH = 0x00c36400 };

    const uint32_t cifs = 0xFF534D42, smb2 = 0xFE534D42;
    struct statfs info;
    if (fstatfs(fd, &info) != 0) return false;
    uint32_t type = (uint32_t)info.f_type;
    return type == NFS || type == SMB || type == CEPH || type == cifs || type == smb2;
}

struct status engine_lock_directory(const char *directory, int *ret_fd)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return engine_status(errno);
    // The lock is on the directory itself: it needs no file, works in a read-only backup, and ends
    // with the process. It also refuses a second open in this process, which LMDB could not bear.
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return REFUSE(FAILED_PRECONDITION, STORE_IN_USE, "another user of the store is running");
    }
    *ret_fd = fd;
    return STATUS_SUCCESS;
}

struct status engine_join_path(const char *directory, const char *name,
                               char ret_path[static STORE_PATH_BYTES_MAX])
{
    int size = snprintf(ret_path, STORE_PATH_BYTES_MAX, "%s/%s", directory, name);
    if (size < 0 || size >= STORE_PATH_BYTES_MAX) {
        return REFUSE(INVALID_ARGUMENT, PATH_TOO_LONG, "the directory's path is too long");
    }
    return STATUS_SUCCESS;
}

struct status engine_sync_parent(const char *directory)
{
    char path[STORE_PATH_BYTES_MAX];
    RETURN_IF_ERROR(engine_join_path(directory, "..", path));
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return engine_status(errno);
    int rc = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    return engine_status(rc);
}

static struct status make_directory(const char *directory, bool *ret_made)
{
    *ret_made = mkdir(directory, 0700) == 0;
    if (*ret_made || errno == EEXIST) return STATUS_SUCCESS;
    return engine_status(errno);
}

// ---- Open and close ------------------------------------------------------------------------

static struct store_config with_defaults(const struct store_config *given)
{
    struct store_config config = *given;
    if (config.map_bytes == 0) config.map_bytes = MAP_BYTES_DEFAULT;
    if (config.map_bytes < MAP_BYTES_MIN) config.map_bytes = MAP_BYTES_MIN;
    if (config.group_jobs_max == 0) config.group_jobs_max = GROUP_JOBS_DEFAULT;
    if (config.group_bytes_max == 0) config.group_bytes_max = GROUP_BYTES_DEFAULT;
    if (config.group_time_ns_max == 0) config.group_time_ns_max = GROUP_TIME_NS_DEFAULT;
    if (config.readers_max == 0) config.readers_max = READERS_DEFAULT;
    return config;
}

static struct store *new_store(const struct store_config *config)
{
    CHECK(config->directory != NULL);
    pthread_once(&fork_once, watch_forks);
    struct store *store = calloc(1, sizeof *store);
    CHECK(store != NULL);
    store->config = with_defaults(config);
    store->config.directory = strdup(config->directory);
    CHECK(store->config.directory != NULL);
    store->directory_fd = -1;
    store->fork_generation = atomic_load_explicit(&fork_generation, memory_order_relaxed);
    pthread_mutex_init(&store->queue_lock, NULL);
    pthread_cond_init(&store->queue_filled, NULL);
    pthread_mutex_init(&store->snapshot_lock, NULL);
    store->commit_duration =
        metric_histogram("florin_store_commit_duration_seconds",
                         "Time from a group's last job until it is on disk", NULL);
    store->job_total = metric_counter("florin_store_jobs_total", "Write jobs finished", NULL);
    store->refused_total =
        metric_counter("florin_store_jobs_refused_total", "Write jobs that changed nothing", NULL);
    store->rerun_total = metric_counter("florin_store_groups_rerun_total",
                                        "Groups abandoned and run again job by job", NULL);
    return store;
}

static void free_store(struct store *store)
{
    if (store->env != NULL) mdb_env_close(store->env);
    if (store->directory_fd >= 0) close(store->directory_fd); // Releases the lock, last of all.
    pthread_mutex_destroy(&store->snapshot_lock);
    pthread_cond_destroy(&store->queue_filled);
    pthread_mutex_destroy(&store->queue_lock);
    free((char *)store->config.directory);
    free(store);
}

/// begin_anew lets LMDB find a file that it takes for a new one.
static struct status begin_anew(int directory_fd)
{
    int fd = openat(directory_fd, STORE_DATA_FILE, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (fd < 0) return engine_status(errno);
    close(fd);
    return STATUS_SUCCESS;
}

static struct status check_files(int directory_fd)
{
    if (is_network_file_system(directory_fd)) {
        return REFUSE(FAILED_PRECONDITION, STORE_ON_NETWORK, "a store needs a local file system");
    }
    if (faccessat(directory_fd, STORE_PARTIAL_FILE, F_OK, 0) == 0) {
        return REFUSE(FAILED_PRECONDITION, RESTORE_INCOMPLETE,
                      "a restore into this directory did not finish: empty it and restore again");
    }
    struct stat info;
    if (fstatat(directory_fd, STORE_DATA_FILE, &info, 0) != 0 || info.st_size == 0) {
        return STATUS_SUCCESS; // A new store.
    }
    if (verify_is_unborn(directory_fd, STORE_DATA_FILE)) return begin_anew(directory_fd);
    return verify_file(directory_fd, STORE_DATA_FILE, VERIFY_ROOTS);
}

static struct status open_environment(struct store *store)
{
    if (mdb_env_create(&store->env) != 0) engine_stop_process("mdb_env_create", ENOMEM);
    MDB_env *env = store->env;
    CHECK(mdb_env_set_mapsize(env, store->config.map_bytes) == 0);
    CHECK(mdb_env_set_maxreaders(env, store->config.readers_max) == 0);
    CHECK(mdb_env_set_maxdbs(env, STORE_TABLE_COUNT_MAX) == 0);
    CHECK(mdb_env_set_assert(env, report_assertion) == 0);
    // MDB_NOTLS ties reader slots to snapshots, which threads hand on to each other. All the other
    // flags that LMDB offers trade durability or isolation for speed.
    RETURN_IF_ERROR(engine_status(mdb_env_open(env, store->config.directory, MDB_NOTLS, 0600)));
    CHECK(mdb_env_get_maxkeysize(env) >= STORE_KEY_BYTES_MAX);
    return engine_status(mdb_reader_check(env, NULL));
}

static struct status open_all(struct store *store, const struct store_schema *const *schemas,
                              size_t schema_count)
{
    bool made;
    RETURN_IF_ERROR(make_directory(store->config.directory, &made));
    if (made) RETURN_IF_ERROR(engine_sync_parent(store->config.directory));
    RETURN_IF_ERROR(engine_lock_directory(store->config.directory, &store->directory_fd));
    RETURN_IF_ERROR(check_files(store->directory_fd));
    RETURN_IF_ERROR(open_environment(store));
    RETURN_IF_ERROR(schema_open(store, schemas, schema_count));
    // LMDB syncs the file but not its entry in the directory: a new store could vanish whole.
    if (fsync(store->directory_fd) != 0) return engine_status(errno);
    return writer_open(store);
}

struct status store_open(const struct store_config *config,
                         const struct store_schema *const *schemas, size_t schema_count,
                         struct store **ret)
{
    struct store *store = new_store(config);
    struct status status = open_all(store, schemas, schema_count);
    if (!status_ok(status)) {
        free_store(store);
        return status;
    }
    *ret = store;
    return STATUS_SUCCESS;
}

void store_close(struct store **store)
{
    if (*store == NULL) return;
    engine_check_process(*store);
    writer_close(*store);
    txn_close_snapshots(*store);
    free_store(*store);
    *store = NULL;
}

// ---- What operators ask --------------------------------------------------------------------

uint64_t store_id(const struct store *store)
{
    return store->id;
}

size_t store_former_ids(const struct store *store, uint64_t ret_ids[static STORE_FORMER_IDS_MAX])
{
    memcpy(ret_ids, store->former_ids, sizeof store->former_ids);
    return store->former_id_count;
}

// Pages of the free list count as unused, although the file holds them.
static uint64_t count_free_pages(struct store *store)
{
    enum { FREE_TABLE = 0 }; // LMDB's own handle of its free list.
    struct store_txn *snapshot;
    if (!status_ok(store_snapshot_begin(store, &snapshot))) return 0;
    uint64_t page_count = 0;
    MDB_cursor *cursor;
    if (mdb_cursor_open(snapshot->group, FREE_TABLE, &cursor) == 0) {
        MDB_val key, value;
        while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
            uint64_t record_pages = 0; // A record is its count, then the page numbers.
            if (value.mv_size >= sizeof record_pages) {
                memcpy(&record_pages, value.mv_data, sizeof record_pages);
            }
            page_count += record_pages;
        }
        mdb_cursor_close(cursor);
    }
    store_snapshot_end(&snapshot);
    return page_count;
}

void store_get_stats(struct store *store, struct store_stats *ret)
{
    MDB_envinfo info;
    MDB_stat stat;
    CHECK(mdb_env_info(store->env, &info) == 0);
    CHECK(mdb_env_stat(store->env, &stat) == 0);
    uint64_t page_count = info.me_last_pgno + 1, free_count = count_free_pages(store);
    *ret = (struct store_stats){
        .commits = atomic_load(&store->commits),
        .jobs = atomic_load(&store->jobs),
        .jobs_refused = atomic_load(&store->jobs_refused),
        .groups_rerun = atomic_load(&store->groups_rerun),
        .bytes_used = (page_count > free_count ? page_count - free_count : 0) * stat.ms_psize,
        .bytes_max = info.me_mapsize,
        .queued = atomic_load(&store->queued),
        .is_full = atomic_load(&store->is_full),
    };
}
