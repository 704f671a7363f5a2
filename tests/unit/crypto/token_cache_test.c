#include "tests/unit/crypto/support.h"

#include <pthread.h>

static struct token_claims claims_until(uint64_t expires_at_s)
{
    struct token_claims claims = example_claims();
    claims.expires_at_s = expires_at_s;
    return claims;
}

static struct bytes number_text(unsigned number, char ret[static 32])
{
    return bytes_of(ret, (size_t)snprintf(ret, 32, "token number %u", number));
}

static void test_hit_gives_the_claims_until_they_expire(void **state)
{
    (void)state;
    struct token_cache *cache = token_cache_open(1000);
    struct token_claims claims = claims_until(NOW_S + 10), back = {0};
    struct bytes text = bytes_of_text("a.b.c");
    assert_false(token_cache_get(cache, text, NOW_S, &back));
    token_cache_put(cache, text, &claims);
    assert_true(token_cache_get(cache, text, NOW_S + 9, &back));
    assert_memory_equal(&back, &claims, sizeof back);
    assert_false(token_cache_get(cache, text, NOW_S + 10, &back));
    assert_false(token_cache_get(cache, bytes_of_text("a.b.d"), NOW_S, &back));
    assert_false(token_cache_get(cache, bytes_of_text("a.b."), NOW_S, &back));
    token_cache_close(&cache);
    token_cache_close(&cache); // Idempotent.
}

static void test_second_put_of_a_token_replaces_the_first(void **state)
{
    (void)state;
    struct token_cache *cache = token_cache_open(1);
    struct token_claims first = claims_until(NOW_S + 10), second = claims_until(NOW_S + 10), back;
    second.user_version = 99;
    token_cache_put(cache, bytes_of_text("a.b.c"), &first);
    token_cache_put(cache, bytes_of_text("a.b.c"), &second);
    assert_true(token_cache_get(cache, bytes_of_text("a.b.c"), NOW_S, &back));
    assert_int_equal(back.user_version, 99);
    token_cache_close(&cache);
}

static void test_clear_forgets_all(void **state)
{
    (void)state;
    struct token_cache *cache = token_cache_open(1000);
    struct token_claims claims = claims_until(NOW_S + 10), back;
    char buffer[32];
    for (unsigned i = 0; i < 500; i++)
        token_cache_put(cache, number_text(i, buffer), &claims);
    token_cache_clear(cache);
    for (unsigned i = 0; i < 500; i++)
        assert_false(token_cache_get(cache, number_text(i, buffer), NOW_S, &back));
    token_cache_close(&cache);
}

static void test_full_cache_keeps_what_lives_longest(void **state)
{
    (void)state;

    enum { LASTING = 64, PASSING = 20000 };

    struct token_cache *cache = token_cache_open(1024);
    struct token_claims lasting = claims_until(NOW_S + 1000), passing = claims_until(NOW_S + 5);
    struct token_claims back;
    char buffer[32];
    for (unsigned i = 0; i < LASTING; i++)
        token_cache_put(cache, number_text(i, buffer), &lasting);
    for (unsigned i = LASTING; i < LASTING + PASSING; i++)
        token_cache_put(cache, number_text(i, buffer), &passing);
    unsigned kept = 0, kept_passing = 0;
    for (unsigned i = 0; i < LASTING; i++)
        kept += token_cache_get(cache, number_text(i, buffer), NOW_S, &back);
    for (unsigned i = LASTING; i < LASTING + PASSING; i++)
        kept_passing += token_cache_get(cache, number_text(i, buffer), NOW_S, &back);
    // A few of the lasting ones may have met in one bucket of four; none falls to a passing one.
    assert_true(kept >= LASTING - 2);
    assert_true(kept_passing <= 1024 - kept);
    token_cache_close(&cache);
}

struct worker {
    struct token_cache *cache;
    unsigned seed;
    bool is_wrong;
};

static void *use_cache(void *context)
{
    struct worker *worker = context;
    char buffer[32];
    for (unsigned i = 0; i < 20000; i++) {
        unsigned number = (worker->seed * 7919 + i) % 512;
        struct token_claims claims = claims_until(NOW_S + 10), back;
        claims.user_version = number;
        if (token_cache_get(worker->cache, number_text(number, buffer), NOW_S, &back)) {
            if (back.user_version != number) worker->is_wrong = true;
        } else {
            token_cache_put(worker->cache, number_text(number, buffer), &claims);
        }
        if (i % 5000 == 4999) token_cache_clear(worker->cache);
    }
    return NULL;
}

static void test_threads_never_see_the_claims_of_another_token(void **state)
{
    (void)state;
    struct token_cache *cache = token_cache_open(256); // Half of what is asked for: they fight.
    struct worker workers[4];
    pthread_t threads[4];
    for (unsigned i = 0; i < 4; i++) {
        workers[i] = (struct worker){.cache = cache, .seed = i};
        assert_int_equal(pthread_create(&threads[i], NULL, use_cache, &workers[i]), 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(workers[i].is_wrong);
    }
    token_cache_close(&cache);
}

static int setup(void **state)
{
    (void)state;
    return status_ok(crypto_open()) ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hit_gives_the_claims_until_they_expire),
        cmocka_unit_test(test_second_put_of_a_token_replaces_the_first),
        cmocka_unit_test(test_clear_forgets_all),
        cmocka_unit_test(test_full_cache_keeps_what_lives_longest),
        cmocka_unit_test(test_threads_never_see_the_claims_of_another_token),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
