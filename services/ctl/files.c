// Paths, complaints, and the making of a data directory.
#include "common/crypto/keys.h"
#include "services/ctl/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool ctl_path(char ret[static CTL_PATH_BYTES], const char *directory, const char *name)
{
    int length = name == NULL ? snprintf(ret, CTL_PATH_BYTES, "%s", directory)
                              : snprintf(ret, CTL_PATH_BYTES, "%s/%s", directory, name);
    return length >= 0 && length < CTL_PATH_BYTES;
}

int ctl_complain(const char *what, struct status status)
{
    fprintf(stderr, "florin: %s: %s (%s)\n", what, status.message ? status.message : "failed",
            status.reason ? status.reason : status_code_name(status.code));
    return CTL_FAILED;
}

static struct status make_directory(const char *path)
{
    if (mkdir(path, 0700) == 0) return STATUS_SUCCESS;
    if (errno != EEXIST)
        return REFUSE(FAILED_PRECONDITION, DIRECTORY_NOT_MADE, "a directory cannot be made");
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode))
        return REFUSE(FAILED_PRECONDITION, NOT_A_DIRECTORY, "the path is not a directory");
    if ((info.st_mode & 077) != 0 && chmod(path, 0700) != 0)
        return REFUSE(FAILED_PRECONDITION, DIRECTORY_MODE, "the directory is open to others");
    return STATUS_SUCCESS;
}

static struct status make_key_pair(const char *keys, const char *name)
{
    struct status status = key_generate(keys, name);
    return status.code == STATUS_ALREADY_EXISTS ? STATUS_SUCCESS : status;
}

static struct status make_secret(const char *keys, const char *name)
{
    char path[CTL_PATH_BYTES];
    if (!ctl_path(path, keys, name))
        return REFUSE(INVALID_ARGUMENT, PATH_TOO_LONG, "the data directory's path is too long");
    struct status status = key_secret_generate(path);
    return status.code == STATUS_ALREADY_EXISTS ? STATUS_SUCCESS : status;
}

struct status ctl_data_make(const char *data)
{
    static const char *const directories[] = {"keys", "run", "log", "outbox"};
    // One pair for each daemon, one for the operator, one that signs the audit log's checkpoints.
    static const char *const signers[] = {"auth",    "ledger", "kyc",      "audit",
                                          "gateway", "ops",    "audit-log"};
    umask(077);
    RETURN_IF_ERROR(make_directory(data));
    for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++) {
        char path[CTL_PATH_BYTES];
        if (!ctl_path(path, data, directories[i]))
            return REFUSE(INVALID_ARGUMENT, PATH_TOO_LONG, "the data directory's path is too long");
        RETURN_IF_ERROR(make_directory(path));
    }
    char keys[CTL_PATH_BYTES];
    if (!ctl_path(keys, data, "keys"))
        return REFUSE(INVALID_ARGUMENT, PATH_TOO_LONG, "the data directory's path is too long");
    RETURN_IF_ERROR(crypto_open());
    for (size_t i = 0; i < sizeof signers / sizeof signers[0]; i++)
        RETURN_IF_ERROR(make_key_pair(keys, signers[i]));
    return make_secret(keys, "kek");
}

int ctl_init(const struct ctl_options *options)
{
    struct status status = ctl_data_make(options->data);
    if (!status_ok(status)) return ctl_complain(options->data, status);
    printf("%s is ready: keys, run, log, outbox\n", options->data);
    return CTL_DONE;
}
