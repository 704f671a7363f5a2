#include "common/store/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { COPY_BYTES = 256 * 1024, PIPE_BYTES = 1024 * 1024 };

// ---- A throttled copy ----------------------------------------------------------------------

static int write_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, data, size);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return errno;
        data += written;
        size -= (size_t)written;
    }
    return 0;
}

// A pause per piece, so that the rate holds at any moment and no clock needs to be read.
static void pause_for(uint64_t bytes, uint64_t bytes_per_second_max)
{
    if (bytes_per_second_max == 0) return;
    double seconds = (double)bytes / (double)bytes_per_second_max;
    struct timespec pause = {.tv_sec = (time_t)seconds,
                             .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    while (nanosleep(&pause, &pause) != 0 && errno == EINTR) {
    }
}

struct copy {
    int from, to;
    uint64_t bytes_per_second_max;
    uint64_t bytes;
    int error;
};

// Copies until the end of the input. After an error it goes on reading and drops what it reads: a
// reader that left would fill LMDB's pipe, or send the process a SIGPIPE.
static void run_copy(struct copy *copy)
{
    uint8_t *buffer = malloc(COPY_BYTES);
    CHECK(buffer != NULL);
    for (;;) {
        ssize_t size = read(copy->from, buffer, COPY_BYTES);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) copy->error = errno;
        if (size <= 0) break;
        if (copy->error != 0) continue;
        copy->error = write_all(copy->to, buffer, (size_t)size);
        copy->bytes += (uint64_t)size;
        pause_for((uint64_t)size, copy->bytes_per_second_max);
    }
    free(buffer);
}

static void *copy_main(void *context)
{
    run_copy(context);
    return NULL;
}

// ---- Backup --------------------------------------------------------------------------------

// LMDB writes as fast as it can, so it writes into a pipe, which a second thread empties at the
// rate that is allowed.
static int copy_environment(struct store *store, int to, unsigned flags,
                            uint64_t bytes_per_second_max, uint64_t *ret_bytes)
{
    int pipe_fds[2];
    if (pipe2(pipe_fds, O_CLOEXEC) != 0) return errno;
    (void)fcntl(pipe_fds[1], F_SETPIPE_SZ, PIPE_BYTES); // A wish: a smaller pipe works too.
    struct copy copy = {
        .from = pipe_fds[0], .to = to, .bytes_per_second_max = bytes_per_second_max};
    pthread_t thread;
    int rc = pthread_create(&thread, NULL, copy_main, &copy);
    bool reads = rc == 0;
    if (reads) rc = mdb_env_copyfd2(store->env, pipe_fds[1], flags);
    close(pipe_fds[1]); // The reader's end of file.
    if (reads) pthread_join(thread, NULL);
    close(pipe_fds[0]);
    *ret_bytes = copy.bytes;
    return copy.error != 0 ? copy.error : rc;
}

static struct status write_backup(struct store *store, int directory_fd,
                                  uint64_t bytes_per_second_max, uint64_t *ret_bytes)
{
    int fd =
        openat(directory_fd, STORE_PARTIAL_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return engine_status(errno);
    int rc = copy_environment(store, fd, MDB_CP_COMPACT, bytes_per_second_max, ret_bytes);
    if (rc == MDB_INCOMPATIBLE) {
        // Compaction counts pages and gives up when some have leaked; a plain copy takes them
        // along.
        rc = ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0 ? 0 : errno;
        if (rc == 0) rc = copy_environment(store, fd, 0, bytes_per_second_max, ret_bytes);
    }
    if (rc == 0 && fsync(fd) != 0) rc = errno;
    close(fd);
    RETURN_IF_ERROR(engine_status(rc));
    // A backup that nobody has read is a hope.
    return verify_file(directory_fd, STORE_PARTIAL_FILE, VERIFY_ALL);
}

// The name says complete, so it comes last; the directories' entries must last as well.
static struct status publish_file(int directory_fd, const char *directory)
{
    if (renameat(directory_fd, STORE_PARTIAL_FILE, directory_fd, STORE_DATA_FILE) != 0 ||
        fsync(directory_fd) != 0) {
        return engine_status(errno);
    }
    return engine_sync_parent(directory);
}

struct status store_backup(struct store *store, const char *directory,
                           uint64_t bytes_per_second_max, uint64_t *ret_bytes)
{
    engine_check_process(store);
    if (mkdir(directory, 0700) != 0) {
        if (errno == EEXIST) {
            return REFUSE(FAILED_PRECONDITION, BACKUP_EXISTS, "the backup's directory exists");
        }
        return engine_status(errno);
    }
    int fd;
    RETURN_IF_ERROR(engine_lock_directory(directory, &fd));
    uint64_t bytes = 0;
    struct status status = write_backup(store, fd, bytes_per_second_max, &bytes);
    if (status_ok(status)) status = publish_file(fd, directory);
    if (!status_ok(status)) {
        unlinkat(fd, STORE_PARTIAL_FILE, 0);
        rmdir(directory);
    }
    close(fd);
    if (status_ok(status) && ret_bytes != NULL) *ret_bytes = bytes;
    return status;
}

// ---- Restore -------------------------------------------------------------------------------

static struct status check_empty(int directory_fd)
{
    int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    if (entries == NULL) {
        int error = errno;
        if (fd >= 0) close(fd);
        return engine_status(error);
    }
    bool empty = true;
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        empty = empty && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0);
    }
    closedir(entries);
    if (!empty) {
        return REFUSE(FAILED_PRECONDITION, DIRECTORY_NOT_EMPTY,
                      "a restore needs an empty or absent directory");
    }
    return STATUS_SUCCESS;
}

static struct status copy_file(int from_fd, int to_fd)
{
    int from = openat(from_fd, STORE_DATA_FILE, O_RDONLY | O_CLOEXEC);
    if (from < 0) return engine_status(errno);
    int to = openat(to_fd, STORE_PARTIAL_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0) {
        int error = errno;
        close(from);
        return engine_status(error);
    }
    struct copy copy = {.from = from, .to = to};
    run_copy(&copy);
    if (copy.error == 0 && fsync(to) != 0) copy.error = errno;
    close(to);
    close(from);
    return engine_status(copy.error);
}

static struct status restore_into(int backup_fd, int fd, const char *directory)
{
    char path[STORE_PATH_BYTES_MAX];
    RETURN_IF_ERROR(engine_join_path(directory, STORE_PARTIAL_FILE, path));
    RETURN_IF_ERROR(check_empty(fd));
    struct status status = copy_file(backup_fd, fd);
    if (status_ok(status)) status = schema_renew_id(path); // Its commit syncs the file.
    if (status_ok(status)) status = verify_file(fd, STORE_PARTIAL_FILE, VERIFY_ALL);
    if (!status_ok(status)) {
        unlinkat(fd, STORE_PARTIAL_FILE, 0);
        return status;
    }
    return publish_file(fd, directory);
}

struct status store_restore(const char *backup_directory, const char *directory)
{
    int backup_fd, fd;
    RETURN_IF_ERROR(engine_lock_directory(backup_directory, &backup_fd));
    struct status status = verify_file(backup_fd, STORE_DATA_FILE, VERIFY_ALL);
    if (status_ok(status) && mkdir(directory, 0700) != 0 && errno != EEXIST) {
        status = engine_status(errno);
    }
    if (status_ok(status)) status = engine_lock_directory(directory, &fd);
    if (status_ok(status)) {
        status = restore_into(backup_fd, fd, directory);
        close(fd);
    }
    close(backup_fd);
    return status;
}
