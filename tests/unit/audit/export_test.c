// Events in the forms that other programs read, against frozen documents; and exports page by page
// as the executor calls them.
#include "common/base/clock.h"
#include "common/base/version.h"
#include "common/rpc/page.h"
#include "florin/auth/v1/auth.pb-c.h"
#include "services/audit/convert.h"
#include "services/audit/export.h"
#include "services/audit/rpc.h"
#include "tests/unit/audit/fixture.h"

#include <jansson.h>

enum { ARENA_BYTES = 64 * 1024 * 1024, DOCUMENT_BYTES_MAX = 64 * 1024 };

#define USER "users/01890000-0000-7000-8000-000000000001"
#define OFFICER "users/01890000-0000-7000-8000-000000000002"

// ---- Fixed events --------------------------------------------------------------------------

static uint8_t payload_bytes[512];

// Everything that some format gives a meaning to.
static struct bytes nasty_payload(void)
{
    static char reason[] = "said \"no\", then:\r\n=1+1 | a=b \\ \xc3\xa9\t\x01";
    Auth__UserChanged message = AUTH__USER_CHANGED__INIT;
    static struct id128 user_id = {{1, 2, 3}};
    message.user_id = (ProtobufCBinaryData){.data = user_id.bytes, .len = ID128_BYTES};
    message.version = UINT64_C(9007199254740993); // Beyond what a double holds.
    message.reason = reason;
    return bytes_of(payload_bytes, auth__user_changed__pack(&message, payload_bytes));
}

static struct event_view fixed_view(size_t which)
{
    static uint8_t digests[2][HASH_SHA256_BYTES];
    static const char *const seen_by[] = {USER};
    memset(digests[0], 0xb0, sizeof digests[0]);
    memset(digests[1], 0xa0, sizeof digests[1]);
    const struct event_view views[] = {
        {.type = "auth.login.failed",
         .actor = "anonymous",
         .outcome = "refused",
         .reason = "INVALID_CREDENTIALS",
         .request_id = "a\"b,c",
         .client_ip = "192.0.2.1",
         .device_id = "=cmd|' /C calc'!A0"},
        {.type = "auth.user.unblocked",
         .subject = USER,
         .actor = OFFICER,
         .outcome = "success",
         .client_ip = "2001:db8::1",
         .device_id = "-phone",
         .traceparent = "00-a-b-01",
         .payload = nasty_payload()},
        {.type = "ledger.account.frozen",
         .subject = "accounts/01890000-0000-7000-8000-0000000000aa",
         .actor = OFFICER,
         .outcome = "success",
         .request_id = "line\nbreak",
         .before_digest = bytes_of(digests[0], sizeof digests[0]),
         .after_digest = bytes_of(digests[1], sizeof digests[1])},
        {.type = "auth.session.ended",
         .subject = "sessions/01890000-0000-7000-8000-0000000000bb",
         .actor = "services/auth",
         .outcome = "success",
         .visible_to = seen_by,
         .visible_to_count = 1},
        {.type = "future.type|of=another\\version", .actor = "@risk", .outcome = "odd"},
    };
    struct event_view view = views[which];
    view.seq = 10 + which;
    view.time_ns = UINT64_C(1800000000123456789) + which;
    return view;
}

enum { FIXED_EVENTS = 5 };

// Like an event that was read from the log, but with a salt that is always the same.
static void make_fixed(size_t which, struct audit_event *ret)
{
    static const uint8_t salt[AUDIT_SALT_BYTES];
    static uint8_t commitments[FIXED_EVENTS][3 * AUDIT_COMMITMENT_BYTES];
    static uint8_t encoded[FIXED_EVENTS][AUDIT_ENTRY_BYTES_MAX], names[FIXED_EVENTS][64];
    struct event_view view = fixed_view(which);
    *ret = (struct audit_event){.index = 100 + which};
    const char *source = which == 2 ? "ledger" : "auth";
    ret->entry = audit_batch_entry(source, &view, salt, commitments[which]);
    ret->bytes = bytes_of(encoded[which], audit_entry_encode(&ret->entry, encoded[which]));
    merkle_leaf(ret->bytes, &ret->leaf);
    ret->side = (struct audit_side){.salt = salt,
                                    .client_ip = bytes_of_text(view.client_ip),
                                    .device_id = bytes_of_text(view.device_id),
                                    .payload = view.payload};
    if (view.visible_to_count == 0) return;
    size_t size = strlen(view.visible_to[0]);
    put_u32_be(names[which], (uint32_t)size);
    memcpy(names[which] + AUDIT_PART_HEAD_BYTES, view.visible_to[0], size);
    ret->side.visible_to = bytes_of(names[which], AUDIT_PART_HEAD_BYTES + size);
}

static size_t write_document(enum audit_export_format format, char *ret)
{
    struct arena *arena = arena_open(ARENA_BYTES);
    const struct audit_export_frame *frame = &audit_export_frames[format];
    size_t size = (size_t)snprintf(ret, DOCUMENT_BYTES_MAX, "%s", frame->head);
    for (size_t i = 0; i < FIXED_EVENTS; i++) {
        struct audit_event event;
        struct bytes text;
        make_fixed(i, &event);
        assert_status_ok(audit_export_event(format, &event, arena, &text));
        size +=
            (size_t)snprintf(ret + size, DOCUMENT_BYTES_MAX - size, "%s%.*s",
                             i > 0 ? frame->between : "", (int)text.size, (const char *)text.data);
    }
    size += (size_t)snprintf(ret + size, DOCUMENT_BYTES_MAX - size, "%s", frame->tail);
    assert_true(size < DOCUMENT_BYTES_MAX);
    arena_close(&arena);
    return size;
}

// ---- Golden documents ----------------------------------------------------------------------

// tests/unit/audit/golden/export.<name>, in which @version@ is this build's.
static size_t read_golden(const char *name, char *ret)
{
    char path[512];
    static char raw[DOCUMENT_BYTES_MAX];
    const char *source = getenv("FLORIN_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/tests/unit/audit/golden/export.%s",
             source != NULL ? source : ".", name);
    FILE *stream = fopen(path, "re");
    if (stream == NULL) fail_msg("no golden file %s", path);
    raw[fread(raw, 1, sizeof raw - 1, stream)] = '\0';
    fclose(stream);
    static const char mark[] = "@version@";
    size_t size = 0;
    for (const char *at = raw;;) {
        const char *next = strstr(at, mark);
        size_t run = next != NULL ? (size_t)(next - at) : strlen(at);
        memcpy(ret + size, at, run);
        size += run;
        if (next == NULL) return size;
        size += (size_t)snprintf(ret + size, 32, "%s", florin_version());
        at = next + sizeof mark - 1;
    }
}

static void test_documents_are_these_bytes(void **state)
{
    (void)state;
    static char written[DOCUMENT_BYTES_MAX], golden[DOCUMENT_BYTES_MAX];
    for (enum audit_export_format format = 0; format < AUDIT_EXPORT_FORMATS; format++) {
        const char *name = audit_export_frames[format].name;
        size_t size = write_document(format, written);
        size_t golden_size = read_golden(name, golden);
        if (size == golden_size && memcmp(written, golden, size) == 0) continue;
        fail_msg("%s is\n%.*s", name, (int)size, written);
    }
}

// ---- Other readers of the same bytes -------------------------------------------------------

// RFC 4180, read by its grammar: gives the next field, unquoted, and what stood behind it.
static char take_csv_field(const char **at, char *ret)
{
    bool is_quoted = **at == '"';
    if (is_quoted) ++*at;
    for (;; ++*at) {
        if (is_quoted && **at == '"') {
            if ((*at)[1] != '"') break;
            ++*at;
        } else if (!is_quoted && (**at == ',' || **at == '\r')) {
            break;
        }
        assert_true(**at != '\0');
        *ret++ = **at;
    }
    *ret = '\0';
    if (is_quoted) ++*at;
    char end = *(*at)++;
    if (end == '\r') assert_int_equal(*(*at)++, '\n');
    return end;
}

static void test_csv_is_rfc_4180_and_holds_no_formula(void **state)
{
    (void)state;
    static char written[DOCUMENT_BYTES_MAX], field[DOCUMENT_BYTES_MAX];
    written[write_document(AUDIT_EXPORT_CSV, written)] = '\0';
    const char *at = written;
    size_t rows = 0, columns = 0, width = 0;
    while (*at != '\0') {
        char end = take_csv_field(&at, field);
        columns++;
        assert_true(field[0] == '\0' || strchr("=+-@\t\r", field[0]) == NULL);
        if (end == ',') continue;
        assert_int_equal(end, '\r');
        if (rows == 0) width = columns;
        assert_int_equal(columns, width);
        rows++;
        columns = 0;
    }
    assert_int_equal(rows, 1 + FIXED_EVENTS);
    assert_non_null(strstr(written, "\"'=cmd|' /C calc'!A0\""));
}

static void test_ocsf_events_have_what_their_class_requires(void **state)
{
    (void)state;
    static char written[DOCUMENT_BYTES_MAX];
    static const char *const always[] = {"activity_id", "category_uid", "class_uid", "type_uid",
                                         "time",        "severity_id",  "metadata",  "actor"};

    // clang-format off
    static const struct { json_int_t class, activity; const char *required[3]; } classes[] = {
        {3002, 1,  {"user", "service", NULL}},
        {3001, 2,  {"user", NULL}},
        {6003, 3,  {"api", "src_endpoint", NULL}},
        {3002, 2,  {"user", "service", NULL}},
        {6003, 3,  {"api", "src_endpoint", NULL}},
    };

    // clang-format on
    size_t size = write_document(AUDIT_EXPORT_OCSF, written);
    json_t *events = json_loadb(written, size, JSON_REJECT_DUPLICATES, NULL);
    assert_int_equal(json_array_size(events), FIXED_EVENTS);
    for (size_t i = 0; i < FIXED_EVENTS; i++) {
        json_t *event = json_array_get(events, i);
        for (size_t k = 0; k < ROWS(always); k++)
            if (json_object_get(event, always[k]) == NULL) fail_msg("%zu: no %s", i, always[k]);
        for (size_t k = 0; classes[i].required[k] != NULL; k++)
            assert_true(json_object_size(json_object_get(event, classes[i].required[k])) > 0);
        json_int_t class = json_integer_value(json_object_get(event, "class_uid"));
        assert_int_equal(class, classes[i].class);
        json_int_t activity = json_integer_value(json_object_get(event, "activity_id"));
        assert_int_equal(activity, classes[i].activity);
        assert_int_equal(json_integer_value(json_object_get(event, "type_uid")),
                         class * 100 + activity);
        assert_int_equal(json_integer_value(json_object_get(event, "category_uid")), class / 1000);
        assert_int_equal(json_integer_value(json_object_get(event, "time")), 1800000000123);
        json_t *metadata = json_object_get(event, "metadata");
        assert_string_equal(json_string_value(json_object_get(metadata, "version")), "1.3.0");
        assert_non_null(json_object_get(json_object_get(metadata, "product"), "vendor_name"));
    }
    json_t *ended = json_object_get(json_array_get(events, 3), "user");
    assert_string_equal(json_string_value(json_object_get(ended, "uid")), USER + 6);
    json_decref(events);
}

static void test_cef_is_a_line_for_each_event(void **state)
{
    (void)state;
    static char written[DOCUMENT_BYTES_MAX];
    written[write_document(AUDIT_EXPORT_CEF, written)] = '\0';
    size_t lines = 0;
    for (char *line = written, *end; *line != '\0'; line = end + 1, lines++) {
        end = strchr(line, '\n');
        assert_non_null(end);
        *end = '\0';
        size_t bars = 0;
        for (const char *c = line; *c != '\0' && bars < 7; c++) {
            if (*c == '\\')
                c++; // What follows is no bar of the header.
            else if (*c == '|')
                bars++;
        }
        assert_int_equal(bars, 7);
        assert_memory_equal(line, "CEF:0|", 6);
        assert_null(strchr(line, '\r'));
    }
    assert_int_equal(lines, FIXED_EVENTS);
}

static void test_severity_is_by_type_and_outcome(void **state)
{
    (void)state;

    // clang-format off
    static const struct { const char *action, *outcome; enum audit_severity severity; } rows[] = {
        {"ledger.transfer.created", "success", AUDIT_SEVERITY_INFORMATIONAL},
        {"ledger.transfer.refused", "refused", AUDIT_SEVERITY_LOW},
        {"auth.role.changed",       "success", AUDIT_SEVERITY_LOW},
        {"auth.login.suspicious",   "success", AUDIT_SEVERITY_MEDIUM},
        {"audit.suspicion.found",   "success", AUDIT_SEVERITY_HIGH},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct audit_entry entry = {.action = bytes_of_text(rows[i].action),
                                    .outcome = bytes_of_text(rows[i].outcome)};
        assert_int_equal(audit_severity_of(&entry), rows[i].severity);
    }
}

// ---- Page by page --------------------------------------------------------------------------

enum { SIZE = 4500 }; // More than one snapshot looks at.

struct stage {
    struct fixture *fixture;
    struct audit_context context;
    struct rpc_call call;
};

static struct stage stage;

static int setup_stage(void **state)
{
    static const uint8_t page_key[32] = {1};
    page_open(page_key);
    setup(state);
    stage = (struct stage){.fixture = *state};
    stage.context.service = stage.fixture->service;
    stage.call = (struct rpc_call){.arena = arena_open(ARENA_BYTES),
                                   .service = &stage.context,
                                   .request_id = "r-1",
                                   .traceparent = "",
                                   .client_ip = "",
                                   .device_id = ""};
    for (uint64_t seq = 1; seq <= SIZE; seq += 500)
        assert_status_ok(accept(stage.fixture, "ledger", seq, 500));
    return 0;
}

static int teardown_stage(void **state)
{
    arena_close(&stage.call.arena);
    return teardown(state);
}

static struct status call(enum audit_method_index which, Audit__ExportEventsRequest *request,
                          const Google__Api__HttpBody **ret)
{
    arena_reset(stage.call.arena);
    stage.call.method = &audit_methods[which];
    stage.call.request = request;
    stage.call.reply = NULL;
    stage.call.deadline_mono_ns = clock_mono_ns() + 60 * NS_PER_SECOND;
    struct status status = audit_handlers[which](&stage.call, NULL);
    *ret = (const Google__Api__HttpBody *)stage.call.reply;
    return status;
}

// Takes pages to the end; gives how many events came, each one below the one before.
static size_t take_all(Audit__ExportEventsRequest *request, size_t *ret_pages)
{
    char token[512] = "";
    uint64_t before = UINT64_MAX;
    size_t count = 0;
    *ret_pages = 0;
    do {
        const Google__Api__HttpBody *body;
        request->page_token = token;
        assert_status_ok(call(AUDIT_EXPORT_EVENTS_NDJSON, request, &body));
        assert_string_equal(body->content_type, "application/x-ndjson");
        size_t lines = 0;
        for (size_t at = 0; at < body->data.len; lines++) {
            const uint8_t *end = memchr(body->data.data + at, '\n', body->data.len - at);
            assert_non_null(end);
            size_t size = (size_t)(end - body->data.data) - at;
            json_t *line = json_loadb((const char *)body->data.data + at, size, 0, NULL);
            assert_non_null(line);
            uint64_t index = strtoull(json_string_value(json_object_get(line, "index")), NULL, 10);
            assert_true(index < before);
            before = index;
            json_decref(line);
            at += size + 1;
        }
        if (request->page_size > 0) assert_true(lines <= (size_t)request->page_size);
        count += lines;
        ++*ret_pages;
        snprintf(token, sizeof token, "%s", body->next_page_token);
    } while (token[0] != '\0');
    return count;
}

static void test_pages_to_the_end_are_the_whole_list(void **state)
{
    (void)state;
    static const int32_t page_sizes[] = {0, 10000, 2000, 999, SIZE};
    for (size_t i = 0; i < ROWS(page_sizes); i++) {
        Audit__ExportEventsRequest request = AUDIT__EXPORT_EVENTS_REQUEST__INIT;
        request.page_size = page_sizes[i];
        size_t pages;
        assert_int_equal(take_all(&request, &pages), SIZE);
        size_t expected =
            page_sizes[i] == 0 ? 1 : (SIZE + (size_t)page_sizes[i] - 1) / (size_t)page_sizes[i];
        assert_int_equal(pages, expected);
    }
}

static void test_a_filter_and_a_pattern_choose(void **state)
{
    (void)state;

    // Every third event is of each type.
    static const struct {
        const char *action;
        size_t count;
    } rows[] = {
        {"kyc.case.submitted", SIZE / 3}, {"ledger.*", SIZE / 3}, {"*", SIZE}, {"nothing.*", 0}};

    for (size_t i = 0; i < ROWS(rows); i++) {
        Audit__ExportEventsRequest request = AUDIT__EXPORT_EVENTS_REQUEST__INIT;
        request.action = text_of(rows[i].action);
        size_t pages;
        assert_int_equal(take_all(&request, &pages), rows[i].count);
    }
    const Google__Api__HttpBody *body;
    Audit__ExportEventsRequest request = AUDIT__EXPORT_EVENTS_REQUEST__INIT;
    request.action = text_of("led*");
    assert_refused(call(AUDIT_EXPORT_EVENTS_CSV, &request, &body), "VALIDATION_FAILED");
    request.action = text_of("");
    request.page_size = -1;
    assert_refused(call(AUDIT_EXPORT_EVENTS_CSV, &request, &body), "VALIDATION_FAILED");
}

static void test_an_empty_export_is_a_whole_document(void **state)
{
    (void)state;

    static const struct {
        enum audit_method_index method;
        const char *document;
    } rows[] = {
        {AUDIT_EXPORT_EVENTS_NDJSON, ""},
        {AUDIT_EXPORT_EVENTS_OCSF, "[]\n"},
        {AUDIT_EXPORT_EVENTS_CEF, ""},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        Audit__ExportEventsRequest request = AUDIT__EXPORT_EVENTS_REQUEST__INIT;
        const Google__Api__HttpBody *body;
        request.source = text_of("nobody");
        assert_status_ok(call(rows[i].method, &request, &body));
        assert_true(bytes_equal(bytes_of(body->data.data, body->data.len),
                                bytes_of_text(rows[i].document)));
        assert_string_equal(body->next_page_token, "");
    }
}

static void test_each_export_is_an_event(void **state)
{
    (void)state;
    uint64_t head = event_outbox_head(stage.fixture->outbox);
    Audit__ExportEventsRequest request = AUDIT__EXPORT_EVENTS_REQUEST__INIT;
    const Google__Api__HttpBody *body;
    request.page_size = 5;
    request.source = text_of("ledger");
    assert_status_ok(call(AUDIT_EXPORT_EVENTS_OCSF, &request, &body));
    assert_int_equal(event_outbox_head(stage.fixture->outbox), head + 1);
    json_t *events = json_loadb((const char *)body->data.data, body->data.len, 0, NULL);
    assert_int_equal(json_array_size(events), 5);
    json_decref(events);
    char token[512];
    snprintf(token, sizeof token, "%s", body->next_page_token);
    request.page_token = token;
    request.source = text_of("auth"); // The token is another list's.
    assert_refused(call(AUDIT_EXPORT_EVENTS_OCSF, &request, &body), "PAGE_TOKEN_INVALID");
    assert_int_equal(event_outbox_head(stage.fixture->outbox), head + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents_are_these_bytes),
        cmocka_unit_test(test_csv_is_rfc_4180_and_holds_no_formula),
        cmocka_unit_test(test_ocsf_events_have_what_their_class_requires),
        cmocka_unit_test(test_cef_is_a_line_for_each_event),
        cmocka_unit_test(test_severity_is_by_type_and_outcome),
        cmocka_unit_test_setup_teardown(test_pages_to_the_end_are_the_whole_list, setup_stage,
                                        teardown_stage),
        cmocka_unit_test_setup_teardown(test_a_filter_and_a_pattern_choose, setup_stage,
                                        teardown_stage),
        cmocka_unit_test_setup_teardown(test_an_empty_export_is_a_whole_document, setup_stage,
                                        teardown_stage),
        cmocka_unit_test_setup_teardown(test_each_export_is_an_event, setup_stage, teardown_stage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
