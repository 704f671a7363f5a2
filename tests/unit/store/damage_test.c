// A damaged file is an answer: store_verify and store_open say DATA_LOSS and never crash.
#include "tests/unit/store/fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

#define PAGE_BYTES ((size_t)4096)

enum { RANDOM_ROUNDS = 400 };

static struct status fill(struct store_txn *txn, void *context)
{
    (void)context;
    char key[32];
    for (int i = 0; i < 3000; i++) {
        snprintf(key, sizeof key, "row %06d", i * 7919 % 3000);
        store_put(txn, TABLE_ROWS, bytes_of_text(key), bytes_of_text("a value of some length"));
    }
    static const char long_value[20000];
    store_put(txn, TABLE_LOG, bytes_of_text("long"), bytes_of(long_value, sizeof long_value));
    return STATUS_SUCCESS;
}

/// The file's bytes, and where it lies.
struct image {
    char path[2 * PATH_BYTES];
    uint8_t *data;
    size_t size;
};

static void load(struct fixture *fixture, struct image *ret)
{
    assert_ok(open_store(fixture, 0));
    assert_ok(store_write_wait(fixture->store, fill, NULL));
    assert_ok(put_row(fixture->store, "row 000001", "changed: the free list has rows"));
    close_store(fixture);
    snprintf(ret->path, sizeof ret->path, "%s/data.mdb", fixture->path);
    struct stat info;
    assert_int_equal(stat(ret->path, &info), 0);
    ret->size = (size_t)info.st_size;
    ret->data = malloc(ret->size);
    int fd = open(ret->path, O_RDONLY);
    assert_int_equal(read(fd, ret->data, ret->size), ret->size);
    close(fd);
}

static void save(const struct image *image, size_t size)
{
    int fd = open(image->path, O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, image->data, size), size);
    close(fd);
}

// The newest header page: the one with the higher transaction id (the last of its fields).
static uint8_t *newest_header(const struct image *image)
{
    uint64_t first, second;
    memcpy(&first, image->data + 16 + 128, sizeof first);
    memcpy(&second, image->data + PAGE_BYTES + 16 + 128, sizeof second);
    return image->data + (first > second ? 0 : PAGE_BYTES) + 16;
}

static void test_verify_accepts_what_we_write_and_names_what_we_did_not(void **state)
{
    struct fixture *fixture = *state;
    struct image image;
    load(fixture, &image);
    assert_ok(store_verify(fixture->path));
    uint64_t main_root;
    memcpy(&main_root, newest_header(&image) + 24 + 48 + 40, sizeof main_root);
    size_t root = (size_t)main_root * PAGE_BYTES;
    size_t free_table = (size_t)(newest_header(&image) - image.data) + 24;
    size_t main_table = free_table + 48;

    // clang-format off
    const struct { const char *what; size_t offset; uint8_t bits; } rows[] = {
        {"magic of the first header page",  16,                                0xff},
        {"page number of the table list",   root,                              0xff},
        {"flags of the table list's page",  root + 10,                         0x01},
        {"lower bound of its free space",   root + 13,                         0x80},
        {"upper bound of its free space",   root + 15,                         0x80},
        {"offset of its first row",         root + 17,                         0x80},
        {"count of rows in the main table", main_table + 32,                   0x01},
        {"root of the main table",          main_table + 46,                   0x01},
        {"root of the free list",           free_table + 46,                   0x01},
    };

    // clang-format on
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        image.data[rows[i].offset] ^= rows[i].bits;
        save(&image, image.size);
        struct status status = store_verify(fixture->path);
        print_message("%-34s %s\n", rows[i].what, status.message);
        assert_refused(status, STATUS_DATA_LOSS, "STORE_CORRUPT");
        assert_refused(open_store(fixture, 0), STATUS_DATA_LOSS, "STORE_CORRUPT");
        image.data[rows[i].offset] ^= rows[i].bits;
    }
    save(&image, image.size);
    assert_ok(store_verify(fixture->path));
    free(image.data);
}

static uint16_t field(const uint8_t *page, size_t offset)
{
    uint16_t value;
    memcpy(&value, page + offset, sizeof value);
    return value;
}

// Each way to break a tree's order, given a page of its kind. Node 1 is the second row or child.
static void swap_first_rows(uint8_t *page)
{
    uint8_t first[2];
    memcpy(first, page + 16, 2);
    memcpy(page + 16, page + 18, 2);
    memcpy(page + 18, first, 2);
}

static void raise_separator(uint8_t *page)
{
    page[field(page, 18) + 8] = 0xff;
}

static void lower_separator(uint8_t *page)
{
    page[field(page, 18) + 8] = 0x01;
}

static void test_keys_must_be_in_order_and_in_their_branch(void **state)
{
    // clang-format off
    static const struct {
        uint16_t kind; // 1: branch, 2: leaf.
        void (*spoil)(uint8_t *page);
        const char *message;
    } rows[] = {
        {2, swap_first_rows, "has keys out of order"},
        {1, raise_separator, "has a key below its branch"},
        {1, lower_separator, "has a key above its branch"},
    };
    // clang-format on
    struct fixture *fixture = *state;
    struct image image;
    load(fixture, &image);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int found = 0; // Among the live pages; the free ones may hold anything.
        for (size_t offset = 2 * PAGE_BYTES; offset < image.size; offset += PAGE_BYTES) {
            uint8_t *page = image.data + offset, before[PAGE_BYTES];
            if (field(page, 10) != rows[i].kind || field(page, 12) < 16 + 2 * 2) continue;
            memcpy(before, page, PAGE_BYTES);
            rows[i].spoil(page);
            save(&image, image.size);
            struct status status = store_verify(fixture->path);
            found += !status_ok(status) && strstr(status.message, rows[i].message) != NULL;
            memcpy(page, before, PAGE_BYTES);
        }
        print_message("%s: %d pages\n", rows[i].message, found);
        assert_true(found > 0);
    }
    free(image.data);
}

static void test_a_file_cut_short_is_found_wherever_it_was_cut(void **state)
{
    struct fixture *fixture = *state;
    struct image image;
    load(fixture, &image);
    for (size_t size = 0; size < image.size; size += PAGE_BYTES / 2 * 5) {
        save(&image, size);
        struct status status = store_verify(fixture->path);
        assert_refused(status, STATUS_DATA_LOSS, "STORE_CORRUPT");
    }
    save(&image, 2 * PAGE_BYTES); // Only the header pages: every root is gone.
    assert_refused(open_store(fixture, 0), STATUS_DATA_LOSS, "STORE_CORRUPT");
    free(image.data);
}

// LMDB writes both header pages of a new store at once: a kill may leave the first one.
static void test_a_first_start_that_was_killed_begins_anew(void **state)
{
    struct fixture *fixture = *state;
    struct image image;
    load(fixture, &image);
    save(&image, PAGE_BYTES); // This one has commits in it, and is a store that was cut.
    assert_refused(open_store(fixture, 0), STATUS_DATA_LOSS, "STORE_CORRUPT");

    uint64_t none = UINT64_MAX, zero = 0;
    memcpy(image.data + 16 + 24 + 48 + 40, &none, sizeof none); // The main table's root.
    memcpy(image.data + 16 + 128, &zero, sizeof zero);          // The transaction id.
    save(&image, PAGE_BYTES);
    assert_ok(open_store(fixture, 0));
    assert_ok(put_row(fixture->store, "row", "value"));
    close_store(fixture);
    assert_ok(store_verify(fixture->path));
    free(image.data);
}

static void test_verify_survives_random_damage(void **state)
{
    struct fixture *fixture = *state;
    struct image image;
    load(fixture, &image);
    int found = 0;
    for (int round = 0; round < RANDOM_ROUNDS; round++) {
        // Headers of pages mostly: damage inside a value is not the engine's to see.
        size_t page = (size_t)random_below(image.size / PAGE_BYTES) * PAGE_BYTES;
        size_t offset = page + random_below(round % 2 == 0 ? 200 : PAGE_BYTES);
        uint8_t before = image.data[offset];
        image.data[offset] = (uint8_t)random_below(256);
        save(&image, image.size);
        found += !status_ok(store_verify(fixture->path));
        image.data[offset] = before;
    }
    print_message("%d of %d random changes were found\n", found, RANDOM_ROUNDS);
    assert_true(found > 0);
    save(&image, image.size);
    assert_ok(store_verify(fixture->path));
    free(image.data);
}

static void test_a_foreign_file_is_not_a_store(void **state)
{
    struct fixture *fixture = *state;
    struct image image;
    load(fixture, &image);
    memset(image.data, 'x', image.size);
    save(&image, image.size);
    assert_refused(store_verify(fixture->path), STATUS_DATA_LOSS, "STORE_CORRUPT");
    assert_refused(open_store(fixture, 0), STATUS_DATA_LOSS, "STORE_CORRUPT");
    char target[PATH_BYTES];
    join_path(fixture, "target", target);
    assert_refused(store_restore(fixture->path, target), STATUS_DATA_LOSS, "STORE_CORRUPT");
    assert_int_not_equal(access(target, F_OK), 0);
    free(image.data);
}

#define DIRECTORY_TEST(name) cmocka_unit_test_setup_teardown(name, setup_directory, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DIRECTORY_TEST(test_verify_accepts_what_we_write_and_names_what_we_did_not),
        DIRECTORY_TEST(test_keys_must_be_in_order_and_in_their_branch),
        DIRECTORY_TEST(test_a_file_cut_short_is_found_wherever_it_was_cut),
        DIRECTORY_TEST(test_a_first_start_that_was_killed_begins_anew),
        DIRECTORY_TEST(test_verify_survives_random_damage),
        DIRECTORY_TEST(test_a_foreign_file_is_not_a_store),
    };
    return cmocka_run_group_tests_name("store damage", tests, NULL, NULL);
}
