// What happens beside the calls: delivery, sweeping, the first start; and what lies on the disk.
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "services/auth/bootstrap.h"
#include "services/auth/outbox.h"
#include "services/auth/sweep.h"
#include "services/auth/worker.h"
#include "tests/unit/auth/house.h"

#include <fcntl.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

static const char asha[] = "asha@example.com";

static const char *path_in(const struct house *house, const char *name)
{
    static char path[HOUSE_PATH_BYTES + 64];
    snprintf(path, sizeof path, "%s/%s", house->directory, name);
    return path;
}

// ---- Delivery ------------------------------------------------------------------------------

/// read_lines waits until the outbox has so many whole lines, and gives the last one parsed.
static json_t *read_lines(const struct house *house, size_t count)
{
    char line[2048], last[2048] = "";
    for (int tries = 0; tries < 5000; tries++) {
        size_t found = 0;
        FILE *file = fopen(path_in(house, "outbox/messages.jsonl"), "r");
        while (file != NULL && fgets(line, sizeof line, file) != NULL) {
            if (strchr(line, '\n') == NULL) break;
            found++;
            memcpy(last, line, sizeof last);
        }
        if (file != NULL) fclose(file);
        assert_true(found <= count);
        if (found == count) return json_loads(last, JSON_REJECT_DUPLICATES, NULL);
        usleep(1000);
    }
    fail_msg("%zu lines did not come", count);
    return NULL;
}

static const char *member(const json_t *line, const char *name)
{
    const char *text = json_string_value(json_object_get(line, name));
    return text != NULL ? text : "(none)";
}

static void test_a_message_is_delivered_when_it_is_durable(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct auth_message waiting;
    struct id128 id;
    assert_status_ok(
        house_register(caller, "before@example.com", "", &id)); // While nobody delivers.
    struct auth_delivery_config delivery = {.mode = AUTH_DELIVERY_DEV,
                                            .outbox_directory = path_in(house, "outbox")};
    assert_status_ok(auth_worker_open(&house->service, &delivery, &house->service.worker));
    auth_worker_start(house->service.worker);
    json_t *line = read_lines(house, 1);
    assert_string_equal(member(line, "to"), "before@example.com");
    json_decref(line);

    assert_status_ok(house_register(caller, asha, "", &id));
    line = read_lines(house, 2);
    assert_int_equal(json_object_size(line), 6);
    assert_string_equal(member(line, "to"), asha);
    assert_string_equal(member(line, "channel"), "email");
    assert_string_equal(member(line, "kind"), "registration");
    assert_non_null(strstr(member(line, "text"), member(line, "code")));
    uint64_t at_ns;
    assert_int_equal(clock_parse_rfc3339(member(line, "at"), strlen(member(line, "at")), &at_ns),
                     0);
    assert_int_equal(at_ns, house->now_ns);
    Auth__VerifyRegistrationResponse *reply = NULL;
    assert_status_ok(house_verify(caller, id, "email", member(line, "code"), &reply));
    json_decref(line);

    assert_status_ok(house_register(caller, asha, "", &id));
    line = read_lines(house, 3);
    assert_string_equal(member(line, "kind"), "account_exists");
    assert_string_equal(member(line, "code"), "");
    json_decref(line);
    auth_worker_close(&house->service.worker);
    assert_int_equal(house_messages(caller, asha, &waiting), 0);
}

static void test_a_line_that_a_crash_cut_off_stands_alone(void **state)
{
    struct house *house = *state;
    struct id128 id;
    int fd = -1;
    size_t count = 0;
    assert_int_equal(mkdir(path_in(house, "outbox"), 0700), 0);
    FILE *file = fopen(path_in(house, "outbox/messages.jsonl"), "w");
    assert_non_null(file);
    assert_true(fputs("{\"to\":\"half", file) >= 0);
    fclose(file);
    assert_status_ok(house_register(house->caller, asha, "", &id));
    assert_status_ok(auth_outbox_open(path_in(house, "outbox"), &fd));
    assert_status_ok(auth_outbox_deliver(&house->service, fd, house->now_ns, &count));
    assert_int_equal(count, 1);
    assert_status_ok(auth_outbox_deliver(&house->service, fd, house->now_ns, &count));
    assert_int_equal(count, 0);
    close(fd);
    json_t *line = read_lines(house, 2);
    assert_string_equal(member(line, "to"), asha);
    json_decref(line);
}

static void test_what_cannot_be_written_is_kept(void **state)
{
    struct house *house = *state;
    struct auth_message message;
    struct id128 id;
    size_t count = 0;
    assert_status_ok(house_register(house->caller, asha, "", &id));
    int full = open("/dev/full", O_WRONLY);
    assert_true(full >= 0);
    assert_refused(auth_outbox_deliver(&house->service, full, house->now_ns, &count),
                   "OUTBOX_NOT_WRITABLE");
    close(full);
    assert_int_equal(house_messages(house->caller, asha, &message), 1);
}

// ---- Sweeping ------------------------------------------------------------------------------

static size_t count_rows(const struct house *house, uint8_t table)
{
    size_t count = 0;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(house->store, &txn));
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, table, &cursor);
    for (bool row = store_cursor_first(&cursor); row; row = store_cursor_next(&cursor))
        count++;
    return count;
}

static void sweep(struct house *house)
{
    size_t count = 0;
    assert_status_ok(auth_sweep(&house->service, house->now_ns, &count));
}

static void test_what_has_run_out_goes_away(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__LoginResponse *login = NULL;
    struct id128 id;
    (void)house_new_user(caller, asha);
    assert_status_ok(house_register(caller, "other@example.com", "", &id));
    assert_status_ok(house_login(caller, asha, PASSWORD, "", &login));
    assert_refused(house_login(caller, asha, "wrong one", "", &login), "INVALID_CREDENTIALS");
    sweep(house);
    assert_int_equal(count_rows(house, AUTH_TABLE_REGISTRATIONS), 2);
    house_wait(house, 1800);
    sweep(house);
    assert_int_equal(count_rows(house, AUTH_TABLE_REGISTRATIONS), 0);
    assert_int_equal(count_rows(house, AUTH_TABLE_SESSIONS), 1);
    assert_true(count_rows(house, AUTH_TABLE_THROTTLES) > 0);

    // A throttle that is used again lives longer than it was filed for.
    house_wait(house, 6 * 3600);
    assert_refused(house_login(caller, asha, "wrong one", "", &login), "INVALID_CREDENTIALS");
    house_wait(house, 6 * 3600);
    uint64_t before = house_event_head(house);
    sweep(house);
    assert_int_equal(count_rows(house, AUTH_TABLE_SESSIONS), 0);
    assert_int_equal(count_rows(house, AUTH_TABLE_USER_SESSIONS), 0);
    assert_string_equal(house_events(caller, before), "auth.session.ended ");
    assert_true(count_rows(house, AUTH_TABLE_THROTTLES) > 0);
    house_wait(house, 24 * 3600);
    sweep(house);
    assert_int_equal(count_rows(house, AUTH_TABLE_THROTTLES), 0);
    assert_int_equal(count_rows(house, AUTH_TABLE_EXPIRIES), 0);
}

// ---- The first start -----------------------------------------------------------------------

static void read_password(const struct house *house, char ret[static 64])
{
    struct stat info;
    FILE *file = fopen(path_in(house, "admin-password"), "r");
    assert_non_null(file);
    assert_non_null(fgets(ret, 64, file));
    fclose(file);
    ret[strcspn(ret, "\n")] = '\0';
    assert_true(strlen(ret) >= 20);
    assert_int_equal(stat(path_in(house, "admin-password"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0400);
}

static void test_the_first_start_makes_an_administrator(void **state)
{
    struct house *house = *state;
    char password[64], again[64];
    Auth__LoginResponse *login = NULL;
    assert_status_ok(auth_bootstrap(&house->service, house->directory));
    read_password(house, password);
    assert_status_ok(house_login(house->caller, AUTH_ADMIN_EMAIL, password, "", &login));
    caller_be(house->caller, login->access_token);
    assert_int_equal(house->caller->claims.role_count, 1);
    assert_string_equal(house->caller->claims.roles[0], "admin");
    house_reopen(house);
    assert_status_ok(auth_bootstrap(&house->service, house->directory));
    read_password(house, again);
    assert_string_equal(again, password);
    assert_int_equal(count_rows(house, AUTH_TABLE_USERS), 1);
    assert_int_equal(unlink(path_in(house, "admin-password")), 0); // As its reader should.
    assert_status_ok(auth_bootstrap(&house->service, house->directory));
    assert_int_not_equal(access(path_in(house, "admin-password"), F_OK), 0);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fchmod(fileno(file), 0400), 0);
    fclose(file);
}

static void test_a_first_start_that_was_cut_off_is_finished_by_the_next(void **state)
{
    struct house *house = *state;
    Auth__LoginResponse *login = NULL;
    write_file(path_in(house, "admin-password.partial"), "half"); // Cut off while writing,
    write_file(path_in(house, "admin-password"),
               "abcdefghijkmnpqrstuvwxyz\n"); // and before the commit.
    assert_status_ok(auth_bootstrap(&house->service, house->directory));
    assert_status_ok(
        house_login(house->caller, AUTH_ADMIN_EMAIL, "abcdefghijkmnpqrstuvwxyz", "", &login));
}

static void test_a_foreign_password_file_is_not_taken_over(void **state)
{
    struct house *house = *state;
    write_file(path_in(house, "admin-password"), "secret\n");
    assert_refused(auth_bootstrap(&house->service, house->directory), "ADMIN_PASSWORD_FILE");
    assert_int_equal(count_rows(house, AUTH_TABLE_USERS), 0);
}

// ---- What lies on the disk -----------------------------------------------------------------

static void test_nothing_personal_and_no_secret_lies_on_the_disk(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__VerifyRegistrationResponse *reply = NULL;
    Auth__LoginResponse *login = NULL;
    struct id128 id;
    int log = open(path_in(house, "log"), O_CREAT | O_WRONLY, 0600), before = dup(STDERR_FILENO);
    assert_true(log >= 0 && before >= 0);
    dup2(log, STDERR_FILENO);
    log_set_level(LOG_LEVEL_DEBUG);
    LOG_INFO("the story begins");
    assert_status_ok(house_register(caller, asha, "+919876543210", &id));
    const char *code = house_code(caller, asha);
    assert_status_ok(
        house_verify(caller, id, "mobile", house_code(caller, "+919876543210"), &reply));
    assert_status_ok(house_verify(caller, id, "email", code, &reply));
    assert_status_ok(house_login(caller, asha, PASSWORD, "ashas-telephone", &login));
    assert_refused(house_login(caller, asha, "kettle of tin", "", &login), "INVALID_CREDENTIALS");
    assert_status_ok(house_register(caller, asha, "", &id));
    dup2(before, STDERR_FILENO);
    log_set_level(LOG_LEVEL_INFO);
    close(before);
    close(log);

    static const char *const never[] = {asha,     "9876543210", "Vermillon",   "Ashavari",
                                        PASSWORD, "kettle",     "$argon2id$v", "ashas-telephone"};
    for (size_t i = 0; i < ROWS(never); i++)
        if (directory_count_text(house->directory, never[i]) != 0)
            fail_msg("\"%s\" lies on the disk", never[i]);
    // The search finds what is there: the log's line, events' types, the address in the events.
    assert_true(directory_count_text(house->directory, "the story begins") > 0);
    assert_true(directory_count_text(house->directory, "auth.login.failed") > 0);
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, house_open, house_close)
    const struct CMUnitTest tests[] = {
        TEST(test_a_message_is_delivered_when_it_is_durable),
        TEST(test_a_line_that_a_crash_cut_off_stands_alone),
        TEST(test_what_cannot_be_written_is_kept),
        TEST(test_what_has_run_out_goes_away),
        TEST(test_the_first_start_makes_an_administrator),
        TEST(test_a_first_start_that_was_cut_off_is_finished_by_the_next),
        TEST(test_a_foreign_password_file_is_not_taken_over),
        TEST(test_nothing_personal_and_no_secret_lies_on_the_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
