/// @file common/base/lines.h
/// Small text files of the operator: a thing a line, blank lines and what follows # left out.
/// Ownership  Lines point into the file's text, until lines_close.
/// Threads    One at a time.
/// Errors     NOT_FOUND / FILE_UNREADABLE, INVALID_ARGUMENT / FILE_TOO_LARGE.
#pragma once

#include "common/base/bytes.h"
#include "common/base/status.h"

enum { LINES_BYTES_MAX = 256 * 1024 };

struct lines {
    char *text;
    struct bytes rest;
    unsigned number; // Of the line that lines_next gave last, from 1.
};

MUST_USE struct status lines_open(const char *path, struct lines *ret);
void lines_close(struct lines *lines); // Idempotent; takes a zeroed one.

/// lines_next gives the next line with something in it, without white space at its ends; false at
/// the end of the file.
bool lines_next(struct lines *lines, struct bytes *ret);
/// lines_word takes the first word off a line; empty when there is none.
struct bytes lines_word(struct bytes *line);
