#include "tests/support/directory.h"

#include "common/base/check.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info, (void)kind, (void)walk;
    return remove(path);
}

void directory_remove(const char *path)
{
    CHECK(nftw(path, remove_entry, OPEN_DIRECTORIES_MAX, FTW_DEPTH | FTW_PHYS) == 0);
}
