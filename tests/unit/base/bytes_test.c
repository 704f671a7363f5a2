#include "common/base/bytes.h"
#include "tests/unit/base/capture.h"

static void test_integers_stand_big_endian_so_that_byte_order_is_number_order(void **state)
{
    (void)state;
    uint8_t bytes[8];
    put_u16_be(bytes, 0x0102);
    assert_memory_equal(bytes, "\x01\x02", 2);
    put_u32_be(bytes, 0x01020304);
    assert_memory_equal(bytes, "\x01\x02\x03\x04", 4);
    put_u64_be(bytes, UINT64_C(0x0102030405060708));
    assert_memory_equal(bytes, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);

    uint8_t below[8], above[8];
    put_u64_be(below, 255);
    put_u64_be(above, 256);
    assert_true(memcmp(below, above, 8) < 0);
}

static void test_what_is_put_is_got(void **state)
{
    (void)state;
    static const uint64_t values[] = {
        0, 1, 0x80, 0xFF, 0x8000, 0xFFFF, 0x80000000, 0xFFFFFFFF, UINT64_C(1) << 63, UINT64_MAX};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        uint8_t bytes[8];
        put_u16_be(bytes, (uint16_t)values[i]);
        assert_int_equal(get_u16_be(bytes), (uint16_t)values[i]);
        put_u32_be(bytes, (uint32_t)values[i]);
        assert_int_equal(get_u32_be(bytes), (uint32_t)values[i]);
        put_u64_be(bytes, values[i]);
        assert_true(get_u64_be(bytes) == values[i]);
    }
}

static void test_bytes_are_equal_by_content(void **state)
{
    (void)state;
    assert_true(bytes_equal(bytes_of_text("abc"), bytes_of("abcd", 3)));
    assert_false(bytes_equal(bytes_of_text("abc"), bytes_of_text("abd")));
    assert_false(bytes_equal(bytes_of_text("abc"), bytes_of_text("ab")));
    assert_true(bytes_equal(bytes_of_text(NULL), bytes_of_text("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers_stand_big_endian_so_that_byte_order_is_number_order),
        cmocka_unit_test(test_what_is_put_is_got),
        cmocka_unit_test(test_bytes_are_equal_by_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
