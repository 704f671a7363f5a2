#include "services/auth/outbox.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "services/auth/message_text.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ARENA_BYTES_MAX = 1 << 20 };

#define NOT_WRITABLE REFUSE(UNAVAILABLE, OUTBOX_NOT_WRITABLE, "the outbox cannot be written")

struct status auth_outbox_open(const char *directory, int *ret_fd)
{
    char path[PATH_MAX], last;
    int size = snprintf(path, sizeof path, "%s/messages.jsonl", directory);
    if (size < 0 || (size_t)size >= sizeof path) return NOT_WRITABLE;
    if (mkdir(directory, 0700) != 0 && errno != EEXIST) return NOT_WRITABLE;
    int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return NOT_WRITABLE;
    off_t end = lseek(fd, 0, SEEK_END);
    bool is_cut = end > 0 && pread(fd, &last, 1, end - 1) == 1 && last != '\n';
    if (is_cut && write(fd, "\n", 1) != 1) {
        close(fd);
        return NOT_WRITABLE;
    }
    *ret_fd = fd;
    return STATUS_SUCCESS;
}

// ---- Lines ---------------------------------------------------------------------------------

static json_t *make_line(const struct auth_message *message)
{
    char text[AUTH_TEXT_BYTES], at[CLOCK_RFC3339_BYTES];
    auth_message_write_text(message, text);
    clock_format_rfc3339(message->created_at_ns, at);
    json_t *line = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "to", message->to, "channel",
                             auth_channel_name(message->channel), "kind",
                             auth_message_kind_name(message->kind), "code", message->code, "text",
                             text, "at", at);
    CHECK(line != NULL); // Out of memory, or text that is not UTF-8: the validator has seen it.
    return line;
}

static int append_bytes(const char *data, size_t size, void *context)
{
    struct bytes *buffer = context;
    uint8_t *grown = realloc((void *)(uintptr_t)buffer->data, buffer->size + size);
    CHECK(grown != NULL);
    memcpy(grown + buffer->size, data, size);
    *buffer = bytes_of(grown, buffer->size + size);
    return 0;
}

static void free_lines(struct bytes *lines)
{
    void *data = (void *)(uintptr_t)lines->data;
    if (data == NULL) return;
    key_wipe(data, lines->size);
    free(data);
}

static struct status write_lines(int fd, struct bytes lines)
{
    while (lines.size > 0) {
        ssize_t size = write(fd, lines.data, lines.size);
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) return NOT_WRITABLE;
        lines = bytes_of(lines.data + size, lines.size - (size_t)size);
    }
    return fdatasync(fd) == 0 || errno == EINVAL ? STATUS_SUCCESS : NOT_WRITABLE; // EINVAL: a pipe.
}

// ---- Delivering ----------------------------------------------------------------------------

struct batch {
    size_t count;
    struct auth_message messages[AUTH_OUTBOX_BATCH_MAX];
};

static struct status read_messages(const struct auth_service *service, struct arena *arena,
                                   struct batch *ret)
{
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    RETURN_IF_ERROR(store_snapshot_begin(service->store, &txn));
    return auth_store_get_messages(service->auth, txn, &AUTH_MESSAGES_ALL, arena, ret->messages,
                                   AUTH_OUTBOX_BATCH_MAX, &ret->count);
}

static struct status delete_messages(struct store_txn *txn, void *context)
{
    const struct batch *batch = context;
    for (size_t i = 0; i < batch->count; i++)
        auth_store_delete_message(txn, &batch->messages[i]);
    return STATUS_SUCCESS;
}

struct status auth_outbox_deliver(const struct auth_service *service, int fd, uint64_t now_ns,
                                  size_t *ret_count)
{
    CLEANUP(arena_close) struct arena *arena = arena_open(ARENA_BYTES_MAX);
    CLEANUP(free_lines) struct bytes lines = {0};
    struct batch batch = {0};
    *ret_count = 0;
    RETURN_IF_ERROR(read_messages(service, arena, &batch));
    if (batch.count == 0) return STATUS_SUCCESS;
    for (size_t i = 0; i < batch.count; i++) {
        if (now_ns >= auth_message_end_ns(&batch.messages[i])) continue;
        json_t *line = make_line(&batch.messages[i]);
        CHECK(json_dump_callback(line, append_bytes, &lines, JSON_COMPACT) == 0);
        json_decref(line);
        append_bytes("\n", 1, &lines);
    }
    RETURN_IF_ERROR(write_lines(fd, lines));
    RETURN_IF_ERROR(store_write_wait(service->store, delete_messages, &batch));
    *ret_count = batch.count;
    return STATUS_SUCCESS;
}
