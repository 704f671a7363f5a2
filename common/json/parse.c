#include "common/json/parse.h"

#include "common/base/check.h"

#include <pthread.h>
#include <string.h>
#include <sys/random.h>

// Clients choose the names of members. A seed that they cannot know keeps them from choosing names
// that all fall into one bucket.
static void seed_hashes(void)
{
    size_t seed;
    CHECK(getrandom(&seed, sizeof seed, 0) == sizeof seed);
    json_object_seed(seed);
}

// jansson itself stops at 2,048 levels; here the recursion ends with the levels that are left.
static bool is_deeper(json_t *json, unsigned levels)
{
    if (!json_is_object(json) && !json_is_array(json)) return false;
    if (levels == 0) return true;
    for (size_t i = 0; i < json_array_size(json); i++) {
        if (is_deeper(json_array_get(json, i), levels - 1)) return true;
    }
    for (void *at = json_object_iter(json); at != NULL; at = json_object_iter_next(json, at)) {
        if (is_deeper(json_object_iter_value(at), levels - 1)) return true;
    }
    return false;
}

// Every value stands behind a comma or at the beginning of a list, an object or the text; so what
// is counted here, in one pass and without the tree, is at least their number. Text that is no JSON
// may count as anything: jansson has the word on that.
static bool has_too_many_values(struct bytes text)
{
    size_t count = 1;
    if (text.size / 2 < JSON_VALUES_MAX) return false; // A value and its comma take two bytes.
    for (size_t at = 0; at < text.size && count <= JSON_VALUES_MAX; at++) {
        uint8_t c = text.data[at];
        count += c == ',' || c == '[' || c == '{';
        if (c != '"') continue;
        for (at++; at < text.size && text.data[at] != '"'; at++) { // To the string's end.
            if (text.data[at] == '\\') at++;                       // Which may hide a quote.
        }
    }
    return count > JSON_VALUES_MAX;
}

// The name of the member where jansson stopped: it has just read that name, or the number that is
// the member's value. In a list there is none.
static struct rpc_path name_before(struct bytes text, size_t position)
{
    static const char between[] = "+-.0123456789eE: \t\r\n";
    const char *begin = (const char *)text.data;
    const char *end = begin + (position < text.size ? position : text.size);
    struct rpc_path unknown = {NULL, "", 0, RPC_PATH_NO_INDEX};
    bool is_name = end > begin && end[-1] == '"';
    for (; end > begin && memchr(between, end[-1], sizeof between - 1) != NULL; end--) {
        is_name = is_name || end[-1] == ':';
    }
    if (!is_name || end == begin || *--end != '"') return unknown;
    const char *quote = end;
    do { // A quote within the name has a backslash before it, the opening one has not.
        quote = memrchr(begin, '"', (size_t)(quote - begin));
    } while (quote != NULL && quote > begin && quote[-1] == '\\');
    if (quote == NULL) return unknown;
    return (struct rpc_path){NULL, quote + 1, (size_t)(end - quote - 1), RPC_PATH_NO_INDEX};
}

static struct status too_deep(void)
{
    return REFUSE(INVALID_ARGUMENT, JSON_TOO_DEEP, "objects and arrays nest too deep");
}

static struct status refusal(const json_error_t *error, struct bytes text, struct arena *arena,
                             struct rpc_violations *violations)
{
    static const struct {
        enum json_error_code code;
        const char *reason;
    } reasons[] = {
        {json_error_duplicate_key, "DUPLICATE_FIELD"},
        {json_error_null_byte_in_key, "CONTAINS_NUL"},
        {json_error_numeric_overflow, "RANGE"},
    };

    enum json_error_code code = json_error_code(error);
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (code != reasons[i].code) continue;
        struct rpc_path path = name_before(text, (size_t)error->position);
        rpc_violations_add(violations, arena, &path, reasons[i].reason);
        return rpc_violations_status(violations);
    }
    if (code == json_error_stack_overflow) return too_deep();
    // jansson's own words quote the text, which may be a password: only the place is told.
    const char *message = arena_format(arena, "the text is not JSON, from line %d, column %d",
                                       error->line, error->column);
    return (struct status){.code = STATUS_INVALID_ARGUMENT,
                           .reason = "JSON_MALFORMED",
                           .message = message != NULL ? message : "the text is not JSON"};
}

struct status json_parse(struct bytes text, struct arena *arena, json_t **ret,
                         struct rpc_violations *violations)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    CHECK(pthread_once(&once, seed_hashes) == 0);
    if (has_too_many_values(text)) {
        return REFUSE(RESOURCE_EXHAUSTED, REQUEST_TOO_COMPLEX,
                      "the JSON has more values than a request may have");
    }
    json_error_t error;
    json_t *json = json_loadb((const char *)text.data, text.size,
                              JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);
    if (json == NULL) return refusal(&error, text, arena, violations);
    if (is_deeper(json, JSON_DEPTH_MAX)) {
        json_decref(json);
        return too_deep();
    }
    *ret = json;
    return STATUS_SUCCESS;
}
