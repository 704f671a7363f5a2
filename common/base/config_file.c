#include "common/base/config_file.h"

#include "common/base/check.h"
#include "common/base/status.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct file {
    const struct config_file_events *events;
    char *text;
    size_t size, start, at;
    unsigned line; // Of what the reader handed out last.
    unsigned bad_lines[CONFIG_BAD_LINES_MAX];
    size_t bad_count;
    bool reporting; // False while malformed lines are still being looked for.
};

static void report(const struct file *file, unsigned line, const char *problem)
{
    file->events->problem(file->events->context, line, problem);
}

static void close_file(struct file *file)
{
    free(file->text);
}

static bool load(const char *path, struct file *file)
{
    FILE *in = fopen(path, "re");
    if (in == NULL) {
        report(file, 0, strerror(errno));
        return false;
    }
    file->text = malloc(CONFIG_FILE_BYTES_MAX + 1);
    CHECK(file->text != NULL);
    file->size = fread(file->text, 1, CONFIG_FILE_BYTES_MAX + 1, in);
    const char *problem = ferror(in) ? strerror(errno) : NULL;
    fclose(in);
    if (problem == NULL && file->size > CONFIG_FILE_BYTES_MAX) {
        problem = "the file is larger than 1 MiB";
    }
    if (problem == NULL && memchr(file->text, '\0', file->size) != NULL) {
        problem = "the file holds a NUL byte";
    }
    if (problem != NULL) report(file, 0, problem);
    if (file->size >= 3 && memcmp(file->text, "\xEF\xBB\xBF", 3) == 0) {
        file->start = 3; // A byte order mark is no part of the first line.
    }
    return problem == NULL;
}

static bool is_bad(const struct file *file, unsigned line)
{
    for (size_t i = 0; i < file->bad_count; i++) {
        if (file->bad_lines[i] == line) return true;
    }
    return false;
}

static void report_section(const struct file *file, const char *line)
{
    line += strspn(line, " \t");
    const char *end = strchr(line, ']');
    if (line[0] != '[' || end == NULL) return;
    char name[CONFIG_LINE_BYTES_MAX];
    snprintf(name, sizeof name, "%.*s", (int)(end - line - 1), line + 1);
    file->events->section(file->events->context, file->line, name);
}

// Hands libinih one line at a time, as fgets would. Malformed lines become empty ones, so that the
// lines behind them are still read.
static char *read_line(char *ret_line, int line_bytes, void *context)
{
    struct file *file = context;
    if (file->at == file->size) return NULL;
    file->line++;
    const char *start = file->text + file->at;
    const char *end = memchr(start, '\n', file->size - file->at);
    size_t size = end != NULL ? (size_t)(end - start) : file->size - file->at;
    file->at += size + (end != NULL ? 1 : 0);

    size_t limit =
        (size_t)line_bytes < CONFIG_LINE_BYTES_MAX ? (size_t)line_bytes : CONFIG_LINE_BYTES_MAX;
    size_t copied = 0;
    if (size + 2 > limit) { // The newline and the NUL.
        if (file->reporting) report(file, file->line, "the line is too long");
    } else if (is_bad(file, file->line)) {
        if (file->reporting) report(file, file->line, "neither [section] nor key = value");
    } else {
        memcpy(ret_line, start, size);
        copied = size;
        ret_line[copied] = '\0';
        if (file->reporting) report_section(file, ret_line);
    }
    ret_line[copied] = '\n';
    ret_line[copied + 1] = '\0';
    return ret_line;
}

static int ignore_value(void *context, const char *section, const char *name, const char *value)
{
    (void)context, (void)section, (void)name, (void)value;
    return 1;
}

static int pass_value(void *context, const char *section, const char *name, const char *value)
{
    const struct file *file = context;
    file->events->value(file->events->context, file->line, section, name, value);
    return 1;
}

static int parse(struct file *file, ini_handler handler)
{
    file->at = file->start;
    file->line = 0;
    int first_bad_line = ini_parse_stream(read_line, file, handler, file);
    CHECK(first_bad_line >= 0); // Below 0 is out of memory.
    return first_bad_line;
}

void config_file_read(const char *path, const struct config_file_events *events)
{
    // An indented line is a key like any other: libinih would join it to the value above.
    ini_allow_multiline = false;
    ini_use_stack = false;
    ini_initial_alloc = CONFIG_LINE_BYTES_MAX;
    ini_max_line = CONFIG_LINE_BYTES_MAX;

    CLEANUP(close_file) struct file file = {.events = events};
    if (!load(path, &file)) return;

    // libinih tells the first malformed line only: each pass finds one more.
    for (int bad; (bad = parse(&file, ignore_value)) > 0;) {
        if (file.bad_count == CONFIG_BAD_LINES_MAX) {
            report(&file, (unsigned)bad, "too many malformed lines, the rest was not read");
            return;
        }
        file.bad_lines[file.bad_count++] = (unsigned)bad;
    }
    file.reporting = true;
    parse(&file, pass_value);
}
