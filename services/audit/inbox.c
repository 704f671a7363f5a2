#include "services/audit/inbox.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/record.h"
#include "common/event/event.h"
#include "services/audit/convert_report.h"

#include <stdlib.h>

enum { ARENA_BYTES_MAX = 1024 * 1024, SECONDS_PER_DAY = 86400 };

struct audit_inbox {
    struct store *store;
    uint64_t kept_ns;
    struct arena *arena;   // The writer thread's, for one payload.
    struct id128 clear_at; // The followers' thread's: where clearing goes on.
};

static uint64_t cutoff_of(const struct audit_inbox *inbox, uint64_t now_ns)
{
    return now_ns > inbox->kept_ns ? now_ns - inbox->kept_ns : 0;
}

// ---- For whom ------------------------------------------------------------------------------

struct people {
    struct id128 ids[EVENT_VISIBLE_TO_MAX];
    size_t count;
};

/// "users/<uuid>"
static bool read_user(struct bytes name, struct id128 *ret)
{
    static const char users[] = "users/";
    const size_t size = sizeof users - 1;
    return name.size > size && memcmp(name.data, users, size) == 0 &&
           status_ok(id128_parse((const char *)name.data + size, name.size - size, ret));
}

static bool is_among(const struct people *people, struct id128 user_id)
{
    for (size_t i = 0; i < people->count; i++)
        if (id128_equal(people->ids[i], user_id)) return true;
    return false;
}

static struct people read_concerned(const struct audit_side *side)
{
    struct people people = {0};
    struct record_reader reader = record_read_key(side->visible_to);
    while (people.count < EVENT_VISIBLE_TO_MAX && !reader.is_broken && record_left(&reader) > 0) {
        struct id128 user_id;
        if (!read_user(record_take_run32(&reader), &user_id)) continue;
        if (!is_among(&people, user_id)) people.ids[people.count++] = user_id;
    }
    return people;
}

/// Who owned the two sides of a movement; nil: the bank.
struct sides {
    struct id128 debit_owner_id, credit_owner_id;
};

// Two people: the debited one stands first. One: who that is, the accounts say.
static struct status read_sides(struct store_txn *txn, const struct people *people,
                                const struct audit_movement *movement, struct sides *ret)
{
    *ret = (struct sides){0};
    if (people->count >= 2) {
        *ret = (struct sides){people->ids[0], people->ids[1]};
        return STATUS_SUCCESS;
    }
    if (people->count == 0) return STATUS_SUCCESS;
    RETURN_IF_ERROR(audit_store_get_owner(txn, movement->debit_account_id, &ret->debit_owner_id));
    return audit_store_get_owner(txn, movement->credit_account_id, &ret->credit_owner_id);
}

static bool is_actor(const struct audit_entry *entry, struct id128 user_id)
{
    struct id128 actor_id;
    return read_user(entry->actor, &actor_id) && id128_equal(actor_id, user_id);
}

static struct people choose_side(const struct audit_entry *entry, enum audit_audience audience,
                                 const struct sides *sides)
{
    struct people nobody = {0};
    struct id128 user_id =
        audience == AUDIT_AUDIENCE_CREDITED ? sides->credit_owner_id : sides->debit_owner_id;
    if (id128_is_nil(user_id) || id128_equal(sides->debit_owner_id, sides->credit_owner_id))
        return nobody;
    if (is_actor(entry, user_id)) return nobody;
    return (struct people){.ids = {user_id}, .count = 1};
}

// ---- Making them ---------------------------------------------------------------------------

static struct bytes cut(struct bytes text, size_t size_max)
{
    return bytes_of(text.data, text.size < size_max ? text.size : size_max);
}

/// Tells what the rule says; people is empty when there is nobody to tell.
static struct status fill(struct audit_inbox *inbox, struct store_txn *txn,
                          const struct audit_notice_rule *rule, const struct audit_event *event,
                          struct audit_notice *notice, struct people *ret_people)
{
    const struct audit_side *side = &event->side;
    struct people concerned = read_concerned(side);
    *ret_people = (struct people){0};
    arena_reset(inbox->arena);
    if (rule->audience == AUDIT_AUDIENCE_CONCERNED) {
        struct audit_login_risk risk = {0};
        if (rule->is_of_new_device) risk = audit_convert_login(side->payload, inbox->arena);
        if (rule->is_of_new_device && !audit_notice_is_new_device(risk, side->device_id.size > 0))
            return STATUS_SUCCESS;
        notice->word = cut(audit_convert_word(rule->word, side->payload, inbox->arena),
                           AUDIT_NOTICE_WORD_BYTES_MAX);
        *ret_people = concerned;
        return STATUS_SUCCESS;
    }
    struct audit_movement movement;
    struct sides sides;
    if (!audit_convert_movement(side->payload, inbox->arena, &movement)) return STATUS_SUCCESS;
    RETURN_IF_ERROR(read_sides(txn, &concerned, &movement, &sides));
    memcpy(notice->currency, movement.currency, sizeof notice->currency);
    notice->amount = movement.amount;
    *ret_people = choose_side(&event->entry, rule->audience, &sides);
    return STATUS_SUCCESS;
}

static struct status apply(struct audit_inbox *inbox, struct store_txn *txn,
                           const struct audit_notice_rule *rule, const struct audit_event *event)
{
    struct audit_notice notice = {.index = event->index,
                                  .kind = rule->kind,
                                  .time_ns = event->entry.time_ns,
                                  .resource =
                                      cut(event->entry.resource, AUDIT_NOTICE_RESOURCE_BYTES_MAX)};
    struct people people;
    RETURN_IF_ERROR(fill(inbox, txn, rule, event, &notice, &people));
    for (size_t i = 0; i < people.count; i++)
        RETURN_IF_ERROR(audit_store_add_notice(txn, people.ids[i], &notice));
    return STATUS_SUCCESS;
}

static struct status learn_owner(struct audit_inbox *inbox, struct store_txn *txn,
                                 const struct audit_event *event)
{
    struct id128 account_id, owner_id, known_id;
    arena_reset(inbox->arena);
    if (!audit_convert_account(event->side.payload, inbox->arena, &account_id, &owner_id))
        return STATUS_SUCCESS;
    RETURN_IF_ERROR(audit_store_get_owner(txn, account_id, &known_id));
    if (!id128_equal(owner_id, known_id)) audit_store_put_owner(txn, account_id, owner_id);
    return STATUS_SUCCESS;
}

// ---- Following -----------------------------------------------------------------------------

static bool wants(void *context, const struct audit_entry *entry)
{
    (void)context;
    return audit_notices_want(entry);
}

static struct status take(void *context, struct store_txn *txn, const struct audit_event *events,
                          size_t count)
{
    struct audit_inbox *inbox = context;
    uint64_t cutoff_ns = cutoff_of(inbox, clock_wall_ns());
    for (size_t i = 0; i < count; i++) {
        const struct audit_entry *entry = &events[i].entry;
        if (audit_notices_tell_owner(entry)) RETURN_IF_ERROR(learn_owner(inbox, txn, &events[i]));
        if (entry->time_ns < cutoff_ns) continue;
        for (size_t k = 0; k < audit_notice_rule_count; k++) {
            const struct audit_notice_rule *rule = &audit_notice_rules[k];
            if (bytes_equal(entry->action, bytes_of_text(rule->action)))
                RETURN_IF_ERROR(apply(inbox, txn, rule, &events[i]));
        }
    }
    return STATUS_SUCCESS;
}

// ---- Clearing away -------------------------------------------------------------------------

struct clearing {
    const struct audit_inbox *inbox;
    uint64_t cutoff_ns;
    struct id128 at; // Of this run of the job.
    size_t dropped;
    bool is_end;
};

// The next id there can be; false behind the last one.
static bool step_on(struct id128 *id)
{
    for (size_t i = ID128_BYTES; i-- > 0;)
        if (++id->bytes[i] != 0) return true;
    return false;
}

static struct status run_clearing(struct store_txn *txn, void *context)
{
    struct clearing *clearing = context;
    clearing->at = clearing->inbox->clear_at;
    clearing->dropped = 0;
    clearing->is_end = false;
    for (size_t i = 0; i < AUDIT_INBOXES_PER_MINUTE && !clearing->is_end; i++) {
        struct id128 user_id;
        size_t dropped;
        clearing->is_end = !audit_store_next_inbox(txn, clearing->at, &user_id);
        if (clearing->is_end) break;
        RETURN_IF_ERROR(audit_store_drop_notices(txn, user_id, clearing->cutoff_ns, &dropped));
        clearing->dropped += dropped;
        clearing->at = user_id;
        clearing->is_end = !step_on(&clearing->at);
    }
    if (clearing->is_end) clearing->at = ID128_NIL;
    return STATUS_SUCCESS;
}

struct status audit_inbox_clear(struct audit_inbox *inbox, uint64_t now_ns, size_t *ret_dropped,
                                bool *ret_end)
{
    struct clearing clearing = {.inbox = inbox, .cutoff_ns = cutoff_of(inbox, now_ns)};
    RETURN_IF_ERROR(store_write_wait(inbox->store, run_clearing, &clearing));
    inbox->clear_at = clearing.at;
    *ret_dropped = clearing.dropped;
    *ret_end = clearing.is_end;
    return STATUS_SUCCESS;
}

static void tend(void *context)
{
    size_t dropped;
    bool is_end;
    struct status status = audit_inbox_clear(context, clock_wall_ns(), &dropped, &is_end);
    if (!status_ok(status))
        log_status(LOG_LEVEL_WARN, "notifications that are too old were not cleared", status);
}

// ---- Life ----------------------------------------------------------------------------------

struct audit_inbox *audit_inbox_open(struct store *store, uint32_t days)
{
    struct audit_inbox *inbox = calloc(1, sizeof *inbox);
    CHECK(inbox != NULL);
    inbox->store = store;
    inbox->kept_ns = days * SECONDS_PER_DAY * NS_PER_SECOND;
    inbox->arena = arena_open(ARENA_BYTES_MAX);
    return inbox;
}

void audit_inbox_close(struct audit_inbox **inbox)
{
    if (*inbox == NULL) return;
    arena_close(&(*inbox)->arena);
    free(*inbox);
    *inbox = NULL;
}

struct audit_follower audit_inbox_follower(struct audit_inbox *inbox)
{
    return (struct audit_follower){.name = AUDIT_INBOX_FOLLOWER,
                                   .wants = wants,
                                   .take = take,
                                   .tend = tend,
                                   .metric_labels = "follower=\"inbox\"",
                                   .context = inbox};
}
