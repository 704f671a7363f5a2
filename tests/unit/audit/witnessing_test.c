// The log and real witnesses, in one process: who must have signed before something is published,
// who may be away, and what a witness remembers that the log has forgotten.
#include "common/base/clock.h"
#include "services/audit/witnessing.h"
#include "services/witness/server.h"
#include "tests/unit/audit/fixture.h"
#include "tests/unit/audit/silent.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WITNESSES = 3, WAIT_MS = 30000, PAUSE_MS = 5 };

struct one {
    char directory[FIXTURE_PATH_BYTES];
    struct key_signer *signer;
    struct witness_service service;
    struct witness_server *server; // NULL: away.
    uint16_t port;                 // The same whenever it is there.
};

struct scene {
    struct fixture *log;
    struct note_verifier log_key;
    struct one witnesses[WITNESSES];
    struct audit_witness_list list;
    struct audit_witnessing *witnessing;
};

// ---- Witnesses -----------------------------------------------------------------------------

static void arrive(struct scene *scene, size_t index)
{
    struct one *one = &scene->witnesses[index];
    const struct store_schema *schemas[] = {&witness_store_schema};
    const struct store_config config = {.directory = one->directory,
                                        .map_bytes = UINT64_C(1) << 26};
    assert_status_ok(store_open(&config, schemas, 1, &one->service.store));
    one->service.log_keys = &scene->log_key;
    one->service.log_key_count = 1;
    assert_status_ok(witness_server_open(&one->service, "127.0.0.1", one->port, &one->server));
    one->port = witness_server_port(one->server);
}

static void leave(struct scene *scene, size_t index)
{
    struct one *one = &scene->witnesses[index];
    if (one->server != NULL) witness_server_drain(one->server);
    store_close(&one->service.store);
    witness_server_close(&one->server);
}

// A key, a directory and a port, and its line in the list. It is not there yet.
static void introduce(struct scene *scene, size_t index)
{
    struct one *one = &scene->witnesses[index];
    struct note_verifier *key = &scene->list.keys[index];
    char name[32];
    const uint8_t seed[KEY_SEED_BYTES] = {(uint8_t)(index + 1)};
    snprintf(name, sizeof name, "witness.example/w%zu", index);
    snprintf(one->directory, sizeof one->directory, "%.200s/w%zu", scene->log->directory, index);
    assert_status_ok(key_signer_from_seed(seed, &one->signer));
    assert_status_ok(
        note_verifier_make_typed(name, NOTE_COSIGNATURE, key_signer_public(one->signer), key));
    one->service.signer = one->signer;
    one->service.verifier = *key;
    arrive(scene, index); // For a port that is free.
    leave(scene, index);
    snprintf(scene->list.urls[index], sizeof scene->list.urls[index],
             "http://127.0.0.1:%u/add-checkpoint", one->port);
    scene->list.count = index + 1;
}

// ---- The log -------------------------------------------------------------------------------

static struct status begin_witnessing(struct scene *scene, size_t count, unsigned needed)
{
    scene->list.count = count;
    RETURN_IF_ERROR(
        audit_witnessing_open(&scene->log->service, &scene->list, needed, &scene->witnessing));
    return audit_witnessing_start(scene->witnessing);
}

static void end_witnessing(struct scene *scene)
{
    audit_tail_stop(scene->log->service.tail);
    audit_witnessing_stop(scene->witnessing);
    store_close(&scene->log->store); // As the daemon does it: no hook runs any more.
    audit_witnessing_close(&scene->witnessing);
    close_log(scene->log);
}

static int open_scene(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    void *own = NULL;
    assert_non_null(scene);
    setup(&own);
    scene->log = own;
    scene->log_key = scene->log->service.verifier;
    for (size_t i = 0; i < WITNESSES; i++)
        introduce(scene, i);
    *state = scene;
    return 0;
}

static int close_scene(void **state)
{
    struct scene *scene = *state;
    end_witnessing(scene);
    for (size_t i = 0; i < WITNESSES; i++) {
        leave(scene, i);
        key_signer_close(&scene->witnesses[i].signer);
    }
    void *own = scene->log;
    teardown(&own);
    free(scene);
    return 0;
}

// Size of what is published, and a bit for each witness that has cosigned it.
static uint64_t published(struct scene *scene, unsigned *ret_who)
{
    struct store_txn *txn = begin(scene->log);
    struct bytes note, text;
    struct merkle_hash root;
    uint64_t size;
    bool is_signed[WITNESSES] = {false};
    assert_status_ok(audit_service_checkpoint(txn, &note, &size, &root));
    if (note.size > 0)
        (void)!status_ok(note_open_any(note, scene->list.keys, WITNESSES, &text, is_signed));
    store_snapshot_end(&txn);
    *ret_who = 0;
    for (unsigned i = 0; i < WITNESSES; i++)
        *ret_who |= is_signed[i] ? 1U << i : 0;
    return size;
}

static void wait_for(struct scene *scene, uint64_t size, unsigned who)
{
    uint64_t got = 0;
    unsigned got_who = 0;
    for (int waited = 0; waited < WAIT_MS; waited += PAUSE_MS) {
        got = published(scene, &got_who);
        if (got == size && got_who == who) return;
        poll(NULL, 0, PAUSE_MS);
    }
    fail_msg("size %zu by %x, expected %zu by %x", (size_t)got, got_who, (size_t)size, who);
}

static void wait_for_detail(struct scene *scene, const char *expected)
{
    const char *detail = NULL;
    for (int waited = 0; waited < WAIT_MS; waited += PAUSE_MS) {
        detail = NULL;
        assert_true(audit_witnessing_serving(scene->witnessing, &detail));
        if (detail == expected ||
            (detail != NULL && expected != NULL && strstr(detail, expected) != NULL))
            return;
        poll(NULL, 0, PAUSE_MS);
    }
    fail_msg("health says \"%s\"", detail != NULL ? detail : "");
}

// ---- Publishing ----------------------------------------------------------------------------

static void test_one_witness_signs_all_that_is_published(void **state)
{
    struct scene *scene = *state;
    arrive(scene, 0);
    assert_status_ok(begin_witnessing(scene, 1, 1));
    wait_for(scene, 0, 1);
    uint64_t size = 0;
    for (size_t i = 1; i <= 20; i++) {
        assert_status_ok(accept(scene->log, "auth", size + 1, i));
        size += i;
    }
    wait_for(scene, size, 1);
    assert_true(metric_value(scene->log->service.published_size) == size);
    wait_for_detail(scene, NULL);
}

static void test_nothing_is_published_while_the_witness_is_away(void **state)
{
    struct scene *scene = *state;
    arrive(scene, 0);
    assert_status_ok(begin_witnessing(scene, 1, 1));
    assert_status_ok(accept(scene->log, "auth", 1, 5));
    wait_for(scene, 5, 1);
    leave(scene, 0);
    assert_status_ok(accept(scene->log, "auth", 6, 5)); // Events are taken in all the same.
    wait_for_detail(scene, "stands still");
    unsigned who;
    assert_int_equal(published(scene, &who), 5);
    assert_status_ok(accept(scene->log, "auth", 11, 5));
    arrive(scene, 0);
    wait_for(scene, 15, 1);
    wait_for_detail(scene, NULL);
}

static void test_two_of_three_are_enough_and_the_third_joins(void **state)
{
    struct scene *scene = *state;
    arrive(scene, 0);
    arrive(scene, 2);
    assert_status_ok(accept(scene->log, "auth", 1, 5));
    assert_status_ok(begin_witnessing(scene, 3, 2));
    wait_for(scene, 5, 1 | 4);
    wait_for_detail(scene, "not every witness");
    assert_status_ok(accept(scene->log, "auth", 6, 5));
    wait_for(scene, 10, 1 | 4);
    leave(scene, 0);
    assert_status_ok(accept(scene->log, "auth", 11, 5));
    wait_for_detail(scene, "stands still");
    arrive(scene, 1);
    wait_for(scene, 15, 2 | 4);
    arrive(scene, 0);
    wait_for(scene, 15, 1 | 2 | 4); // The same checkpoint, with one line more.
}

static void test_without_a_need_nobody_is_waited_for(void **state)
{
    struct scene *scene = *state;
    arrive(scene, 0);
    assert_status_ok(begin_witnessing(scene, 2, 0));
    assert_status_ok(accept(scene->log, "auth", 1, 5));
    unsigned who;
    assert_int_equal(published(scene, &who), 5); // At once, whoever has signed.
    wait_for(scene, 5, 1);
    arrive(scene, 1);
    wait_for(scene, 5, 1 | 2);
    assert_status_ok(accept(scene->log, "auth", 6, 1));
    assert_int_equal(published(scene, &who), 6);
}

static void test_a_silent_witness_holds_nobody_up(void **state)
{
    struct scene *scene = *state;
    int fd = silent_listen(scene->witnesses[0].port);
    arrive(scene, 1);
    assert_status_ok(begin_witnessing(scene, 2, 1)); // After the time-out of its first request.
    for (uint64_t i = 1; i <= 5; i++) {
        assert_status_ok(accept(scene->log, "auth", i, 1));
        wait_for(scene, i, 2);
    }
    close(fd);
}

static void test_a_restart_goes_on_where_the_witness_stands(void **state)
{
    struct scene *scene = *state;
    arrive(scene, 0);
    assert_status_ok(begin_witnessing(scene, 1, 1));
    assert_status_ok(accept(scene->log, "auth", 1, 5));
    wait_for(scene, 5, 1);
    end_witnessing(scene);
    assert_status_ok(open_log(scene->log, ORIGIN));
    assert_status_ok(accept(scene->log, "auth", 6, 5));
    assert_status_ok(begin_witnessing(scene, 1, 1));
    wait_for(scene, 10, 1);
}

// ---- What the witness remembers ------------------------------------------------------------

static void copy_log(struct scene *scene, char ret_path[static FIXTURE_PATH_BYTES])
{
    uint64_t bytes;
    snprintf(ret_path, FIXTURE_PATH_BYTES, "%.200s/backup", scene->log->directory);
    assert_status_ok(store_backup(scene->log->store, ret_path, 0, &bytes));
}

static void put_back(struct scene *scene, const char *backup)
{
    end_witnessing(scene);
    snprintf(scene->log->store_path, sizeof scene->log->store_path, "%.200s/restored",
             scene->log->directory);
    assert_status_ok(store_restore(backup, scene->log->store_path));
    assert_status_ok(open_log(scene->log, ORIGIN));
}

// A log of 5 was copied, went on to 10 before the witness, and was put back.
static void roll_back(struct scene *scene)
{
    char backup[FIXTURE_PATH_BYTES];
    arrive(scene, 0);
    assert_status_ok(begin_witnessing(scene, 1, 1));
    assert_status_ok(accept(scene->log, "auth", 1, 5));
    wait_for(scene, 5, 1);
    copy_log(scene, backup);
    assert_status_ok(accept(scene->log, "auth", 6, 5));
    wait_for(scene, 10, 1);
    put_back(scene, backup);
}

static void expect_refused(struct scene *scene, const char *seen, const char *stored)
{
    struct status status = begin_witnessing(scene, 1, 1);
    assert_false(status_ok(status));
    assert_string_equal(status.reason, "LOG_ROLLED_BACK");
    if (strstr(status.message, seen) == NULL || strstr(status.message, stored) == NULL)
        fail_msg("%s", status.message);
}

static void test_an_older_copy_is_noticed_at_open(void **state)
{
    struct scene *scene = *state;
    roll_back(scene);
    expect_refused(scene, "has seen 10 entries", "has 5");
}

static void test_an_older_copy_that_grew_on_is_noticed_at_open(void **state)
{
    struct scene *scene = *state;
    roll_back(scene);
    assert_status_ok(accept(scene->log, "ledger", 1, 8)); // Other entries than those that are gone.
    expect_refused(scene, "another history of 10", "has 13");
}

static void test_another_tree_of_the_same_size_is_noticed_at_open(void **state)
{
    struct scene *scene = *state;
    roll_back(scene);
    assert_status_ok(accept(scene->log, "ledger", 1, 5));
    expect_refused(scene, "another history of 10", "has 10");
}

static void test_an_empty_store_under_an_old_name_is_noticed_at_open(void **state)
{
    struct scene *scene = *state;
    arrive(scene, 0);
    assert_status_ok(begin_witnessing(scene, 1, 1));
    assert_status_ok(accept(scene->log, "auth", 1, 5));
    wait_for(scene, 5, 1);
    end_witnessing(scene);
    snprintf(scene->log->store_path, sizeof scene->log->store_path, "%.200s/empty",
             scene->log->directory);
    assert_status_ok(open_log(scene->log, ORIGIN));
    expect_refused(scene, "has seen 5 entries", "has 0");
}

// The witness was away at open, and is heard later: in a process of its own, which it ends.
static void test_an_older_copy_is_noticed_at_the_first_answer(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        void *own = NULL;
        open_scene(&own);
        struct scene *scene = own;
        roll_back(scene);
        leave(scene, 0);
        assert_status_ok(begin_witnessing(scene, 1, 0));
        wait_for(scene, 5, 1); // What was published before is served, and the daemon runs.
        assert_non_null(freopen("/dev/null", "w", stderr)); // It says why it ends.
        arrive(scene, 0);
        for (int waited = 0; waited < WAIT_MS; waited += PAUSE_MS)
            poll(NULL, 0, PAUSE_MS);
        _exit(0);
    }
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGABRT);
}

#define IN_A_SCENE(test_) cmocka_unit_test_setup_teardown(test_, open_scene, close_scene)

int main(void)
{
    const struct CMUnitTest tests[] = {
        // The first, while the process has one thread: it forks.
        cmocka_unit_test(test_an_older_copy_is_noticed_at_the_first_answer),
        IN_A_SCENE(test_one_witness_signs_all_that_is_published),
        IN_A_SCENE(test_nothing_is_published_while_the_witness_is_away),
        IN_A_SCENE(test_two_of_three_are_enough_and_the_third_joins),
        IN_A_SCENE(test_without_a_need_nobody_is_waited_for),
        IN_A_SCENE(test_a_silent_witness_holds_nobody_up),
        IN_A_SCENE(test_a_restart_goes_on_where_the_witness_stands),
        IN_A_SCENE(test_an_older_copy_is_noticed_at_open),
        IN_A_SCENE(test_an_older_copy_that_grew_on_is_noticed_at_open),
        IN_A_SCENE(test_another_tree_of_the_same_size_is_noticed_at_open),
        IN_A_SCENE(test_an_empty_store_under_an_old_name_is_noticed_at_open),
    };
    return cmocka_run_group_tests_name("witnessing", tests, NULL, NULL);
}
