#include "services/witness/options.h"

#include "common/base/check.h"
#include "common/base/lines.h"
#include "services/witness/core.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char default_listen[] = "127.0.0.1:8090", default_state[] = "witness",
                  default_name[] = "florin.local/witness", key_suffix[] = ".key";

#define USAGE(message_) REFUSE(INVALID_ARGUMENT, USAGE, message_)

// ---- The command line ----------------------------------------------------------------------

void witness_options_help(void)
{
    printf(
        "usage: florin witness --log VKEYFILE [--log VKEYFILE …] [options]\n"
        "       florin witness --init [--name NAME] [options]\n\n"
        "A witness of transparency logs (c2sp.org/tlog-witness): cosigns a log's checkpoints as\n"
        "long as each follows from the one before. Run it on another machine than the log.\n\n"
        "  --init             make the key, print the verifier key, and end\n"
        "  --name NAME        with --init: the witness's name in its signatures\n"
        "                     (default %s; a URL without scheme)\n"
        "  --listen ADDR:PORT where to serve HTTP (default %s)\n"
        "  --state DIR        what was seen of each log (default %s); never copy it back from\n"
        "                     a backup: set back, it would cosign a second history\n"
        "  --key FILE         signing key (default <state>.key)\n"
        "  --log VKEYFILE     verifier keys of the logs, a line each; may be repeated\n"
        "  --verbose          log every request\n"
        "  --help             this text\n",
        default_name, default_listen, default_state);
}

static bool parse_listen(const char *text, struct witness_options *options)
{
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon[1] < '0' || colon[1] > '9') return false;
    char *end = NULL;
    unsigned long port = strtoul(colon + 1, &end, 10);
    size_t size = (size_t)(colon - text);
    if (*end != '\0' || port > UINT16_MAX || size == 0) return false;
    if (size >= 2 && text[0] == '[' && text[size - 1] == ']') {
        text++;
        size -= 2;
    }
    if (size >= sizeof options->address) return false;
    memcpy(options->address, text, size);
    options->address[size] = '\0';
    options->port = (uint16_t)port;
    return true;
}

static bool take_key(const char *path, struct witness_options *options)
{
    size_t size = strlen(path), suffix = strlen(key_suffix);
    if (size <= suffix || size >= sizeof options->key) return false;
    if (strcmp(path + size - suffix, key_suffix) != 0) return false;
    memcpy(options->key, path, size - suffix);
    options->key[size - suffix] = '\0';
    return true;
}

static struct status take_option(int id, struct witness_options *options)
{
    switch (id) {
    case 'i':
        options->init = true;
        return STATUS_SUCCESS;
    case 'v':
        options->verbose = true;
        return STATUS_SUCCESS;
    case 'n':
        options->name = optarg;
        return STATUS_SUCCESS;
    case 's':
        options->state = optarg;
        return STATUS_SUCCESS;
    case 'l':
        return parse_listen(optarg, options) ? STATUS_SUCCESS : USAGE("--listen is ADDRESS:PORT");
    case 'k':
        return take_key(optarg, options) ? STATUS_SUCCESS : USAGE("--key is a file named *.key");
    case 'L':
        if (options->log_file_count == WITNESS_LOG_FILES_MAX) return USAGE("too many --log");
        options->log_files[options->log_file_count++] = optarg;
        return STATUS_SUCCESS;
    case 'h':
        options->help = true;
        return STATUS_SUCCESS;
    default:
        return USAGE("this is not an option, or lacks its value"); // getopt has said which.
    }
}

static struct status complete(struct witness_options *options)
{
    if (options->help) return STATUS_SUCCESS;
    if (options->key[0] == '\0') {
        int size = snprintf(options->key, sizeof options->key, "%s", options->state);
        if (size <= 0 || (size_t)size >= sizeof options->key) return USAGE("--state is too long");
    }
    if (options->name != NULL && !options->init) return USAGE("--name belongs to --init");
    if (!options->init && options->log_file_count == 0) return USAGE("--log is needed");
    return STATUS_SUCCESS;
}

struct status witness_options_parse(int argc, char **argv, struct witness_options *ret)
{
    static const struct option long_options[] = {
        {"init", no_argument, NULL, 'i'},
        {"name", required_argument, NULL, 'n'},
        {"listen", required_argument, NULL, 'l'},
        {"state", required_argument, NULL, 's'},
        {"key", required_argument, NULL, 'k'},
        {"log", required_argument, NULL, 'L'},
        {"verbose", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    *ret = (struct witness_options){.state = default_state};
    CHECK(parse_listen(default_listen, ret));
    int id;
    while ((id = getopt_long(argc, argv, "h", long_options, NULL)) != -1)
        RETURN_IF_ERROR(take_option(id, ret));
    if (optind < argc) return USAGE("there are no operands");
    return complete(ret);
}

// ---- The key -------------------------------------------------------------------------------

// "dir/name" into its two parts; keys.h wants them so.
static void split_key(const struct witness_options *options,
                      char ret_directory[static WITNESS_PATH_BYTES], const char **ret_name)
{
    const char *slash = strrchr(options->key, '/');
    *ret_name = slash != NULL ? slash + 1 : options->key;
    size_t size = slash != NULL ? (size_t)(slash - options->key) : 0;
    memcpy(ret_directory, options->key, size);
    if (size == 0) ret_directory[size++] = slash != NULL ? '/' : '.';
    ret_directory[size] = '\0';
}

static void vkey_path(const struct witness_options *options,
                      char ret[static WITNESS_PATH_BYTES + 8])
{
    snprintf(ret, WITNESS_PATH_BYTES + 8, "%s.vkey", options->key);
}

static struct status write_vkey(const struct witness_options *options,
                                const struct note_verifier *verifier)
{
    char path[WITNESS_PATH_BYTES + 8], text[NOTE_VERIFIER_TEXT_BYTES];
    note_verifier_format(verifier, text);
    vkey_path(options, path);
    int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0444);
    if (fd < 0) return REFUSE(UNAVAILABLE, WITNESS_KEY, "the .vkey file cannot be made");
    bool is_written = fchmod(fd, 0444) == 0 && dprintf(fd, "%s\n", text) > 0 && fsync(fd) == 0;
    if (close(fd) == 0 && is_written) return STATUS_SUCCESS;
    unlink(path);
    return REFUSE(UNAVAILABLE, WITNESS_KEY, "the .vkey file cannot be written");
}

struct status witness_key_make(const struct witness_options *options, struct note_verifier *ret)
{
    char directory[WITNESS_PATH_BYTES];
    const char *key, *name = options->name != NULL ? options->name : default_name;
    uint8_t public_key[KEY_PUBLIC_BYTES] = {0};
    // The name first: a key whose name is refused would have to be removed again.
    RETURN_IF_ERROR(note_verifier_make_typed(name, NOTE_COSIGNATURE, public_key, ret));
    split_key(options, directory, &key);
    RETURN_IF_ERROR(key_generate(directory, key));
    RETURN_IF_ERROR(key_public_load(directory, key, public_key));
    RETURN_IF_ERROR(note_verifier_make_typed(name, NOTE_COSIGNATURE, public_key, ret));
    return write_vkey(options, ret);
}

static struct status read_vkey(const struct witness_options *options, struct note_verifier *ret)
{
    char path[WITNESS_PATH_BYTES + 8];
    CLEANUP(lines_close) struct lines lines = {0};
    struct bytes line;
    vkey_path(options, path);
    RETURN_IF_ERROR(lines_open(path, &lines));
    if (!lines_next(&lines, &line))
        return REFUSE(INVALID_ARGUMENT, WITNESS_KEY, "the .vkey file is empty");
    return note_verifier_parse(line, ret);
}

struct status witness_key_load(const struct witness_options *options,
                               struct key_signer **ret_signer, struct note_verifier *ret)
{
    char directory[WITNESS_PATH_BYTES];
    const char *key;
    split_key(options, directory, &key);
    RETURN_IF_ERROR(key_signer_load(directory, key, ret_signer));
    struct status status = read_vkey(options, ret);
    bool is_ours = status_ok(status) && ret->type == NOTE_COSIGNATURE &&
                   memcmp(ret->public_key, key_signer_public(*ret_signer), KEY_PUBLIC_BYTES) == 0;
    if (is_ours) return STATUS_SUCCESS;
    key_signer_close(ret_signer);
    if (!status_ok(status)) return status;
    return REFUSE(INVALID_ARGUMENT, WITNESS_KEY, "the .vkey file is not this key's");
}

// ---- The logs ------------------------------------------------------------------------------

static struct status load_file(const char *path, struct note_verifier *keys, size_t *count)
{
    CLEANUP(lines_close) struct lines lines = {0};
    struct bytes line;
    struct status status = lines_open(path, &lines);
    if (!status_ok(status)) fprintf(stderr, "florin-witness: %s: %s\n", path, status.message);
    RETURN_IF_ERROR(status);
    while (lines_next(&lines, &line)) {
        if (*count == WITNESS_LOG_KEYS_TOTAL_MAX)
            return REFUSE(INVALID_ARGUMENT, LOG_KEYS, "too many logs");
        status = note_verifier_parse(line, &keys[*count]);
        if (status_ok(status) && keys[*count].type != NOTE_ED25519)
            status = REFUSE(INVALID_ARGUMENT, LOG_KEYS, "a log's key is of type 01");
        if (!status_ok(status)) {
            fprintf(stderr, "florin-witness: %s:%u: %s\n", path, lines.number, status.message);
            return status;
        }
        size_t of_this_log = 0;
        for (size_t i = 0; i < *count; i++)
            of_this_log += strcmp(keys[i].name, keys[*count].name) == 0;
        if (of_this_log == WITNESS_LOG_KEYS_MAX)
            return REFUSE(INVALID_ARGUMENT, LOG_KEYS, "a log has more than 8 keys");
        ++*count;
    }
    return STATUS_SUCCESS;
}

struct status witness_logs_load(const struct witness_options *options, struct note_verifier **ret,
                                size_t *ret_count)
{
    struct note_verifier *keys = calloc(WITNESS_LOG_KEYS_TOTAL_MAX, sizeof *keys);
    CHECK(keys != NULL);
    size_t count = 0;
    struct status status = STATUS_SUCCESS;
    for (size_t i = 0; i < options->log_file_count && status_ok(status); i++)
        status = load_file(options->log_files[i], keys, &count);
    if (status_ok(status) && count == 0)
        status = REFUSE(INVALID_ARGUMENT, LOG_KEYS, "the log files name no log");
    if (!status_ok(status)) {
        free(keys);
        return status;
    }
    *ret = keys;
    *ret_count = count;
    return STATUS_SUCCESS;
}
