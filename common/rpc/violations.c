#include "common/rpc/violations.h"

#include <stdio.h>
#include <string.h>

enum { NAME_BYTES_MAX = 64, PATH_BYTES_MAX = 512 };

static size_t append(char *text, size_t used, const char *data, size_t size)
{
    if (size > PATH_BYTES_MAX - 1 - used) size = PATH_BYTES_MAX - 1 - used;
    memcpy(text + used, data, size);
    return used + size;
}

static size_t cut_name(const char *name, size_t size)
{
    if (size <= NAME_BYTES_MAX) return size;
    size = NAME_BYTES_MAX;
    while (size > 0 && ((unsigned char)name[size] & 0xC0) == 0x80) {
        size--;
    }
    return size;
}

static size_t format_path(const struct rpc_path *path, char *text)
{
    if (path == NULL) return 0;
    size_t used = format_path(path->parent, text);
    // A step without a name is an item of its parent's list: its index alone is added.
    if (used > 0 && path->name_bytes > 0) used = append(text, used, ".", 1);
    used = append(text, used, path->name, cut_name(path->name, path->name_bytes));
    if (path->index != RPC_PATH_NO_INDEX) {
        char index[32];
        int length = snprintf(index, sizeof index, "[%zu]", path->index);
        used = append(text, used, index, (size_t)length);
    }
    return used;
}

void rpc_violations_add(struct rpc_violations *violations, struct arena *arena,
                        const struct rpc_path *path, const char *reason)
{
    if (violations->count == RPC_VIOLATIONS_MAX) return;
    char text[PATH_BYTES_MAX];
    const char *field = arena_text(arena, text, format_path(path, text));
    // Without room for its path a violation still stands.
    violations->items[violations->count++] =
        (struct rpc_violation){.field = field != NULL ? field : "", .reason = reason};
}

struct status rpc_violations_status(const struct rpc_violations *violations)
{
    if (violations->count == 0) return STATUS_SUCCESS;
    return REFUSE(INVALID_ARGUMENT, VALIDATION_FAILED, "fields of the request break their rules");
}
