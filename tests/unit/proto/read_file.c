#include "tests/unit/proto/read_file.h"

#include "common/base/check.h"

#include <stdio.h>

struct bytes read_file(struct arena *arena, const char *directory, const char *name)
{
    char *path = arena_format(arena, "%s/%s", directory, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) perror(path);
    CHECK(file != NULL);
    CHECK(fseek(file, 0, SEEK_END) == 0);
    long size = ftell(file);
    CHECK(size >= 0);
    rewind(file);
    uint8_t *data = arena_alloc(arena, (size_t)size);
    CHECK(data != NULL && fread(data, 1, (size_t)size, file) == (size_t)size);
    (void)fclose(file);
    return bytes_of(data, (size_t)size);
}
