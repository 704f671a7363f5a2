#include "services/audit/sources.h"

#include "common/base/check.h"

#include <stdio.h>

const char *const audit_source_names[AUDIT_SOURCES] = {"auth", "kyc", "ledger", "audit"};

// Labels live as long as the process, as metrics want them.
static const char *const labels[AUDIT_SOURCES] = {"source=\"auth\"", "source=\"kyc\"",
                                                  "source=\"ledger\"", "source=\"audit\""};

void audit_sources_open(struct audit_service *service, struct audit_sources *ret)
{
    *ret = (struct audit_sources){.service = service};
    pthread_mutex_init(&ret->lock, NULL);
    for (size_t i = 0; i < AUDIT_SOURCES; i++) {
        struct audit_source *source = &ret->items[i];
        source->all = ret;
        source->name = audit_source_names[i];
        audit_batch_open(&source->batch);
        source->events_total =
            metric_counter("florin_audit_events_total", "Events put into the log.", labels[i]);
        source->lag =
            metric_gauge("florin_audit_source_lag",
                         "Events that the source has and the log has not yet.", labels[i]);
        source->stale = metric_gauge("florin_audit_source_stale",
                                     "1 when nothing was heard of the source for 5 s.", labels[i]);
    }
}

// ---- Events --------------------------------------------------------------------------------

bool audit_sources_state(struct audit_sources *sources, size_t which,
                         struct event_subscriber_state *ret)
{
    CHECK(which < AUDIT_SOURCES);
    pthread_mutex_lock(&sources->lock);
    struct event_subscriber *subscriber = sources->items[which].subscriber;
    if (subscriber != NULL) event_subscriber_get_state(subscriber, ret);
    pthread_mutex_unlock(&sources->lock);
    return subscriber != NULL;
}

/// note_lag: everything up to `seq` is in the log.
static void note_lag(struct audit_source *source, uint64_t seq)
{
    struct event_subscriber_state state;
    if (!audit_sources_state(source->all, (size_t)(source - source->all->items), &state)) return;
    metric_set(source->lag, state.head_seq > seq ? (int64_t)(state.head_seq - seq) : 0);
}

struct status audit_sources_handle(void *context, const struct event_view *events, size_t count,
                                   uint64_t log_id)
{
    struct audit_source *source = context;
    note_lag(source, events[0].seq - 1); // Before: it may be long until the log can take them.
    RETURN_IF_ERROR(audit_batch_fill(&source->batch, source->name, events, count));
    RETURN_IF_ERROR(
        audit_service_accept(source->all->service, source->name, log_id, &source->batch));
    metric_add(source->events_total, count);
    note_lag(source, events[count - 1].seq);
    return STATUS_SUCCESS;
}

static void note_stale(void *context, bool stale)
{
    struct audit_source *source = context;
    metric_set(source->stale, stale);
}

// ---- Life ----------------------------------------------------------------------------------

static struct status start_source(struct audit_source *source, struct daemon *daemon)
{
    struct audit_mark mark;
    RETURN_IF_ERROR(audit_service_mark(source->all->service, source->name, &mark));
    struct event_subscriber_config config = {
        .consumer = "audit",
        .linger_ms = (uint32_t)config_u64(daemon_config(daemon), "audit", "linger"),
        .after_seq = mark.seq,
        .log_id = mark.log_id,
        .handle = audit_sources_handle,
        .stale_changed = note_stale,
        .context = source,
    };
    struct event_subscriber *subscriber = NULL;
    RETURN_IF_ERROR(daemon_subscribe(daemon, source->name, &config, &subscriber));
    pthread_mutex_lock(&source->all->lock);
    source->subscriber = subscriber;
    pthread_mutex_unlock(&source->all->lock);
    return STATUS_SUCCESS;
}

struct status audit_sources_start(struct audit_sources *sources, struct daemon *daemon)
{
    for (size_t i = 0; i < AUDIT_SOURCES; i++)
        RETURN_IF_ERROR(start_source(&sources->items[i], daemon));
    return STATUS_SUCCESS;
}

void audit_sources_stop(struct audit_sources *sources)
{
    for (size_t i = 0; i < AUDIT_SOURCES; i++) {
        pthread_mutex_lock(&sources->lock);
        struct event_subscriber *subscriber = sources->items[i].subscriber;
        sources->items[i].subscriber = NULL;
        pthread_mutex_unlock(&sources->lock);
        event_subscriber_close(&subscriber); // Without the lock: its thread may be waiting for it.
    }
}

void audit_sources_close(struct audit_sources *sources)
{
    for (size_t i = 0; i < AUDIT_SOURCES; i++)
        audit_batch_close(&sources->items[i].batch);
    pthread_mutex_destroy(&sources->lock);
}

// ---- Health --------------------------------------------------------------------------------

bool audit_sources_serving(void *context, const char **ret_detail)
{
    // Static texts, because health is told after this returns.
    static const char *const stopped[AUDIT_SOURCES] = {
        "auth needs an operator", "kyc needs an operator", "ledger needs an operator",
        "audit needs an operator"};
    static const char *const stale[AUDIT_SOURCES] = {"auth is stale", "kyc is stale",
                                                     "ledger is stale", "audit is stale"};
    struct audit_sources *sources = context;
    for (size_t i = 0; i < AUDIT_SOURCES; i++) {
        struct event_subscriber_state state;
        if (!audit_sources_state(sources, i, &state)) continue;
        if (state.is_stale) *ret_detail = stale[i];
        if (!state.is_stopped) continue;
        *ret_detail = stopped[i];
        return false;
    }
    return true;
}
