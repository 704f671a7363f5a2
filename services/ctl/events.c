// `florin events …`: who follows a daemon's events, and letting go of who will not come back.
#include "common/base/clock.h"
#include "florin/event/v1/event.pb-c.h"
#include "florin/event/v1/event_methods.h"
#include "services/ctl/client.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { EVENTS_TIMEOUT_MS = 5000, EVENTS_ARENA_BYTES = 1 << 20, AGE_BYTES = 32 };

// gateway only follows.
static const char *const sources[] = {"auth", "ledger", "kyc", "audit"};

enum { SOURCE_COUNT = sizeof sources / sizeof sources[0] };

static bool is_source(const char *name)
{
    for (size_t i = 0; i < SOURCE_COUNT; i++)
        if (strcmp(name, sources[i]) == 0) return true;
    return false;
}

static int no_such_source(const char *command)
{
    fprintf(stderr, "florin: %s: --service is one of auth, ledger, kyc, audit\n", command);
    return CTL_USAGE;
}

// ---- Consumers -----------------------------------------------------------------------------

/// How long ago something was: "12 s", "5 min", "3 h", "40 d".
static const char *age(uint64_t at_ns, char ret[static AGE_BYTES])
{
    static const struct {
        uint64_t seconds;
        const char *name;
    } units[] = {{24 * 3600, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};

    enum { LAST = sizeof units / sizeof units[0] - 1 };

    uint64_t now_ns = clock_wall_ns();
    uint64_t seconds = now_ns > at_ns ? (now_ns - at_ns) / NS_PER_SECOND : 0;
    size_t i = 0;
    while (i < LAST && seconds < 2 * units[i].seconds)
        i++;
    snprintf(ret, AGE_BYTES, "%" PRIu64 " %s", seconds / units[i].seconds, units[i].name);
    return ret;
}

static void print_consumers(const char *source, const Eventlog__ListConsumersResponse *reply)
{
    uint64_t kept = reply->head_seq + 1 - reply->first_seq;
    printf("%-8s events up to %" PRIu64 ", %" PRIu64 " of them kept\n", source, reply->head_seq,
           kept);
    for (size_t i = 0; i < reply->n_consumers; i++) {
        const Eventlog__Consumer *consumer = reply->consumers[i];
        char text[AGE_BYTES];
        uint64_t behind = reply->head_seq > consumer->acknowledged_seq
                              ? reply->head_seq - consumer->acknowledged_seq
                              : 0;
        printf("  %-40s has %" PRIu64 ", %" PRIu64 " behind, heard of %s ago\n", consumer->name,
               consumer->acknowledged_seq, behind, age(consumer->acknowledged_at_ns, text));
    }
}

static struct status show_source(const struct ctl_options *options, const char *source)
{
    struct ctl_client *client = NULL;
    struct arena *arena = arena_open(EVENTS_ARENA_BYTES);
    Eventlog__ListConsumersRequest request = EVENTLOG__LIST_CONSUMERS_REQUEST__INIT;
    Eventlog__ListConsumersResponse *reply = NULL;
    struct status status = ctl_client_open(options, source, &client);
    if (status_ok(status))
        status = ctl_client_call(client, &event_methods[EVENT_LIST_CONSUMERS], &request,
                                 EVENTS_TIMEOUT_MS, arena, &reply);
    if (status_ok(status)) print_consumers(source, reply);
    ctl_client_close(&client);
    arena_close(&arena);
    return status;
}

int ctl_events_consumers(const struct ctl_options *options)
{
    int result = CTL_DONE;
    if (options->service != NULL && !is_source(options->service))
        return no_such_source("events consumers");
    for (size_t i = 0; i < SOURCE_COUNT; i++) {
        if (options->service != NULL && strcmp(options->service, sources[i]) != 0) continue;
        struct status status = show_source(options, sources[i]);
        if (!status_ok(status)) result = ctl_complain(sources[i], status);
    }
    return result;
}

// ---- Letting go ----------------------------------------------------------------------------

/// Florin's own daemons come back: what they have not seen must stay.
static bool is_own(const char *consumer)
{
    static const char services[] = "services/";
    if (strncmp(consumer, services, strlen(services)) != 0) return false;
    const char *name = consumer + strlen(services);
    for (int i = 0; i < ctl_daemon_count; i++) {
        size_t size = strlen(ctl_daemons[i]);
        if (strncmp(name, ctl_daemons[i], size) == 0 && name[size] == '/') return true;
    }
    return false;
}

int ctl_events_forget(const struct ctl_options *options)
{
    struct ctl_client *client = NULL;
    Eventlog__ForgetConsumerRequest request = EVENTLOG__FORGET_CONSUMER_REQUEST__INIT;
    Eventlog__ForgetConsumerResponse *reply = NULL;
    request.name = (char *)options->operands[0];
    if (options->service == NULL || !is_source(options->service))
        return no_such_source("events forget");
    if (is_own(request.name))
        return ctl_complain("events forget",
                            REFUSE(FAILED_PRECONDITION, CONSUMER_NEEDED,
                                   "Florin's own daemons need every event, and come back"));
    struct arena *arena = arena_open(EVENTS_ARENA_BYTES);
    struct status status = ctl_client_open(options, options->service, &client);
    if (status_ok(status))
        status = ctl_client_call(client, &event_methods[EVENT_FORGET_CONSUMER], &request,
                                 EVENTS_TIMEOUT_MS, arena, &reply);
    int result = status_ok(status) ? CTL_DONE : ctl_complain("events forget", status);
    if (status_ok(status))
        printf("%s keeps no events for %s any longer\n", options->service, request.name);
    if (status.code == STATUS_NOT_FOUND) result = CTL_NO;
    ctl_client_close(&client);
    arena_close(&arena);
    return result;
}
