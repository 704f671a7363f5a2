#include "common/crypto/seal.h"
#include "tests/unit/crypto/support.h"

#include <pthread.h>

static const uint8_t KEK[SEAL_KEK_BYTES] = {1, 2, 3};
static const uint8_t OTHER_KEK[SEAL_KEK_BYTES] = {4, 5, 6};
static const uint8_t OWNER_KEY[SEAL_OWNER_KEY_BYTES] = {7, 8, 9};
static const uint8_t OTHER_OWNER_KEY[SEAL_OWNER_KEY_BYTES] = {7, 8, 10};
static const char PLAIN[] = "ABCPV1234K";

enum { PLAIN_BYTES = sizeof PLAIN - 1, SEALED_BYTES = PLAIN_BYTES + SEAL_OVERHEAD_BYTES };

static struct seal_place example_place(void)
{
    struct seal_place place = {.table = "documents", .field = "pan", .owner_key = OWNER_KEY};
    memset(place.owner.bytes, 0x11, ID128_BYTES);
    return place;
}

static struct seal *open_with_keys(uint32_t count, uint8_t (*ret_wrapped)[SEAL_WRAPPED_KEY_BYTES])
{
    struct seal *seal = NULL;
    assert_status_ok(seal_open(KEK, &seal));
    for (uint32_t version = 1; version <= count; version++) {
        seal_new_key(seal, version, ret_wrapped[version - 1]);
        assert_status_ok(seal_add_key(seal, version,
                                      bytes_of(ret_wrapped[version - 1], SEAL_WRAPPED_KEY_BYTES)));
    }
    return seal;
}

static void assert_opens(const struct seal *seal, const struct seal_place *place,
                         const uint8_t *sealed, size_t size)
{
    struct arena *arena = arena_open(4096);
    struct bytes plain;
    assert_status_ok(unseal_value(seal, place, bytes_of(sealed, size), arena, &plain));
    assert_int_equal(plain.size, PLAIN_BYTES);
    assert_string_equal((const char *)plain.data, PLAIN); // With the NUL that the header promises.
    arena_close(&arena);
}

static void assert_broken(const struct seal *seal, const struct seal_place *place,
                          const uint8_t *sealed, size_t size)
{
    struct arena *arena = arena_open(4096);
    struct bytes plain;
    assert_refused(unseal_value(seal, place, bytes_of(sealed, size), arena, &plain), "SEAL_BROKEN");
    arena_close(&arena);
}

static void test_sealed_value_opens_in_its_place_only(void **state)
{
    (void)state;
    uint8_t wrapped[1][SEAL_WRAPPED_KEY_BYTES], sealed[SEALED_BYTES];
    struct seal *seal = open_with_keys(1, wrapped);
    struct seal_place home = example_place();
    assert_int_equal(seal_value(seal, &home, bytes_of(PLAIN, PLAIN_BYTES), sealed), SEALED_BYTES);
    assert_opens(seal, &home, sealed, sizeof sealed);
    assert_null(memmem(sealed, sizeof sealed, PLAIN, PLAIN_BYTES));

    struct seal_place other_owner = home;
    other_owner.owner.bytes[15] ^= 1;

    const struct {
        const char *moved_to;
        struct seal_place place;
    } rows[] = {
        {"another field", {"documents", "aadhaar", home.owner, OWNER_KEY}},
        {"another table", {"profiles", "pan", home.owner, OWNER_KEY}},
        {"names cut elsewhere", {"document", "span", home.owner, OWNER_KEY}},
        {"another owner", other_owner},
        {"an owner with another key", {"documents", "pan", home.owner, OTHER_OWNER_KEY}},
        {"an owner whose key was destroyed", {"documents", "pan", home.owner, NULL}},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("  %s\n", rows[i].moved_to);
        assert_broken(seal, &rows[i].place, sealed, sizeof sealed);
    }
    seal_close(&seal);
    seal_close(&seal); // Idempotent.
}

static void test_every_flipped_bit_and_every_cut_is_seen(void **state)
{
    (void)state;
    uint8_t wrapped[2][SEAL_WRAPPED_KEY_BYTES], sealed[SEALED_BYTES];
    struct seal *seal = open_with_keys(2, wrapped);
    struct seal_place home = example_place();
    seal_value(seal, &home, bytes_of(PLAIN, PLAIN_BYTES), sealed);
    for (size_t i = 0; i < sizeof sealed * 8; i++) {
        sealed[i / 8] ^= (uint8_t)(1u << (i % 8));
        assert_broken(seal, &home, sealed, sizeof sealed);
        sealed[i / 8] ^= (uint8_t)(1u << (i % 8));
    }
    for (size_t size = 0; size < sizeof sealed; size++)
        assert_broken(seal, &home, sealed, size);
    assert_opens(seal, &home, sealed, sizeof sealed);
    seal_close(&seal);
}

static void test_two_sealings_of_one_value_differ(void **state)
{
    (void)state;
    uint8_t wrapped[1][SEAL_WRAPPED_KEY_BYTES], first[SEALED_BYTES], second[SEALED_BYTES];
    struct seal *seal = open_with_keys(1, wrapped);
    struct seal_place home = example_place();
    seal_value(seal, &home, bytes_of(PLAIN, PLAIN_BYTES), first);
    seal_value(seal, &home, bytes_of(PLAIN, PLAIN_BYTES), second);
    assert_memory_not_equal(first, second, sizeof first);
    seal_close(&seal);
}

static void test_empty_value_can_be_sealed(void **state)
{
    (void)state;
    uint8_t wrapped[1][SEAL_WRAPPED_KEY_BYTES], sealed[SEAL_OVERHEAD_BYTES];
    struct seal *seal = open_with_keys(1, wrapped);
    struct seal_place home = example_place();
    assert_int_equal(seal_value(seal, &home, bytes_of("", 0), sealed), sizeof sealed);
    struct arena *arena = arena_open(4096);
    struct bytes plain;
    assert_status_ok(unseal_value(seal, &home, bytes_of(sealed, sizeof sealed), arena, &plain));
    assert_int_equal(plain.size, 0);
    arena_close(&arena);
    seal_close(&seal);
}

static void test_rotation_seals_new_and_still_opens_old(void **state)
{
    (void)state;
    uint8_t wrapped[2][SEAL_WRAPPED_KEY_BYTES], old[SEALED_BYTES], new[SEALED_BYTES];
    struct seal_place home = example_place();
    struct seal *seal = open_with_keys(1, wrapped);
    seal_value(seal, &home, bytes_of(PLAIN, PLAIN_BYTES), old);
    uint8_t old_index[BLIND_INDEX_BYTES], new_index[BLIND_INDEX_BYTES];
    blind_index(seal, "pan", bytes_of(PLAIN, PLAIN_BYTES), old_index);

    // A new key is not used before it is added: its wrapped form may not be durable yet.
    seal_new_key(seal, 2, wrapped[1]);
    assert_int_equal(seal_newest_version(seal), 1);
    assert_status_ok(seal_add_key(seal, 2, bytes_of(wrapped[1], SEAL_WRAPPED_KEY_BYTES)));
    seal_value(seal, &home, bytes_of(PLAIN, PLAIN_BYTES), new);
    assert_int_equal(get_u32_be(old + 1), 1);
    assert_int_equal(get_u32_be(new + 1), 2);
    assert_opens(seal, &home, old, sizeof old);
    blind_index(seal, "pan", bytes_of(PLAIN, PLAIN_BYTES), new_index);
    assert_memory_equal(old_index, new_index, sizeof old_index); // Lookups survive rotation.
    seal_close(&seal);

    // After a restart, from the stored keys alone.
    assert_status_ok(seal_open(KEK, &seal));
    assert_status_ok(seal_add_key(seal, 1, bytes_of(wrapped[0], SEAL_WRAPPED_KEY_BYTES)));
    assert_broken(seal, &home, new, sizeof new); // Version 2 is not there yet.
    assert_status_ok(seal_add_key(seal, 2, bytes_of(wrapped[1], SEAL_WRAPPED_KEY_BYTES)));
    assert_opens(seal, &home, old, sizeof old);
    assert_opens(seal, &home, new, sizeof new);
    seal_close(&seal);
}

static void test_data_key_is_refused_when(void **state)
{
    (void)state;
    uint8_t wrapped[2][SEAL_WRAPPED_KEY_BYTES];
    struct seal *seal = open_with_keys(2, wrapped);
    seal_close(&seal);
    struct bytes first = bytes_of(wrapped[0], SEAL_WRAPPED_KEY_BYTES);
    struct bytes second = bytes_of(wrapped[1], SEAL_WRAPPED_KEY_BYTES);

    assert_status_ok(seal_open(OTHER_KEK, &seal));
    assert_refused(seal_add_key(seal, 1, first), "SEAL_KEY_BROKEN"); // Another KEK.
    seal_close(&seal);

    assert_status_ok(seal_open(KEK, &seal));
    assert_refused(seal_add_key(seal, 2, second), "SEAL_KEY_ORDER");
    assert_refused(seal_add_key(seal, 0, first), "SEAL_KEY_ORDER");
    assert_refused(seal_add_key(seal, 1, second), "SEAL_KEY_BROKEN"); // In another's row.
    assert_refused(seal_add_key(seal, 1, bytes_of(wrapped[0], 10)), "SEAL_KEY_BROKEN");
    assert_refused(seal_add_key(seal, 1, bytes_of(NULL, 0)), "SEAL_KEY_BROKEN");
    for (size_t i = 0; i < SEAL_WRAPPED_KEY_BYTES; i++) {
        wrapped[0][i] ^= 1;
        assert_refused(seal_add_key(seal, 1, first), "SEAL_KEY_BROKEN");
        wrapped[0][i] ^= 1;
    }
    assert_status_ok(seal_add_key(seal, 1, first));
    assert_refused(seal_add_key(seal, 1, first), "SEAL_KEY_ORDER"); // Twice.
    seal_close(&seal);
}

static void test_kek_rotation_keeps_every_value(void **state)
{
    (void)state;
    uint8_t wrapped[1][SEAL_WRAPPED_KEY_BYTES], again[SEAL_WRAPPED_KEY_BYTES], sealed[SEALED_BYTES];
    struct seal_place home = example_place();
    struct seal *seal = open_with_keys(1, wrapped);
    seal_value(seal, &home, bytes_of(PLAIN, PLAIN_BYTES), sealed);
    seal_rewrap_key(seal, 1, OTHER_KEK, again);
    seal_close(&seal);

    assert_status_ok(seal_open(OTHER_KEK, &seal));
    assert_status_ok(seal_add_key(seal, 1, bytes_of(again, sizeof again)));
    assert_opens(seal, &home, sealed, sizeof sealed);
    seal_close(&seal);
}

static void test_blind_index_is_equal_exactly_for_equal_kind_and_value(void **state)
{
    (void)state;
    uint8_t wrapped[1][SEAL_WRAPPED_KEY_BYTES];
    struct seal *seal = open_with_keys(1, wrapped);
    uint8_t pan[BLIND_INDEX_BYTES], same[BLIND_INDEX_BYTES], other[BLIND_INDEX_BYTES];
    blind_index(seal, "pan", bytes_of_text("ABCPV1234K"), pan);
    blind_index(seal, "pan", bytes_of_text("ABCPV1234K"), same);
    assert_memory_equal(pan, same, sizeof pan);
    blind_index(seal, "pan", bytes_of_text("ABCPV1234L"), other);
    assert_memory_not_equal(pan, other, sizeof pan);
    blind_index(seal, "aadhaar", bytes_of_text("ABCPV1234K"), other);
    assert_memory_not_equal(pan, other, sizeof pan);
    seal_close(&seal);

    seal = open_with_keys(1, wrapped); // Another installation, with a data key of its own.
    blind_index(seal, "pan", bytes_of_text("ABCPV1234K"), other);
    assert_memory_not_equal(pan, other, sizeof pan);
    seal_close(&seal);
}

static void *open_again_and_again(void *context)
{
    struct seal *seal = context;
    struct seal_place home = example_place();
    uint8_t sealed[SEALED_BYTES];
    for (int i = 0; i < 2000; i++) {
        seal_value(seal, &home, bytes_of(PLAIN, PLAIN_BYTES), sealed);
        struct arena *arena = arena_open(4096);
        struct bytes plain;
        bool opened =
            status_ok(unseal_value(seal, &home, bytes_of(sealed, sizeof sealed), arena, &plain));
        arena_close(&arena);
        if (!opened) return "not opened";
    }
    return NULL;
}

static void test_keys_may_be_added_while_others_seal(void **state)
{
    (void)state;
    uint8_t wrapped[1][SEAL_WRAPPED_KEY_BYTES], next[SEAL_WRAPPED_KEY_BYTES];
    struct seal *seal = open_with_keys(1, wrapped);
    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_again_and_again, seal), 0);
    for (uint32_t version = 2; version <= SEAL_VERSIONS_MAX; version++) {
        seal_new_key(seal, version, next);
        assert_status_ok(seal_add_key(seal, version, bytes_of(next, sizeof next)));
    }
    for (size_t i = 0; i < 2; i++) {
        void *result = NULL;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_null(result);
    }
    assert_refused(seal_add_key(seal, SEAL_VERSIONS_MAX + 1, bytes_of(next, sizeof next)),
                   "SEAL_KEY_ORDER");
    seal_close(&seal);
}

static int setup(void **state)
{
    (void)state;
    return status_ok(crypto_open()) ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sealed_value_opens_in_its_place_only),
        cmocka_unit_test(test_every_flipped_bit_and_every_cut_is_seen),
        cmocka_unit_test(test_two_sealings_of_one_value_differ),
        cmocka_unit_test(test_empty_value_can_be_sealed),
        cmocka_unit_test(test_rotation_seals_new_and_still_opens_old),
        cmocka_unit_test(test_data_key_is_refused_when),
        cmocka_unit_test(test_kek_rotation_keeps_every_value),
        cmocka_unit_test(test_blind_index_is_equal_exactly_for_equal_kind_and_value),
        cmocka_unit_test(test_keys_may_be_added_while_others_seal),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
