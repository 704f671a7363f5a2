// Third parties' followers of the real ledger under load: killed, slow, late, behind cut
// connections, in C through the installed library and in Python from the documentation alone. Each
// ends with every event once and in order, as the ledger's log has it.
#include "common/base/clock.h"
#include "common/event/client/subscriber.h"
#include "florin/event/v1/event.pb-c.h"
#include "florin/event/v1/event_methods.h"
#include "florin/rpc/v1/rpc.pb-c.h"
#include "florin/rpc/v1/rpc_methods.h"
#include "tests/crash/load.h"
#include "tests/integration/cast.h"
#include "tests/integration/direct.h"
#include "tests/support/cutter.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PATH_BYTES = WORLD_PATH_BYTES + 64,
    LINE_BYTES = 512,
    READ_LIMIT = 5000,
    KILLS = 20,
    CUTS = 25,
    SLOW_EVENTS = 1500, // More than the queues of both ends hold.
    LATE_EVENTS = 3000,
    WAIT_S = 90,
    WAIT_MS = 5,
};

/// What the ledger's log holds, a line for each event as the followers write it.
struct truth {
    char **lines;
    size_t count, capacity;
};

struct story {
    struct cast cast;
    struct load load;
    struct rpc_channel *ledger;
    struct direct_answer answer;
    struct truth truth;
    char prefix[PATH_BYTES]; // Where the library is installed.
    char events_url[PATH_BYTES], rpc_url[PATH_BYTES], key[PATH_BYTES];
    unsigned seed;
};

#define WAIT_FOR(condition_)                                                                       \
    do {                                                                                           \
        uint64_t until_ns = clock_mono_ns() + WAIT_S * NS_PER_SECOND;                              \
        while (!(condition_)) {                                                                    \
            if (clock_mono_ns() > until_ns) fail_msg("never came true: %s", #condition_);          \
            poll(NULL, 0, WAIT_MS);                                                                \
        }                                                                                          \
    } while (0)

static void path_in(const struct story *story, const char *name, char ret[static PATH_BYTES])
{
    int size = snprintf(ret, PATH_BYTES, "%s/%s", story->cast.world.data, name);
    assert_in_range(size, 1, PATH_BYTES - 1);
}

// ---- The truth -----------------------------------------------------------------------------

static void add_truth(struct truth *truth, const Eventlog__Event *event)
{
    char line[LINE_BYTES];
    assert_int_equal(event->seq, truth->count + 1);
    snprintf(line, sizeof line, "%" PRIu64 " %" PRIu64 " %s %s %s %s\n", event->seq, event->time_ns,
             event->type, event->subject, event->actor, event->outcome);
    if (truth->count == truth->capacity) {
        truth->capacity = 2 * truth->capacity + 1024;
        truth->lines = reallocarray(truth->lines, truth->capacity, sizeof *truth->lines);
        assert_non_null(truth->lines);
    }
    truth->lines[truth->count++] = strdup(line);
}

/// learn reads on in the ledger's log up to its head of now, and gives that.
static size_t learn(struct story *story)
{
    struct truth *truth = &story->truth;
    char token[TOKEN_BYTES_MAX];
    uint64_t head = 0;
    direct_service_token(&story->cast.world, "ops", "ops", token);
    const struct rpc_metadata metadata = {.access_token = token};
    do {
        Eventlog__ReadRequest request = EVENTLOG__READ_REQUEST__INIT;
        request.after_seq = truth->count;
        request.limit = READ_LIMIT;
        direct_call(story->ledger, &event_methods[EVENT_READ], &metadata, &request, &story->answer);
        const Eventlog__EventBatch *batch =
            direct_unpack(&story->answer, &eventlog__event_batch__descriptor);
        if (head == 0) head = batch->head_seq; // It moves on while we read.
        for (size_t i = 0; i < batch->n_events; i++)
            add_truth(truth, batch->events[i]);
    } while (truth->count < head);
    return truth->count;
}

/// How many lines a text has, which must be the truth's first ones, those that fit `prefix` if it
/// is given; a last one without its end does not count. Text's size is given because
/// AddressSanitizer's strict strchr reads a string to its end, line after line.
static size_t check_lines(const struct story *story, const char *prefix, const char *text,
                          size_t text_size)
{
    const struct truth *truth = &story->truth;
    const char *text_end = text + text_size;
    size_t at = 0, count = 0;
    for (const char *end; (end = memchr(text, '\n', (size_t)(text_end - text))) != NULL;
         text = end + 1, count++) {
        while (prefix != NULL && at < truth->count && strstr(truth->lines[at], prefix) == NULL)
            at++;
        if (at == truth->count) break; // It has seen more than we have read.
        size_t size = (size_t)(end - text) + 1;
        if (strlen(truth->lines[at]) != size || memcmp(truth->lines[at], text, size) != 0)
            fail_msg("event %zu of the log: %sis told as: %.*s", at + 1, truth->lines[at],
                     (int)size, text);
        at++;
    }
    return count;
}

static size_t count_truth(const struct story *story, const char *prefix)
{
    size_t count = 0;
    for (size_t i = 0; i < story->truth.count; i++)
        count += strstr(story->truth.lines[i], prefix) != NULL;
    return count;
}

// Where a program's stored cursor stands; 0 before it has stored one.
static uint64_t cursor_of(const char *output)
{
    char path[PATH_BYTES + 8];
    uint64_t seq = 0;
    snprintf(path, sizeof path, "%s.cursor", output);
    FILE *file = fopen(path, "r");
    if (file == NULL) return 0;
    if (fscanf(file, "%" SCNu64, &seq) != 1) seq = 0;
    fclose(file);
    return seq;
}

static size_t check_file(const struct story *story, const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) return 0;
    char *text = NULL;
    size_t capacity = 0;
    ssize_t size = getdelim(&text, &capacity, '\0', file);
    fclose(file);
    size_t count = size > 0 ? check_lines(story, NULL, text, (size_t)size) : 0;
    free(text);
    return count;
}

// ---- Programs ------------------------------------------------------------------------------

static int run(const char *command)
{
    int rc = system(command); // NOLINT(bugprone-command-processor): our own words.
    return WIFEXITED(rc) ? WEXITSTATUS(rc) : -1;
}

static void test_the_library_is_installed_and_a_program_built_with_nothing_else(void **state)
{
    const struct story *story = *state;
    char command[4 * PATH_BYTES + 1024];
    snprintf(command, sizeof command,
             "exec >'%s/install.log' 2>&1; cmake --install '%s' --component subscriber --prefix "
             "'%s' && cd '%s/share/doc/florin-subscriber/examples' && export "
             "PKG_CONFIG_LIBDIR='%s/lib/pkgconfig' && cc -std=c17 -D_GNU_SOURCE -Wall -Wextra "
             "-Werror %s -o follow follow.c $(pkg-config --cflags --libs florin-subscriber)",
             story->cast.world.data, getenv("FLORIN_BINARY_DIR"), story->prefix, story->prefix,
             story->prefix, FLORIN_TEST_CFLAGS);
    int code = run(command);
    if (code != 0) {
        snprintf(command, sizeof command, "tail -5 '%s/install.log' >&2", story->cast.world.data);
        (void)run(command);
        fail_msg("the example cannot be built: %d", code);
    }
}

/// A follower in a process of its own, which writes to a file.
struct program {
    const char *const *command; // Before its arguments.
    char output[PATH_BYTES];
    pid_t pid;
};

static void start(const struct story *story, struct program *program)
{
    char log[PATH_BYTES], library[PATH_BYTES + 8];
    const char *arguments[12] = {0};
    size_t count = 0;
    path_in(story, "followers.log", log);
    snprintf(library, sizeof library, "%s/lib", story->prefix);
    while (program->command[count] != NULL) {
        arguments[count] = program->command[count];
        count++;
    }
    const char *const own[] = {"ledger", story->events_url, story->rpc_url, story->key,
                               program->output};
    memcpy(arguments + count, own, sizeof own);
    program->pid = fork();
    assert_true(program->pid >= 0);
    if (program->pid > 0) return;
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd < 0 || dup2(fd, STDERR_FILENO) < 0) _exit(126);
    setenv("LD_LIBRARY_PATH", library, 1);
    setenv("PYTHONDONTWRITEBYTECODE", "1", 1);
    execvp(arguments[0], (char *const *)arguments);
    _exit(127);
}

static void end(struct program *program, int signal_number)
{
    int status;
    assert_int_equal(waitpid(program->pid, &status, WNOHANG), 0); // It has not ended by itself.
    assert_int_equal(kill(program->pid, signal_number), 0);
    assert_int_equal(waitpid(program->pid, &status, 0), program->pid);
    if (signal_number == SIGTERM) assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/// Killed at a random moment after each start, and told to end at last.
static void kill_often(struct story *story, struct program *program, unsigned life_ms_max)
{
    size_t began = learn(story);
    for (unsigned i = 0; i < KILLS; i++) {
        start(story, program);
        poll(NULL, 0, 20 + (int)((unsigned)rand_r(&story->seed) % life_ms_max));
        uint64_t before = cursor_of(program->output);
        end(program, SIGKILL);
        assert_true(cursor_of(program->output) >= before);
    }
    start(story, program);
    size_t head = learn(story);
    assert_true(head > began);
    WAIT_FOR(cursor_of(program->output) >= head);
    end(program, SIGTERM);
    (void)learn(story);
    assert_true(check_file(story, program->output) >= head);
    print_message("%zu events, each once, over %d kills\n", head, KILLS);
}

static void test_a_follower_that_is_killed(void **state)
{
    struct story *story = *state;
    char path[PATH_BYTES + 64];
    snprintf(path, sizeof path, "%s/share/doc/florin-subscriber/examples/follow", story->prefix);
    const char *const command[] = {path, NULL};
    struct program program = {.command = command};
    path_in(story, "killed.txt", program.output);
    kill_often(story, &program, 300);
}

static void test_a_follower_in_another_language_that_is_killed(void **state)
{
    struct story *story = *state;
    char path[PATH_BYTES + 64];
    if (run("python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' && command -v openssl "
            ">/dev/null") != 0) {
        print_message("skipped: python3 (3.9) and openssl are not here\n");
        skip();
    }
    snprintf(path, sizeof path, "%s/share/doc/florin-subscriber/examples/follow.py", story->prefix);
    const char *const command[] = {"python3", path, NULL};
    struct program program = {.command = command};
    path_in(story, "python.txt", program.output);
    kill_often(story, &program, 600); // It takes a while to start.
}

// ---- Followers in this process -------------------------------------------------------------

struct follower {
    struct florin_subscriber *subscriber;
    pthread_mutex_t lock; // The lines.
    char *text;
    size_t size, capacity, count, empty_calls;
    struct florin_cursor cursor;
    atomic_bool is_held; // handle() waits while it is set,
    atomic_bool waits;   // and says that it does.
};

static void put_line(struct follower *own, const struct florin_event *event)
{
    if (own->capacity - own->size < LINE_BYTES) {
        own->capacity = 2 * own->capacity + LINE_BYTES;
        own->text = realloc(own->text, own->capacity);
        if (own->text == NULL) abort();
    }
    own->size += (size_t)snprintf(
        own->text + own->size, own->capacity - own->size, "%" PRIu64 " %" PRIu64 " %s %s %s %s\n",
        event->seq, event->time_ns, event->type, event->subject, event->actor, event->outcome);
}

static int take(void *context, const struct florin_event *events, size_t count,
                const struct florin_cursor *cursor)
{
    struct follower *own = context;
    while (atomic_load(&own->is_held)) {
        atomic_store(&own->waits, true);
        poll(NULL, 0, 1);
    }
    pthread_mutex_lock(&own->lock);
    for (size_t i = 0; i < count; i++)
        put_line(own, &events[i]);
    own->count += count;
    own->empty_calls += count == 0;
    own->cursor = *cursor;
    pthread_mutex_unlock(&own->lock);
    return 0;
}

static struct florin_subscriber_config config_of(const struct story *story, struct follower *own)
{
    return (struct florin_subscriber_config){.source = "ledger",
                                             .events_url = story->events_url,
                                             .rpc_url = story->rpc_url,
                                             .key_file = story->key,
                                             .cursor = own->cursor,
                                             .handle = take,
                                             .context = own};
}

static void follow(struct follower *own, const struct florin_subscriber_config *config)
{
    const char *reason = "";
    pthread_mutex_init(&own->lock, NULL);
    if (florin_subscriber_open(config, &own->subscriber, &reason) != 0) fail_msg("%s", reason);
}

static size_t check_follower(const struct story *story, struct follower *own, const char *prefix)
{
    pthread_mutex_lock(&own->lock);
    size_t count = own->size > 0 ? check_lines(story, prefix, own->text, own->size) : 0;
    pthread_mutex_unlock(&own->lock);
    return count;
}

static uint64_t seq_of(struct follower *own)
{
    struct florin_subscriber_state state;
    florin_subscriber_get_state(own->subscriber, &state);
    if (state.stop_reason != NULL) fail_msg("stopped: %s", state.stop_reason);
    return state.seq;
}

static void leave(struct follower *own)
{
    florin_subscriber_close(&own->subscriber);
    free(own->text);
    own->text = NULL;
}

static void test_a_follower_that_is_slow(void **state)
{
    struct story *story = *state;
    static struct follower own; // Outlives its sockets, as all of them here.
    const struct florin_subscriber_config config = config_of(story, &own);
    struct florin_subscriber_state told;
    follow(&own, &config);
    for (int i = 0; i < 3; i++) { // Until both queues have run over.
        size_t before = learn(story);
        WAIT_FOR(seq_of(&own) >= before); // It listens, and is there.
        atomic_store(&own.waits, false);
        atomic_store(&own.is_held, true);
        WAIT_FOR(atomic_load(&own.waits));
        WAIT_FOR(learn(story) > before + SLOW_EVENTS);
        atomic_store(&own.is_held, false);
    }
    size_t head = learn(story);
    WAIT_FOR(seq_of(&own) >= head);
    (void)learn(story);
    assert_true(check_follower(story, &own, NULL) >= head);
    florin_subscriber_get_state(own.subscriber, &told);
    assert_true(told.gap_count > 0); // Something was dropped on the way, and read.
    print_message("%zu events, each once; dropped on the way %" PRIu64 " times\n", head,
                  told.gap_count);
    leave(&own);
}

static void test_a_follower_behind_a_cut_connection(void **state)
{
    struct story *story = *state;
    static struct follower own;
    char paths[4][PATH_BYTES], urls[2][PATH_BYTES + 8];
    path_in(story, "cut-events.sock", paths[0]);
    path_in(story, "cut-rpc.sock", paths[1]);
    path_in(story, "run/ledger-events.sock", paths[2]);
    path_in(story, "run/ledger.sock", paths[3]);
    struct cutter *events = cutter_open(paths[0], paths[2]);
    struct cutter *rpc = cutter_open(paths[1], paths[3]);
    snprintf(urls[0], sizeof urls[0], "ipc://%s", paths[0]);
    snprintf(urls[1], sizeof urls[1], "ipc://%s", paths[1]);
    struct florin_subscriber_config config = config_of(story, &own);
    config.events_url = urls[0];
    config.rpc_url = urls[1];
    follow(&own, &config);
    unsigned cut = 0, ended;
    for (unsigned i = 0; i < CUTS; i++) {
        struct cutter *which = i % 3 == 2 ? rpc : events;
        poll(NULL, 0, 20 + (int)((unsigned)rand_r(&story->seed) % 200));
        WAIT_FOR((ended = cutter_cut(which)) > 0); // As soon as there is something to cut.
        cutter_set_whole(which, i % 4 != 3);       // Now and then it stays cut for a moment.
        poll(NULL, 0, i % 4 == 3 ? 300 : 0);
        cutter_set_whole(which, true);
        cut += ended;
    }
    size_t head = learn(story);
    WAIT_FOR(seq_of(&own) >= head);
    (void)learn(story);
    assert_true(check_follower(story, &own, NULL) >= head);
    print_message("%zu events, each once, over %u cut connections\n", head, cut);
    leave(&own);
    cutter_close(&events);
    cutter_close(&rpc);
}

static void test_followers_that_start_late(void **state)
{
    struct story *story = *state;
    static struct follower from_first, of_few, from_middle;
    static const char *const types[] = {"ledger.transfer.expired", "ledger.account.*"};
    WAIT_FOR(learn(story) > LATE_EVENTS);
    struct florin_subscriber_config config = config_of(story, &from_first);
    follow(&from_first, &config);
    config = config_of(story, &of_few);
    config.types = types + 1;
    config.type_count = 1;
    follow(&of_few, &config);
    size_t head = learn(story);
    WAIT_FOR(seq_of(&from_first) >= head && seq_of(&of_few) >= head);
    (void)learn(story);
    assert_true(check_follower(story, &from_first, NULL) >= head);
    size_t few = check_follower(story, &of_few, " ledger.account.");
    assert_int_equal(few, count_truth(story, " ledger.account."));
    assert_true(few > 0 && few < head / 2);
    // The cursor moves over what was not chosen, and can be stored.
    WAIT_FOR(({
        pthread_mutex_lock(&of_few.lock);
        bool has_moved = of_few.empty_calls > 0 && of_few.cursor.seq >= head;
        pthread_mutex_unlock(&of_few.lock);
        has_moved;
    }));
    leave(&of_few);
    // Who begins at that cursor has nothing of before.
    from_middle.cursor = of_few.cursor;
    config = config_of(story, &from_middle);
    follow(&from_middle, &config);
    WAIT_FOR(seq_of(&from_middle) > of_few.cursor.seq);
    pthread_mutex_lock(&from_middle.lock);
    assert_int_equal(strtoull(from_middle.text, NULL, 10), of_few.cursor.seq + 1);
    pthread_mutex_unlock(&from_middle.lock);
    leave(&from_middle);
    leave(&from_first);
}

// ---- What is refused -----------------------------------------------------------------------

static void test_what_cannot_be_opened(void **state)
{
    const struct story *story = *state;
    static struct follower own;
    char readable[PATH_BYTES], missing[PATH_BYTES], unnamed[PATH_BYTES], command[4 * PATH_BYTES];
    path_in(story, "open.key", readable);
    path_in(story, "none.key", missing);
    path_in(story, "key", unnamed);
    snprintf(command, sizeof command, "cp '%s' '%s' && chmod 0644 '%s'", story->key, readable,
             readable);
    assert_int_equal(run(command), 0);
    static const char *const wrong_types[] = {"ledger.transfer.created", "ledger.*.created"};
    struct florin_subscriber_config config = config_of(story, &own);

    const struct {
        const char *source, *url, *key;
        const char *const *types;
        size_t type_count;
        const char *reason;
    } rows[] = {
        // clang-format off
        {NULL,     story->rpc_url,        story->key, NULL,        0,   "CONFIG_INCOMPLETE"},
        {"ledger", "",                    story->key, NULL,        0,   "CONFIG_INCOMPLETE"},
        {"ledger", story->rpc_url,        NULL,       NULL,        0,   "CONFIG_INCOMPLETE"},
        {"ledger", story->rpc_url,        readable,   NULL,        0,   "KEY_FILE_MODE"},
        {"ledger", story->rpc_url,        missing,    NULL,        0,   "KEY_NOT_FOUND"},
        {"ledger", story->rpc_url,        unnamed,    NULL,        0,   "KEY_NAME"},
        {"ledger", "tcp://192.0.2.1:1",   story->key, NULL,        0,   "RPC_URL"},
        {"ledger", "tls+tcp://a.test:1",  story->key, NULL,        0,   "TLS_CONFIG"},
        {"ledger", story->rpc_url,        story->key, wrong_types, 2,   "TYPE_PATTERN_INVALID"},
        {"ledger", story->rpc_url,        story->key, wrong_types, 100, "CONFIG_TOO_LONG"},
        // clang-format on
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *reason = "opened";
        config.source = rows[i].source;
        config.rpc_url = rows[i].url;
        config.key_file = rows[i].key;
        config.types = rows[i].types;
        config.type_count = rows[i].type_count;
        assert_int_equal(florin_subscriber_open(&config, &own.subscriber, &reason), -1);
        assert_string_equal(reason, rows[i].reason);
        assert_null(own.subscriber);
    }
}

static void test_its_key_opens_nothing_else(void **state)
{
    struct story *story = *state;
    char token[TOKEN_BYTES_MAX];
    Envelope__StatsRequest nothing = ENVELOPE__STATS_REQUEST__INIT;
    direct_service_token(&story->cast.world, "risk", "risk", token);
    const struct rpc_metadata metadata = {.access_token = token};
    direct_call(story->ledger, &rpc_methods[RPC_STATS_GET], &metadata, &nothing, &story->answer);
    assert_string_equal(story->answer.status.reason, "PERMISSION_DENIED");
    direct_service_token(&story->cast.world, "risk", "ledger", token);
    direct_call(story->ledger, &rpc_methods[RPC_STATS_GET], &metadata, &nothing, &story->answer);
    assert_string_equal(story->answer.status.reason, "TOKEN_MALFORMED");
}

static void expect_florin(struct story *story, const char *arguments, int code, const char *says)
{
    char output[4096];
    assert_int_equal(world_florin(&story->cast.world, arguments, output, sizeof output), code);
    if (strstr(output, says) == NULL) fail_msg("florin %s: %s", arguments, output);
}

/// "OK" when the ledger lets the owner of a key read its events, else why not.
static const char *ask_with(struct story *story, const char *service)
{
    char arguments[64], token[TOKEN_BYTES_MAX + 2];
    snprintf(arguments, sizeof arguments, "keys token %s", service);
    assert_int_equal(world_florin(&story->cast.world, arguments, token, sizeof token), 0);
    token[strcspn(token, "\n")] = '\0';
    Eventlog__ReadRequest request = EVENTLOG__READ_REQUEST__INIT;
    const struct rpc_metadata metadata = {.access_token = token};
    direct_call(story->ledger, &event_methods[EVENT_READ], &metadata, &request, &story->answer);
    return status_ok(story->answer.status) ? "OK" : story->answer.status.reason;
}

static void test_the_operator_adds_and_removes_services(void **state)
{
    struct story *story = *state;
    expect_florin(story, "keys list", 0, "risk ");
    expect_florin(story, "keys add-service risk", 1, "KEY_EXISTS");
    expect_florin(story, "keys add-service ledger", 3, "KEY_NAME_TAKEN");
    expect_florin(story, "keys remove-service ops", 3, "KEY_NAME_TAKEN");
    expect_florin(story, "keys add-service ../risk", 3, "KEY_NAME");
    expect_florin(story, "keys remove-service nobody", 1, "KEY_NOT_FOUND");
    expect_florin(story, "keys add-service siem", 0, "siem.key");
    WAIT_FOR(strcmp(ask_with(story, "siem"), "OK") == 0); // Files are looked at once a second.
    char path[PATH_BYTES], kept[PATH_BYTES];
    path_in(story, "keys/siem.key", path);
    path_in(story, "siem.key", kept);
    assert_int_equal(rename(path, kept), 0); // Handed over; only the public half is left.
    expect_florin(story, "keys add-service siem", 1, "KEY_EXISTS");
    expect_florin(story, "keys remove-service siem", 0, "known no longer");
    expect_florin(story, "keys add-service other", 0, "other.key");
    WAIT_FOR(strcmp(ask_with(story, "other"), "OK") == 0); // So the files were looked at again,
    assert_int_equal(rename(kept, path), 0);
    assert_string_equal(ask_with(story, "siem"), "TOKEN_MALFORMED"); // and this key is nobody's.
}

static void test_the_operator_lets_a_follower_go(void **state)
{
    struct story *story = *state;
    static struct follower own;
    char output[4096];
    struct florin_subscriber_config config = config_of(story, &own);
    config.consumer = "books";
    follow(&own, &config);
    WAIT_FOR(world_florin(&story->cast.world, "events consumers", output, sizeof output) == 0 &&
             strstr(output, "services/risk/books") != NULL);
    assert_non_null(strstr(output, "services/audit/")); // Of each source.
    leave(&own);
    expect_florin(story, "events consumers --service gateway", 2, "--service is one of");
    expect_florin(story, "events forget services/risk/books", 2, "--service is one of");
    expect_florin(story, "events forget services/audit/log --service ledger", 3, "CONSUMER_NEEDED");
    expect_florin(story, "events forget services/risk/books --service auth", 1,
                  "CONSUMER_NOT_FOUND");
    expect_florin(story, "events forget services/risk/books --service ledger", 0,
                  "ledger keeps no events for services/risk/books");
    expect_florin(story, "events forget services/risk/books --service ledger", 1,
                  "CONSUMER_NOT_FOUND");
    (void)learn(story);
    assert_int_equal(count_truth(story, " ledger.consumer.forgotten services/ledger services/ops"),
                     1);
}

// ---- Life ----------------------------------------------------------------------------------

static int open_story(void **state)
{
    static struct story story;
    struct cast *cast = &story.cast;
    const char *seed = getenv("FLORIN_SEED");
    story.seed = seed != NULL ? (unsigned)strtoul(seed, NULL, 10) : (unsigned)clock_wall_ns();
    print_message("seed %u\n", story.seed);
    world_open(&cast->world);
    cast_gather(cast);
    load_open(&story.load, &cast->world, cast->client, &cast->teller, &cast->maker, &cast->checker);
    story.ledger = direct_open(&cast->world, "ledger");
    direct_wait_up(story.ledger);
    if (world_florin(&cast->world, "keys add-service risk", NULL, 0) != 0) return -1;
    path_in(&story, "keys/risk.key", story.key);
    path_in(&story, "prefix", story.prefix);
    snprintf(story.events_url, sizeof story.events_url, "ipc://%s/run/ledger-events.sock",
             cast->world.data);
    snprintf(story.rpc_url, sizeof story.rpc_url, "ipc://%s/run/ledger.sock", cast->world.data);
    load_start(&story.load);
    *state = &story;
    return 0;
}

// The customers' tokens live for minutes: who pays during a test has just logged in.
static int log_payers_in(void **state)
{
    struct story *story = *state;
    load_stop(&story->load);
    for (unsigned i = 0; i < LOAD_PAYERS; i++)
        people_login(story->cast.client, &story->load.payers[i].person);
    load_start(&story->load);
    return 0;
}

static int close_story(void **state)
{
    struct story *story = *state;
    load_stop(&story->load);
    load_close(&story->load);
    for (size_t i = 0; i < story->truth.count; i++)
        free(story->truth.lines[i]);
    free(story->truth.lines);
    direct_reset(&story->answer);
    cast_dismiss(&story->cast);
    world_close(&story->cast.world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_library_is_installed_and_a_program_built_with_nothing_else),
        cmocka_unit_test_setup(test_a_follower_that_is_killed, log_payers_in),
        cmocka_unit_test_setup(test_a_follower_in_another_language_that_is_killed, log_payers_in),
        cmocka_unit_test_setup(test_a_follower_that_is_slow, log_payers_in),
        cmocka_unit_test_setup(test_a_follower_behind_a_cut_connection, log_payers_in),
        cmocka_unit_test_setup(test_followers_that_start_late, log_payers_in),
        cmocka_unit_test(test_what_cannot_be_opened),
        cmocka_unit_test(test_its_key_opens_nothing_else),
        cmocka_unit_test(test_the_operator_lets_a_follower_go),
        cmocka_unit_test(test_the_operator_adds_and_removes_services),
    };
    cast_pick_tests();
    return cmocka_run_group_tests_name("subscriber", tests, open_story, close_story);
}
