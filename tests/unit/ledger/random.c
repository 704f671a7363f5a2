#include "tests/unit/ledger/random.h"

#include "common/base/check.h"
#include "tests/unit/support/unit.h"

#include <time.h>

static uint64_t read_seed(void)
{
    const char *text = getenv("FLORIN_TEST_SEED");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t seed = text != NULL ? strtoull(text, NULL, 10) : (uint64_t)now.tv_nsec;
    print_message("FLORIN_TEST_SEED=%ju\n", (uintmax_t)seed);
    return seed;
}

// splitmix64: public domain, by Sebastiano Vigna.
uint64_t random_u64(void)
{
    static uint64_t state;
    static bool is_seeded;
    if (!is_seeded) state = read_seed();
    is_seeded = true;
    uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t random_below(uint64_t bound)
{
    CHECK(bound > 0);
    return random_u64() % bound;
}

u128 random_amount(u128 most)
{
    u128 amount = u128_of(random_u64(), random_u64()) >> random_below(128);
    return amount <= most ? amount : most;
}
