/// @file tests/api/refusals.h
/// What every operation of a book must refuse alike, and the examples that it shows.
/// Threads    One.
#pragma once

#include "tests/api/steps.h"

/// A request that any operation which documents the reason must answer with it.
struct provocation {
    const char *reason, *status;
    enum who who;
    const char *body;    // Of operations that have one.
    const char *query;   // Added to the path of operations that have none.
    const char *headers; // NULL: none.
};

/// refusals_prepare makes what the provocations need: it waits until the token of EARLY has grown
/// old (the last thing that a program waits for; ask: a request that any user may make), logs
/// everybody else in again, and sets the variable narrow to an API key of Asha's that can read one
/// thing.
void refusals_prepare(struct api *api, const char *ask);

/// refusals_provoke asks each operation for each reason that it documents, of these and of those
/// that are the same everywhere (tokens, JSON, unknown fields, page tokens, keys); it prints and
/// counts the wrong answers. variable: what stands in paths ("$asha").
size_t refusals_provoke(struct api *api, const char *variable,
                        const struct provocation *provocations, size_t count);

/// Who may ask for an operation. may: a character for each column, blanks between.
/// x: may ask (for something that is not there: whatever is answered, it is not PERMISSION_DENIED);
/// -: may not.
struct access_row {
    const char *ask, *body, *may;
};

/// refusals_check_matrix asks each row as each column; it prints and counts what is not so.
size_t refusals_check_matrix(struct api *api, const enum who *columns, size_t column_count,
                             const struct access_row *rows, size_t row_count);

/// refusals_check_examples holds the request examples against their schemas; it prints and counts
/// those that are missing or wrong. *ret_seen: how many operations take a body.
size_t refusals_check_examples(struct api *api, size_t *ret_seen);
