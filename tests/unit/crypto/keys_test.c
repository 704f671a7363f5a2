#include "tests/unit/crypto/support.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/florin-keys-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void write_file(const char *name, const char *text, mode_t mode)
{
    const char *path = path_of(name);
    unlink(path);
    int fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

// ---- Published vectors ---------------------------------------------------------------------

static void test_signature_is_rfc8037_appendix_a4(void **state)
{
    (void)state;
    static const char message[] = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    static const char expected[] = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5"
                                   "BhVsPt9g7sVvpAr_MuM0KAg";
    struct key_signer *signer = NULL;
    assert_status_ok(key_signer_from_seed(RFC8037_SEED, &signer));
    uint8_t signature[KEY_SIGNATURE_BYTES];
    key_sign(signer, bytes_of_text(message), signature);
    char text[BASE64URL_TEXT_BYTES(KEY_SIGNATURE_BYTES)];
    base64url_encode(signature, sizeof signature, text);
    assert_string_equal(text, expected);
    assert_true(key_verify(key_signer_public(signer), bytes_of_text(message), signature));
    key_signer_close(&signer);
    key_signer_close(&signer); // Idempotent.
}

static void test_thumbprint_is_rfc8037_appendix_a3(void **state)
{
    (void)state;
    struct key_signer *signer = NULL;
    assert_status_ok(key_signer_from_seed(RFC8037_SEED, &signer));
    char x[BASE64URL_TEXT_BYTES(KEY_PUBLIC_BYTES)], thumbprint[KEY_THUMBPRINT_TEXT_BYTES];
    base64url_encode(key_signer_public(signer), KEY_PUBLIC_BYTES, x);
    assert_string_equal(x, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    key_thumbprint(key_signer_public(signer), thumbprint);
    assert_string_equal(thumbprint, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    char kid[KEY_ID_TEXT_BYTES];
    key_id(key_signer_public(signer), kid);
    assert_string_equal(kid, "kPrK_qmxVWaYVA9wwBF6Ig"); // 16 bytes of it: the last digit is padded.
    key_signer_close(&signer);
}

static void test_verify_refuses_what_is_not_the_one_signature(void **state)
{
    (void)state;
    struct key_signer *signer = NULL;
    assert_status_ok(key_signer_from_seed(RFC8037_SEED, &signer));
    uint8_t good[KEY_SIGNATURE_BYTES], bad[KEY_SIGNATURE_BYTES];
    struct bytes message = bytes_of_text("pay 1");
    key_sign(signer, message, good);
    for (size_t i = 0; i < sizeof good * 8; i++) {
        memcpy(bad, good, sizeof bad);
        bad[i / 8] ^= (uint8_t)(1u << (i % 8));
        assert_false(key_verify(key_signer_public(signer), message, bad));
    }
    assert_false(key_verify(key_signer_public(signer), bytes_of_text("pay 2"), good));

    // The neutral element as key and R, with S = 0, satisfies the bare equation for any message.
    static const uint8_t small_order_key[KEY_PUBLIC_BYTES] = {1};
    static const uint8_t small_order_signature[KEY_SIGNATURE_BYTES] = {1};
    assert_false(key_verify(small_order_key, message, small_order_signature));
    key_signer_close(&signer);
}

// ---- Files ---------------------------------------------------------------------------------

static void test_generated_key_loads_and_is_never_overwritten(void **state)
{
    (void)state;
    assert_status_ok(key_generate(directory, "ledger"));
    struct key_signer *first = NULL, *second = NULL;
    assert_status_ok(key_signer_load(directory, "ledger", &first));
    uint8_t public_key[KEY_PUBLIC_BYTES];
    assert_status_ok(key_public_load(directory, "ledger", public_key));
    assert_memory_equal(public_key, key_signer_public(first), sizeof public_key);

    struct stat info;
    assert_int_equal(stat(path_of("ledger.key"), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0400);
    assert_int_equal(info.st_size, 65);

    assert_refused(key_generate(directory, "ledger"), "KEY_EXISTS");
    assert_status_ok(key_signer_load(directory, "ledger", &second));
    assert_memory_equal(key_signer_public(second), key_signer_public(first), KEY_PUBLIC_BYTES);
    key_signer_close(&first);
    key_signer_close(&second);
}

static void test_public_half_lost_in_a_crash_comes_back(void **state)
{
    (void)state;
    assert_status_ok(key_generate(directory, "healed"));
    assert_int_equal(unlink(path_of("healed.pub")), 0);
    assert_refused(key_generate(directory, "healed"), "KEY_EXISTS");
    uint8_t public_key[KEY_PUBLIC_BYTES];
    assert_status_ok(key_public_load(directory, "healed", public_key));
    struct key_signer *signer = NULL;
    assert_status_ok(key_signer_load(directory, "healed", &signer));
    assert_memory_equal(public_key, key_signer_public(signer), sizeof public_key);
    key_signer_close(&signer);
}

static void test_key_file_is_refused_when(void **state)
{
    (void)state;
    static const char hex[] = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    char line[70], longer[70], shorter[70], wrong[70];
    snprintf(line, sizeof line, "%s\n", hex);
    snprintf(longer, sizeof longer, "%s0\n", hex);
    snprintf(shorter, sizeof shorter, "%.63s\n", hex);
    snprintf(wrong, sizeof wrong, "%.63sg\n", hex);

    const struct {
        const char *given, *text;
        mode_t mode;
        const char *reason; // NULL: it loads.
    } rows[] = {
        {"as it is written", line, 0400, NULL},
        {"without the newline", hex, 0400, NULL},
        {"the owner may write it", line, 0600, "KEY_FILE_MODE"},
        {"the group may read it", line, 0440, "KEY_FILE_MODE"},
        {"others may read it", line, 0404, "KEY_FILE_MODE"},
        {"it may be executed", line, 0500, "KEY_FILE_MODE"},
        {"a digit more", longer, 0400, "KEY_MALFORMED"},
        {"a digit less", shorter, 0400, "KEY_MALFORMED"},
        {"a letter that is no digit", wrong, 0400, "KEY_MALFORMED"},
        {"empty", "", 0400, "KEY_MALFORMED"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        write_file("t.key", rows[i].text, rows[i].mode);
        struct key_signer *signer = NULL;
        struct status status = key_signer_load(directory, "t", &signer);
        print_message("  %s\n", rows[i].given);
        if (rows[i].reason == NULL) {
            assert_status_ok(status);
            key_signer_close(&signer);
        } else {
            assert_refused(status, rows[i].reason);
            assert_null(signer);
        }
    }
}

static void test_names_and_absent_files(void **state)
{
    (void)state;
    struct key_signer *signer = NULL;
    uint8_t key[32];
    assert_refused(key_signer_load(directory, "absent", &signer), "KEY_NOT_FOUND");
    assert_refused(key_signer_load(directory, "../ledger", &signer), "KEY_NAME");
    assert_refused(key_signer_load(directory, "", &signer), "KEY_NAME");
    assert_refused(key_generate("/nowhere/at/all", "x"), "KEY_FILE_UNWRITABLE");
    assert_refused(key_secret_load(directory, key), "KEY_FILE_MODE"); // A directory.
    write_file("p.pub", "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", 0664);
    assert_refused(key_public_load(directory, "p", key), "KEY_FILE_MODE");
}

static void test_secret_generate_then_load(void **state)
{
    (void)state;
    uint8_t first[KEY_SECRET_BYTES], second[KEY_SECRET_BYTES];
    assert_status_ok(key_secret_generate(path_of("kek")));
    assert_status_ok(key_secret_load(path_of("kek"), first));
    assert_refused(key_secret_generate(path_of("kek")), "KEY_EXISTS");
    assert_status_ok(key_secret_load(path_of("kek"), second));
    assert_true(key_equal(first, second, sizeof first));
    second[31] ^= 1;
    assert_false(key_equal(first, second, sizeof first));
    key_wipe(first, sizeof first);
    static const uint8_t zeros[KEY_SECRET_BYTES];
    assert_memory_equal(first, zeros, sizeof first);
}

static int setup(void **state)
{
    (void)state;
    return status_ok(crypto_open()) && mkdtemp(directory) != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    static const char *const names[] = {"ledger.key", "ledger.pub", "healed.key", "healed.pub",
                                        "t.key",      "p.pub",      "kek"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unlink(path_of(names[i]));
    return rmdir(directory); // Fails if a temporary file was left behind.
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signature_is_rfc8037_appendix_a4),
        cmocka_unit_test(test_thumbprint_is_rfc8037_appendix_a3),
        cmocka_unit_test(test_verify_refuses_what_is_not_the_one_signature),
        cmocka_unit_test(test_generated_key_loads_and_is_never_overwritten),
        cmocka_unit_test(test_public_half_lost_in_a_crash_comes_back),
        cmocka_unit_test(test_key_file_is_refused_when),
        cmocka_unit_test(test_names_and_absent_files),
        cmocka_unit_test(test_secret_generate_then_load),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
