#include "common/base/lines.h"

#include "common/base/check.h"

#include <stdio.h>
#include <stdlib.h>

struct status lines_open(const char *path, struct lines *ret)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) return REFUSE(NOT_FOUND, FILE_UNREADABLE, "the file cannot be opened");
    char *text = malloc(LINES_BYTES_MAX + 1);
    CHECK(text != NULL);
    size_t size = fread(text, 1, LINES_BYTES_MAX + 1, file);
    bool is_read = ferror(file) == 0;
    fclose(file);
    if (!is_read || size > LINES_BYTES_MAX) {
        free(text);
        return is_read ? REFUSE(INVALID_ARGUMENT, FILE_TOO_LARGE, "the file is too large")
                       : REFUSE(NOT_FOUND, FILE_UNREADABLE, "the file cannot be read");
    }
    *ret = (struct lines){.text = text, .rest = bytes_of(text, size)};
    return STATUS_SUCCESS;
}

void lines_close(struct lines *lines)
{
    free(lines->text);
    *lines = (struct lines){0};
}

static bool is_space(uint8_t character)
{
    return character == ' ' || character == '\t' || character == '\r';
}

static struct bytes trim(struct bytes line)
{
    while (line.size > 0 && is_space(line.data[0]))
        line = bytes_of(line.data + 1, line.size - 1);
    while (line.size > 0 && is_space(line.data[line.size - 1]))
        line.size--;
    return line;
}

bool lines_next(struct lines *lines, struct bytes *ret)
{
    while (lines->rest.size > 0) {
        struct bytes rest = lines->rest;
        const uint8_t *newline = memchr(rest.data, '\n', rest.size);
        struct bytes line =
            newline != NULL ? bytes_of(rest.data, (size_t)(newline - rest.data)) : rest;
        size_t taken = line.size + (newline != NULL ? 1 : 0);
        lines->rest = bytes_of(rest.data + taken, rest.size - taken);
        lines->number++;
        const uint8_t *comment = line.size > 0 ? memchr(line.data, '#', line.size) : NULL;
        if (comment != NULL) line.size = (size_t)(comment - line.data);
        line = trim(line);
        if (line.size == 0) continue;
        *ret = line;
        return true;
    }
    return false;
}

struct bytes lines_word(struct bytes *line)
{
    struct bytes rest = trim(*line);
    size_t size = 0;
    while (size < rest.size && !is_space(rest.data[size]))
        size++;
    *line = trim(bytes_of(rest.data + size, rest.size - size));
    return bytes_of(rest.data, size);
}
