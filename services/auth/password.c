#include "services/auth/password.h"

#include "common/base/check.h"
#include "common/base/text.h"
#include "common/crypto/keys.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

_Static_assert(AUTH_HASH_BYTES == crypto_pwhash_argon2id_STRBYTES, "the text form fits");

#define WEAK(message_) REFUSE(INVALID_ARGUMENT, WEAK_PASSWORD, message_)

struct status auth_password_check(const char *password, size_t code_points_min,
                                  const char *const *own, size_t own_count)
{
    size_t size = strlen(password);
    if (size > AUTH_PASSWORD_BYTES_MAX) return WEAK("a password has at most 256 bytes");
    if (!text_is_utf8(password, size) || text_code_points(password, size) < code_points_min)
        return WEAK("the password is too short");
    if (auth_password_is_guessable(password, own, own_count))
        return WEAK("the password is a common one, or close to the user's own name, address or "
                    "number");
    return STATUS_SUCCESS;
}

// ---- Hashing -------------------------------------------------------------------------------

#define NO_MEMORY REFUSE(UNAVAILABLE, OVERLOADED, "there is no memory for hashing a password now")

// One core less than there are hashes at a time: a storm of logins leaves everybody else one. (A
// niceness was tried: a hash that is put aside in the middle of its mmap holds the others up.)
static pthread_mutex_t places_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t place_freed = PTHREAD_COND_INITIALIZER;
static long places_taken;

static void take_place(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    pthread_mutex_lock(&places_lock);
    while (places_taken > 0 && places_taken >= cores - 1)
        pthread_cond_wait(&place_freed, &places_lock);
    places_taken++;
    pthread_mutex_unlock(&places_lock);
}

static void free_place(void)
{
    pthread_mutex_lock(&places_lock);
    places_taken--;
    pthread_cond_signal(&place_freed);
    pthread_mutex_unlock(&places_lock);
}

static void check_parameters(const struct auth_argon2 *argon2)
{
    CHECK(argon2->memory_bytes >= AUTH_ARGON2_MEMORY_BYTES_MIN);
    CHECK(argon2->passes >= AUTH_ARGON2_PASSES_MIN);
}

struct status auth_password_hash(const struct auth_argon2 *argon2, const char *password,
                                 char ret_hash[static AUTH_HASH_BYTES])
{
    check_parameters(argon2);
    take_place();
    int rc = crypto_pwhash_argon2id_str(ret_hash, password, strlen(password), argon2->passes,
                                        (size_t)argon2->memory_bytes);
    free_place();
    return rc == 0 ? STATUS_SUCCESS : NO_MEMORY;
}

/// read_parameters: false for a text that is no argon2id hash.
static bool read_parameters(const char *hash, unsigned *ret_memory_kib, unsigned *ret_passes)
{
    return sscanf(hash, "$argon2id$v=19$m=%9u,t=%9u,p=1$", ret_memory_kib, ret_passes) == 2;
}

struct status auth_password_verify(const char *hash, const char *password, bool *ret_equal)
{
    unsigned memory_kib, passes;
    if (!read_parameters(hash, &memory_kib, &passes))
        return REFUSE(DATA_LOSS, AUTH_RECORD_BROKEN, "a stored password hash fails its checks");
    take_place();
    errno = 0;
    int rc = crypto_pwhash_argon2id_str_verify(hash, password, strlen(password));
    // libsodium sets EINVAL when the hash was computed and differs; else it could not compute it.
    bool is_computed = rc == 0 || errno == EINVAL;
    free_place();
    if (!is_computed) return NO_MEMORY;
    *ret_equal = rc == 0;
    return STATUS_SUCCESS;
}

bool auth_password_is_weaker(const char *hash, const struct auth_argon2 *argon2)
{
    unsigned memory_kib = 0, passes = 0;
    if (!read_parameters(hash, &memory_kib, &passes)) return true;
    return (uint64_t)memory_kib * 1024 < argon2->memory_bytes || passes < argon2->passes;
}

void auth_password_dummy(const struct auth_argon2 *argon2, char ret_hash[static AUTH_HASH_BYTES])
{
    check_parameters(argon2);
    uint8_t salt[16], digest[32];
    char salt_text[32], digest_text[64];
    key_random(salt, sizeof salt);
    key_random(digest, sizeof digest);
    const int variant = sodium_base64_VARIANT_ORIGINAL_NO_PADDING;
    sodium_bin2base64(salt_text, sizeof salt_text, salt, sizeof salt, variant);
    sodium_bin2base64(digest_text, sizeof digest_text, digest, sizeof digest, variant);
    memset(ret_hash, 0, AUTH_HASH_BYTES);
    int size =
        snprintf(ret_hash, AUTH_HASH_BYTES, "$argon2id$v=19$m=%u,t=%u,p=1$%s$%s",
                 (unsigned)(argon2->memory_bytes / 1024), argon2->passes, salt_text, digest_text);
    CHECK(size > 0 && size < AUTH_HASH_BYTES);
}
