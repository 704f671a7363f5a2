#include "common/base/config_print.h"

#include "common/base/config_value.h"
#include "common/base/version.h"

#include <string.h>

// Calls print for each row, sections in the order of their first rows, though several tables may
// each hold rows of one section.
static void for_each_row(const struct config_spec *spec,
                         void (*print)(const struct config_key *key, bool first_of_section,
                                       FILE *out),
                         FILE *out)
{
    size_t count = config_spec_row_count(spec);
    for (size_t i = 0; i < count; i++) {
        const char *section = config_spec_row(spec, i)->section;
        bool done = false;
        for (size_t j = 0; j < i && !done; j++) {
            done = strcmp(config_spec_row(spec, j)->section, section) == 0;
        }
        if (done) continue;
        for (size_t j = i; j < count; j++) {
            const struct config_key *key = config_spec_row(spec, j);
            if (strcmp(key->section, section) == 0) print(key, j == i, out);
        }
    }
}

static void print_help_row(const struct config_key *key, bool first_of_section, FILE *out)
{
    if (first_of_section) fprintf(out, "\n[%s]\n", key->section);
    fprintf(out, "  %s\n      %s\n      %s", key->name, key->doc,
            config_value_type_name(key->type));
    if (key->unit != NULL && key->type != CONFIG_U64) fprintf(out, " (%s)", key->unit);
    fputs("; ", out);
    config_value_print_range(key, out);
    if (key->default_text == NULL) {
        fputs("; must be given\n", out);
    } else {
        fprintf(out, "; default \"%s\"\n", key->default_text);
    }
}

void config_print_help(const struct config_spec *spec, FILE *out)
{
    fprintf(out,
            "%s: %s\n\n"
            "Usage: %s [--config FILE] [--section.key=value ...]\n"
            "       %s [...] --check-config   say whether the configuration is valid\n"
            "       %s --config-table         all keys as a Markdown table\n"
            "       %s --help | --version\n\n"
            "A key stands in FILE as \"key = value\" below its [section]. The environment's\n"
            "FLORIN_<SECTION>_<KEY> overrides the file, and a flag overrides both.\n",
            spec->program, spec->summary, spec->program, spec->program, spec->program,
            spec->program);
    for_each_row(spec, print_help_row, out);
}

void config_print_version(const struct config_spec *spec, FILE *out)
{
    fprintf(out, "%s %s (build id %s)\n", spec->program, florin_version(), florin_build_id());
}

// A bar would end the table's cell.
static void print_cell(const char *text, FILE *out)
{
    for (; *text != '\0'; text++) {
        fprintf(out, *text == '|' ? "\\%c" : "%c", *text);
    }
}

static void print_markdown_row(const struct config_key *key, bool first_of_section, FILE *out)
{
    (void)first_of_section;
    fprintf(out, "| `%s.%s` | %s | ", key->section, key->name, config_value_type_name(key->type));
    config_value_print_range(key, out);
    fputs(" | ", out);
    if (key->default_text == NULL) {
        fputs("must be given", out);
    } else if (key->default_text[0] == '\0') {
        fputs("empty", out);
    } else {
        fputc('`', out);
        print_cell(key->default_text, out);
        fputc('`', out);
    }
    fputs(" | ", out);
    print_cell(key->doc, out);
    fputs(" |\n", out);
}

void config_print_markdown(const struct config_spec *spec, FILE *out)
{
    fputs("| Key | Type | Range | Default | Meaning |\n|---|---|---|---|---|\n", out);
    for_each_row(spec, print_markdown_row, out);
}
