// Comparing and remembering are one step, and what was cosigned survives whatever comes.
#include "common/base/check.h"
#include "common/crypto/hash.h"
#include "services/witness/service.h"
#include "tests/unit/witness/sample.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_BYTES = 256, THREADS = 32, LAST = 8 };

#define WITNESS "witness.example/w1"

struct fixture {
    char directory[PATH_BYTES], state[PATH_BYTES];
    struct key_signer *signer;
    struct sample log, fork; // The fork differs from entry 8 on.
    struct witness_service service;
};

static void open_service(struct fixture *fixture)
{
    const struct store_schema *schemas[] = {&witness_store_schema};
    const struct store_config config = {.directory = fixture->state,
                                        .map_bytes = UINT64_C(1) << 26};
    fixture->service.signer = fixture->signer;
    fixture->service.log_keys = &fixture->log.verifier;
    fixture->service.log_key_count = 1;
    assert_status_ok(note_verifier_make_typed(
        WITNESS, NOTE_COSIGNATURE, key_signer_public(fixture->signer), &fixture->service.verifier));
    assert_status_ok(store_open(&config, schemas, 1, &fixture->service.store));
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    CHECK(fixture != NULL);
    directory_make("witness", fixture->directory, sizeof fixture->directory);
    snprintf(fixture->state, sizeof fixture->state, "%.240s/state", fixture->directory);
    sample_open(&fixture->log, SAMPLE_ORIGIN, 1, SAMPLE_LEAVES_MAX);
    sample_open(&fixture->fork, SAMPLE_ORIGIN, 1, LAST);
    const uint8_t seed[KEY_SEED_BYTES] = {9};
    assert_status_ok(key_signer_from_seed(seed, &fixture->signer));
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    store_close(&fixture->service.store);
    sample_close(&fixture->log);
    sample_close(&fixture->fork);
    key_signer_close(&fixture->signer);
    directory_remove(fixture->directory);
    free(fixture);
    return 0;
}

// ---- Asking --------------------------------------------------------------------------------

struct asked {
    struct witness_call call;
    sem_t done;
    char body[SAMPLE_REQUEST_BYTES];
};

static void finished(struct witness_call *call)
{
    struct asked *asked = (struct asked *)((char *)call - offsetof(struct asked, call));
    sem_post(&asked->done);
}

static void submit(struct fixture *fixture, const struct sample *log, size_t old_size, size_t size,
                   struct asked *asked)
{
    sem_init(&asked->done, 0, 0);
    asked->call = (struct witness_call){
        .body = bytes_of(asked->body, sample_request(log, old_size, size, asked->body)),
        .done = finished};
    witness_service_submit(&fixture->service, &asked->call);
}

static struct status ask(struct fixture *fixture, const struct sample *log, size_t old_size,
                         size_t size, struct asked *asked)
{
    submit(fixture, log, old_size, size, asked);
    while (sem_wait(&asked->done) != 0) {
    }
    sem_destroy(&asked->done);
    return asked->call.status;
}

static void expect_cosigned(struct fixture *fixture, const struct sample *log, size_t size,
                            const struct asked *asked)
{
    char note[SAMPLE_REQUEST_BYTES];
    struct bytes text, lines, line;
    uint64_t time_s;
    size_t note_size = sample_note(log, size, note, sizeof note);
    assert_status_ok(note_split(bytes_of(note, note_size), &text, &lines));
    assert_status_ok(cosignature_find(bytes_of(asked->call.line, asked->call.line_size), text,
                                      &fixture->service.verifier, &line, &time_s));
    assert_true(time_s > 0);
}

static struct witness_state last_state(struct fixture *fixture, char *ret_note, size_t note_max)
{
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    struct witness_state last;
    assert_status_ok(store_snapshot_begin(fixture->service.store, &txn));
    assert_status_ok(witness_store_get(txn, SAMPLE_ORIGIN, &last));
    assert_true(last.note.size <= note_max);
    memcpy(ret_note, last.note.data, last.note.size);
    last.note.data = (const uint8_t *)ret_note;
    return last;
}

// ---- One after the other -------------------------------------------------------------------

static struct asked asked;

static void test_a_growing_log_is_cosigned_at_each_step(void **state)
{
    struct fixture *fixture = *state;
    open_service(fixture);
    static const size_t sizes[] = {0, 1, 2, 7, 8, 8, 63, 64};
    size_t old_size = 0;
    for (size_t i = 0; i < ROWS(sizes); i++) {
        assert_status_ok(ask(fixture, &fixture->log, old_size, sizes[i], &asked));
        expect_cosigned(fixture, &fixture->log, sizes[i], &asked);
        old_size = sizes[i];
    }
    assert_refused(ask(fixture, &fixture->log, 8, 64, &asked), "SIZE_CONFLICT");
    assert_int_equal(asked.call.size, 64);
}

// What monitors are shown: the log's signature and the witness's, and nobody else's.
static void test_what_is_kept_verifies_by_itself(void **state)
{
    struct fixture *fixture = *state;
    open_service(fixture);
    sem_init(&asked.done, 0, 0);
    size_t size = sample_request(&fixture->log, 0, LAST, asked.body);
    static const char stranger[] = "\xe2\x80\x94 stranger.example/s AAAAAAAAAAAA\n";
    memcpy(asked.body + size, stranger, strlen(stranger));
    asked.call = (struct witness_call){.body = bytes_of(asked.body, size + strlen(stranger)),
                                       .done = finished};
    witness_service_submit(&fixture->service, &asked.call);
    while (sem_wait(&asked.done) != 0) {
    }
    assert_status_ok(asked.call.status);

    char note[WITNESS_NOTE_BYTES_MAX];
    struct witness_state last = last_state(fixture, note, sizeof note);
    const struct note_verifier keys[] = {fixture->log.verifier, fixture->service.verifier};
    bool is_signed[2];
    struct bytes text;
    assert_status_ok(note_open_any(last.note, keys, 2, &text, is_signed));
    assert_true(is_signed[0] && is_signed[1]);
    assert_null(memmem(note, last.note.size, "stranger", strlen("stranger")));

    struct bytes origin = bytes_of_text(SAMPLE_ORIGIN);
    uint8_t hash[HASH_SHA256_BYTES];
    hash_sha256(&origin, 1, hash);
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(fixture->service.store, &txn));
    assert_status_ok(witness_store_find(txn, bytes_of(hash, sizeof hash), &last));
    assert_int_equal(last.head.size, LAST);
    hash[0] ^= 1;
    assert_refused(witness_store_find(txn, bytes_of(hash, sizeof hash), &last), "LOG_NOT_SEEN");
}

static void test_what_was_cosigned_is_there_after_a_restart(void **state)
{
    struct fixture *fixture = *state;
    open_service(fixture);
    assert_status_ok(ask(fixture, &fixture->log, 0, 12, &asked));
    store_close(&fixture->service.store);
    open_service(fixture);
    assert_refused(ask(fixture, &fixture->fork, 12, 12, &asked), "ROOT_DIFFERS");
    assert_refused(ask(fixture, &fixture->fork, 12, 20, &asked), "PROOF_WRONG");
    assert_refused(ask(fixture, &fixture->log, 0, 5, &asked), "SIZE_CONFLICT");
    assert_int_equal(asked.call.size, 12);
    assert_status_ok(ask(fixture, &fixture->log, 12, 20, &asked));
}

// ---- All at once ---------------------------------------------------------------------------

struct racer {
    struct fixture *fixture;
    pthread_t thread;
    pthread_barrier_t *start;
    size_t size;
    bool is_fork;
    struct asked asked;
};

static void *race(void *context)
{
    struct racer *racer = context;
    struct fixture *fixture = racer->fixture;
    pthread_barrier_wait(racer->start);
    (void)!status_ok(ask(fixture, racer->is_fork ? &fixture->fork : &fixture->log, LAST,
                         racer->size, &racer->asked));
    return NULL;
}

// 32 threads at the same old size: half of them of a fork, three sizes. Whatever is first wins; of
// each size no second root is ever cosigned.
static void test_of_two_histories_one_wins(void **state)
{
    struct fixture *fixture = *state;
    static struct racer racers[THREADS];
    static const size_t sizes[] = {12, 12, 16, 20};
    open_service(fixture);
    assert_status_ok(ask(fixture, &fixture->log, 0, LAST, &asked));
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, THREADS);
    for (size_t i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){.fixture = fixture,
                                   .start = &start,
                                   .size = sizes[i / 2 % ROWS(sizes)],
                                   .is_fork = i % 2 == 1};
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    size_t cosigned = 0;
    const struct racer *winner = NULL;
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(racers[i].thread, NULL);
        if (!status_ok(racers[i].asked.call.status)) {
            assert_string_equal(racers[i].asked.call.status.reason, "SIZE_CONFLICT");
            continue;
        }
        cosigned++;
        winner = &racers[i];
    }
    pthread_barrier_destroy(&start);
    assert_int_equal(cosigned, 1);
    const struct sample *log = winner->is_fork ? &fixture->fork : &fixture->log;
    expect_cosigned(fixture, log, winner->size, &winner->asked);
    char note[WITNESS_NOTE_BYTES_MAX];
    struct merkle_hash root;
    struct witness_state last = last_state(fixture, note, sizeof note);
    merkle_frontier_root(&log->heads[winner->size], &root);
    assert_int_equal(last.head.size, winner->size);
    assert_true(merkle_hash_equal(&last.head.root, &root));
}

// ---- Death between remembering and answering -----------------------------------------------

static void die(struct witness_call *call)
{
    if (status_ok(call->status)) kill(getpid(), SIGKILL);
}

static void test_a_death_before_the_answer_forgets_nothing(void **state)
{
    struct fixture *fixture = *state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        open_service(fixture);
        asked.call = (struct witness_call){
            .body = bytes_of(asked.body, sample_request(&fixture->log, 0, 12, asked.body)),
            .done = die};
        witness_service_submit(&fixture->service, &asked.call);
        for (;;)
            pause();
    }
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);

    open_service(fixture);
    assert_refused(ask(fixture, &fixture->log, 0, 12, &asked), "SIZE_CONFLICT");
    assert_int_equal(asked.call.size, 12);
    assert_refused(ask(fixture, &fixture->fork, 12, 12, &asked), "ROOT_DIFFERS");
    assert_status_ok(ask(fixture, &fixture->log, 12, 12, &asked));
    expect_cosigned(fixture, &fixture->log, 12, &asked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        // The first, while the process has one thread: it forks.
        cmocka_unit_test_setup_teardown(test_a_death_before_the_answer_forgets_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_growing_log_is_cosigned_at_each_step, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_what_is_kept_verifies_by_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_was_cosigned_is_there_after_a_restart, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_of_two_histories_one_wins, setup, teardown),
    };
    return cmocka_run_group_tests_name("witness service", tests, NULL, NULL);
}
