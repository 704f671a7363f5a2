#include "services/ctl/tile_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 + TLOG_TILE_PATH_BYTES + 8 };

#define WRITE_REFUSAL REFUSE(UNAVAILABLE, FILE_UNWRITABLE, "a file cannot be written")
#define READ_REFUSAL REFUSE(UNAVAILABLE, FILE_UNREADABLE, "a file cannot be read")

bool tile_source_says_something(struct status status)
{
    return status.code == STATUS_NOT_FOUND || status.code == STATUS_DATA_LOSS ||
           status.code == STATUS_INVALID_ARGUMENT;
}

struct status tile_source_keep(struct status status)
{
    static char reason[64], message[256];
    if (status_ok(status)) return status;
    snprintf(reason, sizeof reason, "%s", status.reason);
    snprintf(message, sizeof message, "%s", status.message);
    return (struct status){.code = status.code, .reason = reason, .message = message};
}

bool tile_bundle_parse(struct bytes bundle, unsigned count,
                       struct bytes ret[static TLOG_TILE_WIDTH])
{
    const uint8_t *at = bundle.data, *end = bundle.data + bundle.size;
    for (unsigned i = 0; i < count; i++) {
        if (end - at < 2 || end - at - 2 < get_u16_be(at)) return false;
        ret[i] = bytes_of(at + 2, get_u16_be(at));
        at += 2 + ret[i].size;
    }
    return at == end;
}

static bool join(char ret[static PATH_BYTES], const char *directory, const char *path,
                 const char *suffix)
{
    int size = snprintf(ret, PATH_BYTES, "%s/%s%s", directory, path, suffix);
    return size > 0 && size < PATH_BYTES;
}

// ---- Reading -------------------------------------------------------------------------------

static struct status read_all(int fd, size_t size, struct arena *arena, struct bytes *ret)
{
    uint8_t *data = arena_alloc(arena, size);
    if (data == NULL) return ARENA_STATUS_EXHAUSTED;
    for (size_t done = 0; done < size;) {
        ssize_t part = read(fd, data + done, size - done);
        if (part < 0 && errno == EINTR) continue;
        if (part <= 0) return READ_REFUSAL;
        done += (size_t)part;
    }
    *ret = bytes_of(data, size);
    return STATUS_SUCCESS;
}

static struct status read_file(void *context, const char *path, struct arena *arena,
                               struct bytes *ret)
{
    char name[PATH_BYTES];
    struct stat info;
    if (!join(name, context, path, "")) return READ_REFUSAL;
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return REFUSE(NOT_FOUND, TILE_NOT_FOUND, "there is no such file");
    if (fd < 0) return READ_REFUSAL;
    struct status status = READ_REFUSAL;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode))
        status = read_all(fd, (size_t)info.st_size, arena, ret);
    close(fd);
    return status;
}

struct tile_source tile_directory_source(const char *directory)
{
    return (struct tile_source){.read = read_file, .context = (void *)directory};
}

int64_t tile_directory_size(const char *directory, const char *path)
{
    char name[PATH_BYTES];
    struct stat info;
    if (!join(name, directory, path, "") || stat(name, &info) != 0) return -1;
    return S_ISREG(info.st_mode) ? (int64_t)info.st_size : -1;
}

// ---- Writing -------------------------------------------------------------------------------

// Every directory above the file.
static bool make_directories(char *name, size_t skip)
{
    for (char *slash = strchr(name + skip, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        bool is_there = mkdir(name, 0777) == 0 || errno == EEXIST;
        *slash = '/';
        if (!is_there) return false;
    }
    return true;
}

static bool write_all(int fd, struct bytes bytes)
{
    for (size_t done = 0; done < bytes.size;) {
        ssize_t part = write(fd, bytes.data + done, bytes.size - done);
        if (part < 0 && errno == EINTR) continue;
        if (part <= 0) return false;
        done += (size_t)part;
    }
    return fsync(fd) == 0;
}

struct status tile_directory_write(const char *directory, const char *path, struct bytes bytes)
{
    char name[PATH_BYTES], temporary[PATH_BYTES];
    if (!join(name, directory, path, "") || !join(temporary, directory, path, ".new"))
        return WRITE_REFUSAL;
    if (!make_directories(temporary, 1)) return WRITE_REFUSAL;
    int fd = open(temporary, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0666);
    if (fd < 0) return WRITE_REFUSAL;
    bool is_written = write_all(fd, bytes);
    is_written = close(fd) == 0 && is_written;
    return is_written && rename(temporary, name) == 0 ? STATUS_SUCCESS : WRITE_REFUSAL;
}

struct status tile_directory_sync(const char *directory)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return WRITE_REFUSAL;
    bool is_synced = syncfs(fd) == 0;
    close(fd);
    return is_synced ? STATUS_SUCCESS : WRITE_REFUSAL;
}
