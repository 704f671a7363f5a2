// `florin` called wrongly: what it says, and by which exit code. Nothing runs, nothing is made.
#include "tests/support/directory.h"
#include "tests/unit/support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUTPUT_BYTES = 8192, USAGE = 2, FAILED = 3 };

static char data[256]; // There is no such directory.

/// run gives the exit code, and what was said on both streams.
static int run(const char *arguments, char ret_output[static OUTPUT_BYTES])
{
    const char *build = getenv("FLORIN_BINARY_DIR");
    char command[1024];
    snprintf(command, sizeof command, "FLORIN_DATA_DIRECTORY=%s %s/bin/florin %s 2>&1", data,
             build != NULL ? build : "build/dev", arguments);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t size = fread(ret_output, 1, OUTPUT_BYTES - 1, pipe);
    ret_output[size] = '\0';
    int status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

// clang-format off
static const struct row {
    const char *arguments;
    int exit_code;
    const char *said;
} rows[] = {
    {"",                                        USAGE,  "usage: florin COMMAND"},
    {"--help",                                  0,      "florin audit tail"},
    {"bogus",                                   USAGE,  "no such command: bogus"},
    {"audit",                                   USAGE,  "audit is followed by one of verify fsck export tail"},
    {"audit bogus",                             USAGE,  "audit is followed by one of verify fsck export tail"},
    {"keys",                                    USAGE,  "add-service"},
    {"audit --help",                            0,      "florin audit fsck"},
    {"audit fsck --help",                       0,      "--no-entries"},
    {"status --bogus",                          USAGE,  "unrecognized option"},
    {"status --data",                           USAGE,  "requires an argument"},
    {"status extra",                            USAGE,  "florin status [--quiet]"},
    {"keys add-service",                        USAGE,  "florin keys add-service NAME"},
    // Passed over in silence, it would be believed to have had an effect.
    {"audit fsck --from 100",                   USAGE,  "--from is no option of"},
    {"audit fsck --fro=100",                    USAGE,  "--from is no option of"},
    {"status --json",                           USAGE,  "--json is no option of"},
    {"up --old x",                              USAGE,  "--old is no option of"},
    {"up --port 0",                             USAGE,  "bad value: 0"},
    {"up --port 65536",                         USAGE,  "bad value: 65536"},
    {"up --port -1",                            USAGE,  "bad value: -1"},
    {"down --timeout 4294968",                  USAGE,  "bad value: 4294968"}, // In ms beyond 32 bits.
    {"audit verify",                            USAGE,  "--proof FILE, --consistency FILE or --tiles DIR is needed"},
    {"audit verify --proof /no --tiles /no",    USAGE,  "one kind of evidence at a time"},
    {"audit verify --proof /no --leaf 00",      FAILED, "audit/verifier-key: the file cannot be opened"},
    {"audit verify --tiles / --key /no/key",    FAILED, "/no/key: the file cannot be opened"},
    {"audit fsck",                              FAILED, "audit/verifier-key: the file cannot be opened"},
    {"audit tail --from -1",                    USAGE,  "--from is an index"},
    {"audit tail --from 18446744073709551616",  USAGE,  "--from is an index"},
    {"audit tail",                              FAILED, "KEY_NOT_FOUND"},
    {"backup",                                  USAGE,  "florin backup DIRECTORY"},
    {"events",                                  USAGE,  "events is followed by one of consumers forget"},
    {"events consumers --service gateway",      USAGE,  "--service is one of auth, ledger, kyc, audit"},
    {"events consumers",                        FAILED, "KEY_NOT_FOUND"},
    {"events forget --service ledger",          USAGE,  "florin events forget CONSUMER --service NAME"},
    {"keys list",                               FAILED, "the data directory has no keys"},
    {"witness",                                 USAGE,  "--log is needed"},
    {"witness --bogus",                         USAGE,  "this is not an option"},
    {"witness --help",                          0,      "c2sp.org/tlog-witness"},
};

// clang-format on

static void test_wrong_usage_is_told_clearly(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char output[OUTPUT_BYTES];
        int exit_code = run(rows[i].arguments, output);
        if (exit_code != rows[i].exit_code || strstr(output, rows[i].said) == NULL)
            fail_msg("florin %s: exit %d, said: %s", rows[i].arguments, exit_code, output);
        assert_int_not_equal(access(data, F_OK), 0);
    }
}

int main(void)
{
    char directory[sizeof data - 8];
    directory_make("usage", directory, sizeof directory);
    snprintf(data, sizeof data, "%s/none", directory);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_usage_is_told_clearly),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    directory_remove(directory);
    return failed;
}
