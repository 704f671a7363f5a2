// Reads the command line against one table of commands and one table of options.
#include "common/base/version.h"
#include "services/ctl/ctl.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const ctl_daemons[] = {"auth", "ledger", "kyc", "audit", "gateway"};
const int ctl_daemon_count = sizeof ctl_daemons / sizeof ctl_daemons[0];

enum option_id {
    OPTION_DATA = 256, // Beyond every character, as getopt_long wants.
    OPTION_BIN,
    OPTION_PORT,
    OPTION_LISTEN,
    OPTION_DETACH,
    OPTION_QUIET,
    OPTION_KEY,
    OPTION_PROOF,
    OPTION_ENTRY,
    OPTION_LEAF,
    OPTION_TO,
    OPTION_SERVICE,
    OPTION_TIMEOUT,
    OPTION_RATE,
    OPTION_HELP,
};

// clang-format off
static const struct option long_options[] = {
    {"data", required_argument, NULL, OPTION_DATA},
    {"bin", required_argument, NULL, OPTION_BIN},
    {"port", required_argument, NULL, OPTION_PORT},
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"detach", no_argument, NULL, OPTION_DETACH},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {"key", required_argument, NULL, OPTION_KEY},
    {"proof", required_argument, NULL, OPTION_PROOF},
    {"entry", required_argument, NULL, OPTION_ENTRY},
    {"leaf", required_argument, NULL, OPTION_LEAF},
    {"to", required_argument, NULL, OPTION_TO},
    {"service", required_argument, NULL, OPTION_SERVICE},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"rate", required_argument, NULL, OPTION_RATE},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static const struct command {
    const char *words[2]; // "audit verify" is two words.
    ctl_command run;
    int operands_min, operands_max;
    const char *usage;
    const char *help;
} commands[] = {
    {{"init", NULL}, ctl_init, 0, 0, "",
     "make the data directory and every key that is missing"},
    {{"up", NULL}, ctl_up, 0, 0,
     "[--port 8080 | --listen ADDRESS:PORT] [--detach] [--bin DIR]",
     "init, start the five daemons, restart what dies, stop all on Ctrl-C"},
    {{"down", NULL}, ctl_down, 0, 0, "[--timeout 30]",
     "stop what `up` started on this data directory"},
    {{"status", NULL}, ctl_status, 0, 0, "[--quiet] [--service NAME]",
     "each daemon's health; exit 0 when all are ready"},
    {{"outbox", NULL}, ctl_outbox, 0, 0, "[--to ADDRESS]",
     "messages of the dev profile (codes and notices), oldest first"},
    {{"audit", "verify"}, ctl_audit_verify, 0, 0,
     "--proof FILE (--entry FILE | --leaf HEX) [--key FILE]",
     "check an inclusion proof offline against the log's verifier key"},
    {{"ledger", "verify"}, ctl_ledger_verify, 0, 0, "",
     "recompute every balance from the transfers and compare"},
    {{"keys", "rotate"}, ctl_keys_rotate, 0, 0, "",
     "let auth's next signing key take over, and make a new next one"},
    {{"backup", NULL}, ctl_backup, 1, 1, "DIRECTORY [--service NAME] [--rate BYTES/S]",
     "hot, consistent copy of every store (or one) into a new directory"},
    {{"restore", NULL}, ctl_restore, 1, 1, "DIRECTORY [--service NAME]",
     "put a backup into a data directory that has no such store"},
    {{"verify", NULL}, ctl_verify, 0, 0, "[--service NAME]",
     "walk every page and row of the stopped stores"},
};

// clang-format on

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static void print_help(FILE *out)
{
    fprintf(out,
            "usage: florin COMMAND [options]\n\nOperator's tool of a Florin installation.\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const struct command *command = &commands[i];
        fprintf(out, "  florin %s%s%s %s\n      %s\n", command->words[0],
                command->words[1] ? " " : "", command->words[1] ? command->words[1] : "",
                command->usage, command->help);
    }
    fprintf(out, "\nEvery command takes --data DIR (default: $FLORIN_DATA_DIRECTORY, else var).\n"
                 "Exit: 0 done, 1 the answer is no, 2 wrong usage, 3 could not be asked.\n");
}

static int usage_error(const char *what, const char *which)
{
    fprintf(stderr, "florin: %s%s%s; see florin --help\n", what, which ? " " : "",
            which ? which : "");
    return CTL_USAGE;
}

static bool parse_u64(const char *text, uint64_t max, uint64_t *ret)
{
    char *end = NULL;
    if (*text < '0' || *text > '9') return false;
    unsigned long long value = strtoull(text, &end, 10);
    if (*end != '\0' || value > max) return false;
    *ret = value;
    return true;
}

static bool take_number(int id, struct ctl_options *options)
{
    uint64_t value;
    if (!parse_u64(optarg, id == OPTION_PORT ? 65535 : UINT32_MAX, &value)) return false;
    if (id == OPTION_PORT) options->port = (unsigned)value;
    if (id == OPTION_TIMEOUT) options->timeout_s = (unsigned)value;
    if (id == OPTION_RATE) options->rate_bytes = value;
    return id != OPTION_PORT || value > 0;
}

static bool take_data(const char *given, struct ctl_options *options)
{
    char here[CTL_PATH_BYTES];
    if (given[0] == '/') return ctl_path(options->data, given, NULL);
    return getcwd(here, sizeof here) != NULL && ctl_path(options->data, here, given);
}

static bool take_option(int id, struct ctl_options *options)
{
    switch (id) {
    case OPTION_DATA:
        return take_data(optarg, options);
    case OPTION_PORT:
    case OPTION_TIMEOUT:
    case OPTION_RATE:
        return take_number(id, options);
    case OPTION_BIN:
        options->bin = optarg;
        return true;
    case OPTION_LISTEN:
        options->listen = optarg;
        return true;
    case OPTION_DETACH:
        options->detach = true;
        return true;
    case OPTION_QUIET:
        options->quiet = true;
        return true;
    case OPTION_KEY:
        options->key = optarg;
        return true;
    case OPTION_PROOF:
        options->proof = optarg;
        return true;
    case OPTION_ENTRY:
        options->entry = optarg;
        return true;
    case OPTION_LEAF:
        options->leaf = optarg;
        return true;
    case OPTION_TO:
        options->to = optarg;
        return true;
    case OPTION_SERVICE:
        options->service = optarg;
        return true;
    default:
        return false;
    }
}

static const struct command *find_command(int argc, char **argv, int *ret_words)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        int words = commands[i].words[1] != NULL ? 2 : 1;
        if (argc <= words) continue;
        if (strcmp(argv[1], commands[i].words[0]) != 0) continue;
        if (words == 2 && strcmp(argv[2], commands[i].words[1]) != 0) continue;
        *ret_words = words;
        return &commands[i];
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return CTL_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return CTL_DONE;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
        printf("florin %s (build %s)\n", florin_version(), florin_build_id());
        return CTL_DONE;
    }
    int words = 0;
    const struct command *command = find_command(argc, argv, &words);
    if (command == NULL) return usage_error("no such command:", argv[1]);

    struct ctl_options options = {.port = 8080, .timeout_s = 30};
    const char *data = getenv("FLORIN_DATA_DIRECTORY");
    if (!take_data(data != NULL && *data != '\0' ? data : "var", &options))
        return usage_error("the data directory's path is too long", NULL);
    argc -= words;
    argv += words;
    int id;
    while ((id = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        if (id == 'h' || id == OPTION_HELP) {
            print_help(stdout);
            return CTL_DONE;
        }
        if (id == '?') return CTL_USAGE; // getopt has said which.
        if (!take_option(id, &options)) return usage_error("bad value:", optarg);
    }
    for (; optind < argc && options.operand_count < CTL_OPERANDS_MAX; optind++)
        options.operands[options.operand_count++] = argv[optind];
    if (options.operand_count < command->operands_min ||
        options.operand_count > command->operands_max)
        return usage_error("wrong number of operands for", command->words[0]);
    return command->run(&options);
}
