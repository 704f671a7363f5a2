#include "proto/gen/output.h"

#include "common/base/check.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void output_open(struct output *output)
{
    *output = (struct output){0};
    output->text = open_memstream(&output->data, &output->size);
    CHECK(output->text != NULL);
}

void output_close(struct output *output)
{
    if (output->text != NULL) (void)fclose(output->text);
    free(output->data);
    *output = (struct output){0};
}

static bool make_directories(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        bool made = mkdir(path, 0777) == 0 || errno == EEXIST;
        *slash = '/';
        if (!made) return false;
    }
    return true;
}

static bool holds(const char *path, const char *data, size_t size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) return false;
    bool same = true;
    char block[4096];
    size_t at = 0, got;
    while (same && (got = fread(block, 1, sizeof block, file)) > 0) {
        same = got <= size - at && memcmp(block, data + at, got) == 0;
        at += got;
    }
    (void)fclose(file);
    return same && at == size;
}

struct status output_save(struct output *output, const char *directory, const char *name)
{
    CHECK(fflush(output->text) == 0); // Updates data and size.
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/%s", directory, name);
    CHECK(length > 0 && (size_t)length < sizeof path);
    if (holds(path, output->data, output->size)) return STATUS_SUCCESS;

    FILE *file = make_directories(path) ? fopen(path, "wb") : NULL;
    if (file == NULL) return REFUSE(INTERNAL, OUTPUT_FAILED, "an output file cannot be opened");
    size_t written = fwrite(output->data, 1, output->size, file);
    if (fclose(file) != 0 || written != output->size) {
        return REFUSE(INTERNAL, OUTPUT_FAILED, "an output file cannot be written");
    }
    return STATUS_SUCCESS;
}

void output_literal(FILE *to, struct bytes text)
{
    enum { LINE_BYTES = 80 };

    fputc('"', to);
    size_t column = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (column >= LINE_BYTES) {
            fputs("\"\n    \"", to);
            column = 0;
        }
        // Always three octal digits: a digit that follows can never join them.
        if (c == '"' || c == '\\') {
            column += (size_t)fprintf(to, "\\%c", c);
        } else if (isprint(c) && c != '?') {
            column += (size_t)fprintf(to, "%c", c);
        } else {
            column += (size_t)fprintf(to, "\\%03o", c);
        }
    }
    fputc('"', to);
}
