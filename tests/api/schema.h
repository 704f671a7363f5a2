/// @file tests/api/schema.h
/// Whether a JSON value is what a schema of openapi.json says: the part of JSON Schema (2020-12)
/// that our generator writes. Stricter in one thing: a member that an object's schema does not name
/// is an error, because replies hold nothing undocumented.
/// Limits     A pattern in a dialect that POSIX does not know (one with a backslash) is not
/// checked;
///            a keyword or a format that is not known here is an error, so that nothing is passed
///            over in silence.
/// Threads    One at a time: compiled patterns are kept.
#pragma once

#include <jansson.h>
#include <stdbool.h>

enum { SCHEMA_ERROR_BYTES = 512 };

/// schema_check gives false and, in ret_error, the place ("transfers[3].amount") and what is wrong.
/// document: the whole openapi.json, for $ref.
bool schema_check(const json_t *document, const json_t *schema, const json_t *value,
                  char ret_error[static SCHEMA_ERROR_BYTES]);
/// schema_resolve follows "$ref" to "#/components/schemas/<name>"; NULL: it leads nowhere.
const json_t *schema_resolve(const json_t *document, const json_t *schema);
