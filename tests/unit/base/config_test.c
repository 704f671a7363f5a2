#include "common/base/config.h"
#include "tests/unit/base/capture.h"

#include <string.h>

#define TIB (UINT64_C(1) << 40)

// clang-format off
static const struct config_key common_rows[] = {
    {"rpc", "listen",   CONFIG_TEXT,   NULL,    1, 64, "ipc:///tmp/a.sock", NULL,
     "Where to serve."},
    {"rpc", "calls",    CONFIG_U64,    "calls", 1, 256, "64", NULL, "Calls in flight."},
    {"log", "level",    CONFIG_CHOICE, NULL,    0, 0, "info", "debug, info,warn",
     "What is logged."},
};

static const struct config_key own_rows[] = {
    {"rpc",   "timeout", CONFIG_MS,    "ms",    10, 60000, "5s", NULL, "Time for a call."},
    {"store", "map",     CONFIG_BYTES, "bytes", 4096, TIB, "64GiB", NULL, "Map size | sparse."},
    {"store", "sync",    CONFIG_BOOL,  NULL,    0, 0, "true", NULL, "Whether commits are synced."},
    {"store", "path",    CONFIG_TEXT,  NULL,    1, 64, NULL, NULL, "Where data lies."},
    {"kyc",   "tier",    CONFIG_U64,   NULL,    0, UINT64_MAX, "0", NULL, "A tier."},
};
// clang-format on

static const struct config_key *const tables[] = {common_rows, own_rows};
static const size_t table_counts[] = {ROWS(common_rows), ROWS(own_rows)};
static const char *const foreign[] = {"gateway", "kyc_vault", NULL};
static const struct config_spec spec = {
    .program = "florin-test",
    .summary = "A daemon for tests",
    .tables = tables,
    .table_counts = table_counts,
    .tables_count = ROWS(tables),
    .foreign_sections = foreign,
};

static char file_path[] = "/tmp/florin_config_test_XXXXXX";
static struct capture out, err;

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(file_path);
    if (fd >= 0) close(fd);
    return fd >= 0 ? 0 : -1;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(file_path);
}

static void write_file(const char *text, size_t size)
{
    FILE *file = fopen(file_path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    fclose(file);
}

// Runs config_load with --config and up to three more flags; out.text and err.text hold the prints.
static enum config_action load(const char *file, const char *const flags[static 3],
                               struct config **ret)
{
    char *argv[8] = {(char *)"florin-test"};
    int argc = 1;
    if (file != NULL) {
        write_file(file, strlen(file));
        argv[argc++] = (char *)"--config";
        argv[argc++] = file_path;
    }
    for (size_t i = 0; i < 3 && flags[i] != NULL; i++) {
        argv[argc++] = (char *)flags[i];
    }
    *ret = NULL;
    capture_begin(&out, STDOUT_FILENO);
    capture_begin(&err, STDERR_FILENO);
    enum config_action action = config_load(&spec, argc, argv, ret);
    capture_end(&err);
    capture_end(&out);
    return action;
}

static void test_values_are_read_in_their_units(void **state)
{
    (void)state;
    static const char file[] = "\xEF\xBB\xBF; a comment\n"
                               "[store]\r\n"
                               "  path = /var/lib/florin ; where\n"
                               "  map = 2 MiB\n"
                               "sync=false\n"
                               "[gateway]\n"
                               "anything = goes\n"
                               "[rpc]\n"
                               "timeout: 1min\n"
                               "calls = 256\n"
                               "[log]\n"
                               "level = warn";
    struct config *config;
    assert_int_equal(load(file, (const char *[3]){NULL}, &config), CONFIG_RUN);
    assert_string_equal(err.text, "");
    assert_string_equal(config_text(config, "store", "path"), "/var/lib/florin");
    assert_true(config_u64(config, "store", "map") == UINT64_C(2) << 20);
    assert_false(config_bool(config, "store", "sync"));
    assert_true(config_u64(config, "rpc", "timeout") == 60000);
    assert_true(config_u64(config, "rpc", "calls") == 256);
    assert_true(config_u64(config, "log", "level") == 2);
    assert_string_equal(config_text(config, "log", "level"), "warn");
    assert_string_equal(config_text(config, "rpc", "listen"), "ipc:///tmp/a.sock");
    config_close(&config);
    assert_null(config);
    config_close(&config);
}

static void test_environment_overrides_the_file_and_flags_override_both(void **state)
{
    (void)state;
    static const char file[] = "[store]\npath = file\n[rpc]\ncalls = 1\nlisten = file\n";
    struct config *config;
    setenv("FLORIN_RPC_CALLS", "2", 1);
    setenv("FLORIN_RPC_LISTEN", "environment", 1);
    setenv("FLORIN_DATA_DIR", "not ours", 1);
    setenv("FLORIN_KYC_VAULT_KEY", "another daemon's", 1);
    setenv("FLORIN_GATEWAY_PORT", "another daemon's", 1);
    enum config_action action = load(file, (const char *[3]){"--rpc.calls=3"}, &config);
    unsetenv("FLORIN_RPC_CALLS");
    unsetenv("FLORIN_RPC_LISTEN");
    unsetenv("FLORIN_DATA_DIR");
    unsetenv("FLORIN_KYC_VAULT_KEY");
    unsetenv("FLORIN_GATEWAY_PORT");
    assert_int_equal(action, CONFIG_RUN);
    assert_string_equal(config_text(config, "store", "path"), "file");
    assert_string_equal(config_text(config, "rpc", "listen"), "environment");
    assert_true(config_u64(config, "rpc", "calls") == 3);
    config_close(&config);
}

#define OK "[store]\npath = x\n" // Two lines that every row begins with.
#define P "florin-test: "
#define NOT_CALLS ": must be a whole number, 1 to 256 calls\n"
#define NOT_TIME ": must be a number with ms, s, min, h or d, 10ms to 1min\n"
#define NOT_SIZE ": must be a number of bytes, KiB, MiB, GiB or TiB, 4KiB to 1TiB\n"
#define NOT_TEXT ": must be text, 1 to 64 bytes long\n"
#define NOT_BOOL ": must be true or false\n"
#define NOT_LEVEL ": must be one of debug, info, warn\n"
#define NO_PATH ": store.path must be given: Where data lies.\n"
#define NEITHER ": neither [section] nor key = value\n"

// The file's name stands as FILE here.
static void assert_errors(const char *expected)
{
    static char shown[CAPTURE_BYTES];
    size_t size = 0;
    for (const char *at = err.text; *at != '\0';) {
        bool is_path = strncmp(at, file_path, strlen(file_path)) == 0;
        size += (size_t)snprintf(shown + size, sizeof shown - size, is_path ? "FILE" : "%c", *at);
        at += is_path ? strlen(file_path) : 1;
    }
    shown[size] = '\0';
    assert_string_equal(shown, expected);
}

static void test_each_error_names_its_line_its_key_and_what_is_allowed(void **state)
{
    (void)state;

    // clang-format off
    static const struct { const char *file; const char *flags[3]; const char *errors; } rows[] = {
        {OK "[rpc]\ncalls = 0\n", {0}, P "FILE:4: rpc.calls = 0" NOT_CALLS},
        {OK "[rpc]\ncalls = 257\n", {0}, P "FILE:4: rpc.calls = 257" NOT_CALLS},
        {OK "[rpc]\ncalls = +1\n", {0}, P "FILE:4: rpc.calls = +1" NOT_CALLS},
        {OK "[rpc]\ncalls = 18446744073709551617\n", {0},
             P "FILE:4: rpc.calls = 18446744073709551617" NOT_CALLS},
        {OK "[rpc]\ncalls =\n", {0}, P "FILE:4: rpc.calls = " NOT_CALLS},
        {OK "[rpc]\ntimeout = 5\n", {0}, P "FILE:4: rpc.timeout = 5" NOT_TIME},
        {OK "[rpc]\ntimeout = 2min\n", {0}, P "FILE:4: rpc.timeout = 2min" NOT_TIME},
        {OK "map = 4095\n", {0}, P "FILE:3: store.map = 4095" NOT_SIZE},
        {OK "map = 20000000TiB\n", {0}, P "FILE:3: store.map = 20000000TiB" NOT_SIZE},
        {OK "map = 64GB\n", {0}, P "FILE:3: store.map = 64GB" NOT_SIZE},
        {OK "sync = yes\n", {0}, P "FILE:3: store.sync = yes" NOT_BOOL},
        {OK "[log]\nlevel = Info\n", {0}, P "FILE:4: log.level = Info" NOT_LEVEL},
        {OK "[rpc]\nlisten =\n", {0}, P "FILE:4: rpc.listen" NOT_TEXT},
        {OK "[rpc]\nlisten = \xFF\n", {0}, P "FILE:4: rpc.listen" NOT_TEXT},
        {OK "[kyc]\ntier = x\n", {0},
             P "FILE:4: kyc.tier = x: must be a whole number, at least 0\n"},
        {OK "colour = red\n", {0}, P "FILE:3: unknown key store.colour\n"},
        {OK "Path = x\n", {0}, P "FILE:3: unknown key store.Path\n"},
        {OK "[stoer]\npath = x\nmap = y\n", {0}, P "FILE:3: unknown section [stoer]\n"},
        {OK "[empty]\n", {0}, P "FILE:3: unknown section [empty]\n"},
        {OK "path = y\n", {0}, P "FILE:3: store.path is given twice, first in line 2\n"},
        {"calls = 1\n" OK, {0}, P "FILE:1: calls stands before the first [section]\n"},
        {OK "nonsense\n[rpc\ncalls = 0\n", {0},
             P "FILE:3" NEITHER
             P "FILE:4" NEITHER
             P "FILE:5: unknown key store.calls\n"},
        {"", {0}, P "FILE" NO_PATH},
        {"[store]\npath =\n", {0}, P "FILE:2: store.path" NOT_TEXT},
        {NULL, {0}, P "configuration" NO_PATH},
        {OK, {"--rpc.calls=0"}, P "flag --rpc.calls: rpc.calls = 0" NOT_CALLS},
        {OK, {"--rpc.calls"}, P "flag --rpc.calls: needs a value: --rpc.calls=value\n"},
        {OK, {"--rpc.colour=1"}, P "flag --rpc.colour: unknown key; see --help\n"},
        {OK, {"--gateway.port=1"}, P "flag --gateway.port: unknown key; see --help\n"},
        {OK, {"--verbose", "now"},
             P "flag --verbose: unknown flag; see --help\n"
             P "flag now: unknown flag; see --help\n"},
        {OK, {"--config"}, P "flag --config: needs a file\n" P "configuration" NO_PATH},
        {NULL, {"--store.path=x", "--config=/none"}, P "/none: No such file or directory\n"},
        {NULL, {"--store.path=x", "--config=/"}, P "/: Is a directory\n"},
        {OK "[rpc]\ncalls = 0\n[log]\nlevel = no\n", {"--store.sync=1"},
             P "FILE:4: rpc.calls = 0" NOT_CALLS
             P "FILE:6: log.level = no" NOT_LEVEL
             P "flag --store.sync: store.sync = 1" NOT_BOOL},
    };

    // clang-format on

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct config *config;
        enum config_action action = load(rows[i].file, rows[i].flags, &config);
        assert_errors(rows[i].errors);
        assert_int_equal(action, CONFIG_EXIT_BAD);
        assert_null(config);
        assert_string_equal(out.text, "");
    }
}

static void test_the_environment_refuses_unknown_keys_of_known_sections(void **state)
{
    (void)state;

    // clang-format off
    static const struct { const char *variable, *value, *errors; } rows[] = {
        {"FLORIN_RPC_COLOUR",  "red",
             P "environment FLORIN_RPC_COLOUR: unknown key in a known section\n"},
        {"FLORIN_RPC_",        "red",
             P "environment FLORIN_RPC_: unknown key in a known section\n"},
        {"FLORIN_KYC_VAULTS",  "red",
             P "environment FLORIN_KYC_VAULTS: unknown key in a known section\n"},
        {"FLORIN_RPC_CALLS",   "x",   P "environment FLORIN_RPC_CALLS: rpc.calls = x" NOT_CALLS},
    };

    // clang-format on

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct config *config;
        setenv(rows[i].variable, rows[i].value, 1);
        enum config_action action = load(OK, (const char *[3]){NULL}, &config);
        unsetenv(rows[i].variable);
        assert_int_equal(action, CONFIG_EXIT_BAD);
        assert_errors(rows[i].errors);
    }
}

static void test_long_lines_and_strange_files_are_refused(void **state)
{
    (void)state;
    static char text[2 * 1024 * 1024];
    struct config *config;
    memset(text, 'x', 5000);
    memcpy(text, "[store]\npath=", 13);
    text[5000] = '\0';
    assert_int_equal(load(text, (const char *[3]){"--store.path=x"}, &config), CONFIG_EXIT_BAD);
    assert_errors(P "FILE:2: the line is too long\n");

    // A line near the limit arrives whole, and is refused for its row only.
    text[4000] = '\0';
    assert_int_equal(load(text, (const char *[3]){"--store.path=x"}, &config), CONFIG_EXIT_BAD);
    assert_errors(P "FILE:2: store.path: must be text, 1 to 64 bytes long\n");

    memset(text, '\n', sizeof text - 1);
    assert_int_equal(load(text, (const char *[3]){"--store.path=x"}, &config), CONFIG_EXIT_BAD);
    assert_errors(P "FILE: the file is larger than 1 MiB\n");

    char flag[64];
    write_file("[store]\0", 8);
    snprintf(flag, sizeof flag, "--config=%s", file_path);
    assert_int_equal(load(NULL, (const char *[3]){"--store.path=x", flag}, &config),
                     CONFIG_EXIT_BAD);
    assert_errors(P "FILE: the file holds a NUL byte\n");
}

static void test_check_config_gives_a_verdict(void **state)
{
    (void)state;
    struct config *config;
    assert_int_equal(load(OK, (const char *[3]){"--check-config"}, &config), CONFIG_EXIT_OK);
    assert_string_equal(out.text, "configuration is valid\n");
    assert_string_equal(err.text, "");
    assert_int_equal(load("", (const char *[3]){"--check-config"}, &config), CONFIG_EXIT_BAD);
    assert_string_equal(out.text, "");
    assert_errors(P "FILE: store.path must be given: Where data lies.\n");
}

static void test_help_groups_the_rows_by_section(void **state)
{
    (void)state;
    struct config *config;
    assert_int_equal(load(NULL, (const char *[3]){"--help", "--nonsense"}, &config),
                     CONFIG_EXIT_OK);
    assert_non_null(strstr(out.text, "florin-test: A daemon for tests\n"));
    const char *rows = strstr(out.text, "\n[rpc]");
    assert_non_null(rows);
    assert_string_equal(rows, "\n[rpc]\n"
                              "  listen\n      Where to serve.\n"
                              "      text; 1 to 64 bytes long; default \"ipc:///tmp/a.sock\"\n"
                              "  calls\n      Calls in flight.\n"
                              "      number; 1 to 256 calls; default \"64\"\n"
                              "  timeout\n      Time for a call.\n"
                              "      duration (ms); 10ms to 1min; default \"5s\"\n"
                              "\n[log]\n"
                              "  level\n      What is logged.\n"
                              "      choice; one of debug, info, warn; default \"info\"\n"
                              "\n[store]\n"
                              "  map\n      Map size | sparse.\n"
                              "      size (bytes); 4KiB to 1TiB; default \"64GiB\"\n"
                              "  sync\n      Whether commits are synced.\n"
                              "      bool; true or false; default \"true\"\n"
                              "  path\n      Where data lies.\n"
                              "      text; 1 to 64 bytes long; must be given\n"
                              "\n[kyc]\n"
                              "  tier\n      A tier.\n"
                              "      number; at least 0; default \"0\"\n");
}

static void test_version_names_program_version_and_build(void **state)
{
    (void)state;
    struct config *config;
    assert_int_equal(load(NULL, (const char *[3]){"--version"}, &config), CONFIG_EXIT_OK);
    assert_int_equal(strncmp(out.text, "florin-test 0.", 14), 0);
    assert_non_null(strstr(out.text, " (build id "));
}

static void test_markdown_is_one_table(void **state)
{
    (void)state;
    capture_begin(&out, STDOUT_FILENO);
    config_print_markdown(&spec, stdout);
    capture_end(&out);
    assert_non_null(strstr(out.text, "| Key | Type | Range | Default | Meaning |\n|---|"));
    assert_non_null(strstr(out.text, "\n| `store.map` | size | 4KiB to 1TiB | `64GiB` | "
                                     "Map size \\| sparse. |\n"));
    assert_non_null(strstr(out.text, "\n| `store.path` | text | 1 to 64 bytes long | must be given"
                                     " | Where data lies. |\n"));
}

static struct config *loaded;

static void get_unknown_key(void)
{
    config_u64(loaded, "rpc", "colour");
}

static void get_as_another_type(void)
{
    config_bool(loaded, "rpc", "calls");
}

static void load_bad_default(void)
{
    static const struct config_key rows[] = {
        {"a", "b", CONFIG_U64, NULL, 1, 2, "3", NULL, "Out of its own range."}};
    static const struct config_key *const bad_tables[] = {rows};
    static const size_t counts[] = {1};
    const struct config_spec bad = {
        .program = "p", .tables = bad_tables, .table_counts = counts, .tables_count = 1};
    config_load(&bad, 0, NULL, &loaded);
}

static void test_wrong_names_types_and_defaults_are_our_bugs(void **state)
{
    (void)state;
    assert_int_equal(load(OK, (const char *[3]){NULL}, &loaded), CONFIG_RUN);
    assert_aborts(get_unknown_key);
    assert_aborts(get_as_another_type);
    config_close(&loaded);
    assert_aborts(load_bad_default);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_read_in_their_units),
        cmocka_unit_test(test_environment_overrides_the_file_and_flags_override_both),
        cmocka_unit_test(test_each_error_names_its_line_its_key_and_what_is_allowed),
        cmocka_unit_test(test_the_environment_refuses_unknown_keys_of_known_sections),
        cmocka_unit_test(test_long_lines_and_strange_files_are_refused),
        cmocka_unit_test(test_check_config_gives_a_verdict),
        cmocka_unit_test(test_help_groups_the_rows_by_section),
        cmocka_unit_test(test_version_names_program_version_and_build),
        cmocka_unit_test(test_markdown_is_one_table),
        cmocka_unit_test(test_wrong_names_types_and_defaults_are_our_bugs),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
