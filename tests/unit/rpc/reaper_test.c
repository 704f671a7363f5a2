// That it is noticed when nng's reaper no longer works, and not when it does. A callback that does
// not return holds it, as nng's own wait would.
#include "common/base/clock.h"
#include "common/rpc/reaper.h"
#include "tests/unit/rpc/fixture.h"

#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <semaphore.h>

enum { EVERY_MS = 5, PATIENCE_MS = 1000, ROUNDS = 200 };

static atomic_uint told;
static sem_t is_free;

static void note(void *context)
{
    (void)context;
    atomic_fetch_add(&told, 1);
}

static const struct reaper_watch_config config = {
    .every_ms = EVERY_MS, .patience_ms = PATIENCE_MS, .stuck = note};

static void test_a_reaper_that_works_is_left_alone(void **state)
{
    (void)state;
    struct reaper_watch *watch = reaper_watch_open(&config);
    WAIT_UNTIL(reaper_watch_rounds(watch) >= ROUNDS);
    assert_int_equal(atomic_load(&told), 0);
    reaper_watch_close(&watch);
    assert_null(watch);
    reaper_watch_close(&watch); // Idempotent.
}

static void hold(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    (void)pipe;
    (void)event;
    (void)context;
    sem_wait(&is_free);
}

static void test_a_reaper_that_hangs_is_told_of_once(void **state)
{
    (void)state;
    nng_socket one, other;
    nng_dialer dialer;
    sem_init(&is_free, 0, 0);
    assert_int_equal(nng_pair0_open(&one), 0);
    assert_int_equal(nng_pair0_open(&other), 0);
    assert_int_equal(nng_pipe_notify(one, NNG_PIPE_EV_REM_POST, hold, NULL), 0);
    assert_int_equal(nng_listen(one, "inproc://reaper-test", NULL, 0), 0);
    assert_int_equal(nng_dial(other, "inproc://reaper-test", &dialer, 0), 0);
    struct reaper_watch *watch = reaper_watch_open(&config);
    WAIT_UNTIL(reaper_watch_rounds(watch) > 0);
    nng_dialer_close(dialer); // Both ends are reaped.
    WAIT_UNTIL(atomic_load(&told) == 1);
    uint64_t rounds = reaper_watch_rounds(watch);
    reaper_watch_close(&watch);
    assert_int_equal(atomic_load(&told), 1);
    sem_post(&is_free);
    assert_true(rounds > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_reaper_that_works_is_left_alone),
        cmocka_unit_test(test_a_reaper_that_hangs_is_told_of_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
