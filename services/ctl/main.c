// Reads the command line against one table of commands and one table of options.
#include "common/base/version.h"
#include "services/ctl/ctl.h"

#include <getopt.h>
#include <stddef.h>
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
    OPTION_TILES,
    OPTION_CONSISTENCY,
    OPTION_OLD,
    OPTION_NEW,
    OPTION_NO_ENTRIES,
    OPTION_FROM,
    OPTION_TYPES,
    OPTION_JSON,
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
    {"tiles", required_argument, NULL, OPTION_TILES},
    {"consistency", required_argument, NULL, OPTION_CONSISTENCY},
    {"old", required_argument, NULL, OPTION_OLD},
    {"new", required_argument, NULL, OPTION_NEW},
    {"no-entries", no_argument, NULL, OPTION_NO_ENTRIES},
    {"from", required_argument, NULL, OPTION_FROM},
    {"types", required_argument, NULL, OPTION_TYPES},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static const struct command {
    const char *words[2]; // "audit verify" is two words.
    ctl_command run; // NULL: a program beside this one, which reads its options itself.
    int operands_min, operands_max;
    const char *usage; // Also the list of the options that it takes.
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
     "--proof FILE (--entry FILE | --leaf HEX) [--key FILE]\n"
     "  florin audit verify --consistency FILE --old CHECKPOINT --new CHECKPOINT [--key FILE]\n"
     "  florin audit verify --tiles DIR [--no-entries] [--key FILE] [--quiet]",
     "check evidence offline against the log's verifier key: that an entry is in the log, that\n"
     "      a log only grew, a whole copy of a log"},
    {{"audit", "fsck"}, ctl_audit_fsck, 0, 0,
     "[--tiles DIR [--no-entries]] [--key FILE] [--quiet]",
     "build the log's tree anew from its entries, compare everything that is stored and signed"},
    {{"audit", "export"}, ctl_audit_export, 0, 0,
     "--to DIR [--no-entries] [--key FILE] [--quiet]",
     "copy the log's checkpoint, tiles and entries (C2SP tlog-tiles); again: what is new"},
    {{"audit", "tail"}, ctl_audit_tail, 0, 0, "[--from INDEX] [--types TYPE,TYPE.*] [--json]",
     "follow the log live, a line an event, from now or from an index on; Ctrl-C ends it"},
    {{"ledger", "verify"}, ctl_ledger_verify, 0, 0, "",
     "recompute every balance from the transfers and compare"},
    {{"events", "consumers"}, ctl_events_consumers, 0, 0, "[--service NAME]",
     "who has registered as a follower of a daemon's events, and how far it is behind"},
    {{"events", "forget"}, ctl_events_forget, 1, 1, "CONSUMER --service NAME",
     "keep no events any longer for a follower that will not come back"},
    {{"keys", "rotate"}, ctl_keys_rotate, 0, 0, "",
     "let auth's next signing key take over, and make a new next one"},
    {{"keys", "add-service"}, ctl_keys_add_service, 1, 1, "NAME",
     "make a key by which a third party's service may follow events"},
    {{"keys", "remove-service"}, ctl_keys_remove_service, 1, 1, "NAME",
     "let no daemon know such a service any longer"},
    {{"keys", "list"}, ctl_keys_list, 0, 0, "",
     "every key that daemons believe: name, kid, whose it is"},
    {{"keys", "token"}, ctl_keys_token, 1, 1, "NAME",
     "a token of such a service for five minutes, for tries by hand"},
    {{"backup", NULL}, ctl_backup, 1, 1, "DIRECTORY [--service NAME] [--rate BYTES/S]",
     "hot, consistent copy of every store (or one) into a new directory"},
    {{"restore", NULL}, ctl_restore, 1, 1, "DIRECTORY [--service NAME]",
     "put a backup into a data directory that has no such store"},
    {{"verify", NULL}, ctl_verify, 0, 0, "[--service NAME]",
     "walk every page and row of the stopped stores"},
    {{"witness", NULL}, NULL, 0, 0, "--log VKEYFILE [--listen ADDRESS:PORT] | --init | --help",
     "another log's or this one's witness, on a machine of its own (florin-witness)"},
};

// clang-format on

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0], TIMEOUT_S_MAX = 86400 };

static void print_command(FILE *out, const struct command *command)
{
    fprintf(out, "  florin %s%s%s %s\n      %s\n", command->words[0], command->words[1] ? " " : "",
            command->words[1] ? command->words[1] : "", command->usage, command->help);
}

/// print_help tells of the commands whose first word this is; NULL: of all.
static void print_help(FILE *out, const char *word)
{
    fprintf(out,
            "usage: florin COMMAND [options]\n\nOperator's tool of a Florin installation.\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (word == NULL || strcmp(word, commands[i].words[0]) == 0)
            print_command(out, &commands[i]);
    fprintf(out, "\nEvery command takes --data DIR (default: $FLORIN_DATA_DIRECTORY, else var), "
                 "witness alone does not.\n"
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
    uint64_t value, max = UINT32_MAX;
    if (id == OPTION_PORT) max = 65535;
    if (id == OPTION_TIMEOUT) max = TIMEOUT_S_MAX;
    if (!parse_u64(optarg, max, &value)) return false;
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

// Options that are kept as they are.
static const struct text_option {
    int id;
    size_t offset; // In struct ctl_options.
} text_options[] = {
    {OPTION_BIN, offsetof(struct ctl_options, bin)},
    {OPTION_LISTEN, offsetof(struct ctl_options, listen)},
    {OPTION_KEY, offsetof(struct ctl_options, key)},
    {OPTION_PROOF, offsetof(struct ctl_options, proof)},
    {OPTION_ENTRY, offsetof(struct ctl_options, entry)},
    {OPTION_LEAF, offsetof(struct ctl_options, leaf)},
    {OPTION_TO, offsetof(struct ctl_options, to)},
    {OPTION_SERVICE, offsetof(struct ctl_options, service)},
    {OPTION_TILES, offsetof(struct ctl_options, tiles)},
    {OPTION_CONSISTENCY, offsetof(struct ctl_options, consistency)},
    {OPTION_OLD, offsetof(struct ctl_options, old)},
    {OPTION_NEW, offsetof(struct ctl_options, new)},
    {OPTION_FROM, offsetof(struct ctl_options, from)},
    {OPTION_TYPES, offsetof(struct ctl_options, types)},
};

static bool take_option(int id, struct ctl_options *options)
{
    for (size_t i = 0; i < sizeof text_options / sizeof text_options[0]; i++) {
        if (text_options[i].id != id) continue;
        *(const char **)((char *)options + text_options[i].offset) = optarg;
        return true;
    }
    switch (id) {
    case OPTION_DATA:
        return take_data(optarg, options);
    case OPTION_PORT:
    case OPTION_TIMEOUT:
    case OPTION_RATE:
        return take_number(id, options);
    case OPTION_DETACH:
        options->detach = true;
        return true;
    case OPTION_NO_ENTRIES:
        options->no_entries = true;
        return true;
    case OPTION_JSON:
        options->json = true;
        return true;
    case OPTION_QUIET:
        options->quiet = true;
        return true;
    default:
        return false;
    }
}

/// takes_option: one that a command does not know must not be passed over in silence.
static bool takes_option(const struct command *command, const struct option *option)
{
    if (option->val == OPTION_DATA || option->val == OPTION_HELP) return true;
    size_t size = strlen(option->name);
    for (const char *at = command->usage; (at = strstr(at, "--")) != NULL;) {
        at += 2;
        if (strncmp(at, option->name, size) == 0 && strchr(" ]|)\n", at[size]) != NULL) return true;
    }
    return false;
}

static int unknown_option(const struct command *command, const char *name)
{
    fprintf(stderr, "florin: --%s is no option of\n", name);
    print_command(stderr, command);
    return CTL_USAGE;
}

/// family_asked answers for the first word of several commands: which ones there are.
static int family_asked(const char *word, const char *second)
{
    bool is_help = second != NULL && (strcmp(second, "--help") == 0 || strcmp(second, "-h") == 0);
    if (is_help) {
        print_help(stdout, word);
        return CTL_DONE;
    }
    fprintf(stderr, "florin: %s is followed by one of", word);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(word, commands[i].words[0]) == 0) fprintf(stderr, " %s", commands[i].words[1]);
    fprintf(stderr, "; see florin %s --help\n", word);
    return CTL_USAGE;
}

static int no_such_command(char **argv)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (commands[i].words[1] == NULL || strcmp(argv[1], commands[i].words[0]) != 0) continue;
        return family_asked(argv[1], argv[2]);
    }
    return usage_error("no such command:", argv[1]);
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
        print_help(stderr, NULL);
        return CTL_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help(stdout, NULL);
        return CTL_DONE;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
        printf("florin %s (build %s)\n", florin_version(), florin_build_id());
        return CTL_DONE;
    }
    int words = 0;
    const struct command *command = find_command(argc, argv, &words);
    if (command == NULL) return no_such_command(argv);
    if (command->run == NULL) return ctl_program(argv + 1);

    struct ctl_options options = {.port = 8080, .timeout_s = 30};
    const char *data = getenv("FLORIN_DATA_DIRECTORY");
    if (!take_data(data != NULL && *data != '\0' ? data : "var", &options))
        return usage_error("the data directory's path is too long", NULL);
    argc -= words;
    argv += words;
    int id, which = 0;
    while ((id = getopt_long(argc, argv, "h", long_options, &which)) != -1) {
        if (id == 'h' || id == OPTION_HELP) {
            print_help(stdout, command->words[0]);
            return CTL_DONE;
        }
        if (id == '?') return CTL_USAGE; // getopt has said which.
        if (!takes_option(command, &long_options[which]))
            return unknown_option(command, long_options[which].name);
        if (!take_option(id, &options)) return usage_error("bad value:", optarg);
    }
    for (; optind < argc && options.operand_count < CTL_OPERANDS_MAX; optind++)
        options.operands[options.operand_count++] = argv[optind];
    if (options.operand_count < command->operands_min ||
        options.operand_count > command->operands_max) {
        fprintf(stderr, "florin: wrong number of operands; it is\n");
        print_command(stderr, command);
        return CTL_USAGE;
    }
    return command->run(&options);
}
