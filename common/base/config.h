/// @file common/base/config.h
/// One INI file, overridden by environment FLORIN_<SECTION>_<KEY>, overridden by flags
/// --section.key=value. One table row per key; --help, --check-config and the README table come
/// from the rows.
/// Rules      An unknown key, an unknown section or a value out of range refuses to start, naming
///            file and line. Sections that belong to other daemons (config_spec.foreign_sections)
///            are skipped, so that one file serves all five.
///            FLORIN_ variables count when they begin with one of our sections' names; others, such
///            as FLORIN_DATA_DIR, are not ours to judge. A key given twice in the file refuses.
///            All errors are printed, not only the first. Refused texts are not shown.
/// Ownership  Text values live as long as the struct config.
#pragma once

#include "common/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum config_type {
    CONFIG_TEXT,  // min and max bound its length.
    CONFIG_U64,   // A plain number in the row's unit.
    CONFIG_BOOL,  // true or false.
    CONFIG_BYTES, // Number with optional KiB, MiB, GiB, TiB; value in bytes.
    CONFIG_MS,    // Number with ms, s, min, h or d; value in milliseconds.
    CONFIG_CHOICE // One of row.choices, comma separated; value is its index.
};

struct config_key {
    const char *section;
    const char *name;
    enum config_type type;
    const char *unit; // As shown in --help: "bytes", "ms", "calls"; NULL for none.
    uint64_t min, max;
    const char *default_text; // Must itself be allowed (CHECK). NULL: must be given.
    const char *choices;      // CONFIG_CHOICE only.
    const char *doc;          // One sentence.
};

struct config_spec {
    const char *program;                    // "florin-ledger"
    const char *summary;                    // One line for --help.
    const struct config_key *const *tables; // Several tables: the common rows, then the daemon's.
    const size_t *table_counts;
    size_t tables_count;
    const char *const *foreign_sections; // NULL-terminated.
};

struct config;

enum config_action { CONFIG_RUN, CONFIG_EXIT_OK, CONFIG_EXIT_BAD };

/// config_load reads flags (--config FILE, --check-config, --config-table, --help, --version,
/// --section.key=value), file and environment. It prints help, version, the table, the check's
/// verdict or the errors itself (each error names file:line, key and what is allowed) and says what
/// main should do next.
enum config_action config_load(const struct config_spec *spec, int argc, char **argv,
                               struct config **ret);
void config_close(struct config **config);

/// The getters CHECK that the row exists and has a fitting type: a wrong name is our bug.
/// config_text serves CONFIG_TEXT and CONFIG_CHOICE (the chosen word); config_u64 serves
/// CONFIG_U64, _BYTES, _MS and _CHOICE (its index).
const char *config_text(const struct config *config, const char *section, const char *name);
uint64_t config_u64(const struct config *config, const char *section, const char *name);
bool config_bool(const struct config *config, const char *section, const char *name);

/// config_each gives every row with its text as it was given ("" for none), in the rows' order.
void config_each(const struct config *config,
                 void (*each)(void *context, const struct config_key *key, const char *text),
                 void *context);

/// config_print_markdown writes the rows as the README's table.
void config_print_markdown(const struct config_spec *spec, FILE *out);
