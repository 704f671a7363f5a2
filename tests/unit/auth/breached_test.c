// The file of breached passwords: what is found in it, and which files are none.
#include "common/base/check.h"
#include "common/crypto/keys.h"
#include "services/auth/password_breached.h"
#include "tests/unit/support/unit.h"

#include <sodium.h>
#include <unistd.h>

enum { LINE_BYTES = 65, PATH_BYTES = 256 };

static char directory[200];

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, LINE_BYTES);
}

/// write_file writes bytes into a new file and gives its path.
static const char *write_file(const void *bytes, size_t size)
{
    static char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/breached", directory);
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
    return path;
}

static void hash_line(const char *password, bool is_upper, char ret[static LINE_BYTES])
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, (const uint8_t *)password, strlen(password));
    sodium_bin2hex(ret, LINE_BYTES, hash, sizeof hash);
    for (size_t i = 0; is_upper && ret[i] != '\0'; i++)
        if (ret[i] >= 'a') ret[i] = (char)(ret[i] - 'a' + 'A');
    ret[LINE_BYTES - 1] = '\n';
}

static void test_what_is_in_the_file_is_found(void **state)
{
    (void)state;

    enum { COUNT = 1000 };

    static const size_t counts[] = {1, 2, 3, COUNT};
    static char lines[COUNT + 1][LINE_BYTES];
    char password[32];
    for (size_t i = 0; i < 2 * ROWS(counts); i++) {
        size_t count = counts[i / 2];
        struct auth_breached *breached = NULL;
        for (size_t j = 0; j < count; j++) {
            snprintf(password, sizeof password, "password %zu", j);
            hash_line(password, i % 2 == 1, lines[j]);
        }
        qsort(lines, count, LINE_BYTES, compare);
        assert_status_ok(auth_breached_open(write_file(lines, count * LINE_BYTES), &breached));
        for (size_t j = 0; j < 2 * COUNT; j++) {
            snprintf(password, sizeof password, "password %zu", j);
            if (auth_breached_has(breached, password) != (j < count))
                fail_msg("%s of %zu", password, count);
        }
        auth_breached_close(&breached);
        auth_breached_close(&breached); // Idempotent.
    }
}

static void test_a_known_vector(void **state)
{
    (void)state;
    // FIPS 180-4: SHA-256 of "abc".
    static const char line[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n";
    struct auth_breached *breached = NULL;
    assert_status_ok(auth_breached_open(write_file(line, LINE_BYTES), &breached));
    assert_true(auth_breached_has(breached, "abc"));
    assert_false(auth_breached_has(breached, "abd"));
    assert_false(auth_breached_has(breached, ""));
    auth_breached_close(&breached);
}

#define A "1a7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define B "2a7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void test_files_that_are_none(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *name, *text;
    } rows[] = {
        {"an empty one",                ""},
        {"no newline at the end",       A "\n" B},
        {"lines out of order",          B "\n" A "\n"},
        {"a line twice",                A "\n" A "\n"},
        {"a line too short",            A "\n" "2a78\n"},
        {"a line too long",             A "0\n" B "\n"},
        {"no hex digit",                A "\n" "2g7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" "\n"},
        {"both cases",                  A "\n" "2A7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD" "\n"},
        {"lines as Windows has them",   A "\r\n" B "\r\n"},
        {"counts behind the hashes",    A ":12345\n" B ":1\n"},
        {"passwords in clear",          "password\n12345678\n"},
    };
    // clang-format on
    struct auth_breached *breached = NULL;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct status status =
            auth_breached_open(write_file(rows[i].text, strlen(rows[i].text)), &breached);
        if (status_ok(status)) fail_msg("%s was taken", rows[i].name);
        assert_string_equal(status.reason, "BREACHED_FILE");
    }
    assert_refused(auth_breached_open("/nowhere/breached", &breached), "BREACHED_FILE");
    assert_refused(auth_breached_open(directory, &breached), "BREACHED_FILE");
    assert_null(breached);
}

static int setup(void **state)
{
    (void)state;
    directory_make("breached", directory, sizeof directory);
    return status_ok(crypto_open()) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    directory_remove(directory);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_in_the_file_is_found),
        cmocka_unit_test(test_a_known_vector),
        cmocka_unit_test(test_files_that_are_none),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
