#include "tests/api/refusals.h"

#include "tests/api/schema.h"

#include <stdio.h>
#include <string.h>

// "/v1/accounts/{id}:close" with the variables filled in.
static void fill_path(const char *template_, const char *id, char *ret, size_t size)
{
    size_t used = 0;
    for (; *template_ != '\0' && used + 1 < size; template_++) {
        if (*template_ != '{') {
            ret[used++] = *template_;
            continue;
        }
        // What is no id: a position in the log, a tile.
        const char *value = strncmp(template_, "{index}", 7) == 0  ? "0"
                            : strncmp(template_, "{path}", 6) == 0 ? "0/000.p/1"
                                                                   : id;
        used += (size_t)snprintf(ret + used, size - used, "%s", value);
        template_ += strcspn(template_, "}");
    }
    ret[used < size ? used : size - 1] = '\0';
}

static size_t provoke(struct api *api, const char *variable, const struct provocation *p,
                      const struct book_operation *operation)
{
    char path[256], ask[512], given[128], wanted[80];
    struct http_answer answer = {0};
    bool has_body = json_object_get(operation->description, "requestBody") != NULL;
    fill_path(operation->template_, variable, path, sizeof path);
    snprintf(ask, sizeof ask, "%s %s%s", operation->verb, path, has_body ? "" : p->query);
    snprintf(given, sizeof given, "%s %s: %s", operation->verb, operation->template_, p->reason);
    snprintf(wanted, sizeof wanted, "%s %s", p->status, p->reason);
    // A PATCH that names a reason is refused before its If-Match is looked at.
    const char *body = strcmp(operation->verb, "PATCH") == 0 && strstr(p->body, "reason") != NULL
                           ? "{'name':'x'}"
                           : p->body;
    const struct step step = {given,  p->who, ask,  has_body ? body : NULL,
                              wanted, NULL,   NULL, p->headers};
    bool is_right = api_step(api, &step, &answer);
    http_answer_reset(&answer);
    return !is_right;
}

/// A key that is longer than any may be.
#define LONG_KEY_64 "0123456789012345678901234567890123456789012345678901234567890123"
#define LONG_KEY LONG_KEY_64 LONG_KEY_64 LONG_KEY_64 LONG_KEY_64

// clang-format off
static const struct provocation everywhere[] = {
    {"TOKEN_MISSING",           "401", NOBODY,  "{}",  "", "If-Match: *"},
    {"TOKEN_MALFORMED",         "401", NOBODY,  "{}",  "", "Authorization: Bearer abc\nIf-Match: *"},
    {"INVALID_CREDENTIALS",     "401", NOBODY,  "{}",  "", "Authorization: Bearer fl_live_abc\nIf-Match: *"},
    {"TOKEN_REVOKED",           "401", LEFT,    "{}",  "", "If-Match: *"},
    {"TOKEN_EXPIRED",           "401", EARLY,   "{}",  "", "If-Match: *"},
    {"JSON_MALFORMED",          "400", CHIEF,   "{",   "", "If-Match: *"},
    {"VALIDATION_FAILED",       "400", CHIEF,   "{'colour':'red'}", "?colour=red", "If-Match: *"},
    {"PAGE_TOKEN_INVALID",      "400", CHIEF,   "{}",  "?page_token=AAAA"},
    {"IDEMPOTENCY_KEY_INVALID", "400", CHIEF,   "{}",  "", "Idempotency-Key: " LONG_KEY},
};

// clang-format on

static size_t provoke_each(struct api *api, const char *variable,
                           const struct provocation *provocations, size_t count)
{
    size_t wrong = 0;
    const struct book *book = api_book(api);
    for (size_t i = 0; i < book_count(book); i++) {
        const struct book_operation *operation = book_operation(book, i);
        for (size_t j = 0; j < count; j++) {
            if (!book_documents(operation, provocations[j].reason)) continue;
            // Where nobody needs a token, a wrong one is another one: that in the body.
            bool is_of_body = strcmp(provocations[j].status, "401") == 0 &&
                              !book_documents(operation, "TOKEN_MISSING");
            if (is_of_body) continue;
            wrong += provoke(api, variable, &provocations[j], operation);
        }
    }
    return wrong;
}

void refusals_prepare(struct api *api, const char *ask)
{
    const struct step early = {"an old token", EARLY, ask, NULL, "401 TOKEN_EXPIRED"};
    static const struct step narrow[] = {
        {"a narrow key", ASHA, "POST /v1/api-keys", "{'name':'narrow','scopes':['kyc.self.read']}",
         "201", NULL, "narrow=key"},
    };
    void *state = api;
    api_wait(api, &early);
    api_refresh(&state);
    RUN(api, narrow);
}

size_t refusals_provoke(struct api *api, const char *variable,
                        const struct provocation *provocations, size_t count)
{
    return provoke_each(api, variable, everywhere, sizeof everywhere / sizeof everywhere[0]) +
           provoke_each(api, variable, provocations, count);
}

static bool is_as_in_row(struct api *api, const struct access_row *row, enum who who,
                         bool is_wanted)
{
    const struct step step = {
        row->ask, who, row->ask, row->body, "403 PERMISSION_DENIED", .headers = "If-Match: *"};
    struct http_answer answer = {0};
    bool is_denied = api_ask(api, &step, &answer); // As documented, that is.
    // What else an allowed request is answered is other tests' matter.
    bool was_denied =
        answer.status == 403 && strcmp(http_text(&answer, "reason"), "PERMISSION_DENIED") == 0;
    bool is_right = is_wanted ? !was_denied : is_denied;
    if (!is_right) print_error("%s: person %d: %ld\n", row->ask, (int)who, answer.status);
    http_answer_reset(&answer);
    return is_right;
}

size_t refusals_check_matrix(struct api *api, const enum who *columns, size_t column_count,
                             const struct access_row *rows, size_t row_count)
{
    size_t wrong = 0;
    for (size_t row = 0; row < row_count; row++) {
        for (size_t column = 0; column < column_count; column++)
            wrong +=
                !is_as_in_row(api, &rows[row], columns[column], rows[row].may[2 * column] == 'x');
    }
    return wrong;
}

size_t refusals_check_examples(struct api *api, size_t *ret_seen)
{
    size_t wrong = 0, seen = 0;
    const struct book *book = api_book(api);
    for (size_t i = 0; i < book_count(book); i++) {
        const struct book_operation *operation = book_operation(book, i);
        char error[SCHEMA_ERROR_BYTES];
        const json_t *media = json_object_get(operation->description, "requestBody");
        media = json_object_get(json_object_get(media, "content"), "application/json");
        const json_t *example = json_object_get(media, "example");
        if (media == NULL) continue;
        seen++;
        bool is_right =
            example != NULL &&
            schema_check(book_document(book), json_object_get(media, "schema"), example, error);
        if (is_right) continue;
        print_error("%s %s: %s\n", operation->verb, operation->template_,
                    example != NULL ? error : "has no example");
        wrong++;
    }
    *ret_seen = seen;
    return wrong;
}
