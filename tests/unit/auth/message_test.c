// Messages: their bytes, their order in the store, what they say, and how an e-mail is written.
#include "common/base/clock.h"
#include "services/auth/mail.h"
#include "services/auth/message_text.h"
#include "services/auth/notice.h"
#include "tests/unit/auth/house.h"

#define NOW_NS UINT64_C(0x18fae27693b40000)
#define S UINT64_C(1000000000)

// ---- Bytes ---------------------------------------------------------------------------------

static struct bytes filled(uint8_t filler, size_t size)
{
    static uint8_t pool[512];
    static size_t used;
    if (used + size > sizeof pool) used = 0;
    uint8_t *at = pool + used;
    used += size;
    memset(at, filler, size);
    return bytes_of(at, size);
}

static struct status decode_message(struct bytes record)
{
    struct auth_message_record message;
    return auth_message_decode(record, &message);
}

static struct auth_message_record sample(void)
{
    return (struct auth_message_record){
        .channel = AUTH_MOBILE,
        .kind = AUTH_MESSAGE_SCA_CODE,
        .created_at_ns = NOW_NS,
        .not_before_ns = NOW_NS + S,
        .expires_at_ns = NOW_NS + 300 * S,
        .attempts = 1,
        .sealed_to = filled(0xb1, 60),
        .sealed_code = filled(0xb4, 51),
        .sealed_detail = filled(0xb5, 70),
    };
}

static void test_record(void **state)
{
    (void)state;
    struct auth_message_record message = sample(), decoded;
    uint8_t encoded[AUTH_MESSAGE_BYTES_MAX];
    size_t size = auth_message_encode(&message, encoded);
    golden_assert_record("auth", "message_v2.hex", bytes_of(encoded, size), decode_message,
                         "AUTH_RECORD_BROKEN");
    assert_status_ok(auth_message_decode(bytes_of(encoded, size), &decoded));
    assert_int_equal(decoded.expires_at_ns, NOW_NS + 300 * S);
    assert_true(bytes_equal(decoded.sealed_detail, message.sealed_detail));
}

static void test_a_record_of_layout_1_is_read(void **state)
{
    (void)state;
    uint8_t old[256];
    struct auth_message_record decoded;
    size_t size = golden_read("auth", "message_v1.hex", old, sizeof old);
    assert_status_ok(auth_message_decode(bytes_of(old, size), &decoded));
    assert_int_equal(decoded.kind, AUTH_MESSAGE_REGISTRATION);
    assert_int_equal(decoded.attempts, 2);
    assert_int_equal(decoded.expires_at_ns, 0);
    assert_int_equal(decoded.sealed_code.size, 51);
    assert_int_equal(decoded.sealed_detail.size, 0);
    assert_refused(decode_message(bytes_of(old, size - 1)), "AUTH_RECORD_BROKEN");
}

static void test_which_kinds_carry_a_code(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        enum auth_message_kind kind;
        const char *name;
        bool has_code;
    } rows[] = {
        {AUTH_MESSAGE_REGISTRATION,       "registration",       true},
        {AUTH_MESSAGE_ACCOUNT_EXISTS,     "account_exists",     false},
        {AUTH_MESSAGE_LOGIN_CODE,         "login_code",         true},
        {AUTH_MESSAGE_RESET_CODE,         "reset_code",         true},
        {AUTH_MESSAGE_SCA_CODE,           "sca_code",           true},
        {AUTH_MESSAGE_PASSWORD_CHANGED,   "password_changed",   false},
        {AUTH_MESSAGE_PASSWORD_DISABLED,  "password_disabled",  false},
        {AUTH_MESSAGE_FACTOR_ENROLLED,    "factor_enrolled",    false},
        {AUTH_MESSAGE_FACTOR_DISABLED,    "factor_disabled",    false},
        {AUTH_MESSAGE_FACTOR_LOCKED,      "factor_locked",      false},
        {AUTH_MESSAGE_RECOVERY_CODE_USED, "recovery_code_used", false},
        {AUTH_MESSAGE_REFRESH_REUSED,     "refresh_reused",     false},
        {AUTH_MESSAGE_LOGIN_SUSPICIOUS,   "login_suspicious",   false},
        {AUTH_MESSAGE_API_KEY_CREATED,    "api_key_created",    false},
    };

    // clang-format on
    assert_int_equal(ROWS(rows), AUTH_MESSAGE_KIND_LAST);
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint8_t encoded[AUTH_MESSAGE_BYTES_MAX];
        struct auth_message_record message = sample();
        message.kind = rows[i].kind;
        assert_string_equal(auth_message_kind_name(rows[i].kind), rows[i].name);
        bool with_code =
            status_ok(decode_message(bytes_of(encoded, auth_message_encode(&message, encoded))));
        message.sealed_code = bytes_of(NULL, 0);
        bool without =
            status_ok(decode_message(bytes_of(encoded, auth_message_encode(&message, encoded))));
        if (with_code != rows[i].has_code || without == rows[i].has_code)
            fail_msg("%s", rows[i].name);
    }
}

static struct status decode_key(struct bytes bytes)
{
    struct auth_message_key key;
    return auth_message_key_decode(bytes, &key);
}

static void test_key(void **state)
{
    (void)state;
    uint8_t bytes[AUTH_MESSAGE_KEY_BYTES_MAX];
    struct auth_message_key key = {NOW_NS + S, id_of(0x33)}, decoded;
    size_t size = auth_message_key_encode(&key, bytes);
    golden_assert("auth", "message_key_v2.hex", bytes_of(bytes, size));
    for (size_t cut = 0; cut < size; cut++)
        if (cut != ID128_BYTES)
            assert_refused(decode_key(bytes_of(bytes, cut)), "AUTH_RECORD_BROKEN");
    memset(bytes, 0, 8);
    assert_refused(decode_key(bytes_of(bytes, size)), "AUTH_RECORD_BROKEN");
    assert_status_ok(auth_message_key_decode(bytes_of(bytes, ID128_BYTES), &decoded)); // Layout 1.
    assert_int_equal(decoded.not_before_ns, 0);
}

// ---- In the store --------------------------------------------------------------------------

static struct status put(struct store_txn *txn, void *context)
{
    const void *const *pair = context;
    const struct auth_service *service = pair[0];
    auth_store_put_message(service->auth, txn, pair[1]);
    return STATUS_SUCCESS;
}

static void put_message(struct house *house, const char *to, uint64_t at_ns, const char *detail)
{
    struct auth_message message = {.channel = AUTH_EMAIL,
                                   .kind = AUTH_MESSAGE_LOGIN_CODE,
                                   .created_at_ns = at_ns,
                                   .expires_at_ns = at_ns + 300 * S,
                                   .to = to,
                                   .code = "123456",
                                   .detail = detail};
    const void *pair[] = {&house->service, &message};
    assert_status_ok(store_write_wait(house->store, put, pair));
}

static size_t get_due(struct house *house, uint64_t now_ns, struct auth_message *ret, size_t max)
{
    size_t count = 0;
    struct auth_message_filter filter = {.due_at_ns = now_ns, .channels = 1U << AUTH_EMAIL};
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(house->store, &txn));
    assert_status_ok(auth_store_get_messages(house->service.auth, txn, &filter,
                                             house->caller->arena, ret, max, &count));
    return count;
}

static struct status postpone(struct store_txn *txn, void *context)
{
    const struct auth_message *message = context;
    return auth_store_postpone_message(txn, message, message->created_at_ns + 60 * S);
}

static void test_what_is_due_comes_first_and_the_postponed_wait(void **state)
{
    struct house *house = *state;
    struct auth_message got[4];
    uint64_t next_ns;
    put_message(house, "b@example.com", NOW_NS + 2, "for b");
    put_message(house, "a@example.com", NOW_NS + 1, "");
    put_message(house, "c@example.com", NOW_NS + 3, "");
    assert_int_equal(get_due(house, NOW_NS, got, 4), 0);
    assert_int_equal(get_due(house, NOW_NS + 2, got, 4), 2);
    assert_string_equal(got[0].to, "a@example.com");
    assert_string_equal(got[1].to, "b@example.com");
    assert_string_equal(got[1].detail, "for b");

    assert_status_ok(store_write_wait(house->store, postpone, &got[1]));
    assert_int_equal(get_due(house, NOW_NS + 3, got, 4), 2);
    assert_string_equal(got[1].to, "c@example.com");
    assert_int_equal(get_due(house, NOW_NS + 2 + 60 * S, got, 4), 3);
    assert_string_equal(got[2].to, "b@example.com");
    assert_string_equal(got[2].code, "123456");
    assert_int_equal(got[2].attempts, 1);
    assert_int_equal(got[2].expires_at_ns, NOW_NS + 2 + 300 * S);

    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(house->store, &txn));
    assert_status_ok(auth_store_next_message_ns(txn, NOW_NS + 3, &next_ns));
    assert_int_equal(next_ns, NOW_NS + 2 + 60 * S);
    assert_status_ok(auth_store_next_message_ns(txn, next_ns, &next_ns));
    assert_true(next_ns == UINT64_MAX);
    assert_int_equal(auth_store_count_messages(txn), 3);
}

static void test_a_long_detail_is_cut_between_characters(void **state)
{
    struct house *house = *state;
    struct auth_message got;
    char detail[1200] = "x";
    for (size_t i = 1; i + 3 < sizeof detail; i += 3)
        memcpy(detail + i, "\u20ac", 4);
    put_message(house, "a@example.com", NOW_NS, detail);
    assert_int_equal(get_due(house, NOW_NS, &got, 1), 1);
    assert_int_equal(strlen(got.detail), 400); // 1 and 133 times 3.
    assert_true(text_is_utf8(got.detail, 400));
}

struct notice {
    struct house *house;
    struct id128 user_id;
};

static struct status queue_notice(struct store_txn *txn, void *context)
{
    const struct notice *notice = context;
    auth_notice_queue(&notice->house->service, txn, notice->user_id, AUTH_MESSAGE_REFRESH_REUSED,
                      "a telephone", notice->house->now_ns);
    return STATUS_SUCCESS;
}

static void test_a_notice_goes_to_the_users_address(void **state)
{
    struct house *house = *state;
    struct auth_message message;
    struct id128 id = house_new_user(house->caller, "asha@example.com");
    size_t before = house_messages(house->caller, "asha@example.com", &message);
    struct notice notice = {house, id};
    assert_status_ok(store_write_wait(house->store, queue_notice, &notice));
    assert_int_equal(house_messages(house->caller, "asha@example.com", &message), before + 1);
    assert_int_equal(message.kind, AUTH_MESSAGE_REFRESH_REUSED);
    assert_int_equal(message.channel, AUTH_EMAIL);
    assert_string_equal(message.detail, "a telephone");
    assert_string_equal(message.code, "");
    assert_int_equal(auth_message_end_ns(&message), house->now_ns + 24 * 3600 * S);
}

// ---- Texts ---------------------------------------------------------------------------------

static void write_text(enum auth_message_kind kind, enum auth_channel channel, const char *detail,
                       char ret[static AUTH_TEXT_BYTES])
{
    struct auth_message message = {.kind = kind,
                                   .channel = channel,
                                   .code = auth_message_has_code(kind) ? "042137" : "",
                                   .detail = detail};
    auth_message_write_text(&message, ret);
}

static void test_texts_are_whole_and_text_messages_short(void **state)
{
    (void)state;
    char text[AUTH_TEXT_BYTES];
    for (int i = AUTH_MESSAGE_REGISTRATION; i <= AUTH_MESSAGE_KIND_LAST; i++) {
        enum auth_message_kind kind = (enum auth_message_kind)i;
        const char *name = auth_message_kind_name(kind);
        write_text(kind, AUTH_MOBILE, "", text);
        if (strlen(text) > 160) fail_msg("%s: %zu characters", name, strlen(text));
        if (strpbrk(text, "{}[]\n") != NULL) fail_msg("%s: %s", name, text);
        if (auth_message_has_code(kind) != (strstr(text, "042137") != NULL)) fail_msg("%s", name);
        write_text(kind, AUTH_EMAIL, "something", text);
        if (strpbrk(text, "{}[]") != NULL) fail_msg("%s: %s", name, text);
        assert_true(strlen(auth_message_subject(kind)) > 0);
    }
}

static void test_texts(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *name, *detail;
        enum auth_message_kind kind;
        enum auth_channel channel;
        const char *text;
    } rows[] = {
        {"a payment", "EUR 250.00 to Ravi", AUTH_MESSAGE_SCA_CODE, AUTH_MOBILE,
         "Florin code 042137 approves this: EUR 250.00 to Ravi. Valid for 5 minutes. Not your "
         "order? Do not enter it."},
        {"without a detail", "", AUTH_MESSAGE_LOGIN_SUSPICIOUS, AUTH_MOBILE,
         "An unusual login to your Florin account. Not you? Change your password now."},
        {"a detail with lines and direction marks", "a\r\nb\u202ec\xc2\x85" "d",
         AUTH_MESSAGE_LOGIN_SUSPICIOUS, AUTH_MOBILE,
         "An unusual login to your Florin account (a  b c d). Not you? Change your password now."},
        {"a detail that looks like a field", "{code} [x]", AUTH_MESSAGE_LOGIN_SUSPICIOUS,
         AUTH_MOBILE,
         "An unusual login to your Florin account ({code} [x]). Not you? Change your password "
         "now."},
        {"a long detail of a notice",
         "0123456789012345678901234567890123456789012345678901234567890123456789",
         AUTH_MESSAGE_LOGIN_SUSPICIOUS, AUTH_MOBILE,
         "An unusual login to your Florin account (012345678901234567890123456789012345678901234567"
         "890123456789). Not you? Change your password now."},
        {"an e-mail gives advice", "", AUTH_MESSAGE_PASSWORD_CHANGED, AUTH_EMAIL,
         "Your Florin password was changed. Not you? Set a new one and call your bank.\n\nIf it was "
         "not you, change your password, end all sessions, and call your bank."},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        char text[AUTH_TEXT_BYTES];
        write_text(rows[i].kind, rows[i].channel, rows[i].detail, text);
        if (strcmp(text, rows[i].text) != 0) fail_msg("%s: %s", rows[i].name, text);
    }
}

// ---- E-mails -------------------------------------------------------------------------------

static void test_senders(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *text, *name, *address; // name NULL: refused.
    } rows[] = {
        {"Florin Bank <no-reply@bank.example>",     "Florin Bank",   "no-reply@bank.example"},
        {"\"Florin Bank\" <no-reply@bank.example>", "Florin Bank",   "no-reply@bank.example"},
        {"B\u00e4nk <a@bank.example>",              "B\u00e4nk",     "a@bank.example"},
        {"a@bank.example",                          "",              "a@bank.example"},
        {"<a@bank.example>",                        "",              "a@bank.example"},
        {"",                                        NULL,            ""},
        {"Florin Bank",                             NULL,            ""},
        {"Florin <a@bank.example",                  NULL,            ""},
        {"Florin <a@bank.example> x",               NULL,            ""},
        {"Florin <a@bank.example>\r\nBcc: b@c.d",   NULL,            ""},
        {"Flo\nrin <a@bank.example>",               NULL,            ""},
        {"Flo\"rin <a@bank.example>",               NULL,            ""},
        {"a@b@c.example",                           NULL,            ""},
        {"a b@c.example",                           NULL,            ""},
        {"a@c.example>",                            NULL,            ""},
        {"@c.example",                              NULL,            ""},
        {"a@",                                      NULL,            ""},
        {"\xff <a@bank.example>",                   NULL,            ""},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct auth_mail_sender sender;
        bool is_read = auth_mail_parse_sender(rows[i].text, &sender);
        if (is_read != (rows[i].name != NULL)) fail_msg("%s", rows[i].text);
        if (!is_read) continue;
        assert_string_equal(sender.name, rows[i].name);
        assert_string_equal(sender.address, rows[i].address);
    }
}

static void test_a_mail_byte_for_byte(void **state)
{
    (void)state;
    char bytes[AUTH_MAIL_BYTES_MAX];
    struct auth_mail_sender from = {"Florin Bank", "no-reply@bank.example"};
    struct auth_mail mail = {
        .from = &from,
        .to = "asha@example.com",
        .subject = "Your code",
        .text = "Code 042137 = good.\n\n.\nA line that is longer than seventy-six characters, so "
                "that it is broken softly; \u20ac \nEnd ",
        .message_id = "0190",
        .at_ns = UINT64_C(1795248000) * S,
    };
    static const char expected[] =
        "Date: Sat, 21 Nov 2026 08:00:00 +0000\r\n"
        "From: \"Florin Bank\"\r\n <no-reply@bank.example>\r\n"
        "To: asha@example.com\r\n"
        "Subject: Your code\r\n"
        "Message-ID: <0190@bank.example>\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n"
        "Auto-Submitted: auto-generated\r\n"
        "\r\n"
        "Code 042137 =3D good.\r\n\r\n.\r\n"
        "A line that is longer than seventy-six characters, so that it is broken sof=\r\n"
        "tly; =E2=82=AC=20\r\n"
        "End=20\r\n";
    size_t size = auth_mail_write(&mail, bytes);
    assert_int_equal(size, sizeof expected - 1);
    assert_memory_equal(bytes, expected, size);
}

static void test_subjects_that_are_not_ascii(void **state)
{
    (void)state;
    char bytes[AUTH_MAIL_BYTES_MAX + 1];
    struct auth_mail_sender from = {"B\u00e4nk", "a@bank.example"};
    struct auth_mail mail = {.from = &from,
                             .to = "asha@example.com",
                             .subject = "Z\u00fcrich\r\nBcc: x@example.com",
                             .text = "",
                             .message_id = "1"};
    size_t size = auth_mail_write(&mail, bytes);
    bytes[size] = '\0';
    assert_null(strstr(bytes, "Bcc"));
    assert_non_null(strstr(bytes, "\r\nFrom: =?UTF-8?B?QsOkbms=?=\r\n <a@bank.example>\r\n"));
    assert_non_null(strstr(bytes, "\r\nSubject: =?UTF-8?B?WsO8cmljaA0KQmNjOiB4QGV4YW1wbGUuY29t?="));
    mail.subject = "\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac"
                   "\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac";
    size = auth_mail_write(&mail, bytes);
    for (size_t i = 0, begin = 0; i + 1 < size; i++) {
        if (bytes[i] != '\r') continue;
        assert_true(i - begin <= 78);
        begin = i + 2;
    }
}

int main(void)
{
#define TEST(name_) cmocka_unit_test(name_)
#define HOUSE_TEST(name_) cmocka_unit_test_setup_teardown(name_, house_open, house_close)
    const struct CMUnitTest tests[] = {
        TEST(test_record),
        TEST(test_a_record_of_layout_1_is_read),
        TEST(test_which_kinds_carry_a_code),
        TEST(test_key),
        HOUSE_TEST(test_what_is_due_comes_first_and_the_postponed_wait),
        HOUSE_TEST(test_a_long_detail_is_cut_between_characters),
        HOUSE_TEST(test_a_notice_goes_to_the_users_address),
        TEST(test_texts_are_whole_and_text_messages_short),
        TEST(test_texts),
        TEST(test_senders),
        TEST(test_a_mail_byte_for_byte),
        TEST(test_subjects_that_are_not_ascii),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
