// Durable consumers' rules: every state meets every event.
#include "services/audit/consumer_core.h"
#include "tests/unit/support/unit.h"

enum { DUE_AFTER = 100 }; // Each stretch comes again so long after it was delivered.

/// One consumer, and what a story does to it. A story is words:
///     D<to>/<count>  a fetch up to `to` gives so many events     S<to>  nothing matches up to `to`
///     A<upto>        is acknowledged and stored                  R      restart
///     T<now>         it is so late: what is due comes again
///     X<to>, Y<to>   a fetch that began before it went back, or elsewhere
struct scene {
    struct audit_consumer consumer;
    struct audit_flight flight;
    uint64_t now;
    const char *refused; // The last refusal's reason.
    bool is_taken;       // Of the last fetch.
};

static void open_scene(struct scene *scene, uint64_t acknowledged, uint64_t reach)
{
    *scene = (struct scene){.consumer = {.id = id_of(1), .acknowledged = acknowledged},
                            .refused = "",
                            .is_taken = true};
    audit_flight_begin(&scene->flight, &scene->consumer, reach);
}

static void acknowledge(struct scene *scene, uint64_t upto)
{
    uint64_t acknowledged;
    struct status status = audit_flight_acknowledge(&scene->flight, upto, &acknowledged);
    if (!status_ok(status)) {
        scene->refused = status.reason;
        return;
    }
    if (acknowledged > scene->consumer.acknowledged) scene->consumer.acknowledged = acknowledged;
    audit_flight_follow(&scene->flight, &scene->consumer);
}

static void deliver(struct scene *scene, uint64_t epoch, uint64_t from, uint64_t to, size_t count)
{
    scene->is_taken =
        audit_flight_deliver(&scene->flight, epoch, from, to, count, scene->now + DUE_AFTER);
}

static void tell(struct scene *scene, const char *story)
{
    struct audit_flight *flight = &scene->flight;
    for (const char *word = story; *word != '\0';) {
        char *end;
        char what = *word++;
        uint64_t number = strtoull(word, &end, 10), count = 0;
        if (*end == '/') count = strtoull(end + 1, &end, 10);
        uint64_t from = flight->delivered;
        if (what == 'D' || what == 'S') deliver(scene, flight->epoch, from, number, count);
        if (what == 'X') deliver(scene, flight->epoch - 1, from, number, 1);
        if (what == 'Y') deliver(scene, flight->epoch, from + 1, number + 1, 1);
        if (what == 'A') acknowledge(scene, number);
        if (what == 'R') audit_flight_restart(flight);
        if (what == 'T') audit_flight_expire(flight, scene->now = number);
        word = *end == ' ' ? end + 1 : end;
    }
}

static const struct {
    const char *given, *story, *event;
    uint64_t acknowledged, delivered, reach, epoch, settled, redeliveries;
    const char *refused; // NULL: a fetch that is not taken.
} meetings[] = {
    // clang-format off
    //                                                   ackn  deliv reach epoch settl redel
    {"new",            "",                  "D10/10",       0,   10,   10,    1,    0,    0, ""},
    {"new",            "",                  "D10/3",        0,   10,   10,    1,    0,    0, ""},
    {"new",            "",                  "S10",          0,   10,   10,    1,   10,    0, ""},
    {"new",            "",                  "A0",           0,    0,    0,    1,    0,    0, ""},
    {"new",            "",                  "A1",           0,    0,    0,    1,    0,    0, "NOT_DELIVERED"},
    {"new",            "",                  "R",            0,    0,    0,    2,    0,    0, ""},
    {"new",            "",                  "T1000",        0,    0,    0,    1,    0,    0, ""},
    {"new",            "",                  "X10",          0,    0,    0,    1,    0,    0, NULL},
    {"new",            "",                  "Y10",          0,    0,    0,    1,    0,    0, NULL},

    {"delivered",      "D10/10",            "D20/10",       0,   20,   20,    1,    0,    0, ""},
    {"delivered",      "D10/10",            "S20",          0,   20,   20,    1,    0,    0, ""},
    {"delivered",      "D10/10",            "A0",           1,   10,   10,    1,    1,    0, ""},
    {"delivered",      "D10/10",            "A4",           5,   10,   10,    1,    5,    0, ""},
    {"delivered",      "D10/10",            "A9",          10,   10,   10,    1,   10,    0, ""},
    {"delivered",      "D10/10",            "A10",          0,   10,   10,    1,    0,    0, "NOT_DELIVERED"},
    {"delivered",      "D10/10",            "R",            0,    0,   10,    2,    0,    1, ""},
    {"delivered",      "D10/10",            "T99",          0,   10,   10,    1,    0,    0, ""},
    {"delivered",      "D10/10",            "T100",         0,    0,   10,    2,    0,    1, ""},
    {"delivered",      "D10/10",            "X20",          0,   10,   10,    1,    0,    0, NULL},
    {"delivered",      "D10/10",            "Y20",          0,   10,   10,    1,    0,    0, NULL},

    {"in two parts",   "D10/10 T50 D20/5",  "A9",          10,   20,   20,    1,   10,    0, ""},
    {"in two parts",   "D10/10 T50 D20/5",  "A19",         20,   20,   20,    1,   20,    0, ""},
    {"in two parts",   "D10/10 T50 D20/5",  "T100",         0,    0,   20,    2,    0,    1, ""},
    {"in two parts",   "D10/10 T50 D20/5",  "A9 T100",     10,   20,   20,    1,   10,    0, ""},
    {"in two parts",   "D10/10 T50 D20/5",  "A9 T150",     10,   10,   20,    2,   10,    1, ""},
    {"in two parts",   "D10/10 T50 D20/5",  "A5 T100",      6,    6,   20,    2,    6,    1, ""},

    {"acknowledged",   "D10/10 A9",         "D20/10",      10,   20,   20,    1,   10,    0, ""},
    {"acknowledged",   "D10/10 A9",         "S20",         10,   20,   20,    1,   20,    0, ""},
    {"acknowledged",   "D10/10 A9",         "A9",          10,   10,   10,    1,   10,    0, ""},
    {"acknowledged",   "D10/10 A9",         "A3",          10,   10,   10,    1,   10,    0, ""},
    {"acknowledged",   "D10/10 A9",         "A10",         10,   10,   10,    1,   10,    0, "NOT_DELIVERED"},
    {"acknowledged",   "D10/10 A9",         "R",           10,   10,   10,    2,   10,    0, ""},
    {"acknowledged",   "D10/10 A9",         "T1000",       10,   10,   10,    1,   10,    0, ""},

    {"went back",      "D10/10 R",          "D5/5",         0,    5,   10,    2,    0,    1, ""},
    {"went back",      "D10/10 R",          "D20/20",       0,   20,   20,    2,    0,    1, ""},
    {"went back",      "D10/10 R",          "S3",           0,    3,   10,    2,    3,    1, ""},
    {"went back",      "D10/10 R",          "A9",          10,   10,   10,    2,   10,    1, ""},
    {"went back",      "D10/10 R D5/5",     "A9",          10,   10,   10,    2,   10,    1, ""},
    {"went back",      "D10/10 R D5/5",     "A2",           3,    5,   10,    2,    3,    1, ""},
    {"went back",      "D10/10 R",          "A10",          0,    0,   10,    2,    0,    1, "NOT_DELIVERED"},
    {"went back",      "D10/10 R",          "R",            0,    0,   10,    3,    0,    1, ""},
    {"went back",      "D10/10 R",          "T1000",        0,    0,   10,    2,    0,    1, ""},
    {"went back",      "D10/10 R",          "X10",          0,    0,   10,    2,    0,    1, NULL},

    {"nothing matched","S50",               "D60/2",       50,   60,   60,    1,   50,    0, ""},
    {"nothing matched","S50",               "D60/2 R",     50,   50,   60,    2,   50,    1, ""},
    {"nothing matched","S50",               "S60",         50,   60,   60,    1,   60,    0, ""},
    {"nothing matched","S50",               "A20",         50,   50,   50,    1,   50,    0, ""},
    {"nothing matched","S50",               "A49",         50,   50,   50,    1,   50,    0, ""},
    {"nothing matched","S50",               "A50",          0,   50,   50,    1,   50,    0, "NOT_DELIVERED"},
    {"nothing matched","S50",               "R",            0,   50,   50,    2,   50,    0, ""},

    {"some unmatched behind", "D10/4 S50",  "A5",           6,   50,   50,    1,    6,    0, ""},
    {"some unmatched behind", "D10/4 S50",  "A9",          50,   50,   50,    1,   50,    0, ""},
    {"some unmatched behind", "D10/4 S50",  "A49",         50,   50,   50,    1,   50,    0, ""},
    {"some unmatched behind", "D10/4 S50",  "R",            0,    0,   50,    2,    0,    1, ""},
    // clang-format on
};

static void test_every_state_meets_every_event(void **state)
{
    (void)state;

    for (size_t i = 0; i < ROWS(meetings); i++) {
        print_message("  %s (%s): %s\n", meetings[i].given, meetings[i].story, meetings[i].event);
        struct scene scene;
        open_scene(&scene, 0, 0);
        tell(&scene, meetings[i].story);
        tell(&scene, meetings[i].event);
        assert_int_equal(scene.flight.acknowledged, meetings[i].acknowledged);
        assert_int_equal(scene.flight.delivered, meetings[i].delivered);
        assert_int_equal(scene.flight.reach, meetings[i].reach);
        assert_int_equal(scene.flight.epoch, meetings[i].epoch);
        assert_int_equal(audit_flight_settled(&scene.flight), meetings[i].settled);
        assert_int_equal(scene.flight.redeliveries, meetings[i].redeliveries);
        assert_int_equal(scene.is_taken, meetings[i].refused != NULL);
        assert_string_equal(scene.refused, meetings[i].refused != NULL ? meetings[i].refused : "");
    }
}

static void test_what_another_process_delivered_can_be_acknowledged(void **state)
{
    (void)state;

    const struct {
        const char *story;
        uint64_t acknowledged;
        const char *refused;
    } rows[] = {
        {"A69", 70, ""},        // Before anything is fetched,
        {"D50/10 A69", 70, ""}, // and while it comes again.
        {"A99", 100, ""},       {"A100", 40, "NOT_DELIVERED"}, {"A39", 40, ""},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct scene scene;
        open_scene(&scene, 40, 100); // The log's size at the start is 100.
        tell(&scene, rows[i].story);
        assert_int_equal(scene.flight.acknowledged, rows[i].acknowledged);
        assert_string_equal(scene.refused, rows[i].refused);
    }
}

static void test_attempts_are_told(void **state)
{
    (void)state;

    const struct {
        const char *story;
        uint64_t index;
        uint32_t attempt;
    } rows[] = {
        {"", 0, 1},
        {"D10/10", 5, 1},
        {"D10/10 R", 5, 2},
        {"D10/10 R", 9, 2},
        {"D10/10 R", 10, 1},
        {"D10/10 R D10/10 R", 5, 3},
        {"D10/10 R D20/20 R", 15, 3}, // At least as often: who goes back again counts for all.
        {"D10/10 R D10/10 A9 D20/10 R", 15, 2},
        {"D10/10 R A9", 10, 1},
        {"S10 R", 5, 1},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        print_message("  %s\n", rows[i].story);
        struct scene scene;
        open_scene(&scene, 0, 0);
        tell(&scene, rows[i].story);
        assert_int_equal(audit_flight_attempt(&scene.flight, rows[i].index), rows[i].attempt);
    }
}

static void test_due_is_the_oldest_unacknowledged(void **state)
{
    (void)state;

    const struct {
        const char *story;
        uint64_t due;
    } rows[] = {
        {"", UINT64_MAX},
        {"S10", UINT64_MAX},
        {"D10/1", 100},
        {"D10/1 T40 D20/1", 100},
        {"D10/1 T40 D20/1 A8", 100},
        {"D10/1 T40 D20/1 A9", 140},
        {"D10/1 T40 D20/1 A19", UINT64_MAX},
        {"D10/1 R", UINT64_MAX},
        {"D10/1 T100 D10/1", 200},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        print_message("  %s\n", rows[i].story);
        struct scene scene;
        open_scene(&scene, 0, 0);
        tell(&scene, rows[i].story);
        assert_int_equal(audit_flight_due(&scene.flight), rows[i].due);
    }
}

static void test_unacknowledged_events_are_bounded_however_they_came(void **state)
{
    (void)state;
    static const uint64_t steps[] = {1, 7, 256, 4096, 65535, 65536};
    for (size_t i = 0; i < ROWS(steps); i++) {
        struct scene scene;
        open_scene(&scene, 0, 0);
        uint64_t given = 0;
        while (status_ok(audit_flight_check_room(&scene.flight))) {
            assert_true(given < AUDIT_UNACKNOWLEDGED_MAX);
            given += steps[i];
            deliver(&scene, 1, scene.flight.delivered, 2 * given, (size_t)steps[i]);
            assert_true(scene.is_taken);
        }
        assert_true(given >= AUDIT_UNACKNOWLEDGED_MAX);
        assert_refused(audit_flight_check_room(&scene.flight), "TOO_MANY_UNACKNOWLEDGED");
        acknowledge(&scene, 2 * given - 1);
        assert_status_ok(audit_flight_check_room(&scene.flight));
        assert_int_equal(audit_flight_due(&scene.flight), UINT64_MAX);
    }
}

static void test_an_older_snapshot_does_not_take_it_back(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene, 0, 0);
    tell(&scene, "D10/10 A9");
    struct audit_consumer older = scene.consumer;
    older.acknowledged = 4;
    audit_flight_follow(&scene.flight, &older);
    assert_int_equal(scene.flight.acknowledged, 10);
}

static void test_a_definition_is_the_same_in_all_of_it(void **state)
{
    (void)state;
    const struct audit_consumer model = {.ack_wait_ms = 1000,
                                         .start = AUDIT_START_INDEX,
                                         .start_value = 7,
                                         .owner = bytes_of_text("services/risk"),
                                         .filter = {.type_count = 1,
                                                    .types = {bytes_of_text("ledger.*")},
                                                    .actor = bytes_of_text("a"),
                                                    .resource = bytes_of_text("r"),
                                                    .outcome = bytes_of_text("o")}};
    struct audit_consumer others[9];
    for (size_t i = 0; i < 9; i++)
        others[i] = model;
    others[0].ack_wait_ms++;
    others[1].start = AUDIT_START_TIME;
    others[2].start_value++;
    others[3].owner = bytes_of_text("services/other");
    others[4].filter.types[0] = bytes_of_text("kyc.*");
    others[5].filter.type_count = 0;
    others[6].filter.actor = bytes_of_text("");
    others[7].filter.resource = bytes_of_text("s");
    others[8].filter.outcome = bytes_of_text("p");
    struct audit_consumer stands = model;
    stands.id = id_of(3); // How it stands is no part of the definition.
    stands.created_at_ns = stands.acknowledged = stands.redeliveries = 9;
    assert_true(audit_consumer_is_same(&model, &stands));
    for (size_t i = 0; i < 9; i++)
        assert_false(audit_consumer_is_same(&model, &others[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_state_meets_every_event),
        cmocka_unit_test(test_what_another_process_delivered_can_be_acknowledged),
        cmocka_unit_test(test_attempts_are_told),
        cmocka_unit_test(test_due_is_the_oldest_unacknowledged),
        cmocka_unit_test(test_unacknowledged_events_are_bounded_however_they_came),
        cmocka_unit_test(test_an_older_snapshot_does_not_take_it_back),
        cmocka_unit_test(test_a_definition_is_the_same_in_all_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
