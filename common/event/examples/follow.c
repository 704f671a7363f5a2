// Follows a Florin daemon's events and writes a line for each, once, whatever happens in between:
// kill it as often as you like.
//
//     cc -o follow follow.c $(pkg-config --cflags --libs florin-subscriber)
//     ./follow ledger ipc:///florin/run/ledger-events.sock ipc:///florin/run/ledger.sock
//              risk.key events.txt 'ledger.transfer.*'
//
// The key is what `florin keys add-service risk` made. The line's file stands for whatever you make
// of events. It and the cursor must change together or not at all; with a database both go into
// one transaction. Here the cursor's file, replaced by rename(2), also says how long the lines'
// file was: what a crash left behind that length is cut off at the next start, and comes again.
//
// From another host use tls+tcp:// URLs and set TLS_CA, TLS_CERTIFICATE and TLS_KEY (PEM files).
#include <errno.h>
#include <fcntl.h>
#include <florin/subscriber.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 1000, LINGER_MS = 20 };

struct follower {
    char cursor_path[PATH_BYTES + 16], new_path[PATH_BYTES + 16];
    FILE *lines;
    long bytes; // Of the lines that the stored cursor stands for.
    struct florin_cursor cursor;
};

static void give_up(const char *what)
{
    fprintf(stderr, "follow: %s: %s\n", what, strerror(errno));
    exit(1);
}

// ---- Effect and cursor ---------------------------------------------------------------------

static void sync_directory_of(const char *path)
{
    char directory[PATH_BYTES + 16];
    snprintf(directory, sizeof directory, "%s", path);
    char *slash = strrchr(directory, '/');
    if (slash != NULL) slash[1] = '\0';
    int fd = open(slash != NULL ? directory : ".", O_RDONLY | O_DIRECTORY);
    if (fd < 0 || fsync(fd) != 0) give_up(directory);
    close(fd);
}

static int store_cursor(struct follower *own, const struct florin_cursor *cursor)
{
    FILE *file = fopen(own->new_path, "w");
    if (file == NULL) return -1;
    int failed =
        fprintf(file, "%" PRIu64 " %" PRIu64 " %ld\n", cursor->seq, cursor->log_id, own->bytes) < 0;
    failed |= fflush(file) != 0 || fsync(fileno(file)) != 0;
    failed |= fclose(file) != 0;
    if (failed || rename(own->new_path, own->cursor_path) != 0) return -1;
    sync_directory_of(own->cursor_path);
    return 0;
}

// Called with events in order, each once relative to the cursor; 0 says that both are durable.
static int handle(void *context, const struct florin_event *events, size_t count,
                  const struct florin_cursor *cursor)
{
    struct follower *own = context;
    // After a failure the same events come again: begin where the stored cursor stands.
    if (fseek(own->lines, own->bytes, SEEK_SET) != 0) return -1;
    for (size_t i = 0; i < count; i++) {
        const struct florin_event *event = &events[i];
        if (fprintf(own->lines, "%" PRIu64 " %" PRIu64 " %s %s %s %s\n", event->seq, event->time_ns,
                    event->type, event->subject, event->actor, event->outcome) < 0)
            return -1;
    }
    if (fflush(own->lines) != 0 || fdatasync(fileno(own->lines)) != 0) return -1;
    long before = own->bytes;
    own->bytes = ftell(own->lines);
    if (store_cursor(own, cursor) == 0) return 0;
    own->bytes = before;
    return -1;
}

static void open_files(struct follower *own, const char *path)
{
    snprintf(own->cursor_path, sizeof own->cursor_path, "%s.cursor", path);
    snprintf(own->new_path, sizeof own->new_path, "%s.new", path);
    FILE *cursor = fopen(own->cursor_path, "r");
    if (cursor == NULL && errno != ENOENT) give_up(own->cursor_path);
    if (cursor != NULL && fscanf(cursor, "%" SCNu64 " %" SCNu64 " %ld", &own->cursor.seq,
                                 &own->cursor.log_id, &own->bytes) != 3) {
        errno = EINVAL;
        give_up(own->cursor_path);
    }
    if (cursor != NULL) fclose(cursor);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, own->bytes) != 0) give_up(path);
    own->lines = fdopen(fd, "r+");
    if (own->lines == NULL) give_up(path);
}

// ---- Life ----------------------------------------------------------------------------------

// 0 when we are told to end, 3 when an operator is needed.
static int wait_for_end(struct florin_subscriber *subscriber, const sigset_t *ends)
{
    const struct timespec pause = {.tv_sec = 1};
    for (;;) {
        struct florin_subscriber_state state;
        if (sigtimedwait(ends, NULL, &pause) > 0) return 0;
        florin_subscriber_get_state(subscriber, &state);
        if (state.stop_reason == NULL) continue;
        fprintf(stderr, "follow: stopped at %" PRIu64 ": %s\n", state.seq, state.stop_reason);
        return 3;
    }
}

int main(int argc, char **argv)
{
    if (argc < 6 || strlen(argv[5]) >= PATH_BYTES) {
        fprintf(stderr, "usage: follow SOURCE EVENTS_URL RPC_URL KEY_FILE OUTPUT [TYPE...]\n");
        return 2;
    }
    sigset_t ends; // Before the first thread starts, so that each thread leaves them to us.
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, NULL);

    static struct follower own;
    open_files(&own, argv[5]);
    const struct florin_subscriber_config config = {
        .source = argv[1],
        .events_url = argv[2],
        .rpc_url = argv[3],
        .key_file = argv[4],
        .tls_ca_file = getenv("TLS_CA"),
        .tls_certificate_file = getenv("TLS_CERTIFICATE"),
        .tls_key_file = getenv("TLS_KEY"),
        .cursor = own.cursor,
        .types = (const char *const *)argv + 6,
        .type_count = (size_t)argc - 6,
        .linger_ms = LINGER_MS,
        .handle = handle,
        .context = &own,
    };
    struct florin_subscriber *subscriber;
    const char *reason;
    if (florin_subscriber_open(&config, &subscriber, &reason) != 0) {
        fprintf(stderr, "follow: %s\n", reason);
        return 1;
    }
    int code = wait_for_end(subscriber, &ends);
    florin_subscriber_close(&subscriber);
    fclose(own.lines);
    return code;
}
