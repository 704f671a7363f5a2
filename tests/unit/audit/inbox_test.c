// Notifications: which events tell whom what, and an inbox that always counts right.
#include "common/base/clock.h"
#include "services/audit/inbox.h"
#include "services/audit/inbox_rules.h"
#include "services/audit/store_inbox.h"
#include "tests/unit/audit/newsroom.h"

#include <pthread.h>
#include <stdatomic.h>

#define ASHA NEWSROOM_USER(1)
#define BINOD NEWSROOM_USER(2)
#define TELLER NEWSROOM_USER(8)
#define DAY_NS (UINT64_C(86400) * NS_PER_SECOND)

enum { ASHA_ID = 1, BINOD_ID = 2, INBOX_DAYS = 90 };

static const Audit__ListNotificationsResponse *list(unsigned user, bool unread_only)
{
    const Audit__ListNotificationsResponse *reply;
    Audit__ListNotificationsRequest request = AUDIT__LIST_NOTIFICATIONS_REQUEST__INIT;
    request.unread_only = unread_only;
    request.page_size = 1000;
    assert_status_ok(newsroom_call(AUDIT_LIST_NOTIFICATIONS, newsroom_user(user), &request,
                                   (const void **)&reply));
    return reply;
}

static struct status mark(unsigned user, uint64_t *ids, size_t count, bool all, uint64_t *ret_left)
{
    const Audit__MarkNotificationsReadResponse *reply = NULL;
    Audit__MarkNotificationsReadRequest request = AUDIT__MARK_NOTIFICATIONS_READ_REQUEST__INIT;
    request.ids = ids;
    request.n_ids = count;
    request.all = all;
    struct status status = newsroom_call(AUDIT_MARK_NOTIFICATIONS_READ, newsroom_user(user),
                                         &request, (const void **)&reply);
    if (status_ok(status)) *ret_left = reply->unread_count;
    return status;
}

// The counts state the rows.
static struct audit_inbox_counts check_inbox(unsigned user)
{
    struct audit_inbox_counts counts, rows = {0};
    struct store_txn *txn = begin(newsroom.fixture);
    struct audit_notice_walk walk;
    uint64_t before = UINT64_MAX;
    assert_status_ok(audit_store_get_inbox_counts(txn, newsroom_user(user), &counts));
    audit_store_notices_open(txn, newsroom_user(user), before, &walk);
    for (;;) {
        struct audit_notice notice;
        bool more;
        assert_status_ok(audit_store_notices_next(&walk, &notice, &more));
        if (!more) break;
        assert_true(notice.index < before);
        before = notice.index;
        rows.total++;
        rows.unread += !notice.is_read;
    }
    audit_store_notices_close(&walk);
    store_snapshot_end(&txn);
    assert_int_equal(counts.total, rows.total);
    assert_int_equal(counts.unread, rows.unread);
    return counts;
}

// ---- Who is told what ----------------------------------------------------------------------

// Tells one event of hers, entry `index` of the log; kind NULL: nothing is told.
static void check_told(struct news news, size_t index, const char *kind, const char *text)
{
    uint64_t left;
    news.visible_to[0] = ASHA;
    news.subject = "things/1";
    assert_status_ok(mark(ASHA_ID, NULL, 0, true, &left));
    newsroom_tell(&news, 1);
    newsroom_settle();
    const Audit__ListNotificationsResponse *reply = list(ASHA_ID, true);
    if ((reply->n_notifications == 1) != (kind != NULL)) fail_msg("%s", news.type);
    assert_int_equal(reply->unread_count, reply->n_notifications);
    if (kind == NULL) return;
    const Audit__Notification *told = reply->notifications[0];
    assert_int_equal(told->id, index);
    assert_string_equal(told->kind, kind);
    assert_string_equal(told->resource, "things/1");
    assert_false(told->read);
    assert_true(told->title[0] != '\0');
    if (strncmp(told->text, text, strlen(text)) != 0) fail_msg("%s: %s", news.type, told->text);
    assert_null(strchr(told->text, '{'));
}

static void test_each_kind_is_told_in_its_words(void **state)
{
    (void)state;

    const struct {
        struct news news;
        const char *kind, *text; // NULL: nothing is told.
    } rows[] = {
        {{.type = "auth.login.succeeded",
          .device_id = "phone",
          .payload = newsroom_login("new_device")},
         "NEW_DEVICE_LOGIN",
         "Somebody logged in to your account from a device"},
        {{.type = "auth.login.succeeded", .device_id = "phone", .payload = newsroom_login(NULL)},
         NULL,
         NULL},
        {{.type = "auth.login.succeeded", .payload = newsroom_login("new_device")}, NULL, NULL},
        {{.type = "auth.login.succeeded"}, NULL, NULL},
        {{.type = "auth.login.failed", .payload = newsroom_login("new_device")}, NULL, NULL},
        {{.type = "auth.login.suspicious"}, "SUSPICIOUS_LOGIN", "Somebody who knows"},
        {{.type = "auth.password.changed"}, "PASSWORD_CHANGED", "Your password was changed"},
        {{.type = "auth.password.reset"}, "PASSWORD_RESET", "Your password was set anew"},
        {{.type = "auth.password.disabled"}, "PASSWORD_DISABLED", "Your password was tried"},
        {{.type = "auth.factor.enrolled", .payload = newsroom_credential("totp")},
         "FACTOR_ENROLLED",
         "A second factor (authenticator app) is now asked for"},
        {{.type = "auth.factor.disabled", .payload = newsroom_credential("otp")},
         "FACTOR_DISABLED",
         "A second factor (codes by message) is no longer"},
        {{.type = "auth.factor.locked", .payload = newsroom_credential("something_new")},
         "FACTOR_LOCKED",
         "A second factor (something_new) was tried"},
        {{.type = "auth.factor.recovery_code_used"}, "RECOVERY_CODE_USED", "One of your recovery"},
        {{.type = "auth.factor.recovery_codes_replaced"}, "RECOVERY_CODES_REPLACED", "You have"},
        {{.type = "auth.user.factors_reset"}, "FACTORS_RESET", "Your second factors"},
        {{.type = "auth.user.roles_changed"}, "ROLES_CHANGED", "What you may do"},
        {{.type = "auth.apikey.created"}, "API_KEY_CREATED", "A new API key"},
        {{.type = "auth.apikey.rotated"}, "API_KEY_ROTATED", "An API key"},
        {{.type = "auth.apikey.revoked"}, "API_KEY_REVOKED", "An API key"},
        {{.type = "ledger.account.frozen"}, "ACCOUNT_FROZEN", "One of your accounts is frozen"},
        {{.type = "ledger.account.unfrozen"}, "ACCOUNT_UNFROZEN", "One of your accounts is no"},
        {{.type = "ledger.account.closed"}, "ACCOUNT_CLOSED", "One of your accounts was closed"},
        {{.type = "kyc.case.decided", .payload = newsroom_case("approve")},
         "CASE_DECIDED",
         "What you submitted was approved."},
        {{.type = "kyc.case.decided", .payload = newsroom_case("reject")},
         "CASE_DECIDED",
         "What you submitted was rejected."},
        {{.type = "kyc.tier.changed", .payload = newsroom_tier("T2")},
         "TIER_CHANGED",
         "You are now of tier T2"},
        // Erased, or not to be read: it is told without its word.
        {{.type = "kyc.tier.changed"}, "TIER_CHANGED", "You are now of tier "},
        {{.type = "kyc.tier.changed", .payload = bytes_of("\xff", 1)},
         "TIER_CHANGED",
         "You are now of tier "},
        {{.type = "auth.session.ended"}, NULL, NULL},
        {{.type = "kyc.case.recommended"}, NULL, NULL},
    };

    for (size_t i = 0; i < ROWS(rows); i++)
        check_told(rows[i].news, i, rows[i].kind, rows[i].text);
    assert_int_equal(list(BINOD_ID, false)->n_notifications, 0);
}

static void test_an_unnamed_device_is_new_by_its_network(void **state)
{
    (void)state;

    static const struct {
        bool is_new_device, is_new_network, is_named, is_told;
    } rows[] = {
        {false, false, false, false}, {false, true, true, false},  {true, false, true, true},
        {true, true, true, true},     {true, false, false, false}, {true, true, false, true},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct audit_login_risk risk = {rows[i].is_new_device, rows[i].is_new_network};
        assert_true(audit_notice_is_new_device(risk, rows[i].is_named) == rows[i].is_told);
    }
}

/// The first bytes of account ids. The one that is unheard of was never told.
enum { ASHA_ACCOUNT = 1, ASHA_SAVINGS, BINOD_ACCOUNT, BANK, UNHEARD };

static void tell_accounts(void)
{
    const struct news accounts[] = {
        {.type = "ledger.account.created",
         .visible_to = {ASHA},
         .payload = newsroom_account(id_of(ASHA_ACCOUNT), newsroom_user(1))},
        {.type = "ledger.account.created",
         .visible_to = {ASHA},
         .payload = newsroom_account(id_of(ASHA_SAVINGS), newsroom_user(1))},
        {.type = "ledger.account.updated",
         .visible_to = {BINOD},
         .payload = newsroom_account(id_of(BINOD_ACCOUNT), newsroom_user(2))},
        {.type = "ledger.account.created", .payload = newsroom_account(id_of(BANK), ID128_NIL)},
    };
    newsroom_tell(accounts, ROWS(accounts));
}

static void test_money_is_told_to_whom_it_came(void **state)
{
    (void)state;
    tell_accounts();

    // clang-format off
    static const struct {
        const char *what, *type, *actor;
        uint8_t debit, credit;
        const char *visible_to[2];
        const char *to_asha, *to_binod; // Kinds; NULL: nothing.
    } rows[] = {
        {"Asha pays Binod",     "created",  ASHA,               ASHA_ACCOUNT,  BINOD_ACCOUNT, {ASHA, BINOD}, NULL,             "MONEY_IN"},
        {"an officer does",     "created",  TELLER,             ASHA_ACCOUNT,  BINOD_ACCOUNT, {ASHA, BINOD}, "MONEY_OUT",      "MONEY_IN"},
        {"a service does",      "created",  "services/billing", ASHA_ACCOUNT,  BINOD_ACCOUNT, {ASHA, BINOD}, "MONEY_OUT",      "MONEY_IN"},
        {"a hold",              "held",     ASHA,               ASHA_ACCOUNT,  BINOD_ACCOUNT, {ASHA, BINOD}, NULL,             NULL},
        {"its capture",         "posted",   ASHA,               ASHA_ACCOUNT,  BINOD_ACCOUNT, {ASHA, BINOD}, NULL,             "MONEY_IN"},
        {"its end",             "voided",   ASHA,               ASHA_ACCOUNT,  BINOD_ACCOUNT, {ASHA, BINOD}, NULL,             NULL},
        {"Binod gives it back", "reversed", BINOD,              BINOD_ACCOUNT, ASHA_ACCOUNT,  {BINOD, ASHA}, "MONEY_RETURNED", NULL},
        {"a deposit",           "created",  TELLER,             BANK,          ASHA_ACCOUNT,  {ASHA, NULL},  "MONEY_IN",       NULL},
        {"a withdrawal",        "created",  TELLER,             ASHA_ACCOUNT,  BANK,          {ASHA, NULL},  "MONEY_OUT",      NULL},
        {"her own withdrawal",  "created",  ASHA,               ASHA_ACCOUNT,  BANK,          {ASHA, NULL},  NULL,             NULL},
        {"her own exchange",    "created",  ASHA,               BANK,          ASHA_ACCOUNT,  {ASHA, NULL},  NULL,             NULL},
        {"between her own",     "created",  TELLER,             ASHA_ACCOUNT,  ASHA_SAVINGS,  {ASHA, NULL},  NULL,             NULL},
        {"of the bank",         "created",  TELLER,             BANK,          BANK,          {NULL, NULL},  NULL,             NULL},
        {"never heard of",      "created",  TELLER,             BANK,          UNHEARD,       {ASHA, NULL},  NULL,             NULL},
        {"refused",             "refused",  ASHA,               ASHA_ACCOUNT,  BINOD_ACCOUNT, {ASHA, BINOD}, NULL,             NULL},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint64_t left;
        char type[64];
        snprintf(type, sizeof type, "ledger.transfer.%s", rows[i].type);
        const struct news news = {.type = type,
                                  .actor = rows[i].actor,
                                  .subject = "transfers/1",
                                  .visible_to = {rows[i].visible_to[0], rows[i].visible_to[1]},
                                  .payload = newsroom_transfer(
                                      id_of(rows[i].debit), id_of(rows[i].credit), "INR", 123450)};
        assert_status_ok(mark(ASHA_ID, NULL, 0, true, &left));
        assert_status_ok(mark(BINOD_ID, NULL, 0, true, &left));
        newsroom_tell(&news, 1);
        newsroom_settle();
        const char *const kinds[] = {rows[i].to_asha, rows[i].to_binod};
        for (unsigned user = ASHA_ID; user <= BINOD_ID; user++) {
            const Audit__ListNotificationsResponse *reply = list(user, true);
            const char *kind = kinds[user - 1];
            bool is_right = kind == NULL ? reply->n_notifications == 0
                                         : reply->n_notifications == 1 &&
                                               strcmp(reply->notifications[0]->kind, kind) == 0;
            if (!is_right) fail_msg("%s: user %u", rows[i].what, user);
            if (kind != NULL) assert_non_null(strstr(reply->notifications[0]->text, "INR 1234.50"));
        }
    }
}

static void test_what_is_too_old_is_not_told(void **state)
{
    (void)state;
    const uint64_t now_ns = clock_wall_ns();
    const struct news news[] = {
        {.type = "auth.password.changed",
         .visible_to = {ASHA},
         .time_ns = now_ns - (INBOX_DAYS + 1) * DAY_NS},
        {.type = "auth.password.changed",
         .visible_to = {ASHA},
         .time_ns = now_ns - (INBOX_DAYS - 1) * DAY_NS},
    };
    newsroom_tell(news, ROWS(news));
    newsroom_settle();
    assert_int_equal(list(ASHA_ID, false)->n_notifications, 1);
}

static void test_one_who_is_named_twice_is_told_once(void **state)
{
    (void)state;
    const struct news news = {.type = "auth.password.changed",
                              .visible_to = {ASHA, ASHA, "users/not-an-id", BINOD}};
    newsroom_tell(&news, 1);
    newsroom_settle();
    assert_int_equal(list(ASHA_ID, false)->n_notifications, 1);
    assert_int_equal(list(BINOD_ID, false)->n_notifications, 1);
}

// ---- Reading -------------------------------------------------------------------------------

static void tell_times(size_t count)
{
    static struct news news[1000];
    for (size_t i = 0; i < count; i++)
        news[i] = (struct news){.type = "auth.password.changed", .visible_to = {ASHA}};
    newsroom_tell(news, count);
}

static void test_pages_give_every_notification_once_newest_first(void **state)
{
    (void)state;

    enum { COUNT = 57 };

    tell_times(COUNT);
    newsroom_settle();
    static const int32_t page_sizes[] = {1, 10, COUNT - 1, COUNT, COUNT + 1, 0};
    for (size_t i = 0; i < ROWS(page_sizes); i++) {
        char token[512] = "";
        uint64_t expected = COUNT;
        do {
            const Audit__ListNotificationsResponse *reply;
            Audit__ListNotificationsRequest request = AUDIT__LIST_NOTIFICATIONS_REQUEST__INIT;
            request.page_size = page_sizes[i];
            request.page_token = token;
            assert_status_ok(newsroom_call(AUDIT_LIST_NOTIFICATIONS, newsroom_user(ASHA_ID),
                                           &request, (const void **)&reply));
            assert_true(reply->n_notifications > 0);
            assert_int_equal(reply->unread_count, COUNT);
            for (size_t k = 0; k < reply->n_notifications; k++)
                assert_int_equal(reply->notifications[k]->id, --expected);
            snprintf(token, sizeof token, "%s", reply->next_page_token);
            request.unread_only = true; // Another list: not with this token.
            request.page_token = token;
            if (token[0] != '\0')
                assert_refused(newsroom_call(AUDIT_LIST_NOTIFICATIONS, newsroom_user(ASHA_ID),
                                             &request, (const void **)&reply),
                               "PAGE_TOKEN_INVALID");
        } while (token[0] != '\0');
        assert_int_equal(expected, 0);
    }
}

static void test_what_is_marked_is_read_and_no_more(void **state)
{
    (void)state;
    uint64_t left = 0, ids[] = {1, 3, 3, 99}, zero[] = {0};
    tell_times(5);
    newsroom_settle();
    assert_status_ok(mark(BINOD_ID, ids, 4, false, &left)); // They are not his.
    assert_int_equal(left, 0);
    assert_int_equal(list(ASHA_ID, true)->n_notifications, 5);
    assert_status_ok(mark(ASHA_ID, ids, 4, false, &left));
    assert_int_equal(left, 3);
    assert_status_ok(mark(ASHA_ID, ids, 4, false, &left)); // Once more.
    assert_int_equal(left, 3);
    const Audit__ListNotificationsResponse *reply = list(ASHA_ID, true);
    static const uint64_t unread[] = {4, 2, 0};
    assert_int_equal(reply->n_notifications, ROWS(unread));
    for (size_t i = 0; i < ROWS(unread); i++)
        assert_int_equal(reply->notifications[i]->id, unread[i]);
    reply = list(ASHA_ID, false);
    assert_int_equal(reply->n_notifications, 5);
    assert_true(reply->notifications[1]->read);
    assert_status_ok(mark(ASHA_ID, zero, 1, false, &left)); // The first of the log is one too.
    assert_int_equal(left, 2);
    assert_status_ok(mark(ASHA_ID, NULL, 0, true, &left));
    assert_int_equal(left, 0);
    check_inbox(ASHA_ID);
}

static void test_what_is_asked_wrongly_is_refused(void **state)
{
    (void)state;
    uint64_t left, ids[] = {1};
    const void *reply;
    Audit__ListNotificationsRequest request = AUDIT__LIST_NOTIFICATIONS_REQUEST__INIT;
    assert_refused(mark(ASHA_ID, ids, 1, true, &left), "VALIDATION_FAILED");
    assert_string_equal(newsroom.call.violations.items[0].reason, "EXCLUSIVE_FIELDS");
    assert_refused(mark(ASHA_ID, NULL, 0, false, &left), "VALIDATION_FAILED");
    assert_string_equal(newsroom.call.violations.items[0].reason, "REQUIRED");
    assert_refused(newsroom_call(AUDIT_LIST_NOTIFICATIONS, ID128_NIL, &request, &reply),
                   "NOT_A_USER");
    Audit__MarkNotificationsReadRequest all = AUDIT__MARK_NOTIFICATIONS_READ_REQUEST__INIT;
    all.all = true;
    assert_refused(newsroom_call(AUDIT_MARK_NOTIFICATIONS_READ, ID128_NIL, &all, &reply),
                   "NOT_A_USER");
}

// ---- What is kept --------------------------------------------------------------------------

static void test_a_full_inbox_drops_its_oldest(void **state)
{
    (void)state;
    uint64_t left, oldest[] = {0, 1, 2};
    tell_times(1000);
    newsroom_settle();
    assert_status_ok(mark(ASHA_ID, oldest, 3, false, &left));
    assert_int_equal(left, 997);
    tell_times(2); // In place of two that were read.
    newsroom_settle();
    assert_int_equal(check_inbox(ASHA_ID).unread, 999);
    tell_times(5); // Of one that was read, and of four that were not.
    newsroom_settle();
    assert_int_equal(check_inbox(ASHA_ID).unread, 1000);
    assert_int_equal(check_inbox(ASHA_ID).total, AUDIT_INBOX_ROWS_MAX);
    assert_int_equal(list(ASHA_ID, false)->notifications[999]->id, 7);
    assert_status_ok(mark(ASHA_ID, NULL, 0, true, &left));
    assert_int_equal(left, 0);
    check_inbox(ASHA_ID);
}

static void test_what_becomes_too_old_is_cleared_away(void **state)
{
    (void)state;
    const uint64_t now_ns = clock_wall_ns();
    uint64_t left, ids[] = {0};
    size_t dropped;
    bool is_end;
    struct news news[30];
    for (size_t i = 0; i < ROWS(news); i++) {
        news[i] = (struct news){.type = "auth.password.changed",
                                .visible_to = {ASHA, i < 5 ? BINOD : NULL},
                                .time_ns = now_ns - (30 - i) * DAY_NS};
    }
    newsroom_tell(news, ROWS(news));
    newsroom_settle();
    assert_status_ok(mark(ASHA_ID, ids, 1, false, &left));
    audit_tail_stop(newsroom.fixture->service.tail);
    audit_followers_stop(newsroom.context.followers); // By hand from here on.
    struct audit_inbox *inbox = newsroom.context.reports->inbox;
    assert_status_ok(audit_inbox_clear(inbox, now_ns, &dropped, &is_end));
    assert_int_equal(dropped, 0);
    assert_true(is_end);
    // Ten of hers and all of his become too old; the limit itself does not.
    assert_status_ok(
        audit_inbox_clear(inbox, now_ns + (INBOX_DAYS - 20) * DAY_NS, &dropped, &is_end));
    assert_int_equal(dropped, 10 + 5);
    assert_int_equal(check_inbox(ASHA_ID).total, 20);
    assert_int_equal(check_inbox(ASHA_ID).unread, 20);
    assert_int_equal(check_inbox(BINOD_ID).total, 0);
    struct store_txn *txn = begin(newsroom.fixture);
    struct id128 user_id;
    assert_true(audit_store_next_inbox(txn, ID128_NIL, &user_id));
    assert_true(id128_equal(user_id, newsroom_user(ASHA_ID))); // Of him nothing is left.
    store_snapshot_end(&txn);
}

static void test_counts_state_the_rows_whatever_is_done(void **state)
{
    (void)state;

    enum { ROUNDS = 60 };

    srand(7);
    uint64_t told = 0, left;
    for (size_t round = 0; round < ROUNDS; round++) {
        uint64_t ids[8];
        size_t count = (size_t)rand() % 40;
        switch (rand() % 5) {
        case 0:
        case 1:
            if (count > 0) tell_times(count);
            told += count;
            break;
        case 2:
            for (size_t i = 0; i < ROWS(ids); i++)
                ids[i] = (uint64_t)rand() % (told + 2);
            assert_status_ok(mark(ASHA_ID, ids, ROWS(ids), false, &left));
            break;
        case 3:
            assert_status_ok(mark(ASHA_ID, NULL, 0, true, &left));
            break;
        default:
            newsroom_stop(); // Wherever the follower is.
            newsroom_start();
        }
        check_inbox(ASHA_ID);
    }
    newsroom_settle();
    assert_int_equal(check_inbox(ASHA_ID).total,
                     told < AUDIT_INBOX_ROWS_MAX ? told : AUDIT_INBOX_ROWS_MAX);
}

static atomic_bool is_over;

static void *mark_and_mark(void *unused)
{
    uint64_t left;
    while (!atomic_load(&is_over))
        if (!status_ok(mark(ASHA_ID, NULL, 0, true, &left))) return unused;
    return NULL;
}

static void test_marking_while_new_ones_come_loses_none(void **state)
{
    (void)state;
    pthread_t reader;
    int failed = 0;
    void *result;
    atomic_store(&is_over, false);
    assert_int_equal(pthread_create(&reader, NULL, mark_and_mark, &failed), 0);
    for (size_t i = 0; i < 40; i++)
        tell_times(10);
    newsroom_settle();
    atomic_store(&is_over, true);
    pthread_join(reader, &result);
    assert_null(result);
    struct audit_inbox_counts counts = check_inbox(ASHA_ID);
    assert_int_equal(counts.total, 400);
    uint64_t left;
    assert_status_ok(mark(ASHA_ID, NULL, 0, true, &left));
    assert_int_equal(check_inbox(ASHA_ID).unread, 0);
}

static void test_every_rule_has_its_words(void **state)
{
    (void)state;
    bool is_used[AUDIT_NOTICE_LAST + 1] = {false};
    for (size_t i = 0; i < audit_notice_rule_count; i++) {
        const struct audit_notice_rule *rule = &audit_notice_rules[i];
        const struct audit_entry entry = {.action = bytes_of_text(rule->action)};
        assert_true(audit_notices_want(&entry));
        is_used[rule->kind] = true;
        // One event tells one user one thing: two rules of a type are for its two sides.
        for (size_t k = 0; k < i; k++) {
            if (strcmp(audit_notice_rules[k].action, rule->action) != 0) continue;
            assert_int_not_equal(audit_notice_rules[k].audience, AUDIT_AUDIENCE_CONCERNED);
            assert_int_not_equal(audit_notice_rules[k].audience, rule->audience);
        }
    }
    char word[AUDIT_NOTICE_WORD_BYTES_MAX], text[AUDIT_NOTICE_TEXT_BYTES];
    memset(word, 'w', sizeof word);
    for (enum audit_notice_kind kind = AUDIT_NOTICE_NEW_DEVICE_LOGIN; kind <= AUDIT_NOTICE_LAST;
         kind++) {
        const struct audit_notice longest = {.kind = kind,
                                             .currency = "ABCDEFGHIJ",
                                             .amount = U128_MAX,
                                             .word = bytes_of(word, sizeof word)};
        assert_true(is_used[kind]);
        assert_true(audit_notice_text(&longest, text) > 0);
        assert_true(audit_notice_title(kind)[0] != '\0' && audit_notice_name(kind)[0] != '\0');
    }
}

#define INBOX_TEST(test_) cmocka_unit_test_setup_teardown(test_, newsroom_setup, newsroom_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        INBOX_TEST(test_each_kind_is_told_in_its_words),
        cmocka_unit_test(test_an_unnamed_device_is_new_by_its_network),
        INBOX_TEST(test_money_is_told_to_whom_it_came),
        INBOX_TEST(test_what_is_too_old_is_not_told),
        INBOX_TEST(test_one_who_is_named_twice_is_told_once),
        INBOX_TEST(test_pages_give_every_notification_once_newest_first),
        INBOX_TEST(test_what_is_marked_is_read_and_no_more),
        INBOX_TEST(test_what_is_asked_wrongly_is_refused),
        INBOX_TEST(test_a_full_inbox_drops_its_oldest),
        INBOX_TEST(test_what_becomes_too_old_is_cleared_away),
        INBOX_TEST(test_counts_state_the_rows_whatever_is_done),
        INBOX_TEST(test_marking_while_new_ones_come_loses_none),
        cmocka_unit_test(test_every_rule_has_its_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
