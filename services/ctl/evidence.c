#include "services/ctl/evidence.h"

#include "common/base/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- Files ---------------------------------------------------------------------------------

static struct status unreadable(const char *path, const char *why)
{
    static char text[CTL_PATH_BYTES + 64]; // The command line has one thread.
    snprintf(text, sizeof text, "%s: %s", path, why);
    return REFUSE(NOT_FOUND, FILE_UNREADABLE, text);
}

struct status evidence_read(const char *path, char **ret, size_t *ret_size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) return unreadable(path, "the file cannot be opened");
    char *data = malloc(EVIDENCE_BYTES_MAX + 1);
    size_t size = data != NULL ? fread(data, 1, EVIDENCE_BYTES_MAX + 1, file) : 0;
    bool is_read = data != NULL && ferror(file) == 0;
    fclose(file);
    if (!is_read || size > EVIDENCE_BYTES_MAX) {
        free(data);
        if (!is_read) return unreadable(path, "the file cannot be read");
        return REFUSE(INVALID_ARGUMENT, FILE_TOO_LARGE, "the file is larger than any proof");
    }
    data[size] = '\0';
    *ret = data;
    *ret_size = size;
    return STATUS_SUCCESS;
}

bool evidence_is_unreadable(struct status status)
{
    return status.reason != NULL && strcmp(status.reason, "FILE_UNREADABLE") == 0;
}

struct status evidence_verifier(const struct ctl_options *options, struct note_verifier *ret)
{
    RETURN_IF_ERROR(crypto_open());
    if (options->key != NULL && status_ok(note_verifier_parse(bytes_of_text(options->key), ret)))
        return STATUS_SUCCESS;
    char path[CTL_PATH_BYTES], *text = NULL;
    size_t size;
    if (!ctl_path(path, options->data, "audit/verifier-key"))
        return REFUSE(INVALID_ARGUMENT, PATH_TOO_LONG, "the data directory's path is too long");
    RETURN_IF_ERROR(evidence_read(options->key != NULL ? options->key : path, &text, &size));
    while (size > 0 && isspace((unsigned char)text[size - 1]))
        size--;
    struct status status = note_verifier_parse(bytes_of(text, size), ret);
    free(text);
    return status;
}

// ---- JSON ----------------------------------------------------------------------------------

json_t *evidence_json(const char *data, size_t size)
{
    return json_loadb(data, size, JSON_REJECT_DUPLICATES, NULL);
}

const char *evidence_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

bool evidence_u64(const json_t *object, const char *name, uint64_t *ret)
{
    const json_t *value = json_object_get(object, name);
    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        *ret = (uint64_t)json_integer_value(value);
        return true;
    }
    const char *text = json_string_value(value);
    if (text == NULL || !isdigit((unsigned char)text[0])) return false;
    char *end;
    errno = 0;
    *ret = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0';
}

bool evidence_hash(const char *hex, struct merkle_hash *ret)
{
    return hex != NULL && hex_decode(hex, strlen(hex), ret->bytes, MERKLE_HASH_BYTES);
}

bool evidence_hashes(const json_t *object, const char *name, size_t count_max,
                     struct merkle_proof *ret)
{
    const json_t *hashes = json_object_get(object, name);
    ret->count = 0;
    if (hashes == NULL || json_is_null(hashes)) return true;
    if (!json_is_array(hashes) || json_array_size(hashes) > count_max) return false;
    ret->count = json_array_size(hashes);
    for (size_t i = 0; i < ret->count; i++) {
        if (!evidence_hash(json_string_value(json_array_get(hashes, i)), &ret->hashes[i]))
            return false;
    }
    return true;
}

// ---- Saying it -----------------------------------------------------------------------------

void evidence_print_text(const char *name, const char *text)
{
    if (*text == '\0') return;
    printf("%-11s ", name);
    for (; *text != '\0'; text++)
        putchar((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text);
    putchar('\n');
}

void evidence_print_hash(const char *name, const struct merkle_hash *hash)
{
    char hex[2 * MERKLE_HASH_BYTES + 1];
    hex_encode(hash->bytes, MERKLE_HASH_BYTES, hex);
    printf("%-11s %s\n", name, hex);
}

int evidence_refuse(const char *what, struct status status)
{
    // A file that is not there says nothing; one that is not a proof is a refusal.
    if (evidence_is_unreadable(status)) return ctl_complain(what, status);
    printf("NOT PROVEN: %s (%s)\n", status.message, status.reason);
    return CTL_NO;
}
