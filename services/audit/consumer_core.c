#include "services/audit/consumer_core.h"

#include "common/base/check.h"

// ---- Definitions ---------------------------------------------------------------------------

static bool is_same_filter(const struct audit_stream_filter *a, const struct audit_stream_filter *b)
{
    if (a->type_count != b->type_count) return false;
    for (size_t i = 0; i < a->type_count; i++)
        if (!bytes_equal(a->types[i], b->types[i])) return false;
    return bytes_equal(a->actor, b->actor) && bytes_equal(a->resource, b->resource) &&
           bytes_equal(a->outcome, b->outcome);
}

bool audit_consumer_is_same(const struct audit_consumer *a, const struct audit_consumer *b)
{
    return bytes_equal(a->owner, b->owner) && a->ack_wait_ms == b->ack_wait_ms &&
           a->start == b->start && a->start_value == b->start_value &&
           is_same_filter(&a->filter, &b->filter);
}

// ---- Going forward -------------------------------------------------------------------------

void audit_flight_begin(struct audit_flight *flight, const struct audit_consumer *consumer,
                        uint64_t reach)
{
    *flight = (struct audit_flight){
        .id = consumer->id,
        .acknowledged = consumer->acknowledged,
        .delivered = consumer->acknowledged,
        .reach = reach > consumer->acknowledged ? reach : consumer->acknowledged,
        .epoch = 1,
        .attempt = 1,
        .redeliveries = consumer->redeliveries,
    };
}

static void drop_stretches(struct audit_flight *flight, uint64_t acknowledged)
{
    size_t done = 0;
    while (done < flight->stretch_count && flight->stretches[done].upto <= acknowledged)
        done++;
    flight->stretch_count -= done;
    for (size_t i = 0; i < flight->stretch_count; i++)
        flight->stretches[i] = flight->stretches[i + done];
}

// Never backwards: a snapshot may be older than what this was told last.
static void move_acknowledged(struct audit_flight *flight, uint64_t acknowledged)
{
    if (acknowledged <= flight->acknowledged) return;
    flight->acknowledged = acknowledged;
    if (flight->delivered < acknowledged) flight->delivered = acknowledged;
    if (flight->reach < acknowledged) flight->reach = acknowledged;
    if (flight->again_below <= acknowledged) {
        flight->again_below = 0;
        flight->attempt = 1;
    }
    drop_stretches(flight, acknowledged);
}

void audit_flight_follow(struct audit_flight *flight, const struct audit_consumer *consumer)
{
    CHECK(id128_equal(flight->id, consumer->id));
    move_acknowledged(flight, consumer->acknowledged);
}

uint64_t audit_flight_settled(const struct audit_flight *flight)
{
    return flight->stretch_count == 0 ? flight->delivered : flight->acknowledged;
}

struct status audit_flight_check_room(const struct audit_flight *flight)
{
    uint64_t unacknowledged = 0;
    for (size_t i = 0; i < flight->stretch_count; i++)
        unacknowledged += flight->stretches[i].count;
    if (unacknowledged < AUDIT_UNACKNOWLEDGED_MAX) return STATUS_SUCCESS;
    return REFUSE(RESOURCE_EXHAUSTED, TOO_MANY_UNACKNOWLEDGED,
                  "65,536 events are delivered and not acknowledged: acknowledge first");
}

static void add_stretch(struct audit_flight *flight, const struct audit_stretch *stretch)
{
    if (flight->stretch_count < AUDIT_STRETCHES_MAX) {
        flight->stretches[flight->stretch_count++] = *stretch;
        return;
    }
    // The newest two become one, which is due with the later of them.
    struct audit_stretch *last = &flight->stretches[AUDIT_STRETCHES_MAX - 1];
    last->count += stretch->count;
    last->upto = stretch->upto;
    last->due_ns = stretch->due_ns;
}

bool audit_flight_deliver(struct audit_flight *flight, uint64_t epoch, uint64_t from, uint64_t to,
                          size_t count, uint64_t due_ns)
{
    CHECK(from <= to);
    CHECK(count <= to - from);
    if (flight->epoch != epoch || flight->delivered != from) return false;
    if (flight->stretch_count == 0) move_acknowledged(flight, from); // All of it is settled.
    flight->delivered = to;
    if (flight->reach < to) flight->reach = to;
    if (count > 0) {
        add_stretch(flight, &(struct audit_stretch){
                                .upto = to, .due_ns = due_ns, .count = (uint32_t)count});
    }
    return true;
}

uint32_t audit_flight_attempt(const struct audit_flight *flight, uint64_t index)
{
    return index < flight->again_below ? flight->attempt : 1;
}

// ---- Going back ----------------------------------------------------------------------------

void audit_flight_restart(struct audit_flight *flight)
{
    flight->epoch++;
    if (flight->stretch_count == 0) return; // What did not match need not be looked at again.
    flight->attempt = flight->again_below > flight->acknowledged ? flight->attempt + 1 : 2;
    if (flight->again_below < flight->delivered) flight->again_below = flight->delivered;
    flight->delivered = flight->acknowledged;
    flight->stretch_count = 0;
    flight->redeliveries++;
}

uint64_t audit_flight_due(const struct audit_flight *flight)
{
    return flight->stretch_count > 0 ? flight->stretches[0].due_ns : UINT64_MAX;
}

void audit_flight_expire(struct audit_flight *flight, uint64_t now_ns)
{
    if (audit_flight_due(flight) <= now_ns) audit_flight_restart(flight);
}

// ---- Acknowledging -------------------------------------------------------------------------

struct status audit_flight_acknowledge(const struct audit_flight *flight, uint64_t upto,
                                       uint64_t *ret)
{
    *ret = flight->acknowledged;
    // Nobody who was given nothing yet can mean the log's first entry.
    bool is_nothing = upto == 0 && flight->reach == 0;
    if (is_nothing || upto < flight->acknowledged) return STATUS_SUCCESS;
    if (upto >= flight->reach) {
        return REFUSE(OUT_OF_RANGE, NOT_DELIVERED, "nothing was delivered up to there yet");
    }
    struct audit_flight then = *flight;
    move_acknowledged(&then, upto + 1);
    *ret = audit_flight_settled(&then);
    return STATUS_SUCCESS;
}
