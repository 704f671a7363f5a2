#include "gateway/exposition.h"

#include "common/base/metrics.h"

#include <string.h>

enum { FAMILIES_MAX = METRICS_SERIES_MAX };

/// A family as one part wrote it: its comment lines and the run of series lines below them.
struct family {
    struct bytes name, comments, series;
    const char *daemon;
    bool is_written;
};

struct reader {
    const uint8_t *at, *end;
};

struct output {
    char *data;
    size_t size, capacity;
};

static struct bytes next_line(struct reader *reader)
{
    const uint8_t *stop = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
    if (stop == NULL) stop = reader->end;
    struct bytes line = bytes_of(reader->at, (size_t)(stop - reader->at));
    reader->at = stop < reader->end ? stop + 1 : stop;
    return line;
}

static bool starts_with(struct bytes line, const char *text)
{
    size_t size = strlen(text);
    return line.size >= size && memcmp(line.data, text, size) == 0;
}

// The family's name in "# HELP name …" or "# TYPE name …".
static struct bytes comment_name(struct bytes line)
{
    size_t begin = strlen("# HELP "), end = begin;
    while (end < line.size && line.data[end] != ' ') {
        end++;
    }
    return bytes_of(line.data + begin, end - begin);
}

// metrics_render begins every family with its HELP line: that is where one starts.
static size_t read_families(const struct exposition_part *part, struct family *ret, size_t max)
{
    struct reader reader = {part->text.data, part->text.data + part->text.size};
    size_t count = 0;
    while (reader.at < reader.end) {
        struct bytes line = next_line(&reader);
        bool is_help = starts_with(line, "# HELP ");
        if (is_help && count == max) break;
        if (is_help) {
            ret[count++] = (struct family){
                .name = comment_name(line), .comments = line, .daemon = part->daemon};
        } else if (count > 0 && starts_with(line, "# TYPE ")) {
            struct family *family = &ret[count - 1];
            family->comments.size = (size_t)(line.data + line.size - family->comments.data);
            family->series = bytes_of(reader.at, 0);
        } else if (count > 0 && line.size > 0 && ret[count - 1].series.data != NULL) {
            struct family *family = &ret[count - 1];
            family->series.size = (size_t)(line.data + line.size - family->series.data);
        }
    }
    return count;
}

static void put(struct output *output, const void *data, size_t size)
{
    if (size > output->capacity - output->size) size = output->capacity - output->size;
    memcpy(output->data + output->size, data, size);
    output->size += size;
}

static void put_text(struct output *output, const char *text)
{
    put(output, text, strlen(text));
}

// name{a="b"} 1  ->  name{daemon="x",a="b"} 1;   name 1  ->  name{daemon="x"} 1
static void put_series(struct output *output, struct bytes line, const char *daemon)
{
    size_t name_end = 0;
    while (name_end < line.size && line.data[name_end] != '{' && line.data[name_end] != ' ') {
        name_end++;
    }
    bool has_labels = name_end < line.size && line.data[name_end] == '{';
    put(output, line.data, name_end);
    put_text(output, "{daemon=\"");
    put_text(output, daemon);
    put_text(output, has_labels ? "\"," : "\"}");
    size_t rest = name_end + (has_labels ? 1 : 0);
    put(output, line.data + rest, line.size - rest);
    put_text(output, "\n");
}

static void put_family(struct output *output, struct family *family)
{
    struct reader reader = {family->series.data, family->series.data + family->series.size};
    while (reader.at < reader.end) {
        put_series(output, next_line(&reader), family->daemon);
    }
    family->is_written = true;
}

struct status exposition_merge(const struct exposition_part *parts, size_t part_count,
                               struct arena *arena, struct bytes *ret)
{
    struct family *families = arena_alloc(arena, FAMILIES_MAX * sizeof *families);
    if (families == NULL) return ARENA_STATUS_EXHAUSTED;
    size_t count = 0, input_bytes = 0, label_bytes = 0;
    for (size_t i = 0; i < part_count; i++) {
        count += read_families(&parts[i], families + count, FAMILIES_MAX - count);
        input_bytes += parts[i].text.size + 1;
        size_t lines = 1;
        for (size_t j = 0; j < parts[i].text.size; j++) {
            lines += parts[i].text.data[j] == '\n';
        }
        label_bytes += lines * (strlen(parts[i].daemon) + sizeof "{daemon=\"\",}");
    }
    struct output output = {.capacity = input_bytes + label_bytes};
    output.data = arena_alloc(arena, output.capacity);
    if (output.data == NULL) return ARENA_STATUS_EXHAUSTED;
    for (size_t i = 0; i < count; i++) {
        if (families[i].is_written) continue;
        put(&output, families[i].comments.data, families[i].comments.size);
        put_text(&output, "\n");
        for (size_t j = i; j < count; j++) {
            if (bytes_equal(families[i].name, families[j].name)) put_family(&output, &families[j]);
        }
    }
    *ret = bytes_of(output.data, output.size);
    return STATUS_SUCCESS;
}
