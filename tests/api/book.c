#include "tests/api/book.h"

#include "tests/api/schema.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPERATIONS_MAX = 128 };

struct book {
    json_t *document;
    struct book_operation operations[OPERATIONS_MAX];
    char verbs[OPERATIONS_MAX][8];
    json_t *seen[OPERATIONS_MAX]; // "422 INSUFFICIENT_FUNDS" -> true
    size_t count;
};

/// What any operation may answer and none documents for itself: the gateway's own refusals.
static const char *const everywhere[] = {"406 NOT_ACCEPTABLE", "413 REQUEST_TOO_LARGE",
                                         "413 REQUEST_TOO_COMPLEX", "415 MEDIA_TYPE_UNSUPPORTED"};

static bool has_tag(const json_t *description, const char *wanted)
{
    const json_t *tag = json_array_get(json_object_get(description, "tags"), 0);
    return json_is_string(tag) && strcmp(json_string_value(tag), wanted) == 0;
}

static void add_operation(struct book *book, const char *template_, const char *verb,
                          const json_t *description)
{
    size_t index = book->count++;
    if (index == OPERATIONS_MAX || strlen(verb) >= sizeof book->verbs[0]) abort();
    for (size_t i = 0; i <= strlen(verb); i++)
        book->verbs[index][i] = (char)toupper((unsigned char)verb[i]);
    book->operations[index] = (struct book_operation){
        .verb = book->verbs[index], .template_ = template_, .description = description};
    book->seen[index] = json_object();
}

struct book *book_open(struct http_client *client, const char *tag)
{
    struct http_answer answer = {0};
    struct book *book = calloc(1, sizeof *book);
    if (book == NULL) abort();
    http_expect(client, NULL, "GET", "/openapi.json", NULL, 200, &answer);
    book->document = json_incref(answer.json);
    http_answer_reset(&answer);
    const char *template_, *verb;
    json_t *path, *description;
    json_object_foreach(json_object_get(book->document, "paths"), template_, path)
    {
        json_object_foreach(path, verb, description)
        {
            if (has_tag(description, tag)) add_operation(book, template_, verb, description);
        }
    }
    return book;
}

void book_close(struct book **book)
{
    if (*book == NULL) return;
    for (size_t i = 0; i < (*book)->count; i++)
        json_decref((*book)->seen[i]);
    json_decref((*book)->document);
    free(*book);
    *book = NULL;
}

const json_t *book_document(const struct book *book)
{
    return book->document;
}

size_t book_count(const struct book *book)
{
    return book->count;
}

const struct book_operation *book_operation(const struct book *book, size_t index)
{
    return &book->operations[index];
}

static const json_t *responses_of(const struct book_operation *operation)
{
    return json_object_get(operation->description, "responses");
}

static bool has_text(const json_t *texts, const char *text)
{
    for (size_t i = 0; i < json_array_size(texts); i++)
        if (strcmp(json_string_value(json_array_get(texts, i)), text) == 0) return true;
    return false;
}

bool book_documents(const struct book_operation *operation, const char *reason)
{
    const char *status;
    json_t *response;
    json_object_foreach((json_t *)responses_of(operation), status, response)
    {
        if (has_text(json_object_get(response, "x-florin-reasons"), reason)) return true;
    }
    return false;
}

bool book_has_parameter(const struct book_operation *operation, const char *where, const char *name)
{
    const json_t *parameters = json_object_get(operation->description, "parameters");
    for (size_t i = 0; i < json_array_size(parameters); i++) {
        const json_t *parameter = json_array_get(parameters, i);
        if (strcmp(json_string_value(json_object_get(parameter, "in")), where) == 0 &&
            strcmp(json_string_value(json_object_get(parameter, "name")), name) == 0)
            return true;
    }
    return false;
}

// ---- Which operation a path is of ---------------------------------------------------------------

/// One segment: "{id}:freeze" is whatever ends so, "{id}" whatever has no verb.
static bool segment_fits(const char *template_, size_t template_size, const char *text, size_t size)
{
    const char *close = memchr(template_, '}', template_size);
    if (template_[0] != '{' || close == NULL)
        return template_size == size && memcmp(template_, text, size) == 0;
    size_t end_size = template_size - (size_t)(close + 1 - template_);
    if (end_size == 0) return memchr(text, ':', size) == NULL;
    return size > end_size && memcmp(text + size - end_size, close + 1, end_size) == 0;
}

static bool path_fits(const char *template_, const char *path)
{
    while (*template_ == '/' && *path == '/') {
        size_t template_size = strcspn(++template_, "/"), size = strcspn(++path, "/?");
        if (strcmp(template_, "{path}") == 0) return size > 0; // {path=**}: all that is left.
        if (!segment_fits(template_, template_size, path, size)) return false;
        template_ += template_size;
        path += size;
    }
    return *template_ == '\0' && (*path == '\0' || *path == '?');
}

static size_t find_operation(const struct book *book, const char *verb, const char *path)
{
    size_t best = book->count, best_size = 0;
    for (size_t i = 0; i < book->count; i++) {
        const char *template_ = book->operations[i].template_;
        if (strcmp(book->operations[i].verb, verb) != 0 || !path_fits(template_, path)) continue;
        size_t literal_size = strcspn(template_, "{"); // Literals win over variables.
        if (best < book->count && literal_size <= best_size) continue;
        best = i;
        best_size = literal_size;
    }
    return best;
}

// ---- One answer ---------------------------------------------------------------------------------

/// Without its parameters: "text/csv; charset=utf-8" is text/csv.
static const json_t *schema_for(const json_t *response, const struct http_answer *answer,
                                char ret_type[static 128])
{
    const char *type = http_header(answer, "content-type");
    snprintf(ret_type, 128, "%.*s", type != NULL ? (int)strcspn(type, ";") : 0,
             type != NULL ? type : "");
    const json_t *media = json_object_get(json_object_get(response, "content"), ret_type);
    return json_object_get(media, "schema");
}

static bool check_body(const struct book *book, const json_t *response,
                       const struct http_answer *answer, char *ret_error)
{
    char type[128], error[SCHEMA_ERROR_BYTES];
    const json_t *schema = schema_for(response, answer, type);
    if (schema == NULL) {
        bool is_right = json_object_get(response, "content") == NULL && answer->size == 0;
        if (!is_right) snprintf(ret_error, BOOK_ERROR_BYTES, "undocumented media type %s", type);
        return is_right;
    }
    // A document of another kind; x-ndjson is many of them.
    if (strstr(type, "json") == NULL || strstr(type, "ndjson") != NULL) return answer->size > 0;
    if (answer->json == NULL) {
        snprintf(ret_error, BOOK_ERROR_BYTES, "the body is no JSON");
        return false;
    }
    if (schema_check(book->document, schema, answer->json, error)) return true;
    snprintf(ret_error, BOOK_ERROR_BYTES, "not as documented: %s", error);
    return false;
}

static bool check_headers(const struct book *book, const json_t *response,
                          const struct http_answer *answer, char *ret_error)
{
    const char *name;
    json_t *header;
    json_object_foreach(json_object_get(response, "headers"), name, header)
    {
        char lower[64] = "", error[SCHEMA_ERROR_BYTES];
        for (size_t i = 0; name[i] != '\0' && i + 1 < sizeof lower; i++)
            lower[i] = (char)tolower((unsigned char)name[i]);
        const char *value = http_header(answer, lower);
        bool must_be = strcmp(lower, "etag") == 0;
        if (value == NULL && !must_be) continue;
        json_t *text = json_string(value != NULL ? value : "");
        bool is_right =
            schema_check(book->document, json_object_get(header, "schema"), text, error);
        json_decref(text);
        if (is_right) continue;
        snprintf(ret_error, BOOK_ERROR_BYTES, "header %s: %s", name, error);
        return false;
    }
    return true;
}

static bool is_everywhere(const char *seen)
{
    for (size_t i = 0; i < sizeof everywhere / sizeof everywhere[0]; i++)
        if (strcmp(everywhere[i], seen) == 0) return true;
    return false;
}

static bool check_refusal(struct book *book, size_t index, const json_t *response,
                          const struct http_answer *answer, char *ret_error)
{
    char seen[128];
    const char *reason = http_text(answer, "reason");
    snprintf(seen, sizeof seen, "%ld %.100s", answer->status, reason);
    json_object_set_new(book->seen[index], seen, json_true());
    if (has_text(json_object_get(response, "x-florin-reasons"), reason) || is_everywhere(seen))
        return true;
    snprintf(ret_error, BOOK_ERROR_BYTES, "undocumented refusal %s", seen);
    return false;
}

/// What was taken, the schema must take too.
static bool check_request(const struct book *book, const struct book_operation *operation,
                          const char *body, char *ret_error)
{
    const json_t *content =
        json_object_get(json_object_get(operation->description, "requestBody"), "content");
    const json_t *schema = json_object_get(json_object_get(content, "application/json"), "schema");
    if (body == NULL || schema == NULL) return true;
    bool takes_form = json_object_get(content, "application/x-www-form-urlencoded") != NULL;
    if (takes_form && body[0] != '{') return true;
    char error[SCHEMA_ERROR_BYTES];
    json_t *value = json_loads(body, JSON_REJECT_DUPLICATES, NULL);
    bool is_right = value != NULL && schema_check(book->document, schema, value, error);
    json_decref(value);
    if (!is_right)
        snprintf(ret_error, BOOK_ERROR_BYTES, "a request that the schema refuses: %s", error);
    return is_right;
}

bool book_check(struct book *book, const char *verb, const char *path, const char *body,
                const struct http_answer *answer, char ret_error[static BOOK_ERROR_BYTES])
{
    char status[24];
    size_t index = find_operation(book, verb, path);
    if (index == book->count) return true;
    const struct book_operation *operation = &book->operations[index];
    snprintf(status, sizeof status, "%ld", answer->status);
    const json_t *response = json_object_get(responses_of(operation), status);
    bool is_refusal = answer->status >= 400;
    if (response == NULL && !is_refusal) {
        snprintf(ret_error, BOOK_ERROR_BYTES, "undocumented status %s", status);
        return false;
    }
    if (response == NULL) response = json_object_get(responses_of(operation), "default");
    if (!check_body(book, response, answer, ret_error)) return false;
    if (is_refusal) return check_refusal(book, index, response, answer, ret_error);
    return check_headers(book, response, answer, ret_error) &&
           check_request(book, operation, body, ret_error);
}

// ---- What is missing ----------------------------------------------------------------------------

static const struct book_exception *find_exception(const struct book_operation *operation,
                                                   const char *reason,
                                                   const struct book_exception *exceptions,
                                                   size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct book_exception *e = &exceptions[i];
        bool is_operation = e->verb == NULL || (strcmp(e->verb, operation->verb) == 0 &&
                                                strcmp(e->template_, operation->template_) == 0);
        if (is_operation && strcmp(e->reason, reason) == 0) return e;
    }
    return NULL;
}

static size_t count_of_response(const struct book *book, size_t index, const char *status,
                                const json_t *reasons, const struct book_exception *exceptions,
                                size_t exception_count)
{
    const struct book_operation *operation = &book->operations[index];
    size_t missing = 0;
    for (size_t i = 0; i < json_array_size(reasons); i++) {
        char wanted[128];
        const char *reason = json_string_value(json_array_get(reasons, i));
        snprintf(wanted, sizeof wanted, "%s %s", status, reason);
        bool was_seen = json_object_get(book->seen[index], wanted) != NULL;
        const struct book_exception *exception =
            find_exception(operation, reason, exceptions, exception_count);
        if (was_seen != (exception != NULL) || (exception != NULL && exception->may_happen))
            continue;
        missing++;
        fprintf(stderr, "%s %s: %s %s\n", operation->verb, operation->template_, wanted,
                was_seen ? "was answered, though it is said that it cannot be"
                         : "is documented and was never answered");
    }
    return missing;
}

size_t book_count_missing(const struct book *book, const struct book_exception *exceptions,
                          size_t exception_count)
{
    size_t missing = 0;
    for (size_t i = 0; i < book->count; i++) {
        const char *status;
        json_t *response;
        json_object_foreach((json_t *)responses_of(&book->operations[i]), status, response)
        {
            missing +=
                count_of_response(book, i, status, json_object_get(response, "x-florin-reasons"),
                                  exceptions, exception_count);
        }
    }
    return missing;
}
