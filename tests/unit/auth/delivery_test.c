// E-mail, against a server that the test plays: what becomes of it, whatever goes wrong there.
#include "common/base/log.h"
#include "tests/unit/auth/scene.h"

#include <signal.h>
#include <unistd.h>

static bool has_mail_arrived(struct scene *scene)
{
    return mail_peer_received(scene->mail, NULL) > 0;
}

static bool are_all_under_way(struct scene *scene)
{
    return auth_delivery_in_flight(scene->delivery) == AUTH_DELIVERY_CHANNEL_MAX &&
           mail_peer_connections(scene->mail) >= AUTH_DELIVERY_CHANNEL_MAX;
}

// ---- E-mail --------------------------------------------------------------------------------

static void test_a_mail_is_sent_and_leaves_the_store(void **state)
{
    struct scene *scene = *state;
    struct auth_message message;
    static struct mail_received mail;
    scene_post(scene, ASHA);
    UNTIL(scene, scene_is_idle);
    assert_int_equal(scene_waiting(scene, ASHA, &message), 0);
    assert_int_equal(mail_peer_received(scene->mail, &mail), 1);
    assert_true(mail.is_accepted && mail.is_tls && mail.is_authenticated);
    assert_string_equal(mail.from, "no-reply@bank.example");
    assert_string_equal(mail.to, ASHA);
    assert_non_null(strstr(mail.body, "\r\nSubject: Your Florin login code\r\n"));
    assert_non_null(strstr(mail.body, "\r\n\r\nYour Florin login code is 042137. "));
    assert_int_equal(auth_delivery_in_flight(scene->delivery), 0);
    while (mail_peer_reached(scene->mail, MAIL_QUIT) == 0) // It is polite, and does not wait.
        usleep(1000);
}

static void test_what_becomes_of_a_mail(void **state)
{
    // clang-format off
    static const struct {
        const char *name;
        enum mail_step at;
        const char *reply;
        enum becomes becomes;
    } rows[] = {
        {"the server is busy",              MAIL_GREETING, "421 busy",              KEPT},
        {"the server serves nobody",        MAIL_GREETING, "554 no service",        KEPT},
        {"it knows no EHLO",                MAIL_EHLO,     "502 what",              KEPT},
        {"TLS fails now",                   MAIL_STARTTLS, "454 not now",           KEPT},
        {"our password is wrong",           MAIL_AUTH,     "535 5.7.8 wrong",       KEPT},
        {"logging in fails now",            MAIL_AUTH,     "454 4.7.0 later",       KEPT},
        {"our sender may not send",         MAIL_FROM,     "550 5.7.1 who are you", KEPT},
        {"too much at once",                MAIL_FROM,     "452 4.3.1 later",       KEPT},
        {"the mailbox is locked",           MAIL_RCPT,     "450 4.2.1 later",       KEPT},
        {"we should have logged in",        MAIL_RCPT,     "530 5.7.0 log in",      KEPT},
        {"there is no such mailbox",        MAIL_RCPT,     "550 5.1.1 nobody",      DROPPED},
        {"no mail may begin",               MAIL_DATA,     "451 4.3.0 later",       KEPT},
        {"no mail may begin for good",      MAIL_DATA,     "554 5.5.1 no",          DROPPED},
        {"the mail is not taken now",       MAIL_BODY,     "451 4.3.0 later",       KEPT},
        {"the mail is refused",             MAIL_BODY,     "554 5.6.0 spam",        DROPPED},
        {"the greeting never ends",         MAIL_GREETING, "",                      KEPT},
        {"cut off at EHLO",                 MAIL_EHLO,     "",                      KEPT},
        {"cut off at STARTTLS",             MAIL_STARTTLS, "",                      KEPT},
        {"cut off at AUTH",                 MAIL_AUTH,     "",                      KEPT},
        {"cut off at MAIL",                 MAIL_FROM,     "",                      KEPT},
        {"cut off at RCPT",                 MAIL_RCPT,     "",                      KEPT},
        {"cut off at DATA",                 MAIL_DATA,     "",                      KEPT},
        {"cut off after the mail",          MAIL_BODY,     "",                      KEPT},
        {"cut off at QUIT",                 MAIL_QUIT,     "",                      SENT},
        {"nobody takes leave",              MAIL_QUIT,     NULL,                    SENT},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct scene *scene;
        void *opened = NULL;
        scene_open(&opened);
        scene = opened;
        struct mail_trouble trouble = {rows[i].at, rows[i].reply};
        mail_peer_set_trouble(scene->mail, &trouble);
        scene_post(scene, ASHA);
        UNTIL(scene, scene_is_idle);
        scene_check_fate(scene, rows[i].name, ASHA, rows[i].becomes);
        mail_peer_set_trouble(scene->mail, NULL);
        if (rows[i].becomes == KEPT) scene_check_sent_later(scene, rows[i].name, ASHA);
        scene_close(&opened);
    }
    (void)state;
}

static void test_a_server_that_hangs_is_left_and_asked_again(void **state)
{
    static const enum mail_step steps[] = {MAIL_GREETING, MAIL_STARTTLS, MAIL_RCPT, MAIL_BODY};
    struct scene *scene = *state;
    scene->config.timeout_ms = SCENE_SHORT_MS;
    scene_reopen_delivery(scene);
    for (size_t i = 0; i < ROWS(steps); i++) {
        struct mail_trouble trouble = {steps[i], NULL};
        mail_peer_set_trouble(scene->mail, &trouble);
        scene_post_kind(scene, ASHA, AUTH_MESSAGE_PASSWORD_CHANGED);
        UNTIL(scene, scene_is_idle);
        scene_check_fate(scene, "hangs", ASHA, KEPT);
        mail_peer_set_trouble(scene->mail, NULL);
        size_t before = mail_peer_received(scene->mail, NULL);
        scene_check_sent_in_the_end(scene, "answers again", ASHA);
        assert_true(mail_peer_received(scene->mail, NULL) > before);
    }
}

static void test_a_server_that_is_down_and_comes_up(void **state)
{
    struct scene *scene = *state;
    static struct mail_received mail;
    uint16_t port = mail_peer_port(scene->mail);
    mail_peer_close(&scene->mail);
    scene_post(scene, ASHA);
    UNTIL(scene, scene_is_idle);
    scene_check_fate(scene, "down", ASHA, KEPT);
    scene_open_mail(scene, port);
    scene_check_sent_later(scene, "up again", ASHA);
    assert_int_equal(mail_peer_received(scene->mail, &mail), 1);
}

static void use_mail_peer(struct scene *scene, const struct mail_peer_config *config)
{
    mail_peer_close(&scene->mail);
    scene->mail = mail_peer_open(config);
    snprintf(scene->smtp_url, sizeof scene->smtp_url, "%s://127.0.0.1:%u",
             config->is_tls_from_start ? "smtps" : "smtp", mail_peer_port(scene->mail));
    scene_reopen_delivery(scene);
}

static void test_tls(void **state)
{
    struct scene *scene = *state;
    char other_pem[SCENE_PATH_BYTES];
    scene_path(scene, "other.pem", other_pem);
    struct peer_identity *stranger = peer_identity_make("127.0.0.1", other_pem);
    char named_pem[SCENE_PATH_BYTES];
    scene_path(scene, "named.pem", named_pem);
    struct peer_identity *named = peer_identity_make("mail.example", named_pem);

    // clang-format off
    const struct {
        const char *name;
        const struct peer_identity *identity;
        bool is_tls_from_start, needs_tls;
        const char *trusted;
        bool is_sent;
    } rows[] = {
        {"STARTTLS",                           scene->identity, false, true,  scene->pem, true},
        {"TLS from the start",                 scene->identity, true,  true,  scene->pem, true},
        {"no STARTTLS, and it is needed",      NULL,            false, true,  scene->pem, false},
        {"no STARTTLS, and it is not needed",  NULL,            false, false, scene->pem, true},
        {"a certificate of somebody else's",   stranger,        false, true,  scene->pem, false},
        {"a certificate of another host",      named,           false, true,  named_pem,  false},
        {"the same, with TLS from the start",  named,           true,  true,  named_pem,  false},
        {"a wrong one where none is needed",   stranger,        false, false, scene->pem, false},
    };

    // clang-format on
    scene->config.smtp_user = "";
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct mail_peer_config config = {.identity = rows[i].identity,
                                          .is_tls_from_start = rows[i].is_tls_from_start};
        struct auth_message message;
        scene->config.smtp_needs_tls = rows[i].needs_tls;
        scene->config.tls_ca_file = rows[i].trusted;
        use_mail_peer(scene, &config);
        scene_post(scene, rows[i].is_sent ? ASHA : "never@example.com");
        UNTIL(scene, scene_is_idle);
        if (mail_peer_received(scene->mail, NULL) != (rows[i].is_sent ? 1 : 0) ||
            mail_peer_reached(scene->mail, MAIL_FROM) != (rows[i].is_sent ? 1 : 0))
            fail_msg("%s", rows[i].name);
        assert_int_equal(scene_waiting(scene, ASHA, &message), 0);
        house_wait(scene->house, 600); // What was not sent runs out.
        UNTIL(scene, scene_is_idle);
        assert_int_equal(scene_waiting(scene, "never@example.com", &message), 0);
    }
    peer_identity_free(&stranger);
    peer_identity_free(&named);
}

// ---- Time ----------------------------------------------------------------------------------

static void test_attempts_come_later_and_later_also_after_a_restart(void **state)
{
    static const uint64_t waits_s[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300};
    struct scene *scene = *state;
    struct auth_message message;
    struct mail_trouble trouble = {MAIL_RCPT, "450 later"};
    mail_peer_set_trouble(scene->mail, &trouble);
    scene_post_kind(scene, ASHA, AUTH_MESSAGE_PASSWORD_CHANGED);
    for (size_t i = 0; i < ROWS(waits_s); i++) {
        UNTIL(scene, scene_is_idle);
        assert_int_equal(mail_peer_connections(scene->mail), i + 1);
        assert_int_equal(scene_waiting(scene, ASHA, &message), 1);
        assert_int_equal(message.attempts, i + 1);
        assert_int_equal(message.not_before_ns, scene->house->now_ns + waits_s[i] * S);

        auth_delivery_close(&scene->delivery);
        house_reopen(scene->house);
        scene_open_delivery(scene);
        house_wait(scene->house, waits_s[i] - 1);
        assert_int_equal(auth_delivery_turn(scene->delivery, scene->house->now_ns), 1000);
        UNTIL(scene, scene_is_idle);
        assert_int_equal(mail_peer_connections(scene->mail), i + 1); // Not yet.
        house_wait(scene->house, 1);
    }
}

static void test_what_has_run_out_is_not_sent(void **state)
{
    // clang-format off
    static const struct {
        const char *name;
        enum auth_message_kind kind;
        uint64_t after_s;
        bool is_sent;
    } rows[] = {
        {"a code, just in time",     AUTH_MESSAGE_LOGIN_CODE,       299,       true},
        {"a code that has run out",  AUTH_MESSAGE_LOGIN_CODE,       300,       false},
        {"a notice of yesterday",    AUTH_MESSAGE_PASSWORD_CHANGED, 86399,     true},
        {"a notice that is too old", AUTH_MESSAGE_PASSWORD_CHANGED, 86400,     false},
    };
    // clang-format on
    struct scene *scene = *state;
    size_t sent = 0;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct auth_message message;
        scene_post_kind(scene, ASHA, rows[i].kind);
        house_wait(scene->house, rows[i].after_s);
        UNTIL(scene, scene_is_idle);
        if (rows[i].is_sent) sent++;
        if (mail_peer_connections(scene->mail) != sent) fail_msg("%s", rows[i].name);
        assert_int_equal(scene_waiting(scene, ASHA, &message), 0);
    }
}

static void test_a_code_is_given_up_when_it_would_be_late(void **state)
{
    struct scene *scene = *state;
    struct auth_message message;
    struct mail_trouble trouble = {MAIL_RCPT, "450 later"};
    size_t attempts = 0;
    mail_peer_set_trouble(scene->mail, &trouble);
    scene_post(scene, ASHA);
    while (scene_waiting(scene, ASHA, &message) > 0) {
        scene->house->now_ns = message.not_before_ns;
        UNTIL(scene, scene_is_idle);
        attempts++;
    }
    // 0, 1, 3, 7, 15, 31, 63, 127 and 255 s after it was made; the next would be at 511 s.
    assert_int_equal(attempts, 9);
    assert_int_equal(mail_peer_connections(scene->mail), 9);
}

// ---- Crashes, crowds -----------------------------------------------------------------------

static void get_message_id(const struct mail_received *mail, char ret[static 128])
{
    const char *at = strstr(mail->body, "\r\nMessage-ID: ");
    assert_non_null(at);
    snprintf(ret, 128, "%.*s", (int)strcspn(at + 2, "\r"), at + 2);
}

static void test_a_crash_between_sending_and_deleting_sends_again(void **state)
{
    struct scene *scene = *state;
    struct auth_message message;
    static struct mail_received mail;
    char first[128], second[128];
    struct mail_trouble trouble = {MAIL_BODY, NULL}; // The server has it, and we do not know.
    mail_peer_set_trouble(scene->mail, &trouble);
    scene_post(scene, ASHA);
    UNTIL(scene, has_mail_arrived);
    assert_int_equal(mail_peer_received(scene->mail, &mail), 1);
    get_message_id(&mail, first);
    auth_delivery_close(&scene->delivery);
    house_reopen(scene->house);

    assert_int_equal(scene_waiting(scene, ASHA, &message), 1);
    assert_int_equal(message.attempts, 0);
    mail_peer_set_trouble(scene->mail, NULL);
    scene_open_delivery(scene);
    UNTIL(scene, scene_is_idle);
    assert_int_equal(scene_waiting(scene, ASHA, &message), 0);
    assert_int_equal(mail_peer_received(scene->mail, &mail), 2);
    get_message_id(&mail, second);
    assert_string_equal(first, second);
}

static void test_a_crowd_goes_six_at_a_time(void **state)
{
    struct scene *scene = *state;
    struct auth_message message;
    struct mail_trouble trouble = {MAIL_GREETING, NULL};
    mail_peer_set_trouble(scene->mail, &trouble);
    for (size_t i = 0; i < 30; i++)
        scene_post(scene, ASHA);
    UNTIL(scene, are_all_under_way);
    (void)auth_delivery_turn(scene->delivery, scene->house->now_ns);
    assert_int_equal(mail_peer_connections(scene->mail), AUTH_DELIVERY_CHANNEL_MAX);
    mail_peer_set_trouble(scene->mail, NULL);
    scene_reopen_delivery(scene);
    UNTIL(scene, scene_is_idle);
    assert_int_equal(scene_waiting(scene, ASHA, &message), 0);
    assert_int_equal(mail_peer_received(scene->mail, NULL), 30);
}

static void test_a_server_that_is_away_is_not_asked_once_a_message(void **state)
{
    struct scene *scene = *state;
    struct auth_message message;
    struct mail_trouble trouble = {MAIL_GREETING, ""};
    mail_peer_set_trouble(scene->mail, &trouble);
    for (size_t i = 0; i < 30; i++)
        scene_post(scene, ASHA);
    scene_post(scene, MOBILE);
    UNTIL(scene, scene_is_idle);
    assert_true(mail_peer_connections(scene->mail) <= AUTH_DELIVERY_CHANNEL_MAX);
    assert_int_equal(scene_waiting(scene, ASHA, &message), 30);
    assert_int_equal(scene_waiting(scene, MOBILE, &message), 0); // That server is well.
    mail_peer_set_trouble(scene->mail, NULL);
    house_wait(scene->house, 1);
    UNTIL(scene, scene_is_idle);
    assert_int_equal(scene_waiting(scene, ASHA, &message), 0);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); // As the daemon does.
    log_set_level(LOG_LEVEL_ERROR);
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, scene_open, scene_close)
    const struct CMUnitTest tests[] = {
        TEST(test_a_mail_is_sent_and_leaves_the_store),
        cmocka_unit_test(test_what_becomes_of_a_mail),
        TEST(test_a_server_that_hangs_is_left_and_asked_again),
        TEST(test_a_server_that_is_down_and_comes_up),
        TEST(test_tls),
        TEST(test_attempts_come_later_and_later_also_after_a_restart),
        TEST(test_what_has_run_out_is_not_sent),
        TEST(test_a_code_is_given_up_when_it_would_be_late),
        TEST(test_a_crash_between_sending_and_deleting_sends_again),
        TEST(test_a_crowd_goes_six_at_a_time),
        TEST(test_a_server_that_is_away_is_not_asked_once_a_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
