// Webhooks against a receiver that the test plays: what is posted, when, and what becomes of it.
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/event/event.h"
#include "tests/unit/audit/postroom.h"

#include <jansson.h>

static struct web_answer say(const char *status, const char *headers)
{
    return (struct web_answer){status, headers, NULL};
}

static struct web_answer say_context(struct room *room, const struct letter *letter)
{
    (void)letter;
    return say(room->plan_context, "");
}

static void answer_with(struct room *room, const char *status)
{
    room_set_plan(room, say_context, (void *)(uintptr_t)status);
}

// ---- What is posted ------------------------------------------------------------------------

static void test_each_event_of_its_types_is_posted_once(void **state)
{
    struct room *room = *state;
    room_happen(room, 5); // Before there was a webhook: not for it.
    struct id128 id = room_add(room, "in", TRANSFERS);
    room_happen(room, 30);
    UNTIL(room, room_is_idle);
    assert_int_equal(room_letters(room, NULL), 10); // Every third of 35, from the seventh on.
    for (size_t i = 0; i < 10; i++) {
        assert_string_equal(room->letters[i].type, "ledger.transfer.created");
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(room->letters[i].id, room->letters[k].id);
    }
    assert_int_equal(room_count(room, id, AUDIT_DELIVERY_DELIVERED), 10);
    struct audit_webhook_progress progress = room_progress(room, id);
    assert_int_equal(progress.waiting, 0);
    assert_int_equal(progress.ended, 10);
    room_happen(room, 1); // Another type.
    room_wait(room, 2 * S);
    UNTIL(room, room_is_idle);
    assert_int_equal(room_letters(room, NULL), 10);
    assert_int_equal(room_progress(room, id).next_index, 36); // It is past it all the same.
}

static void test_what_a_message_says(void **state)
{
    struct room *room = *state;
    struct id128 id = room_add(room, "in", NULL);
    static struct letter letter;
    char message_id[AUDIT_WEBHOOK_MESSAGE_ID_BYTES];
    room_happen(room, 1);
    UNTIL(room, room_is_idle);
    assert_int_equal(room_letters(room, &letter), 1);
    room_message_id(id, 0, message_id);
    assert_string_equal(letter.id, message_id);
    assert_string_equal(letter.timestamp, "1800000000");
    assert_memory_equal(letter.agent, "Florin-Webhooks/", 16);
    assert_memory_equal(letter.signature, "v1,", 3);
    assert_int_equal(strlen(letter.signature), 47);
    json_t *json = json_loads(letter.body, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    assert_int_equal(json_object_size(json), 3);
    assert_string_equal(json_string_value(json_object_get(json, "timestamp")),
                        "1970-01-01T00:00:00.000001000Z");
    json_t *data = json_object_get(json, "data");
    assert_string_equal(json_string_value(json_object_get(data, "action")),
                        "ledger.transfer.created");
    assert_string_equal(json_string_value(json_object_get(data, "resource")),
                        "transfers/01890000-0000-7000-8000-000000000001");
    assert_string_equal(json_string_value(json_object_get(data, "client_ip")), "203.0.113.7");
    json_decref(json);
}

static void test_a_test_message(void **state)
{
    struct room *room = *state;
    static struct letter letter;
    struct id128 id = room_add(room, "in", TRANSFERS);
    uint64_t first = room_test(room, id);
    UNTIL(room, room_is_idle);
    assert_int_equal(room_letters(room, &letter), 1);
    assert_string_equal(letter.type, "webhook.test");
    assert_int_equal(room_delivery(room, id, first).state, AUDIT_DELIVERY_DELIVERED);
    answer_with(room, "500 Oh");
    uint64_t second = room_test(room, id); // One attempt, which says nothing of the webhook.
    assert_int_not_equal(first, second);
    UNTIL(room, room_is_idle);
    assert_int_equal(room_letters(room, NULL), 2);
    struct audit_delivery delivery = room_delivery(room, id, second);
    assert_int_equal(delivery.state, AUDIT_DELIVERY_GIVEN_UP);
    assert_int_equal(delivery.http_status, 500);
    assert_int_equal(room_progress(room, id).failing_since_ns, 0);
}

// ---- The schedule --------------------------------------------------------------------------

static void test_attempts_come_later_and_later_also_after_restarts(void **state)
{
    static const uint64_t waits_s[] = {5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400};
    struct room *room = *state;
    struct id128 id = room_add(room, "in", NULL);
    answer_with(room, "503 Busy");
    room_happen(room, 1);
    for (size_t i = 0; i < ROWS(waits_s); i++) {
        UNTIL(room, room_is_idle);
        assert_int_equal(room_letters(room, NULL), i + 1);
        struct audit_delivery delivery = room_delivery(room, id, 0);
        assert_int_equal(delivery.state, AUDIT_DELIVERY_WAITING);
        assert_int_equal(delivery.attempts, i + 1);
        assert_int_equal(delivery.http_status, 503);
        uint64_t wait_ns = delivery.next_attempt_ns - room->now_ns;
        assert_in_range(wait_ns, waits_s[i] * S / 10 * 8, waits_s[i] * S / 10 * 12);

        room_reopen(room);
        room_wait(room, wait_ns - 1);
        UNTIL(room, room_is_idle);
        assert_int_equal(room_letters(room, NULL), i + 1); // Not yet.
        room_wait(room, 1);
    }
    UNTIL(room, room_is_idle);
    assert_int_equal(room_letters(room, NULL), 10);
    assert_int_equal(room_delivery(room, id, 0).state, AUDIT_DELIVERY_GIVEN_UP);
    assert_int_equal(room_switch(room, id), AUDIT_WEBHOOK_ON);
    for (size_t i = 1; i < 10; i++) { // Each attempt is signed at its own time, under one id.
        assert_string_equal(room->letters[i].id, room->letters[0].id);
        assert_string_not_equal(room->letters[i].timestamp, room->letters[i - 1].timestamp);
        assert_string_equal(room->letters[i].body, room->letters[0].body);
    }
    room_wait(room, 2 * DAY);
    UNTIL(room, room_is_idle);
    assert_int_equal(room_letters(room, NULL), 10);
}

static struct web_answer say_later(struct room *room, const struct letter *letter)
{
    (void)letter;
    return say("429 Slowly", room->plan_context);
}

static void test_retry_after(void **state)
{
    static const struct {
        char *header;
        uint64_t wait_s;
    } rows[] = {{"Retry-After: 60\r\n", 60}, {"Retry-After: 600000\r\n", 86400}};
    struct room *room = *state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct id128 id = room_add(room, "in", NULL);
        room_set_plan(room, say_later, rows[i].header);
        room_happen(room, 1);
        UNTIL(room, room_is_idle);
        struct audit_delivery delivery = room_delivery(room, id, room->seq - 1);
        assert_int_equal(delivery.next_attempt_ns, room->now_ns + rows[i].wait_s * S);
        room_delete(room, id);
    }
}

static void test_what_is_answered(void **state)
{
    // clang-format off
    static const struct {
        const char *answer;
        enum audit_delivery_state becomes;
        uint32_t http_status;
    } rows[] = {
        {"200 OK",              AUDIT_DELIVERY_DELIVERED, 200},
        {"202 Later",           AUDIT_DELIVERY_DELIVERED, 202},
        {"204 No Content",      AUDIT_DELIVERY_DELIVERED, 204},
        {"301 Moved",           AUDIT_DELIVERY_WAITING,   301},
        {"304 Not Modified",    AUDIT_DELIVERY_WAITING,   304},
        {"400 Bad",             AUDIT_DELIVERY_WAITING,   400},
        {"401 Who",             AUDIT_DELIVERY_WAITING,   401},
        {"404 Not Found",       AUDIT_DELIVERY_WAITING,   404},
        {"410 Gone",            AUDIT_DELIVERY_DROPPED,   410},
        {"500 Oh",              AUDIT_DELIVERY_WAITING,   500},
        {"",                    AUDIT_DELIVERY_WAITING,   0},
    };
    // clang-format on
    struct room *room = *state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct id128 id = room_add(room, "in", NULL);
        answer_with(room, rows[i].answer);
        room_happen(room, 1);
        UNTIL(room, room_is_idle);
        struct audit_delivery delivery = room_delivery(room, id, room->seq - 1);
        if (delivery.state != rows[i].becomes || delivery.http_status != rows[i].http_status)
            fail_msg("%s: state %d, status %u", rows[i].answer, delivery.state,
                     delivery.http_status);
        if ((delivery.error.size > 0) != (rows[i].http_status == 0))
            fail_msg("%s: an error, or none", rows[i].answer);
        room_delete(room, id);
    }
}

// ---- Webhooks that are switched off --------------------------------------------------------

static bool has_failed(struct room *room)
{
    return room_letters(room, NULL) > 0 && room_is_idle(room);
}

static void test_a_receiver_that_is_gone(void **state)
{
    struct room *room = *state;
    struct id128 id = room_add(room, "in", NULL);
    answer_with(room, "500 Oh");
    room_happen(room, 1200); // More than one step of dropping.
    UNTIL(room, has_failed);
    uint64_t head = event_outbox_head(room->fixture->outbox);
    answer_with(room, "410 Gone");
    room_wait(room, 6 * S);
    UNTIL(room, room_is_idle);
    assert_int_equal(room_switch(room, id), AUDIT_WEBHOOK_GONE);
    assert_int_equal(event_outbox_head(room->fixture->outbox), head + 1); // It is told, once.
    struct audit_webhook_progress progress = room_progress(room, id);
    assert_false(progress.is_dropping);
    assert_int_equal(progress.waiting, 0);
    size_t dropped = room_count(room, id, AUDIT_DELIVERY_DROPPED);
    assert_int_equal(dropped, 1200);

    size_t letters = room_letters(room, NULL);
    room_happen(room, 3);
    room_wait(room, DAY);
    UNTIL(room, room_is_idle);
    assert_int_equal(room_letters(room, NULL), letters); // It is left in peace.
    answer_with(room, "200 OK");
    room_update(room, id, &(struct audit_webhook_asked){.has_enabled = true, .enabled = true});
    UNTIL(room, room_is_idle);
    assert_int_equal(room_count(room, id, AUDIT_DELIVERY_DELIVERED), 3); // What came since.
}

static void test_five_days_of_failures(void **state)
{
    struct room *room = *state;
    struct id128 id = room_add(room, "in", NULL);
    answer_with(room, "500 Oh");
    room_happen(room, 1);
    UNTIL(room, has_failed);
    room_wait(room, 5 * DAY - 1);
    room_happen(room, 1);
    UNTIL(room, room_is_idle);
    assert_int_equal(room_switch(room, id), AUDIT_WEBHOOK_ON);
    room_wait(room, DAY);
    UNTIL(room, room_is_idle);
    assert_int_equal(room_switch(room, id), AUDIT_WEBHOOK_FAILING);
    assert_int_equal(room_count(room, id, AUDIT_DELIVERY_WAITING), 2); // Nothing is lost.
    room_happen(room, 1);
    answer_with(room, "200 OK");
    size_t letters = room_letters(room, NULL);
    room_wait(room, DAY);
    UNTIL(room, room_is_idle);
    assert_int_equal(room_letters(room, NULL), letters);
    room_update(room, id, &(struct audit_webhook_asked){.has_enabled = true, .enabled = true});
    UNTIL(room, room_is_idle);
    assert_int_equal(room_count(room, id, AUDIT_DELIVERY_DELIVERED), 3);
}

static void test_one_that_was_switched_off_goes_on_where_it_stopped(void **state)
{
    struct room *room = *state;
    struct id128 id = room_add(room, "in", NULL);
    room_update(room, id, &(struct audit_webhook_asked){.has_enabled = true});
    room_happen(room, 20);
    UNTIL(room, room_is_idle);
    assert_int_equal(room_letters(room, NULL), 0);
    assert_int_equal(room_switch(room, id), AUDIT_WEBHOOK_BY_USER);
    room_reopen(room);
    room_update(room, id, &(struct audit_webhook_asked){.has_enabled = true, .enabled = true});
    UNTIL(room, room_is_idle);
    assert_int_equal(room_letters(room, NULL), 20);
}

static void test_a_webhook_that_is_deleted_leaves_nothing(void **state)
{
    struct room *room = *state;
    struct id128 id = room_add(room, "gone", NULL), other = room_add(room, "stays", NULL);
    answer_with(room, "500 Oh");
    room_happen(room, 700);
    UNTIL(room, has_failed);
    room_delete(room, id);
    room_reopen(room); // Also what was half cleared away goes on.
    UNTIL(room, room_is_idle);
    struct store_txn *txn = begin(room->fixture);
    struct audit_webhook_progress progress;
    assert_refused(audit_store_get_progress(txn, id, &progress), "WEBHOOK_NOT_FOUND");
    struct audit_due_walk walk;
    audit_store_walk_due(txn, id, &walk);
    assert_false(audit_due_walk_next(&walk));
    audit_due_walk_close(&walk);
    store_snapshot_end(&txn);
    for (int state_ = AUDIT_DELIVERY_WAITING; state_ <= AUDIT_DELIVERY_STATE_LAST; state_++)
        assert_int_equal(room_count(room, id, (enum audit_delivery_state)state_), 0);
    assert_int_equal(room_count(room, other, AUDIT_DELIVERY_WAITING), 700);
}

// ---- Whom it reaches -----------------------------------------------------------------------

static struct web_answer redirect(struct room *room, const struct letter *letter)
{
    (void)letter;
    return say("307 Elsewhere", room->plan_context);
}

static void test_redirects_are_not_followed(void **state)
{
    struct room *room = *state;
    char header[96];
    struct web_peer *elsewhere = web_peer_open(NULL);
    snprintf(header, sizeof header, "Location: http://127.0.0.1:%u/\r\n", web_peer_port(elsewhere));
    room_set_plan(room, redirect, header);
    struct id128 id = room_add(room, "in", NULL);
    room_happen(room, 1);
    UNTIL(room, has_failed);
    assert_int_equal(room_delivery(room, id, 0).http_status, 307);
    assert_int_equal(web_peer_received(elsewhere, NULL), 0);
    web_peer_close(&elsewhere);
}

static void test_addresses_that_are_not_public(void **state)
{
    struct room *room = *state;
    struct id128 id = room_add(room, "in", NULL); // While it was allowed.
    room->config.private_addresses = false;
    room_reopen(room);
    room_happen(room, 1);
    UNTIL(room, room_is_idle);
    struct audit_delivery delivery = room_delivery(room, id, 0);
    assert_int_equal(delivery.state, AUDIT_DELIVERY_WAITING);
    assert_int_equal(delivery.attempts, 1);
    assert_true(bytes_equal(delivery.error, bytes_of_text("address not allowed")));
    assert_int_equal(room_letters(room, NULL), 0);
    assert_refused(room_add_url(room, "https://10.0.0.1/", NULL, NULL, NULL), "URL_NOT_ALLOWED");
    assert_refused(room_add_url(room, "https://erp.example.com/", "*.x", NULL, NULL),
                   "TYPE_PATTERN_INVALID");
    assert_status_ok(room_add_url(room, "https://erp.example.com/", NULL, NULL, NULL));
}

static void test_plain_http_that_is_not_allowed_any_more(void **state)
{
    struct room *room = *state;
    struct id128 id = room_add(room, "in", NULL);
    room->config.plain_http = false;
    room_reopen(room);
    room_happen(room, 1);
    UNTIL(room, room_is_idle);
    assert_int_equal(room_delivery(room, id, 0).attempts, 1);
    assert_int_equal(room_letters(room, NULL), 0);
}

static void test_there_are_so_many_at_most(void **state)
{
    struct room *room = *state;
    for (size_t i = 0; i < AUDIT_WEBHOOKS_MAX; i++)
        (void)room_add(room, "in", NULL);
    assert_refused(room_add_url(room, "https://erp.example.com/", NULL, NULL, NULL),
                   "TOO_MANY_WEBHOOKS");
    room_happen(room, 2);
    UNTIL(room, room_is_idle);
    assert_int_equal(room_letters(room, NULL), 2 * AUDIT_WEBHOOKS_MAX);
}

// ---- Crowds --------------------------------------------------------------------------------

static struct web_answer hang_up(struct room *room, const struct letter *letter)
{
    (void)room;
    return strcmp(letter->path, "slow") == 0 ? (struct web_answer){NULL, "", NULL}
                                             : say("200 OK", "");
}

static bool is_all_with_the_quick(struct room *room)
{
    return room_letters_of(room, "quick") == 40;
}

static void test_a_receiver_that_hangs_holds_up_nobody(void **state)
{
    struct room *room = *state;
    struct id128 slow = room_add(room, "slow", NULL);
    struct id128 quick = room_add(room, "quick", NULL);
    room_set_plan(room, hang_up, NULL);
    room_happen(room, 40);
    UNTIL(room, is_all_with_the_quick);
    assert_int_equal(room_letters_of(room, "slow"), AUDIT_WEBHOOK_EACH_MAX);
    // In the order of the log: the first four are under way, in whatever order they arrive.
    for (uint64_t index = 0; index < AUDIT_WEBHOOK_EACH_MAX; index++) {
        char id[AUDIT_WEBHOOK_MESSAGE_ID_BYTES];
        size_t found = 0;
        room_message_id(slow, index, id);
        for (size_t i = 0; i < room->letter_count; i++)
            found += strcmp(room->letters[i].id, id) == 0;
        assert_int_equal(found, 1);
    }
    room_set_plan(room, NULL, NULL);
    room_reopen(room); // Which ends what hangs: it is posted again.
    UNTIL(room, room_is_idle);
    assert_int_equal(room_count(room, slow, AUDIT_DELIVERY_DELIVERED), 40);
    assert_int_equal(room_count(room, quick, AUDIT_DELIVERY_DELIVERED), 40);
    assert_int_equal(room_letters_of(room, "slow"), 40 + AUDIT_WEBHOOK_EACH_MAX);
}

static struct web_answer refuse_slow(struct room *room, const struct letter *letter)
{
    (void)room;
    return strcmp(letter->path, "slow") == 0 ? say("500 Oh", "") : say("200 OK", "");
}

static bool is_half_in_flight(struct room *room)
{
    size_t in_flight = audit_webhook_worker_in_flight(room->webhooks->worker);
    return in_flight == AUDIT_WEBHOOK_FAILING_MAX;
}

static void test_receivers_that_fail_leave_places_to_the_others(void **state)
{
    enum { SLOW = AUDIT_WEBHOOK_FAILING_MAX + 2 };

    struct room *room = *state;
    struct id128 slow[SLOW];
    for (size_t i = 0; i < SLOW; i++)
        slow[i] = room_add(room, "slow", NULL);
    room_set_plan(room, refuse_slow, NULL);
    room_happen(room, 1);
    UNTIL(room, room_is_idle);
    assert_int_equal(room_letters_of(room, "slow"), SLOW);
    (void)room_add(room, "quick", NULL);
    room_set_plan(room, hang_up, NULL);
    room_happen(room, 40);
    UNTIL(room, is_all_with_the_quick);
    UNTIL(room, is_half_in_flight);

    room_set_plan(room, NULL, NULL);
    room_reopen(room); // Which ends what hangs.
    room_wait(room, 10 * S);
    UNTIL(room, room_is_idle); // They have it all, four at a time again.
    for (size_t i = 0; i < SLOW; i++)
        assert_int_equal(room_count(room, slow[i], AUDIT_DELIVERY_DELIVERED), 41);
}

static void test_one_that_is_far_behind_holds_up_nobody(void **state)
{
    enum { BEHIND = 20000 };

    struct room *room = *state;
    struct id128 late = room_add(room, "late", "gateway.none.*"); // None of them.
    room_update(room, late, &(struct audit_webhook_asked){.has_enabled = true});
    room_happen(room, BEHIND);
    struct id128 quick = room_add(room, "quick", NULL);
    room_happen(room, 40);
    room_update(room, late, &(struct audit_webhook_asked){.has_enabled = true, .enabled = true});
    for (size_t turns = 0; turns < 4; turns++) // Each looks at 512 entries.
        (void)audit_webhook_worker_turn(room->webhooks->worker, room->now_ns);
    assert_int_equal(room_progress(room, quick).next_index, BEHIND + 40);
    UNTIL(room, room_is_idle);
    assert_int_equal(room_letters_of(room, "quick"), 40);
    assert_int_equal(room_letters_of(room, "late"), 0);
}

static bool is_full(struct room *room)
{
    static struct id128 id;
    struct store_txn *txn = begin(room->fixture);
    assert_status_ok(audit_store_progress_after(txn, ID128_NIL, &id));
    store_snapshot_end(&txn);
    return room_progress(room, id).waiting >= AUDIT_WEBHOOK_WAITING_MAX;
}

static void test_when_too_much_waits_the_log_keeps_the_rest(void **state)
{
    struct room *room = *state;
    struct id128 id = room_add(room, "slow", NULL);
    room_set_plan(room, hang_up, NULL);
    room_happen(room, 12000);
    UNTIL(room, is_full);
    for (size_t i = 0; i < 5; i++)
        (void)audit_webhook_worker_turn(room->webhooks->worker, room->now_ns);
    struct audit_webhook_progress progress = room_progress(room, id);
    assert_in_range(progress.waiting, AUDIT_WEBHOOK_WAITING_MAX, AUDIT_WEBHOOK_WAITING_MAX + 512);
    assert_int_equal(progress.next_index, progress.waiting);
    uint64_t floor;
    struct store_txn *txn = begin(room->fixture);
    assert_status_ok(audit_webhook_floor(NULL, txn, &floor));
    store_snapshot_end(&txn);
    assert_int_equal(floor, 0); // All of that is still needed.
    assert_refused(room_test_again(room, id), "TOO_MANY_WAITING");
}

// ---- Restarts ------------------------------------------------------------------------------

static struct web_answer at_random(struct room *room, const struct letter *letter)
{
    static const char *const answers[] = {"200 OK", "200 OK", "500 Oh", "", NULL};
    unsigned *seed = room->plan_context;
    (void)letter;
    return (struct web_answer){answers[(unsigned)rand_r(seed) % ROWS(answers)], "", NULL};
}

static void test_restarts_lose_nothing(void **state)
{
    enum { ROUNDS = 30, EACH = 17 };

    struct room *room = *state;
    unsigned seed = 7;
    struct id128 id = room_add(room, "in", TRANSFERS);
    room_set_plan(room, at_random, &seed);
    for (size_t round = 0; round < ROUNDS; round++) {
        room_happen(room, EACH);
        for (size_t i = 0; i < round % 5; i++) {
            uint64_t wait_ms = audit_webhook_worker_turn(room->webhooks->worker, room->now_ns);
            audit_webhook_worker_wait(room->webhooks->worker, -1, wait_ms < 5 ? wait_ms : 5);
        }
        room_reopen(room);
        room_wait(room, 10 * S);
    }
    room_set_plan(room, NULL, NULL);
    for (size_t i = 0; i < 3; i++) {
        UNTIL(room, room_is_idle);
        room_wait(room, DAY);
    }
    size_t matching = ROUNDS * EACH / 3;
    assert_int_equal(room_count(room, id, AUDIT_DELIVERY_DELIVERED), matching);
    assert_int_equal(room_count(room, id, AUDIT_DELIVERY_WAITING), 0);
    assert_int_equal(room_progress(room, id).ended, matching);
    for (uint64_t index = 0; index < ROUNDS * EACH; index++) {
        char message_id[AUDIT_WEBHOOK_MESSAGE_ID_BYTES];
        size_t found = 0;
        room_message_id(id, index, message_id);
        for (size_t i = 0; i < room->letter_count; i++)
            found += strcmp(room->letters[i].id, message_id) == 0;
        bool is_transfer = (index + 1) % 3 == 1;
        if ((found > 0) != is_transfer) fail_msg("event %llu", (unsigned long long)index);
    }
}

// ---- Replay --------------------------------------------------------------------------------

static void test_replay(void **state)
{
    struct room *room = *state;
    struct id128 id = room_add(room, "in", TRANSFERS);
    room_happen(room, 30);
    UNTIL(room, room_is_idle);
    assert_int_equal(room_letters(room, NULL), 10);
    assert_status_ok(room_replay(room, id, 9, 18));
    assert_refused(room_replay(room, id, 0, 3), "REPLAY_RUNNING");
    UNTIL(room, room_is_idle);
    assert_int_equal(room_letters(room, NULL), 13);
    for (size_t i = 10; i < 13; i++) { // The same messages under the same ids.
        size_t found = 0;
        for (size_t k = 0; k < 10; k++) {
            if (strcmp(room->letters[i].id, room->letters[k].id) != 0) continue;
            assert_string_equal(room->letters[i].body, room->letters[k].body);
            found++;
        }
        assert_int_equal(found, 1);
    }
    struct audit_webhook_progress progress = room_progress(room, id);
    assert_int_equal(progress.ended, 10);
    assert_int_equal(progress.waiting, 0);
    assert_status_ok(room_replay(room, id, 0, 0)); // All of it.
    room_reopen(room);
    UNTIL(room, room_is_idle);
    assert_int_equal(room_letters(room, NULL), 23);
    assert_refused(room_replay(room, id, 30, 0), "RANGE_INVALID");
    assert_refused(room_replay(room, id, 5, 5), "RANGE_INVALID");
    assert_refused(room_replay(room, id, 6, 5), "RANGE_INVALID");
    assert_refused(room_replay(room, id, 0, 31), "RANGE_INVALID");
}

static void test_a_replay_leaves_alone_what_still_waits(void **state)
{
    struct room *room = *state;
    struct id128 id = room_add(room, "in", NULL);
    answer_with(room, "500 Oh");
    room_happen(room, 3);
    UNTIL(room, has_failed);
    assert_status_ok(room_replay(room, id, 0, 3));
    UNTIL(room, room_is_idle);
    assert_int_equal(room_letters(room, NULL), 3);
    assert_int_equal(room_progress(room, id).waiting, 3);
}

// ---- Clearing away -------------------------------------------------------------------------

static struct id128 dropped_id;

static bool is_dropping(struct room *room)
{
    return room_progress(room, dropped_id).is_dropping;
}

static struct web_answer say_gone_once(struct room *room, const struct letter *letter)
{
    (void)letter;
    bool *is_gone = room->plan_context;
    bool was_gone = *is_gone;
    *is_gone = false;
    return was_gone ? say("410 Gone", "") : say("200 OK", "");
}

// What waits is dropped in steps: whoever switches the webhook on meanwhile is heard.
static void test_a_replay_asked_for_amid_a_drop_is_made(void **state)
{
    struct room *room = *state;
    bool is_gone = true;
    room_set_plan(room, say_gone_once, &is_gone);
    dropped_id = room_add(room, "in", NULL);
    room_happen(room, 1500);
    UNTIL(room, is_dropping);
    room_update(room, dropped_id,
                &(struct audit_webhook_asked){.has_enabled = true, .enabled = true});
    assert_status_ok(room_replay(room, dropped_id, 0, 1500));
    UNTIL(room, room_is_idle);
    assert_int_equal(room_count(room, dropped_id, AUDIT_DELIVERY_DELIVERED), 1500);
}

static void test_messages_are_kept_for_thirty_days(void **state)
{
    struct room *room = *state;
    struct id128 id = room_add(room, "in", NULL);
    room_happen(room, 3);
    UNTIL(room, room_is_idle);
    room_wait(room, 30 * DAY - 1);
    UNTIL(room, room_is_idle);
    assert_int_equal(room_count(room, id, AUDIT_DELIVERY_DELIVERED), 3);
    room_wait(room, 60 * S);
    UNTIL(room, room_is_idle);
    assert_int_equal(room_count(room, id, AUDIT_DELIVERY_DELIVERED), 0);
    assert_int_equal(room_progress(room, id).ended, 0);
}

struct pile {
    struct id128 id;
    uint64_t ended_ns;
};

static struct status run_pile(struct store_txn *txn, void *context)
{
    const struct pile *pile = context;
    struct audit_webhook_progress progress = {.ended = AUDIT_WEBHOOK_KEPT_MAX + 700};
    struct audit_delivery delivery = {.state = AUDIT_DELIVERY_DELIVERED,
                                      .ended_ns = pile->ended_ns};
    for (uint64_t index = 0; index < progress.ended; index++)
        audit_store_put_delivery(txn, pile->id, index, NULL, &delivery);
    audit_store_put_progress(txn, pile->id, &progress);
    return STATUS_SUCCESS;
}

static void test_the_newest_ten_thousand_messages_are_kept(void **state)
{
    struct room *room = *state;
    struct pile pile = {room_add(room, "in", NULL), room->now_ns};
    assert_status_ok(store_write_wait(room->fixture->store, run_pile, &pile));
    UNTIL(room, room_is_idle);
    assert_int_equal(room_count(room, pile.id, AUDIT_DELIVERY_DELIVERED), AUDIT_WEBHOOK_KEPT_MAX);
    (void)room_delivery(room, pile.id, 700); // The oldest went.
}

static struct status run_prune(struct store_txn *txn, void *unused)
{
    (void)unused;
    for (uint64_t index = 0; index < 2; index++)
        audit_store_delete_entry(txn, index, NULL, 0);
    audit_store_put_first(txn, &(struct audit_first){.index = 2});
    return STATUS_SUCCESS;
}

static void test_an_entry_that_was_pruned_is_given_up(void **state)
{
    struct room *room = *state;
    struct id128 id = room_add(room, "in", NULL);
    answer_with(room, "500 Oh");
    room_happen(room, 1);
    UNTIL(room, has_failed);
    room_update(room, id, &(struct audit_webhook_asked){.has_enabled = true}); // It keeps nothing.
    room_happen(room, 2);
    uint64_t floor;
    struct store_txn *txn = begin(room->fixture);
    assert_status_ok(audit_webhook_floor(NULL, txn, &floor));
    store_snapshot_end(&txn);
    assert_int_equal(floor, UINT64_MAX);
    assert_status_ok(store_write_wait(room->fixture->store, run_prune, NULL));
    answer_with(room, "200 OK");
    room_update(room, id, &(struct audit_webhook_asked){.has_enabled = true, .enabled = true});
    room_wait(room, 10 * S);
    UNTIL(room, room_is_idle);
    struct audit_delivery delivery = room_delivery(room, id, 0);
    assert_int_equal(delivery.state, AUDIT_DELIVERY_GIVEN_UP);
    assert_int_equal(delivery.attempts, 1);
    assert_true(delivery.error.size > 0);
    assert_int_equal(room_delivery(room, id, 2).state, AUDIT_DELIVERY_DELIVERED);
    assert_refused(room_replay(room, id, 1, 3), "START_PRUNED");
}

// ---- All at once ---------------------------------------------------------------------------

static void test_webhooks_come_and_go_while_the_thread_works(void **state)
{
    struct room *room = *state;
    room->now_ns = clock_wall_ns(); // As the thread's.
    struct id128 stays = room_add(room, "stays", NULL);
    audit_webhooks_start(room->webhooks);
    for (size_t round = 0; round < 30; round++) {
        struct id128 id = room_add(room, "comes", TRANSFERS);
        room_happen(room, 5);
        if (round % 3 == 0) room_test(room, stays);
        if (round % 4 == 0)
            room_update(room, stays,
                        &(struct audit_webhook_asked){.has_description = true,
                                                      .description = bytes_of_text("x")});
        room_delete(room, id);
    }
    while (room_count(room, stays, AUDIT_DELIVERY_DELIVERED) < 30 * 5 + 10)
        (void)sched_yield();
    audit_webhooks_stop(room->webhooks);
}

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
#define TEST(function_) cmocka_unit_test_setup_teardown(function_, room_open, room_close)
    const struct CMUnitTest tests[] = {
        TEST(test_each_event_of_its_types_is_posted_once),
        TEST(test_what_a_message_says),
        TEST(test_a_test_message),
        TEST(test_attempts_come_later_and_later_also_after_restarts),
        TEST(test_retry_after),
        TEST(test_what_is_answered),
        TEST(test_a_receiver_that_is_gone),
        TEST(test_five_days_of_failures),
        TEST(test_one_that_was_switched_off_goes_on_where_it_stopped),
        TEST(test_a_webhook_that_is_deleted_leaves_nothing),
        TEST(test_redirects_are_not_followed),
        TEST(test_addresses_that_are_not_public),
        TEST(test_plain_http_that_is_not_allowed_any_more),
        TEST(test_there_are_so_many_at_most),
        TEST(test_a_receiver_that_hangs_holds_up_nobody),
        TEST(test_receivers_that_fail_leave_places_to_the_others),
        TEST(test_one_that_is_far_behind_holds_up_nobody),
        TEST(test_when_too_much_waits_the_log_keeps_the_rest),
        TEST(test_restarts_lose_nothing),
        TEST(test_replay),
        TEST(test_a_replay_leaves_alone_what_still_waits),
        TEST(test_a_replay_asked_for_amid_a_drop_is_made),
        TEST(test_messages_are_kept_for_thirty_days),
        TEST(test_the_newest_ten_thousand_messages_are_kept),
        TEST(test_an_entry_that_was_pruned_is_given_up),
        TEST(test_webhooks_come_and_go_while_the_thread_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
