#include "common/base/clock.h"
#include "common/base/id128.h"
#include "tests/unit/base/capture.h"

#include <pthread.h>

enum { THREAD_COUNT = 4, IDS_PER_THREAD = 5000 };

static uint64_t unix_ms(struct id128 id)
{
    uint64_t ms = 0;
    for (int i = 0; i < 6; i++) {
        ms = ms << 8 | id.bytes[i];
    }
    return ms;
}

static void test_the_example_of_rfc_9562_reads_and_writes(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x01, 0x7F, 0x22, 0xE2, 0x79, 0xB0, 0x7C, 0xC3,
                                    0x98, 0xC4, 0xDC, 0x0C, 0x0C, 0x07, 0x39, 0x8F};
    struct id128 id;
    assert_true(status_ok(id128_parse("017F22E2-79B0-7CC3-98C4-DC0C0C07398F", 36, &id)));
    assert_memory_equal(id.bytes, bytes, sizeof bytes);
    char text[ID128_TEXT_BYTES];
    id128_format(id, text);
    assert_string_equal(text, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
    assert_true(id128_equal(id, id128_of(bytes)));
}

static void test_other_texts_are_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "017f22e279b07cc398c4dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
        "{17f22e2-79b0-7cc3-98c4-dc0c0c07398}",
        "017f22e2-79b0-7cc3-98c4_dc0c0c07398f",
        "017f22e27-9b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
        "-17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct id128 id = ID128_NIL;
        struct status status = id128_parse(rows[i], strlen(rows[i]), &id);
        if (status_ok(status)) fail_msg("%s was taken", rows[i]);
        assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
        assert_string_equal(status.reason, "UUID_MALFORMED");
        assert_true(id128_is_nil(id));
    }
}

static void test_a_new_id_carries_time_version_and_variant(void **state)
{
    (void)state;
    const uint64_t ms = UINT64_C(4000000000000); // Ahead of every id made before.
    clock_test_set(ms * NS_PER_MS + 999999, 0);
    struct id128 id = id128_generate();
    assert_true(unix_ms(id) == ms);
    assert_int_equal(id.bytes[6] >> 4, 7);
    assert_int_equal(id.bytes[6] & 8, 0); // The counter starts in its lower half.
    assert_int_equal(id.bytes[8] >> 6, 2);
    clock_test_release();
}

static void test_ids_increase_whatever_the_clock_does(void **state)
{
    (void)state;
    uint64_t ms = UINT64_C(5000000000000);

    static const struct {
        const char *given;
        int64_t step_ms;
        int count; // More than 4096 fill the counter, which carries into the millisecond.
    } rows[] = {
        {"standing", 0, 10000}, {"back a day", -86400000, 10000}, {"on", 86400000 + 10, 10}};
    struct id128 last = ID128_NIL;
    for (size_t i = 0; i < ROWS(rows); i++) {
        ms = (uint64_t)((int64_t)ms + rows[i].step_ms);
        clock_test_set(ms * NS_PER_MS, 0);
        for (int j = 0; j < rows[i].count; j++) {
            struct id128 id = id128_generate();
            if (id128_compare(last, id) >= 0) fail_msg("clock %s: id %d", rows[i].given, j);
            assert_int_equal(id.bytes[6] >> 4, 7);
            last = id;
        }
    }
    assert_true(unix_ms(last) == ms);
    clock_test_release();
}

static void *generate_many(void *context)
{
    struct id128 *ids = context;
    for (int i = 0; i < IDS_PER_THREAD; i++) {
        ids[i] = id128_generate();
    }
    return NULL;
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, ID128_BYTES);
}

static void test_threads_never_share_a_time_and_counter(void **state)
{
    (void)state;
    static struct id128 ids[THREAD_COUNT * IDS_PER_THREAD];
    pthread_t threads[THREAD_COUNT];
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, generate_many, &ids[i * IDS_PER_THREAD]),
                         0);
    }
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        pthread_join(threads[i], NULL);
    }

    for (size_t i = 1; i < ROWS(ids); i++) {
        if (i % IDS_PER_THREAD != 0) assert_true(id128_compare(ids[i - 1], ids[i]) < 0);
    }
    qsort(ids, ROWS(ids), sizeof ids[0], compare_ids);
    for (size_t i = 1; i < ROWS(ids); i++) {
        assert_true(memcmp(ids[i - 1].bytes, ids[i].bytes, 8) < 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_example_of_rfc_9562_reads_and_writes),
        cmocka_unit_test(test_other_texts_are_refused),
        cmocka_unit_test(test_a_new_id_carries_time_version_and_variant),
        cmocka_unit_test(test_ids_increase_whatever_the_clock_does),
        cmocka_unit_test(test_threads_never_share_a_time_and_counter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
