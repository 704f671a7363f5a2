// `florin audit tail`: the log as it grows, a line an event. It goes on behind the last one
// whatever happens to the daemon meanwhile; Ctrl-C ends it.
#include "common/base/clock.h"
#include "common/json/encode.h"
#include "florin/audit/v1/audit.pb-c.h"
#include "florin/audit/v1/audit_methods.h"
#include "services/ctl/client.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    TYPES_MAX = 64,
    TYPES_BYTES_MAX = 4096,
    WAIT_MS = 20 * 1000,
    CALL_TIMEOUT_MS = WAIT_MS + 10 * 1000,
    AWAY_PAUSE_MS = 200,
    TAIL_ARENA_BYTES = 64 << 20,
};

struct tail {
    struct ctl_client *client;
    struct arena *arena;
    char types_text[TYPES_BYTES_MAX];
    char *types[TYPES_MAX];
    size_t type_count;
    uint64_t next;
    bool json, is_away;
};

// Between lines the program ends at once; within one when the line is written.
static volatile sig_atomic_t is_printing, is_ending;

static void end(int signal_number)
{
    (void)signal_number;
    if (!is_printing) _exit(CTL_DONE);
    is_ending = 1;
}

// ---- Lines ---------------------------------------------------------------------------------

// What stands in an event is its source's: nothing of it may move the cursor of a terminal.
static void print_text(const char *text, char after)
{
    for (; *text != '\0'; text++)
        putchar((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
    putchar(after);
}

static void print_line(const Audit__AuditEvent *event)
{
    char time[CLOCK_RFC3339_BYTES];
    clock_format_rfc3339(event->time, time);
    printf("%s\t%" PRIu64 "\t", time, event->index);
    print_text(event->action, '\t');
    print_text(event->actor, '\t');
    print_text(event->resource, '\t');
    print_text(event->outcome, event->reason[0] != '\0' ? '\t' : '\n');
    if (event->reason[0] != '\0') print_text(event->reason, '\n');
}

static struct status print_event(struct tail *tail, const Audit__AuditEvent *event)
{
    if (!tail->json) {
        print_line(event);
        return STATUS_SUCCESS;
    }
    struct bytes text;
    struct arena_mark mark = arena_mark(tail->arena);
    RETURN_IF_ERROR(
        json_encode(&florin_audit_v1_audit_event_message, &event->base, tail->arena, &text));
    fwrite(text.data, 1, text.size, stdout);
    putchar('\n');
    arena_rewind(tail->arena, &mark);
    return STATUS_SUCCESS;
}

static struct status print_events(struct tail *tail, const Audit__ReadLogResponse *reply)
{
    struct status status = STATUS_SUCCESS;
    is_printing = 1;
    for (size_t i = 0; i < reply->n_deliveries && status_ok(status) && !is_ending; i++)
        status = print_event(tail, reply->deliveries[i]->event);
    // Whoever reads us (`| head`) may have enough.
    if (fflush(stdout) != 0 || ferror(stdout)) is_ending = 1;
    is_printing = 0;
    return status;
}

// ---- Reading -------------------------------------------------------------------------------

static struct status find_end(struct tail *tail)
{
    Audit__GetStatusRequest request = AUDIT__GET_STATUS_REQUEST__INIT;
    Audit__LogStatus *reply;
    RETURN_IF_ERROR(ctl_client_call(tail->client, &audit_methods[AUDIT_GET_STATUS], &request,
                                    CALL_TIMEOUT_MS, tail->arena, &reply));
    tail->next = reply->size;
    return STATUS_SUCCESS;
}

static struct status read_on(struct tail *tail)
{
    Audit__ReadLogRequest request = AUDIT__READ_LOG_REQUEST__INIT;
    Audit__ReadLogResponse *reply;
    request.from_index = tail->next;
    request.wait_ms = WAIT_MS;
    request.types = tail->types;
    request.n_types = tail->type_count;
    RETURN_IF_ERROR(ctl_client_call(tail->client, &audit_methods[AUDIT_READ_LOG], &request,
                                    CALL_TIMEOUT_MS, tail->arena, &reply));
    if (tail->is_away) {
        fprintf(stderr, "florin: audit tail: the log is back; going on at index %" PRIu64 "\n",
                tail->next);
        tail->is_away = false;
    }
    tail->next = reply->next_index;
    return print_events(tail, reply);
}

// Reading changes nothing, so whatever was lost on the way is asked for once more.
static bool is_passing(struct status status)
{
    return status.code == STATUS_UNAVAILABLE || status.code == STATUS_DEADLINE_EXCEEDED ||
           status.code == STATUS_RESOURCE_EXHAUSTED;
}

static struct status follow(struct tail *tail)
{
    for (;;) {
        arena_reset(tail->arena);
        struct status status = read_on(tail);
        if (is_ending) return STATUS_SUCCESS;
        if (status_ok(status)) continue;
        if (!is_passing(status)) return status;
        if (!tail->is_away) {
            fprintf(stderr, "florin: audit tail: the log is away (%s); it is waited for\n",
                    status.reason);
        }
        tail->is_away = true;
        usleep(AWAY_PAUSE_MS * 1000);
    }
}

// ---- The command ---------------------------------------------------------------------------

// false: too many, or too long. What is no pattern is refused by the daemon.
static bool take_types(struct tail *tail, const char *types)
{
    if (types == NULL) return true;
    if (strlen(types) >= sizeof tail->types_text) return false;
    memcpy(tail->types_text, types, strlen(types) + 1);
    char *rest = tail->types_text;
    for (char *type; (type = strsep(&rest, ",")) != NULL;) {
        if (tail->type_count == TYPES_MAX) return false;
        tail->types[tail->type_count++] = type;
    }
    return true;
}

static bool take_from(struct tail *tail, const char *from)
{
    char *rest = NULL;
    errno = 0;
    if (from[0] < '0' || from[0] > '9') return false;
    tail->next = strtoull(from, &rest, 10);
    return *rest == '\0' && errno == 0;
}

static void handle_signals(void)
{
    struct sigaction action = {.sa_handler = end};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static struct status run(struct tail *tail, const struct ctl_options *options)
{
    RETURN_IF_ERROR(ctl_client_open(options, "audit", &tail->client));
    if (options->from == NULL) RETURN_IF_ERROR(find_end(tail));
    return follow(tail);
}

int ctl_audit_tail(const struct ctl_options *options)
{
    static struct tail tail;
    tail = (struct tail){.json = options->json};
    if ((options->from != NULL && !take_from(&tail, options->from)) ||
        !take_types(&tail, options->types)) {
        fprintf(stderr, "florin: audit tail: --from is an index, --types at most 64 of them\n");
        return CTL_USAGE;
    }
    handle_signals();
    tail.arena = arena_open(TAIL_ARENA_BYTES);
    struct status status = run(&tail, options);
    int result = status_ok(status) ? CTL_DONE : ctl_complain("audit tail", status);
    ctl_client_close(&tail.client);
    arena_close(&tail.arena);
    return result;
}
