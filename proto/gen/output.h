/// @file proto/gen/output.h
/// Text that is gathered in memory and written to its file only if that would change it, so that
/// an edit of one proto does not compile everything again.
/// Ownership  output_text_open allocates; output_text_close frees.
#pragma once

#include "common/base/bytes.h"
#include "common/base/status.h"

#include <stdio.h>

struct output {
    FILE *text; // Print here.
    char *data;
    size_t size;
};

void output_open(struct output *output);
void output_close(struct output *output); // Idempotent.

/// output_save writes directory/name, making the directories of name: INTERNAL / OUTPUT_FAILED.
MUST_USE struct status output_save(struct output *output, const char *directory, const char *name);

/// output_literal prints a C string literal of any length, a line of it for each line of text.
void output_literal(FILE *to, struct bytes text);
