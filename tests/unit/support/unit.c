#include "tests/unit/support/unit.h"

#include <ctype.h>

enum { GOLDEN_BYTES_MAX = 64 * 1024, NO_LAYOUT = 0x7f };

struct id128 id_of(uint8_t filler)
{
    struct id128 id;
    memset(id.bytes, filler, sizeof id.bytes);
    return id;
}

char *text_of(const char *text)
{
    return (char *)(uintptr_t)text;
}

// ---- Golden files --------------------------------------------------------------------------

size_t golden_read(const char *module, const char *file, uint8_t *ret, size_t bytes_max)
{
    char path[512], line[512];
    const char *source = getenv("FLORIN_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/tests/unit/%s/golden/%s", source != NULL ? source : ".", module,
             file);
    FILE *stream = fopen(path, "re");
    if (stream == NULL) fail_msg("no golden file %s", path);
    size_t size = 0;
    while (fgets(line, sizeof line, stream) != NULL) {
        line[strcspn(line, "#\n")] = '\0';
        for (const char *at = line; *at != '\0';) {
            if (isspace((unsigned char)*at)) {
                at++;
                continue;
            }
            assert_true(size < bytes_max);
            assert_true(hex_decode(at, 2, ret + size, 1));
            size++;
            at += 2;
        }
    }
    fclose(stream);
    return size;
}

void golden_assert(const char *module, const char *file, struct bytes encoded)
{
    static uint8_t golden[GOLDEN_BYTES_MAX];
    size_t size = golden_read(module, file, golden, sizeof golden);
    assert_int_equal(encoded.size, size);
    assert_memory_equal(encoded.data, golden, size);
}

void golden_assert_key(const char *module, const char *file, struct bytes encoded,
                       golden_decode decode, const char *reason)
{
    golden_assert(module, file, encoded);
    assert_status_ok(decode(encoded));
    for (size_t i = 0; i <= encoded.size + 1; i++) {
        if (i == encoded.size) continue;
        uint8_t *cut = calloc(1, i > 0 ? i : 1); // Exact, so that ASan sees a read beyond it.
        assert_non_null(cut);
        memcpy(cut, encoded.data, i < encoded.size ? i : encoded.size);
        assert_refused(decode(bytes_of(cut, i)), reason);
        free(cut);
    }
}

void golden_assert_record(const char *module, const char *file, struct bytes encoded,
                          golden_decode decode, const char *reason)
{
    golden_assert_key(module, file, encoded, decode, reason);
    uint8_t *other = malloc(encoded.size);
    assert_non_null(other);
    memcpy(other, encoded.data, encoded.size);
    for (int version = 0; version <= NO_LAYOUT; version++) {
        if (version == encoded.data[0]) continue;
        other[0] = (uint8_t)version;
        assert_refused(decode(bytes_of(other, encoded.size)), reason);
    }
    free(other);
}
