/// @file tests/api/book.h
/// What openapi.json promises, held against what is answered: every answer must be one that its
/// operation documents, in a documented shape, and every documented reason must have been answered
/// once by the end.
/// Ownership  The book owns the document.
/// Threads    One.
#pragma once

#include "tests/support/world.h"

struct book;

/// book_open reads /openapi.json from the running gateway; tag: of the operations that it looks at
/// ("ledger", "auth").
struct book *book_open(struct http_client *client, const char *tag);
void book_close(struct book **book);

/// One operation with the book's tag.
struct book_operation {
    const char *verb;      // "GET"
    const char *template_; // "/v1/accounts/{id}"
    const json_t *description;
};

/// book_document is the whole openapi.json.
const json_t *book_document(const struct book *book);
size_t book_count(const struct book *book);
const struct book_operation *book_operation(const struct book *book, size_t index);
/// book_documents says whether the operation documents the reason, under any status.
bool book_documents(const struct book_operation *operation, const char *reason);
bool book_has_parameter(const struct book_operation *operation, const char *where,
                        const char *name);

enum { BOOK_ERROR_BYTES = 1024 };

/// book_check holds one answer against the document, and a request that was taken against its
/// schema; it notes the reason as seen. false: ret_error says what does not agree. What has
/// another tag is right.
bool book_check(struct book *book, const char *verb, const char *path, const char *body,
                const struct http_answer *answer, char ret_error[static BOOK_ERROR_BYTES]);

/// A reason that no test can make the operation answer, and why.
struct book_exception {
    const char *verb, *template_; // NULL: any.
    const char *reason, *why;
    bool may_happen; // By luck: that it was seen is no mistake.
};

/// book_count_missing prints each documented reason that was not seen and is not excepted, and each
/// exception that was seen all the same; it gives their number.
size_t book_count_missing(const struct book *book, const struct book_exception *exceptions,
                          size_t exception_count);
