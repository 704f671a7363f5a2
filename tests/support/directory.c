#include "tests/support/directory.h"

#include "common/base/check.h"

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { OPEN_DIRECTORIES_MAX = 16 };

void directory_make_in(const char *root, const char *name, char *ret_path, size_t ret_bytes)
{
    int size = snprintf(ret_path, ret_bytes, "%s/florin-%s-XXXXXX", root, name);
    CHECK(size > 0 && (size_t)size < ret_bytes);
    CHECK(mkdtemp(ret_path) != NULL);
}

void directory_make(const char *name, char *ret_path, size_t ret_bytes)
{
    const char *root = getenv("TMPDIR");
    directory_make_in(root != NULL ? root : "/tmp", name, ret_path, ret_bytes);
}

// nftw has no context; tests that search do so on one thread.
static const char *needle;
static size_t needle_count;

static int search_file(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)walk;
    if (kind != FTW_F || info->st_size == 0) return 0;
    FILE *file = fopen(path, "re");
    CHECK(file != NULL);
    size_t size = (size_t)info->st_size;
    char *bytes = malloc(size);
    CHECK(bytes != NULL);
    CHECK(fread(bytes, 1, size, file) == size);
    const char *at = bytes;
    while ((at = memmem(at, size - (size_t)(at - bytes), needle, strlen(needle))) != NULL) {
        needle_count++;
        at++;
    }
    free(bytes);
    fclose(file);
    return 0;
}

size_t directory_count_text(const char *path, const char *text)
{
    needle = text;
    needle_count = 0;
    CHECK(nftw(path, search_file, OPEN_DIRECTORIES_MAX, FTW_PHYS) == 0);
    return needle_count;
}

// Nor has nftw a place for where the copy goes.
static const char *copy_to;
static size_t copy_from_size;

static void copy_file(const char *path, const char *target, mode_t mode)
{
    char bytes[64 * 1024];
    size_t size;
    FILE *from = fopen(path, "re"), *to = fopen(target, "wxe");
    CHECK(from != NULL && to != NULL);
    while ((size = fread(bytes, 1, sizeof bytes, from)) > 0)
        CHECK(fwrite(bytes, 1, size, to) == size);
    CHECK(ferror(from) == 0 && fchmod(fileno(to), mode) == 0);
    CHECK(fclose(to) == 0 && fclose(from) == 0);
}

static int copy_entry(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)walk;
    char target[PATH_MAX];
    int size = snprintf(target, sizeof target, "%s%s", copy_to, path + copy_from_size);
    CHECK(size > 0 && (size_t)size < sizeof target);
    if (kind == FTW_D) return mkdir(target, info->st_mode & 07777);
    CHECK(kind == FTW_F);
    copy_file(path, target, info->st_mode & 07777);
    return 0;
}

void directory_copy(const char *from, const char *to)
{
    copy_to = to;
    copy_from_size = strlen(from);
    CHECK(nftw(from, copy_entry, OPEN_DIRECTORIES_MAX, FTW_PHYS) == 0);
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info, (void)kind, (void)walk;
    return remove(path);
}

void directory_remove(const char *path)
{
    CHECK(nftw(path, remove_entry, OPEN_DIRECTORIES_MAX, FTW_DEPTH | FTW_PHYS) == 0);
}
