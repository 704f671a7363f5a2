// The cursors that every stored key and record is written and read with.
#include "common/base/record.h"
#include "tests/unit/base/capture.h"

enum { VERSION = 3 };

static void test_what_is_written_is_these_bytes_and_is_read_back(void **state)
{
    (void)state;
    static const uint8_t expected[] = {
        VERSION, 0x12, 0x12, 0x34, 0x12, 0x34, 0x56, 0x78,                         // u8 u16 u32
        0x12,    0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0,                         // u64
        0,       0,    0,    0,    0,    0,    0,    1,    0, 0, 0, 0, 0, 0, 0, 2, // u128
        7,       7,    7,    7,    7,    7,    7,    7,    7, 7, 7, 7, 7, 7, 7, 7, // id
        'a',     'b',                                                              // bytes
        1,       'c',                                                              // run8
        0,       2,    'd',  'e',                                                  // run16
        0,       0,    0,    0,                                                    // run32, empty
    };
    uint8_t bytes[sizeof expected], two[2];
    struct record_writer writer = record_write(bytes, sizeof bytes, VERSION);
    record_put_u8(&writer, 0x12);
    record_put_u16(&writer, 0x1234);
    record_put_u32(&writer, 0x12345678);
    record_put_u64(&writer, UINT64_C(0x123456789abcdef0));
    record_put_u128(&writer, u128_of(1, 2));
    record_put_id(&writer, id_of(7));
    record_put_bytes(&writer, "ab", 2);
    record_put_run8(&writer, bytes_of_text("c"));
    record_put_run16(&writer, bytes_of_text("de"));
    record_put_run32(&writer, bytes_of(NULL, 0));
    assert_int_equal(record_written(&writer), sizeof expected);
    assert_memory_equal(bytes, expected, sizeof expected);

    struct record_reader reader = record_read(bytes_of(bytes, sizeof bytes), VERSION);
    assert_int_equal(record_take_u8(&reader), 0x12);
    assert_int_equal(record_take_u16(&reader), 0x1234);
    assert_int_equal(record_take_u32(&reader), 0x12345678);
    assert_true(record_take_u64(&reader) == UINT64_C(0x123456789abcdef0));
    assert_true(record_take_u128(&reader) == u128_of(1, 2));
    assert_true(id128_equal(record_take_id(&reader), id_of(7)));
    record_take_bytes(&reader, two, sizeof two);
    assert_memory_equal(two, "ab", sizeof two);
    assert_true(bytes_equal(record_take_run8(&reader), bytes_of_text("c")));
    assert_true(bytes_equal(record_take_run16(&reader), bytes_of_text("de")));
    assert_false(record_is_whole(&reader)); // Four bytes are left.
    assert_int_equal(record_left(&reader), 4);
    assert_int_equal(record_take_run32(&reader).size, 0);
    assert_true(record_is_whole(&reader));
}

static void test_a_reader_that_ran_out_gives_zeros_from_then_on(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {VERSION, 1, 2, 3, 4};
    uint8_t four[4] = {9, 9, 9, 9};
    struct record_reader reader = record_read(bytes_of(bytes, sizeof bytes), VERSION);
    assert_int_equal(record_take_u64(&reader), 0);
    assert_true(reader.is_broken);
    assert_int_equal(record_take_u8(&reader), 0); // Though there are four bytes.
    assert_int_equal(record_take_u16(&reader), 0);
    assert_int_equal(record_take_u32(&reader), 0);
    assert_true(record_take_u128(&reader) == 0);
    assert_true(id128_is_nil(record_take_id(&reader)));
    assert_null(record_take(&reader, 1));
    assert_int_equal(record_take_enum(&reader, 5, 6), 5);
    assert_null(record_take_run8(&reader).data);
    record_take_bytes(&reader, four, sizeof four);
    assert_memory_equal(four, "\0\0\0\0", 4);
    assert_false(record_is_whole(&reader));
}

static void test_runs_longer_than_what_is_left_are_refused(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0xff, 0xff, 0xff, 0xff, 1, 2, 3};

    static struct bytes (*const takers[])(struct record_reader *) = {
        record_take_run8, record_take_run16, record_take_run32};

    for (size_t i = 0; i < ROWS(takers); i++) {
        struct record_reader reader = record_read_key(bytes_of(bytes, sizeof bytes));
        assert_null(takers[i](&reader).data);
        assert_true(reader.is_broken);
    }
}

static void test_versions_and_numbers_out_of_range_break_the_reader(void **state)
{
    (void)state;

    static const struct {
        const char *given;
        uint8_t bytes[2];
        size_t size;
        bool is_whole;
    } rows[] = {
        {"the version and the first", {VERSION, 2}, 2, true},
        {"the last", {VERSION, 4}, 2, true},
        {"below the first", {VERSION, 1}, 2, false},
        {"beyond the last", {VERSION, 5}, 2, false},
        {"another version", {VERSION + 1, 2}, 2, false},
        {"the version alone", {VERSION, 2}, 1, false},
        {"nothing", {0, 0}, 0, false},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct record_reader reader = record_read(bytes_of(rows[i].bytes, rows[i].size), VERSION);
        int value = record_take_enum(&reader, 2, 4);
        if (record_is_whole(&reader) != rows[i].is_whole) fail_msg("%s", rows[i].given);
        assert_int_equal(value, rows[i].is_whole ? rows[i].bytes[1] : 2);
    }
}

// ---- What is a bug of ours -----------------------------------------------------------------

static void write_beyond(void)
{
    uint8_t bytes[4];
    struct record_writer writer = record_write(bytes, sizeof bytes, VERSION);
    record_put_u32(&writer, 1);
}

static void write_a_long_run(void)
{
    static uint8_t bytes[1024], run[256];
    struct record_writer writer = record_write(bytes, sizeof bytes, VERSION);
    record_put_run8(&writer, bytes_of(run, sizeof run));
}

static void test_a_layout_longer_than_its_room_aborts(void **state)
{
    (void)state;
    assert_aborts(write_beyond);
    assert_aborts(write_a_long_run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_these_bytes_and_is_read_back),
        cmocka_unit_test(test_a_reader_that_ran_out_gives_zeros_from_then_on),
        cmocka_unit_test(test_runs_longer_than_what_is_left_are_refused),
        cmocka_unit_test(test_versions_and_numbers_out_of_range_break_the_reader),
        cmocka_unit_test(test_a_layout_longer_than_its_room_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
