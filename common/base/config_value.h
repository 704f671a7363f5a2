/// @file common/base/config_value.h
/// One configuration row: reading its text, and saying what it allows. Used by config*.c only.
#pragma once

#include "common/base/config.h"

/// config_value_parse reads text by the row's type and range. A CONFIG_TEXT has its length as its
/// value. False when the row does not allow the text; *ret_value is untouched then.
bool config_value_parse(const struct config_key *key, const char *text, uint64_t *ret_value);

/// config_value_type_name is "text", "number", "bool", "size", "duration" or "choice".
const char *config_value_type_name(enum config_type type);

/// config_value_print_range writes "1 to 64 calls", "10ms to 1min", "true or false", "one of a, b".
void config_value_print_range(const struct config_key *key, FILE *out);

/// config_value_print_allowed writes what completes the sentence "must be ...".
void config_value_print_allowed(const struct config_key *key, FILE *out);

/// config_spec_row_count and config_spec_row see the tables of a spec as one list.
size_t config_spec_row_count(const struct config_spec *spec);
const struct config_key *config_spec_row(const struct config_spec *spec, size_t index);
