#include "services/audit/suspicion.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/record.h"
#include "common/crypto/hash.h"
#include "common/event/event.h"
#include "services/audit/convert_report.h"
#include "services/audit/store_report.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARENA_BYTES_MAX = 1024 * 1024, FAMILY_V4 = 4, FAMILY_V6 = 6 };

#define LATE_NS (UINT64_C(3600) * NS_PER_SECOND)

struct audit_suspicion {
    struct store *store;
    struct audit_rule_settings settings;
    uint8_t network_key[AUDIT_NETWORK_KEY_BYTES];
    char summaries[AUDIT_RULE_LAST][AUDIT_SUMMARY_BYTES];
    struct arena *arena; // The writer thread's, for one payload.
    // The followers' thread's:
    struct audit_watch_place place; // Where clearing goes on.
    uint64_t newest_ns;             // The newest time seen in the log.
};

// ---- What rules see of an event ------------------------------------------------------------

// The network's family and address: a /24, or a /48. false: it is no address.
static bool network_of(struct bytes client_ip, uint8_t ret[static 7], size_t *ret_size)
{
    char text[INET6_ADDRSTRLEN];
    uint8_t address[16];
    if (client_ip.size == 0 || client_ip.size >= sizeof text) return false;
    memcpy(text, client_ip.data, client_ip.size);
    text[client_ip.size] = '\0';
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    const uint8_t *from = address;
    bool is_v4 = inet_pton(AF_INET, text, address) == 1;
    if (!is_v4 && inet_pton(AF_INET6, text, address) != 1) return false;
    if (!is_v4 && memcmp(address, mapped, sizeof mapped) == 0) {
        from += sizeof mapped;
        is_v4 = true;
    }
    ret[0] = is_v4 ? FAMILY_V4 : FAMILY_V6;
    *ret_size = 1 + (is_v4 ? 3 : 6);
    memcpy(ret + 1, from, *ret_size - 1);
    return true;
}

// Two users of one network have different hashes: nobody sees from the store who shares one.
static bool hash_network(const struct audit_suspicion *suspicion, struct bytes client_ip,
                         struct bytes user, uint8_t ret[static AUDIT_NETWORK_BYTES])
{
    uint8_t network[7], hash[HASH_SHA256_BYTES];
    size_t size;
    if (!network_of(client_ip, network, &size)) return false;
    const struct bytes parts[] = {bytes_of(suspicion->network_key, AUDIT_NETWORK_KEY_BYTES),
                                  bytes_of(network, sizeof network), user};
    memset(network + size, 0, sizeof network - size);
    hash_sha256(parts, sizeof parts / sizeof parts[0], hash);
    memcpy(ret, hash, AUDIT_NETWORK_BYTES);
    return true;
}

// Of a movement between two owners the debited one stands first; the bank has none. So it is the
// customer whose money moved, whichever side was his.
static struct bytes owner_of(const struct audit_side *side)
{
    struct record_reader reader = record_read_key(side->visible_to);
    return record_take_run32(&reader);
}

static struct audit_rule_event see(struct audit_suspicion *suspicion,
                                   const struct audit_event *event,
                                   uint8_t network[static AUDIT_NETWORK_BYTES],
                                   struct audit_movement *movement)
{
    const struct audit_entry *entry = &event->entry;
    static const char moved[] = "ledger.transfer.";
    struct audit_rule_event seen = {.index = event->index,
                                    .time_ns = entry->time_ns,
                                    .action = entry->action,
                                    .actor = entry->actor,
                                    .subject = entry->resource};
    if (hash_network(suspicion, event->side.client_ip, entry->resource, network))
        seen.network = network;
    bool is_transfer = entry->action.size > sizeof moved - 1 &&
                       memcmp(entry->action.data, moved, sizeof moved - 1) == 0;
    arena_reset(suspicion->arena);
    if (!is_transfer || !audit_convert_movement(event->side.payload, suspicion->arena, movement))
        return seen;
    seen.currency = movement->currency;
    seen.amount = movement->amount;
    seen.owner = owner_of(&event->side);
    return seen;
}

// ---- Findings ------------------------------------------------------------------------------

static void add_sightings(struct audit_finding *finding, const struct audit_rule_step *step)
{
    for (size_t i = 0; i < step->count; i++) {
        uint64_t time_ns = step->sightings[i].time_ns;
        if (finding->first_ns == 0 || time_ns < finding->first_ns) finding->first_ns = time_ns;
        if (time_ns > finding->last_ns) finding->last_ns = time_ns;
        if (finding->index_count == AUDIT_FINDING_INDEXES_MAX) {
            finding->index_count--;
            memmove(finding->indexes, finding->indexes + 1,
                    finding->index_count * sizeof finding->indexes[0]);
        }
        finding->indexes[finding->index_count++] = step->sightings[i].index;
    }
    finding->count += (uint32_t)step->count;
}

static void tell(struct store_txn *txn, const struct audit_finding *finding)
{
    uint8_t payload[AUDIT_SUSPICION_FOUND_BYTES_MAX];
    char subject[sizeof "findings/" + 20];
    snprintf(subject, sizeof subject, "findings/%" PRIu64, finding->id);
    size_t size = audit_convert_suspicion_found(finding, payload);
    // Visible to auditors only: whom a rule watches must not learn of it. So it is not his name
    // that it is about, which would bring it into his stream: that stands in the payload.
    event_append(txn, &(struct event){.type = "audit.suspicion.found",
                                      .subject = subject,
                                      .actor = "services/audit",
                                      .payload = bytes_of(payload, size)});
}

static struct status find_new(struct store_txn *txn, enum audit_rule rule, struct bytes subject,
                              const struct audit_rule_step *step, struct audit_watch *watch)
{
    struct audit_finding finding = {.rule = rule, .subject = subject};
    RETURN_IF_ERROR(audit_store_next_finding_id(txn, &finding.id));
    add_sightings(&finding, step);
    audit_store_put_finding(txn, &finding);
    tell(txn, &finding);
    watch->finding_id = finding.id;
    return STATUS_SUCCESS;
}

static struct status grow(struct store_txn *txn, struct bytes subject,
                          const struct audit_rule_step *step, const struct audit_watch *watch)
{
    struct audit_finding finding;
    RETURN_IF_ERROR(audit_store_get_finding(txn, watch->finding_id, &finding));
    finding.subject = subject; // It is the same; the stored one moves with the write.
    add_sightings(&finding, step);
    audit_store_put_finding(txn, &finding);
    return STATUS_SUCCESS;
}

// ---- Following -----------------------------------------------------------------------------

static bool is_empty(const struct audit_watch *watch)
{
    return watch->sighting_count == 0 && watch->network_count == 0 && watch->finding_id == 0;
}

static struct status apply(struct audit_suspicion *suspicion, struct store_txn *txn,
                           enum audit_rule rule, const struct audit_rule_event *event,
                           struct bytes subject)
{
    struct audit_watch watch;
    struct audit_rule_step step;
    if (subject.size > AUDIT_SUBJECT_BYTES_MAX) subject.size = AUDIT_SUBJECT_BYTES_MAX;
    RETURN_IF_ERROR(audit_store_get_watch(txn, rule, subject, &watch));
    audit_rule_apply(&suspicion->settings, rule, event, &watch, &step);
    if (step.verdict == AUDIT_VERDICT_FOUND)
        RETURN_IF_ERROR(find_new(txn, rule, subject, &step, &watch));
    if (step.verdict == AUDIT_VERDICT_GROWS) RETURN_IF_ERROR(grow(txn, subject, &step, &watch));
    if (is_empty(&watch))
        audit_store_delete_watch(txn, rule, subject);
    else
        audit_store_put_watch(txn, rule, subject, &watch);
    return STATUS_SUCCESS;
}

static bool wants(void *context, const struct audit_entry *entry)
{
    struct audit_suspicion *suspicion = context;
    if (entry->time_ns > suspicion->newest_ns) suspicion->newest_ns = entry->time_ns;
    return audit_rules_want(entry);
}

static struct status take(void *context, struct store_txn *txn, const struct audit_event *events,
                          size_t count)
{
    struct audit_suspicion *suspicion = context;
    for (size_t i = 0; i < count; i++) {
        uint8_t network[AUDIT_NETWORK_BYTES];
        struct audit_movement movement;
        struct audit_rule_event event = see(suspicion, &events[i], network, &movement);
        for (size_t k = 0; k < AUDIT_RULE_LAST; k++) {
            enum audit_rule rule = audit_rules[k].rule;
            struct bytes subject;
            if (audit_rule_concerns(&suspicion->settings, rule, &event, &subject))
                RETURN_IF_ERROR(apply(suspicion, txn, rule, &event, subject));
        }
    }
    return STATUS_SUCCESS;
}

// ---- Clearing away -------------------------------------------------------------------------

struct clearing {
    struct audit_suspicion *suspicion;
    uint64_t now_ns;
    struct audit_watch_place place; // Of this run of the job.
    size_t dropped;
    bool is_end;
};

static bool is_over(void *context, enum audit_rule rule, const struct audit_watch *watch)
{
    const struct clearing *clearing = context;
    bool is_rule = rule >= AUDIT_RULE_FAILURES_THEN_SUCCESS && rule <= AUDIT_RULE_LAST;
    return !is_rule || audit_rule_is_over(rule, watch, clearing->now_ns);
}

static struct status run_clearing(struct store_txn *txn, void *context)
{
    struct clearing *clearing = context;
    clearing->place = clearing->suspicion->place;
    return audit_store_clear_watches(txn, &clearing->place, AUDIT_WATCH_ROWS_PER_MINUTE, is_over,
                                     clearing, &clearing->dropped, &clearing->is_end);
}

struct status audit_suspicion_clear(struct audit_suspicion *suspicion, uint64_t now_ns,
                                    size_t *ret_dropped, bool *ret_end)
{
    struct clearing clearing = {.suspicion = suspicion, .now_ns = now_ns};
    RETURN_IF_ERROR(store_write_wait(suspicion->store, run_clearing, &clearing));
    suspicion->place = clearing.place;
    *ret_dropped = clearing.dropped;
    *ret_end = clearing.is_end;
    return STATUS_SUCCESS;
}

// By the log's own time, and an hour behind it: what a daemon that was away has yet to tell may
// still be about what is remembered.
static void tend(void *context)
{
    struct audit_suspicion *suspicion = context;
    uint64_t now_ns = clock_wall_ns();
    if (suspicion->newest_ns < now_ns) now_ns = suspicion->newest_ns;
    if (now_ns < LATE_NS) return; // Nothing was seen yet.
    size_t dropped;
    bool is_end;
    struct status status = audit_suspicion_clear(suspicion, now_ns - LATE_NS, &dropped, &is_end);
    if (!status_ok(status))
        log_status(LOG_LEVEL_WARN, "what the rules remember was not cleared", status);
}

// ---- Life ----------------------------------------------------------------------------------

struct status audit_suspicion_open(const struct audit_suspicion_config *config,
                                   struct audit_suspicion **ret)
{
    struct audit_rule_settings settings;
    RETURN_IF_ERROR(audit_office_parse(config->office_hours, config->office_days,
                                       config->office_utc_offset, &settings.office));
    RETURN_IF_ERROR(audit_structuring_parse(config->structuring_limits, &settings.structuring));
    struct audit_suspicion *suspicion = calloc(1, sizeof *suspicion);
    CHECK(suspicion != NULL);
    suspicion->store = config->store;
    suspicion->settings = settings;
    suspicion->arena = arena_open(ARENA_BYTES_MAX);
    memcpy(suspicion->network_key, config->network_key, AUDIT_NETWORK_KEY_BYTES);
    for (size_t i = 0; i < AUDIT_RULE_LAST; i++)
        audit_rule_summary(&settings, audit_rules[i].rule, suspicion->summaries[i]);
    *ret = suspicion;
    return STATUS_SUCCESS;
}

void audit_suspicion_close(struct audit_suspicion **suspicion)
{
    if (*suspicion == NULL) return;
    arena_close(&(*suspicion)->arena);
    free(*suspicion);
    *suspicion = NULL;
}

struct audit_follower audit_suspicion_follower(struct audit_suspicion *suspicion)
{
    return (struct audit_follower){.name = AUDIT_SUSPICION_FOLLOWER,
                                   .wants = wants,
                                   .take = take,
                                   .tend = tend,
                                   .metric_labels = "follower=\"suspicion\"",
                                   .context = suspicion};
}

const char *audit_suspicion_summary(const struct audit_suspicion *suspicion, enum audit_rule rule)
{
    CHECK(rule >= AUDIT_RULE_FAILURES_THEN_SUCCESS && rule <= AUDIT_RULE_LAST);
    return suspicion->summaries[rule - 1];
}

bool audit_finding_matches(const struct audit_finding_filter *filter,
                           const struct audit_finding *finding)
{
    if (filter->rule != 0 && filter->rule != finding->rule) return false;
    if (filter->subject.size > 0 && !bytes_equal(filter->subject, finding->subject)) return false;
    if (finding->last_ns < filter->from_ns) return false;
    return filter->to_ns == 0 || finding->first_ns < filter->to_ns;
}
