// Text messages by a webhook; servers of somebody else's; the worker beside servers that hang; and
// what the configuration must hold.
#include "common/base/clock.h"
#include "common/base/log.h"
#include "services/auth/worker.h"
#include "tests/unit/auth/scene.h"

#include <jansson.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

// ---- Text messages -------------------------------------------------------------------------

static const char *member(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));
    return text != NULL ? text : "(none)";
}

static void test_a_text_message_is_posted(void **state)
{
    struct scene *scene = *state;
    struct auth_message message;
    static struct web_received request;
    char header[128];
    scene_post(scene, MOBILE);
    assert_int_equal(scene_waiting(scene, MOBILE, &message), 1);
    UNTIL(scene, scene_is_idle);
    assert_int_equal(scene_waiting(scene, MOBILE, &message), 0);
    assert_int_equal(web_peer_received(scene->web, &request), 1);
    json_t *json = json_loads(request.body, JSON_REJECT_DUPLICATES, NULL);
    assert_int_equal(json_object_size(json), 4);
    assert_string_equal(member(json, "to"), MOBILE);
    assert_string_equal(member(json, "kind"), "login_code");
    assert_non_null(strstr(member(json, "text"), "042137"));
    snprintf(header, sizeof header, "\nIdempotency-Key: %s\n", member(json, "id"));
    assert_non_null(strstr(request.head, header));
    assert_memory_equal(request.head, "POST /send?x=1 HTTP/1.1\n", 24);
    assert_non_null(strstr(request.head, "\nAuthorization: Bearer " SECRET "\n"));
    assert_non_null(strstr(request.head, "\nContent-Type: application/json\n"));
    json_decref(json);
}

static void test_what_becomes_of_a_text_message(void **state)
{
    // clang-format off
    static const struct {
        const char *status, *headers;
        enum becomes becomes;
    } rows[] = {
        {"200 OK",                  "", SENT},
        {"202 Accepted",            "", SENT},
        {"204 No Content",          "", SENT},
        {"301 Moved",               "Location: http://127.0.0.1:1/\r\n", KEPT},
        {"307 Moved",               "Location: http://127.0.0.1:1/\r\n", KEPT},
        {"400 Bad Request",         "", DROPPED},
        {"401 Unauthorized",        "", KEPT}, // Our token.
        {"403 Forbidden",           "", KEPT},
        {"404 Not Found",           "", KEPT}, // Our address of it.
        {"405 Method Not Allowed",  "", KEPT},
        {"408 Request Timeout",     "", KEPT},
        {"410 Gone",                "", DROPPED},
        {"413 Too Large",           "", DROPPED},
        {"422 Unprocessable",       "", DROPPED},
        {"429 Too Many",            "", KEPT},
        {"500 Oh",                  "", KEPT},
        {"503 Busy",                "Retry-After: 1\r\n", KEPT},
        {"",                        "", KEPT}, // Cut off.
    };
    // clang-format on
    struct scene *scene = *state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct auth_message message;
        web_peer_set_answer(scene->web, rows[i].status, rows[i].headers);
        scene_post(scene, MOBILE);
        UNTIL(scene, scene_is_idle);
        scene_check_fate(scene, rows[i].status, MOBILE, rows[i].becomes);
        web_peer_set_answer(scene->web, "200 OK", "");
        house_wait(scene->house, 60); // Past the pause, whatever it is by now.
        UNTIL(scene, scene_is_idle);
        assert_int_equal(scene_waiting(scene, MOBILE, &message), 0);
    }
}

static void test_a_webhook_that_asks_for_time_gets_it(void **state)
{
    struct scene *scene = *state;
    struct auth_message message;
    web_peer_set_answer(scene->web, "429 Too Many", "Retry-After: 17\r\n");
    scene_post(scene, MOBILE);
    UNTIL(scene, scene_is_idle);
    assert_int_equal(scene_waiting(scene, MOBILE, &message), 1);
    assert_int_equal(message.not_before_ns, scene->house->now_ns + 17 * S);
}

static void test_a_webhook_that_hangs(void **state)
{
    struct scene *scene = *state;
    scene->config.timeout_ms = SCENE_SHORT_MS;
    scene_reopen_delivery(scene);
    web_peer_set_answer(scene->web, NULL, "");
    scene_post_kind(scene, MOBILE, AUTH_MESSAGE_PASSWORD_CHANGED);
    UNTIL(scene, scene_is_idle);
    scene_check_fate(scene, "hangs", MOBILE, KEPT);
    web_peer_set_answer(scene->web, "200 OK", "");
    size_t before = web_peer_received(scene->web, NULL);
    scene_check_sent_in_the_end(scene, "answers again", MOBILE);
    assert_true(web_peer_received(scene->web, NULL) > before);
}

static void test_without_a_webhook_text_messages_are_dropped(void **state)
{
    struct scene *scene = *state;
    struct auth_message message;
    scene->config.sms_url = "";
    scene_reopen_delivery(scene);
    scene_post(scene, MOBILE);
    scene_post(scene, ASHA);
    UNTIL(scene, scene_is_idle);
    assert_int_equal(scene_waiting(scene, MOBILE, &message), 0);
    assert_int_equal(scene_waiting(scene, ASHA, &message), 0);
    assert_int_equal(mail_peer_received(scene->mail, NULL), 1);
}

// ---- Servers of somebody else's -------------------------------------------------------------

/// Python's servers, started; pid 0: there are none here.
struct foreign {
    pid_t pid;
    int stop_fd;
    FILE *lines;
    unsigned smtp_port, web_port;
};

static void start_foreign(struct foreign *ret)
{
    int in[2], out[2];
    const char *source = getenv("FLORIN_SOURCE_DIR");
    char script[512];
    snprintf(script, sizeof script, "%s/tests/unit/auth/foreign_servers.py",
             source != NULL ? source : ".");
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    *ret = (struct foreign){.pid = fork(), .stop_fd = in[1]};
    assert_true(ret->pid >= 0);
    if (ret->pid == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        close(in[1]);
        execlp("python3", "python3", script, (char *)NULL);
        _exit(77);
    }
    close(in[0]);
    close(out[1]);
    ret->lines = fdopen(out[0], "r");
    assert_non_null(ret->lines);
    char ports[64] = "";
    bool is_read = fgets(ports, sizeof ports, ret->lines) != NULL &&
                   sscanf(ports, "%u %u", &ret->smtp_port, &ret->web_port) == 2;
    if (!is_read) ret->web_port = 0;
}

static int stop_foreign(struct foreign *foreign)
{
    int status = 0;
    close(foreign->stop_fd);
    assert_int_equal(waitpid(foreign->pid, &status, 0), foreign->pid);
    fclose(foreign->lines);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void assert_told(struct foreign *foreign, const char *const (*members)[2], size_t count)
{
    char line[4096];
    assert_non_null(fgets(line, sizeof line, foreign->lines));
    json_t *json = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(member(json, members[i][0]), members[i][1]);
    json_t *defects = json_object_get(json, "defects");
    if (defects != NULL) assert_int_equal(json_integer_value(defects), 0);
    json_decref(json);
}

static void test_servers_that_know_nothing_of_us_understand_us(void **state)
{
    static const char *const mail[][2] = {
        {"envelope_from", "no-reply@bank.example"},
        {"envelope_to", ASHA},
        {"name", "B\u00e4nk of \u20ac"},
        {"address", "no-reply@bank.example"},
        {"to", ASHA},
        {"subject", "Your Florin login code"},
        {"date", "2026-11-21T08:00:00+00:00"},
        {"charset", "utf-8"},
        {"text", "Your Florin login code is 042137. It is valid for 5 minutes. Nobody from Florin "
                 "will ever ask you for it.\n\nIf you are not logging in now, somebody else knows "
                 "your password: change it."},
    };
    static const char *const text[][2] = {
        {"to", MOBILE},
        {"kind", "login_code"},
        {"key_is_id", "True"},
        {"text", "Your Florin login code is 042137. It is valid for 5 minutes. Nobody from Florin "
                 "will ever ask you for it."},
    };
    struct scene *scene = *state;
    struct foreign foreign;
    start_foreign(&foreign);
    if (foreign.web_port == 0) {
        assert_int_equal(stop_foreign(&foreign), 77);
        print_message("skipped: there is no python3 with smtpd here\n");
        skip();
    }
    snprintf(scene->smtp_url, sizeof scene->smtp_url, "smtp://127.0.0.1:%u", foreign.smtp_port);
    snprintf(scene->sms_url, sizeof scene->sms_url, "http://127.0.0.1:%u/sms", foreign.web_port);
    scene->config.smtp_from = "B\u00e4nk of \u20ac <no-reply@bank.example>";
    scene->config.smtp_user = "";
    scene->config.smtp_needs_tls = false;
    scene_reopen_delivery(scene);
    scene->house->now_ns = UINT64_C(1795248000) * S;
    scene_post(scene, ASHA);
    UNTIL(scene, scene_is_idle);
    assert_told(&foreign, mail, ROWS(mail));
    scene_post(scene, MOBILE);
    UNTIL(scene, scene_is_idle);
    assert_told(&foreign, text, ROWS(text));
    assert_int_equal(stop_foreign(&foreign), 0);
}

// ---- The worker ----------------------------------------------------------------------------

static void test_a_server_that_hangs_holds_up_nothing(void **state)
{
    struct scene *scene = *state;
    struct house *house = scene->house;
    struct auth_message message;
    struct mail_trouble trouble = {MAIL_GREETING, NULL};
    struct id128 id;
    mail_peer_set_trouble(scene->mail, &trouble);
    auth_delivery_close(&scene->delivery);
    for (size_t i = 0; i < AUTH_DELIVERY_IN_FLIGHT_MAX; i++)
        scene_post(scene, ASHA);
    assert_status_ok(auth_worker_open(&house->service, &scene->config, &house->service.worker));
    auth_worker_start(house->service.worker);
    while (mail_peer_connections(scene->mail) < AUTH_DELIVERY_CHANNEL_MAX)
        usleep(1000);
    // Calls are answered, and text messages go.
    assert_status_ok(house_register(house->caller, "ravi@example.com", MOBILE, &id));
    while (web_peer_received(scene->web, NULL) == 0)
        usleep(1000);
    uint64_t before_ns = clock_mono_ns();
    auth_worker_stop(house->service.worker);
    auth_worker_close(&house->service.worker);
    assert_true(clock_mono_ns() - before_ns < SCENE_LONG_MS / 2 * NS_PER_MS); // Not at its end.
    assert_int_equal(scene_waiting(scene, ASHA, &message), AUTH_DELIVERY_IN_FLIGHT_MAX);
}

// ---- Configuration -------------------------------------------------------------------------

static void test_what_live_needs(void **state)
{
    struct scene *scene = *state;
    const struct auth_delivery_config fine = scene->config;
    char empty[SCENE_PATH_BYTES], controls[SCENE_PATH_BYTES];
    scene_path(scene, "empty", empty);
    scene_write_file(empty, "\n");
    scene_path(scene, "controls", controls);
    scene_write_file(controls, "a\tb\n");
#define WITH(field_, value_) offsetof(struct auth_delivery_config, field_), (value_)

    // clang-format off
    const struct {
        const char *name;
        size_t at;
        const char *value;
        bool is_fine;
    } rows[] = {
        {"all of it",                    WITH(smtp_user, "florin"),                     true},
        {"no SMTP server",               WITH(smtp_url, ""),                            false},
        {"SMTP by HTTP",                 WITH(smtp_url, "http://mail.example"),         false},
        {"a file",                       WITH(smtp_url, "file:///etc/passwd"),          false},
        {"a scheme alone",               WITH(smtp_url, "smtp://"),                     false},
        {"a password in the URL",        WITH(smtp_url, "smtp://a:b@mail.example"),     false},
        {"no sender",                    WITH(smtp_from, ""),                           false},
        {"a sender without an address",  WITH(smtp_from, "Florin"),                     false},
        {"a sender with a header",       WITH(smtp_from, "F <a@b.c>\r\nBcc: d@e.f"),    false},
        {"no password file",             WITH(smtp_password_file, ""),                  false},
        {"no such password file",        WITH(smtp_password_file, "/nowhere"),          false},
        {"an empty password file",       WITH(smtp_password_file, empty),               false},
        {"no webhook",                   WITH(sms_url, ""),                             true},
        {"a webhook that is a file",     WITH(sms_url, "file:///etc/passwd"),           false},
        {"no token",                     WITH(sms_token_file, ""),                      true},
        {"no such token file",           WITH(sms_token_file, "/nowhere"),              false},
        {"a token that breaks a header", WITH(sms_token_file, controls),                false},
        {"no such authorities",          WITH(tls_ca_file, "/nowhere"),                 false},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct auth_delivery *delivery = NULL;
        struct auth_delivery_config config = fine;
        memcpy((char *)&config + rows[i].at, &rows[i].value, sizeof rows[i].value);
        struct status status = auth_delivery_open(&scene->house->service, &config, &delivery);
        if (status_ok(status) != rows[i].is_fine) fail_msg("%s: %s", rows[i].name, status.message);
        if (!status_ok(status)) assert_string_equal(status.reason, "DELIVERY_CONFIG");
        auth_delivery_close(&delivery);
    }
    struct auth_delivery *delivery = NULL;
    struct auth_delivery_config in_clear = fine;
    in_clear.smtp_needs_tls = false; // And yet a password.
    assert_refused(auth_delivery_open(&scene->house->service, &in_clear, &delivery),
                   "DELIVERY_CONFIG");
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); // As the daemon does.
    log_set_level(LOG_LEVEL_ERROR);
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, scene_open, scene_close)
    const struct CMUnitTest tests[] = {
        TEST(test_a_text_message_is_posted),
        TEST(test_what_becomes_of_a_text_message),
        TEST(test_a_webhook_that_asks_for_time_gets_it),
        TEST(test_a_webhook_that_hangs),
        TEST(test_without_a_webhook_text_messages_are_dropped),
        TEST(test_servers_that_know_nothing_of_us_understand_us),
        TEST(test_a_server_that_hangs_holds_up_nothing),
        TEST(test_what_live_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
