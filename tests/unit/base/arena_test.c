#include "common/base/arena.h"
#include "tests/unit/base/capture.h"

#include <string.h>

static void test_memory_is_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 15, 16, 17, 100, 4096, 20000, 65536, 65537, 200000, 3, 60000};
    struct arena *arena = arena_open(1 << 20);
    for (int round = 0; round < 2; round++) { // The second runs in memory used before.
        uint8_t *memory[sizeof sizes / sizeof sizes[0]];
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            memory[i] = arena_alloc(arena, sizes[i]);
            assert_non_null(memory[i]);
            assert_int_equal((uintptr_t)memory[i] % 16, 0);
            for (size_t j = 0; j < sizes[i]; j++) {
                assert_int_equal(memory[i][j], 0);
            }
            memset(memory[i], (int)i + 1, sizes[i]);
        }
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            assert_int_equal(memory[i][0], i + 1);
            assert_int_equal(memory[i][sizes[i] - 1], i + 1);
        }
        arena_reset(arena);
        assert_int_equal(arena_used(arena), 0);
    }
    arena_close(&arena);
    assert_null(arena);
    arena_close(&arena);
}

static void test_the_limit_is_an_answer(void **state)
{
    (void)state;

    // clang-format off
    static const struct { const char *given; size_t limit, used, size; bool fits; } rows[] = {
        {"exactly the limit",          64,  0, 64,           true},
        {"one byte more",              64,  0, 65,           false},
        {"the rest",                   64, 16, 48,           true},
        {"more than the rest",         64, 16, 49,           false},
        {"rounding counts",            24,  0, 17,           false},
        {"nothing of nothing",          0,  0,  0,           true},
        {"a size near overflow",       64,  0, SIZE_MAX,     false},
        {"half of all there is",       64,  0, SIZE_MAX / 2, false},
    };

    // clang-format on

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena *arena = arena_open(rows[i].limit);
        assert_non_null(arena_alloc(arena, rows[i].used));
        if ((arena_alloc(arena, rows[i].size) != NULL) != rows[i].fits) {
            fail_msg("%s", rows[i].given);
        }
        arena_close(&arena);
    }
}

static void test_a_limit_lowered_below_use_refuses_until_reset(void **state)
{
    (void)state;
    struct arena *arena = arena_open(1024);
    assert_non_null(arena_alloc(arena, 512));
    arena_set_limit(arena, 256);
    assert_null(arena_alloc(arena, 1));
    arena_reset(arena);
    assert_non_null(arena_alloc(arena, 256));
    arena_close(&arena);
}

static void test_texts_are_copies_with_a_nul(void **state)
{
    (void)state;
    struct arena *arena = arena_open(64);
    char source[] = "abcdef";
    char *text = arena_text(arena, source, 3);
    const char *copy = arena_copy(arena, source, sizeof source);
    source[0] = 'x';
    assert_string_equal(text, "abc");
    assert_string_equal(copy, "abcdef");
    assert_string_equal(arena_text(arena, NULL, 0), "");
    assert_string_equal(arena_format(arena, "%s/%d", "a", 7), "a/7");
    assert_null(arena_format(arena, "%s", "does not fit any more"));
    assert_null(arena_text(arena, source, SIZE_MAX));
    arena_close(&arena);
}

static void test_a_mark_is_gone_back_to(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 100, 40000, 70000, 300000};
    for (size_t before = 0; before < sizeof sizes / sizeof sizes[0]; before++) {
        struct arena *arena = arena_open(1 << 20);
        uint8_t *kept = arena_alloc(arena, sizes[before]);
        memset(kept, 7, sizes[before]);
        struct arena_mark mark = arena_mark(arena);
        size_t used = arena_used(arena);
        for (int round = 0; round < 100; round++) { // Beyond the limit, if anything stayed.
            for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
                uint8_t *memory = arena_alloc(arena, sizes[i]);
                assert_non_null(memory);
                memset(memory, 9, sizes[i]);
            }
            arena_rewind(arena, &mark);
            assert_int_equal(arena_used(arena), used);
        }
        for (size_t i = 0; i < sizes[before]; i++) {
            assert_int_equal(kept[i], 7);
        }
        arena_close(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(test_the_limit_is_an_answer),
        cmocka_unit_test(test_a_limit_lowered_below_use_refuses_until_reset),
        cmocka_unit_test(test_texts_are_copies_with_a_nul),
        cmocka_unit_test(test_a_mark_is_gone_back_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
