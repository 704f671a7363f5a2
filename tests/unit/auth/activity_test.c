// Login activity: how risky an attempt looks, what is kept of it, its lists, and its end.
#include "common/base/check.h"
#include "services/auth/activity.h"
#include "services/auth/sweep.h"
#include "tests/unit/auth/diary.h"

#define DAY_NS (UINT64_C(86400) * AUTH_SECOND_NS)
#define T0_NS (UINT64_C(1800000000) * AUTH_SECOND_NS)

static const struct diary_entry failure_of_nobody = {.device = "pixel", .ip = "192.0.2.1"};

// ---- Risk ----------------------------------------------------------------------------------

struct remembering {
    struct house *house;
    struct id128 user_id;
    const char *device;
};

static struct status remember_device(struct store_txn *txn, void *context)
{
    const struct remembering *remembering = context;
    uint8_t hash[AUTH_DEVICE_HASH_BYTES];
    auth_session_hash_device(&remembering->house->service, remembering->device, hash);
    return auth_store_remember_device(txn, remembering->user_id, hash, T0_NS);
}

/// log_in is what a login does: the success, then the device.
static void log_in(struct house *house, struct id128 user_id, const char *device, const char *ip,
                   uint64_t at_ns)
{
    struct diary_entry success = {
        .user_id = user_id, .is_success = true, .device = device, .ip = ip};
    struct remembering remembering = {house, user_id, device};
    diary_write(house, &success, at_ns);
    assert_status_ok(store_write_wait(house->store, remember_device, &remembering));
}

static struct auth_assessment assess(struct house *house, struct id128 user_id, const char *device,
                                     const char *ip, uint64_t now_ns)
{
    struct auth_client client = diary_client(device, ip);
    struct auth_assessment assessment = {.terms = 0xff};
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(house->store, &txn));
    assert_status_ok(
        auth_activity_assess(&house->service, txn, user_id, &client, now_ns, &assessment));
    return assessment;
}

static void test_risk(void **state)
{
    struct house *house = *state;

    enum {
        DEVICE = AUTH_RISK_NEW_DEVICE,
        NETWORK = AUTH_RISK_NEW_NETWORK,
        FAILURES = AUTH_RISK_FAILURES_BEFORE,
        DORMANT = AUTH_RISK_DORMANT
    };

    // Each begins with a login from "pixel" at 192.0.2.1 and one from "pixel" at 2001:db8:1::1.
    // clang-format off
    static const struct {
        const char *name;
        size_t failures;
        uint64_t after_ns;
        const char *device, *ip;
        unsigned terms, score;
    } rows[] = {
        {"all as before",                  0, 1,               "pixel", "192.0.2.1",       0,                 0},
        {"another address of the /24",     0, 1,               "pixel", "192.0.2.254",     0,                 0},
        {"the /24 beside it",              0, 1,               "pixel", "192.0.3.1",       NETWORK,           20},
        {"the older network",              0, 1,               "pixel", "2001:db8:1::9",   0,                 0},
        {"another subnet of the /48",      0, 1,               "pixel", "2001:db8:1:ff::", 0,                 0},
        {"the /48 beside it",              0, 1,               "pixel", "2001:db8:2::1",   NETWORK,           20},
        {"an IPv4 address, written long",  0, 1,               "pixel", "::ffff:192.0.2.9",0,                 0},
        {"no address",                     0, 1,               "pixel", "",                NETWORK,           20},
        {"another device",                 0, 1,               "nokia", "192.0.2.1",       DEVICE,            30},
        {"no device",                      0, 1,               "",      "192.0.2.1",       DEVICE,            30},
        {"two failures",                   2, 1,               "pixel", "192.0.2.1",       0,                 0},
        {"three failures",                 3, 1,               "pixel", "192.0.2.1",       FAILURES,          30},
        {"a ns less than 90 days",         0, 90 * DAY_NS - 1, "pixel", "192.0.2.1",       0,                 0},
        {"90 days",                        0, 90 * DAY_NS,     "pixel", "192.0.2.1",       DORMANT,           20},
        {"from elsewhere",                 0, 1,               "nokia", "198.51.100.1",    DEVICE | NETWORK,  50},
        {"guessed from elsewhere",         3, 1,               "nokia", "198.51.100.1",    DEVICE | NETWORK | FAILURES, 80},
        {"all at once",                    9, 99 * DAY_NS,     "nokia", "198.51.100.1",    AUTH_RISK_ALL,     100},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct id128 user_id = id_of((uint8_t)(0x10 + i));
        struct diary_entry failure = {.user_id = user_id, .device = "x", .ip = "203.0.113.1"};
        log_in(house, user_id, "pixel", "2001:db8:1::1", T0_NS - 1);
        log_in(house, user_id, "pixel", "192.0.2.1", T0_NS);
        diary_write_many(house, &failure, rows[i].failures, T0_NS, 1);
        struct auth_assessment found =
            assess(house, user_id, rows[i].device, rows[i].ip, T0_NS + rows[i].after_ns);
        if (found.terms != rows[i].terms || found.score != rows[i].score)
            fail_msg("%s: terms %u, score %u", rows[i].name, found.terms, found.score);
    }
}

static void test_a_first_login_has_nothing_to_differ_from(void **state)
{
    struct house *house = *state;
    struct id128 user_id = id_of(0x11);
    struct diary_entry failure = {.user_id = user_id, .device = "x", .ip = "203.0.113.1"};
    diary_write_many(house, &failure, 9, T0_NS, 1);
    diary_write_many(house, &failure_of_nobody, 9, T0_NS, 1);
    assert_int_equal(assess(house, user_id, "pixel", "192.0.2.1", T0_NS + 9).terms, 0);
    assert_int_equal(assess(house, ID128_NIL, "pixel", "192.0.2.1", T0_NS + 9).terms, 0);
}

static void test_five_networks_are_remembered_and_failures_are_no_successes(void **state)
{
    struct house *house = *state;
    struct id128 user_id = id_of(0x11);
    char ip[32];
    for (unsigned i = 1; i <= 6; i++) {
        snprintf(ip, sizeof ip, "10.0.%u.1", i);
        log_in(house, user_id, "pixel", ip, T0_NS + i);
        log_in(house, user_id, "pixel", "10.0.99.1", T0_NS + i); // Often, and yet one place.
    }
    struct diary_entry failure = {.user_id = user_id, .device = "pixel", .ip = "10.0.7.1"};
    diary_write(house, &failure, T0_NS + 7);

    static const struct {
        const char *ip;
        unsigned terms;
    } rows[] = {
        {"10.0.6.1", 0},
        {"10.0.5.1", 0},
        {"10.0.4.1", 0},
        {"10.0.3.1", 0},
        {"10.0.99.1", 0},
        {"10.0.2.1", AUTH_RISK_NEW_NETWORK},
        {"10.0.7.1", AUTH_RISK_NEW_NETWORK},
    };

    for (size_t i = 0; i < ROWS(rows); i++)
        assert_int_equal(assess(house, user_id, "pixel", rows[i].ip, T0_NS + 8).terms,
                         rows[i].terms);
    log_in(house, user_id, "pixel", "10.0.6.1", T0_NS + 9); // Failures begin anew.
    diary_write_many(house, &failure, 2, T0_NS + 10, 1);
    assert_int_equal(assess(house, user_id, "pixel", "10.0.6.1", T0_NS + 12).terms, 0);
}

// ---- Lists ---------------------------------------------------------------------------------

/// What a page shows, as one text: a letter for each entry.
struct page {
    char letters[64];
    char token[512];
    Auth__LoginActivity *first;
};

/// Entries carry their letter as the device.
static struct status read_page(struct caller *caller, const Auth__ListLoginActivityRequest *request,
                               struct page *ret)
{
    Auth__ListLoginActivityResponse *reply = NULL;
    *ret = (struct page){0};
    RETURN_IF_ERROR(caller_call(caller, AUTH_LIST_LOGIN_ACTIVITY, request, &reply));
    CHECK(reply->n_login_activity < sizeof ret->letters);
    for (size_t i = 0; i < reply->n_login_activity; i++)
        ret->letters[i] = reply->login_activity[i]->device[0];
    snprintf(ret->token, sizeof ret->token, "%s", reply->next_page_token);
    ret->first = reply->n_login_activity > 0 ? reply->login_activity[0] : NULL;
    return STATUS_SUCCESS;
}

/// Eight attempts, a second apart: upper case letters are successes, * the suspicious ones.
static void write_sample(struct house *house)
{
    static const struct diary_entry entries[] = {
        {.device = "a"},
        {.device = "B", .is_success = true},
        {.device = "c", .is_suspicious = true},
        {.device = "D", .is_success = true, .is_suspicious = true},
        {.device = "e"},
        {.device = "F", .is_success = true},
        {.device = "g", .is_suspicious = true},
        {.device = "h"},
    };
    for (size_t i = 0; i < ROWS(entries); i++) {
        struct diary_entry entry = entries[i];
        entry.ip = "192.0.2.1";
        entry.user_id = i % 2 == 0 ? ID128_NIL : id_of(0x11);
        diary_write(house, &entry, T0_NS + i * AUTH_SECOND_NS);
    }
}

static void append(char *text, size_t size, const char *more)
{
    size_t used = strlen(text), count = strlen(more);
    assert_true(used + count < size);
    memcpy(text + used, more, count + 1);
}

static void test_lists_by_every_filter(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;

    enum { S = 1000000000 };

    // clang-format off
    static const struct {
        const char *name, *result;
        bool suspicious;
        uint64_t from_ns, to_ns;
        const char *letters;
    } rows[] = {
        {"all, newest first",       "",          false, 0,              0,             "hgFeDcBa"},
        {"failures",                "failed",    false, 0,              0,             "hgeca"},
        {"successes",               "succeeded", false, 0,              0,             "FDB"},
        {"suspicious ones",         "",          true,  0,              0,             "gDc"},
        {"suspicious failures",     "failed",    true,  0,              0,             "gc"},
        {"suspicious successes",    "succeeded", true,  0,              0,             "D"},
        {"from a moment on",        "",          false, T0_NS + 5ULL*S,     0,             "hgF"},
        {"a ns later",              "",          false, T0_NS + 5ULL*S + 1, 0,             "hg"},
        {"before a moment",         "",          false, 0,              T0_NS + 2ULL*S,    "Ba"},
        {"a ns more",               "",          false, 0,              T0_NS + 2ULL*S + 1,"cBa"},
        {"between",                 "failed",    false, T0_NS + 2ULL*S,     T0_NS + 6ULL*S,    "ec"},
        {"between, suspicious",     "",          true,  T0_NS + 3ULL*S,     T0_NS + 7ULL*S,    "gD"},
        {"before everything",       "",          false, 0,              T0_NS,         ""},
        {"after everything",        "",          false, T0_NS + 8ULL*S,     0,             ""},
        {"an empty range",          "",          false, T0_NS + 2ULL*S,     T0_NS + 2ULL*S,    ""},
    };

    // clang-format on
    write_sample(house);
    for (size_t i = 0; i < ROWS(rows); i++) {
        // In pages of every size: always the same list, and each page but the last is full.
        for (int32_t size = 1; size <= 9; size++) {
            Auth__ListLoginActivityRequest request = AUTH__LIST_LOGIN_ACTIVITY_REQUEST__INIT;
            char all[64] = "", token[512] = "";
            request.result = text_of(rows[i].result);
            request.suspicious = rows[i].suspicious;
            request.from = rows[i].from_ns;
            request.to = rows[i].to_ns;
            request.page_size = size;
            do {
                struct page page;
                request.page_token = text_of(token);
                assert_status_ok(read_page(caller, &request, &page));
                if (page.token[0] != '\0') assert_int_equal(strlen(page.letters), size);
                append(all, sizeof all, page.letters);
                snprintf(token, sizeof token, "%s", page.token);
            } while (token[0] != '\0');
            if (strcmp(all, rows[i].letters) != 0)
                fail_msg("%s, pages of %d: %s", rows[i].name, size, all);
        }
    }
}

static void test_pages_stand_still_while_new_attempts_arrive(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__ListLoginActivityRequest request = AUTH__LIST_LOGIN_ACTIVITY_REQUEST__INIT;
    struct page page;
    char all[64] = "", token[512] = "";
    size_t new_count = 0;
    write_sample(house);
    request.page_size = 3;
    do {
        request.page_token = text_of(token);
        assert_status_ok(read_page(caller, &request, &page));
        append(all, sizeof all, page.letters);
        snprintf(token, sizeof token, "%s", page.token);
        struct diary_entry late = {.device = "Z", .ip = "", .is_success = true};
        diary_write(house, &late, T0_NS + (100 + new_count++) * AUTH_SECOND_NS);
    } while (token[0] != '\0');
    assert_string_equal(all, "hgFeDcBa");
    request.page_token = text_of("");
    assert_status_ok(read_page(caller, &request, &page));
    assert_string_equal(page.letters, "ZZZ");
}

static void test_what_is_shown_of_an_attempt(void **state)
{
    struct house *house = *state;
    Auth__ListLoginActivityRequest request = AUTH__LIST_LOGIN_ACTIVITY_REQUEST__INIT;
    struct page page;
    struct diary_entry success = {.user_id = id_of(0x11),
                                  .is_success = true,
                                  .is_suspicious = true,
                                  .device = "pixel\n\x1b[31m\xc2\x9b red",
                                  .ip = "2001:db8::1",
                                  .terms = AUTH_RISK_NEW_DEVICE | AUTH_RISK_DORMANT};
    diary_write(house, &failure_of_nobody, T0_NS + 12345);
    assert_status_ok(read_page(house->caller, &request, &page));
    const Auth__LoginActivity *shown = page.first;
    assert_int_equal(shown->id.len, ID128_BYTES);
    assert_int_equal(shown->at, T0_NS + 12345);
    assert_int_equal(shown->user_id.len, 0);
    assert_int_equal(shown->session_id.len, 0);
    assert_string_equal(shown->result, "failed");
    assert_string_equal(shown->reason, "INVALID_CREDENTIALS");
    assert_string_equal(shown->method, "password");
    assert_string_equal(shown->client_ip, "192.0.2.1");
    assert_string_equal(shown->user_agent, "curl/7.88");
    assert_int_equal(shown->n_risk, 0);
    assert_false(shown->suspicious);

    diary_write(house, &success, T0_NS + 12346);
    assert_status_ok(read_page(house->caller, &request, &page));
    shown = page.first;
    assert_memory_equal(shown->user_id.data, success.user_id.bytes, ID128_BYTES);
    assert_int_equal(shown->session_id.len, ID128_BYTES);
    assert_string_equal(shown->result, "succeeded");
    assert_string_equal(shown->reason, "");
    assert_string_equal(shown->device, "pixel  [31m  red"); // Nothing that moves a terminal.
    assert_int_equal(shown->n_risk, 2);
    assert_string_equal(shown->risk[0], "new_device");
    assert_string_equal(shown->risk[1], "dormant");
    assert_true(shown->suspicious);
}

static void test_long_texts_are_cut_between_characters(void **state)
{
    struct house *house = *state;
    Auth__ListLoginActivityRequest request = AUTH__LIST_LOGIN_ACTIVITY_REQUEST__INIT;
    struct page page;
    char device[513] = "x"; // Then characters of two bytes: the last one would be cut in half.
    for (size_t i = 1; i + 1 < sizeof device; i += 2)
        memcpy(device + i, "\xc3\xa9", 2);
    device[511] = '\0';
    struct diary_entry entry = {.device = device, .ip = ""};
    diary_write(house, &entry, T0_NS);
    assert_status_ok(read_page(house->caller, &request, &page));
    assert_int_equal(strlen(page.first->device), 383);
    assert_true(text_is_utf8(page.first->device, 383));
}

static void test_who_may_list(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct id128 user_id = house_new_user(caller, "asha@example.com");
    struct id128 other_id = house_new_user(caller, "bela@example.com"), unknown_id = id_of(0x77);

    // clang-format off
    const struct {
        const char *name;
        enum rpc_scope scope;
        const struct id128 *whose; // NULL: everybody's.
        const char *reason;
    } rows[] = {
        {"all of all",              RPC_SCOPE_ALL,    NULL,        NULL},
        {"a branch's of all",       RPC_SCOPE_BRANCH, NULL,        "PERMISSION_DENIED"},
        {"one's own of all",        RPC_SCOPE_SELF,   NULL,        "PERMISSION_DENIED"},
        {"anybody's",               RPC_SCOPE_ALL,    &other_id,   NULL},
        {"nobody's",                RPC_SCOPE_ALL,    &unknown_id, "USER_NOT_FOUND"},
        {"another branch's user",   RPC_SCOPE_BRANCH, &other_id,   "PERMISSION_DENIED"},
        {"one's own",               RPC_SCOPE_SELF,   &user_id,    NULL},
        {"another's",               RPC_SCOPE_SELF,   &other_id,   "PERMISSION_DENIED"},
    };

    // clang-format on
    caller->claims = (struct token_claims){.subject = user_id};
    caller->is_authenticated = true;
    for (size_t i = 0; i < ROWS(rows); i++) {
        Auth__ListLoginActivityRequest all = AUTH__LIST_LOGIN_ACTIVITY_REQUEST__INIT;
        Auth__ListUserLoginActivityRequest one = AUTH__LIST_USER_LOGIN_ACTIVITY_REQUEST__INIT;
        struct id128 whose = rows[i].whose != NULL ? *rows[i].whose : ID128_NIL;
        one.user_id = (ProtobufCBinaryData){ID128_BYTES, whose.bytes};
        caller->scope = rows[i].scope;
        struct status status = rows[i].whose == NULL
                                   ? caller_call(caller, AUTH_LIST_LOGIN_ACTIVITY, &all, NULL)
                                   : caller_call(caller, AUTH_LIST_USER_LOGIN_ACTIVITY, &one, NULL);
        const char *reason = status_ok(status) ? "" : status.reason;
        if (strcmp(reason, rows[i].reason != NULL ? rows[i].reason : "") != 0)
            fail_msg("%s: %s", rows[i].name, reason);
    }
}

static void test_each_user_has_a_list(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct id128 user_id = house_new_user(caller, "asha@example.com");
    struct diary_entry entry = {.user_id = user_id, .device = "p", .ip = ""};
    struct diary_entry others = {.user_id = id_of(0xff), .device = "q", .ip = ""};
    diary_write_many(house, &entry, 3, T0_NS, 2);
    diary_write_many(house, &others, 3, T0_NS + 1, 2);
    entry.is_success = true;
    diary_write_many(house, &entry, 2, T0_NS + 10, 2);
    caller->claims = (struct token_claims){.subject = user_id};
    caller->is_authenticated = true;

    static const struct {
        const char *result;
        size_t count;
    } rows[] = {{"", 5}, {"failed", 3}, {"succeeded", 2}};

    for (size_t i = 0; i < ROWS(rows); i++) {
        Auth__ListMyLoginActivityRequest mine = AUTH__LIST_MY_LOGIN_ACTIVITY_REQUEST__INIT;
        Auth__ListUserLoginActivityRequest one = AUTH__LIST_USER_LOGIN_ACTIVITY_REQUEST__INIT;
        Auth__ListLoginActivityResponse *reply = NULL;
        mine.result = one.result = text_of(rows[i].result);
        one.user_id = (ProtobufCBinaryData){ID128_BYTES, user_id.bytes};
        assert_status_ok(caller_call(caller, AUTH_LIST_MY_LOGIN_ACTIVITY, &mine, &reply));
        assert_int_equal(reply->n_login_activity, rows[i].count);
        assert_status_ok(caller_call(caller, AUTH_LIST_USER_LOGIN_ACTIVITY, &one, &reply));
        assert_int_equal(reply->n_login_activity, rows[i].count);
        for (size_t j = 0; j < reply->n_login_activity; j++)
            assert_string_equal(reply->login_activity[j]->device, "p");
    }
    caller_be_nobody(caller);
    Auth__ListMyLoginActivityRequest mine = AUTH__LIST_MY_LOGIN_ACTIVITY_REQUEST__INIT;
    assert_refused(caller_call(caller, AUTH_LIST_MY_LOGIN_ACTIVITY, &mine, NULL),
                   "PERMISSION_DENIED");
}

static void test_requests_that_cannot_be_answered(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__ListLoginActivityRequest request = AUTH__LIST_LOGIN_ACTIVITY_REQUEST__INIT;
    struct page page;
    write_sample(house);
    request.page_size = 2;
    assert_status_ok(read_page(caller, &request, &page));

    // clang-format off
    const struct {
        const char *name, *result;
        bool suspicious;
        uint64_t from_ns, to_ns;
        int32_t size;
        const char *token, *reason;
    } rows[] = {
        {"a result that is none",        "maybe",  false, 0, 0, 2,  "",         "VALIDATION_FAILED"},
        {"a result in capitals",         "FAILED", false, 0, 0, 2,  "",         "VALIDATION_FAILED"},
        {"backwards",                    "",       false, 2, 1, 2,  "",         "VALIDATION_FAILED"},
        {"a page of less than nothing",  "",       false, 0, 0, -1, "",         "VALIDATION_FAILED"},
        {"a token that is none",         "",       false, 0, 0, 2,  "AAAA",     "PAGE_TOKEN_INVALID"},
        {"a token of another result",    "failed", false, 0, 0, 2,  page.token, "PAGE_TOKEN_INVALID"},
        {"of another range",             "",       false, 1, 0, 2,  page.token, "PAGE_TOKEN_INVALID"},
        {"of all, for suspicious ones",  "",       true,  0, 0, 2,  page.token, "PAGE_TOKEN_INVALID"},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct page unused;
        request.result = text_of(rows[i].result);
        request.suspicious = rows[i].suspicious;
        request.from = rows[i].from_ns;
        request.to = rows[i].to_ns;
        request.page_size = rows[i].size;
        request.page_token = text_of(rows[i].token);
        struct status status = read_page(caller, &request, &unused);
        if (status_ok(status) || strcmp(status.reason, rows[i].reason) != 0)
            fail_msg("%s: %s", rows[i].name, status_ok(status) ? "OK" : status.reason);
    }
}

// ---- Forgetting ----------------------------------------------------------------------------

static void test_what_is_too_old_is_forgotten(void **state)
{
    struct house *house = *state;
    uint64_t kept_ns = house->service.policy.activity_kept_ns, sweeps = 0;
    uint64_t now_ns = T0_NS + kept_ns;
    struct diary_entry suspicious = {.user_id = id_of(0x11),
                                     .is_success = true,
                                     .is_suspicious = true,
                                     .device = "p",
                                     .ip = "192.0.2.1"};
    size_t hours = diary_rows(house, AUTH_TABLE_COUNTERS);
    diary_write_many(house, &failure_of_nobody, 2 * AUTH_SWEEP_ROWS_MAX, T0_NS - 10000, 1);
    diary_write(house, &suspicious, T0_NS - 1);
    diary_write(house, &suspicious, T0_NS); // Just young enough.
    size_t count;
    do {
        assert_status_ok(auth_sweep(&house->service, now_ns, &count));
        assert_true(count <= AUTH_SWEEP_ROWS_MAX);
        sweeps++;
    } while (count > 0);
    assert_true(sweeps >= 3);
    assert_int_equal(diary_rows(house, AUTH_TABLE_ACTIVITY), 1);
    assert_int_equal(diary_rows(house, AUTH_TABLE_ACTIVITY_FACETS), 2);
    // The hour of T0 has not ended as long ago as that; the one before it has.
    assert_int_equal(diary_rows(house, AUTH_TABLE_COUNTERS), hours + 1);
    assert_status_ok(auth_sweep(&house->service, now_ns + AUTH_HOUR_NS, &count));
    assert_int_equal(diary_rows(house, AUTH_TABLE_ACTIVITY), 0);
    assert_int_equal(diary_rows(house, AUTH_TABLE_ACTIVITY_FACETS), 0);
    assert_int_equal(diary_rows(house, AUTH_TABLE_COUNTERS), hours);
    // What logins are assessed by stays: a dormant account is still one.
    assert_int_equal(assess(house, id_of(0x11), "p", "192.0.2.1", now_ns).terms & AUTH_RISK_DORMANT,
                     AUTH_RISK_DORMANT);
}

static void test_everything_survives_a_restart(void **state)
{
    struct house *house = *state;
    Auth__ListLoginActivityRequest request = AUTH__LIST_LOGIN_ACTIVITY_REQUEST__INIT;
    struct page page;
    write_sample(house);
    house_reopen(house);
    assert_status_ok(read_page(house->caller, &request, &page));
    assert_string_equal(page.letters, "hgFeDcBa");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_risk, house_open, house_close),
        cmocka_unit_test_setup_teardown(test_a_first_login_has_nothing_to_differ_from, house_open,
                                        house_close),
        cmocka_unit_test_setup_teardown(
            test_five_networks_are_remembered_and_failures_are_no_successes, house_open,
            house_close),
        cmocka_unit_test_setup_teardown(test_lists_by_every_filter, house_open, house_close),
        cmocka_unit_test_setup_teardown(test_pages_stand_still_while_new_attempts_arrive,
                                        house_open, house_close),
        cmocka_unit_test_setup_teardown(test_what_is_shown_of_an_attempt, house_open, house_close),
        cmocka_unit_test_setup_teardown(test_long_texts_are_cut_between_characters, house_open,
                                        house_close),
        cmocka_unit_test_setup_teardown(test_who_may_list, house_open, house_close),
        cmocka_unit_test_setup_teardown(test_each_user_has_a_list, house_open, house_close),
        cmocka_unit_test_setup_teardown(test_requests_that_cannot_be_answered, house_open,
                                        house_close),
        cmocka_unit_test_setup_teardown(test_what_is_too_old_is_forgotten, house_open, house_close),
        cmocka_unit_test_setup_teardown(test_everything_survives_a_restart, house_open,
                                        house_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
